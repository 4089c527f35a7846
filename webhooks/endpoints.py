"""Keep every webhook endpoint at the providers as it should be."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import select

from hub import clock, db, process
from hub.integrations import sealed, service
from hub.models import Endpoint as EndpointRow
from hub.models import Integration
from providers.contract import Account, Provider, Verb
from providers.errors import ProviderError, RecordNotFound, Unsupported
from providers.records import Endpoint, EndpointDraft
from webhooks.receive import receivers

OLD_SECRET_LIFETIME = timedelta(hours=24)  # both providers re-send for at most a day or three; Stripe signs with both for a day

log = structlog.get_logger(__name__)


def ensure_for_integration(tenant_id: int, integration_id: int) -> None:
    """The handler that a connect wakes: the platform's endpoint for accounts connected by OAuth, an own one for keys."""
    with db.tenant_session(tenant_id) as session:
        row = session.scalars(select(Integration).where(Integration.id == integration_id)).one_or_none()
        if row is None:
            return
        name, by_key, active = row.provider, row.credentials_kind == "key", row.status == "active"
    provider = process.providers().get(name)
    if provider is None or not provider.supports(Verb.CREATE, Endpoint):
        return
    if by_key:
        _ensure_own(tenant_id, integration_id, provider, active=active)
    elif active:
        ensure_platform(provider)


def ensure_platform(provider: Provider, *, force: bool = False) -> EndpointRow | None:
    """Create or repair the platform's endpoint. Left alone where the environment brings its own secrets, unless `force`.

    Returns the row, None where nothing was to be done; what is wrong stays on the row as `error` and is tried again."""
    receiver = receivers.get(provider.name)
    if receiver is None or (receiver.secrets and not force):
        return None
    url = receiver.url or f"{process.settings().base_url}/api/webhooks/{provider.name}"
    wanted = receiver.handler.wanted_endpoint(url)
    row_id = _row(provider, url, tenant_id=None, integration_id=None, token=None)
    try:
        account = provider.platform(gate=service.platform_gate(provider))
    except (Unsupported, ProviderError) as error:
        return _note(row_id, error.detail)
    return _reconcile(row_id, account, wanted)


def _ensure_own(tenant_id: int, integration_id: int, provider: Provider, *, active: bool) -> None:
    """An account connected by key does not feed the platform's endpoint: it gets its own route and secret."""
    receiver = receivers.get(provider.name)
    if receiver is None:
        return
    if not active:
        with db.system_session() as session:
            gone = select(EndpointRow).where(EndpointRow.tenant_id == tenant_id, EndpointRow.integration_id == integration_id)
            for row in session.scalars(gone):
                row.active = False
        return
    token = secrets.token_urlsafe(16)
    with db.system_session() as session:
        found = select(EndpointRow.token).where(EndpointRow.tenant_id == tenant_id, EndpointRow.integration_id == integration_id)
        token = session.scalar(found) or token
    url = f"{process.settings().base_url}/api/webhooks/{provider.name}/{token}"
    row_id = _row(provider, url, tenant_id=tenant_id, integration_id=integration_id, token=token)
    try:
        _, account = service.open_account(tenant_id, integration_id)
    except ProviderError as error:
        _note(row_id, error.detail)
        return
    _reconcile(row_id, account, receiver.handler.wanted_endpoint(url))


def _row(provider: Provider, url: str, *, tenant_id: int | None, integration_id: int | None, token: str | None) -> int:
    with db.system_session() as session:
        where = [EndpointRow.provider == provider.name, EndpointRow.live == provider.live]
        if integration_id is None:
            where.append(EndpointRow.integration_id.is_(None))
        else:
            where += [EndpointRow.tenant_id == tenant_id, EndpointRow.integration_id == integration_id]
        row = session.scalars(select(EndpointRow).where(*where).with_for_update()).one_or_none()
        if row is None:
            row = EndpointRow(
                provider=provider.name,
                live=provider.live,
                tenant_id=tenant_id,
                integration_id=integration_id,
                token=token,
                url=url,
                created_at=clock.now(),
            )
            session.add(row)
        row.url, row.active = url, True
        session.flush()
        return row.id


def _reconcile(row_id: int, account: Account, wanted: EndpointDraft) -> EndpointRow:
    """Make the provider's registration equal to `wanted`; a registration whose secret we do not have is made anew."""
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        external_id, has_secret = row.external_id, row.sealed_secret is not None
    try:
        present = _present(account, external_id, wanted.url)
        if present is not None and not has_secret:
            present = _with_secret(account, present)
        if present is None:
            present = account.create(wanted, key=_key())
        elif _differs(present, wanted):
            present = _repair(account, present, wanted, row_id)
    except ProviderError as error:
        return _note(row_id, error.detail)
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        row.external_id, row.url, row.active = present.id, present.url, present.active
        row.events, row.api_version = sorted(present.event_types), present.api_version
        row.error, row.checked_at = None, clock.now()
        if present.secret:
            sealed.seal_endpoint_secret(session, row, present.secret, old_until=clock.now() + OLD_SECRET_LIFETIME)
    receivers.forget()
    log.info("endpoint_ensured", endpoint_id=row_id, provider=row.provider)
    return row


def _present(account: Account, external_id: str | None, url: str) -> Endpoint | None:
    if external_id is not None:
        try:
            return account.get(Endpoint, external_id)
        except RecordNotFound:
            pass
    cursor: str | None = None
    while True:
        page = account.list(Endpoint, cursor=cursor)
        for endpoint in page.records:
            if endpoint.url == url:
                return endpoint
        cursor = page.next_cursor
        if cursor is None:
            return None


def _with_secret(account: Account, present: Endpoint) -> Endpoint | None:
    """The secret of an existing registration: read it, rotate it, or remove the registration so that it is made anew."""
    if present.secret:
        return present
    fetched = account.get(Endpoint, present.id)
    if fetched.secret:
        return fetched
    account.perform(Verb.DELETE, Endpoint, present.id, version=present.version, key=_key())
    return None


def _differs(present: Endpoint, wanted: EndpointDraft) -> bool:
    return (
        not present.active
        or present.url != wanted.url
        or not wanted.event_types <= present.event_types
        or (wanted.api_version is not None and present.api_version != wanted.api_version)
    )


def _repair(account: Account, present: Endpoint, wanted: EndpointDraft, row_id: int) -> Endpoint:
    if wanted.api_version is not None and present.api_version != wanted.api_version:
        # Stripe fixes the version at creation: only a new registration has another one.
        created = account.create(wanted, key=_key())
        account.perform(Verb.DELETE, Endpoint, present.id, version=present.version, key=_key())
        return created
    updated = account.update(present.id, wanted, version=present.version, key=_key())
    return replace(updated, secret=None)


def _key() -> str:
    """One attempt, one key: repairing an endpoint is repeatable by looking first, so keys need not be stable."""
    return f"ph1ep{secrets.token_hex(12)}"


def _note(row_id: int, problem: str) -> EndpointRow:
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        row.error, row.checked_at = problem, clock.now()
    log.warning("endpoint_not_ensured", endpoint_id=row_id, provider=row.provider, problem=problem)
    return row


def install(names: Sequence[str]) -> list[EndpointRow]:
    """Create or repair the platform's endpoint of each provider, also where the environment brings secrets."""
    rows = []
    for name in names:
        provider = process.providers()[name]
        if provider.configured and provider.supports(Verb.CREATE, Endpoint):
            row = ensure_platform(provider, force=True)
            if row is not None:
                rows.append(row)
    return rows
