"""Webhook endpoints: /v1/webhook_endpoints; the signing secret is shown once, at creation."""

from urllib.parse import urlsplit

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, World

MOST_ENDPOINTS = 16
ROLL_SECONDS = 24 * 3600


@operation("POST /v1/webhook_endpoints")
def create_webhook_endpoint(call: Call) -> Record:
    params = call.params
    if len(call.store.webhook_endpoints) >= MOST_ENDPOINTS:
        raise refused(f"You have reached the maximum of {MOST_ENDPOINTS} webhook endpoints.")
    if params.get("connect") and call.account.id != PLATFORM_ACCOUNT:
        raise refused("Only platforms can create Connect webhook endpoints.", param="connect")
    _check_url(params["url"], call.livemode)
    endpoint = {
        "id": new_id("we_1", length=23),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": call.now,
        "description": blank_to_none(params.get("description")),
        "enabled_events": params["enabled_events"],
        "livemode": call.livemode,
        "metadata": merged_metadata({}, params.get("metadata")),
        "status": "enabled",
        "url": params["url"],
    }
    secret = new_id("whsec_", length=32)
    call.store.webhook_endpoints.put(endpoint)
    call.world.endpoint_secrets[str(endpoint["id"])] = [(secret, None)]
    if params.get("connect"):
        call.world.connect_endpoints.add(str(endpoint["id"]))
    return {**endpoint, "secret": secret}


@operation("GET /v1/webhook_endpoints")
def list_webhook_endpoints(call: Call) -> bytes:
    return list_answer(call, call.store.webhook_endpoints)


@operation("GET /v1/webhook_endpoints/{webhook_endpoint}")
def get_webhook_endpoint(call: Call) -> Record:
    endpoint = call.store.webhook_endpoints.get(call.ids["webhook_endpoint"])
    if endpoint is None:
        raise no_such("webhook endpoint", call.ids["webhook_endpoint"], param="webhook_endpoint")
    return endpoint


@operation("POST /v1/webhook_endpoints/{webhook_endpoint}")
def update_webhook_endpoint(call: Call) -> Record:
    endpoint = get_webhook_endpoint(call)
    params = call.params
    if "url" in params:
        _check_url(params["url"], call.livemode)
        endpoint["url"] = params["url"]
    if "enabled_events" in params:
        endpoint["enabled_events"] = params["enabled_events"]
    if "description" in params:
        endpoint["description"] = blank_to_none(params["description"])
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    if "metadata" in params:
        endpoint["metadata"] = merged_metadata(endpoint["metadata"], params["metadata"])
    call.store.webhook_endpoints.put(endpoint)
    return endpoint


@operation("DELETE /v1/webhook_endpoints/{webhook_endpoint}")
def delete_webhook_endpoint(call: Call) -> Record:
    endpoint = get_webhook_endpoint(call)
    call.store.webhook_endpoints.remove(endpoint["id"])
    call.world.endpoint_secrets.pop(endpoint["id"], None)
    call.world.connect_endpoints.discard(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def roll_secret(world: World, endpoint_id: str, *, keep_old_seconds: float = ROLL_SECONDS) -> str:
    """A new signing secret, as the dashboard's Roll does; the old one signs too until it expires (at most 24 hours)."""
    expires_at = world.clock.timestamp() + min(keep_old_seconds, ROLL_SECONDS)
    secret = new_id("whsec_", length=32)
    old = [(value, expires_at if expiry is None else expiry) for value, expiry in world.endpoint_secrets[endpoint_id]]
    world.endpoint_secrets[endpoint_id] = [(secret, None), *old]
    return secret


def _check_url(url: str, livemode: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused("Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param="url")
    if livemode and parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise refused("Invalid URL: The URL must be https in live mode.", code="url_invalid", param="url")
