"""Payment links, checkout sessions, saved methods: what Stripe says in our words, and our drafts in Stripe's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.errors import Rejected
from providers.records import Effect, Line, LinkStatus, Money, PaymentLink, PaymentLinkDraft, PaymentMethod, PaymentStatus
from providers.stripe.mapping.billing_portal import billing_portal
from providers.stripe.mapping.event import event
from providers.stripe.mapping.payment_link import link_parameters, payment_link, session, session_parameters
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.setup import setup
from tests.providers.stripe import samples
from tests.providers.stripe.samples import AS_OF

PAGE = {"publishable_key": "pk_test_1", "account": "acct_1"}


def checkout(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "mode": "payment",
        "ui_mode": "hosted_page",
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 7_350,
        "currency": "usd",
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "payment_link": None,
        "metadata": {"payhub_reference": "l-7"},
    } | changes


def link(**changes: Any) -> dict[str, Any]:
    return {
        "id": "plink_1",
        "object": "payment_link",
        "active": True,
        "currency": "usd",
        "url": "https://buy.stripe.com/1",
        "restrictions": {"completed_sessions": {"limit": 1, "count": 0}},
        "line_items": {"object": "list", "data": [{"amount_total": 7_000}, {"amount_total": 350}], "has_more": False},
        "metadata": {"payhub_reference": "l-7"},
    } | changes


def draft(**changes: Any) -> PaymentLinkDraft:
    return PaymentLinkDraft(amount=Money(7_350, "USD"), description="Deposit", **changes)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, LinkStatus.ACTIVE),
        ({"status": "complete", "payment_status": "paid"}, LinkStatus.PAID),
        ({"status": "complete", "payment_status": "no_payment_required"}, LinkStatus.PAID),
        ({"status": "complete"}, LinkStatus.PENDING),
        ({"status": "complete", "payment_intent": "pi_1"}, LinkStatus.PENDING),
        ({"status": "complete", "payment_intent": samples.intent(status="processing")}, LinkStatus.PENDING),
        ({"status": "complete", "payment_intent": samples.intent(status="requires_payment_method")}, LinkStatus.EXPIRED),
        ({"status": "expired"}, LinkStatus.EXPIRED),
        ({"status": "expired", "metadata": {"payhub_canceled": "1"}}, LinkStatus.CANCELED),
        ({"status": "open", "metadata": {"payhub_canceled": "1"}}, LinkStatus.ACTIVE),
        ({"status": "beyond"}, LinkStatus.UNKNOWN),
    ],
)
def test_a_session_is_paid_only_when_its_payment_is(changes: dict[str, Any], status: LinkStatus) -> None:
    found = session(checkout(**changes), AS_OF)
    assert (found.status, found.url is not None) == (status, status is LinkStatus.ACTIVE)


def test_an_embedded_session_tells_a_page_what_it_needs_and_keeps_nothing_of_it() -> None:
    raw = checkout(ui_mode="embedded_page", url=None, client_secret="cs_secret_canary")
    found = session(raw, AS_OF, **PAGE)
    assert (found.style, found.url) == ("embedded", None)
    assert found.client_parameters == {"client_secret": "cs_secret_canary", **PAGE}
    assert "canary" not in repr(found)
    assert "canary" not in str(found.raw)
    over = session(checkout(ui_mode="embedded_page", status="complete", client_secret="cs_secret_canary"), AS_OF, **PAGE)
    assert over.client_parameters == {}


@pytest.mark.parametrize(
    ("changes", "visits", "status", "payment_id"),
    [
        ({}, [], LinkStatus.ACTIVE, None),
        ({"active": False}, [], LinkStatus.CANCELED, None),
        ({}, [checkout(status="expired"), checkout()], LinkStatus.ACTIVE, None),
        (
            {},
            [checkout(status="expired"), checkout(status="complete", payment_status="paid", payment_intent="pi_1")],
            LinkStatus.PAID,
            "pi_1",
        ),
        ({"active": False}, [checkout(status="complete", payment_status="paid", payment_intent="pi_1")], LinkStatus.PAID, "pi_1"),
        ({}, [checkout(status="complete", payment_intent="pi_1")], LinkStatus.PENDING, "pi_1"),
        (
            {"restrictions": None},
            [checkout(status="complete", payment_status="paid", payment_intent="pi_1")],
            LinkStatus.ACTIVE,
            None,
        ),
    ],
)
def test_a_link_for_one_payment_is_what_its_visits_made_of_it(
    changes: dict[str, Any], visits: list[dict[str, Any]], status: LinkStatus, payment_id: str | None
) -> None:
    found = payment_link(link(**changes), AS_OF, visits)
    assert (found.status, found.payment_id, found.amount) == (status, payment_id, Money(7_350, "USD"))
    assert (found.style, found.reference) == ("link", "l-7")


def test_a_link_is_made_for_one_payment_which_carries_our_reference_itself() -> None:
    sent = link_parameters(draft(reference="l-7", return_url="https://hub.example/back"))
    assert sent["restrictions"] == {"completed_sessions": {"limit": 1}}
    assert sent["metadata"] == sent["payment_intent_data"]["metadata"] == {"payhub_reference": "l-7"}
    assert sent["after_completion"] == {"type": "redirect", "redirect": {"url": "https://hub.example/back"}}
    [item] = sent["line_items"]
    assert item["price_data"] == {"currency": "usd", "unit_amount": 7_350, "product_data": {"name": "Deposit"}}


def test_a_hosted_checkout_comes_back_to_us_and_an_embedded_one_takes_no_success_url() -> None:
    ends = datetime(2026, 11, 22, tzinfo=UTC)
    back = {"return_url": "https://hub.example/back", "cancel_url": "https://hub.example/no"}
    hosted = session_parameters(draft(style="checkout", expires_at=ends, payer_email="ada@example.com", **back))
    assert (hosted["mode"], hosted["ui_mode"], hosted["success_url"]) == ("payment", "hosted_page", back["return_url"])
    assert (hosted["cancel_url"], hosted["customer_email"], hosted["expires_at"]) == (
        back["cancel_url"],
        "ada@example.com",
        int(ends.timestamp()),
    )
    embedded = session_parameters(draft(style="embedded", customer_id="cus_1", payer_email="ada@example.com", **back))
    assert (embedded["ui_mode"], embedded["return_url"], embedded["customer"]) == ("embedded_page", back["return_url"], "cus_1")
    assert not {"success_url", "cancel_url", "customer_email", "payment_method_types"} & set(embedded)


def test_a_checkout_without_our_page_to_come_back_to_is_rejected() -> None:
    with pytest.raises(Rejected) as rejected:
        session_parameters(draft(style="checkout"))
    assert rejected.value.field == "return_url"


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        ([("Hours", 6_000, "3", 2_000), ("Call-out", 1_350, "1", None)], [("Hours", 2_000, 3), ("Call-out", 1_350, 1)]),
        ([("Hours", 7_350, "1.5", 4_900)], [("Hours", 7_350, 1)]),
        ([("Work", 8_350, "1", None), ("Rebate", -1_000, "1", None)], [("Deposit", 7_350, 1)]),
        ([(f"{n}", 350, "1", None) for n in range(21)], [("Deposit", 7_350, 1)]),
    ],
)
def test_lines_are_sent_as_items_where_stripe_can_hold_them(lines: list[Any], items: list[Any]) -> None:
    wanted = tuple(
        Line(description=name, amount=Money(amount, "USD"), quantity=quantity, unit_amount=Money(unit, "USD") if unit else None)
        for name, amount, quantity, unit in lines
    )
    sent = [
        (item["price_data"]["product_data"]["name"], item["price_data"]["unit_amount"], item["quantity"])
        for item in link_parameters(draft(lines=wanted))["line_items"]
    ]
    assert sent == items
    assert sum(unit * quantity for _, unit, quantity in sent) == 7_350


@pytest.mark.parametrize("amount", [Money(7_349, "USD"), Money(7_350, "EUR")])
def test_lines_that_are_not_the_amount_are_rejected(amount: Money) -> None:
    with pytest.raises(Rejected) as rejected:
        link_parameters(draft(lines=(Line(description="Work", amount=amount),)))
    assert rejected.value.code == "amount_mismatch"


def test_a_visit_to_a_link_concerns_the_link() -> None:
    visit = checkout(payment_link="plink_1", status="complete", payment_status="paid")
    found = event(samples.event("checkout.session.completed", visit))
    assert (found.kind, found.record_id, found.snapshot, found.partial) == (PaymentLink, "plink_1", None, True)


def test_a_session_that_is_no_single_payment_concerns_nothing_of_ours() -> None:
    for mode in ("setup", "subscription"):
        assert event(samples.event("checkout.session.completed", checkout(mode=mode))).effect is Effect.OTHER


def test_a_bank_debit_that_failed_is_read_again() -> None:
    raw = checkout(status="complete", payment_intent="pi_1")
    assert not event(samples.event("checkout.session.completed", raw)).partial
    assert event(samples.event("checkout.session.async_payment_failed", raw)).partial


def test_a_changed_link_is_read_again_because_its_lines_are_left_out() -> None:
    found = event(samples.event("payment_link.updated", link()))
    assert (found.kind, found.record_id, found.snapshot, found.partial) == (PaymentLink, "plink_1", None, True)


def test_a_detached_method_is_gone_and_an_attached_one_is_there() -> None:
    raw = {"id": "pm_1", "object": "payment_method", "type": "card", "card": {"last4": "4242"}, "customer": "cus_1"}
    assert event(samples.event("payment_method.attached", raw)).effect is Effect.CHANGED
    gone = event(samples.event("payment_method.detached", raw | {"customer": None}))
    assert (gone.effect, gone.kind, gone.record_id) == (Effect.DELETED, PaymentMethod, "pm_1")


@pytest.mark.parametrize(
    ("raw", "method", "brand"),
    [
        ({"type": "card", "card": {"brand": "visa", "wallet": {"type": "apple_pay"}}}, "wallet", "visa"),
        ({"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}, "bank", "sepa_debit"),
        ({"type": "us_bank_account", "us_bank_account": {"bank_name": "Old Bank"}}, "bank", "Old Bank"),
        ({"type": "carrier_pigeon"}, "other", "carrier_pigeon"),
    ],
)
def test_a_saved_method_is_named_in_our_words(raw: dict[str, Any], method: str, brand: str) -> None:
    found = payment_method({"id": "pm_1", **raw}, AS_OF)
    assert (found.method, found.brand) == (method, brand)


@pytest.mark.parametrize(
    ("changes", "status", "page"),
    [
        ({"status": "requires_payment_method"}, PaymentStatus.PENDING, True),
        ({"status": "requires_payment_method", "last_setup_error": {"code": "card_declined"}}, PaymentStatus.FAILED, True),
        ({"status": "requires_action"}, PaymentStatus.REQUIRES_ACTION, True),
        ({"status": "succeeded"}, PaymentStatus.SUCCEEDED, False),
        ({"status": "canceled"}, PaymentStatus.CANCELED, False),
    ],
)
def test_a_setup_gives_its_page_the_secret_while_there_is_something_to_do(
    changes: dict[str, Any], status: PaymentStatus, page: bool
) -> None:
    raw = {"id": "seti_1", "object": "setup_intent", "customer": "cus_1", "payment_method": "pm_1", "client_secret": "s_canary"}
    found = setup(raw | changes, AS_OF, **PAGE)
    assert (found.status, found.payment_method_id) == (status, "pm_1" if status is PaymentStatus.SUCCEEDED else None)
    assert found.client_parameters == ({"client_secret": "s_canary", **PAGE} if page else {})
    assert "canary" not in repr(found) + str(found.raw)


def test_a_failed_setups_error_keeps_no_secret_either() -> None:
    problem = {"code": "card_declined", "message": "No.", "setup_intent": {"id": "seti_1", "client_secret": "s_canary"}}
    raw = {"id": "seti_1", "object": "setup_intent", "status": "requires_payment_method", "last_setup_error": problem}
    found = setup(raw, AS_OF)
    assert found.failure == "No."
    assert "canary" not in str(found.raw)


def test_the_address_of_a_billing_portal_is_told_and_not_kept() -> None:
    raw = {"id": "bps_1", "object": "billing_portal.session", "customer": "cus_1", "url": "https://billing.stripe.com/p/canary"}
    found = billing_portal(raw, AS_OF)
    assert (found.customer_id, found.url) == ("cus_1", "https://billing.stripe.com/p/canary")
    assert "canary" not in repr(found) + str(found.raw)
