"""The API's routes: authentication, envelopes, idempotency keys, records."""

from datetime import timedelta
from typing import Any

import orjson
from flask import Flask, Response, request

from providers.sandbox.gocardless import banking
from providers.sandbox.gocardless.errors import Refused, answer_of, invalid, misused, not_found, wrong_state
from providers.sandbox.gocardless.events import deliver, tell
from providers.sandbox.gocardless.lists import page
from providers.sandbox.gocardless.shapes import FIELDS, check, check_customer
from providers.sandbox.gocardless.state import Organisation, Record, World, wire_time

VERSION = "2015-07-06"
LISTED = ("creditors", "customers", "mandates", "payments", "refunds", "billing_requests", "events")
FLOW_DAYS = 7


def register(app: Flask, world: World) -> None:
    @app.get(f"/<any({', '.join(LISTED)}):resource>")
    def list_records(resource: str) -> Response:
        with world.lock:
            return _json(page(_caller(world), resource, request.args))

    @app.get(f"/<any({', '.join(LISTED)}):resource>/<id>")
    def get_record(resource: str, id: str) -> Response:
        with world.lock:
            return _json({resource: _caller(world).find(resource, id)})

    @app.post(f"/<any({', '.join(FIELDS)}):resource>")
    def create(resource: str) -> Response:
        with world.lock:
            organisation = _caller(world)
            fields, key = _enveloped(resource), request.headers.get("Idempotency-Key")
            made = organisation.keys.get((resource, key)) if key else None
            if made is not None:
                # Whatever was sent: the body is not compared (GoCardless docs: idempotency keys).
                raise Refused(
                    409,
                    "invalid_state",
                    "A resource has already been created with this idempotency key",
                    reason="idempotent_creation_conflict",
                    links={"conflicting_resource_id": made},
                )
            check(resource, fields)
            record = _MAKERS[resource](world, organisation, fields)
            if key:
                organisation.keys[resource, key] = record["id"]
            deliver(world)
            return _json({resource: record}, 201)

    @app.put("/customers/<id>")
    def update_customer(id: str) -> Response:
        with world.lock:
            customer = _caller(world).find("customers", id)
            fields = _enveloped("customers")
            check("customers", fields)
            check_customer({**customer, **fields})
            customer.update(fields)
            return _json({"customers": customer})

    @app.delete("/customers/<id>")
    def remove_customer(id: str) -> Response:
        with world.lock:
            organisation = _caller(world)
            customer = organisation.find("customers", id)
            organisation.removed.add(id)
            return _json({"customers": customer})

    @app.post("/billing_requests/<id>/actions/cancel")
    def cancel_request(id: str) -> Response:
        with world.lock:
            organisation = _caller(world)
            asked = organisation.find("billing_requests", id)
            if asked["status"] != "pending":
                raise wrong_state("cancellation_failed", "The billing request is over")
            asked["status"] = "cancelled"
            tell(world, organisation, "billing_requests", asked, "cancelled")
            deliver(world)
            return _json({"billing_requests": asked})

    app.register_error_handler(Refused, answer_of)
    app.register_error_handler(404, lambda _: answer_of(not_found()))


def _caller(world: World) -> Organisation:
    token = request.headers.get("Authorization", "").partition(" ")[2]
    organisation_id = world.tokens.get(token)
    if organisation_id is None:
        raise misused(401, "access_token_not_found", "The access token you've used is not a valid access token")
    if request.headers.get("GoCardless-Version") != VERSION:
        raise misused(400, "version_not_found", "The GoCardless-Version header is missing or unknown")
    return world.organisations[organisation_id]


def _enveloped(resource: str) -> Record:
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise misused(400, "invalid_json", "The body is not JSON") from None
    fields = body.get(resource) if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        raise misused(400, "invalid_document_structure", f"The body needs an envelope named {resource}")
    return fields


def _customer(world: World, organisation: Organisation, fields: Record) -> Record:
    check_customer(fields)
    empty = {name: None for name in FIELDS["customers"].split() if not name.endswith("identity_number")}
    return world.add(organisation, "customers", **{**empty, "language": "en", "metadata": {}, **fields})


def _billing_request(world: World, organisation: Organisation, fields: Record) -> Record:
    customer = (fields.get("links") or {}).get("customer")
    if customer is not None and (customer not in organisation.shelves["customers"] or customer in organisation.removed):
        raise invalid("customer", "does not exist")
    links = {"creditor": next(iter(organisation.shelves["creditors"])), **(fields.get("links") or {})}
    asked = {"description": None, "scheme": None, **fields["payment_request"]}
    made = world.add(
        organisation,
        "billing_requests",
        status="pending",
        payment_request=asked,
        metadata=fields.get("metadata") or {},
        links=links,
    )
    tell(world, organisation, "billing_requests", made, "created")
    return made


def _flow(world: World, organisation: Organisation, fields: Record) -> Record:
    asked = organisation.shelves["billing_requests"].get((fields.get("links") or {}).get("billing_request", ""))
    if asked is None:
        raise invalid("billing_request", "does not exist")
    if asked["status"] != "pending":
        raise wrong_state("billing_request_already_completed", "The billing request is over")
    expires_at = wire_time(world.now() + timedelta(days=FLOW_DAYS))
    flow = world.add(
        organisation, "billing_request_flows", **{"redirect_uri": None, "exit_uri": None, **fields}, expires_at=expires_at
    )
    flow["authorisation_url"] = f"{world.base_url}/billing/static/flow?id={flow['id']}"
    return flow


_MAKERS = {
    "customers": _customer,
    "payments": banking.take_payment,
    "refunds": banking.give_refund,
    "billing_requests": _billing_request,
    "billing_request_flows": _flow,
}


def _json(body: Any, status: int = 200) -> Response:
    headers = {"RateLimit-Limit": "1000", "RateLimit-Remaining": "999"}
    return Response(orjson.dumps(body), status, headers, content_type="application/json")
