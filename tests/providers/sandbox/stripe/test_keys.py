"""Restricted and expired keys of the Stripe twin."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import BAKERY, Platform


def with_key(platform: Platform, *permissions: str) -> Any:
    made = platform.act("create_restricted_key", permissions=list(permissions))
    assert made["key"].startswith("rk_test_")
    return platform.sdk(made["key"])


def test_restricted_key_does_what_it_may(stripe_platform: Platform) -> None:
    client = with_key(stripe_platform, "customer_write", "rak_charge_read")
    assert client.v1.customers.create({"name": "A"}).name == "A"
    assert len(client.v1.customers.list().data) == 1
    assert client.v1.charges.list().data == []


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda v1: v1.invoices.list(), "rak_invoice_read"),
        (lambda v1: v1.refunds.create({"charge": "ch_1"}), "rak_charge_write"),
        (lambda v1: v1.customers.create({"name": "A"}), "rak_customer_write"),
        (lambda v1: v1.checkout.sessions.list(), "rak_checkout_session_read"),
    ],
)
def test_missing_permission_is_named(stripe_platform: Platform, call: Any, missing: str) -> None:
    client = with_key(stripe_platform, "customer_read", "charge_read")
    with pytest.raises(stripe.PermissionError) as refused:
        call(client.v1)
    assert (refused.value.http_status, missing in str(refused.value)) == (403, True)
    assert BAKERY in str(refused.value)


def test_default_restricted_key_may_everything(stripe_platform: Platform) -> None:
    made = stripe_platform.control("accounts", name="By Key")
    client: Any = stripe_platform.sdk(made["keys"]["test"]["rk"])
    assert client.v1.customers.create({"name": "A"}).name == "A"


def test_unknown_permission_is_refused_by_name(stripe_platform: Platform) -> None:
    body = {"account_id": BAKERY, "action": "create_restricted_key", "permissions": ["cake_read"]}
    answer = stripe_platform.http.post("/_twin/act", json=body)
    assert (answer.status_code, "cake_read" in answer.json()["error"]) == (400, True)


def test_expired_key_says_so(stripe_platform: Platform) -> None:
    key = stripe_platform.act("create_restricted_key", permissions=["customer_read"])["key"]
    stripe_platform.act("expire_key", key=key)
    client: Any = stripe_platform.sdk(key)
    with pytest.raises(stripe.AuthenticationError) as refused:
        client.v1.customers.list()
    assert refused.value.error is not None
    assert refused.value.error.code == "api_key_expired"
