"""Pages of connecting: which provider, what will be asked there, the way to it, and how it went."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from hub import db, process
from hub.http import Problem, current, require
from hub.integrations import keys, oauth
from hub.integrations.api import shown
from hub.web import forms
from hub.web.runs import standing_of
from providers.contract import Provider

blueprint = Blueprint("connect_pages", __name__, url_prefix="/integrations")

ICONS = {"stripe": "💳", "square": "⬛"}
LANDING = "/integrations/connected"


@blueprint.get("/connect")
@require("viewer", limited="connect")
def choose() -> str:
    return render_template(
        "integrations/choose.html",
        providers=[provider for provider in process.providers().values() if _is_shown(provider)],
        icons=ICONS,
        may_connect=current().may("manager"),
    )


def _is_shown(provider: Provider) -> bool:
    """An experimental one only where it can be chosen; of the others also that they are not set up."""
    return process.is_offered(provider) and (provider.configured or not provider.experimental)


@blueprint.post("/connect")
@require("manager", limited="connect")
def begin() -> BaseResponse:
    """Also reconnects: the same account keeps its row and history."""
    caller = current()
    try:
        url = oauth.start(
            caller.tenant_id,
            request.form.get("provider", ""),
            LANDING,
            actor=caller.actor,
            user_id=caller.user_id,
            external_user=caller.external_user,
        )
    except oauth.ConnectRefused as refusal:
        raise Problem(422, refusal.code, "This account cannot be connected now", refusal.detail) from refusal
    return redirect(url, 303)


@blueprint.get("/connect/key")
@require("manager", limited="connect")
def ask_key() -> str:
    return _key_page(forms.Form())


def _key_page(form: forms.Form) -> str:
    return render_template("integrations/key.html", providers=process.providers().values(), form=form)


@blueprint.post("/connect/key")
@require("manager", limited="connect")
def connect_by_key() -> BaseResponse | tuple[str, int]:
    """The key itself is never shown again, not even after a mistake."""
    caller = current()
    form = forms.Form({"provider": request.form.get("provider", "")})
    try:
        integration_id, _ = keys.connect(
            caller.tenant_id, form.values["provider"], request.form.get("key", ""), actor=caller.actor
        )
    except oauth.ConnectRefused as refusal:
        form.errors["" if refusal.code == "unknown_provider" else "key"] = refusal.detail
        return _key_page(form), form.status
    return redirect(f"{LANDING}?connected={integration_id}", 303)


@blueprint.get("/connected")
@require("viewer", limited="connect")
def connected() -> BaseResponse | str:
    integration_id = request.args.get("connected", type=int)
    if integration_id is None or not 0 < integration_id < 2**63:
        return redirect("/integrations", 303)
    tenant_id = current().tenant_id
    integration = shown(tenant_id, integration_id)
    with db.tenant_session(tenant_id) as session:
        progress = standing_of(session, integration_id)
    return render_template("integrations/connected.html", integration=integration, progress=progress)
