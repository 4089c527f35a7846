"""Invoice numbers: unique per tenant, by the tenant's pattern, never used twice."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import clock
from hub.models import Invoice, Tenant

NUMBER_MAX_CHARS = 40


class WrongPattern(ValueError):
    """An invoice number pattern that cannot give unique numbers; the text says why."""


def check_pattern(pattern: str) -> None:
    """Raise WrongPattern unless `pattern` is text with {seq} (or {seq:05}) and at most {year} besides."""
    try:
        first, second = pattern.format(year=2000, seq=1), pattern.format(year=2000, seq=2)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise WrongPattern("The pattern may hold {year} and {seq} (or {seq:05}), and no other braces.") from error
    if first == second:
        raise WrongPattern("The pattern must hold {seq}, or every invoice would get the same number.")
    if len(first) > NUMBER_MAX_CHARS:
        raise WrongPattern(f"The pattern makes numbers longer than {NUMBER_MAX_CHARS} characters.")


def assign(session: Session, tenant_id: int, wanted: Sequence[str | None]) -> list[str]:
    """A number for each new invoice: the wanted one (the provider's, which its payer knows) if it is free, else the next of the
    tenant's pattern. Locks the tenant until commit, so that two invoices never get the same one."""
    tenant = session.scalars(select(Tenant).where(Tenant.id == tenant_id).with_for_update()).one()
    asked = [number for number in wanted if number]
    taken = set(session.scalars(select(Invoice.number).where(Invoice.number.in_(asked)))) if asked else set()
    numbers: list[str] = []
    for number in wanted:
        chosen = number if number and number not in taken else _next(session, tenant, taken)
        taken.add(chosen)
        numbers.append(chosen)
    session.flush()
    return numbers


def _next(session: Session, tenant: Tenant, taken: set[str]) -> str:
    year = clock.now().astimezone(ZoneInfo(tenant.timezone)).year
    while True:
        number = tenant.invoice_number_pattern.format(year=year, seq=tenant.next_invoice_seq)
        tenant.next_invoice_seq += 1
        if number not in taken and not session.scalar(select(Invoice.id).where(Invoice.number == number)):
            return number
