"""The development mailbox: what would have been mailed, on this machine only."""

from __future__ import annotations

import re

from flask import Blueprint, render_template, request

from hub import process
from hub.http import not_found, public
from hub.messages import mailbox
from hub.web.links import linked

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")

blueprint = Blueprint("mailbox_pages", __name__, url_prefix="/mailbox")


@blueprint.get("")
@public
def show() -> str:
    """Without signing in, since its first mail is the one to sign in by. None in production or from outside."""
    if process.settings().production or not _asked_on_this_machine():
        raise not_found("page")
    return render_template("mailbox.html", messages=mailbox(), linked=linked)


def _asked_on_this_machine() -> bool:
    """A development hub may have a public address (a tunnel, for the providers): strangers must not read sign-in links there."""
    if any(name in request.headers for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded")):
        return False
    return re.sub(r":\d+$", "", request.host) in LOCAL_NAMES
