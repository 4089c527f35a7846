"""What the ledger should say about invoices and payments, derived from how their rows stand now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy.orm import Session

from hub import rowset
from hub.ledger import entries

NOT_ISSUED = ("draft", "scheduled", "void")

# Every table is reached through its key, id by id (OFFSET 0 keeps the planner from turning that into a join): tables that have
# just been filled and that nobody has analysed yet were scanned otherwise, and a page took seconds instead of milliseconds.
_INVOICES_OF = """
SELECT DISTINCT a.invoice_id FROM unnest(%(ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT invoice_id FROM allocations WHERE payment_id = wanted.id OFFSET 0) a
"""
_PAYMENTS_OF = """
SELECT DISTINCT a.payment_id FROM unnest(%(ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT payment_id FROM allocations WHERE invoice_id = wanted.id OFFSET 0) a
"""
_LOCK_INVOICES = """
SELECT i.id FROM unnest(%(ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT id FROM invoices WHERE id = wanted.id FOR UPDATE) i
"""
_LOCK_PAYMENTS = """
SELECT p.id FROM unnest(%(ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT id FROM payments WHERE id = wanted.id FOR UPDATE) p
"""

# A payment fills its invoices one after the other, and an invoice takes from its payments in the order they were made, up to
# its total. Everything is derived from rows, nothing from the order in which they came.
_ALLOCATE = """
WITH named AS MATERIALIZED (
    SELECT a.* FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (SELECT id, payment_id, invoice_id FROM allocations WHERE payment_id = wanted.id OFFSET 0) a
), payers AS MATERIALIZED (
    SELECT p.* FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT id, status, amount, tip, currency, paid_at, external_id FROM payments WHERE id = wanted.id OFFSET 0) p
), paid AS MATERIALIZED (
    SELECT i.* FROM unnest(%(all_invoice_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT id, status, total, currency, deleted_at, created_at, (
            SELECT min(external_id) FROM integration_data WHERE data_type = 'invoice' AND local_id = wanted.id) AS name
        FROM invoices WHERE id = wanted.id OFFSET 0) i
), pairs AS (
    SELECT a.id, a.payment_id, a.invoice_id, p.paid_at, p.external_id, i.created_at, i.name,
           CASE WHEN p.status = 'succeeded' THEN greatest(p.amount - p.tip, 0) ELSE 0 END AS net,
           CASE WHEN i.deleted_at IS NULL AND i.status <> ALL(%(not_issued)s) AND i.currency = p.currency
                THEN i.total ELSE 0 END AS total
    FROM named a JOIN payers p ON p.id = a.payment_id JOIN paid i ON i.id = a.invoice_id
), shares AS (
    SELECT *, greatest(0, least(total, net - (sum(total) OVER filled - total))) AS share
    FROM pairs WINDOW filled AS (PARTITION BY payment_id ORDER BY created_at, name COLLATE "C", invoice_id)
), capped AS (
    SELECT payment_id, invoice_id, greatest(0, least(share, total - (sum(share) OVER taken - share)))::bigint AS amount
    FROM shares
    WHERE invoice_id = ANY(%(invoice_ids)s::bigint[])
    WINDOW taken AS (PARTITION BY invoice_id ORDER BY paid_at NULLS LAST, external_id, payment_id)
)
UPDATE allocations a SET amount = capped.amount FROM capped
WHERE a.payment_id = capped.payment_id AND a.invoice_id = capped.invoice_id AND a.amount <> capped.amount
"""

_DESIRED = """
WITH allocated AS (
    SELECT wanted.id AS invoice_id, a.amount FROM unnest(%(invoice_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT sum(amount)::bigint AS amount FROM allocations WHERE invoice_id = wanted.id OFFSET 0) a
), said AS MATERIALIZED (
    SELECT d.* FROM unnest(%(invoice_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT local_id, integration_id, as_of, (base->>'paid')::bigint AS paid, (base->>'due')::bigint AS due
        FROM integration_data WHERE data_type = 'invoice' AND local_id = wanted.id AND deleted_at IS NULL OFFSET 0) d
), present AS MATERIALIZED (
    SELECT i.* FROM unnest(%(invoice_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT tenant_id, id, integration_id, client_id, currency, total, status, coalesce(issued_at, created_at) AS at
        FROM invoices WHERE id = wanted.id AND deleted_at IS NULL AND status <> ALL(%(not_issued)s) OFFSET 0) i
), issued AS (
    SELECT i.tenant_id, i.id, i.client_id, i.currency, i.total, i.status, i.at,
           coalesce(a.amount, 0) AS allocated, said.as_of,
           greatest(0, least(i.total, greatest(said.paid, i.total - said.due, 0))
                       - coalesce(a.amount, 0)) AS reported
    FROM present i
    LEFT JOIN allocated a ON a.invoice_id = i.id
    LEFT JOIN said ON said.local_id = i.id AND said.integration_id = i.integration_id
), paid AS MATERIALIZED (
    SELECT p.* FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT tenant_id, id, client_id, amount, least(tip, amount) AS tip, currency, coalesce(paid_at, created_at) AS at,
               fee, coalesce(fee_currency, currency) AS fee_currency
        FROM payments WHERE id = wanted.id AND status = 'succeeded' AND amount > 0 OFFSET 0) p
), shares AS MATERIALIZED (
    SELECT a.* FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT payment_id, invoice_id, amount FROM allocations WHERE payment_id = wanted.id AND amount > 0 OFFSET 0) a
), owners AS MATERIALIZED (
    SELECT i.* FROM unnest(%(all_invoice_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT id, client_id, (
            SELECT min(external_id) FROM integration_data WHERE data_type = 'invoice' AND local_id = wanted.id) AS name
        FROM invoices WHERE id = wanted.id OFFSET 0) i
), split AS (
    SELECT p.id AS payment_id, s.invoice_id::text AS name, 'receivable' AS account, s.amount, s.invoice_id, o.client_id,
           coalesce(o.name, '') || ':' || s.invoice_id AS place
    FROM paid p JOIN shares s ON s.payment_id = p.id JOIN owners o ON o.id = s.invoice_id
    UNION ALL
    SELECT p.id, 'unapplied', 'unapplied', p.amount - p.tip - coalesce(s.amount, 0), NULL, p.client_id, '~1'
    FROM paid p LEFT JOIN (SELECT payment_id, sum(amount)::bigint AS amount FROM shares GROUP BY payment_id) s
         ON s.payment_id = p.id
    UNION ALL
    SELECT id, 'tip', 'tips', tip, NULL, client_id, '~2' FROM paid
), parts AS (
    SELECT p.tenant_id, p.currency, p.amount AS whole, p.at, split.* FROM split JOIN paid p ON p.id = split.payment_id
    WHERE split.amount > 0
), given_back AS (
    SELECT r.payment_id, r.currency, sum(r.amount)::numeric AS amount, max(coalesce(r.refunded_at, r.created_at)) AS at
    FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT payment_id, currency, amount, refunded_at, created_at FROM refunds
        WHERE payment_id = wanted.id AND status = 'succeeded' OFFSET 0) r
    GROUP BY r.payment_id, r.currency
), refunded AS (
    SELECT parts.tenant_id, parts.payment_id, parts.currency, parts.name, parts.account, parts.invoice_id, parts.client_id, g.at,
           div(g.amount * sum(parts.amount) OVER up_to_here, whole)
           - div(g.amount * (sum(parts.amount) OVER up_to_here - parts.amount), whole) AS amount
    FROM parts JOIN given_back g USING (payment_id, currency)
    WINDOW up_to_here AS (PARTITION BY parts.payment_id ORDER BY parts.place COLLATE "C")
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
SELECT tenant_id, 'payment:' || id || ':fee', 'fees', 'clearing', fee, fee_currency, at, client_id, NULL, id
FROM paid WHERE fee IS NOT NULL
"""
_POSTED = """
SELECT e.* FROM unnest(%(invoice_ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT * FROM ledger_entries WHERE invoice_id = wanted.id AND payment_id IS NULL AND source LIKE 'invoice:%%' OFFSET 0) e
UNION ALL
SELECT e.* FROM unnest(%(payment_ids)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT * FROM ledger_entries WHERE payment_id = wanted.id OFFSET 0) e
"""


def settle(session: Session, *, invoice_ids: Iterable[int] = (), payment_ids: Iterable[int] = ()) -> int:
    """Bring allocations and ledger in line with these invoices and payments and what hangs together with them; returns the
    number of entries it took (0: nothing had changed). In a tenant session; locks invoices, then payments, in id order.

    A refund takes back revenue and does not reopen the invoice, as at the providers: a refunded invoice is not owed again. What
    a provider says is paid beyond the payments we know is posted as reported, and goes when the payment comes."""
    invoices, payments = set(invoice_ids), set(payment_ids)
    if not invoices and not payments:
        return 0
    invoices |= _ids(session, _INVOICES_OF, payments)
    invoices |= _ids(session, _INVOICES_OF, _ids(session, _PAYMENTS_OF, invoices))
    invoices = _ids(session, _LOCK_INVOICES, invoices)
    payments = _ids(session, _LOCK_PAYMENTS, payments | _ids(session, _PAYMENTS_OF, invoices))
    affected = {
        "invoice_ids": sorted(invoices),
        "payment_ids": sorted(payments),
        "all_invoice_ids": sorted(invoices | _ids(session, _INVOICES_OF, payments)),
        "not_issued": list(NOT_ISSUED),
    }
    if payments and invoices:
        rowset.execute(session, _ALLOCATE, **affected)
    return entries.post(session, desired=_DESIRED, posted=_POSTED, **affected)


def _ids(session: Session, statement: str, ids: Collection[int]) -> set[int]:
    return {row[0] for row in rowset.execute(session, statement, ids=sorted(ids))} if ids else set()
