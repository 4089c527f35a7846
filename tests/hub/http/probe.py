"""Routes that exist for tests only, made of the same parts as the real ones."""

from __future__ import annotations

import threading
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy import select, text

from hub import clock, db
from hub.http import (
    Integer,
    PageQuery,
    Problem,
    Schema,
    Text,
    current,
    idempotent,
    limit_failed_signature,
    page_schema,
    paged,
    public,
    require,
)
from hub.models import Client
from providers.errors import Declined, IntegrationRevoked, RateLimited, Rejected


class LineSchema(Schema):
    amount = Integer(required=True)


class ThingSchema(Schema):
    amount = Integer(required=True)
    name = Text(max_chars=20)
    lines = fields.List(fields.Nested(LineSchema))


class ClientSchema(Schema):
    id = Integer(required=True)
    email = fields.String(required=True)


FAULTS: dict[str, Exception] = {
    "bug": RuntimeError("password=hunter2 in a traceback"),
    "rate_limited": RateLimited("Slow down, please.", retry_after_seconds=7),
    "revoked": IntegrationRevoked("The account was disconnected at Stripe."),
    "declined": Declined("The card was declined.", code="card_declined"),
    "rejected": Rejected("Stripe takes no such currency."),
    "problem": Problem(409, "already_paid", "Already paid", "This invoice is paid. Nothing was charged."),
}


class Probe:
    """`made` counts what the POST routes did; `hold` lets a test stop one in the middle."""

    def __init__(self) -> None:
        self.made = 0
        self.hold: threading.Event | None = None
        self.entered = threading.Event()
        self.blueprint = blueprint = APIBlueprint("probe", __name__)

        @blueprint.post("/api/probe/things")
        @idempotent
        @require("manager")
        @blueprint.input(ThingSchema)
        @blueprint.output(ThingSchema, status_code=201)
        def make(json_data: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
            self.entered.set()
            if self.hold is not None:
                assert self.hold.wait(20)
            if json_data["amount"] == 402:
                self.made += 1
                raise Declined("The card was declined.")
            if json_data["amount"] == 500:
                raise RuntimeError("fails the first time")
            if json_data["amount"] < 0:
                raise Problem(422, "negative", "Negative", "Give an amount from 0.")
            self.made += 1
            return {**json_data, "name": f"thing {self.made}"}, 201, {"Location": f"/api/probe/things/{self.made}"}

        @blueprint.get("/api/probe/things/<int:thing_id>")
        @require("viewer")
        def one(thing_id: int) -> dict[str, int]:
            return {"id": thing_id}

        @blueprint.get("/api/probe/clients")
        @require("viewer")
        @blueprint.input(PageQuery, location="query")
        @blueprint.output(page_schema(ClientSchema))
        def clients(query_data: dict[str, Any]) -> dict[str, Any]:
            caller = current()
            with db.tenant_session(caller.tenant_id) as session:
                statement = select(Client).where(Client.tenant_id == caller.tenant_id)
                return paged(session, statement, order=(Client.created_at.desc(), Client.id.desc()), **query_data)

        @blueprint.get("/api/probe/fault/<name>")
        @blueprint.get("/probe/fault/<name>", endpoint="fault_page")
        @public
        def fault(name: str) -> str:
            if name == "unstorable":
                with db.system_session() as session:
                    session.execute(text("SELECT cast(:value AS bigint)"), {"value": "9" * 30})
            raise FAULTS[name]

        @blueprint.post("/api/probe/webhook")
        @public
        def webhook() -> str:
            limit_failed_signature()
            raise Problem(400, "invalid_signature", "Invalid signature", "The signature does not fit.")

        @blueprint.post("/api/probe/good-webhook")
        @public
        def good_webhook() -> str:
            return "taken"


def add_clients(tenant_id: int, count: int) -> list[str]:
    """All at the same moment, so that only the id tells them apart."""
    now = clock.now()
    with db.tenant_session(tenant_id) as session:
        emails = [f"client{number}@example.com" for number in range(count)]
        session.add_all([Client(tenant_id=tenant_id, email=each, created_at=now, updated_at=now) for each in emails])
    return emails
