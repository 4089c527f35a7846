"""Checkout sessions and payment links of the Stripe twin: the API, and the pages as a payer fills them in."""

from typing import Any

import httpx
import pytest
import stripe

from tests.providers.sandbox.receiver import Receiver
from tests.providers.sandbox.stripe.conftest import Platform

SUCCESS = "http://127.0.0.1:1/thanks?session={CHECKOUT_SESSION_ID}"


def session(platform: Platform, amount: int = 2500, **params: Any) -> Any:
    wanted: dict[str, Any] = {"mode": "payment", "success_url": SUCCESS, **params}
    if "line_items" not in wanted and wanted["mode"] == "payment":
        data = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Deposit"}}
        wanted["line_items"] = [{"price_data": data, "quantity": 1}]
    return platform.v1.checkout.sessions.create(wanted, platform.as_bakery)


def embedded(platform: Platform, **params: Any) -> Any:
    back = "http://127.0.0.1:1/back?s={CHECKOUT_SESSION_ID}"
    return session(platform, **{"ui_mode": "embedded_page", "success_url": None, "return_url": back, **params})


def read(platform: Platform, session_id: str, *expand: str) -> Any:
    return platform.v1.checkout.sessions.retrieve(session_id, {"expand": list(expand)}, platform.as_bakery)


def fill_in(platform: Platform, url: str, number: str = "4242424242424242", **more: str) -> httpx.Response:
    form = {"email": "payer@example.com", "number": number, "expiry": "12/34", "cvc": "123", "name": "Pat Payer", **more}
    return platform.http.post(url, data=form)


def test_new_hosted_session_is_open_with_a_url_and_no_payment_intent(platform: Platform) -> None:
    made = session(platform, metadata={"order": "7"}, client_reference_id="o7")
    assert (made.status, made.payment_status, made.ui_mode) == ("open", "unpaid", "hosted_page")
    assert (made.amount_total, made.currency, made.payment_intent, made.customer) == (2500, "usd", None, None)
    assert made.id.startswith("cs_test_")
    assert made.expires_at == made.created + 86400
    page = platform.http.get(made.url).text
    assert "Deposit" in page
    assert "25.00 USD" in page


def test_paying_completes_the_session_and_leads_to_the_success_url(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "checkout.session.completed", "payment_intent.succeeded")
    made = session(platform, payment_intent_data={"metadata": {"invoice": "42"}})
    answer = fill_in(platform, made.url)
    assert (answer.status_code, answer.headers["Location"]) == (303, SUCCESS.replace("{CHECKOUT_SESSION_ID}", made.id))
    done = read(platform, made.id, "payment_intent.latest_charge")
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.customer_details.email == "payer@example.com"
    assert done.payment_intent.metadata.to_dict() == {"invoice": "42"}
    assert done.payment_intent.latest_charge.billing_details.name == "Pat Payer"
    event = receiver.wait_for_type("checkout.session.completed")
    assert event["data"]["object"]["payment_status"] == "paid"


def test_declined_card_shows_why_and_the_next_card_pays(platform: Platform) -> None:
    made = session(platform)
    answer = fill_in(platform, made.url, "4000000000009995")
    assert (answer.status_code, "insufficient funds" in answer.text) == (402, True)
    assert read(platform, made.id).status == "open"
    fill_in(platform, made.url)
    done = read(platform, made.id)
    assert done.status == "complete"
    attempts = platform.v1.charges.list({"payment_intent": done.payment_intent}, platform.as_bakery).data
    assert [charge.status for charge in attempts] == ["succeeded", "failed"]


@pytest.mark.parametrize(("decision", "status", "leads_to"), [("complete", "complete", "thanks"), ("fail", "open", None)])
def test_three_d_secure_step_decides(platform: Platform, decision: str, status: str, leads_to: str | None) -> None:
    made = session(platform)
    bank = fill_in(platform, made.url, "4000000000003220").headers["Location"]
    assert "Confirm your payment" in platform.http.get(bank).text
    back = platform.http.post(bank, data={"decision": decision}).headers["Location"]
    answer = platform.http.get(back)
    assert read(platform, made.id).status == status
    assert answer.status_code == (303 if leads_to else 402)
    assert ("failed authentication" in answer.text) == (leads_to is None)


def test_bank_debit_completes_unpaid_and_is_paid_or_failed_days_later(platform: Platform) -> None:
    for number, status, event_type in (
        ("000123456789", "paid", "checkout.session.async_payment_succeeded"),
        ("000111111116", "unpaid", "checkout.session.async_payment_failed"),
    ):
        made = session(platform, allowed_payment_method_types=["card", "us_bank_account"])
        fill_in(platform, made.url, "", account_number=number)
        waiting = read(platform, made.id, "payment_intent")
        assert (waiting.status, waiting.payment_status, waiting.payment_intent.status) == ("complete", "unpaid", "processing")
        platform.pass_days(5)
        assert read(platform, made.id).payment_status == status
        assert platform.event_types("checkout.session.*")[-1] == event_type


def test_session_expires_by_the_clock(platform: Platform) -> None:
    made = session(platform)
    platform.pass_days(1)
    over = read(platform, made.id)
    assert (over.status, over.url) == ("expired", None)
    assert "has expired" in platform.http.get(made.url).text
    assert fill_in(platform, made.url).status_code == 200
    assert read(platform, made.id).status == "expired"
    assert platform.event_types("checkout.session.*") == ["checkout.session.expired"]


def test_expiry_must_lie_between_half_an_hour_and_a_day(platform: Platform) -> None:
    now = session(platform).created
    for seconds in (60, 2 * 86400):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            session(platform, expires_at=now + seconds)
        assert refused.value.param == "expires_at"
    assert session(platform, expires_at=now + 3600).expires_at == now + 3600


def test_expire_call_works_once(platform: Platform) -> None:
    made = session(platform)
    assert platform.v1.checkout.sessions.expire(made.id, {}, platform.as_bakery).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.checkout.sessions.expire(made.id, {}, platform.as_bakery)


def test_embedded_session_has_a_secret_and_no_url(platform: Platform) -> None:
    made = embedded(platform)
    assert (made.url, made.client_secret.startswith(made.id + "_secret_")) == (None, True)
    answer = fill_in(platform, f"/c/embedded/{made.client_secret}")
    assert "checkout.complete" in answer.text
    assert f"back?s={made.id}" in answer.text
    assert read(platform, made.id).status == "complete"


def test_wrong_secret_opens_nothing(platform: Platform) -> None:
    made = embedded(platform)
    assert platform.http.get(f"/c/embedded/{made.client_secret[:-3]}xyz").status_code == 404


@pytest.mark.parametrize("ui_mode", ["embedded", "hosted", "custom"])
def test_old_ui_modes_are_rejected(platform: Platform, ui_mode: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        session(platform, ui_mode=ui_mode)
    assert refused.value.param == "ui_mode"


def test_embedded_page_takes_no_success_url_and_needs_a_return_url(platform: Platform) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        session(platform, ui_mode="embedded_page")
    assert refused.value.param == "success_url"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        embedded(platform, return_url=None)
    assert refused.value.param == "return_url"


def test_payment_method_types_are_rejected(platform: Platform) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        session(platform, payment_method_types=["card"])
    assert refused.value.param == "payment_method_types"


def test_subscription_mode_makes_customer_subscription_and_paid_invoice_on_payment(platform: Platform) -> None:
    made = session(
        platform,
        mode="subscription",
        line_items=[{"price": platform.price(1900).id, "quantity": 1}],
        subscription_data={"metadata": {"plan": "gold"}},
    )
    assert made.subscription is None
    assert fill_in(platform, made.url, "4000000000000002").status_code == 402
    assert platform.v1.subscriptions.list({"status": "all"}, platform.as_bakery).data == []
    fill_in(platform, made.url)
    done = read(platform, made.id, "subscription", "customer", "invoice")
    assert (done.subscription.status, done.subscription.metadata.to_dict()) == ("active", {"plan": "gold"})
    assert (done.customer.email, done.invoice.amount_paid) == ("payer@example.com", 1900)


def test_subscription_mode_asks_the_bank_first(platform: Platform) -> None:
    made = session(platform, mode="subscription", line_items=[{"price": platform.price().id, "quantity": 1}])
    bank = fill_in(platform, made.url, "4000002760003184").headers["Location"]
    assert platform.http.post(bank, data={"decision": "complete"}).status_code == 303
    assert read(platform, made.id, "subscription").subscription.status == "active"


def test_setup_mode_saves_a_card_for_the_customer(platform: Platform) -> None:
    customer = platform.customer()
    made = session(platform, mode="setup", customer=customer.id, currency="usd")
    assert (made.payment_status, made.amount_total) == ("no_payment_required", None)
    fill_in(platform, made.url)
    done = read(platform, made.id, "setup_intent")
    assert (done.status, done.setup_intent.status) == ("complete", "succeeded")
    saved = platform.v1.customers.payment_methods.list(customer.id, {}, platform.as_bakery).data
    assert [method.id for method in saved] == [done.setup_intent.payment_method]


def test_setup_mode_with_three_d_secure(platform: Platform) -> None:
    made = session(platform, mode="setup", customer=platform.customer().id, currency="usd")
    bank = fill_in(platform, made.url, "4000002500003155").headers["Location"]
    platform.http.post(bank, data={"decision": "complete"})
    assert read(platform, made.id).status == "complete"


def test_line_items_come_with_discount_and_tax(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "once"}, platform.as_bakery)
    rate = platform.v1.tax_rates.create({"display_name": "VAT", "percentage": "20", "inclusive": False}, platform.as_bakery)
    data = {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Cake"}}
    items = [{"price_data": data, "quantity": 2, "tax_rates": [rate.id]}]
    made = session(platform, line_items=items, discounts=[{"coupon": coupon.id}])
    assert (made.amount_subtotal, made.amount_total) == (2500, 2400)
    assert (made.total_details.amount_discount, made.total_details.amount_tax) == (500, 400)
    [line] = platform.v1.checkout.sessions.line_items.list(made.id, {}, platform.as_bakery).data
    assert (line.description, line.quantity, line.amount_total) == ("Cake", 2, 2400)
    assert "line_items" not in made
    assert read(platform, made.id, "line_items").line_items.data[0].id == line.id


def test_invoice_creation_makes_a_paid_invoice_settled_by_the_same_payment(platform: Platform) -> None:
    made = session(platform, invoice_creation={"enabled": True, "invoice_data": {"description": "Thanks"}})
    fill_in(platform, made.url)
    done = read(platform, made.id, "invoice.payments")
    assert (done.invoice.status, done.invoice.amount_paid) == ("paid", 2500)
    assert done.invoice.payments.data[0].payment.payment_intent == done.payment_intent


def test_sessions_are_found_by_payment_intent_and_status(platform: Platform) -> None:
    made, other = session(platform), session(platform)
    fill_in(platform, made.url)
    intent = read(platform, made.id).payment_intent
    sessions = platform.v1.checkout.sessions
    assert [found.id for found in sessions.list({"payment_intent": intent}, platform.as_bakery).data] == [made.id]
    assert [found.id for found in sessions.list({"status": "open"}, platform.as_bakery).data] == [other.id]


def payment_link(platform: Platform, **params: Any) -> Any:
    items = [{"price": platform.price(3000, None, name="Lesson").id, "quantity": 1}]
    return platform.v1.payment_links.create({"line_items": items, **params}, platform.as_bakery)


def test_each_visit_of_a_link_makes_a_session_with_its_metadata(platform: Platform) -> None:
    link = payment_link(platform, metadata={"job": "9"}, payment_intent_data={"metadata": {"job": "9"}})
    first = platform.http.get(link.url).headers["Location"]
    second = platform.http.get(f"{link.url}?prefilled_email=x@example.com&client_reference_id=r1").headers["Location"]
    assert first != second
    fill_in(platform, second)
    found = platform.v1.checkout.sessions.list({"payment_link": link.id}, platform.as_bakery).data
    assert [(item.status, item.client_reference_id) for item in found] == [("complete", "r1"), ("open", None)]
    assert found[0].metadata.to_dict() == {"job": "9"}
    intent = platform.v1.payment_intents.retrieve(found[0].payment_intent, {}, platform.as_bakery)
    assert (intent.amount_received, intent.metadata.to_dict()) == (3000, {"job": "9"})


def test_link_closes_after_its_limit(platform: Platform) -> None:
    link = payment_link(platform, restrictions={"completed_sessions": {"limit": 1}}, inactive_message="Paid, thank you")
    page = platform.http.get(link.url).headers["Location"]
    late = platform.http.get(link.url).headers["Location"]
    fill_in(platform, page)
    assert "Paid, thank you" in platform.http.get(link.url).text
    fill_in(platform, late)
    current = platform.v1.payment_links.retrieve(link.id, {}, platform.as_bakery)
    assert (current.restrictions.completed_sessions.count, current.active) == (1, True)


def test_link_switched_off_says_so(platform: Platform) -> None:
    link = payment_link(platform)
    platform.v1.payment_links.update(link.id, {"active": False}, platform.as_bakery)
    assert "no longer active" in platform.http.get(link.url).text
    assert platform.v1.payment_links.list({"active": True}, platform.as_bakery).data == []
    assert platform.event_types("payment_link.*") == ["payment_link.created", "payment_link.updated"]


def test_link_redirects_after_completion(platform: Platform) -> None:
    link = payment_link(platform, after_completion={"type": "redirect", "redirect": {"url": SUCCESS}})
    answer = fill_in(platform, platform.http.get(link.url).headers["Location"])
    assert answer.headers["Location"].startswith("http://127.0.0.1:1/thanks?session=cs_test_")


def test_link_shows_its_lines(platform: Platform) -> None:
    link = payment_link(platform)
    [line] = platform.v1.payment_links.line_items.list(link.id, {}, platform.as_bakery).data
    assert (line.description, line.amount_total, "created" in link) == ("Lesson", 3000, False)


def test_recurring_price_makes_a_subscription_by_link(platform: Platform) -> None:
    link = platform.v1.payment_links.create({"line_items": [{"price": platform.price().id, "quantity": 1}]}, platform.as_bakery)
    fill_in(platform, platform.http.get(link.url).headers["Location"])
    assert [item.status for item in platform.v1.subscriptions.list({}, platform.as_bakery).data] == ["active"]


def test_stand_in_for_stripe_js_frames_the_embedded_page(platform: Platform) -> None:
    answer = platform.http.get("/v3/")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "/c/embedded/" in answer.text
    assert platform.url in answer.text
