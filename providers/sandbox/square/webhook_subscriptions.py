"""Webhook subscriptions: made by the application's owner, for all sellers that authorised the application."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from providers.sandbox.square import ids, times
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.events import delivery_headers, event_types_body
from providers.sandbox.square.http import DEFAULT_VERSION, Answer, Call, Routes
from providers.sandbox.square.pagination import page_limit
from providers.sandbox.square.scopes import EVENT_SCOPES
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 45
PING_TYPE = "webhooks.test_notification"
PING_TIMEOUT_SECONDS = 10.0

routes = Routes()


def _shown(subscription: Record, *, with_key: bool = True) -> Record:
    hidden = {"application_id"} if with_key else {"application_id", "signature_key"}
    return {name: value for name, value in subscription.items() if name not in hidden}


def _of(call: Call, subscription_id: str) -> Record:
    subscription = call.square.subscriptions.get(subscription_id)
    if subscription is None or subscription["application_id"] != call.caller.application.id:
        raise not_found("Webhook subscription", subscription_id)
    return subscription


def _checked(changes: Record) -> Record:
    if unknown := [name for name in changes.get("event_types") or [] if name not in EVENT_SCOPES]:
        raise invalid("INVALID_VALUE", f"Unknown event type `{unknown[0]}`.", "subscription.event_types")
    url = changes.get("notification_url")
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        raise invalid("INVALID_VALUE", "The notification URL is not a valid URL.", "subscription.notification_url")
    return {name: value for name, value in changes.items() if value is not None}


@routes.on("POST", "/v2/webhooks/subscriptions", body="CreateWebhookSubscriptionRequest", owner_only=True)
def create_subscription(call: Call) -> Answer:
    def make() -> str:
        asked = _checked(call.body["subscription"])
        for name in ("name", "event_types", "notification_url"):
            if not asked.get(name):
                raise missing(f"subscription.{name}")
        moment = times.wire(call.square.now(), 0)
        subscription = {
            "id": ids.webhook_subscription(),
            "enabled": True,
            "api_version": call.headers.get("Square-Version", DEFAULT_VERSION),
            **asked,
            "signature_key": ids.signature_key(),
            "created_at": moment,
            "updated_at": moment,
            "application_id": call.caller.application.id,
        }
        call.square.subscriptions[subscription["id"]] = subscription
        return str(subscription["id"])

    return call.once(
        "CreateWebhookSubscription", make, lambda made: {"subscription": _shown(_of(call, made))}, key_max_chars=KEY_MAX_CHARS
    )


@routes.on("GET", "/v2/webhooks/subscriptions", query=("cursor", "include_disabled", "sort_order", "limit"), owner_only=True)
def list_subscriptions(call: Call) -> Answer:
    """The key is not in the list, only in single answers. Few enough for one page."""
    page_limit(call.whole_number("limit"), default=100, most=100)
    descending = call.choice("sort_order", ("ASC", "DESC"), "ASC") == "DESC"
    found = [
        _shown(subscription, with_key=False)
        for subscription in call.square.subscriptions.values()
        if subscription["application_id"] == call.caller.application.id
        and (subscription["enabled"] or call.flag("include_disabled"))
    ]
    return {"subscriptions": found[::-1] if descending else found} if found else {}


@routes.on("GET", "/v2/webhooks/subscriptions/<subscription_id>", owner_only=True)
def get_subscription(call: Call, subscription_id: str) -> Answer:
    return {"subscription": _shown(_of(call, subscription_id))}


@routes.on("PUT", "/v2/webhooks/subscriptions/<subscription_id>", body="UpdateWebhookSubscriptionRequest", owner_only=True)
def update_subscription(call: Call, subscription_id: str) -> Answer:
    known = _of(call, subscription_id)
    changed = {**known, **_checked(call.body.get("subscription") or {}), "updated_at": times.wire(call.square.now(), 0)}
    call.square.subscriptions[subscription_id] = changed
    return {"subscription": _shown(changed, with_key=False)}


@routes.on("DELETE", "/v2/webhooks/subscriptions/<subscription_id>", owner_only=True)
def delete_subscription(call: Call, subscription_id: str) -> Answer:
    del call.square.subscriptions[_of(call, subscription_id)["id"]]
    return {}


@routes.on(
    "POST",
    "/v2/webhooks/subscriptions/<subscription_id>/signature-key",
    body="UpdateWebhookSubscriptionSignatureKeyRequest",
    owner_only=True,
)
def rotate_signature_key(call: Call, subscription_id: str) -> Answer:
    """The new key is used at once, also for retries of events that were first sent under the old one."""

    def make() -> str:
        changed = {
            **_of(call, subscription_id),
            "signature_key": ids.signature_key(),
            "updated_at": times.wire(call.square.now(), 0),
        }
        call.square.subscriptions[subscription_id] = changed
        return subscription_id

    return call.once(
        f"signature-key {subscription_id}",
        make,
        lambda made: {"signature_key": call.square.subscriptions[made]["signature_key"]},
        key_max_chars=KEY_MAX_CHARS,
    )


@routes.on(
    "POST",
    "/v2/webhooks/subscriptions/<subscription_id>/test",
    body="TestWebhookSubscriptionRequest",
    owner_only=True,
    locked=False,
)
def test_subscription(call: Call, subscription_id: str) -> Answer:
    """Sends a signed ping and waits for its answer."""
    with call.square.lock:
        subscription = _of(call, subscription_id)
        event_type = call.body.get("event_type") or subscription["event_types"][0]
        if event_type not in subscription["event_types"]:
            raise bad_request(f"The subscription does not include the event type `{event_type}`.", "event_type")
        moment = times.wire(call.square.now(), 3)
        envelope = {
            "merchant_id": call.seller.id,
            "type": PING_TYPE,
            "event_id": ids.event(),
            "created_at": moment,
            "data": {"type": "webhooks", "id": ids.event()},
        }
        body = orjson.dumps(envelope)
        headers = delivery_headers(call.square, subscription, body)
    status = _ping(subscription["notification_url"], headers, body)
    result: dict[str, Any] = {
        "id": ids.event(),
        "status_code": status,
        "payload": body.decode(),
        "created_at": moment,
        "updated_at": times.wire(call.square.now(), 3),
    }
    return {"subscription_test_result": result}


def _ping(url: str, headers: dict[str, str], body: bytes) -> int:
    """The receiver's status, 0 if it could not be reached."""
    try:
        return httpx.post(url, content=body, headers=headers, timeout=PING_TIMEOUT_SECONDS, trust_env=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0


@routes.on("GET", "/v2/webhooks/event-types", query=("api_version",), owner_only=True)
def list_event_types(_call: Call) -> Answer:
    return event_types_body()
