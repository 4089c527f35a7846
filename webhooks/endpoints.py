"""Keep every webhook endpoint at the providers as it should be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import audit, clock, db, process, vault
from hub.integrations import sealed, service
from hub.models import Endpoint as EndpointRow
from hub.models import Integration
from providers.contract import Account, Provider, Verb
from providers.errors import ProviderError, RecordNotFound
from providers.records import Endpoint, EndpointDraft
from webhooks.receive import receivers

OLD_SECRET_LIFETIME = timedelta(hours=24)  # Square repeats what the old key signed for a day; Stripe signs with both for a day
LOCK_TIMEOUT = "60s"  # several provider requests at their slowest

log = structlog.get_logger(__name__)


def ensure_for_integration(tenant_id: int, row_id: int) -> None:
    """The handler that a connect and the scheduler wake. Accounts connected by OAuth feed the platform's endpoint, those
    connected by key have their own. Tenant 0: `row_id` is a platform endpoint's row instead of an integration's."""
    if tenant_id == 0:
        _ensure_again(row_id)
        return
    with db.tenant_session(tenant_id) as session:
        row = session.scalars(select(Integration).where(Integration.id == row_id)).one_or_none()
        if row is None:
            return
        name, by_key, active = row.provider, row.credentials_kind == "key", row.status == "active"
    provider = process.providers().get(name)
    if provider is None or not provider.supports(Verb.CREATE, Endpoint):
        return
    if by_key:
        _ensure_own(tenant_id, row_id, provider, active=active)
    elif active:
        ensure_platform(provider)


def _ensure_again(endpoint_id: int) -> None:
    with db.system_session() as session:
        row = session.get(EndpointRow, endpoint_id)
    provider = process.providers().get(row.provider) if row is not None else None
    if row is None or provider is None or row.live != provider.live or not provider.configured:
        return
    if ensure_platform(provider) is None:
        with db.system_session() as session:  # the environment's own secrets serve now
            session.get_one(EndpointRow, endpoint_id).error = None


def ensure_platform(provider: Provider, *, force: bool = False, actor: audit.Actor = audit.SYSTEM) -> EndpointRow | None:
    """Create or repair the platform's endpoint. Left alone where the environment brings its own secrets, unless `force`.

    Returns the row, None where nothing was to be done; what is wrong stays on the row as `error` and is tried again."""
    receiver = receivers.get(provider.name)
    if receiver is None or (receiver.secrets and not force):
        return None
    url = receiver.url or f"{process.settings().base_url}/api/webhooks/{provider.name}"
    with _alone(provider, 0):
        row_id = _row(provider, url, tenant_id=None, integration_id=None, token=None)
        try:
            account = provider.platform(gate=service.platform_gate(provider))
        except ProviderError as error:
            return _note(row_id, error.detail)
        return _reconcile(row_id, account, receiver.handler.wanted_endpoint(url), actor)


def _ensure_own(tenant_id: int, integration_id: int, provider: Provider, *, active: bool) -> None:
    """An account connected by key does not feed the platform's endpoint: it gets its own route and secret."""
    receiver = receivers.get(provider.name)
    if receiver is None:
        return
    with _alone(provider, integration_id):
        with db.system_session() as session:
            wanted = select(EndpointRow).where(EndpointRow.tenant_id == tenant_id, EndpointRow.integration_id == integration_id)
            row = session.scalars(wanted).one_or_none()
            if row is not None and not active:
                row.active = False
        if not active:
            return
        token = (row.token if row is not None else None) or secrets.token_urlsafe(16)
        url = f"{process.settings().base_url}/api/webhooks/{provider.name}/{token}"
        row_id = _row(provider, url, tenant_id=tenant_id, integration_id=integration_id, token=token)
        try:
            _, account = service.open_account(tenant_id, integration_id)
        except ProviderError as error:
            _note(row_id, error.detail)
            return
        _reconcile(row_id, account, receiver.handler.wanted_endpoint(url), audit.SYSTEM)


@contextmanager
def _alone(provider: Provider, integration_id: int) -> Iterator[None]:
    """Two at once would register twice, and each would take the other's registration for a lost one."""
    with db.raw_connection() as connection, connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        name = f"endpoint {provider.name} {provider.live} {integration_id}"
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": name})
        yield


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


def _reconcile(row_id: int, account: Account, wanted: EndpointDraft, actor: audit.Actor) -> EndpointRow:
    """Make the provider's registration equal to `wanted`; a registration whose secret we do not have is made anew.

    A new registration is stored before the old one is removed: its secret is told only once."""
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        before, was_wrong = row.external_id, row.error is not None
    has_secret = bool(_secrets(row_id))
    try:
        present = _present(account, before, wanted.url)
        usable = present is not None and has_secret and present.id == before
        if present is not None and not usable:
            present = present if present.secret else account.get(Endpoint, present.id)  # Square shows the key here
            usable = present.secret is not None
        # Stripe fixes the version at creation: only a new registration has another one.
        if present is None or not usable or (wanted.api_version is not None and present.api_version != wanted.api_version):
            kept = _keep(row_id, account.create(wanted, key=_key()), actor)
            _remove_others(account, wanted, keep=kept.external_id, before=before)
        else:
            repaired = _differs(present, wanted)
            if repaired:
                secret = present.secret
                present = account.update(present.id, wanted, version=present.version, key=_key())
                present = replace(present, secret=present.secret or secret)
            kept = _keep(row_id, present, actor, changed=repaired)
            if was_wrong:
                _remove_others(account, wanted, keep=kept.external_id, before=before)
    except ProviderError as error:
        return _note(row_id, error.detail)
    return kept


def _secrets(row_id: int) -> list[vault.Secret]:
    with db.system_session() as session:
        try:
            return sealed.open_endpoint_secrets(session, session.get_one(EndpointRow, row_id))
        except vault.Shredded:
            return []


def _present(account: Account, external_id: str | None, url: str) -> Endpoint | None:
    if external_id is not None:
        try:
            return account.get(Endpoint, external_id)
        except RecordNotFound:
            pass
    return next((endpoint for endpoint in _all(account) if endpoint.url == url), None)


def _all(account: Account) -> Iterator[Endpoint]:
    cursor: str | None = None
    while True:
        page = account.list(Endpoint, cursor=cursor)
        yield from page.records
        cursor = page.next_cursor
        if cursor is None:
            return


def _keep(row_id: int, present: Endpoint, actor: audit.Actor, *, changed: bool = True) -> EndpointRow:
    """changed: whether anything was made or altered at the provider; otherwise it was only looked at."""
    known = [secret.reveal() for secret in _secrets(row_id)]
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        row.external_id, row.url, row.active = present.id, present.url, present.active
        row.events, row.api_version = sorted(present.event_types), present.api_version
        row.error, row.checked_at = None, clock.now()
        if present.secret and present.secret not in known[:1]:
            sealed.seal_endpoint_secret(session, row, present.secret, old_until=clock.now() + OLD_SECRET_LIFETIME)
            changed = True
        if changed:
            _audit(session, row, actor)
    receivers.forget()
    log.info("endpoint_ensured", endpoint_id=row_id, provider=row.provider)
    return row


def _audit(session: Session, row: EndpointRow, actor: audit.Actor) -> None:
    """In the log of each integration whose events come by this endpoint: for the platform's own that is every account connected
    by OAuth."""
    if row.tenant_id is not None:
        fed = [(row.tenant_id, row.integration_id)]
    else:
        living = select(Integration.tenant_id, Integration.id).where(Integration.provider == row.provider)
        living = living.where(
            Integration.live == row.live, Integration.status == "active", Integration.credentials_kind == "oauth"
        )
        fed = [(tenant_id, integration_id) for tenant_id, integration_id in session.execute(living)]
    for tenant_id, integration_id in fed:
        details: dict[str, Any] = {"endpoint": row.id, "external_id": row.external_id, "url": row.url}
        audit.record(session, tenant_id, actor, "webhook_endpoint.changed", "integration", integration_id, **details)


def _remove_others(account: Account, wanted: EndpointDraft, *, keep: str | None, before: str | None) -> None:
    """Earlier registrations of ours would deliver everything again, signed with secrets that we no longer have. Somebody else's
    at the same URL are left alone."""
    for endpoint in list(_all(account)):
        ours = endpoint.id == before or (endpoint.url == wanted.url and endpoint.name == wanted.name)
        if ours and endpoint.id != keep:
            try:
                account.perform(Verb.DELETE, Endpoint, endpoint.id, version=endpoint.version, key=_key())
            except RecordNotFound:
                continue


def _differs(present: Endpoint, wanted: EndpointDraft) -> bool:
    return not present.active or present.url != wanted.url or not wanted.event_types <= present.event_types


def _key() -> str:
    """One attempt, one key: repairing an endpoint is repeatable by looking first, so keys need not be stable."""
    return f"ph1ep{secrets.token_hex(12)}"


def _note(row_id: int, problem: str) -> EndpointRow:
    with db.system_session() as session:
        row = session.get_one(EndpointRow, row_id)
        row.error, row.checked_at = problem, clock.now()
    log.warning("endpoint_not_ensured", endpoint_id=row_id, provider=row.provider, problem=problem)
    return row


def install(names: Sequence[str], *, actor: audit.Actor = audit.SYSTEM) -> list[EndpointRow]:
    """Create or repair the platform's endpoint of each provider, also where the environment brings secrets."""
    rows = []
    for name in names:
        provider = process.providers()[name]
        if provider.configured and provider.supports(Verb.CREATE, Endpoint):
            row = ensure_platform(provider, force=True, actor=actor)
            if row is not None:
                rows.append(row)
    return rows
