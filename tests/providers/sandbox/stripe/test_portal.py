"""The billing portal of the Stripe twin: sessions, configurations and the page a customer sees."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform


def portal(platform: Platform, customer_id: str, **params: Any) -> Any:
    wanted = {"customer": customer_id, "return_url": "http://127.0.0.1:1/back", **params}
    return platform.v1.billing_portal.sessions.create(wanted, platform.as_bakery)


def test_customer_sees_subscription_card_and_invoice(platform: Platform) -> None:
    customer = platform.paying_customer()
    platform.subscribe(customer, amount=1500)
    page = platform.http.get(portal(platform, customer.id).url).text
    for shown in ("Window cleaning", "15.00 USD per month", "Visa ending in 4242", "http://127.0.0.1:1/back"):
        assert shown in page


def test_customer_cancels_at_period_end_and_changes_her_mind(platform: Platform) -> None:
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    url = portal(platform, customer.id).url
    platform.http.post(url, data={"action": "cancel", "subscription": subscription.id})
    assert platform.subscription(subscription.id).cancel_at_period_end
    platform.http.post(url, data={"action": "keep", "subscription": subscription.id})
    assert not platform.subscription(subscription.id).cancel_at_period_end


def test_configuration_may_cancel_at_once(platform: Platform) -> None:
    features = {"subscription_cancel": {"enabled": True, "mode": "immediately"}, "invoice_history": {"enabled": False}}
    configuration = platform.v1.billing_portal.configurations.create({"features": features}, platform.as_bakery)
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    session = portal(platform, customer.id, configuration=configuration.id)
    assert "Invoices" not in platform.http.get(session.url).text
    platform.http.post(session.url, data={"action": "cancel", "subscription": subscription.id})
    assert platform.subscription(subscription.id).status == "canceled"


def test_customer_adds_and_removes_cards(platform: Platform) -> None:
    customer = platform.paying_customer()
    [old] = platform.v1.customers.payment_methods.list(customer.id, {}, platform.as_bakery).data
    url = portal(platform, customer.id).url
    declined = platform.http.post(url, data={"action": "add", "number": "4000000000000002", "expiry": "12/34"})
    assert (declined.status_code, "declined" in declined.text) == (402, True)
    platform.http.post(url, data={"action": "add", "number": "5555555555554444", "expiry": "12/34"})
    platform.http.post(url, data={"action": "remove", "payment_method": old.id})
    [new] = platform.v1.customers.payment_methods.list(customer.id, {}, platform.as_bakery).data
    read = platform.v1.customers.retrieve(customer.id, {}, platform.as_bakery)
    assert (new.card.brand, read.invoice_settings.default_payment_method) == ("mastercard", new.id)


def test_other_customers_things_are_out_of_reach(platform: Platform) -> None:
    subscription = platform.subscribe()
    stranger = platform.customer()
    url = portal(platform, stranger.id).url
    assert platform.http.post(url, data={"action": "cancel", "subscription": subscription.id}).status_code == 404
    assert not platform.subscription(subscription.id).cancel_at_period_end


def test_session_ends_after_an_hour(platform: Platform) -> None:
    url = portal(platform, platform.customer().id).url
    platform.pass_days(0.1)
    assert platform.http.get(url).status_code == 404


def test_strict_twin_wants_a_configuration(platform: Platform) -> None:
    platform.control("settings", portal_needs_configuration=True)
    with pytest.raises(stripe.InvalidRequestError, match="No configuration provided"):
        portal(platform, platform.customer().id)


def test_flow_names_its_subscription(platform: Platform) -> None:
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription.id}}
    assert portal(platform, customer.id, flow_data=flow).flow.subscription_cancel.subscription == subscription.id
