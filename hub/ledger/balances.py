"""Balances: sums over the ledger, and what an invoice's status is called before people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, case, cast, func, select
from sqlalchemy.orm import Session

from hub.models import Invoice, LedgerEntry

OVERDUE_FROM = frozenset(["open", "partially_paid", "failed", "unknown"])


@dataclass(frozen=True, slots=True)
class Balance:
    """One invoice's money in minor units of its currency. paid: received or reported by the provider, before refunds;
    refunded: given back of it (does not reopen the invoice); due: still owed."""

    total: int = 0
    paid: int = 0
    refunded: int = 0
    written_off: int = 0
    due: int = 0


NOTHING = Balance()


def _moved(debit: tuple[str, ...], credit: tuple[str, ...]) -> ColumnElement[int]:
    """The sum that went from the credit accounts to the debit accounts, less what was put back."""
    forth = LedgerEntry.debit_account.in_(debit) & LedgerEntry.credit_account.in_(credit)
    back = LedgerEntry.debit_account.in_(credit) & LedgerEntry.credit_account.in_(debit)
    signed = case((forth, LedgerEntry.amount), (back, -LedgerEntry.amount), else_=0)
    return cast(func.coalesce(func.sum(signed), 0), BigInteger)


_MONEY = ("clearing", "reported")
_NOT_RECEIVABLE = ("revenue", "clearing", "reported", "written_off", "unapplied", "tips", "fees")


def invoice_balances(session: Session, invoice_ids: Collection[int]) -> dict[int, Balance]:
    """Balance per invoice, in one query; an invoice without entries (a draft) has NOTHING."""
    found = session.execute(
        select(
            LedgerEntry.invoice_id,
            _moved(("receivable",), ("revenue",)),
            _moved(_MONEY, ("receivable",)),
            _moved(("revenue",), ("clearing",)),
            _moved(("written_off",), ("receivable",)),
            _moved(("receivable",), _NOT_RECEIVABLE),
        )
        .where(LedgerEntry.invoice_id.in_(list(invoice_ids)))
        .group_by(LedgerEntry.invoice_id)
    )
    balances = {invoice_id: Balance(*sums) for invoice_id, *sums in found}
    return {invoice_id: balances.get(invoice_id, NOTHING) for invoice_id in invoice_ids}


def invoice_due() -> ScalarSelect[int]:
    """What is still owed on the Invoice of the surrounding query, as an expression for filters and lists."""
    return (
        select(_moved(("receivable",), _NOT_RECEIVABLE))
        .where(LedgerEntry.tenant_id == Invoice.tenant_id, LedgerEntry.invoice_id == Invoice.id)
        .correlate(Invoice)
        .scalar_subquery()
    )


def client_dues(session: Session, client_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """What each client still owes on invoices, per currency; clients who never had an issued invoice are absent."""
    found = session.execute(
        select(Invoice.client_id, LedgerEntry.currency, _moved(("receivable",), _NOT_RECEIVABLE))
        .join(Invoice, (Invoice.tenant_id == LedgerEntry.tenant_id) & (Invoice.id == LedgerEntry.invoice_id))
        .where(Invoice.client_id.in_(list(client_ids)))
        .group_by(Invoice.client_id, LedgerEntry.currency)
    )
    dues: dict[int, dict[str, int]] = {}
    for client_id, currency, due in found:
        if client_id is not None:
            dues.setdefault(client_id, {})[currency] = due
    return dues


def account_totals(session: Session) -> dict[tuple[str, str], int]:
    """(account, currency) -> debits less credits over the tenant's whole ledger; per currency they sum to zero."""
    debits = select(LedgerEntry.debit_account.label("account"), LedgerEntry.currency, LedgerEntry.amount)
    credits = select(LedgerEntry.credit_account, LedgerEntry.currency, -LedgerEntry.amount)
    sides = debits.union_all(credits).subquery()
    found = session.execute(
        select(sides.c.account, sides.c.currency, cast(func.sum(sides.c.amount), BigInteger)).group_by(
            sides.c.account, sides.c.currency
        )
    )
    return {(account, currency): total for account, currency, total in found}


def shown_status(status: str, due: int, due_on: date | None, today: date) -> str:
    """The status people see: the provider's, or "overdue" when money is owed after its day. today: in the tenant's zone."""
    if status in OVERDUE_FROM and due > 0 and due_on is not None and due_on < today:
        return "overdue"
    return status
