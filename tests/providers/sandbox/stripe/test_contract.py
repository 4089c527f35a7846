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
}
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
