"""The development mailbox: what would have been mailed, on this machine only."""

from __future__ import annotations

from flask import Blueprint, render_template

from hub import process
from hub.http import not_found, public
from hub.messages import mailbox
from hub.web.links import linked

blueprint = Blueprint("mailbox_pages", __name__, url_prefix="/mailbox")


@blueprint.get("")
@public
def show() -> str:
    """Without signing in, since its first mail is the one to sign in by. Production has none."""
    if process.settings().production:
        raise not_found("page")
    return render_template("mailbox.html", messages=mailbox(), linked=linked)
