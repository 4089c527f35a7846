"""Events: published to webhook subscriptions with the right scopes, and kept for the Events API while that is switched on."""

import base64
import hashlib
import hmac
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from providers.sandbox.core.webhooks import Delivery
from providers.sandbox.core.webhooks import Endpoint as DeliveryEndpoint
from providers.sandbox.square import ids, times
from providers.sandbox.square.errors import bad_request
from providers.sandbox.square.http import DEFAULT_VERSION, Answer, Call, Routes
from providers.sandbox.square.pagination import make_cursor, open_cursor, page_limit, query_fingerprint
from providers.sandbox.square.scopes import EVENT_SCOPES
from providers.sandbox.square.shelf import Position, Record
from providers.sandbox.square.state import Application, Seller, Square
from providers.sandbox.square.versions import dressed, nearest

KEPT_DAYS = 28
RETRY_DELAYS_SECONDS = tuple(60.0 * minutes for minutes in (1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 480))
"""Eleven retries within 24 hours. Source: Square docs, webhooks/overview."""
GIVEN_UP_AFTER = timedelta(seconds=sum(RETRY_DELAYS_SECONDS))
DISABLED_AFTER_DAYS = 21
"""Source: Square docs, webhooks/step4manage."""
USER_AGENT = "Square Connect v2"

routes = Routes()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    envelope: Record
    application_ids: frozenset[str]
    """Who could see it when it happened: applications with the scopes that had the Events API switched on."""


def publish(square: Square, seller: Seller, event_type: str, data: Record, *, location_id: str | None = None) -> None:
    """data: the envelope's `data`. Goes to every application that holds the event's scopes at this moment."""
    moment = square.now()
    envelope: Record = {"merchant_id": seller.id}
    if location_id is not None:
        envelope["location_id"] = location_id
    envelope |= {"type": event_type, "event_id": ids.event(), "created_at": times.wire_trimmed(moment, 6), "data": data}
    candidates = (square.platform, square.applications[seller.personal_access_token])
    audience = [application for application in dict.fromkeys(candidates) if _may_see(square, application, seller, event_type)]
    kept_for = frozenset(application.id for application in audience if application.events_enabled)
    if kept_for:
        created = times.sort_key(envelope["created_at"])
        insort(square.events, (created, envelope["event_id"], KeptEvent(envelope=envelope, application_ids=kept_for)))
    for application in audience:
        _deliver(square, application, envelope)


def record_event(square: Square, seller: Seller, event_type: str, record: Record, *, context: Record | None = None) -> None:
    """The usual form: data.object carries the whole record under its noun, and event_context where a merge caused it."""
    noun = _noun(event_type)
    data: Record = {"type": noun, "id": record["id"]}
    if event_type.endswith(".deleted") and noun != "dispute":
        data["deleted"] = True
    key = square.settings.dispute_event_key if noun == "dispute" else noun
    data["object"] = {key: record, **({"event_context": context} if context else {})}
    publish(square, seller, event_type, data, location_id=record.get("location_id") if noun == "location" else None)


def _noun(event_type: str) -> str:
    """The second word for terminal.checkout.*, else the first one."""
    words = event_type.split(".")
    return words[1] if words[0] == "terminal" else words[0]


def order_event(square: Square, seller: Seller, event_type: str, order: Record) -> None:
    """Order events carry a stub that has to be fetched again."""
    name = event_type.replace(".", "_")
    names = ("version", "location_id", "state", "created_at", *(("updated_at",) if name == "order_updated" else ()))
    stub = {"order_id": order["id"], **{key: order[key] for key in names if key in order}}
    publish(square, seller, event_type, {"type": name, "id": order["id"], "object": {name: stub}})


def sign(key: str, url: str, body: bytes) -> dict[str, str]:
    """Both signature headers over notification URL and raw body; the SHA-1 one still arrives although undocumented."""
    message = url.encode() + body
    return {
        "x-square-hmacsha256-signature": base64.b64encode(hmac.new(key.encode(), message, hashlib.sha256).digest()).decode(),
        "x-square-signature": base64.b64encode(hmac.new(key.encode(), message, hashlib.sha1).digest()).decode(),
    }


def delivery_headers(square: Square, subscription: Record, body: bytes) -> dict[str, str]:
    return {
        **sign(subscription["signature_key"], subscription["notification_url"], body),
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "square-environment": square.settings.square_environment,
        "square-subscription-id": subscription["id"],
        "square-version": subscription["api_version"],
    }


def _may_see(square: Square, application: Application, seller: Seller, event_type: str) -> bool:
    if application.seller_id is not None:
        return application.seller_id == seller.id
    if event_type == "oauth.authorization.revoked":
        return True
    granted = {scope for grant in square.live_grants(seller.id) for scope in grant.scopes}
    return bool(granted) and set(EVENT_SCOPES[event_type]) <= granted


def body_in_version(square: Square, envelope: Record, version: str) -> bytes:
    """The event as a subscription of this API version gets it."""
    shown = envelope["data"].get("object")
    if shown is None:
        return orjson.dumps(envelope)
    return orjson.dumps({**envelope, "data": {**envelope["data"], "object": dressed(square.settings, shown, nearest(version))}})


def _deliver(square: Square, application: Application, envelope: Record) -> None:
    for subscription in list(square.subscriptions.values()):
        if subscription["application_id"] != application.id or not subscription["enabled"]:
            continue
        if envelope["type"] not in subscription["event_types"]:
            continue
        square.sender.send(
            Delivery(
                event_id=envelope["event_id"],
                event_type=envelope["type"],
                account=envelope["merchant_id"],
                endpoint=_endpoint(square, subscription["id"]),
                body=body_in_version(square, envelope, subscription["api_version"]),
                extra_headers=lambda delivery: _retry_headers(square, delivery),
                on_done=lambda delivery, delivered: _note_outcome(square, delivery.endpoint.id, delivered=delivered),
            )
        )


def _endpoint(square: Square, subscription_id: str) -> DeliveryEndpoint:
    at_sending = square.subscriptions[subscription_id]

    def headers_for(body: bytes, _unix: int) -> Mapping[str, str]:
        """By the key of this moment; a subscription deleted meanwhile still has its last one."""
        return delivery_headers(square, square.subscriptions.get(subscription_id, at_sending), body)

    return DeliveryEndpoint(
        id=subscription_id,
        url=at_sending["notification_url"],
        headers_for=headers_for,
        is_active=lambda: square.subscriptions.get(subscription_id, {}).get("enabled", False),
    )


def _note_outcome(square: Square, subscription_id: str, *, delivered: bool) -> None:
    """A subscription without a single success for three weeks is switched off."""
    with square.lock:
        subscription = square.subscriptions.get(subscription_id)
        if subscription is None:
            return
        if delivered:
            square.failing_since.pop(subscription_id, None)
            return
        since = square.failing_since.setdefault(subscription_id, square.now() - GIVEN_UP_AFTER)
        if square.now() - since >= timedelta(days=DISABLED_AFTER_DAYS):
            square.subscriptions[subscription_id] = {**subscription, "enabled": False}


def _retry_headers(square: Square, delivery: Delivery) -> dict[str, str]:
    headers = {}
    if delivery.attempt > 1 or square.settings.initial_timestamp_at_once:
        headers["square-initial-delivery-timestamp"] = times.wire(times.from_unix(delivery.first_at), 0)
    if delivery.attempt > 1:
        reason = "other_error" if delivery.last_reason in (None, "other") else str(delivery.last_reason)
        headers |= {"square-retry-number": str(delivery.attempt - 1), "square-retry-reason": reason}
    return headers


@routes.on("POST", "/v2/events", body="SearchEventsRequest", owner_only=True)
def search_events(call: Call) -> Answer:
    if not call.caller.application.events_enabled:
        raise bad_request("The Events API is disabled for this application; enable it first.")
    query = call.body.get("query") or {}
    descending = (query.get("sort") or {}).get("order", "DESC") == "DESC"
    limit = page_limit(call.body.get("limit"), default=100, most=100)
    fingerprint = query_fingerprint("events", query)
    after, number = open_cursor(call, call.body.get("cursor"), fingerprint)
    found = list(islice(_matching(call, query.get("filter") or {}, after, descending=descending), limit + 1))
    page = [event.envelope for event in found[:limit]]
    if not page:
        return {}
    answer: Record = {
        "events": page,
        "metadata": [{"event_id": event["event_id"], "api_version": DEFAULT_VERSION} for event in page],
    }
    if len(found) > limit:
        end = (times.sort_key(page[-1]["created_at"]), page[-1]["event_id"])
        answer["cursor"] = make_cursor(call, fingerprint, end, number + 1)
    return answer


def _matching(call: Call, wanted: Mapping[str, Any], after: Position | None, *, descending: bool) -> Iterator[KeptEvent]:
    kept = call.square.events
    oldest = times.sort_key(times.wire(call.square.now() - timedelta(days=KEPT_DAYS), 6))
    window = wanted.get("created_at") or {}
    start = times.parse_key(window.get("start_at"), "query.filter.created_at.start_at") or oldest
    end = times.parse_key(window.get("end_at"), "query.filter.created_at.end_at")
    low = bisect_left(kept, (max(start, oldest), ""))
    high = bisect_left(kept, (f"{end}~", "")) if end else len(kept)
    if after is not None:
        place = bisect_left(kept, after)
        low, high = (low, min(high, place)) if descending else (max(low, place + 1), high)
    for index in range(high - 1, low - 1, -1) if descending else range(low, high):
        event = kept[index][2]
        if call.caller.application.id in event.application_ids and _fits(event.envelope, wanted):
            yield event


def _fits(envelope: Record, wanted: Mapping[str, Any]) -> bool:
    fields = {"event_types": "type", "merchant_ids": "merchant_id", "location_ids": "location_id"}
    return all(not wanted.get(name) or envelope.get(field) in wanted[name] for name, field in fields.items())


@routes.on("PUT", "/v2/events/enable", owner_only=True)
def enable_events(call: Call) -> Answer:
    call.caller.application.events_enabled = True
    return {}


@routes.on("PUT", "/v2/events/disable", owner_only=True)
def disable_events(call: Call) -> Answer:
    call.caller.application.events_enabled = False
    return {}


@routes.on("GET", "/v2/events/types", query=("api_version",), owner_only=True)
def list_event_types(_call: Call) -> Answer:
    return event_types_body()


def event_types_body() -> Record:
    return {
        "event_types": sorted(EVENT_SCOPES),
        "metadata": [
            {"event_type": name, "api_version_introduced": "2020-02-26", "release_status": "PUBLIC"}
            for name in sorted(EVENT_SCOPES)
        ],
    }
