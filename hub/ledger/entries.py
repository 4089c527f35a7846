"""Ledger entries: append what is missing between what the facts say now and what was posted for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hub import clock, rowset

# Both sides of the comparison are brought to one direction (the account that sorts first is debited), so that a correction
# which swapped the accounts cancels what it corrects.
_POST = """
WITH desired(tenant_id, source, debit_account, credit_account, amount, currency, at, client_id, invoice_id, payment_id) AS (
    {desired}
), posted AS MATERIALIZED (
    {posted}
), both_sides AS (
    SELECT tenant_id, source, least(debit_account, credit_account) AS first_account,
           greatest(debit_account, credit_account) AS second_account,
           CASE WHEN debit_account < credit_account THEN amount ELSE -amount END AS signed,
           currency, client_id, invoice_id, payment_id, at
    FROM desired
    UNION ALL
    SELECT tenant_id, source, least(debit_account, credit_account), greatest(debit_account, credit_account),
           CASE WHEN debit_account < credit_account THEN -amount ELSE amount END,
           currency, client_id, invoice_id, payment_id, NULL
    FROM posted
), difference AS (
    SELECT tenant_id, source, first_account, second_account, sum(signed)::bigint AS signed,
           currency, client_id, invoice_id, payment_id, max(at) AS at
    FROM both_sides
    GROUP BY tenant_id, source, first_account, second_account, currency, client_id, invoice_id, payment_id
    HAVING sum(signed) <> 0
)
INSERT INTO ledger_entries (tenant_id, at, recorded_at, source, debit_account, credit_account, amount, currency,
                            client_id, invoice_id, payment_id)
SELECT tenant_id, coalesce(at, %(now)s), %(now)s, source,
       CASE WHEN signed > 0 THEN first_account ELSE second_account END,
       CASE WHEN signed > 0 THEN second_account ELSE first_account END,
       abs(signed), currency, client_id, invoice_id, payment_id
FROM difference
ORDER BY source
RETURNING id
"""


def post(session: Session, *, desired: str, posted: str, **parameters: Any) -> int:
    """Append the difference between what is `desired` and what is `posted`; returns how many entries that took.

    desired: a SELECT of (tenant_id, source, debit_account, credit_account, amount, currency, at, client_id, invoice_id,
    payment_id), amounts in minor units, possibly several rows of one source; a fact that holds no more is simply absent.
    posted: a SELECT of the ledger_entries of every source that `desired` could ever have named, each entry once. Both may use
    the parameters as %(name)s. The caller holds locks on the rows the facts come from."""
    statement = _POST.format(desired=desired, posted=posted)
    return len(rowset.execute(session, statement, now=clock.now(), **parameters))
