"""Pages for owners: people, API keys and the audit log."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.http import Problem, current, not_found, paged, require
from hub.identity import api_keys, members
from hub.identity.api import ApiKeyDraftSchema, MemberDraftSchema, RoleSchema
from hub.identity.caller import as_role
from hub.models import ApiKey, AuditEntry, User
from hub.web import forms, words

blueprint = Blueprint("access_pages", __name__, url_prefix="/settings")

PER_PAGE = 50
ROLES = {
    "viewer": "Viewer: reads everything, changes nothing",
    "manager": "Manager: connects accounts, edits, takes money",
    "owner": "Owner: as a manager, and people, API keys, audit log",
}


@blueprint.get("/people")
@require("owner")
def people() -> str:
    return _people(forms.Form({"role": "viewer"}))


@blueprint.post("/people")
@require("owner")
def add_person() -> BaseResponse | tuple[str, int]:
    caller = current()
    form = forms.Form(dict(forms.typed(request.form, ("email", "name", "role"))))
    draft = form.check(MemberDraftSchema(), form.values)
    if not form.errors:
        try:
            members.add(caller.tenant_id, caller.actor, email=draft["email"], name=draft["name"], role=as_role(draft["role"]))
        except members.AlreadyMember:
            form.errors["email"] = "This person belongs to the business already. Change the role instead."
        except ValueError:
            form.errors["email"] = "This is no mail address."
        else:
            flash(f"{draft['email']} can sign in now.", "good")
            return redirect("/settings/people", 303)
    return _people(form), form.status


@blueprint.post("/people/<int:user_id>/role")
@require("owner")
def change_role(user_id: int) -> BaseResponse:
    caller = current()
    form = forms.Form(dict(forms.typed(request.form, ("role",))))
    form.check(RoleSchema(), form.values)
    if form.errors:
        raise Problem(422, "validation_failed", "The request is not valid", form.errors.get("role", ""))
    try:
        with db.tenant_session(caller.tenant_id) as session:
            if not members.set_role(session, caller.tenant_id, caller.actor, user_id, as_role(form.values["role"])):
                raise not_found("member")
        flash("The role is changed.", "good")
    except members.LastOwner:
        flash("The business needs an owner. Make somebody else an owner first.", "bad")
    return redirect("/settings/people", 303)


@blueprint.post("/people/<int:user_id>/remove")
@require("owner")
def remove_person(user_id: int) -> BaseResponse:
    caller = current()
    try:
        if not members.remove(caller.tenant_id, caller.actor, user_id):
            raise not_found("member")
        flash("This person has no access any more.", "good")
    except members.LastOwner:
        flash("The business needs an owner. Make somebody else an owner first.", "bad")
    return redirect("/" if user_id == caller.user_id else "/settings/people", 303)


def _people(form: forms.Form) -> str:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        rows = members.listed(session, caller.tenant_id)
    return render_template("settings/people.html", members=rows, form=form, roles=ROLES, me=caller.user_id)


@blueprint.get("/api-keys")
@require("owner")
def keys() -> str:
    return _keys(forms.Form({"role": "manager"}))


@blueprint.post("/api-keys")
@require("owner")
def create_key() -> tuple[str, int] | str:
    """The answer is the page itself, not a redirect: the key is shown this once and kept nowhere."""
    caller = current()
    form = forms.Form(dict(forms.typed(request.form, ("name", "role"))))
    draft = form.check(ApiKeyDraftSchema(), form.values)
    if form.errors:
        return _keys(form), form.status
    with db.tenant_session(caller.tenant_id) as session:
        made = api_keys.create(session, caller.tenant_id, caller.actor, name=draft["name"], role=as_role(draft["role"]))
    return _keys(forms.Form({"role": "manager"}), made)


@blueprint.post("/api-keys/<int:key_id>/revoke")
@require("owner")
def revoke_key(key_id: int) -> BaseResponse:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        if api_keys.revoke(session, caller.tenant_id, caller.actor, key_id) is None:
            raise not_found("API key")
    flash("The API key is revoked. Whoever used it gets no answer any more.", "good")
    return redirect("/settings/api-keys", 303)


def _keys(form: forms.Form, made: api_keys.NewKey | None = None) -> str:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        wanted = select(ApiKey).where(ApiKey.tenant_id == caller.tenant_id)
        rows = session.scalars(wanted.order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc()).limit(200)).all()
    return render_template("settings/api_keys.html", rows=rows, form=form, roles=ROLES, made=made)


@blueprint.get("/audit-log")
@require("owner")
def audit_log() -> str:
    caller = current()
    action = request.args.get("action", "")
    statement = select(AuditEntry).where(AuditEntry.tenant_id == caller.tenant_id)
    if action in words.ACTIONS:
        statement = statement.where(AuditEntry.action == action)
    with db.tenant_session(caller.tenant_id) as session:
        order = (AuditEntry.at.desc(), AuditEntry.id.desc())
        page = paged(session, statement, order=order, limit=PER_PAGE, cursor=request.args.get("cursor"))
        people = {int(row.actor_id) for row in page["data"] if row.actor_kind == "user" and row.actor_id.isdigit()}
        found = session.execute(select(User.id, User.email).where(User.id.in_(people)))
        names = {str(user_id): email for user_id, email in found}
    return render_template("settings/audit_log.html", page=page, action=action, actions=words.ACTIONS, names=names)
