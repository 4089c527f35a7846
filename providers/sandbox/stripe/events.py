"""Events: snapshots of each change, kept 30 days for /v1/events and sent to the webhook endpoints that want them."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

from providers.sandbox.core.webhooks import Delivery, Endpoint
from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.store import Collection, Record, Row, Store, render
from providers.sandbox.stripe.versions import in_version
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, World

RETENTION_SECONDS = 30 * 86400
MOST_TYPES = 20
LIVE_RETRY_DELAYS = tuple(hours * 3600.0 for hours in (5, 8, 10, 12, 12, 12, 10))
"""Live events go on after the sandbox's three retries, up to about three days in all."""


def emit(call: Call, event_type: str, record: Mapping[str, Any], *, before: Mapping[str, Any] | None = None) -> None:
    """Store the event and send it. before: the record as it was; an update that changed nothing makes no event."""
    if before is not None and not previous_attributes(before, record):
        return
    version = call.account.api_version
    event: Record = {
        "id": new_id("evt_1", length=23),
        "object": "event",
        "api_version": version,
        "created": call.now,
        "data": _data(call, record, before, version),
        "livemode": call.livemode,
        "pending_webhooks": 0,
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": event_type,
    }
    receivers = list(_receivers(call.world, call.store, event_type))
    event["pending_webhooks"] = len(receivers)
    call.store.events.put(event)
    if event_type == "invoice.created":
        call.store.creation_events[record["id"]] = event["id"]
    if receivers:
        call.world.undelivered[event["id"]] = {record["id"] for _, record in receivers}
    for owner, endpoint in receivers:
        shown = {**event, "account": call.account.id} if endpoint["id"] in call.world.connect_endpoints else event
        wanted = endpoint["api_version"] or call.world.accounts[owner.account_id].api_version
        if wanted != version:
            shown = {**shown, "api_version": wanted, "data": _data(call, record, before, wanted)}
        _send(call.world, call.store, owner, endpoint, shown)


def _data(call: Call, record: Mapping[str, Any], before: Mapping[str, Any] | None, version: str) -> Record:
    """The snapshot in the shape of a version, which is never rendered anew."""
    now = in_version(call.store, dict(record), version)
    if before is None:
        return {"object": now}
    return {"object": now, "previous_attributes": previous_attributes(in_version(call.store, dict(before), version), now)}


def previous_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Record:
    """Old values of what changed; inside objects only the changed keys, an array as a whole."""
    changed: Record = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            changed[name] = {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
        else:
            changed[name] = old
    return changed


def _receivers(world: World, store: Store, event_type: str) -> Iterator[tuple[Store, Record]]:
    """The account's own endpoints, and the platform's Connect endpoints: live ones get test events too."""
    for endpoint in _wanting(store, event_type):
        if endpoint["id"] not in world.connect_endpoints:
            yield store, endpoint
    if store.account_id == PLATFORM_ACCOUNT:
        return
    for livemode in (False, True):
        if livemode is False and store.livemode:
            continue
        connected = (store.account_id, True) in world.connections or (
            not livemode and world.connection(store.account_id, store.livemode)
        )
        if not connected:
            continue
        platform = world.store(PLATFORM_ACCOUNT, livemode)
        for endpoint in _wanting(platform, event_type):
            if endpoint["id"] in world.connect_endpoints:
                yield platform, endpoint


def _wanting(store: Store, event_type: str) -> Iterator[Record]:
    for endpoint in store.webhook_endpoints.find():
        if endpoint["status"] == "enabled" and ("*" in endpoint["enabled_events"] or event_type in endpoint["enabled_events"]):
            yield endpoint


def _send(world: World, store: Store, owner: Store, endpoint: Record, event: Record) -> None:
    endpoint_id: str = endpoint["id"]

    def is_active() -> bool:
        current = owner.webhook_endpoints.get(endpoint_id)
        return current is not None and current["status"] == "enabled"

    def on_done(delivery: Delivery, delivered: bool) -> None:
        if delivered:
            _mark_delivered(world, store, delivery.event_id, endpoint_id)

    world.sender.send(
        Delivery(
            event_id=event["id"],
            event_type=event["type"],
            account=store.account_id,
            endpoint=Endpoint(
                id=endpoint_id,
                url=endpoint["url"],
                headers_for=lambda body, unix: signature_headers(world, endpoint_id, body, unix),
                is_active=is_active,
            ),
            body=render(event),
            more_retry_delays=LIVE_RETRY_DELAYS if event["livemode"] else (),
            on_done=on_done,
        )
    )


def signature_headers(world: World, endpoint_id: str, body: bytes, unix: int) -> dict[str, str]:
    """One v1 for each secret that is still valid, newest first."""
    now = world.clock.timestamp()
    valid = [
        secret for secret, expires_at in world.endpoint_secrets.get(endpoint_id, []) if expires_at is None or expires_at > now
    ]
    message = f"{unix}.".encode() + body
    marks = [f"v1={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}" for secret in valid]
    return {"Stripe-Signature": ",".join([f"t={unix}", *marks]), "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}


def _mark_delivered(world: World, store: Store, event_id: str, endpoint_id: str) -> None:
    with world.lock:
        waiting = world.undelivered.get(event_id)
        event = store.events.get(event_id)
        if waiting is None or event is None or endpoint_id not in waiting:
            return
        waiting.discard(endpoint_id)
        store.events.put({**event, "pending_webhooks": len(waiting)})
        if not waiting:
            del world.undelivered[event_id]


@operation("GET /v1/events")
def list_events(call: Call) -> bytes:
    wanted = call.params.get("types") or ([call.params["type"]] if call.params.get("type") else [])
    if call.params.get("types") and call.params.get("type"):
        raise refused("You may pass either `type` or `types`, but not both.", param="types")
    if len(wanted) > MOST_TYPES:
        raise refused(f"You may pass up to {MOST_TYPES} types.", param="types")
    oldest = call.now - RETENTION_SECONDS
    delivered = call.params.get("delivery_success")
    undelivered = call.world.undelivered

    def keep(row: Row, events: Collection) -> bool:
        created, _, event_id = row.order
        return (
            created >= oldest
            and (not wanted or any(_type_matches(pattern, events.field(row, "type")) for pattern in wanted))
            and (delivered is None or (event_id not in undelivered) == delivered)
        )

    return list_answer(call, call.store.events, keep=keep, change=_with_account(call))


@operation("GET /v1/events/{id}")
def get_event(call: Call) -> Record:
    event = call.store.events.get(call.ids["id"])
    if event is None or event["created"] < call.now - RETENTION_SECONDS:
        raise no_such("event", call.ids["id"])
    return {**event, **({"account": call.account.id} if call.application else {})}


def _with_account(call: Call) -> bytes | None:
    """What a connected account's event shows to the platform beside what the account itself sees."""
    return f'{{\n  "account": "{call.account.id}",'.encode() if call.application else None


def _type_matches(pattern: str, event_type: str) -> bool:
    return event_type == pattern or pattern == "*" or (pattern.endswith("*") and event_type.startswith(pattern[:-1]))
