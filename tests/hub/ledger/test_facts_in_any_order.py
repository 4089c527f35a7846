"""The ledger says the same whatever order the facts came in and however often."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.ledger.balances import Balance
from providers.records import InvoiceStatus, PaymentStatus, Record, RefundStatus
from tests.sync.hub_in_process import HubInProcess, build, new_tenant
from tests.sync.records_made import customer, invoice, payment, refund

AMOUNTS = st.integers(0, 5_000)


@st.composite
def facts(draw: st.DrawFn) -> list[Record]:
    """A few invoices, payments and refunds, each with one or two versions of itself."""
    made: list[Record] = [customer("cus_1")]
    for n in range(draw(st.integers(1, 2))):
        total = draw(st.integers(1, 5_000))
        made.append(invoice(f"in_{n}", total=total, customer_id=draw(st.sampled_from([None, "cus_1"]))))
        if draw(st.booleans()):
            status = draw(st.sampled_from([InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE]))
            paid = draw(st.integers(0, total)) if status is not InvoiceStatus.VOID else 0
            made.append(invoice(f"in_{n}", 10, total=total, paid=paid, status=status, customer_id="cus_1"))
    for n in range(draw(st.integers(0, 3))):
        amount = draw(st.integers(1, 5_000))
        names = tuple(draw(st.lists(st.sampled_from(["in_0", "in_1"]), unique=True, max_size=2)))
        tip = draw(st.integers(0, amount))
        common = {"amount": amount, "tip": tip, "invoices": names, "made_at": n}
        made.append(payment(f"pay_{n}", status=draw(st.sampled_from(list(PaymentStatus))), **common))  # type: ignore[arg-type]
        if draw(st.booleans()):
            made.append(payment(f"pay_{n}", 10, fee=draw(AMOUNTS), **common))  # type: ignore[arg-type]
        if draw(st.booleans()):
            part = draw(st.integers(1, amount))
            made.append(refund(f"re_{n}", f"pay_{n}", amount=part, status=draw(st.sampled_from(list(RefundStatus)))))
    return made


def newest_last(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.as_of)


Books = tuple[list[Balance], dict[tuple[str, str], int]]


def books(hub: HubInProcess, records: list[Record]) -> Books:
    """Balances of all invoices and totals of all accounts, once a tenant of its own has been told the records one by one."""
    told = new_tenant(hub.world, hub.provider)
    for record in records:
        told.apply(record)
    invoices = sorted({record.id for record in records if record.id.startswith("in_")})
    return [told.balance(id) for id in invoices], {key: total for key, total in told.totals().items() if total}


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> HubInProcess:
    return build(database_url, tmp_path)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_shuffled_and_repeated_facts_give_the_same_balances(hub: HubInProcess, data: st.DataObject) -> None:
    told = data.draw(facts())
    again = data.draw(st.lists(st.sampled_from(told), max_size=3))
    balances, totals = books(hub, newest_last(told))
    assert (balances, totals) == books(hub, data.draw(st.permutations(told + again)))
    assert all(type(total) is int for total in totals.values())
    assert sum(total for (_, currency), total in totals.items() if currency == "USD") == 0
    for balance in balances:
        assert balance.due == balance.total - balance.paid - balance.written_off
        assert balance.due >= 0
