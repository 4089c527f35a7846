"""Setup intents and saved payment methods of the Stripe twin."""

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform


def test_card_is_saved_listed_made_default_and_detached(platform: Platform) -> None:
    customer = platform.customer()
    params = {
        "customer": customer.id,
        "payment_method": "pm_card_mastercard",
        "confirm": True,
        "return_url": "http://127.0.0.1:1/",
    }
    intent = platform.v1.setup_intents.create(params, platform.as_bakery)
    assert intent.status == "succeeded"
    settings = {"invoice_settings": {"default_payment_method": intent.payment_method}}
    platform.v1.customers.update(customer.id, settings, platform.as_bakery)
    [saved] = platform.v1.customers.payment_methods.list(customer.id, {"type": "card"}, platform.as_bakery).data
    assert (saved.card.brand, saved.card.last4) == ("mastercard", "4444")
    platform.v1.payment_methods.detach(saved.id, {}, platform.as_bakery)
    assert platform.v1.customers.payment_methods.list(customer.id, {}, platform.as_bakery).data == []
    read = platform.v1.customers.retrieve(customer.id, {}, platform.as_bakery)
    assert read.invoice_settings.default_payment_method is None


def test_setup_asks_the_bank_for_cards_with_three_d_secure(platform: Platform) -> None:
    params = {"customer": platform.customer().id, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    intent = platform.v1.setup_intents.create({**params, "return_url": "http://127.0.0.1:1/back"}, platform.as_bakery)
    assert intent.status == "requires_action"
    page = intent.next_action.redirect_to_url.url
    assert "Confirm your card" in platform.http.get(page).text
    back = platform.http.post(page, data={"decision": "complete"}).headers["Location"]
    assert back.startswith("http://127.0.0.1:1/back?setup_intent=seti_")
    assert platform.v1.setup_intents.retrieve(intent.id, {}, platform.as_bakery).status == "succeeded"


def test_failed_authentication_saves_nothing(platform: Platform) -> None:
    customer = platform.customer()
    params = {"customer": customer.id, "payment_method": "pm_card_authenticationRequired", "confirm": True}
    intent = platform.v1.setup_intents.create({**params, "return_url": "http://127.0.0.1:1/back"}, platform.as_bakery)
    platform.http.post(intent.next_action.redirect_to_url.url, data={"decision": "fail"})
    failed = platform.v1.setup_intents.retrieve(intent.id, {}, platform.as_bakery)
    assert (failed.status, failed.last_setup_error.code) == ("requires_payment_method", "setup_intent_authentication_failure")
    assert platform.v1.customers.payment_methods.list(customer.id, {}, platform.as_bakery).data == []


def test_declined_card_is_not_saved(platform: Platform) -> None:
    params = {"customer": platform.customer().id, "payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
    with pytest.raises(stripe.CardError) as declined:
        platform.v1.setup_intents.create({**params, "return_url": "http://127.0.0.1:1/"}, platform.as_bakery)
    assert declined.value.code == "card_declined"


def test_setup_intent_is_updated_and_canceled(platform: Platform) -> None:
    intent = platform.v1.setup_intents.create({"customer": platform.customer().id}, platform.as_bakery)
    changed = platform.v1.setup_intents.update(intent.id, {"metadata": {"a": "1"}, "description": "later"}, platform.as_bakery)
    assert (changed.metadata.to_dict(), changed.description) == ({"a": "1"}, "later")
    assert platform.v1.setup_intents.cancel(intent.id, {}, platform.as_bakery).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.setup_intents.update(intent.id, {"description": "too late"}, platform.as_bakery)


def test_bank_debit_by_api_is_processing_then_paid(platform: Platform) -> None:
    method = platform.v1.payment_methods.create(
        {
            "type": "us_bank_account",
            "us_bank_account": {
                "account_number": "000123456789",
                "routing_number": "110000000",
                "account_holder_type": "individual",
            },
            "billing_details": {"name": "Pat"},
        },
        platform.as_bakery,
    )
    intent = platform.v1.payment_intents.create(
        {"amount": 5000, "currency": "usd", "payment_method": method.id, "confirm": True, "return_url": "http://127.0.0.1:1/"},
        platform.as_bakery,
    )
    assert intent.status == "processing"
    platform.pass_days(4.1)
    done = platform.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}, platform.as_bakery)
    assert (done.status, done.latest_charge.payment_method_details.type) == ("succeeded", "us_bank_account")
    assert platform.event_types("charge.*")[:2] == ["charge.pending", "charge.succeeded"]
