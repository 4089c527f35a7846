"""Products, prices, discounts, taxes, credit notes and customer balances of the Stripe twin."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform


def draft(platform: Platform, *amounts: int, **params: Any) -> Any:
    """A draft with one line per amount."""
    wanted = {"customer": platform.customer().id, "collection_method": "send_invoice", "days_until_due": 7, "currency": "usd"}
    invoice = platform.v1.invoices.create({**wanted, **params}, platform.as_bakery)
    if not amounts:
        return invoice
    lines = [{"amount": amount, "description": "Work"} for amount in amounts]
    return platform.v1.invoices.add_lines(invoice.id, {"lines": lines}, platform.as_bakery)


def test_price_is_made_once_and_only_archived_later(platform: Platform) -> None:
    price = platform.price(1999, None, lookup_key="cake", metadata={"a": "1"})
    changed = platform.v1.prices.update(price.id, {"active": False, "nickname": "old"}, platform.as_bakery)
    assert (changed.unit_amount, changed.active, changed.nickname) == (1999, False, "old")
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.prices.update(price.id, {"unit_amount": 5}, platform.as_bakery)
    assert platform.v1.prices.list({"active": True}, platform.as_bakery).data == []
    assert platform.v1.prices.list({"lookup_keys": ["cake"]}, platform.as_bakery).data[0].id == price.id


def test_lookup_key_moves_only_on_request(platform: Platform) -> None:
    first = platform.price(lookup_key="basic")
    with pytest.raises(stripe.InvalidRequestError, match="transfer_lookup_key"):
        platform.price(lookup_key="basic")
    platform.price(lookup_key="basic", transfer_lookup_key=True)
    assert platform.v1.prices.retrieve(first.id, {}, platform.as_bakery).lookup_key is None


def test_product_with_prices_cannot_be_deleted(platform: Platform) -> None:
    product = platform.v1.products.create(
        {"name": "Tea", "default_price_data": {"currency": "usd", "unit_amount": 300}}, platform.as_bakery
    )
    expanded = platform.v1.products.retrieve(product.id, {"expand": ["default_price"]}, platform.as_bakery)
    assert expanded.default_price.unit_amount == 300
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.products.delete(product.id, {}, platform.as_bakery)
    bare = platform.v1.products.create({"name": "Jam"}, platform.as_bakery)
    assert platform.v1.products.delete(bare.id, {}, platform.as_bakery).deleted
    assert platform.v1.products.list({"active": True}, platform.as_bakery).data[0].id == product.id


def test_invoice_item_by_price_takes_its_amount_and_name(platform: Platform) -> None:
    price = platform.price(250, None, name="Bun")
    invoice = draft(platform)
    item = {"customer": invoice.customer, "invoice": invoice.id, "pricing": {"price": price.id}, "quantity": 4}
    made = platform.v1.invoice_items.create(item, platform.as_bakery)
    assert (made.amount, made.description, made.pricing.price_details.price) == (1000, "Bun", price.id)


def test_percent_coupon_and_exclusive_tax_are_shown_line_by_line(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"percent_off": 25, "duration": "once"}, platform.as_bakery)
    rate = platform.v1.tax_rates.create({"display_name": "VAT", "percentage": "20", "inclusive": False}, platform.as_bakery)
    invoice = draft(platform, 4000, 1000, discounts=[{"coupon": coupon.id}], default_tax_rates=[rate.id])
    assert (invoice.subtotal, invoice.total_excluding_tax, invoice.total, invoice.amount_due) == (5000, 3750, 4500, 4500)
    assert [line.discount_amounts[0].amount for line in invoice.lines.data] == [1000, 250]
    assert [line.taxes[0].amount for line in invoice.lines.data] == [600, 150]
    assert (invoice.total_taxes[0].amount, invoice.total_taxes[0].tax_rate_details.tax_rate) == (750, rate.id)
    assert invoice.total_discount_amounts[0].discount == invoice.discounts[0]
    shown = platform.invoice(invoice.id, "discounts.source.coupon")
    assert shown.discounts[0].source.coupon.percent_off == 25


def test_inclusive_tax_does_not_raise_the_total(platform: Platform) -> None:
    rate = platform.v1.tax_rates.create({"display_name": "VAT", "percentage": "19", "inclusive": True}, platform.as_bakery)
    invoice = draft(platform, 11900, default_tax_rates=[rate.id])
    assert (invoice.total, invoice.total_excluding_tax, invoice.total_taxes[0].amount) == (11900, 10000, 1900)


def test_fixed_coupon_is_shared_out_to_the_cent(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"amount_off": 100, "currency": "usd", "duration": "once"}, platform.as_bakery)
    invoice = draft(platform, 1000, 1000, 1000, discounts=[{"coupon": coupon.id}])
    assert sum(line.discount_amounts[0].amount for line in invoice.lines.data) == 100
    assert invoice.total == 2900


def test_discount_on_one_line_leaves_the_others(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"percent_off": 50, "duration": "once"}, platform.as_bakery)
    invoice = draft(platform, 1000)
    lines = [{"amount": 600, "description": "Cheap", "discounts": [{"coupon": coupon.id}]}]
    changed = platform.v1.invoices.add_lines(invoice.id, {"lines": lines}, platform.as_bakery)
    assert (changed.subtotal, changed.total) == (1600, 1300)


def test_automatic_tax_needs_an_address(platform: Platform) -> None:
    without = draft(platform, 1000, automatic_tax={"enabled": True})
    assert (without.automatic_tax.status, without.total) == ("requires_location_inputs", 1000)
    located = platform.customer(address={"line1": "1 Road", "city": "Springfield", "country": "US", "postal_code": "62701"})
    taxed = draft(platform, 1000, automatic_tax={"enabled": True}, customer=located.id)
    assert (taxed.automatic_tax.status, taxed.total, taxed.total_taxes[0].amount) == ("complete", 1100, 100)


def test_coupon_ends_with_its_last_redemption(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"percent_off": 10, "duration": "once", "max_redemptions": 1}, platform.as_bakery)
    draft(platform, 1000, discounts=[{"coupon": coupon.id}])
    with pytest.raises(stripe.InvalidRequestError) as refused:
        draft(platform, 1000, discounts=[{"coupon": coupon.id}])
    assert refused.value.code == "coupon_expired"


def test_credit_note_lowers_an_open_invoice_and_the_rest_is_payable(platform: Platform) -> None:
    invoice = platform.open_invoice(5000)
    note = platform.v1.credit_notes.create({"invoice": invoice.id, "amount": 2000, "reason": "order_change"}, platform.as_bakery)
    assert (note.type, note.total, note.status) == ("pre_payment", 2000, "issued")
    assert platform.invoice(invoice.id).amount_remaining == 3000
    platform.pay_page(invoice)
    paid = platform.invoice(invoice.id)
    assert (paid.status, paid.amount_paid, paid.pre_payment_credit_notes_amount) == ("paid", 3000, 2000)
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.credit_notes.void_credit_note(note.id, {}, platform.as_bakery)


def test_whole_credit_closes_the_invoice_and_voiding_one_opens_it_again(platform: Platform) -> None:
    whole = platform.open_invoice(5000)
    platform.v1.credit_notes.create({"invoice": whole.id, "amount": 5000}, platform.as_bakery)
    assert platform.invoice(whole.id).status == "paid"
    part = platform.open_invoice(5000)
    note = platform.v1.credit_notes.create({"invoice": part.id, "amount": 1000}, platform.as_bakery)
    platform.v1.credit_notes.void_credit_note(note.id, {}, platform.as_bakery)
    assert platform.invoice(part.id).amount_remaining == 5000
    assert platform.event_types("credit_note.*") == ["credit_note.created", "credit_note.created", "credit_note.voided"]


def test_credit_note_of_a_paid_invoice_refunds_and_credits(platform: Platform) -> None:
    invoice = platform.open_invoice(5000)
    platform.pay_page(invoice)
    params = {"invoice": invoice.id, "amount": 3000, "refund_amount": 2000, "credit_amount": 1000}
    note = platform.v1.credit_notes.create(params, platform.as_bakery)
    assert (note.type, note.refunds[0].amount_refunded) == ("post_payment", 2000)
    customer = platform.v1.customers.retrieve(invoice.customer, {}, platform.as_bakery)
    assert customer.balance == -1000
    rows = platform.v1.customers.balance_transactions.list(customer.id, {}, platform.as_bakery).data
    assert [(row.type, row.amount, row.credit_note) for row in rows] == [("credit_note", -1000, note.id)]
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.credit_notes.create({"invoice": invoice.id, "amount": 4000, "refund_amount": 4000}, platform.as_bakery)


def test_credit_of_a_customer_pays_the_next_invoice(platform: Platform) -> None:
    customer = platform.customer()
    platform.v1.customers.balance_transactions.create(customer.id, {"amount": -700, "currency": "usd"}, platform.as_bakery)
    invoice = draft(platform, 1000, customer=customer.id)
    opened = platform.v1.invoices.finalize_invoice(invoice.id, {}, platform.as_bakery)
    assert (opened.starting_balance, opened.ending_balance, opened.amount_due) == (-700, 0, 300)


def test_preview_stores_nothing(platform: Platform) -> None:
    customer = platform.customer()
    items = [{"amount": 800, "currency": "usd", "description": "Idea"}]
    preview = platform.v1.invoices.create_preview({"customer": customer.id, "invoice_items": items}, platform.as_bakery)
    assert (preview.total, preview.id.startswith("upcoming_in")) == (800, True)
    assert platform.v1.invoices.list({}, platform.as_bakery).data == []


def test_preview_of_a_subscription_is_its_next_period(platform: Platform) -> None:
    subscription = platform.subscribe(amount=1500)
    preview = platform.v1.invoices.create_preview({"subscription": subscription.id}, platform.as_bakery)
    assert (preview.total, preview.period_end) == (1500, subscription["items"].data[0].current_period_end)


def test_several_lines_are_changed_at_once(platform: Platform) -> None:
    invoice = draft(platform, 1000, 2000)
    first, second = invoice.lines.data
    lines = [{"id": first.id, "amount": 1100}, {"id": second.id, "description": "Better work"}]
    changed = platform.v1.invoices.update_lines(invoice.id, {"lines": lines}, platform.as_bakery)
    assert (changed.total, changed.lines.data[1].description) == (3100, "Better work")


def test_catalog_objects_emit_events(platform: Platform) -> None:
    product = platform.v1.products.create({"name": "Tea"}, platform.as_bakery)
    platform.v1.products.update(product.id, {"name": "Green tea"}, platform.as_bakery)
    price = platform.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 5}, platform.as_bakery)
    platform.v1.prices.update(price.id, {"active": False}, platform.as_bakery)
    assert platform.event_types("product.*") == ["product.created", "product.updated"]
    assert platform.event_types("price.*") == ["price.created", "price.updated"]


def reported(platform: Platform, amount: int, **params: Any) -> Any:
    """Cash that was taken elsewhere."""
    wanted = {
        "amount_requested": {"currency": "usd", "value": amount},
        "initiated_at": 1_700_000_000,
        "payment_method_details": {"type": "custom", "custom": {"display_name": "Cash"}},
        "outcome": "guaranteed",
        "guaranteed": {"guaranteed_at": 1_700_000_000},
    }
    return platform.v1.payment_records.report_payment({**wanted, **params}, platform.as_bakery)


def test_money_reported_from_elsewhere_pays_part_and_then_all(platform: Platform) -> None:
    invoice = platform.open_invoice(5000)
    part = platform.v1.invoices.attach_payment(invoice.id, {"payment_record": reported(platform, 2000).id}, platform.as_bakery)
    assert (part.status, part.amount_remaining, part.amount_paid_off_stripe) == ("open", 3000, 2000)
    done = platform.v1.invoices.attach_payment(invoice.id, {"payment_record": reported(platform, 3000).id}, platform.as_bakery)
    assert (done.status, done.amount_paid, done.amount_paid_off_stripe) == ("paid", 5000, 5000)
    paid = platform.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid"}, platform.as_bakery).data
    assert [row.payment.type for row in paid] == ["payment_record", "payment_record"]
    assert "invoice.payment_succeeded" not in platform.event_types("invoice.*")
    assert platform.event_types("invoice_payment.*") == ["invoice_payment.paid", "invoice_payment.paid"]


def test_record_pays_one_invoice_only_and_a_failed_one_none(platform: Platform) -> None:
    first, second = platform.open_invoice(5000), platform.open_invoice(5000)
    record = reported(platform, 1000)
    platform.v1.invoices.attach_payment(first.id, {"payment_record": record.id}, platform.as_bakery)
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        platform.v1.invoices.attach_payment(second.id, {"payment_record": record.id}, platform.as_bakery)
    failed = reported(platform, 1000, outcome="failed", failed={"failed_at": 1_700_000_000}, guaranteed=None)
    after = platform.v1.invoices.attach_payment(second.id, {"payment_record": failed.id}, platform.as_bakery)
    assert after.amount_remaining == 5000


def test_tax_id_of_a_customer_is_printed_on_the_invoice(platform: Platform) -> None:
    customer = platform.customer()
    made = platform.v1.customers.tax_ids.create(customer.id, {"type": "eu_vat", "value": "DE123456789"}, platform.as_bakery)
    assert made.country == "DE"
    invoice = draft(platform, 1000, customer=customer.id)
    opened = platform.v1.invoices.finalize_invoice(invoice.id, {}, platform.as_bakery)
    assert [(row.type, row.value) for row in opened.customer_tax_ids] == [("eu_vat", "DE123456789")]
    assert platform.v1.customers.tax_ids.delete(customer.id, made.id, {}, platform.as_bakery).deleted
    assert platform.v1.customers.tax_ids.list(customer.id, {}, platform.as_bakery).data == []
