"""The control API of a twin under /_twin: clock, faults, settings, accounts, seeding, acting, truth, logs; and the start page."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, render_template, request

from providers.sandbox.core.faultplan import FaultPlan, plan_from
from providers.sandbox.core.twin import ControlError, Controls, JsonObject, Settles

SETTLE_SECONDS = 10.0
"""How long a jump of the clock may keep its caller waiting for what fell due."""
LINES_AT_ONCE = 500


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

    @blueprint.post("/_twin/faults/plan")
    def set_fault_plan() -> Response:
        """Faults by seed; `?preview=20` foretells what becomes of the first twenty matching requests."""
        try:
            plan = plan_from(_body())
        except (TypeError, ValueError) as problem:
            raise ControlError(str(problem)) from problem
        twin.faults.set_plan(plan)
        return _json(plan.as_json(request.args.get("preview", 0, type=int)))

    @blueprint.get("/_twin/faults/plan")
    def read_fault_plan() -> Response:
        plan = twin.faults.plan
        return _json(plan.as_json() if isinstance(plan, FaultPlan) else {})

    @blueprint.delete("/_twin/faults/plan")
    def remove_fault_plan() -> Response:
        twin.faults.set_plan(None)
        return _json({})

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

    @blueprint.get("/_twin/truth/stream")
    def truth_stream() -> Response:
        """The same as canonical JSON lines, sorted by kind and id, sent as they are made: for comparing many records."""
        account_id = request.args.get("account_id")
        if not account_id:
            raise ControlError("give ?account_id=")
        return Response(_truth_lines(twin.truth(account_id)), content_type="application/x-ndjson")

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


def _truth_lines(truth: Mapping[str, Any]) -> Iterator[bytes]:
    """{"kind", "record"} with sorted keys, some hundred lines at a time."""
    lines: list[bytes] = []
    for kind in sorted(truth):
        value = truth[kind]
        records = value if isinstance(value, list) else [value]
        for record in sorted(records, key=lambda record: str(record.get("id", "")) if isinstance(record, dict) else str(record)):
            lines.append(orjson.dumps({"kind": kind, "record": record}, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))
            if len(lines) == LINES_AT_ONCE:
                yield b"\n".join(lines) + b"\n"
                lines.clear()
    if lines:
        yield b"\n".join(lines) + b"\n"


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
