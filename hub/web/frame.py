"""What every page has: Bootstrap from its package, the business it is about, how it writes money, moments and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, g, redirect
from flask.blueprints import BlueprintSetupState
from flask_bootstrap import Bootstrap5
from werkzeug.wrappers import Response as BaseResponse

from hub import db, process
from hub.http import current, current_or_none, require
from hub.tenants import service
from hub.web import words, writing

blueprint = Blueprint("frame", __name__)


@dataclass(frozen=True, slots=True)
class Business:
    """What pages need to know of the tenant they are about."""

    name: str
    zone: ZoneInfo
    currency: str


def business() -> Business:
    """The caller's tenant, read once per request."""
    if "business" not in g:
        tenant_id = current().tenant_id
        with db.tenant_session(tenant_id) as session:
            tenant = service.read(session, tenant_id)
            g.business = Business(tenant.name, ZoneInfo(tenant.timezone), tenant.currency)
    return cast(Business, g.business)


def provider_title(name: str) -> str:
    """The provider as it spells itself."""
    provider = process.providers().get(name)
    return provider.title if provider is not None else name.title()


@blueprint.get("/")
@require("viewer", limited="connect")
def start() -> BaseResponse:
    return redirect("/integrations", 303)


def _install(state: BlueprintSetupState) -> None:
    app = cast(Flask, state.app)
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        money=writing.money,
        moment=lambda value: writing.moment(value, business().zone),
        day=writing.day,
        provider_title=provider_title,
        status_word=words.status,
        status_tone=words.tone,
        kind_word=words.kind,
        verb_word=words.verb,
        action_word=words.action,
        method_word=words.method,
        number=writing.number,
    )
    app.context_processor(_context)


def _context() -> dict[str, Any]:
    caller = current_or_none()
    return {
        "development": not process.settings().production,
        "may_manage": caller is not None and caller.limited_to is None and caller.may("manager"),
        "may_own": caller is not None and caller.limited_to is None and caller.may("owner"),
        "currency_exponent": writing.exponent,
    }


blueprint.record_once(_install)
