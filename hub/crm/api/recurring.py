"""HTTP: the recurring services of a client."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Boolean, Date, List, Nested, String

from hub import db
from hub.crm import recurring
from hub.crm.api.shared import Moment, moment, refusals
from hub.http import Integer, Schema, current, require

blueprint = APIBlueprint("recurring", __name__, tag="Clients, contacts and jobs")


class RecurringServiceOut(Schema):
    integration_id = Integer(required=True)
    provider = String(required=True)
    external_id = String(required=True, metadata={"description": "The provider's id of the subscription"})
    name = String(required=True)
    status = String(required=True)
    amount = Integer(required=True, allow_none=True, metadata={"description": "Minor units per period; null: not told"})
    currency = String(required=True, allow_none=True)
    interval = String(required=True, metadata={"description": "day, week, month, year, unknown"})
    interval_count = Integer(required=True)
    starts_on = Date(required=True, allow_none=True)
    renews_on = Date(required=True, allow_none=True, metadata={"description": "The next billing day; null once it has ended"})
    cancels_on = Date(required=True, allow_none=True, metadata={"description": "The day on which it will end by itself"})
    ended_at = Moment()
    collects = Boolean(required=True, metadata={"description": "false: it goes on, but asks for no money"})
    as_of = Moment(allow_none=False)


class RecurringServicesOut(Schema):
    data = List(Nested(RecurringServiceOut), required=True)


@blueprint.get("/api/clients/<int:client_id>/recurring-services")
@require("viewer")
@blueprint.output(RecurringServicesOut)
def recurring_services(client_id: int) -> dict[str, Any]:
    """The client's subscriptions at all connected accounts: those that run, then those that are over, newest first."""
    with db.tenant_session(current().tenant_id) as session, refusals():
        found = recurring.recurring_services(session, client_id)
    return {
        "data": [{**asdict(each), "ended_at": moment(each.ended_at), "as_of": moment(each.as_of)} for each in found],
    }
