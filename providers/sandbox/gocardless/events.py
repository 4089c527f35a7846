"""Events: kept for the feed, and delivered to the app's webhook, those of one cause together. They carry ids, no records."""

import hashlib
import hmac
from collections.abc import Mapping

import orjson

from providers.sandbox.core.webhooks import Delivery, Endpoint
from providers.sandbox.gocardless.state import Organisation, Record, World, new_id

EVENTS_PER_DELIVERY = 250
RETRY_DELAYS_SECONDS = (60.0, 300.0, 900.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 57_600.0)  # ours; none are documented
USER_AGENT = "gocardless-webhook-service/1.1"
NOUNS = {"payments": "payment", "refunds": "refund", "mandates": "mandate", "billing_requests": "billing_request"}


def tell(world: World, organisation: Organisation, resource: str, record: Record, action: str, *, origin: str = "api") -> None:
    links = {NOUNS[resource]: record["id"]}
    if resource == "refunds":
        links["payment"] = record["links"]["payment"]
    details = {"origin": origin, "cause": f"{NOUNS[resource]}_{action}", "description": f"The {NOUNS[resource]} was {action}."}
    event = world.add(organisation, "events", resource_type=resource, action=action, details=details, metadata={}, links=links)
    event["resource_metadata"] = dict(record.get("metadata") or {})
    world.untold.append((organisation.id, event))


def deliver(world: World) -> None:
    """What has not been delivered; only of organisations that are connected to the app."""
    connected = set(world.tokens.values())
    untold, world.untold = world.untold, []
    wanted = [{**event, "links": {**event["links"], "organisation": org}} for org, event in untold if org in connected]
    if not world.settings.webhook_url:
        return
    for start in range(0, len(wanted), EVENTS_PER_DELIVERY):
        events = wanted[start : start + EVENTS_PER_DELIVERY]
        webhook_id = new_id("events").replace("EV", "WB", 1)
        body = orjson.dumps({"events": events, "meta": {"webhook_id": webhook_id}})
        first = events[0]
        event_type = f"{first['resource_type']}.{first['action']}"
        account = first["links"]["organisation"]
        world.sender.send(
            Delivery(event_id=webhook_id, event_type=event_type, account=account, endpoint=_endpoint(world), body=body)
        )


def _endpoint(world: World) -> Endpoint:
    def headers(body: bytes, _unix: int) -> Mapping[str, str]:
        signature = hmac.new(world.settings.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Webhook-Signature": signature}

    return Endpoint(id="app", url=world.settings.webhook_url, headers_for=headers)
