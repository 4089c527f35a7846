"""Subscriptions of one seller's customers, each with the plan variation that says how much and how often."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import ProviderError, Rejected, Unsupported, VersionConflict
from providers.records import Draft, Page, Subscription, SubscriptionDraft, SubscriptionStatus, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.known_fields import watch
from providers.square.mapping.subscription import CADENCE_OF, OVER, plan_json, planned, subscription, variation_json
from providers.square.mapping.values import money_json
from providers.square.resources.locations import Locations
from providers.square.resources.payments import wrong_currency
from providers.square.resources.windows import created_within
from providers.square.wire import Wire, checked_id

PAGE_SIZE = 100
CATALOG_IDS_PER_READ = 1000  # BatchRetrieveCatalogObjects' most
UNTITLED = "Subscription"


class Subscriptions:
    def __init__(self, wire: Wire, locations: Locations) -> None:
        self._wire = wire
        self._locations = locations
        self._variations: dict[str, dict[str, Any]] = {}

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Subscription]:
        """All of all locations: Square keeps no change time of a subscription, and searches by no time at all."""
        place = Place.unpacked(cursor)
        body: dict[str, Any] = {"include": ["actions"], "limit": PAGE_SIZE}
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        answer = self._wire.read("POST", "/v2/subscriptions/search", body=body)
        found = answer.data.get("subscriptions") or []
        watch("subscription", found, at=answer.as_of)
        if created is not None:
            found = [raw for raw in found if created_within(raw, created)]
        records = self._with_variations(found, answer.as_of)
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> Subscription:
        answer = self._wire.read("GET", f"/v2/subscriptions/{checked_id(id)}", params={"include": "actions"})
        return self._with_variations([answer.data["subscription"]], answer.as_of)[0]

    def create(self, draft: Draft[Any], *, key: str) -> Subscription:
        """An amount with an interval becomes a plan and its one variation in the catalog, each under a key of its own, unless
        `price_id` names a variation there already; an amount beside it then overrides that variation's price. A plan whose
        subscription Square refuses is taken away again."""
        wanted = _subscription_draft(draft)
        if not wanted.customer_id:
            raise Rejected("A subscription needs a customer.", code="no_customer", field="customer_id")
        where = self._locations.known(wanted.location_id)
        if wanted.amount is not None and wanted.amount.currency != where.currency:
            raise wrong_currency(wanted.amount.currency, where.currency)
        plan_id: str | None = None
        fields: dict[str, Any] = {}
        if wanted.price_id:
            fields["plan_variation_id"] = checked_id(wanted.price_id)
            if wanted.amount is not None:
                fields["price_override_money"] = money_json(wanted.amount)
        else:
            plan_id, fields["plan_variation_id"] = self._new_plan(wanted, key)
        if wanted.payment_method_id:
            fields["card_id"] = wanted.payment_method_id
        if wanted.starts_on is not None:
            fields["start_date"] = wanted.starts_on.isoformat()
        try:
            answer = self._wire.write(
                Intent.CREATE,
                lambda sdk: sdk.subscriptions.create,
                location_id=where.id,
                customer_id=wanted.customer_id,
                idempotency_key=f"{key}.s",
                **fields,
            )
        except Rejected as refusal:
            # A reused key means that the plan belongs to a subscription made before.
            if plan_id is not None and refusal.code != "IDEMPOTENCY_KEY_REUSED":
                self._remove_plan(plan_id)
            raise
        return self._with_variations([answer.data["subscription"]], answer.as_of)[0]

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Subscription:
        """A new amount overrides the plan's price; a new price, or an amount with another interval, is a swap of plans that
        Square carries out at the end of the period."""
        wanted = _subscription_draft(draft)
        current = self._at(id, version)
        _check_unchangeable(wanted, current)
        if wanted.amount is not None and current.amount is not None and wanted.amount.currency != current.amount.currency:
            raise wrong_currency(wanted.amount.currency, current.amount.currency)
        every = (wanted.interval or current.interval, wanted.interval_count if wanted.interval else current.interval_count)
        sent: dict[str, Any] = {}
        swapped = wanted.price_id if wanted.price_id and wanted.price_id != current.price_id else None
        if swapped is None and wanted.interval is not None and every != (current.interval, current.interval_count):
            _, swapped = self._new_plan(wanted, key, name=current.name)
        elif wanted.amount is not None and wanted.amount != current.amount:
            sent["price_override_money"] = money_json(wanted.amount)
        if wanted.payment_method_id is not None and wanted.payment_method_id != (current.payment_method_id or ""):
            sent["card_id"] = wanted.payment_method_id or None
        if sent:
            sent["version"] = int(current.version or 0)
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.subscriptions.update, current.id, subscription=sent)
        if swapped is not None:
            variation_id = checked_id(swapped)
            self._wire.write(
                Intent.UNKEYED, lambda sdk: sdk.subscriptions.swap_plan, current.id, new_plan_variation_id=variation_id
            )
        return self.get(current.id) if sent or swapped else current

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Subscription:
        current = self._at(id, version)
        if current.status in OVER:
            raise Rejected("This subscription has ended at Square.", code="subscription_ended")
        if verb is Verb.CANCEL:
            if current.cancels_on is not None:
                return current  # it will end by itself already
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.subscriptions.cancel, current.id)
        elif verb is Verb.PAUSE:
            if current.pauses_on is not None:
                return current
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.subscriptions.pause, current.id)
        elif verb is Verb.RESUME:
            self._resume(current)
        else:
            raise Unsupported(f"Square cannot {verb} a subscription")
        return self.get(current.id)

    def _resume(self, current: Subscription) -> None:
        """Before the pause has begun it is enough to take its plan back."""
        pause = planned(current.raw["subscription"], "PAUSE")
        if current.status is SubscriptionStatus.ACTIVE and pause is not None:
            action_id = checked_id(str(pause.get("id")))
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.subscriptions.delete_action, current.id, action_id)
        else:
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.subscriptions.resume, current.id)

    def _at(self, id: str, version: str | None) -> Subscription:
        current = self.get(id)
        if version is not None and version != current.version:
            raise VersionConflict("The subscription was changed at Square meanwhile.")
        return current

    def _new_plan(self, wanted: SubscriptionDraft, key: str, *, name: str = "") -> tuple[str, str]:
        """The ids of a new plan and of its one variation."""
        cadence = CADENCE_OF.get((wanted.interval, wanted.interval_count)) if wanted.interval else None
        if wanted.amount is None or wanted.interval is None:
            raise Rejected("A subscription needs a price, or an amount with an interval.", code="no_price", field="amount")
        if cadence is None:
            raise Rejected(
                f"Square has no subscription every {wanted.interval_count} {wanted.interval}s.",
                code="no_such_cadence",
                field="interval",
            )
        title = (wanted.name or name or UNTITLED)[:255]
        plan_id = self._upsert(plan_json(title), f"{key}.p")["id"]
        variation = self._upsert(variation_json(title, plan_id, wanted.amount, cadence), f"{key}.v")
        self._variations[variation["id"]] = variation
        return plan_id, variation["id"]

    def _upsert(self, thing: dict[str, Any], key: str) -> dict[str, Any]:
        answer = self._wire.write(Intent.CREATE, lambda sdk: sdk.catalog.object.upsert, idempotency_key=key, object=thing)
        found: dict[str, Any] = answer.data["catalog_object"]
        return found

    def _remove_plan(self, plan_id: str) -> None:
        # The refusal is what the caller must hear; a plan that is left over bothers nobody.
        with suppress(ProviderError):
            self._wire.write(Intent.UNKEYED, lambda sdk: sdk.catalog.object.delete, plan_id)

    def _with_variations(self, found: Sequence[dict[str, Any]], as_of: datetime) -> tuple[Subscription, ...]:
        """A variation's cadence never changes, and its price only with a new phase: each is read once per account object."""
        wanted = {raw.get("plan_variation_id") for raw in found} - {None} - set(self._variations)
        ids = sorted(str(id) for id in wanted)
        for start in range(0, len(ids), CATALOG_IDS_PER_READ):
            body = {"object_ids": ids[start : start + CATALOG_IDS_PER_READ], "include_deleted_objects": True}
            for thing in self._wire.read("POST", "/v2/catalog/batch-retrieve", body=body).data.get("objects") or ():
                self._variations[thing["id"]] = thing
        known = self._variations
        return tuple([subscription(raw, known.get(raw.get("plan_variation_id") or ""), as_of=as_of) for raw in found])


def _subscription_draft(draft: Draft[Any]) -> SubscriptionDraft:
    if not isinstance(draft, SubscriptionDraft):
        raise Unsupported(f"Square cannot write a subscription from {type(draft).__name__}")
    return draft


def _check_unchangeable(wanted: SubscriptionDraft, current: Subscription) -> None:
    fixed = {
        "customer_id": (wanted.customer_id, current.customer_id),
        "location_id": (wanted.location_id, current.location_id),
        "starts_on": (wanted.starts_on, current.starts_on),
        "name": (wanted.name, current.name),
    }
    for field, (asked, is_now) in fixed.items():
        if asked is not None and asked != is_now:
            raise Rejected(
                "Square does not change customer, location, first day or name of a subscription: cancel it and make a new one.",
                code="subscription_fixed",
                field=field,
            )
