"""The page of a business's settings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.currencies import CURRENCIES
from hub.http import current, require
from hub.models import Tenant
from hub.tenants import service
from hub.tenants.api import ZONES, TenantChangeSchema
from hub.web import forms

blueprint = Blueprint("settings_pages", __name__, url_prefix="/settings")

PLAIN = (
    "name", "logo_url", "timezone", "currency", "sender_name", "sender_email", "owner_phone", "owner_email", "support_email",
    "support_phone", "invoice_number_pattern",
)  # fmt: skip


@blueprint.get("")
@require("viewer")
def show() -> str:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        tenant = service.read(session, caller.tenant_id)
    return _page(forms.Form(_values(tenant)))


@blueprint.post("")
@require("manager")
def change() -> BaseResponse | tuple[str, int]:
    caller = current()
    form = forms.Form(dict(forms.typed(request.form, (*PLAIN, "notices", "return_origins", "revision"))))
    revision = form.values["revision"]
    body: dict[str, Any] = {name: form.values[name] for name in PLAIN}
    body["return_origins"] = form.values["return_origins"].split()
    body["notices"] = _notices(form)
    changes = form.check(TenantChangeSchema(), body)
    if not form.errors:
        try:
            with db.tenant_session(caller.tenant_id) as session:
                seen = int(revision) if revision.isascii() and revision.isdigit() else None
                service.change(session, caller.tenant_id, caller.actor, changes, revision=seen)
        except service.Outdated:
            form.errors[""] = "Somebody changed the settings since you opened this page. Open it again and repeat your change."
        else:
            flash("The settings are saved.", "good")
            return redirect("/settings", 303)
    _lift(form)
    return _page(form), form.status


def _values(tenant: Tenant) -> dict[str, Any]:
    notices = [f"{name}: {', '.join(addresses)}" for name, addresses in tenant.notices.items()]
    return {
        **{name: getattr(tenant, name) for name in PLAIN},
        "return_origins": "\n".join(tenant.return_origins),
        "notices": "\n".join(notices),
        "revision": str(tenant.revision),
    }


def _notices(form: forms.Form) -> dict[str, list[str]]:
    """Lines such as `payment_received: a@b.example, c@d.example`."""
    notices: dict[str, list[str]] = {}
    for line in filter(str.strip, form.values["notices"].splitlines()):
        name, colon, addresses = line.partition(":")
        if not colon:
            form.errors["notices"] = "Write each line as a name, a colon and addresses."
        notices[name.strip()] = [address.strip() for address in addresses.split(",") if address.strip()]
    return notices


def _lift(form: forms.Form) -> None:
    """Errors inside the two lists belong to the whole list's field."""
    for name in [each for each in form.errors if each and each not in form.values]:
        message = form.errors.pop(name)
        inside = "notices" if not name.isdigit() or "mail" in message.lower() else "return_origins"
        form.errors.setdefault(inside, message)


def _page(form: forms.Form) -> str:
    return render_template(
        "settings/business.html",
        form=form,
        zones=sorted(ZONES),
        currencies=sorted(CURRENCIES),
        read_only=not current().may("manager"),
    )
