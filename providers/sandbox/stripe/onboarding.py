"""Accounts that a platform makes and sends through onboarding: POST /v1/accounts, /v1/account_links and the page they lead to."""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from providers.sandbox.stripe.accounts import accessible_account, account_record
from providers.sandbox.stripe.call import Call, dashboard_call, operation
from providers.sandbox.stripe.errors import ApiError, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.oauth import grant
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, Account, World

LINK_SECONDS = 300
PAGE_SECONDS = 3600
"""How long the page may be filled in once it is open; the link itself opens only once."""
CURRENCIES = {"US": "usd", "GB": "gbp", "CA": "cad", "AU": "aud", "JP": "jpy", "CH": "chf", "SE": "sek", "NO": "nok", "DK": "dkk"}
ALMOST_EVERYWHERE = "eur"


@operation("POST /v1/accounts")
def create_account(call: Call) -> Record:
    params = call.params
    if call.account.id != PLATFORM_ACCOUNT:
        raise ApiError(400, "You can only create new accounts if you've signed up for Connect.")
    controller = params.get("controller") or {}
    if params.get("type") and controller:
        raise refused("You may only specify one of these parameters: type, controller.", param="controller")
    country = (params.get("country") or call.account.country).upper()
    account = call.world.add_account(
        name=(params.get("business_profile") or {}).get("name") or "New Business",
        country=country,
        currency=(params.get("default_currency") or CURRENCIES.get(country, ALMOST_EVERYWHERE)).lower(),
        email=params.get("email"),
    )
    account.created = call.now
    account.kind = params.get("type") or "none"
    account.controlled = True
    account.charges_enabled = account.payouts_enabled = account.details_submitted = False
    account.requirements = list(call.world.options.new_account_requirements)
    _apply(account, params)
    grant(call.world, account.id, call.livemode, "read_write")
    return account_record(account)


@operation("POST /v1/accounts/{account}")
def update_account(call: Call) -> Record:
    account = accessible_account(call, call.ids["account"])
    before = account_record(account)
    _apply(account, call.params)
    after = account_record(account)
    emit(_as(call, account), "account.updated", after, before=before)
    return after


@operation("DELETE /v1/accounts/{account}")
def delete_account(call: Call) -> Record:
    account = accessible_account(call, call.ids["account"])
    connection = call.world.connection(account.id, call.livemode)
    if not account.controlled or connection is None:
        raise ApiError(403, "You can only delete accounts that your platform made.", code="account_invalid")
    call.world.disconnect(connection)
    return {"id": account.id, "object": "account", "deleted": True}


@operation("POST /v1/accounts/{account}/reject")
def reject_account(call: Call) -> Record:
    account = accessible_account(call, call.ids["account"])
    before = account_record(account)
    account.charges_enabled = account.payouts_enabled = False
    reason = call.params["reason"]
    kind = "fraud" if reason.startswith("fraud") else reason if reason == "terms_of_service" else "other"
    account.disabled_reason = f"rejected.platform_{kind}"
    after = account_record(account)
    emit(_as(call, account), "account.updated", after, before=before)
    return after


@operation("POST /v1/accounts/{account}/unreject")
def unreject_account(call: Call) -> Record:
    account = accessible_account(call, call.ids["account"])
    before = account_record(account)
    account.disabled_reason = None
    account.charges_enabled = account.payouts_enabled = account.details_submitted
    after = account_record(account)
    emit(_as(call, account), "account.updated", after, before=before)
    return after


@operation("POST /v1/account_links")
def create_account_link(call: Call) -> Record:
    params = call.params
    account = accessible_account(call, params["account"], param="account")
    for name in ("refresh_url", "return_url"):
        url = required(params, name)
        if not url.startswith(("http://", "https://")):
            raise refused(f"Not a valid URL: {url}", code="url_invalid", param=name)
        if call.livemode and not url.startswith("https://"):
            raise refused("Livemode requests must always be redirected via HTTPS.", param=name)
    token = new_id("", length=32)
    expires_at = call.now + LINK_SECONDS
    call.world.account_links[token] = {
        "account": account.id,
        "livemode": call.livemode,
        "refresh_url": params["refresh_url"],
        "return_url": params["return_url"],
        "expires_at": expires_at,
        "opened_at": None,
    }
    return {
        "object": "account_link",
        "created": call.now,
        "expires_at": expires_at,
        "url": f"{call.world.base_url}/setup/s/{account.id}/{token}",
    }


@operation("POST /v1/accounts/{account}/login_links")
def create_login_link(call: Call) -> Record:
    account = accessible_account(call, call.ids["account"])
    if account.kind != "express":
        raise ApiError(400, "Cannot create a login link for an account that is not an Express account.")
    return {"object": "login_link", "created": call.now, "url": f"{call.world.base_url}/express/{account.id}"}


def finish_onboarding(call: Call, account: Account, form: dict[str, str]) -> Record:
    """All that was required is there: the account may charge and be paid out."""
    before = account_record(account)
    account.name = form.get("business_name") or account.name
    account.profile |= {"url": form.get("url") or account.profile.get("url"), "mcc": account.profile.get("mcc") or "5734"}
    account.business_type = form.get("business_type") or account.business_type or "company"
    account.requirements = []
    account.accepted_at = call.now
    account.details_submitted = account.charges_enabled = account.payouts_enabled = True
    after = account_record(account)
    emit(call, "account.updated", after, before=before)
    return after


def onboarding_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("onboarding", __name__, template_folder="templates")

    @blueprint.get("/setup/s/<account_id>/<token>")
    def begin(account_id: str, token: str) -> AnyResponse:
        """A link opens once and lives five minutes; afterwards the platform is asked for a new one."""
        with world.lock:
            link = _link(world, account_id, token)
            if link["opened_at"] is not None or world.clock.unix() > link["expires_at"]:
                return redirect(link["refresh_url"], 303)
            link["opened_at"] = world.clock.unix()
            return Response(render_template("stripe/onboarding.html", account=world.accounts[account_id], link=link))

    @blueprint.post("/setup/s/<account_id>/<token>")
    def submit(account_id: str, token: str) -> AnyResponse:
        with world.lock:
            link = _link(world, account_id, token)
            opened_at = link["opened_at"]
            if opened_at is None or world.clock.unix() > opened_at + PAGE_SECONDS:
                return redirect(link["refresh_url"], 303)
            account = world.accounts[account_id]
            if request.form.get("decision") == "submit":
                finish_onboarding(dashboard_call(world, account, link["livemode"]), account, request.form.to_dict())
        return redirect(link["return_url"], 303)

    return blueprint


def _link(world: World, account_id: str, token: str) -> dict[str, Any]:
    link = world.account_links.get(token)
    if link is None or link["account"] != account_id:
        raise NotFound("There is no such onboarding link.")
    return link


def _as(call: Call, account: Account) -> Call:
    """Events about an account are that account's own."""
    return call if account.id == call.account.id else dashboard_call(call.world, account, call.livemode)


def _apply(account: Account, params: dict[str, Any]) -> None:
    if "email" in params:
        account.email = params["email"]
    if "business_type" in params:
        account.business_type = params["business_type"]
        _met(account, "business_type")
    profile = params.get("business_profile") or {}
    for name, value in profile.items():
        if name == "name":
            account.name = value
        elif name in ("url", "mcc", "product_description", "support_email", "support_phone", "support_url"):
            account.profile[name] = blank_to_none(value)
            _met(account, f"business_profile.{name}")
    if params.get("external_account"):
        _met(account, "external_account")
    if "metadata" in params:
        account.metadata = merged_metadata(account.metadata, params["metadata"])


def _met(account: Account, requirement: str) -> None:
    account.requirements = [name for name in account.requirements if name != requirement]
