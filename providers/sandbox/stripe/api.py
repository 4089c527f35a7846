"""The way of a request to /v1: key, rate limit, account, parameters, idempotency, operation, answer."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from wsgiref.types import WSGIEnvironment

from flask import Request
from werkzeug.wrappers import Response

from providers.sandbox.core.clock import sleep_real
from providers.sandbox.core.faults import FaultKind, FaultRule
from providers.sandbox.core.frontdoor import FAULT_KEY
from providers.sandbox.core.ratelimit import RateLimiter
from providers.sandbox.stripe import idempotency
from providers.sandbox.stripe.call import OPERATIONS, Call
from providers.sandbox.stripe.errors import ACCOUNT_INVALID, ApiError, refused
from providers.sandbox.stripe.expand import expand, expansions
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.old_requests import in_current_terms
from providers.sandbox.stripe.params import Decoded, decode_form, typed_params
from providers.sandbox.stripe.permissions import check_permission
from providers.sandbox.stripe.store import Record, Store, render
from providers.sandbox.stripe.versions import in_version
from providers.sandbox.stripe.world import API_VERSION, PLATFORM_ACCOUNT, Key, World

VERSION = re.compile(r"^20\d\d-\d\d-\d\d(\.\w+)?$")
JSON_TYPE = "application/json"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Stripe"'}
LIMIT_MESSAGE = "Request rate limit exceeded. Learn more about rate limits here: https://docs.stripe.com/rate-limits."


class Api:
    """Answers /v1 requests; one instance per twin."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limiter = RateLimiter()
        self._routes: dict[tuple[str, int], list[tuple[str, list[str]]]] = {}
        for name in OPERATIONS:
            method, template = name.split(" ")
            parts = template.strip("/").split("/")
            self._routes.setdefault((method, len(parts)), []).append((name, parts))
        for routes in self._routes.values():
            routes.sort(key=lambda route: sum(part.startswith("{") for part in route[1]))

    def reset(self) -> None:
        self._limiter.clear()

    def answer(self, request: Request) -> Response:
        request_id = new_id("req_", length=14)
        version = request.headers.get("Stripe-Version") or self._default_version(request)
        try:
            response = self._authorized(request, request_id, version)
        except ApiError as problem:
            response = error_response(problem, request_id)
        headers = response.headers
        headers.setdefault("Request-Id", request_id)
        headers["Stripe-Version"] = version
        if key := request.headers.get("Idempotency-Key"):
            headers["Idempotency-Key"] = key
        return response

    def _default_version(self, request: Request) -> str:
        """Of the account whose key it is: requests on behalf of others go by the platform's."""
        try:
            key, _ = authenticate(self._world, request.environ)
        except ApiError:
            return API_VERSION
        return self._world.accounts[key.account_id].api_version

    def _authorized(self, request: Request, request_id: str, version: str) -> Response:
        if not VERSION.match(version):
            raise refused(f"Invalid Stripe API version: {version}")
        key, secret = authenticate(self._world, request.environ)
        name, ids = self._route(request.method, request.path)
        check_permission(key, name, redacted(secret))
        account_id = self._account_for(key, secret, request)
        by_platform = key.from_oauth or (key.is_platform and account_id != PLATFORM_ACCOUNT)
        with self._within_limits(account_id, key.livemode, name):
            decoded = in_current_terms(name, _decoded(request), version)
            call = Call(
                world=self._world,
                account=self._world.accounts[account_id],
                livemode=key.livemode,
                ids=ids,
                request_id=request_id,
                idempotency_key=request.headers.get("Idempotency-Key") if request.method == "POST" else None,
                application=self._world.client_id(key.livemode) if by_platform else None,
                path=request.path,
                version=version,
            )
            fault: FaultRule | None = request.environ.get(FAULT_KEY)
            return self._once(call, name, request.method, decoded, fault, request.environ)

    def _route(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        parts = path.strip("/").split("/")
        for name, template in self._routes.get((method, len(parts)), ()):
            if all(want.startswith("{") or want == got for want, got in zip(template, parts, strict=True)):
                return name, {want[1:-1]: got for want, got in zip(template, parts, strict=True) if want.startswith("{")}
        raise ApiError(404, f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.", executed=False)

    def _account_for(self, key: Key, secret: str, request: Request) -> str:
        wanted: str | None = request.headers.get("Stripe-Account") or request.headers.get("Stripe-Context")
        if wanted is None or wanted == key.account_id:
            if key.read_only and request.method != "GET":
                raise _not_permitted(key.account_id)
            return key.account_id
        connection = self._world.connection(wanted, key.livemode) if key.is_platform else None
        if connection is None:
            raise ApiError(
                403, ACCOUNT_INVALID.format(key=redacted(secret), account=wanted), code="account_invalid", executed=False
            )
        if connection.scope == "read_only" and request.method != "GET":
            raise _not_permitted(wanted)
        return wanted

    @contextmanager
    def _within_limits(self, account_id: str, livemode: bool, name: str) -> Iterator[None]:
        limits = self._world.options.rate_limits
        pool = f"{account_id}/{livemode}"
        if not self._limiter.allow(pool, limits["global_live" if livemode else "global_test"]):
            raise rate_limited("global-rate")
        if not self._limiter.allow(f"{pool}/{name}", limits["per_endpoint"]):
            raise rate_limited("endpoint-rate")
        with self._limiter.slot(f"{pool}/concurrent", limits.get("concurrent")) as free:
            if not free:
                raise rate_limited("global-concurrency")
            yield

    def _once(
        self, call: Call, name: str, method: str, decoded: Decoded, fault: FaultRule | None, environ: WSGIEnvironment
    ) -> Response:
        """Run under the idempotency key, if there is one: replay a stored result, else store this one."""
        key = call.idempotency_key
        if key is None:
            return self._run(call, name, decoded, fault, environ)[0]
        fingerprint = idempotency.fingerprint_of(method, call.path, decoded)
        with self._world.lock:
            store: Store = call.store
            stored = idempotency.begin(store, key, fingerprint, call.world.clock.timestamp())
        if stored is not None:
            headers = {
                "Idempotent-Replayed": "true",
                "Request-Id": new_id("req_", length=14),
                "Original-Request": stored.request_id,
            }
            return Response(stored.body, stored.status, headers, content_type=JSON_TYPE)
        try:
            response, executed = self._run(call, name, decoded, fault, environ)
        except BaseException:
            idempotency.release(store, key)
            raise
        if executed:
            idempotency.finish(store, key, response.status_code, response.get_data(), call.request_id or "")
        else:
            idempotency.release(store, key)
        return response

    def _run(
        self, call: Call, name: str, decoded: Decoded, fault: FaultRule | None, environ: WSGIEnvironment
    ) -> tuple[Response, bool]:
        """The answer, and whether anything was executed."""
        request_id = call.request_id or ""
        try:
            call.params.update(typed_params(name, decoded))
            with self._world.lock:
                body = self._rendered(call, OPERATIONS[name](call))
        except ApiError as problem:
            return error_response(problem, request_id), problem.executed
        if fault is not None and fault.kind is FaultKind.SLOW:
            sleep_real(fault.seconds)
        if fault is not None and fault.kind is FaultKind.SERVER_ERROR_AFTER:
            return render_fault(fault, environ), True
        return Response(body, 200, content_type=JSON_TYPE), True

    def _rendered(self, call: Call, result: Record | bytes) -> bytes:
        if isinstance(result, bytes):
            return result
        shown = in_version(call.store, dict(result), call.version)
        return render(expand(call, shown, expansions(call.params)))


def authenticate(world: World, environ: WSGIEnvironment) -> tuple[Key, str]:
    """Bearer, or Basic with the key as user name. Raises 401."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, value = header.partition(" ")
    secret = value.strip()
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(secret, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            secret = ""
    if not secret:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
        raise ApiError(401, message, executed=False, headers=CHALLENGE)
    key = world.keys.get(secret)
    if key is not None and secret in world.expired_keys:
        raise ApiError(
            401, f"Expired API Key provided: {redacted(secret)}", code="api_key_expired", executed=False, headers=CHALLENGE
        )
    if key is None:
        raise ApiError(
            401,
            f"Invalid API Key provided: {redacted(secret)}",
            executed=False,
            headers=CHALLENGE,
        )
    return key, secret


def account_of(world: World) -> Callable[[WSGIEnvironment], str | None]:
    """For the request log and fault rules: the account a request is about."""

    def find(environ: WSGIEnvironment) -> str | None:
        named: str | None = environ.get("HTTP_STRIPE_ACCOUNT") or environ.get("HTTP_STRIPE_CONTEXT")
        if named:
            return named
        try:
            return authenticate(world, environ)[0].account_id
        except ApiError:
            return None

    return find


def error_response(problem: ApiError, request_id: str) -> Response:
    return Response(render(problem.body(request_id)), problem.status, problem.headers, content_type=JSON_TYPE)


def rate_limited(reason: str) -> ApiError:
    return ApiError(429, LIMIT_MESSAGE, code="rate_limit", executed=False, headers={"Stripe-Rate-Limited-Reason": reason})


def render_fault(fault: FaultRule, environ: WSGIEnvironment) -> Response:
    """Faults in Stripe's shape. reason: the limit of a 429 (or lock_timeout); `no_retry` on a 500."""
    if fault.kind is FaultKind.RATE_LIMITED and fault.reason == "lock_timeout":
        message = (
            "This object cannot be accessed right now because another API request or Stripe process is currently accessing it."
        )
        locked = ApiError(429, message, code="lock_timeout", headers={"Stripe-Should-Retry": "true"})
        return Response(render({"error": locked.error}), 429, locked.headers, content_type=JSON_TYPE)
    request_id = new_id("req_", length=14)
    if fault.kind is FaultKind.RATE_LIMITED:
        problem = rate_limited(fault.reason or "global-rate")
    elif fault.kind is FaultKind.CONFLICT:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        message = f"There is currently another in-progress request using this Idempotency Key ('{key}')."
        problem = ApiError(409, message, kind="idempotency_error", code="idempotency_key_in_use")
    else:
        message = "Sorry! There was an error while talking to one of our backends. Support has been notified."
        headers = {"Stripe-Should-Retry": "false"} if fault.reason == "no_retry" else {}
        problem = ApiError(fault.status or 500, message, kind="api_error", headers=headers)
    response = error_response(problem, request_id)
    response.headers["Request-Id"] = request_id
    return response


def redacted(secret: str) -> str:
    return f"{secret[:8]}{'*' * 8}{secret[-4:]}" if len(secret) > 16 else "*" * len(secret)


def _not_permitted(account_id: str) -> ApiError:
    message = f"This application does not have the required permissions for this endpoint on account '{account_id}'."
    return ApiError(403, message, code="more_permissions_required_for_application", executed=False)


def _decoded(request: Request) -> Decoded:
    decoded = decode_form(request.query_string.decode("latin-1"))
    if request.method == "POST" and (body := request.get_data()):
        if request.mimetype not in ("application/x-www-form-urlencoded", ""):
            message = (
                f"Invalid request (POST needs the content type application/x-www-form-urlencoded; it was {request.mimetype})."
            )
            raise refused(message)
        decoded |= decode_form(body.decode("utf-8", "replace"))
    return decoded
