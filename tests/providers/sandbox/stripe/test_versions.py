"""Older API versions: answers, webhook payloads and requests in the shape of the Stripe-Version."""

from typing import Any

import httpx
import pytest

from tests.providers.sandbox.receiver import Receiver
from tests.providers.sandbox.stripe.conftest import VERSION, Platform

BEFORE_BASIL = ["2023-10-16", "2024-04-10"]
SINCE_BASIL = ["2025-03-31.basil", "2026-06-24.dahlia", VERSION]


@pytest.fixture
def exchanges() -> None:
    """Not judged: the published schema at hand is of the newest version only."""


def get(platform: Platform, path: str, version: str, **params: Any) -> Any:
    headers = {"Authorization": "Bearer sk_test_sandboxPlatformTest0000000001", "Stripe-Account": "acct_1SandboxBakery0001"}
    answer: httpx.Response = platform.http.get(path, params=params, headers={**headers, "Stripe-Version": version})
    assert (answer.status_code, answer.headers["Stripe-Version"]) == (200, version), answer.text
    return answer.json()


@pytest.mark.parametrize("version", BEFORE_BASIL)
def test_invoice_before_basil_names_its_payment(platform: Platform, version: str) -> None:
    paid = platform.open_invoice()
    platform.pay_page(paid)
    invoice = get(platform, f"/v1/invoices/{paid.id}", version)
    assert (invoice["paid"], invoice["paid_out_of_band"]) == (True, False)
    charge = get(platform, f"/v1/charges/{invoice['charge']}", version)
    intent = get(platform, f"/v1/payment_intents/{invoice['payment_intent']}", version)
    assert charge["invoice"] == intent["invoice"] == paid.id
    line = invoice["lines"]["data"][0]
    assert (line["type"], line["price"]["object"], line["proration"]) == ("invoiceitem", "price", False)
    for gone in ("parent", "total_taxes", "amount_overpaid", "status_details"):
        assert gone not in invoice
    assert {"pricing", "parent", "taxes"} & set(line) == set()


@pytest.mark.parametrize("version", SINCE_BASIL)
def test_invoice_since_basil_does_not(platform: Platform, version: str) -> None:
    paid = platform.open_invoice()
    platform.pay_page(paid)
    invoice = get(platform, f"/v1/invoices/{paid.id}", version)
    assert {"paid", "charge", "payment_intent", "subscription", "tax"} & set(invoice) == set()
    assert ("status_details" in invoice) == (version == VERSION)
    assert "pricing" in invoice["lines"]["data"][0]


def test_out_of_band_payment_shows_in_old_shape(platform: Platform) -> None:
    invoice = platform.open_invoice()
    platform.act("pay_invoice_out_of_band", invoice_id=invoice.id)
    old = get(platform, f"/v1/invoices/{invoice.id}", "2024-04-10")
    assert (old["paid"], old["paid_out_of_band"], old["charge"]) == (True, True, None)


def test_old_expansions_reach_the_objects(platform: Platform) -> None:
    paid = platform.open_invoice()
    platform.pay_page(paid)
    query = {"expand[]": ["payment_intent.latest_charge", "charge"]}
    invoice = get(platform, f"/v1/invoices/{paid.id}", "2023-10-16", **query)
    assert invoice["charge"]["invoice"] == paid.id
    assert invoice["payment_intent"]["latest_charge"]["id"] == invoice["charge"]["id"]
    listed = get(platform, "/v1/invoices", "2023-10-16", **{"expand[]": "data.charge"})
    assert listed["data"][0]["charge"]["invoice"] == paid.id


@pytest.mark.parametrize("version", [*BEFORE_BASIL, *SINCE_BASIL])
def test_period_of_a_subscription_is_where_the_version_has_it(platform: Platform, version: str) -> None:
    made = platform.subscribe()
    end = made["items"].data[0].current_period_end
    subscription = get(platform, f"/v1/subscriptions/{made.id}", version)
    invoice = get(platform, f"/v1/invoices/{made.latest_invoice}", version)
    if version in BEFORE_BASIL:
        assert subscription["current_period_end"] == end
        assert "current_period_end" not in subscription["items"]["data"][0]
        assert (invoice["subscription"], invoice["lines"]["data"][0]["type"]) == (made.id, "subscription")
        assert invoice["lines"]["data"][0]["plan"]["interval"] == "month"
    else:
        assert "current_period_end" not in subscription
        assert subscription["items"]["data"][0]["current_period_end"] == end
        assert invoice["parent"]["subscription_details"]["subscription"] == made.id


def test_taxes_and_discounts_in_old_shape(platform: Platform) -> None:
    rate = platform.v1.tax_rates.create({"display_name": "VAT", "percentage": "10", "inclusive": False}, platform.as_bakery)
    coupon = platform.v1.coupons.create({"percent_off": 20, "duration": "once"}, platform.as_bakery)
    made = platform.open_invoice(1000, default_tax_rates=[rate.id], discounts=[{"coupon": coupon.id}])
    assert (made.total, made.total_taxes[0].amount, made.total_discount_amounts[0].amount) == (880, 80, 200)
    old = get(platform, f"/v1/invoices/{made.id}", "2024-04-10")
    assert (old["tax"], old["total_tax_amounts"][0]["tax_rate"]) == (80, rate.id)
    assert old["discount"]["coupon"]["id"] == coupon.id
    assert old["lines"]["data"][0]["tax_amounts"][0]["amount"] == 80


@pytest.mark.parametrize(("version", "ui_mode"), [("2025-03-31.basil", "hosted"), ("2026-06-24.dahlia", "hosted_page")])
def test_checkout_speaks_the_versions_ui_modes(platform: Platform, version: str, ui_mode: str) -> None:
    form = {
        "mode": "payment",
        "ui_mode": ui_mode,
        "success_url": "http://127.0.0.1:1/",
        "payment_method_types[0]": "card",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "Tea",
    }
    made = platform.post("/v1/checkout/sessions", form, Stripe_Version=version)
    assert (made.status_code, made.json()["ui_mode"]) == (200, ui_mode)


def test_capture_before_april_2024_is_synchronous(platform: Platform) -> None:
    form = {"amount": "900", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true", "expand[]": "latest_charge"}
    form |= {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    old = platform.post("/v1/payment_intents", form, Stripe_Version="2023-10-16").json()
    assert old["latest_charge"]["balance_transaction"] is not None
    new = platform.post("/v1/payment_intents", form, Stripe_Version="2024-04-10").json()
    assert new["latest_charge"]["balance_transaction"] is None


@pytest.mark.parametrize(
    ("version", "has"), [("2023-10-16", "paid"), ("2025-03-31.basil", "parent"), (VERSION, "status_details")]
)
def test_event_comes_in_the_version_of_its_endpoint(platform: Platform, receiver: Receiver, version: str, has: str) -> None:
    platform.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["invoice.finalized"], "connect": True, "api_version": version}
    )
    platform.open_invoice()
    event = receiver.wait_for_type("invoice.finalized")
    assert event["api_version"] == version
    assert has in event["data"]["object"]


def test_events_list_keeps_the_accounts_version(platform: Platform) -> None:
    platform.act("set_api_version", api_version="2024-04-10")
    platform.open_invoice()
    listed = get(platform, "/v1/events", VERSION, type="invoice.finalized")["data"][0]
    assert (listed["api_version"], "paid" in listed["data"]["object"]) == ("2024-04-10", True)


def test_old_subscription_parameters_are_understood(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"percent_off": 50, "duration": "forever"}, platform.as_bakery)
    form = {"customer": platform.paying_customer().id, "items[0][price]": platform.price(1000).id, "coupon": coupon.id}
    made = platform.post("/v1/subscriptions", form, Stripe_Version="2023-10-16").json()
    assert made["discount"]["coupon"]["percent_off"] == 50
    changed = platform.post(f"/v1/subscriptions/{made['id']}", {"billing_cycle_anchor": "now"}, Stripe_Version="2024-04-10")
    assert changed.status_code == 200
