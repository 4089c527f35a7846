"""The control API of a twin under /_twin: clock, faults, settings, accounts, seeding, acting, truth, logs; and the start page."""

import datetime
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, render_template, request

from providers.sandbox.core.twin import ControlError, Controls, JsonObject, Settles, TruthStream

SETTLE_SECONDS = 10.0
"""How long a jump of the clock may keep its caller waiting for what fell due."""


def control_blueprint(twin: Controls) -> Blueprint:
    """Routes under /_twin and the start page at /, the same shape for both twins. Register it without a prefix."""
    blueprint = Blueprint("twin_control", __name__, template_folder="templates")

    @blueprint.get("/")
    def start_page() -> str:
        return render_template("twin/start.html", twin=twin, page=twin.start_page())

    @blueprint.get("/_twin/state")
    def state() -> Response:
        return _json(
            {"name": twin.name, "clock": _clock(twin), "faults": twin.faults.rules(), "settings": twin.settings(), **twin.state()}
        )

    @blueprint.get("/_twin/describe")
    def describe() -> Response:
        return _json(twin.describe())

    @blueprint.get("/_twin/clock")
    def read_clock() -> Response:
        return _json(_clock(twin))

    @blueprint.post("/_twin/clock")
    def change_clock() -> Response:
        body = _body()
        if "frozen" in body:
            twin.clock.freeze(bool(body["frozen"]))
        if "now" in body:
            twin.clock.set(_moment(body["now"]))
        if "advance_seconds" in body:
            twin.clock.advance(float(body["advance_seconds"]))
        if isinstance(twin, Settles):
            return _json({**_clock(twin), "settled": twin.settle(float(body.get("settle_seconds", SETTLE_SECONDS)))})
        return _json(_clock(twin))

    @blueprint.get("/_twin/faults")
    def list_faults() -> Response:
        return _json({"faults": twin.faults.rules()})

    @blueprint.post("/_twin/faults")
    def add_fault() -> Response:
        try:
            return _json(twin.faults.add(_body()))
        except (TypeError, ValueError) as problem:
            raise ControlError(str(problem)) from problem

    @blueprint.delete("/_twin/faults")
    def remove_faults() -> Response:
        rule_id = request.args.get("id", type=int)
        twin.faults.remove(rule_id)
        return _json({"faults": twin.faults.rules()})

    @blueprint.get("/_twin/settings")
    def read_settings() -> Response:
        return _json(twin.settings())

    @blueprint.post("/_twin/settings")
    def change_settings() -> Response:
        return _json(twin.change_settings(_body()))

    @blueprint.post("/_twin/reset")
    def reset() -> Response:
        twin.reset()
        return _json({"reset": True})

    @blueprint.get("/_twin/requests")
    def read_requests() -> Response:
        entries = twin.requests.entries(
            after=request.args.get("after", 0, type=int),
            method=request.args.get("method"),
            path=request.args.get("path"),
            account=request.args.get("account"),
        )
        return _json({"requests": entries})

    @blueprint.delete("/_twin/requests")
    def clear_requests() -> Response:
        twin.requests.clear()
        return _json({"requests": []})

    @blueprint.get("/_twin/deliveries")
    def read_deliveries() -> Response:
        """`?wait=5` waits up to so many real seconds until nothing is on its way any more."""
        wait_seconds = request.args.get("wait", 0.0, type=float)
        idle = twin.sender.wait_until_idle(wait_seconds)
        entries = twin.sender.attempts(
            after=request.args.get("after", 0, type=int),
            endpoint_id=request.args.get("endpoint"),
            event_id=request.args.get("event"),
        )
        return _json({"idle": idle, "unfinished": twin.sender.unfinished(), "deliveries": entries})

    @blueprint.post("/_twin/accounts")
    def create_account() -> Response:
        return _json(twin.create_account(_body()))

    @blueprint.post("/_twin/seed")
    def seed() -> Response:
        return _json(twin.seed(_body()))

    @blueprint.get("/_twin/truth")
    def truth() -> Response:
        account_id = request.args.get("account_id")
        if not account_id:
            raise ControlError("give ?account_id=")
        return _json(twin.truth(account_id))

    @blueprint.get("/_twin/truth.jsonl")
    def truth_lines() -> Response:
        account_id = request.args.get("account_id")
        if not account_id:
            raise ControlError("give ?account_id=")
        if not isinstance(twin, TruthStream):
            raise ControlError("this twin has /_twin/truth only")
        return Response(twin.truth_lines(account_id, request.args.to_dict()), content_type="application/x-ndjson")

    @blueprint.get("/_twin/fault-plan")
    def read_fault_plan() -> Response:
        """`?preview=100` tells which of the next requests will fail, and how."""
        return _json({"plan": twin.faults.plan(), "next": twin.faults.preview(request.args.get("preview", 0, type=int))})

    @blueprint.post("/_twin/fault-plan")
    def set_fault_plan() -> Response:
        try:
            return _json({"plan": twin.faults.set_plan(_body())})
        except (TypeError, ValueError) as problem:
            raise ControlError(str(problem)) from problem

    @blueprint.delete("/_twin/fault-plan")
    def remove_fault_plan() -> Response:
        twin.faults.set_plan(None)
        return _json({"plan": None})

    @blueprint.post("/_twin/act")
    def act() -> Response:
        body = _body()
        account_id, action = body.pop("account_id", None), body.pop("action", None)
        if not isinstance(account_id, str) or not isinstance(action, str):
            raise ControlError("give account_id and action")
        return _json(twin.act(account_id, action, body))

    @blueprint.errorhandler(ControlError)
    def refuse(problem: ControlError) -> Response:
        return _json({"error": str(problem)}, status=400)

    return blueprint


def _body() -> JsonObject:
    raw = request.get_data()
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise ControlError(f"the body is not JSON: {problem}") from problem
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _moment(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError as problem:
        raise ControlError(f"now must be Unix seconds or an ISO 8601 time with an offset, not {value!r}") from problem
    if moment.tzinfo is None:
        raise ControlError("now needs a UTC offset, for example 2026-11-21T09:00:00+00:00")
    return moment.timestamp()


def _clock(twin: Controls) -> JsonObject:
    return {"now": twin.clock.now().isoformat(), "unix": twin.clock.timestamp(), "frozen": twin.clock.frozen}


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS), status, content_type="application/json"
    )
