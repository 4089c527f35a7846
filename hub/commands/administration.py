"""Tenants, their users and API keys, and the encryption keys."""

from __future__ import annotations

import click

from hub import audit, process
from hub.commands.words import as_json_option, refused_in_words, shown
from hub.identity import administration
from hub.identity.caller import Role
from hub.integrations import rotation


@click.group()
def tenant() -> None:
    """Tenants: the CRM's customers."""


@tenant.command("create")
@click.argument("name")
@click.option("--currency", default="USD", show_default=True)
@click.option("--timezone", default="UTC", show_default=True)
@click.option("--return-origin", "return_origins", multiple=True, help="An origin to which browsers may be sent back.")
@as_json_option
def create_tenant(name: str, currency: str, timezone: str, return_origins: tuple[str, ...], as_json: bool) -> None:
    """Make the tenant NAME."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        tenant_id = administration.create_tenant(name, currency=currency, timezone=timezone, return_origins=list(return_origins))
    shown({"tenant_id": tenant_id, "name": name}, as_json)


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("create")
@click.option("--email", required=True)
@click.option("--tenant", "tenant_id", required=True, type=int)
@click.option("--role", default="owner", show_default=True, type=click.Choice(["owner", "manager", "viewer"]))
@click.option("--name", default="")
@as_json_option
def create_user(email: str, tenant_id: int, role: Role, name: str, as_json: bool) -> None:
    """Make a user, or give an existing one a role in another tenant."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        user_id = administration.create_user(email, tenant_id=tenant_id, role=role, name=name)
    shown({"user_id": user_id, "email": email, "tenant_id": tenant_id, "role": role}, as_json)


@click.group()
def apikey() -> None:
    """Keys by which the CRM calls the API."""


@apikey.command("create")
@click.option("--tenant", "tenant_id", required=True, type=int)
@click.option("--role", default="manager", show_default=True, type=click.Choice(["owner", "manager", "viewer"]))
@click.option("--name", default="")
@as_json_option
def create_api_key(tenant_id: int, role: Role, name: str, as_json: bool) -> None:
    """Make an API key; it is shown this once."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        key = administration.create_api_key(tenant_id, role=role, name=name)
    shown({"api_key": key, "tenant_id": tenant_id}, as_json)


@click.group()
def keys() -> None:
    """Encryption keys."""


@keys.command("rotate")
@as_json_option
def rotate_keys(as_json: bool) -> None:
    """Re-encrypt every credential under the newest key, while the system runs. May be killed and run again."""
    process.boot_from_environment(name="cli", needs_redis=False)
    shown(rotation.rotate_all(actor=audit.Actor("cli")), as_json)
