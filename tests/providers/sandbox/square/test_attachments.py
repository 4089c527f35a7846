"""Files on invoices, and money that sellers note by hand."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error


def attach(shop: Shop, invoice: dict[str, Any], content: bytes = b"%PDF", mime: str = "application/pdf", **fields: str) -> Any:
    return shop.sdk.invoices.create_invoice_attachment(
        invoice["id"],
        image_file=("terms.pdf", content, mime),
        request=fields,
        request_options=NO_RETRIES,  # type: ignore[arg-type]
    ).attachment


def test_attached_file_is_hashed_counted_and_removed(shop: Shop) -> None:
    invoice = shop.draft()
    made = attach(shop, invoice, description="Terms")
    assert (made.filename, made.filesize, made.description) == ("terms.pdf", 4, "Terms")
    assert made.hash == "bfa4b10a76324b166cfdad5e02a63730"
    known = shop.read_invoice(invoice["id"])
    assert ([part["id"] for part in known["attachments"]], known["version"]) == ([made.id], 1)
    assert shop.api.delete(f"/v2/invoices/{invoice['id']}/attachments/{made.id}").json() == {}
    assert "attachments" not in shop.read_invoice(invoice["id"])


def test_same_key_attaches_once(shop: Shop) -> None:
    invoice = shop.draft()
    assert len({attach(shop, invoice, idempotency_key="k").id for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("content", "mime", "code"),
    [(b"x" * 1_025, "application/pdf", "BAD_REQUEST"), (b"x", "text/plain", "UNSUPPORTED_MEDIA_TYPE")],
)
def test_large_and_strange_files_are_refused(shop: Shop, content: bytes, mime: str, code: str) -> None:
    invoice = shop.draft()
    parts = {"request": (None, "{}", "application/json"), "image_file": ("a", content, mime)}
    refused = shop.api.post(f"/v2/invoices/{invoice['id']}/attachments", files=parts)
    assert only_error(refused, 400)["code"] == code
    assert shop.read_invoice(invoice["id"])["version"] == 0


def test_paid_invoice_takes_no_files(shop: Shop) -> None:
    invoice = shop.invoice(1_000)
    shop.pay_page(invoice)
    parts = {"request": (None, "{}", "application/json"), "image_file": ("a.png", b"x", "image/png")}
    assert only_error(shop.api.post(f"/v2/invoices/{invoice['id']}/attachments", files=parts), 400)["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(("method", "source_type"), [("CASH", "CASH"), ("CHECK", "EXTERNAL"), ("OTHER", "EXTERNAL")])
def test_money_noted_by_hand_pays_without_a_card(shop: Shop, method: str, source_type: str) -> None:
    invoice = shop.invoice(1_000)
    half = shop.act("invoice_record_payment", invoice_id=invoice["id"], amount=400, method=method)
    assert half["invoice"]["status"] == "PARTIALLY_PAID"
    rest = shop.act("invoice_record_payment", invoice_id=invoice["id"], method=method)
    assert (rest["invoice"]["status"], rest["payment"]["source_type"]) == ("PAID", source_type)
    assert "card_details" not in rest["payment"]
