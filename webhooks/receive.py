"""POST /api/webhooks/<provider>[/<endpoint>]: verify the raw bytes, store, answer 200."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping

import structlog
from apiflask import APIBlueprint
from flask import Response, request
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import RequestEntityTooLarge

from hub import clock, db, process
from hub.http import Problem, limit_failed_signature, public
from hub.integrations import sealed
from hub.models import AccountRoute, Endpoint
from providers.card_numbers import without_card_numbers
from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from webhooks import inbox
from webhooks.handler import SigningSecret
from webhooks.registry import REGISTRATIONS, Receiver, load_receivers

BODY_MAX_BYTES = 1_000_000  # Stripe's and Square's largest events are a few hundred kilobytes
SECRETS_MAX_AGE_SECONDS = 15.0

log = structlog.get_logger(__name__)

PROVIDER = f"<any({', '.join(REGISTRATIONS)}):provider>"  # of a route: every provider with a signed handler

blueprint = APIBlueprint("webhooks", __name__, enable_openapi=True, tag="Webhooks from providers")


REPEATS = "Takes no Idempotency-Key: an event carries its own id, and a known one is answered 200 and dropped."
ANSWERS = {
    200: "It is durable, or was known",
    400: "The signature does not match, or the signed body is no event",
    413: "The body is larger than one megabyte",
    429: "Too many deliveries from this address whose signature did not match",
}


class _Receivers:
    """This process's receivers, and the endpoint secrets of the database for a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receivers: dict[str, Receiver] | None = None
        self._secrets: dict[tuple[str, str | None], tuple[float, list[SigningSecret], str | None]] = {}

    def get(self, provider: str) -> Receiver | None:
        if self._receivers is None:
            self._receivers = load_receivers(os.environ, tuple(process.providers()))
        return self._receivers.get(provider)

    def endpoint(self, provider: str, token: str | None, *, fresh: bool = False) -> tuple[list[SigningSecret], str | None]:
        """(the endpoint's signing secrets, the account it serves: None for the platform's). LookupError: no such endpoint."""
        key = (provider, token)
        with self._lock:
            known = self._secrets.get(key)
        if known is not None and not fresh and clock.monotonic() - known[0] < SECRETS_MAX_AGE_SECONDS:
            return known[1], known[2]
        secrets, account_id = _load_secrets(provider, token)
        with self._lock:
            self._secrets[key] = (clock.monotonic(), secrets, account_id)
        return secrets, account_id

    def forget(self) -> None:
        with self._lock:
            self._receivers = None
            self._secrets.clear()


class EndpointRetired(Exception):
    """The endpoint served an account that is disconnected now: its secret is destroyed, so nothing can be verified."""


receivers = _Receivers()


def _load_secrets(provider: str, token: str | None) -> tuple[list[SigningSecret], str | None]:
    with db.system_session() as session:
        wanted = select(Endpoint).where(Endpoint.provider == provider)
        wanted = wanted.where(Endpoint.token == token) if token else wanted.where(Endpoint.tenant_id.is_(None))
        rows = list(session.scalars(wanted))
        if token and not rows:
            raise LookupError(token)
        if token and not rows[0].active:
            raise EndpointRetired
        found = [
            SigningSecret(value=secret.reveal(), endpoint_id=row.id)
            for row in rows
            for secret in sealed.open_endpoint_secrets(session, row)
        ]
        account_id = None
        if token:
            account_id = session.scalar(
                select(AccountRoute.account_id).where(
                    AccountRoute.provider == provider, AccountRoute.integration_id == rows[0].integration_id
                )
            )
            if account_id is None:
                raise EndpointRetired
        return found, account_id


@blueprint.post(f"/api/webhooks/{PROVIDER}")
@public
@blueprint.doc(description=REPEATS, responses=ANSWERS)
def receive(provider: str) -> Response:
    """Signed events of the platform's endpoint; 200 once they are durable."""
    return _receive(provider, None)


@blueprint.post(f"/api/webhooks/{PROVIDER}/<endpoint_token>")
@public
@blueprint.doc(description=REPEATS, responses=ANSWERS)
def receive_own(provider: str, endpoint_token: str) -> Response:
    """Signed events of one integration's own endpoint (accounts connected by key); 200 once they are durable."""
    return _receive(provider, endpoint_token)


def _receive(provider: str, token: str | None) -> Response:
    receiver = receivers.get(provider)
    if receiver is None:
        raise Problem(404, "unknown_provider", "There is no such provider here.")
    body = _body()
    delivery = WebhookRequest(body=body, headers=_headers(request.headers.items()), received_at=clock.now())
    try:
        secrets, own_account = _endpoint(provider, token)
        url = receiver.url if receiver.url and not token else process.settings().base_url + request.path
        candidates = [*secrets, *(receiver.secrets if token is None else ())]
        try:
            matched = receiver.handler.verify(delivery, candidates, url=url)
        except InvalidSignature:
            # A secret made in another process a moment ago (endpoint created, rotated) must count at once.
            secrets, own_account = _endpoint(provider, token, fresh=True)
            candidates = [*secrets, *(receiver.secrets if token is None else ())]
            matched = receiver.handler.verify(delivery, candidates, url=url)
        events = receiver.handler.events(without_card_numbers(body), own_account_id=own_account)
        if token is not None:
            # Whoever holds this account may know its secret: it speaks for this account only.
            foreign = [event for event in events if event.account_id != own_account]
            events = [event for event in events if event.account_id == own_account]
            if foreign:
                log.warning("webhook_of_another_account", provider=provider, events=len(foreign))
        new = inbox.store(provider, events)
    except EndpointRetired:
        # What a provider still sends is answered, or it would repeat it for days; it is not read and not kept.
        log.info("webhook_after_disconnect", provider=provider)
        return Response(status=200)
    except InvalidSignature as refusal:
        limit_failed_signature()
        log.warning("webhook_refused", provider=provider, reason=refusal.detail)
        raise Problem(400, "invalid_signature", "The delivery's signature does not match.") from None
    except Rejected as refusal:
        log.warning("webhook_unreadable", provider=provider, reason=refusal.code)
        raise Problem(400, "unreadable_event", "The signed body is not an event that can be read.") from None
    except (OperationalError, DBAPIError, PoolTimeout) as error:
        log.error("webhook_not_stored", provider=provider, error=type(error).__name__)
        raise Problem(503, "database_unavailable", "The event could not be stored. Please deliver it again.") from None
    log.info("webhook_received", provider=provider, events=len(events), new=new, endpoint_id=matched.endpoint_id)
    return Response(status=200)


def _endpoint(provider: str, token: str | None, *, fresh: bool = False) -> tuple[list[SigningSecret], str | None]:
    try:
        return receivers.endpoint(provider, token, fresh=fresh)
    except LookupError:
        raise Problem(404, "unknown_endpoint", "There is no such webhook endpoint.") from None


def _body() -> bytes:
    """The raw bytes, before anything is parsed. A body that is too large is refused unread."""
    too_large = Problem(413, "body_too_large", "The body is larger than one megabyte.")
    if (request.content_length or 0) > BODY_MAX_BYTES:
        raise too_large
    body = request.stream.read(BODY_MAX_BYTES)
    try:
        # Sent in chunks, its length is known at its end only; the server's own limit speaks up at this read.
        rest = request.stream.read(1) if len(body) == BODY_MAX_BYTES else b""
    except RequestEntityTooLarge:
        raise too_large from None
    if rest:
        raise too_large
    return bytes(body)


def _headers(items: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in items:
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined
