"""API keys, members and connect sessions over HTTP."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import OneOf
from sqlalchemy import select

from hub import audit, db
from hub.http import PageQuery, Problem, Schema, Text, current, idempotent, invalid, not_found, page_schema, paged, require
from hub.http.access import settings
from hub.http.fields import Integer
from hub.identity import api_keys, connect_links, members
from hub.identity.caller import as_role
from hub.identity.paths import is_allowed
from hub.models import ApiKey, Contact, Membership, User
from hub.models.tenancy import ROLES

blueprint = APIBlueprint("identity", __name__, url_prefix="/api", tag="Access")

ROLE = OneOf(ROLES, error="Use owner, manager or viewer.")


class ApiKeySchema(Schema):
    id = Integer(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"description": "The key's beginning, to tell keys apart"})
    role = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, allow_none=True)
    revoked_at = fields.DateTime(required=True, allow_none=True)


class NewApiKeySchema(ApiKeySchema):
    key = fields.String(required=True, metadata={"description": "The whole key: shown this once and never again"})


class ApiKeyDraftSchema(Schema):
    name = Text(required=True, min_chars=1, max_chars=100)
    role = fields.String(load_default="manager", validate=ROLE)


class MemberSchema(Schema):
    user_id = Integer(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    since = fields.DateTime(required=True)


class MemberDraftSchema(Schema):
    email = fields.Email(required=True)
    name = Text(load_default="", max_chars=200)
    role = fields.String(required=True, validate=ROLE)


class RoleSchema(Schema):
    role = fields.String(required=True, validate=ROLE)


class ConnectSessionDraftSchema(Schema):
    """Exactly one of `user` (your own name for the person) and `contact_id`."""

    user = Text(min_chars=1, max_chars=200)
    contact_id = Integer()
    return_url = Text(required=True, max_chars=2000)

    @validates_schema
    def _one_person(self, data: dict[str, Any], **_: Any) -> None:
        if ("user" in data) == ("contact_id" in data):
            raise ValidationError("Give either user or contact_id.", "user")


class ConnectSessionSchema(Schema):
    url = fields.String(required=True, metadata={"description": "Send the person's browser there; works once"})
    expires_at = fields.DateTime(required=True)


@blueprint.get("/api-keys")
@require("owner")
@blueprint.input(PageQuery, location="query")
@blueprint.output(page_schema(ApiKeySchema))
@blueprint.doc(summary="List API keys")
def list_api_keys(query_data: dict[str, Any]) -> dict[str, Any]:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        statement = select(ApiKey).where(ApiKey.tenant_id == caller.tenant_id)
        return paged(session, statement, order=(ApiKey.id.desc(),), **query_data)


@blueprint.post("/api-keys")
@require("owner")
@blueprint.input(ApiKeyDraftSchema)
@blueprint.output(NewApiKeySchema, status_code=201)
@blueprint.doc(summary="Make an API key", description="Takes no Idempotency-Key: a kept answer would keep the secret.")
def create_api_key(json_data: dict[str, Any]) -> dict[str, Any]:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        made = api_keys.create(session, caller.tenant_id, caller.actor, name=json_data["name"], role=as_role(json_data["role"]))
        return {**_shown(made.row), "key": made.secret}


@blueprint.delete("/api-keys/<int:key_id>")
@require("owner")
@blueprint.output(ApiKeySchema)
@blueprint.doc(summary="Revoke an API key")
def revoke_api_key(key_id: int) -> dict[str, Any]:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        row = api_keys.revoke(session, caller.tenant_id, caller.actor, key_id)
        if row is None:
            raise not_found("API key")
        return _shown(row)


@blueprint.get("/members")
@require("owner")
@blueprint.input(PageQuery, location="query")
@blueprint.output(page_schema(MemberSchema))
@blueprint.doc(summary="List members")
def list_members(query_data: dict[str, Any]) -> dict[str, Any]:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        wanted, order = members.wanted(caller.tenant_id), (User.email.asc(), User.id.asc())
        return paged(session, wanted, order=order, item=members.member, **query_data)


@blueprint.post("/members")
@require("owner")
@idempotent
@blueprint.input(MemberDraftSchema)
@blueprint.output(MemberSchema, status_code=201)
@blueprint.doc(summary="Add a member", responses={409: "Is a member already"})
def add_member(json_data: dict[str, Any]) -> members.Member:
    caller = current()
    role = as_role(json_data["role"])
    try:
        user_id = members.add(caller.tenant_id, caller.actor, email=json_data["email"], name=json_data["name"], role=role)
    except members.AlreadyMember as error:
        detail = "This person belongs to the business already. Change the role instead."
        raise Problem(409, "already_member", "Is a member already", detail) from error
    except ValueError as error:
        raise invalid("email", "This is no mail address.") from error
    return _member(caller.tenant_id, user_id)


@blueprint.patch("/members/<int:user_id>")
@require("owner")
@blueprint.input(RoleSchema)
@blueprint.output(MemberSchema)
@blueprint.doc(summary="Change a member's role", responses={409: "Would leave no owner"})
def change_role(user_id: int, json_data: dict[str, Any]) -> members.Member:
    caller = current()
    try:
        with db.tenant_session(caller.tenant_id) as session:
            if not members.set_role(session, caller.tenant_id, caller.actor, user_id, as_role(json_data["role"])):
                raise not_found("member")
    except members.LastOwner as error:
        raise _last_owner() from error
    return _member(caller.tenant_id, user_id)


@blueprint.delete("/members/<int:user_id>")
@require("owner")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Remove a member; signed-in browsers lose access at once", responses={409: "Would leave no owner"})
def remove_member(user_id: int) -> str:
    caller = current()
    try:
        if not members.remove(caller.tenant_id, caller.actor, user_id):
            raise not_found("member")
    except members.LastOwner as error:
        raise _last_owner() from error
    return ""


@blueprint.post("/connect-sessions")
@require("manager")
@blueprint.input(ConnectSessionDraftSchema)
@blueprint.output(ConnectSessionSchema, status_code=201)
@blueprint.doc(
    summary="Make a link to the connect page or the portal",
    description="Needs an API key. `return_url` must lie on an origin of the tenant's `return_origins`. The link works once and "
    "for ten minutes. Takes no Idempotency-Key: a kept answer would keep the link.",
)
def create_connect_session(json_data: dict[str, Any]) -> dict[str, Any]:
    caller = current()
    if caller.via != "api_key":
        raise Problem(403, "api_key_needed", "For API keys only", "Make these links from your CRM's server, with its API key.")
    contact_id = json_data.get("contact_id")
    with db.tenant_session(caller.tenant_id) as session:
        if not is_allowed(json_data["return_url"], connect_links.return_origins(session, caller.tenant_id)):
            message = "This page is on no origin of the tenant's return_origins. Add its origin to the tenant's settings first."
            raise invalid("return_url", message)
        if contact_id is not None and session.get(Contact, (caller.tenant_id, contact_id)) is None:
            raise not_found("contact")
        token, expires_at = connect_links.issue(
            session,
            caller.tenant_id,
            external_user=json_data.get("user"),
            contact_id=contact_id,
            return_url=json_data["return_url"],
        )
        for_whom = {"contact_id": contact_id} if contact_id is not None else {"user": json_data["user"]}
        audit.record(session, caller.tenant_id, caller.actor, "connect_session.created", "connect_session", "", **for_whom)
    return {"url": f"{settings().base_url}{connect_links.LINK_PATH}/{token}", "expires_at": expires_at}


def _shown(row: ApiKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("id", "name", "prefix", "role", "created_at", "last_used_at", "revoked_at")}


def _member(tenant_id: int, user_id: int) -> members.Member:
    with db.tenant_session(tenant_id) as session:
        if session.get(Membership, (tenant_id, user_id)) is None:
            raise not_found("member")
        return next(each for each in members.listed(session, tenant_id) if each.user_id == user_id)


def _last_owner() -> Problem:
    return Problem(409, "last_owner", "No owner would be left", "Make somebody else an owner first.")
