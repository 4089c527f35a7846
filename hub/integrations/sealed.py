"""Credentials and other secrets at rest: sealed in the row they belong to, opened where they are used."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import clock, process, vault
from hub.models import DataKey, Endpoint, Integration
from providers.contract import Credentials

CREDENTIALS_COLUMN = "sealed_credentials"


def _keyring() -> vault.Keyring:
    return process.settings().keyring


def make_data_key(session: Session, *, tenant_id: int | None, integration_id: int | None) -> DataKey:
    """A fresh data key, stored wrapped by the newest environment key."""
    wrapped = vault.new_data_key(_keyring())
    key = DataKey(
        tenant_id=tenant_id,
        integration_id=integration_id,
        key_id=vault.key_id_of(wrapped),
        wrapped=wrapped,
        created_at=clock.now(),
    )
    session.add(key)
    session.flush()
    return key


def _wrapped(session: Session, data_key_id: int | None) -> vault.WrappedKey | None:
    if data_key_id is None:
        return None
    wrapped = session.scalar(select(DataKey.wrapped).where(DataKey.id == data_key_id))
    return vault.WrappedKey(wrapped) if wrapped else None


def store_credentials(session: Session, row: Integration, credentials: Credentials) -> None:
    """Seal `credentials` into the row under the row's data key, which is made if there is none. The caller commits."""
    if row.data_key_id is None or _wrapped(session, row.data_key_id) is None:
        row.data_key_id = make_data_key(session, tenant_id=row.tenant_id, integration_id=row.id).id
    text = json.dumps({"access_token": credentials.access_token, "refresh_token": credentials.refresh_token})
    row.sealed_credentials = vault.seal(_keyring(), _wrapped(session, row.data_key_id), text, _integration_context(row))
    row.credentials_revision += 1
    row.credentials_kind = credentials.kind
    row.credentials_expire_at = credentials.expires_at
    row.credentials_refreshed_at = clock.now()
    row.scopes = sorted(credentials.scopes)


def open_credentials(session: Session, row: Integration) -> Credentials:
    """The row's credentials. Raises vault.Shredded after a disconnect."""
    if row.sealed_credentials is None:
        raise vault.Shredded("this integration's credentials were destroyed")
    wrapped = _wrapped(session, row.data_key_id)
    tokens = json.loads(vault.open(_keyring(), wrapped, row.sealed_credentials, _integration_context(row)).reveal())
    return Credentials(
        account_id=row.account_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        expires_at=row.credentials_expire_at,
        scopes=frozenset(row.scopes),
        live=row.live,
        kind="key" if row.credentials_kind == "key" else "oauth",
    )


def shred(session: Session, row: Integration) -> list[DataKey]:
    """Destroy the integration's data keys: what they sealed is unreadable for ever, in backups of this table too. Returns
    those that lived until now."""
    wanted = select(DataKey).where(DataKey.tenant_id == row.tenant_id, DataKey.integration_id == row.id)
    living = list(session.scalars(wanted.where(DataKey.wrapped.is_not(None)).order_by(DataKey.id)))
    for key in living:
        key.wrapped = None
        key.shredded_at = clock.now()
    row.sealed_credentials = None
    row.data_key_id = None
    for endpoint in session.scalars(
        select(Endpoint).where(Endpoint.tenant_id == row.tenant_id, Endpoint.integration_id == row.id)
    ):
        endpoint.sealed_secret = endpoint.sealed_old_secret = endpoint.data_key_id = None
    return living


def seal_endpoint_secret(session: Session, endpoint: Endpoint, secret: str, *, old_until: datetime | None = None) -> None:
    """Seal a webhook signing secret; the present one stays accepted until `old_until` (None: it is dropped)."""
    if endpoint.data_key_id is None or _wrapped(session, endpoint.data_key_id) is None:
        key = make_data_key(session, tenant_id=endpoint.tenant_id, integration_id=endpoint.integration_id)
        endpoint.data_key_id = key.id
    wrapped = _wrapped(session, endpoint.data_key_id)
    if endpoint.sealed_secret is not None and old_until is not None:
        old = vault.open(_keyring(), wrapped, endpoint.sealed_secret, _endpoint_context(endpoint, "sealed_secret"))
        endpoint.sealed_old_secret = vault.seal(
            _keyring(), wrapped, old.reveal(), _endpoint_context(endpoint, "sealed_old_secret")
        )
        endpoint.old_secret_until = old_until
    endpoint.sealed_secret = vault.seal(_keyring(), wrapped, secret, _endpoint_context(endpoint, "sealed_secret"))


def open_endpoint_secrets(session: Session, endpoint: Endpoint) -> list[vault.Secret]:
    """The accepted signing secrets, newest first."""
    wrapped = _wrapped(session, endpoint.data_key_id)
    found = []
    if endpoint.sealed_secret is not None:
        found.append(vault.open(_keyring(), wrapped, endpoint.sealed_secret, _endpoint_context(endpoint, "sealed_secret")))
    alive = endpoint.old_secret_until is not None and endpoint.old_secret_until > clock.now()
    if endpoint.sealed_old_secret is not None and alive:
        context = _endpoint_context(endpoint, "sealed_old_secret")
        found.append(vault.open(_keyring(), wrapped, endpoint.sealed_old_secret, context))
    return found


def rotate_integration(session: Session, row: Integration) -> bool:
    """Seal the row's credentials anew under a fresh data key of the newest environment key; False if there is nothing to do."""
    if row.sealed_credentials is None:
        return False
    old_key = session.get(DataKey, row.data_key_id)
    if old_key is not None and old_key.key_id == _keyring().newest_id:
        return False
    credentials = open_credentials(session, row)
    text = json.dumps({"access_token": credentials.access_token, "refresh_token": credentials.refresh_token})
    row.data_key_id = make_data_key(session, tenant_id=row.tenant_id, integration_id=row.id).id
    # credentials_revision stays: the grant is the same, and a refresh under way must not be thrown away.
    row.sealed_credentials = vault.seal(_keyring(), _wrapped(session, row.data_key_id), text, _integration_context(row))
    if old_key is not None:
        old_key.wrapped = None
        old_key.shredded_at = clock.now()
    return True


def rotate_endpoint(session: Session, endpoint: Endpoint) -> bool:
    """The same for an endpoint's signing secrets."""
    old_key = session.get(DataKey, endpoint.data_key_id) if endpoint.data_key_id else None
    if old_key is None or old_key.wrapped is None or old_key.key_id == _keyring().newest_id:
        return False
    wrapped = vault.WrappedKey(old_key.wrapped)
    opened = {}
    for column in ("sealed_secret", "sealed_old_secret"):
        sealed = getattr(endpoint, column)
        if sealed is not None:
            opened[column] = vault.open(_keyring(), wrapped, sealed, _endpoint_context(endpoint, column))
    new_key = make_data_key(session, tenant_id=endpoint.tenant_id, integration_id=endpoint.integration_id)
    endpoint.data_key_id = new_key.id
    for column, secret in opened.items():
        sealed = vault.seal(_keyring(), _wrapped(session, new_key.id), secret.reveal(), _endpoint_context(endpoint, column))
        setattr(endpoint, column, sealed)
    old_key.wrapped = None
    old_key.shredded_at = clock.now()
    return True


def seal_attempt_secret(secret: str, *, tenant_id: int, row_id: str, column: str) -> bytes:
    """A short-lived secret of one connect attempt: its wrapped data key travels in front of it."""
    wrapped = vault.new_data_key(_keyring())
    sealed = vault.seal(_keyring(), wrapped, secret, _attempt_context(tenant_id, row_id, column))
    return len(wrapped).to_bytes(2) + wrapped + sealed


def open_attempt_secret(stored: bytes, *, tenant_id: int, row_id: str, column: str) -> str:
    size = int.from_bytes(stored[:2])
    wrapped = vault.WrappedKey(stored[2 : 2 + size])
    return vault.open(_keyring(), wrapped, stored[2 + size :], _attempt_context(tenant_id, row_id, column)).reveal()


def _attempt_context(tenant_id: int, row_id: str, column: str) -> vault.Context:
    return vault.Context(tenant_id=tenant_id, table="oauth_attempts", row_id=row_id, column=column)


def _integration_context(row: Integration) -> vault.Context:
    return vault.Context(tenant_id=row.tenant_id, table="integrations", row_id=row.id, column=CREDENTIALS_COLUMN)


def _endpoint_context(endpoint: Endpoint, column: str) -> vault.Context:
    return vault.Context(tenant_id=endpoint.tenant_id or 0, table="webhooks", row_id=endpoint.id, column=column)
