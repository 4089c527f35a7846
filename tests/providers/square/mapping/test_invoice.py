from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.records import InvoiceStatus, Line, Money
from providers.square.mapping.invoice import invoice, lines, order_content

AS_OF = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


# Shape: Square docs, PublishInvoice.
INVOICE: dict[str, Any] = {
    "id": "inv:0-ChCHu2mZEabLeeHahQnXDjZQECY",
    "version": 1,
    "location_id": "ES0RJRZYEC39A",
    "order_id": "CAISENgvlJ6jLWAzERDzjyHVybY",
    "payment_requests": [
        {
            "uid": "2da7964f-f3d2-4f43-81e8-5aa220bf3355",
            "request_type": "BALANCE",
            "due_date": "2030-01-24",
            "tipping_enabled": True,
            "computed_amount_money": usd(10000),
            "total_completed_amount_money": usd(2500),
            "automatic_payment_source": "NONE",
        }
    ],
    "invoice_number": "inv-100",
    "title": "Event Planning Services",
    "description": "We appreciate your business!",
    "status": "PARTIALLY_PAID",
    "timezone": "America/Los_Angeles",
    "created_at": "2030-01-13T17:45:13Z",
    "updated_at": "2030-01-13T21:24:10Z",
    "primary_recipient": {"customer_id": "JDKYHBWT1D4F8MFH63DBMEN8Y4", "given_name": "Amelia"},
    "public_url": "https://squareup.com/pay-invoice/invtmp:5e22a2c2",
    "next_payment_amount_money": usd(7500),
    "delivery_method": "EMAIL",
}
ORDER: dict[str, Any] = {
    "id": "CAISENgvlJ6jLWAzERDzjyHVybY",
    "location_id": "ES0RJRZYEC39A",
    "reference_id": "invoice-9",
    "version": 2,
    "line_items": [
        {
            "uid": "a",
            "name": "Planning",
            "quantity": "2",
            "base_price_money": usd(5000),
            "gross_sales_money": usd(10000),
            "total_discount_money": usd(500),
            "total_money": usd(9500),
        },
        {"uid": "b", "name": "Chairs", "quantity": "1.5", "base_price_money": usd(333)},
    ],
    "discounts": [{"uid": "d", "name": "Friends", "applied_money": usd(500)}],
    "service_charges": [{"uid": "s", "name": "Delivery", "applied_money": usd(100)}],
    "total_money": usd(10100),
}


def test_published_invoice_with_its_order_maps_to_a_whole_record() -> None:
    record = invoice(INVOICE, ORDER, as_of=AS_OF)
    assert (record.total, record.paid, record.due) == (Money(10000, "USD"), Money(2500, "USD"), Money(7500, "USD"))
    assert (record.status, record.number, record.version) == (InvoiceStatus.PARTIALLY_PAID, "inv-100", "1")
    assert record.due_on == date(2030, 1, 24)
    assert (record.customer_id, record.order_id, record.reference) == (
        "JDKYHBWT1D4F8MFH63DBMEN8Y4",
        "CAISENgvlJ6jLWAzERDzjyHVybY",
        "invoice-9",
    )
    assert record.pay_url == "https://squareup.com/pay-invoice/invtmp:5e22a2c2"
    assert record.description == "We appreciate your business!"
    assert record.raw == {"invoice": INVOICE, "order": ORDER}


def test_order_lines_come_before_discounts_and_add_up() -> None:
    assert lines(ORDER) == (
        Line(
            description="Planning",
            amount=Money(10000, "USD"),
            quantity="2",
            unit_amount=Money(5000, "USD"),
            discount=Money(500, "USD"),
        ),
        Line(description="Chairs", amount=Money(500, "USD"), quantity="1.5", unit_amount=Money(333, "USD")),
        Line(description="Delivery", amount=Money(100, "USD"), unit_amount=Money(100, "USD")),
        Line(description="Friends", amount=Money(-500, "USD"), unit_amount=Money(-500, "USD")),
    )
    assert sum(line.amount.minor_units for line in lines(ORDER)) == ORDER["total_money"]["amount"]


def test_invoice_without_its_order_has_amounts_but_no_lines() -> None:
    record = invoice(INVOICE, None, as_of=AS_OF)
    assert (record.total, record.lines, record.reference) == (Money(10000, "USD"), (), None)


def test_paid_more_than_the_total_by_a_tip_leaves_nothing_due() -> None:
    request = {**INVOICE["payment_requests"][0], "total_completed_amount_money": usd(10800)}
    record = invoice({**INVOICE, "payment_requests": [request], "status": "PAID"}, ORDER, as_of=AS_OF)
    assert (record.paid, record.due) == (Money(10800, "USD"), Money(0, "USD"))


def test_nobody_owes_anything_on_a_canceled_invoice() -> None:
    assert invoice({**INVOICE, "status": "CANCELED"}, ORDER, as_of=AS_OF).due == Money(0, "USD")


def test_due_day_of_instalments_is_that_of_the_last() -> None:
    def part(day: str, paid: int) -> dict[str, Any]:
        return {"due_date": day, "computed_amount_money": usd(100), "total_completed_amount_money": usd(paid)}

    requests = [part("2030-01-01", 100), part("2030-02-01", 0), part("2030-03-01", 0)]
    record = invoice({**INVOICE, "payment_requests": requests}, None, as_of=AS_OF)
    assert (record.due_on, record.total.minor_units, record.due.minor_units) == (date(2030, 3, 1), 300, 200)
    done = invoice({**INVOICE, "payment_requests": [part("2030-01-01", 100), part("2030-02-01", 100)]}, None, as_of=AS_OF)
    assert done.due_on == date(2030, 2, 1)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("DRAFT", InvoiceStatus.DRAFT),
        ("SCHEDULED", InvoiceStatus.SCHEDULED),
        ("UNPAID", InvoiceStatus.OPEN),
        ("PAYMENT_PENDING", InvoiceStatus.PENDING),
        ("PAID", InvoiceStatus.PAID),
        ("PARTIALLY_REFUNDED", InvoiceStatus.PARTIALLY_REFUNDED),
        ("REFUNDED", InvoiceStatus.REFUNDED),
        ("CANCELED", InvoiceStatus.VOID),
        ("FAILED", InvoiceStatus.FAILED),
        ("ON_THE_MOON", InvoiceStatus.UNKNOWN),
    ],
)
def test_status_words_are_ours_and_new_ones_are_unknown(word: str, status: InvoiceStatus) -> None:
    assert invoice({**INVOICE, "status": word}, None, as_of=AS_OF).status is status


def test_invoice_of_only_an_id_maps_without_error() -> None:
    record = invoice({"id": "inv:0-1"}, None, as_of=AS_OF)
    assert (record.status, record.total, record.due_on) == (InvoiceStatus.UNKNOWN, Money(0, "XXX"), None)


def test_yen_are_counted_whole() -> None:
    request = {"computed_amount_money": {"amount": 1999, "currency": "JPY"}}
    assert invoice({"id": "inv:0-1", "payment_requests": [request]}, None, as_of=AS_OF).total == Money(1999, "JPY")


def test_line_whose_quantity_does_not_give_its_amount_is_sent_as_one() -> None:
    line = Line(description="Odd", amount=Money(1000, "USD"), quantity="3", unit_amount=Money(333, "USD"))
    assert order_content([line]) == {"line_items": [{"name": "Odd", "quantity": "1", "base_price_money": usd(1000)}]}


@given(
    st.lists(
        st.builds(
            Line,
            description=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40),
            amount=st.builds(Money, st.integers(-(10**9), 10**9).filter(bool), st.just("EUR")),
        ),
        max_size=6,
    )
)
def test_lines_sent_and_read_back_are_the_same_but_for_order(sent: list[Line]) -> None:
    content = order_content(sent)
    assert all(item["base_price_money"]["amount"] > 0 for item in content["line_items"])
    back = lines(content)
    key = [(line.description, line.amount) for line in back]
    wanted = [(line.description, line.amount) for line in sent]
    assert sorted(key, key=repr) == sorted(wanted, key=repr)
