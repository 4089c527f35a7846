"""Pages for payers: hosted and embedded checkout, payment links, and a stand-in for Stripe.js that shows the embedded one."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from providers.sandbox.stripe.call import Call, dashboard_call
from providers.sandbox.stripe.checkout_payment import NEEDS_BANK, pay
from providers.sandbox.stripe.checkout_records import existing_session, filled, wishes_of
from providers.sandbox.stripe.checkout_sessions import shown_lines
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.pages import check_expiry
from providers.sandbox.stripe.payment_links import existing_link, is_open, visit
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.world import World

CLOSED_LINK = "This link is no longer active."


class Opened(NamedTuple):
    """A session as its payer opened it. path: of its page, hosted or embedded."""

    call: Call
    session: Record
    path: str
    embedded: bool


def checkout_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("checkout", __name__, template_folder="templates")

    @blueprint.get("/c/pay/<session_id>")
    def hosted(session_id: str) -> AnyResponse:
        with world.lock:
            return _page(_opened(world, session_id))

    @blueprint.get("/c/embedded/<client_secret>")
    def embedded(client_secret: str) -> AnyResponse:
        with world.lock:
            return _page(_opened(world, client_secret, embedded=True))

    @blueprint.post("/c/pay/<session_id>")
    def pay_hosted(session_id: str) -> AnyResponse:
        with world.lock:
            return _submit(_opened(world, session_id), request.form)

    @blueprint.post("/c/embedded/<client_secret>")
    def pay_embedded(client_secret: str) -> AnyResponse:
        with world.lock:
            return _submit(_opened(world, client_secret, embedded=True), request.form)

    @blueprint.route("/c/pay/<session_id>/bank", methods=["GET", "POST"])
    def bank(session_id: str) -> AnyResponse:
        """3-D Secure for what is no payment yet: the card of a subscription that is still to be made."""
        with world.lock:
            opened = _opened(world, session_id, embedded=bool(request.args.get("embedded")))
            wishes = wishes_of(opened.call, session_id)
            if request.method == "GET" or "form" not in wishes:
                amount = {"amount": opened.session["amount_total"], "currency": opened.session["currency"]}
                return Response(render_template("stripe/authenticate.html", intent={**amount, "status": "requires_action"}))
            form = wishes.pop("form")
            if request.form.get("decision") != "complete":
                return _page(opened, "We are unable to authenticate your payment method. Please choose a different one.", 402)
            return _submit(opened, form, authenticated=True)

    @blueprint.get("/c/pay/<session_id>/return")
    def come_back(session_id: str) -> AnyResponse:
        """From the bank's page."""
        with world.lock:
            opened = _opened(world, session_id)
            opened = opened._replace(embedded=opened.session["ui_mode"] != "hosted_page")
            if opened.embedded:
                opened = opened._replace(path=f"/c/embedded/{quote(opened.session['client_secret'])}")
            if opened.session["status"] == "complete":
                return _done(opened)
            return _page(opened, _failure(opened), 402)

    @blueprint.get("/c/done/<session_id>")
    def done(session_id: str) -> AnyResponse:
        with world.lock:
            opened = _opened(world, session_id)
            link = opened.call.store.payment_links.get(opened.session["payment_link"] or "")
            message = ((link or {}).get("after_completion", {}).get("hosted_confirmation") or {}).get("custom_message")
            return _closed("Thank you", message or "Your payment was received.", good=True)

    @blueprint.get("/b/<token>")
    def link(token: str) -> AnyResponse:
        """Each visit makes a session of its own."""
        with world.lock:
            if token not in world.link_tokens:
                raise NotFound("There is no such payment link.")
            account_id, livemode, link_id = world.link_tokens[token]
            call = dashboard_call(world, world.accounts[account_id], livemode).by_stripe()
            found = existing_link(call, link_id)
            if not is_open(found):
                return _closed("Link deactivated", found["inactive_message"] or CLOSED_LINK)
            wanted = {"email": request.args.get("prefilled_email"), "reference": request.args.get("client_reference_id")}
            return redirect(visit(call, found, **wanted)["url"], 303)

    @blueprint.get("/v3/")
    @blueprint.get("/<_release>/stripe.js")
    def script(_release: str = "v3") -> Response:
        text = render_template("stripe/stripe.js", base_url=world.base_url)
        return Response(text, content_type="text/javascript; charset=utf-8", headers={"Access-Control-Allow-Origin": "*"})

    return blueprint


def _opened(world: World, key: str, *, embedded: bool = False) -> Opened:
    """key: the session's id, or its client secret for the embedded page. Raises NotFound."""
    session_id = key.partition("_secret_")[0]
    for (account_id, livemode), store in list(world.stores.items()):
        session = store.checkout_sessions.get(session_id)
        if session is None:
            continue
        if embedded and "_secret_" in key and session["client_secret"] != key:
            break
        place = f"/c/embedded/{quote(session['client_secret'])}" if embedded else f"/c/pay/{session_id}"
        return Opened(dashboard_call(world, world.accounts[account_id], livemode), session, place, embedded)
    raise NotFound("There is no such checkout page.")


def _page(opened: Opened, error: str | None = None, status: int = 200) -> AnyResponse:
    call, session, path, embedded = opened
    if session["status"] == "expired":
        return _closed("Session expired", "This checkout page has expired.", link=session["cancel_url"])
    if session["status"] == "complete":
        return _done(opened)
    details = session["customer_details"] or {}
    payer = wishes_of(call, session["id"]).get("payer") or {}
    text = render_template(
        "stripe/checkout.html",
        account=call.account,
        session=session,
        items=shown_lines(call, session) if session["mode"] != "setup" else [],
        email=payer.get("email") or details.get("email") or "",
        name=payer.get("name") or "",
        action=path,
        embedded=embedded,
        error=error,
    )
    return Response(text, status)


def _submit(opened: Opened, form: Mapping[str, str], *, authenticated: bool = False) -> AnyResponse:
    call, session, path, embedded = opened
    if session["status"] != "open":
        return _page(opened)
    link = call.store.payment_links.get(session["payment_link"] or "")
    if link is not None and not is_open(link):
        return _closed("Link deactivated", link["inactive_message"] or CLOSED_LINK)
    try:
        if not form.get("account_number"):
            check_expiry(call, form)
        outcome = pay(call, session["id"], form, authenticated=authenticated)
    except ApiError as problem:
        current = existing_session(call, session["id"])
        return _page(opened._replace(session=current), str(problem), 402)
    if outcome == NEEDS_BANK:
        wishes_of(call, session["id"])["form"] = dict(form)
        return redirect(f"/c/pay/{session['id']}/bank" + ("?embedded=1" if embedded else ""), 303)
    session = existing_session(call, session["id"])
    if session["status"] == "complete":
        return _done(opened._replace(session=session))
    url = _bank_page(call, session)
    return redirect(url or path, 303)


def _bank_page(call: Call, session: Record) -> str | None:
    intent = call.store.payment_intents.get(session["payment_intent"] or "")
    intent = intent or call.store.setup_intents.get(session["setup_intent"] or "")
    if intent is None or intent["status"] != "requires_action":
        return None
    return str(intent["next_action"]["redirect_to_url"]["url"])


def _failure(opened: Opened) -> str | None:
    """Why the bank's page led nowhere."""
    intent = opened.call.store.payment_intents.get(opened.session["payment_intent"] or "")
    if intent is not None:
        return str((intent["last_payment_error"] or {}).get("message") or "")
    setup = opened.call.store.setup_intents.get(opened.session["setup_intent"] or "")
    return str(((setup or {}).get("last_setup_error") or {}).get("message") or "")


def _done(opened: Opened) -> AnyResponse:
    session = opened.session
    if opened.embedded:
        wanted = session.get("redirect_on_completion") == "always"
        return_url = filled(session.get("return_url"), session["id"]) if wanted else None
        return Response(render_template("stripe/embedded_done.html", return_url=return_url))
    return redirect(filled(session["success_url"], session["id"]) or f"/c/done/{session['id']}", 303)


def _closed(title: str, text: str, *, good: bool = False, link: str | None = None) -> AnyResponse:
    page = render_template("stripe/checkout_closed.html", title=title, text=text, good=good, link=link, link_text="Go back")
    return Response(page)
