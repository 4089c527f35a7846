"""Subscriptions of the Stripe twin: their life by API calls and by the clock."""

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform


def latest_invoice(platform: Platform, subscription_id: str) -> stripe.Invoice:
    found: stripe.Invoice = platform.v1.invoices.list({"subscription": subscription_id}, platform.as_bakery).data[0]
    return found


def invoices_of(platform: Platform, subscription_id: str) -> list[stripe.Invoice]:
    """Oldest first."""
    page = platform.v1.invoices.list({"subscription": subscription_id, "limit": 100}, platform.as_bakery)
    return list(reversed(page.data))


def test_subscription_of_a_paying_customer_is_active_and_its_first_invoice_paid(platform: Platform) -> None:
    subscription = platform.subscribe(amount=1500)
    assert subscription.status == "active"
    item = subscription["items"].data[0]
    assert 27 * 86400 < item.current_period_end - item.current_period_start < 32 * 86400
    assert "current_period_end" not in subscription
    invoice = platform.invoice(subscription.latest_invoice)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 1500, "subscription_create")
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.lines.data[0].parent.subscription_item_details.subscription_item == item.id
    assert "customer.subscription.created" in platform.event_types("customer.subscription.*")


def test_price_data_with_amount_and_interval_makes_a_subscription(platform: Platform) -> None:
    product = platform.v1.products.create({"name": "Gardening"}, platform.as_bakery)
    data = {"currency": "usd", "product": product.id, "unit_amount": 4000, "recurring": {"interval": "week"}}
    subscription = platform.subscribe(items=[{"price_data": data, "quantity": 2}])
    item = subscription["items"].data[0]
    assert item.current_period_end - item.current_period_start == 7 * 86400
    assert latest_invoice(platform, subscription.id).amount_paid == 8000
    assert item.price.id not in {price.id for price in platform.v1.prices.list({}, platform.as_bakery).data}


def test_each_period_makes_an_invoice_that_is_finalized_and_paid_an_hour_later(platform: Platform) -> None:
    subscription = platform.subscribe()
    end = subscription["items"].data[0].current_period_end
    platform.pass_days(95)
    invoices = invoices_of(platform, subscription.id)
    assert [invoice.status for invoice in invoices] == ["paid"] * 4
    assert [invoice.billing_reason for invoice in invoices] == ["subscription_create"] + ["subscription_cycle"] * 3
    assert invoices[1].created == end
    assert invoices[1].status_transitions.finalized_at == end + 3600
    assert platform.subscription(subscription.id)["items"].data[0].current_period_end > end + 80 * 86400


def test_declined_first_payment_leaves_it_incomplete_until_it_expires(platform: Platform) -> None:
    subscription = platform.subscribe(platform.paying_customer("4000000000000341"))
    assert subscription.status == "incomplete"
    platform.pass_days(1)
    assert platform.subscription(subscription.id).status == "incomplete_expired"
    assert latest_invoice(platform, subscription.id).status == "void"


def test_default_incomplete_waits_for_the_payer_and_becomes_active(platform: Platform) -> None:
    customer = platform.customer()
    subscription = platform.subscribe(
        customer, payment_behavior="default_incomplete", expand=["latest_invoice.confirmation_secret"]
    )
    assert subscription.status == "incomplete"
    secret = subscription.latest_invoice.confirmation_secret.client_secret
    platform.v1.payment_intents.confirm(secret.split("_secret_")[0], {"payment_method": "pm_card_visa"}, platform.as_bakery)
    assert platform.subscription(subscription.id).status == "active"


def test_without_a_payment_method_creation_is_refused(platform: Platform) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        platform.subscribe(platform.customer())
    assert refused.value.code == "resource_missing"


def test_failed_renewal_is_past_due_retried_and_in_the_end_canceled(platform: Platform) -> None:
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    platform.act("save_card", customer_id=customer.id, card="4000000000000341")
    platform.pass_days(32)
    assert platform.subscription(subscription.id).status == "past_due"
    invoice = latest_invoice(platform, subscription.id)
    assert invoice.next_payment_attempt == invoice.status_transitions.finalized_at + 3 * 86400
    platform.pass_days(16)
    ended = platform.subscription(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    assert latest_invoice(platform, subscription.id).attempt_count == 4


def test_past_due_is_active_again_when_the_payer_pays(platform: Platform) -> None:
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    platform.act("save_card", customer_id=customer.id, card="4000000000000341")
    platform.pass_days(32)
    platform.pay_page(latest_invoice(platform, subscription.id))
    assert platform.subscription(subscription.id).status == "active"


def test_unpaid_by_account_setting_keeps_making_drafts(platform: Platform) -> None:
    platform.control("settings", subscription_after_retries="unpaid")
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    platform.act("save_card", customer_id=customer.id, card="4000000000000341")
    platform.pass_days(70)
    assert platform.subscription(subscription.id).status == "unpaid"
    assert latest_invoice(platform, subscription.id).status == "draft"


def test_cancel_now_deletes_it_from_the_default_list(platform: Platform) -> None:
    subscription = platform.subscribe()
    platform.v1.subscriptions.cancel(subscription.id, {}, platform.as_bakery)
    ended = platform.subscription(subscription.id)
    assert (ended.status, ended.ended_at is not None) == ("canceled", True)
    assert platform.v1.subscriptions.list({}, platform.as_bakery).data == []
    for status in ("all", "canceled", "ended"):
        assert [found.id for found in platform.v1.subscriptions.list({"status": status}, platform.as_bakery).data] == [
            subscription.id
        ]
    assert platform.event_types("customer.subscription.*")[-1] == "customer.subscription.deleted"


def test_cancel_at_period_end_keeps_it_until_then(platform: Platform) -> None:
    subscription = platform.subscribe()
    changed = platform.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True}, platform.as_bakery)
    asked_at = changed.canceled_at
    assert (changed.status, asked_at is not None) == ("active", True)
    platform.pass_days(32)
    ended = platform.subscription(subscription.id)
    assert (ended.status, ended.canceled_at) == ("canceled", asked_at)
    assert ended.ended_at == subscription["items"].data[0].current_period_end
    assert len(invoices_of(platform, subscription.id)) == 1


def test_trial_is_free_then_bills(platform: Platform) -> None:
    subscription = platform.subscribe(trial_period_days=10)
    assert (subscription.status, latest_invoice(platform, subscription.id).total) == ("trialing", 0)
    platform.pass_days(11)
    assert platform.subscription(subscription.id).status == "active"
    assert latest_invoice(platform, subscription.id).amount_paid == 1500
    assert "customer.subscription.trial_will_end" in platform.event_types("customer.subscription.*")


def test_trial_without_a_card_pauses_if_asked_to(platform: Platform) -> None:
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    subscription = platform.subscribe(platform.customer(), trial_period_days=5, trial_settings=settings)
    platform.pass_days(6)
    paused = platform.subscription(subscription.id)
    assert (paused.status, paused.status_details.paused.subscription.type) == ("paused", "trial_end_without_payment_method")
    assert "customer.subscription.paused" in platform.event_types("customer.subscription.*")


def test_pause_and_resume_stop_and_start_billing(platform: Platform) -> None:
    subscription = platform.subscribe()
    params = {"bill_for": {"unused_time_from": {"type": "none"}}}
    assert platform.v1.subscriptions.pause(subscription.id, params, platform.as_bakery).status == "paused"
    platform.pass_days(65)
    assert len(invoices_of(platform, subscription.id)) == 1
    resumed = platform.v1.subscriptions.resume(subscription.id, {}, platform.as_bakery)
    assert resumed.status == "active"
    assert latest_invoice(platform, subscription.id).amount_paid == 1500
    assert "customer.subscription.resumed" in platform.event_types("customer.subscription.*")


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")]
)
def test_paused_collection_keeps_the_status_and_asks_nobody_to_pay(platform: Platform, behavior: str, status: str) -> None:
    subscription = platform.subscribe()
    platform.v1.subscriptions.update(subscription.id, {"pause_collection": {"behavior": behavior}}, platform.as_bakery)
    platform.pass_days(33)
    assert platform.subscription(subscription.id).status == "active"
    assert latest_invoice(platform, subscription.id).status == status


def test_collection_resumes_by_itself(platform: Platform) -> None:
    subscription = platform.subscribe()
    resumes_at = subscription["items"].data[0].current_period_start + 10 * 86400
    pause = {"behavior": "void", "resumes_at": resumes_at}
    platform.v1.subscriptions.update(subscription.id, {"pause_collection": pause}, platform.as_bakery)
    platform.pass_days(33)
    assert latest_invoice(platform, subscription.id).status == "paid"


def test_dearer_price_is_prorated_on_the_next_invoice(platform: Platform) -> None:
    subscription = platform.subscribe(amount=3000)
    item = subscription["items"].data[0]
    platform.pass_days(15)
    change = {"items": [{"id": item.id, "price": platform.price(6000).id}]}
    changed = platform.v1.subscriptions.update(subscription.id, change, platform.as_bakery)
    assert changed["items"].data[0].price.unit_amount == 6000
    pending = platform.v1.invoice_items.list({"pending": True}, platform.as_bakery).data
    assert sorted(row.proration for row in pending) == [True, True]
    credit, debit = sorted(row.amount for row in pending)
    assert (-1600 < credit < -1400, 2800 < debit < 3200) == (True, True)
    platform.pass_days(20)
    assert latest_invoice(platform, subscription.id).total == 6000 + credit + debit


def test_items_can_be_added_changed_and_removed(platform: Platform) -> None:
    subscription = platform.subscribe()
    added = platform.v1.subscription_items.create(
        {"subscription": subscription.id, "price": platform.price(700).id, "proration_behavior": "none"}, platform.as_bakery
    )
    platform.v1.subscription_items.update(added.id, {"quantity": 3, "proration_behavior": "none"}, platform.as_bakery)
    listed = platform.v1.subscription_items.list({"subscription": subscription.id}, platform.as_bakery).data
    assert {item.id: item.quantity for item in listed}[added.id] == 3
    assert platform.v1.subscription_items.delete(added.id, {"proration_behavior": "none"}, platform.as_bakery).deleted
    assert len(platform.subscription(subscription.id)["items"].data) == 1


def test_send_invoice_subscription_is_sent_and_past_due_when_it_is_overdue(platform: Platform) -> None:
    subscription = platform.subscribe(platform.customer(), collection_method="send_invoice", days_until_due=7)
    assert (subscription.status, latest_invoice(platform, subscription.id).status) == ("active", "draft")
    platform.pass_days(1)
    assert latest_invoice(platform, subscription.id).status == "open"
    platform.pass_days(8)
    assert platform.subscription(subscription.id).status == "past_due"


def test_deleted_customer_ends_its_subscriptions(platform: Platform) -> None:
    customer = platform.paying_customer()
    subscription = platform.subscribe(customer)
    platform.v1.customers.delete(customer.id, {}, platform.as_bakery)
    assert platform.subscription(subscription.id).status == "canceled"


def test_coupon_for_once_lowers_only_the_first_invoice(platform: Platform) -> None:
    coupon = platform.v1.coupons.create({"percent_off": 50, "duration": "once"}, platform.as_bakery)
    subscription = platform.subscribe(amount=2000, discounts=[{"coupon": coupon.id}])
    platform.pass_days(33)
    assert [invoice.amount_paid for invoice in invoices_of(platform, subscription.id)] == [1000, 2000]
