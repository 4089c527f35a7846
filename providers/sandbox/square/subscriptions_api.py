"""The Subscriptions API: create, read, search, change; cancelling, pausing and swapping are scheduled actions."""

from providers.sandbox.square import subscriptions
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_limit, page_of
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.subscription_billing import cycles_later, end, settle
from providers.sandbox.square.subscriptions import billing_of, day_of, find, phases_of, save, schedule, today_of, variation_of

WRITE = ("CUSTOMERS_READ", "PAYMENTS_WRITE", "SUBSCRIPTIONS_WRITE", "ITEMS_READ", "ORDERS_WRITE", "INVOICES_WRITE")
PATH = "/v2/subscriptions/<subscription_id>"

routes = Routes()


@routes.on("POST", "/v2/subscriptions", scopes=WRITE, body="CreateSubscriptionRequest")
def create_subscription(call: Call) -> Answer:
    def make() -> str:
        made = subscriptions.create(call.square, call.seller, call.body, source=call.caller.application.name)
        settle(call.square, call.seller, made["id"])
        return str(made["id"])

    return call.once("CreateSubscription", make, lambda made: {"subscription": find(call.seller, made)})


@routes.on("GET", PATH, scopes=("SUBSCRIPTIONS_READ",), query=("include",))
def get_subscription(call: Call, subscription_id: str) -> Answer:
    known = find(call.seller, subscription_id)
    included = {part for part in call.query.get("include", "").split(",") if part}
    if included - {"actions"}:
        raise invalid("INVALID_VALUE", "Only `actions` can be included.", "include")
    return {"subscription": subscriptions.with_actions(call.seller, known) if included else known}


@routes.on("POST", "/v2/subscriptions/search", scopes=("SUBSCRIPTIONS_READ",), body="SearchSubscriptionsRequest")
def search_subscriptions(call: Call) -> Answer:
    """Oldest first; there is no filter by time."""
    query = call.body.get("query") or {}
    wanted = query.get("filter") or {}
    customer_ids, location_ids, sources = (
        set(wanted.get(f"{name}s") or []) for name in ("customer_id", "location_id", "source_name")
    )
    for location_id in location_ids:
        location_of(call.seller, location_id, "query.filter.location_ids")
    with_actions = "actions" in (call.body.get("include") or [])
    found = [
        (f"{record['created_at']}|{record['id']}", subscriptions.with_actions(call.seller, record) if with_actions else record)
        for record in call.seller.subscriptions.records()
        if (not customer_ids or record["customer_id"] in customer_ids)
        and (not location_ids or record["location_id"] in location_ids)
        and (not sources or record["source"].get("name") in sources)
    ]
    limit = page_limit(call.body.get("limit"), default=100, most=1000, ignore_excess=True)
    return page_of(call, found, "subscriptions", limit=limit, query=[query, with_actions], cursor=call.body.get("cursor"))


@routes.on("PUT", PATH, scopes=WRITE, body="UpdateSubscriptionRequest")
def update_subscription(call: Call, subscription_id: str) -> Answer:
    known, changes = find(call.seller, subscription_id), dict(call.body.get("subscription") or {})
    version = changes.pop("version", None)
    check_version(call.square, "subscription", known["version"], version, documented="CONFLICT", required=False)
    if known["status"] in subscriptions.ENDED:
        raise bad_request(f"A subscription in state {known['status']} cannot be updated.")
    if changes.get("card_id"):
        subscriptions.check_card(call.seller, changes["card_id"], known["customer_id"])
    if changes.get("canceled_date") not in (None, known.get("canceled_date")):
        raise bad_request("The cancel date can only be cleared; cancel the subscription instead.", "subscription.canceled_date")
    if "canceled_date" in changes and changes["canceled_date"] is None:
        _forget(call, subscription_id, "CANCEL")
    names = ("card_id", "canceled_date", "price_override_money", "tax_percentage", "source")
    merged = dict(known)
    for name in names:
        if name in changes:
            if changes[name] is None:
                merged.pop(name, None)
            else:
                merged[name] = changes[name]
    save(call.square, call.seller, merged)
    return {"subscription": settle(call.square, call.seller, subscription_id)}


def _forget(call: Call, subscription_id: str, kind: str) -> None:
    billing = billing_of(call.seller, subscription_id)
    billing.actions = [action for action in billing.actions if action["type"] != kind]


def _answer(call: Call, subscription_id: str, actions: list[Record]) -> Record:
    subscription = settle(call.square, call.seller, subscription_id)
    shown = subscriptions.shown_actions(actions)
    return {"subscription": subscription, **({"actions": shown} if shown else {})}


@routes.on("POST", f"{PATH}/cancel", scopes=("SUBSCRIPTIONS_WRITE",))
def cancel_subscription(call: Call, subscription_id: str) -> Answer:
    """Stays ACTIVE until the end of the period that is charged already."""
    known = find(call.seller, subscription_id)
    if known["status"] in subscriptions.ENDED:
        raise bad_request(f"A subscription in state {known['status']} cannot be canceled.")
    today = today_of(call.square, known)
    if known["status"] != "ACTIVE":
        end(call.square, call.seller, known, today)  # nothing is charged for, so nothing has to run out
        return _answer(call, subscription_id, [])
    day = max(day_of(known.get("charged_through_date"), "charged_through_date") or today, today)
    action = schedule(call.seller, known, "CANCEL", day)
    save(call.square, call.seller, {**known, "canceled_date": day.isoformat()})
    return _answer(call, subscription_id, [action])


@routes.on("POST", f"{PATH}/pause", scopes=WRITE, body="PauseSubscriptionRequest")
def pause_subscription(call: Call, subscription_id: str) -> Answer:
    known, body = find(call.seller, subscription_id), call.body
    if known["status"] not in ("ACTIVE", "PENDING"):
        raise bad_request(f"A subscription in state {known['status']} cannot be paused.")
    today, next_bill = today_of(call.square, known), billing_of(call.seller, subscription_id).next_bill
    start = day_of(body.get("pause_effective_date"), "pause_effective_date") or next_bill
    if start < today:
        raise invalid("INVALID_DATE", "The pause begins in the past.", "pause_effective_date")
    start = max(start, next_bill)  # a pause never cuts a period that is charged already
    cycles, resume = body.get("pause_cycle_duration"), day_of(body.get("resume_effective_date"), "resume_effective_date")
    if cycles is not None and (resume is not None or body.get("resume_change_timing")):
        raise invalid("CONFLICTING_PARAMETERS", "Give a number of cycles or a date to resume.", "pause_cycle_duration")
    if cycles is not None and cycles < 1:
        raise invalid("INVALID_PAUSE_LENGTH", "A pause lasts at least one cycle.", "pause_cycle_duration")
    if resume is not None and resume <= start:
        raise invalid("INVALID_DATE", "The subscription resumes before it pauses.", "resume_effective_date")
    pause = schedule(
        call.seller, known, "PAUSE", start, **({"_reason": body["pause_reason"]} if body.get("pause_reason") else {})
    )
    actions = [pause]
    if cycles is not None:
        resume = cycles_later(call.seller, known, start, cycles)
    if resume is not None:
        actions.append(schedule(call.seller, known, "RESUME", resume))
    save(call.square, call.seller, known)
    return _answer(call, subscription_id, actions)


@routes.on("POST", f"{PATH}/resume", scopes=WRITE, body="ResumeSubscriptionRequest")
def resume_subscription(call: Call, subscription_id: str) -> Answer:
    known = find(call.seller, subscription_id)
    waiting = any(action["type"] == "PAUSE" for action in billing_of(call.seller, subscription_id).actions)
    if known["status"] not in ("PAUSED", "DEACTIVATED") and not waiting:
        raise bad_request(f"A subscription in state {known['status']} cannot be resumed.")
    today = today_of(call.square, known)
    day = day_of(call.body.get("resume_effective_date"), "resume_effective_date") or today
    if day < today:
        raise invalid("INVALID_DATE", "The subscription cannot resume in the past.", "resume_effective_date")
    if call.body.get("resume_change_timing") == "END_OF_BILLING_CYCLE":
        day = max(day, billing_of(call.seller, subscription_id).next_bill)
    action = schedule(call.seller, known, "RESUME", day)
    save(call.square, call.seller, known)
    return _answer(call, subscription_id, [action])


@routes.on("POST", f"{PATH}/swap-plan", scopes=WRITE, body="SwapPlanRequest")
def swap_plan(call: Call, subscription_id: str) -> Answer:
    """To another variation, from the next billing day on."""
    known = find(call.seller, subscription_id)
    if known["status"] != "ACTIVE":
        raise bad_request(f"The plan of a subscription in state {known['status']} cannot be swapped.")
    variation = variation_of(call.seller, call.body.get("new_plan_variation_id"), "new_plan_variation_id")
    if variation["id"] == known["plan_variation_id"]:
        raise bad_request("The subscription has this plan variation already.", "new_plan_variation_id")
    phases = phases_of(call.seller, variation, call.body.get("phases"))
    day = billing_of(call.seller, subscription_id).next_bill
    action = schedule(call.seller, known, "SWAP_PLAN", day, new_plan_variation_id=variation["id"], phases=phases)
    save(call.square, call.seller, known)
    return _answer(call, subscription_id, [action])


@routes.on(
    "POST",
    f"{PATH}/billing-anchor",
    scopes=("SUBSCRIPTIONS_WRITE", "SUBSCRIPTIONS_READ", "ITEMS_READ"),
    body="ChangeBillingAnchorDateRequest",
)
def change_anchor(call: Call, subscription_id: str) -> Answer:
    known, anchor = find(call.seller, subscription_id), call.body.get("monthly_billing_anchor_date")
    if anchor is None or not 1 <= anchor <= 31:
        raise invalid("INVALID_VALUE", "The billing anchor is a day of the month.", "monthly_billing_anchor_date")
    if known["status"] not in ("ACTIVE", "PENDING"):
        raise bad_request(f"The anchor of a subscription in state {known['status']} cannot be changed.")
    day = day_of(call.body.get("effective_date"), "effective_date") or today_of(call.square, known)
    action = schedule(call.seller, known, "CHANGE_BILLING_ANCHOR_DATE", day, monthly_billing_anchor_date=anchor)
    save(call.square, call.seller, known)
    return _answer(call, subscription_id, [action])


@routes.on("DELETE", f"{PATH}/actions/<action_id>", scopes=("SUBSCRIPTIONS_WRITE",))
def delete_action(call: Call, subscription_id: str, action_id: str) -> Answer:
    known, billing = find(call.seller, subscription_id), billing_of(call.seller, subscription_id)
    action = next((action for action in billing.actions if action["id"] == action_id), None)
    if action is None:
        raise not_found("Subscription action", action_id, "action_id")
    billing.actions.remove(action)
    if action["type"] == "CANCEL":
        known = {name: value for name, value in known.items() if name != "canceled_date"}
    save(call.square, call.seller, known)
    return {"subscription": settle(call.square, call.seller, subscription_id)}


@routes.on("GET", f"{PATH}/events", scopes=("SUBSCRIPTIONS_READ",), query=("cursor", "limit"))
def list_events(call: Call, subscription_id: str) -> Answer:
    find(call.seller, subscription_id)
    history = billing_of(call.seller, subscription_id).history
    keyed = [(f"{number:06d}", event) for number, event in enumerate(history)]
    limit = page_limit(call.whole_number("limit"), default=100, most=1000, ignore_excess=True)
    return page_of(call, keyed, "subscription_events", limit=limit, query=[subscription_id], cursor=call.query.get("cursor"))


@routes.on(
    "POST",
    "/v2/subscriptions/bulk-swap-plan",
    scopes=("SUBSCRIPTIONS_WRITE", "SUBSCRIPTIONS_READ", "ITEMS_READ"),
    body="BulkSwapPlanRequest",
)
def bulk_swap(call: Call) -> Answer:
    """All living subscriptions of a location from one variation to another."""
    for name in ("new_plan_variation_id", "old_plan_variation_id", "location_id"):
        if not call.body.get(name):
            raise missing(name)
    new = variation_of(call.seller, call.body["new_plan_variation_id"], "new_plan_variation_id")
    affected = 0
    for known in list(call.seller.subscriptions.records()):
        fits = (
            known["plan_variation_id"] == call.body["old_plan_variation_id"] and known["location_id"] == call.body["location_id"]
        )
        if fits and known["status"] == "ACTIVE":
            day, phases = billing_of(call.seller, known["id"]).next_bill, phases_of(call.seller, new)
            schedule(call.seller, known, "SWAP_PLAN", day, new_plan_variation_id=new["id"], phases=phases)
            save(call.square, call.seller, known)
            settle(call.square, call.seller, known["id"])
            affected += 1
    return {"affected_subscriptions": affected}
