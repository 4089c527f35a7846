"""The development mailbox: what would have been mailed, on this machine only."""

from __future__ import annotations

import ipaddress
import re

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from hub import process
from hub.http import Problem, not_found, public
from hub.messages import mailbox, mailbox_token
from hub.web.links import linked

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "payhub_mailbox"

blueprint = Blueprint("mailbox_pages", __name__, url_prefix="/mailbox")


@blueprint.get("")
@public
def show() -> BaseResponse:
    """Without signing in, since its first mail is the one to sign in by. None in production or from outside, and where the hub
    has a public address only with the token that its terminal shows."""
    settings = process.settings()
    if settings.production or not _asked_on_this_machine():
        raise not_found("page")
    presented = request.args.get("token", "")
    if presented and mailbox_token.is_right(settings, presented):
        response = redirect("/mailbox", 303)
        response.set_cookie(COOKIE, presented, path="/mailbox", httponly=True, samesite="Strict")
        return response
    if mailbox_token.is_needed(settings) and not mailbox_token.is_right(settings, request.cookies.get(COOKIE, "")):
        detail = "This hub has a public address. Open the mailbox by the address that payhub up shows in its terminal."
        raise Problem(403, "mailbox_token_needed", "The terminal has the address", detail)
    return make_response(render_template("mailbox.html", messages=mailbox(), linked=linked))


def _asked_on_this_machine() -> bool:
    """A development hub may listen on all addresses or stand behind a tunnel: strangers must not read sign-in links there. The
    name that they ask for is theirs to choose, so the peer counts; the name keeps out pages that point their own name here."""
    if any(name in request.headers for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded")):
        return False
    return _is_loopback(_peer()) and re.sub(r":\d+$", "", request.host) in LOCAL_HOSTS


def _peer() -> str:
    """Whose connection it is, before any proxy's word for it."""
    original = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    return str(original.get("REMOTE_ADDR") or "")


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
