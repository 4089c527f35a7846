"""The rules of the kinds around a sale: what may be made of them, changed and done, and what follows in the same books."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from providers.fake.world.books import Books, only, wrong_state
from providers.fake.world.wire import Json, Refusal

DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}  # as long as a fake period needs to be
SUBSCRIPTION_FIELDS = frozenset(
    [
        "customer_id",
        "name",
        "price_id",
        "amount",
        "interval",
        "interval_count",
        "payment_method_id",
        "location_id",
        "starts_on",
        "reference",
    ]
)
EVIDENCE_FIELDS = frozenset(
    [
        "explanation",
        "product_description",
        "customer_name",
        "customer_email",
        "service_date",
        "refund_policy",
        "access_activity_log",
    ]
)


@dataclass(frozen=True, slots=True)
class Desk:
    """`acts`: what each verb does; it raises Refusal where the record's state does not allow it. None: there is no such call."""

    create: Callable[[Books, Json], Json] | None = None
    update: Callable[[Books, Json, Json], None] | None = None
    acts: Mapping[str, Callable[[Books, Json], None]] | None = None


def write(books: Books, desk: Desk, kind: str, id: str | None, verb: str, body: Json) -> Json:
    """One write at this desk; `id` None: a new record."""
    if id is None:
        if desk.create is None:
            raise _no_such_call()
        return desk.create(books, body)
    record = books.shelves[kind].get(id)
    books.shelves[kind].check_version(record, body.pop("version", None))
    if verb == "update" and desk.update is not None:
        desk.update(books, record, body)
    elif desk.acts is not None and verb in desk.acts:
        desk.acts[verb](books, record)
    else:
        raise _no_such_call()
    return record


# --- subscriptions ---


def _new_subscription(books: Books, body: Json) -> Json:
    only(body, SUBSCRIPTION_FIELDS)
    books.check_customer(body.get("customer_id"))
    begins = date.fromisoformat(body.get("starts_on") or books.now().date().isoformat())
    empty = dict.fromkeys(SUBSCRIPTION_FIELDS)
    fields = {**empty, "name": "", "interval_count": 1, **body, **_priced(books, body), "starts_on": begins.isoformat()}
    renews = begins + timedelta(days=DAYS[fields["interval"]] * fields["interval_count"])
    state = "pending" if begins > books.now().date() else "active"
    return books.add("subscription", {**fields, "status": state, "collects": True, "renews_on": renews.isoformat()})


def _priced(books: Books, body: Json) -> Json:
    """Amount and interval of a price; or a price made for this amount and interval."""
    if body.get("price_id"):
        of_price = [old for old in books.shelves["subscription"] if old["price_id"] == body["price_id"]]
        if not of_price:
            raise Refusal(422, "price_unknown", "There is no such price.", field="price_id")
        return {name: of_price[0][name] for name in ("amount", "interval", "interval_count")}
    if not body.get("amount") or body.get("interval") not in DAYS:
        raise Refusal(422, "price_missing", "A subscription needs a price, or an amount and an interval.", field="amount")
    if body["amount"]["amount"] <= 0:
        raise Refusal(422, "amount_invalid", "The amount must be positive.", field="amount")
    return {"price_id": f"fake_price_{books.next_number()}"}


def _change_subscription(books: Books, record: Json, body: Json) -> None:
    only(body, SUBSCRIPTION_FIELDS - {"customer_id", "starts_on"})
    _check_running(record)
    if body.get("price_id") or body.get("amount"):
        body = {**body, **_priced(books, {"interval": record["interval"], **body})}
    books.change("subscription", record, **body)


def _cancel_subscription(books: Books, record: Json) -> None:
    _check_running(record)
    books.change("subscription", record, status="canceled", renews_on=None, ended_at=books.now().isoformat())


def _pause_subscription(books: Books, record: Json) -> None:
    if record["status"] != "active":
        raise wrong_state(f"A subscription that is {record['status']} cannot be paused.")
    books.change("subscription", record, status="paused")


def _resume_subscription(books: Books, record: Json) -> None:
    if record["status"] != "paused":
        raise wrong_state(f"A subscription that is {record['status']} cannot be resumed.")
    books.change("subscription", record, status="active")


def _check_running(record: Json) -> None:
    if record["status"] == "canceled":
        raise wrong_state("The subscription has ended.")


# --- disputes ---


def _add_evidence(books: Books, record: Json, body: Json) -> None:
    only(body, EVIDENCE_FIELDS)
    _check_answerable(record)
    books.change("dispute", record, evidence={**record["evidence"], **body})


def _submit_evidence(books: Books, record: Json) -> None:
    _check_answerable(record)
    if not record["evidence"]:
        raise Refusal(422, "evidence_missing", "There is no evidence to submit.")
    books.change("dispute", record, status="under_review", evidence_submitted=True, respond_by=None)


def _accept_dispute(books: Books, record: Json) -> None:
    _check_answerable(record)
    books.change("dispute", record, status="accepted", respond_by=None)


def _check_answerable(record: Json) -> None:
    if record["status"] != "needs_response":
        raise wrong_state(f"A dispute that is {record['status']} awaits nothing of the merchant.")


# --- links, saved methods, terminal ---


def _new_link(books: Books, body: Json) -> Json:
    if body["amount"]["amount"] <= 0:
        raise Refusal(422, "amount_invalid", "The amount must be positive.", field="amount")
    lines = body.pop("lines", [])
    if lines and sum(line["amount"]["amount"] for line in lines) != body["amount"]["amount"]:
        raise Refusal(422, "amount_invalid", "The lines must make up the amount.", field="lines")
    if body.get("customer_id"):
        books.check_customer(body["customer_id"])
    link = books.add("payment_link", {**body, "status": "active", "payment_id": None})
    if body["style"] != "embedded":
        link["url"] = f"https://fake.invalid/buy/{link['id']}"
    return link


def _cancel_link(books: Books, record: Json) -> None:
    if record["status"] != "active":
        raise wrong_state(f"A link that is {record['status']} cannot be taken back.")
    books.change("payment_link", record, status="canceled", url=None)


def _new_method(books: Books, body: Json) -> Json:
    books.check_customer(body.get("customer_id"))
    books.check_source(str(body.get("source")))
    return books.add("payment_method", {**saved_card(str(body["customer_id"])), "reference": body.get("reference")})


def saved_card(customer_id: str) -> Json:
    shown = {"brand": "VISA", "last4": "4242", "exp_month": 12, "exp_year": 2040}
    return {"customer_id": customer_id, **shown, "enabled": True}


def _remove_method(books: Books, record: Json) -> None:
    books.change("payment_method", record, enabled=False)


def _new_setup(books: Books, body: Json) -> Json:
    books.check_customer(body.get("customer_id"))
    return books.add("payment_method_setup", {**body, "status": "requires_action", "payment_method_id": None})


def _new_portal(books: Books, body: Json) -> Json:
    books.check_customer(body.get("customer_id"))
    portal = books.add("billing_portal", dict(body))
    portal["url"] = f"https://fake.invalid/portal/{portal['id']}"
    return portal


def _new_checkout(books: Books, body: Json) -> Json:
    if body["amount"]["amount"] <= 0:
        raise Refusal(422, "amount_invalid", "The amount must be positive.", field="amount")
    return books.add("terminal_checkout", {**body, "status": "pending", "payment_ids": []})


def _cancel_checkout(books: Books, record: Json) -> None:
    if record["status"] != "pending":
        raise wrong_state(f"A checkout that is {record['status']} cannot be canceled.")
    books.change("terminal_checkout", record, status="canceled", cancel_reason="seller_canceled")


def _no_such_call() -> Refusal:
    return Refusal(404, "not_found", "There is no such call.")


DESKS: Mapping[str, Desk] = {
    "subscription": Desk(
        _new_subscription,
        _change_subscription,
        {"cancel": _cancel_subscription, "pause": _pause_subscription, "resume": _resume_subscription},
    ),
    "dispute": Desk(update=_add_evidence, acts={"submit": _submit_evidence, "accept": _accept_dispute}),
    "payment_link": Desk(_new_link, acts={"cancel": _cancel_link}),
    "payment_method": Desk(_new_method, acts={"delete": _remove_method}),
    "payment_method_setup": Desk(_new_setup),
    "billing_portal": Desk(_new_portal),
    "terminal_checkout": Desk(_new_checkout, acts={"cancel": _cancel_checkout}),
}
