"""What the ledger should say about invoices and payments, derived from how their rows stand now."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from hub import rowset
from hub.ledger import entries

NOT_ISSUED = ("draft", "scheduled", "void")

# Invoices whose balance may move: those named, those that the payments pay, and those that share a payment with them.
_LOCK_INVOICES = """
WITH named AS (
    SELECT unnest(%(invoice_ids)s::bigint[]) AS id
    UNION SELECT invoice_id FROM allocations WHERE payment_id = ANY(%(payment_ids)s::bigint[])
), payers AS (
    SELECT payment_id FROM allocations WHERE invoice_id IN (SELECT id FROM named)
), affected AS (
    SELECT id FROM named
    UNION SELECT invoice_id FROM allocations WHERE payment_id IN (SELECT payment_id FROM payers)
)
SELECT id FROM invoices WHERE id IN (SELECT id FROM affected) ORDER BY id FOR UPDATE
"""
_LOCK_PAYMENTS = """
WITH affected AS (
    SELECT unnest(%(payment_ids)s::bigint[]) AS id
    UNION SELECT payment_id FROM allocations WHERE invoice_id = ANY(%(invoice_ids)s::bigint[])
)
SELECT id FROM payments WHERE id IN (SELECT id FROM affected) ORDER BY id FOR UPDATE
"""

# A payment fills its invoices one after the other, and an invoice takes from its payments in the order they were made, up to
# its total. Everything is derived from rows, nothing from the order in which they came.
_ALLOCATE = """
WITH pairs AS (
    SELECT a.id, a.payment_id, a.invoice_id, p.paid_at, p.external_id, i.created_at,
           CASE WHEN p.status = 'succeeded' THEN greatest(p.amount - p.tip, 0) ELSE 0 END AS net,
           CASE WHEN i.deleted_at IS NULL AND i.status <> ALL(%(not_issued)s) AND i.currency = p.currency
                THEN i.total ELSE 0 END AS total
    FROM allocations a
    JOIN payments p ON p.tenant_id = a.tenant_id AND p.id = a.payment_id
    JOIN invoices i ON i.tenant_id = a.tenant_id AND i.id = a.invoice_id
    WHERE a.payment_id = ANY(%(payment_ids)s::bigint[])
), shares AS (
    SELECT *, greatest(0, least(total, net - (sum(total) OVER filled - total))) AS share
    FROM pairs WINDOW filled AS (PARTITION BY payment_id ORDER BY created_at, invoice_id)
), capped AS (
    SELECT id, greatest(0, least(share, total - (sum(share) OVER taken - share)))::bigint AS amount
    FROM shares
    WHERE invoice_id = ANY(%(invoice_ids)s::bigint[])
    WINDOW taken AS (PARTITION BY invoice_id ORDER BY paid_at NULLS LAST, external_id, payment_id)
)
UPDATE allocations a SET amount = capped.amount FROM capped WHERE a.id = capped.id AND a.amount <> capped.amount
"""

_DESIRED = """
WITH allocated AS (
    SELECT invoice_id, sum(amount)::bigint AS amount FROM allocations WHERE invoice_id = ANY(%(invoice_ids)s::bigint[])
    GROUP BY invoice_id
), issued AS (
    SELECT i.tenant_id, i.id, i.client_id, i.currency, i.total, i.status, coalesce(i.issued_at, i.created_at) AS at,
           coalesce(a.amount, 0) AS allocated, said.as_of,
           greatest(0, least(i.total, greatest((said.base->>'paid')::bigint, i.total - (said.base->>'due')::bigint, 0))
                       - coalesce(a.amount, 0)) AS reported
    FROM invoices i
    LEFT JOIN allocated a ON a.invoice_id = i.id
    LEFT JOIN integration_data said ON said.tenant_id = i.tenant_id AND said.integration_id = i.integration_id
         AND said.data_type = 'invoice' AND said.local_id = i.id AND said.deleted_at IS NULL
    WHERE i.id = ANY(%(invoice_ids)s::bigint[]) AND i.deleted_at IS NULL AND i.status <> ALL(%(not_issued)s)
), parts AS (
    SELECT p.tenant_id, p.id AS payment_id, p.currency, p.amount AS whole, coalesce(p.paid_at, p.created_at) AS at,
           part.name, part.account, part.amount, part.invoice_id, part.client_id, part.place
    FROM payments p
    CROSS JOIN LATERAL (
        SELECT a.invoice_id::text AS name, 'receivable' AS account, a.amount, a.invoice_id, i.client_id, a.invoice_id AS place
        FROM allocations a JOIN invoices i ON i.tenant_id = a.tenant_id AND i.id = a.invoice_id
        WHERE a.tenant_id = p.tenant_id AND a.payment_id = p.id AND a.amount > 0
        UNION ALL
        SELECT 'unapplied', 'unapplied', greatest(p.amount - p.tip, 0) - coalesce((
            SELECT sum(a.amount)::bigint FROM allocations a WHERE a.tenant_id = p.tenant_id AND a.payment_id = p.id), 0),
            NULL, p.client_id, 9223372036854775806
        UNION ALL
        SELECT 'tip', 'tips', least(p.tip, p.amount), NULL, p.client_id, 9223372036854775807
    ) AS part
    WHERE p.id = ANY(%(payment_ids)s::bigint[]) AND p.status = 'succeeded' AND p.amount > 0
), given_back AS (
    SELECT r.payment_id, r.currency, sum(r.amount)::numeric AS amount, max(coalesce(r.refunded_at, r.created_at)) AS at
    FROM refunds r WHERE r.payment_id = ANY(%(payment_ids)s::bigint[]) AND r.status = 'succeeded'
    GROUP BY r.payment_id, r.currency
), refunded AS (
    SELECT parts.tenant_id, parts.payment_id, parts.currency, parts.name, parts.account, parts.invoice_id, parts.client_id, g.at,
           div(g.amount * sum(parts.amount) OVER up_to_here, whole)
           - div(g.amount * (sum(parts.amount) OVER up_to_here - parts.amount), whole) AS amount
    FROM parts JOIN given_back g USING (payment_id, currency)
    WINDOW up_to_here AS (PARTITION BY parts.payment_id ORDER BY parts.place)
)
SELECT tenant_id, 'invoice:' || id || ':issued', 'receivable', 'revenue', total, currency, at, client_id, id, NULL::bigint
FROM issued
UNION ALL
SELECT tenant_id, 'invoice:' || id || ':reported_paid', 'reported', 'receivable', reported, currency, as_of, client_id, id, NULL
FROM issued WHERE reported > 0
UNION ALL
SELECT tenant_id, 'invoice:' || id || ':written_off', 'written_off', 'receivable', total - allocated - coalesce(reported, 0),
       currency, NULL, client_id, id, NULL
FROM issued WHERE status = 'uncollectible'
UNION ALL
SELECT tenant_id, 'payment:' || payment_id || CASE account WHEN 'receivable' THEN ':allocated:' ELSE ':' END || name,
       'clearing', account, amount, currency, at, client_id, invoice_id, payment_id
FROM parts
UNION ALL
SELECT tenant_id, 'payment:' || payment_id || ':refunded:' || name,
       CASE account WHEN 'receivable' THEN 'revenue' ELSE account END, 'clearing', amount::bigint, currency, at, client_id,
       invoice_id, payment_id
FROM refunded
UNION ALL
SELECT tenant_id, 'payment:' || id || ':fee', 'fees', 'clearing', fee, coalesce(fee_currency, currency),
       coalesce(paid_at, created_at), client_id, NULL, id
FROM payments WHERE id = ANY(%(payment_ids)s::bigint[]) AND status = 'succeeded' AND fee IS NOT NULL
"""
_POSTED = """(payment_id IS NULL AND invoice_id = ANY(%(invoice_ids)s::bigint[]) AND source LIKE 'invoice:%%')
    OR payment_id = ANY(%(payment_ids)s::bigint[])"""


def settle(session: Session, *, invoice_ids: Iterable[int] = (), payment_ids: Iterable[int] = ()) -> int:
    """Bring allocations and ledger in line with these invoices and payments and what hangs together with them; returns the
    number of entries it took (0: nothing had changed). In a tenant session; locks invoices, then payments, in id order.

    A refund takes back revenue and does not reopen the invoice, as at the providers: a refunded invoice is not owed again. What
    a provider says is paid beyond the payments we know is posted as reported, and goes when the payment comes."""
    named = {"invoice_ids": sorted(set(invoice_ids)), "payment_ids": sorted(set(payment_ids))}
    if not named["invoice_ids"] and not named["payment_ids"]:
        return 0
    invoices = [row[0] for row in rowset.execute(session, _LOCK_INVOICES, **named)]
    payments = [row[0] for row in rowset.execute(session, _LOCK_PAYMENTS, invoice_ids=invoices, payment_ids=named["payment_ids"])]
    affected = {"invoice_ids": invoices, "payment_ids": payments, "not_issued": list(NOT_ISSUED)}
    if payments and invoices:
        rowset.execute(session, _ALLOCATE, **affected)
    return entries.post(session, desired=_DESIRED, posted=_POSTED, **affected)
