"""What happens to a subscription by the clock and by its invoices: renewals, trial ends, dunning, cancellation, expiry."""

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.customers import on_customer_deletion
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.invoice_collection import attempt_payment, cancel_open_payments, saved_method
from providers.sandbox.stripe.invoice_lifecycle import DAY_SECONDS, finalize, plan_finalization
from providers.sandbox.stripe.invoice_records import existing_invoice, move_to
from providers.sandbox.stripe.settle import on_invoice_failure, on_invoice_paid
from providers.sandbox.stripe.store import Record, subscription_of
from providers.sandbox.stripe.subscription_invoices import preview_of, subscription_invoice
from providers.sandbox.stripe.subscription_records import (
    LIVE,
    current_period,
    interval_of,
    period_after,
    put_subscription,
    set_period,
)

INCOMPLETE_SECONDS = 23 * 3600
TRIAL_WARNING_SECONDS = 3 * DAY_SECONDS
UPCOMING_SECONDS = 7 * DAY_SECONDS


def bill_now(call: Call, subscription: Record, reason: str, *, free: bool = False, attempt: bool = True) -> Record:
    """Make, finalize and (charge_automatically) try to collect an invoice at once. Raises the card error of a failed attempt."""
    invoice = subscription_invoice(call, subscription, reason, free=free)
    _remember(call, subscription["id"], invoice)
    if subscription["collection_method"] == "send_invoice" and not free:
        plan_finalization(call, invoice)
        return invoice
    if invoice["amount_due"] == 0 or not attempt:
        return finalize(call, {**invoice, "auto_advance": False})
    finalize(call, {**invoice, "auto_advance": False})
    invoice = existing_invoice(call, invoice["id"])
    method_id = saved_method(call, invoice)
    if invoice["status"] == "open" and method_id:
        return attempt_payment(call, invoice, method_id, off_session=bool(call.params.get("off_session")))
    return invoice


def plan_next(call: Call, subscription: Record) -> None:
    """Look again when the next thing about this subscription falls due."""
    moments = [moment for moment in _moments(call, subscription) if moment > call.now]
    if subscription["status"] in LIVE and moments:
        call.plan(min(moments), lambda later: advance(later, subscription["id"]), after_webhooks=True)


def plan_expiry(call: Call, subscription_id: str) -> None:
    """An incomplete subscription whose first invoice stays unpaid for 23 hours expires."""

    def due(later: Call) -> None:
        current = later.store.subscriptions.get(subscription_id)
        if current is None or current["status"] != "incomplete":
            return
        before = dict(current)
        _void_open_invoices(later, current)
        current |= {"status": "incomplete_expired", "ended_at": later.now}
        put_subscription(later, current, before=before)

    call.plan(call.now + INCOMPLETE_SECONDS, due)


def advance(call: Call, subscription_id: str) -> None:
    """Do what is due now. Planned too often it does no harm: everything is decided by what the record says."""
    subscription = call.store.subscriptions.get(subscription_id)
    if subscription is None or subscription["status"] not in LIVE:
        return
    now = call.now
    _resume_collection(call, subscription)
    if subscription["cancel_at"] is not None and now >= subscription["cancel_at"]:
        end_now(call, subscription, subscription["cancellation_details"]["reason"] or "cancellation_requested")
        return
    start, end = current_period(subscription)
    if subscription["status"] == "trialing" and subscription["trial_end"] - TRIAL_WARNING_SECONDS == now:
        emit(call, "customer.subscription.trial_will_end", subscription)
    if end - UPCOMING_SECONDS == now > start and subscription["status"] in ("active", "past_due"):
        emit(call, "invoice.upcoming", preview_of(call, subscription))
    if now >= end:
        if subscription["cancel_at_period_end"]:
            end_now(call, subscription, "cancellation_requested")
            return
        if subscription["status"] not in ("incomplete", "paused"):
            _next_period(call, subscription, end)
    current = call.store.subscriptions.get(subscription_id)
    if current is not None:
        plan_next(call, current)


def end_now(call: Call, subscription: Record, reason: str) -> Record:
    """Cancel for good: customer.subscription.deleted; drafts of it do not advance any more."""
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or call.now,
        "cancel_at_period_end": False,
        "ended_at": call.now,
        "pause_collection": None,
    }
    subscription["cancellation_details"]["reason"] = reason
    put_subscription(call, subscription)
    emit(call, "customer.subscription.deleted", subscription)
    for invoice in call.store.invoices.find(subscription=subscription["id"]):
        if invoice["status"] == "draft" and invoice["auto_advance"]:
            changed = {**invoice, "auto_advance": False, "automatically_finalizes_at": None}
            call.store.invoices.put(changed)
            emit(call, "invoice.updated", changed, before=invoice)
    return subscription


def pause_now(call: Call, subscription: Record, kind: str) -> Record:
    """kind: why, as in status_details.paused.subscription.type."""
    before = dict(subscription)
    paused = {"subscription": {"type": kind}, "transitioned_at": call.now, "type": "subscription"}
    subscription |= {"status": "paused", "status_details": {"paused": paused}}
    put_subscription(call, subscription, before=before)
    emit(call, "customer.subscription.paused", subscription)
    return subscription


def activate(call: Call, subscription: Record, *, before: Record) -> Record:
    resumed = subscription["status"] == "paused"
    subscription |= {"status": "active", "status_details": None}
    put_subscription(call, subscription, before=before)
    if resumed:
        emit(call, "customer.subscription.resumed", subscription)
    return subscription


def _moments(call: Call, subscription: Record) -> list[int]:
    _, end = current_period(subscription)
    moments = [end, end - UPCOMING_SECONDS]
    if subscription["status"] == "trialing":
        moments.append(subscription["trial_end"] - TRIAL_WARNING_SECONDS)
    if subscription["cancel_at"] is not None:
        moments.append(subscription["cancel_at"])
    if subscription["pause_collection"] and subscription["pause_collection"]["resumes_at"]:
        moments.append(subscription["pause_collection"]["resumes_at"])
    return moments


def _next_period(call: Call, subscription: Record, end: int) -> None:
    before = {**subscription, "items": call_items(subscription)}
    was_trial = subscription["status"] == "trialing"
    if was_trial and _ends_without_method(call, subscription):
        return
    anchor = end if was_trial else subscription["billing_cycle_anchor"]
    subscription["billing_cycle_anchor"] = anchor
    set_period(subscription, end, period_after(call, interval_of(subscription), anchor, end))
    if was_trial:
        subscription["status"] = "active"
    put_subscription(call, subscription, before=before)
    invoice = subscription_invoice(call, subscription, "subscription_cycle")
    invoice |= {"period_start": current_period(before)[0], "period_end": end}
    call.store.invoices.put(invoice)
    _remember(call, subscription["id"], invoice)
    if subscription["status"] == "unpaid" or subscription["pause_collection"]:
        _hold_back(call, subscription, invoice)
        return
    plan_finalization(call, invoice)


def call_items(subscription: Record) -> Record:
    """A copy of the item list that stays as it is when the items change."""
    return {**subscription["items"], "data": [dict(item) for item in subscription["items"]["data"]]}


def _ends_without_method(call: Call, subscription: Record) -> bool:
    """A trial that ends without a payment method may pause or cancel instead of billing."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or subscription["collection_method"] == "send_invoice":
        return False
    customer = call.store.customers.get(subscription["customer"]) or {"invoice_settings": {}}
    if subscription["default_payment_method"] or customer["invoice_settings"].get("default_payment_method"):
        return False
    if behavior == "pause":
        pause_now(call, subscription, "trial_end_without_payment_method")
    else:
        end_now(call, subscription, "cancellation_requested")
    return True


def _hold_back(call: Call, subscription: Record, invoice: Record) -> None:
    """pause_collection (or an unpaid subscription): the invoice is made, but nobody is asked to pay it."""
    behavior = (subscription["pause_collection"] or {}).get("behavior", "keep_as_draft")
    if behavior == "keep_as_draft":
        call.store.invoices.put({**invoice, "auto_advance": False})
        return
    finalize(call, {**invoice, "auto_advance": False})
    current, was = existing_invoice(call, invoice["id"]), existing_invoice(call, invoice["id"])
    if current["status"] != "open":
        return
    if behavior == "void":
        cancel_open_payments(call, current, "void_invoice")
        move_to(call, was, {**current, "status": "void"}, "voided_at", "invoice.voided")
    else:
        current |= {"status": "uncollectible", "status_details": {"uncollectible": {"reason": "subscription_paused"}}}
        move_to(call, was, current, "marked_uncollectible_at", "invoice.marked_uncollectible")


def _resume_collection(call: Call, subscription: Record) -> None:
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] and call.now >= pause["resumes_at"]:
        before = dict(subscription)
        subscription["pause_collection"] = None
        put_subscription(call, subscription, before=before)


def _remember(call: Call, subscription_id: str, invoice: Record) -> None:
    subscription = call.store.subscriptions.get(subscription_id)
    if subscription is not None:
        call.store.subscriptions.put({**subscription, "latest_invoice": invoice["id"]})


def _void_open_invoices(call: Call, subscription: Record) -> None:
    for invoice in call.store.invoices.find(subscription=subscription["id"]):
        if invoice["status"] == "open":
            cancel_open_payments(call, invoice, "void_invoice")
            move_to(call, dict(invoice), {**invoice, "status": "void"}, "voided_at", "invoice.voided")


def _paid(call: Call, invoice: Record) -> None:
    subscription = call.store.subscriptions.get(subscription_of(invoice) or "")
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    resumption = subscription["status"] == "paused" and invoice["billing_reason"] == "subscription"
    if subscription["status"] in ("incomplete", "past_due", "unpaid") or resumption:
        activate(call, subscription, before=dict(subscription))


def _not_paid(call: Call, invoice: Record) -> None:
    """Dunning: past_due, more attempts after some days, and in the end what the account's settings say."""
    subscription = call.store.subscriptions.get(subscription_of(invoice) or "")
    if subscription is None or subscription["status"] not in ("active", "past_due"):
        return
    if invoice["billing_reason"] == "subscription_create" and subscription["status"] != "active":
        return
    before = dict(subscription)
    subscription["status"] = "past_due"
    put_subscription(call, subscription, before=before)
    if invoice["collection_method"] == "charge_automatically":
        _plan_attempt(call, invoice, subscription["id"])


def _plan_attempt(call: Call, invoice: Record, subscription_id: str) -> None:
    days = call.world.options.subscription_retry_days
    if invoice["attempt_count"] > len(days):
        _give_up(call, invoice, subscription_id)
        return
    moment = call.now + days[invoice["attempt_count"] - 1] * DAY_SECONDS
    changed = {**invoice, "next_payment_attempt": moment}
    call.store.invoices.put(changed)
    emit(call, "invoice.updated", changed, before=invoice)

    def due(later: Call) -> None:
        current = later.store.invoices.get(invoice["id"])
        if current is None or current["status"] != "open" or current["next_payment_attempt"] != moment:
            return
        method_id = saved_method(later, current)
        try:
            if method_id:
                attempt_payment(later, current, method_id, off_session=True)
            else:
                _count_attempt(later, current)
        except ApiError:
            return

    call.plan(moment, due)


def _count_attempt(call: Call, invoice: Record) -> None:
    changed = {**invoice, "attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    call.store.invoices.put(changed)
    emit(call, "invoice.payment_failed", changed)
    _not_paid(call, changed)


def _give_up(call: Call, invoice: Record, subscription_id: str) -> None:
    changed = {**invoice, "next_payment_attempt": None}
    call.store.invoices.put(changed)
    subscription = call.store.subscriptions.get(subscription_id)
    if subscription is None:
        return
    outcome = call.world.options.subscription_after_retries
    if outcome == "canceled":
        end_now(call, subscription, "payment_failed")
    elif outcome == "unpaid":
        before = dict(subscription)
        put_subscription(call, subscription | {"status": "unpaid"}, before=before)


def _end_all_of(call: Call, customer: Record) -> None:
    for subscription in call.store.subscriptions.find(customer=customer["id"]):
        if subscription["status"] in LIVE:
            end_now(call, subscription, "cancellation_requested")


on_customer_deletion.append(_end_all_of)
on_invoice_paid.append(_paid)
on_invoice_failure.append(_not_paid)
