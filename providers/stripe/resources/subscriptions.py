"""The calls for subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from stripe import RequestOptions
from stripe.params import ProductCreateParams

from providers.contract import Verb
from providers.errors import RecordNotFound, Rejected, Unsupported
from providers.records import Draft, Interval, JsonObject, Subscription, SubscriptionDraft
from providers.stripe.connection import Answer
from providers.stripe.mapping.subscription import BEGINS, create_parameters, price_data, price_of, subscription, update_parameters
from providers.stripe.mapping.values import REFERENCE, Json, currency_of, identifier, noon, representable
from providers.stripe.resources.base import Resource, options


class Subscriptions(Resource[Subscription]):
    path = "/v1/subscriptions"
    filters = (("status", "all"),)  # by default Stripe hides the canceled ones

    def record(self, raw: Json, as_of: datetime) -> Subscription:
        return subscription(raw, as_of)

    def create(self, draft: Draft[Subscription], *, key: str) -> Subscription:
        """Charged while the payer is away, or each period's invoice sent. A first payment that fails leaves it PENDING a day."""
        assert isinstance(draft, SubscriptionDraft)
        if draft.customer_id is None:
            raise Rejected("A subscription at Stripe needs a customer.", code="incomplete", field="customer_id")
        parameters: Any = create_parameters(draft, self._price(draft, key))

        def write(extra: Json, step: RequestOptions) -> Answer:
            return self.connection.write(lambda sdk: sdk.v1.subscriptions.create(parameters | extra, step), creating=True)

        answer = write({}, options(key)) if draft.starts_on is None else self._begin_on(draft.starts_on, draft, key, write)
        return subscription(answer.body, answer.as_of)

    def _price(self, draft: SubscriptionDraft, key: str) -> Json:
        """Prices may be made on the way, but only of a product, which is made before under its own step of the key."""
        if draft.price_id is not None:
            return {"price": draft.price_id}
        if draft.amount is None or draft.interval in (None, Interval.UNKNOWN):
            raise Rejected("A subscription needs a price, or an amount and an interval.", code="incomplete", field="amount")
        representable(draft.amount)
        product: ProductCreateParams = {"name": draft.name or "Subscription"}
        if draft.reference:
            product["metadata"] = {REFERENCE: draft.reference}
        made = self.connection.write(lambda sdk: sdk.v1.products.create(product, options(key, "product")), creating=True)
        return {"price_data": price_data(draft.amount, made.body["id"], str(draft.interval), draft.interval_count)}

    def _begin_on(self, day: date, draft: SubscriptionDraft, key: str, write: Callable[[Json, RequestOptions], Answer]) -> Answer:
        """A later first day is free time before it. Stripe takes no moment that has passed: then it is today, or too late."""
        marks = {"metadata": {BEGINS: day.isoformat(), **({REFERENCE: draft.reference} if draft.reference else {})}}
        try:
            return write(marks | {"trial_end": noon(day)}, options(key))
        except Rejected as refusal:
            if refusal.field != "trial_end":
                raise
        if day < self.connection.read("/v1/account").as_of.date():
            raise Rejected("A subscription cannot begin in the past.", code="start_in_the_past", field="starts_on")
        return write({}, options(key, "today"))

    def update(self, id: str, draft: Draft[Subscription], *, key: str) -> Subscription:
        """Another price or amount counts from the next period on, without proration; a price of another interval begins a new
        period at once, which Stripe does by itself."""
        assert isinstance(draft, SubscriptionDraft)
        if draft.starts_on is not None:
            raise Rejected("The first day of a subscription cannot be moved.", code="starts_on_fixed", field="starts_on")
        item = self._changed_item(id, draft) if draft.price_id is not None or draft.amount is not None else None
        parameters = update_parameters(draft, item)
        answer = self.connection.write(lambda sdk: sdk.v1.subscriptions.update(id, parameters, options(key)))
        return subscription(answer.body, answer.as_of)

    def _changed_item(self, id: str, draft: SubscriptionDraft) -> Json:
        """The one item with its new price; the product and, unless named, the interval stay."""
        current = self.read_one(self.path, id).body
        items: list[Json] = current["items"]["data"]
        if len(items) != 1:
            raise Rejected("This subscription bills several prices; change it in Stripe's Dashboard.", code="several_items")
        if draft.price_id is not None:
            return {"id": items[0]["id"], "price": draft.price_id}
        price = price_of(items[0])
        recurring = price.get("recurring") or price
        amount = draft.amount
        assert amount is not None
        representable(amount)
        if amount.currency != currency_of(price):
            raise Rejected("The amount must be in the subscription's currency.", code="currency_mismatch", field="amount")
        interval = str(draft.interval) if draft.interval else recurring["interval"]
        count = draft.interval_count if draft.interval else recurring.get("interval_count") or 1
        return {"id": items[0]["id"], "price_data": price_data(amount, identifier(price.get("product")) or "", interval, count)}

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> Subscription:
        """CANCEL: at once, or with {"at_period_end": True} when the paid time is over. PAUSE is Stripe's pause_collection: it
        goes on, but its invoices are voided, so that nobody is asked for money. RESUME ends that; it also wakes what Stripe
        itself has paused (a trial without payment method), and takes back a cancellation that waits for the period's end."""
        match verb:
            case Verb.CANCEL if choices.get("at_period_end"):
                answer = self._update(id, {"cancel_at_period_end": True}, key)
            case Verb.CANCEL:
                answer = self._cancel(id)
            case Verb.PAUSE:
                answer = self._update(id, {"pause_collection": {"behavior": "void"}}, key)
            case Verb.RESUME:
                answer = self._resume(id, key)
            case _:
                raise Unsupported(f"Stripe cannot {verb} a subscription")
        return subscription(answer.body, answer.as_of)

    def _update(self, id: str, parameters: Any, key: str) -> Answer:
        return self.connection.write(lambda sdk: sdk.v1.subscriptions.update(id, parameters, options(key)))

    def _cancel(self, id: str) -> Answer:
        """A DELETE takes no key; of one that is canceled already Stripe says that it is missing."""
        try:
            return self.connection.write(lambda sdk: sdk.v1.subscriptions.cancel(id), keyed=False)
        except RecordNotFound:
            found = self.read_one(self.path, id)
            if found.body.get("status") != "canceled":
                raise
            return found

    def _resume(self, id: str, key: str) -> Answer:
        found = self.read_one(self.path, id)
        if found.body.get("status") == "paused":
            return self.connection.write(lambda sdk: sdk.v1.subscriptions.resume(id, {}, options(key)))
        if found.body.get("pause_collection") is not None:
            return self._update(id, {"pause_collection": ""}, key)
        if found.body.get("cancel_at_period_end"):
            return self._update(id, {"cancel_at_period_end": False}, key)
        return found
