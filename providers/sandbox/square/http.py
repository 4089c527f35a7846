"""From an HTTP request to a checked Call and back: authentication, scopes, body shapes, Square's headers."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.datastructures import FileStorage

from providers.sandbox.core.ratelimit import RateLimiter
from providers.sandbox.square.access import Caller, authenticate, require_owner, require_scopes
from providers.sandbox.square.errors import ApiFailure, invalid, missing, problem
from providers.sandbox.square.shapes import check
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square
from providers.sandbox.square.versions import CURRENT, dressed, spoken

DEFAULT_VERSION = CURRENT
Answer = Record | bytes
View = Callable[..., Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request; `body` has passed the shape check and has no read-only fields."""

    square: Square
    caller: Caller
    body: Record
    query: Mapping[str, str]
    headers: Mapping[str, str]
    files: Mapping[str, FileStorage]
    """Uploaded parts of a multipart request."""
    repeated: Mapping[str, list[str]]
    """Every value of each query parameter; `query` has the first ones."""

    @property
    def seller(self) -> Seller:
        return self.caller.seller

    def whole_number(self, name: str) -> int | None:
        text = self.query.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"-?\d+", text):
            raise invalid("EXPECTED_INTEGER", f"Expected an integer value for `{name}`.", name)
        return int(text)

    def flag(self, name: str) -> bool:
        text = self.query.get(name, "false")
        if text not in ("true", "false"):
            raise invalid("EXPECTED_BOOLEAN", f"Expected a boolean value for `{name}`.", name)
        return text == "true"

    def list_of(self, name: str) -> list[str]:
        """Every value of a parameter that may be given several times."""
        return self.repeated.get(name, [])

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.query.get(name, default)
        if value not in choices:
            raise invalid("INVALID_ENUM_VALUE", f"`{value}` is not a valid enum value for `{name}`.", name)
        return value

    def once(
        self, endpoint: str, make: Callable[[], str], show: Callable[[str], Record], *, key_max_chars: int | None = None
    ) -> Record:
        """Make a record unless this key has made it; a replay shows its current state.

        make returns the record's id. Raises IDEMPOTENCY_KEY_REUSED when the body differs."""
        key = self.body.get("idempotency_key")
        if not key:
            return show(make())
        if key_max_chars is not None and len(key.encode()) > key_max_chars:
            raise invalid("VALUE_TOO_LONG", f"Field must not be greater than {key_max_chars} in length", "idempotency_key")
        square = self.square
        name = (self.caller.application.id, self.seller.id, endpoint, key)
        fingerprint = hashlib.blake2b(orjson.dumps(self.body, option=orjson.OPT_SORT_KEYS)).digest()
        moment = square.clock.timestamp()
        known = square.replays.get(name)
        if known is not None and moment - known[0] < square.settings.idempotency_seconds:
            if known[1] != fingerprint:
                raise invalid(
                    "IDEMPOTENCY_KEY_REUSED",
                    "The idempotency key can only be retried with the same request data.",
                    "idempotency_key",
                )
            return show(known[2])
        record_id = make()
        square.replays[name] = (moment, fingerprint, record_id)
        return show(record_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    method: str
    rule: str
    view: View
    scopes: tuple[str, ...]
    body: str | None
    query: frozenset[str]
    owner_only: bool
    locked: bool
    multipart: bool


class Routes:
    """The endpoints of one noun, collected by decorators and registered by the twin."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def on(
        self,
        method: str,
        rule: str,
        *,
        scopes: tuple[str, ...] = (),
        body: str | None = None,
        query: tuple[str, ...] = (),
        owner_only: bool = False,
        locked: bool = True,
        multipart: bool = False,
    ) -> Callable[[View], View]:
        """body: name of the request's shape. owner_only: personal access tokens only. locked: False for a view that waits.

        multipart: the body is the part `request`, a file comes beside it."""

        def collect(view: View) -> View:
            self.endpoints.append(
                Endpoint(
                    method=method,
                    rule=rule,
                    view=view,
                    scopes=scopes,
                    body=body,
                    query=frozenset(query),
                    owner_only=owner_only,
                    locked=locked,
                    multipart=multipart,
                )
            )
            return view

        return collect

    def register(self, app: Flask, square: Square, limiter: RateLimiter) -> None:
        for endpoint in self.endpoints:
            app.add_url_rule(
                endpoint.rule,
                endpoint=f"{endpoint.method} {endpoint.rule}",
                view_func=partial(serve, square, limiter, endpoint),
                methods=[endpoint.method],
            )


def serve(square: Square, limiter: RateLimiter, endpoint: Endpoint, **path: str) -> Response:
    try:
        version = spoken(square.settings, request.headers.get("Square-Version"))
        if not limiter.allow(request.headers.get("Authorization", ""), square.settings.requests_per_second):
            raise rate_limited()
        with square.lock:
            caller = authenticate(square, request.headers.get("Authorization"))
            if endpoint.owner_only:
                require_owner(caller)
            require_scopes(caller, endpoint.scopes)
            call = Call(
                square=square,
                caller=caller,
                body=check(read_part() if endpoint.multipart else read_body(), endpoint.body) if endpoint.body else {},
                query=_checked_query(endpoint),
                headers=dict(request.headers),
                files=request.files if endpoint.multipart else {},
                repeated=request.args.to_dict(flat=False),
            )
            if endpoint.locked:
                return json_response(dressed(square.settings, endpoint.view(call, **path), version))
        return json_response(dressed(square.settings, endpoint.view(call, **path), version))
    except ApiFailure as failure:
        return json_response(failure.body(), failure.status)


def rate_limited() -> ApiFailure:
    return ApiFailure(429, problem("RATE_LIMIT_ERROR", "RATE_LIMITED", "Your request was rate limited. Try again later."))


def json_response(body: Mapping[str, Any] | bytes, status: int = 200) -> Response:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(data, status, content_type="application/json")
    response.headers["square-version"] = request.headers.get("Square-Version", DEFAULT_VERSION)
    return response


def read_body() -> Any:
    raw = request.get_data()
    if not raw:
        return {}
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid("EXPECTED_JSON_BODY", "Expected a JSON body.") from None


def read_part() -> Any:
    """The JSON part `request` of a multipart body; an absent one counts as empty."""
    part = request.files.get("request")
    raw = part.read() if part is not None else request.form.get("request", "").encode()
    try:
        return orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise invalid("EXPECTED_JSON_BODY", "Expected JSON in the part `request`.", "request") from None


def _checked_query(endpoint: Endpoint) -> dict[str, str]:
    query = request.args.to_dict()
    for name in query:
        if name not in endpoint.query:
            raise invalid("UNKNOWN_QUERY_PARAMETER", f"The query parameter `{name}` is not recognised.", name)
    return query


def stale_version(square: Square, what: str, *, documented: str) -> ApiFailure:
    """documented: the code that the reference names for this endpoint, CONFLICT where it names none."""
    form = square.settings.stale_version
    code = documented if form == "documented" else form.upper()
    detail = f"The {what} has been changed since the version you sent; read it again."
    return invalid(code, detail, "version", status=409 if code == "CONFLICT" else 400)


def check_version(square: Square, what: str, current: int, given: Any, *, documented: str, required: bool = True) -> None:
    if given is None:
        if required:
            raise missing("version")
        return
    if given != current:
        raise stale_version(square, what, documented=documented)
