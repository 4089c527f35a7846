"""Answers and events of the twin against Stripe's own schemas, where these are at hand.

PAYHUB_CONTRACT_SPECS names a folder with stripe-openapi-*.json (API 2026-10-28.endive).
"""

import os
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from tests.providers.sandbox.receiver import Receiver
from tests.providers.sandbox.stripe.conftest import BAKERY, Platform

SCHEMA_OF = {
    "customer": "customer.Customer",
    "invoice": "invoice.Invoice",
    "invoiceitem": "invoice_item.InvoiceItem",
    "line_item": "invoice_line_item.InvoiceLineItem",
    "invoice_payment": "invoice_payment.InvoicePayment",
    "payment_intent": "payment_intent.PaymentIntent",
    "payment_method": "payment_method.PaymentMethod",
    "setup_intent": "setup_intent.SetupIntent",
    "charge": "charge.Charge",
    "refund": "refund.Refund",
    "balance_transaction": "balance_transaction.BalanceTransaction",
    "account": "account.Account",
    "webhook_endpoint": "webhook_endpoint.WebhookEndpoint",
    "application": "application.Application",
    "balance": "balance.Balance",
    "product": "product.Product",
    "price": "price.Price",
    "coupon": "coupon.Coupon",
    "discount": "discount.Discount",
    "tax_rate": "tax_rate.TaxRate",
    "subscription": "subscription.Subscription",
    "subscription_item": "subscription_item.SubscriptionItem",
    "credit_note": "credit_note.CreditNote",
    "customer_balance_transaction": "customer_balance_transaction.CustomerBalanceTransaction",
    "dispute": "dispute.Dispute",
    "payout": "payout.Payout",
    "checkout.session": "checkout._session.Session",
    "payment_link": "payment_link.PaymentLink",
}
NOT_PUBLISHED = {"billing_portal.session", "billing_portal.configuration"}
"""Kinds of which the document at hand knows nothing."""
KEPT = ("type", "enum", "required", "properties", "items", "additionalProperties", "$ref")


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: nullable becomes a type, unknown fields become errors."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {name: schema[name] for name in KEPT if name in schema}
    if "properties" in out:
        out["properties"] = {name: as_json_schema(item) for name, item in out["properties"].items()}
        out.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties"):
        if isinstance(out.get(name), dict):
            out[name] = as_json_schema(out[name])
    if "anyOf" in schema:
        out["anyOf"] = [as_json_schema(item) for item in schema["anyOf"]]
    return {"anyOf": [out, {"type": "null"}]} if schema.get("nullable") else out


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    folder = os.environ.get("PAYHUB_CONTRACT_SPECS")
    if not folder:
        pytest.skip("PAYHUB_CONTRACT_SPECS is not set: give the folder that holds stripe-openapi-*.json")
    files = sorted(Path(folder).glob("stripe-openapi-*.json"))
    if not files:
        pytest.skip(f"there is no stripe-openapi-*.json in PAYHUB_CONTRACT_SPECS ({folder})")
    document = orjson.loads(files[-1].read_bytes())
    return {name: as_json_schema(schema) for name, schema in document["components"]["schemas"].items()}


def violations(schemas: dict[str, Any], record: dict[str, Any]) -> list[str]:
    name = SCHEMA_OF[record["object"]]
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    validator = jsonschema.Draft202012Validator(root)
    return [
        f"{record['object']} {'.'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(record)
    ]


def test_every_record_and_event_fits_the_schema(schemas: dict[str, Any], platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver)
    platform.control("seed", account_id=BAKERY, customers=3, invoices=12, payments=4, refunded=0.5)
    invoice = platform.open_invoice()
    platform.pay_page(invoice, "4000000000000002")
    platform.http.post(platform.pay_page(invoice, "4000002760003184").headers["Location"], data={"decision": "complete"})
    [intent] = [
        found
        for found in platform.v1.payment_intents.list({}, platform.as_bakery).data
        if found.description == "Payment for Invoice"
    ]
    platform.act("refund", payment_intent=intent.id, amount=100)
    platform.act("take_payment", amount=900, in_person=True)
    platform.act("save_card", customer_id=invoice.customer)
    voided = platform.open_invoice()
    platform.v1.invoices.void_invoice(voided.id, {}, platform.as_bakery)
    params = {
        "customer": invoice.customer,
        "payment_method": "pm_card_visa",
        "confirm": True,
        "return_url": "http://127.0.0.1:1/",
    }
    platform.v1.setup_intents.create(params, platform.as_bakery)
    platform.act("update_account", payouts_enabled=False)
    platform.act("disconnect")
    receiver.wait_for_type("account.application.deauthorized")
    truth = platform.http.get("/_twin/truth", params={"account_id": BAKERY}).json()
    records = [record for kind in truth.values() if isinstance(kind, list) for record in kind if isinstance(record, dict)]
    records += [item.event["data"]["object"] for item in receiver.received]
    assert len({record["object"] for record in records}) >= 12
    assert [problem for record in records for problem in violations(schemas, record)] == []


def judged(platform: Platform, receiver: Receiver) -> list[dict[str, Any]]:
    """Every record of the bakery and every object that an event carried."""
    truth = platform.http.get("/_twin/truth", params={"account_id": BAKERY}).json()
    records = [record for kind in truth.values() if isinstance(kind, list) for record in kind if isinstance(record, dict)]
    records += [item.event["data"]["object"] for item in receiver.received]
    return [record for record in records if record["object"] not in NOT_PUBLISHED]


def test_subscriptions_checkout_disputes_and_payouts_fit_the_schema(
    schemas: dict[str, Any], platform: Platform, receiver: Receiver
) -> None:
    platform.endpoint(receiver)
    v1, bakery = platform.v1, platform.as_bakery
    coupon = v1.coupons.create({"percent_off": 12.5, "duration": "repeating", "duration_in_months": 2}, bakery)
    rate = v1.tax_rates.create({"display_name": "VAT", "percentage": "7.5", "inclusive": True}, bakery)
    subscription = platform.subscribe(discounts=[{"coupon": coupon.id}], default_tax_rates=[rate.id])
    v1.subscriptions.update(subscription.id, {"items": [{"id": subscription["items"].data[0].id, "quantity": 3}]}, bakery)
    platform.subscribe(trial_period_days=3)
    v1.subscriptions.pause(platform.subscribe().id, {}, bakery)
    data = {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Deposit"}}
    common = {"line_items": [{"price_data": data, "quantity": 2}]}
    form = {"email": "pat@example.com", "number": "4242424242424242", "expiry": "12/34"}
    for params in (
        {"mode": "payment", "success_url": "http://127.0.0.1:1/", "invoice_creation": {"enabled": True}, **common},
        {"mode": "payment", "success_url": "http://127.0.0.1:1/", "discounts": [{"coupon": coupon.id}], **common},
        {"mode": "setup", "success_url": "http://127.0.0.1:1/", "customer": platform.customer().id, "currency": "usd"},
    ):
        platform.http.post(v1.checkout.sessions.create(params, bakery).url, data=form)
    embedded = {"mode": "payment", "ui_mode": "embedded_page", "return_url": "http://127.0.0.1:1/", **common}
    v1.checkout.sessions.create(embedded, bakery)
    link = v1.payment_links.create({**common, "restrictions": {"completed_sessions": {"limit": 3}}}, bakery)
    platform.http.post(platform.http.get(link.url).headers["Location"], data=form)
    for card in ("4000000000000259", "4000000000001976", "000123456789", "000111111116"):
        platform.act("take_payment", amount=5000, card=card)
    platform.pass_days(0.1)
    first, _ = v1.disputes.list({}, bakery).data
    v1.disputes.update(first.id, {"evidence": {"uncategorized_text": "winning_evidence", "customer_name": "Pat"}}, bakery)
    invoice = platform.open_invoice(5000)
    v1.credit_notes.create({"invoice": invoice.id, "amount": 700}, bakery)
    platform.pay_page(invoice)
    v1.credit_notes.create({"invoice": invoice.id, "amount": 300, "refund_amount": 200, "credit_amount": 100}, bakery)
    platform.act("charge_fee", amount=20)
    platform.control("seed", account_id=BAKERY, customers=3, payments=30, subscriptions=2, disputed=0.3, payouts=True)
    platform.pass_days(45)
    platform.http.get("/_twin/deliveries", params={"wait": 10})
    records = judged(platform, receiver)
    assert len({record["object"] for record in records}) >= 23
    assert {problem for record in records for problem in violations(schemas, record)} == set()
