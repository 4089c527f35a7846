"""Connecting by a pasted key: a restricted key, or a personal access token, instead of the provider's consent page."""

from __future__ import annotations

from datetime import timedelta

from hub import audit, clock, process
from hub.integrations.access import platform_gate
from hub.integrations.connection import AccountHeldElsewhere, save
from hub.integrations.oauth import ConnectRefused
from providers.contract import Account, Provider, Verb
from providers.errors import PermissionMissing, ProviderError, Unsupported
from providers.records import Window

KEY_MAX_CHARS = 1024  # Square allows that much for tokens; Stripe's keys are shorter


def connect(tenant_id: int, provider_name: str, key: str, *, actor: audit.Actor) -> tuple[int, bool]:
    """(integration id, whether it is new). Raises ConnectRefused with a reason that names no part of the key."""
    provider = process.providers().get(provider_name)
    if provider is None or not process.is_offered(provider):
        raise ConnectRefused("unknown_provider", "There is no such payment provider.")
    key = key.strip()
    if not key or len(key) > KEY_MAX_CHARS or not key.isascii() or not key.isprintable() or " " in key:
        raise ConnectRefused("not_a_key", "Paste the whole key, and nothing else.")
    gate = platform_gate(provider)
    try:
        credentials = provider.credentials_from_key(key)
        if provider.configured and credentials.live != provider.live:
            raise ConnectRefused("mode_mismatch", "A test key cannot be used in live mode, nor a live one in test mode.")
        account = provider.account(credentials, gate=gate)
        profile = account.describe()
        missing = missing_permissions(provider, account)
    except ProviderError as error:
        raise ConnectRefused("key_refused", f"{provider.title} did not accept this key: {error.detail}") from error
    if missing:
        names = ", ".join(missing)
        raise ConnectRefused("permission_missing", f"This key may not read: {names}. Give it access to them and paste it again.")
    try:
        return save(tenant_id, provider, credentials, profile, actor=actor)
    except AccountHeldElsewhere as error:
        raise ConnectRefused("account_held_elsewhere", str(error)) from error


def missing_permissions(provider: Provider, account: Account) -> list[str]:
    """The kinds of record that the key may not list, in plain words. Each is asked for once, for the last hour only; whether it
    may write cannot be asked without writing, and shows at the first edit."""
    missing = []
    for kind in provider.capabilities:
        if not provider.supports(Verb.LIST, kind):
            continue
        try:
            account.list(kind, created=Window(since=clock.now() - timedelta(hours=1)))
        except PermissionMissing:
            missing.append(f"{kind.__name__.lower()}s")
        except (Unsupported, ProviderError):
            continue  # another trouble than a missing permission: the sync will say so, and goes on by itself
    return sorted(missing)
