"""A tenant's settings and its audit log over HTTP."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from apiflask import APIBlueprint
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Regexp
from sqlalchemy import select

from hub import db
from hub.currencies import CURRENCIES
from hub.http import PageQuery, Problem, Schema, Text, current, page_schema, paged, require
from hub.http.fields import Integer
from hub.identity.paths import origin_of
from hub.models import AuditEntry
from hub.tenants import numbering, service

blueprint = APIBlueprint("tenants", __name__, url_prefix="/api", tag="Settings")

LOOPBACK_ORIGIN = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
NOTICE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
ZONES = frozenset(available_timezones())


def _timezone(value: str) -> None:
    if value not in ZONES:
        raise ValidationError("Is no time zone of the IANA database, such as Europe/Berlin.")


def _currency(value: str) -> None:
    if value not in CURRENCIES:
        raise ValidationError("Is no ISO 4217 currency, such as USD.")


def _pattern(value: str) -> None:
    try:
        numbering.check_pattern(value)
    except numbering.BadPattern as error:
        raise ValidationError(str(error)) from error


def _origin(value: str) -> None:
    if origin_of(value) != value:
        raise ValidationError("Is no origin: write https://crm.example, in lower case, without a path.")
    if value.startswith("http:") and not LOOPBACK_ORIGIN.fullmatch(value):
        raise ValidationError("Must be https, except on this machine.")


def _phone(value: str) -> None:
    try:
        valid = not value or phonenumbers.is_possible_number(phonenumbers.parse(value, None))
    except phonenumbers.NumberParseException:
        valid = False
    if not valid:
        raise ValidationError("Is no telephone number with country code, such as +14155550100.")


def _web_url(value: str) -> None:
    if value and (origin_of(value) is None or not value.startswith("https:")):
        raise ValidationError("Must be an https URL, or empty.")


class OptionalEmail(fields.Email):
    """A mail address, or empty for none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return ""
        return super()._deserialize(value, attr, data, **kwargs)

    def _validate(self, value: Any) -> None:
        if value != "":
            super()._validate(value)


class Notices(fields.Dict):
    """Notice name to the mail addresses that get it."""

    def __init__(self, **options: Any) -> None:
        names = fields.String(validate=Regexp(NOTICE_NAME, error="Use a name such as payment_received."))
        addresses = fields.List(fields.Email(), validate=Length(max=20))
        super().__init__(keys=names, values=addresses, validate=Length(max=50), **options)


class TenantSchema(Schema):
    id = Integer(required=True)
    name = fields.String(required=True)
    logo_url = fields.String(required=True)
    timezone = fields.String(required=True)
    currency = fields.String(required=True)
    sender_name = fields.String(required=True)
    sender_email = fields.String(required=True)
    owner_phone = fields.String(required=True)
    owner_email = fields.String(required=True)
    support_email = fields.String(required=True)
    support_phone = fields.String(required=True)
    notices = Notices(required=True)
    return_origins = fields.List(fields.String(), required=True)
    invoice_number_pattern = fields.String(required=True)
    revision = Integer(required=True)


class TenantChangeSchema(Schema):
    """What is left out stays. With `revision`, the change is refused if somebody changed the settings since."""

    name = Text(min_chars=1, max_chars=200)
    logo_url = Text(max_chars=2000, validate=_web_url)
    timezone = Text(validate=_timezone, metadata={"description": "IANA name, such as America/New_York"})
    currency = Text(validate=_currency, metadata={"description": "ISO 4217"})
    sender_name = Text(max_chars=200)
    sender_email = OptionalEmail()
    owner_phone = Text(max_chars=40, validate=_phone)
    owner_email = OptionalEmail()
    support_email = OptionalEmail()
    support_phone = Text(max_chars=40, validate=_phone)
    notices = Notices()
    return_origins = fields.List(Text(max_chars=300, validate=_origin), validate=Length(max=50))
    invoice_number_pattern = Text(max_chars=100, validate=_pattern, metadata={"description": "{seq} or {seq:05}, and {year}"})
    revision = Integer()


class AuditEntrySchema(Schema):
    id = Integer(required=True)
    at = fields.DateTime(required=True)
    actor_kind = fields.String(required=True)
    actor_id = fields.String(required=True)
    action = fields.String(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.String(required=True)
    details = fields.Dict(required=True)
    request_id = fields.String(required=True, allow_none=True)


class AuditQuery(PageQuery):
    action = Text(load_default=None, max_chars=100)
    subject_kind = Text(load_default=None, max_chars=100)
    subject_id = Text(load_default=None, max_chars=100)


@blueprint.get("/tenant")
@require("viewer")
@blueprint.output(TenantSchema)
@blueprint.doc(summary="Read the settings")
def read_tenant() -> Any:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        return service.read(session, caller.tenant_id)


@blueprint.patch("/tenant")
@require("manager")
@blueprint.input(TenantChangeSchema)
@blueprint.output(TenantSchema)
@blueprint.doc(summary="Change settings", responses={409: "Changed by somebody else meanwhile"})
def change_tenant(json_data: dict[str, Any]) -> Any:
    caller = current()
    revision = json_data.pop("revision", None)
    try:
        with db.tenant_session(caller.tenant_id) as session:
            return service.change(session, caller.tenant_id, caller.actor, json_data, revision=revision)
    except service.Outdated as error:
        detail = "Somebody changed the settings since you read them. Read them again, then repeat your change."
        raise Problem(409, "outdated", "Changed meanwhile", detail) from error


@blueprint.get("/audit-log")
@require("owner")
@blueprint.input(AuditQuery, location="query")
@blueprint.output(page_schema(AuditEntrySchema))
@blueprint.doc(summary="Who did what, newest first")
def audit_log(query_data: dict[str, Any]) -> dict[str, Any]:
    caller = current()
    statement = select(AuditEntry).where(AuditEntry.tenant_id == caller.tenant_id)
    for name in ("action", "subject_kind", "subject_id"):
        wanted = query_data.pop(name)
        if wanted is not None:
            statement = statement.where(getattr(AuditEntry, name) == wanted)
    with db.tenant_session(caller.tenant_id) as session:
        return paged(session, statement, order=(AuditEntry.at.desc(), AuditEntry.id.desc()), **query_data)
