"""Connect OAuth for Standard accounts: the consent page, token and deauthorize (Stripe docs: connect/oauth-reference)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from providers.sandbox.stripe.api import authenticate
from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.store import Record, render
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, AuthorizationCode, Connection, Key, World

CODE_SECONDS = 300
SCOPES = ("read_only", "read_write")
LOCAL_HOSTS = ("localhost", "127.0.0.1")


class OAuthError(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def response(self) -> Response:
        body = {"error": self.error, "error_description": self.description}
        return Response(render(body), self.status, content_type="application/json")


def oauth_blueprint(world: World) -> Blueprint:
    """Routes of connect.stripe.com."""
    blueprint = Blueprint("oauth", __name__, template_folder="templates")

    @blueprint.get("/oauth/authorize")
    def consent() -> str:
        params = request.args
        livemode = _check_authorize(world, params)
        accounts = [account for account in world.accounts.values() if account.id != PLATFORM_ACCOUNT]
        return render_template(
            "stripe/authorize.html",
            params=params,
            accounts=accounts,
            livemode=livemode,
            scope=params.get("scope", "read_only"),
            platform=world.accounts[PLATFORM_ACCOUNT],
        )

    @blueprint.post("/oauth/authorize")
    def decide() -> AnyResponse:
        """The person pressed a button; the query still carries the platform's parameters."""
        params = request.args
        livemode = _check_authorize(world, params)
        state = {"state": params["state"]} if "state" in params else {}
        target = _redirect_uri(world, params)
        if request.form.get("decision") != "allow":
            answer = {"error": "access_denied", "error_description": "The user denied your request", **state}
            return redirect(_with_query(target, answer))
        with world.lock:
            account_id = _chosen_account(world, request.form)
            scope = params.get("scope", "read_only")
            code = new_id("ac_", length=32)
            world.codes[code] = AuthorizationCode(
                account_id=account_id, livemode=livemode, scope=scope, created=world.clock.timestamp()
            )
        return redirect(_with_query(target, {"code": code, "scope": scope, **state}))

    @blueprint.post("/oauth/token")
    def token() -> Response:
        with world.lock:
            key = _platform_key(world, request.form)
            return _json(_token(world, key, request.form))

    @blueprint.post("/oauth/deauthorize")
    def deauthorize() -> Response:
        with world.lock:
            key = _platform_key(world, request.form)
            return _json(_deauthorize(world, key, request.form))

    @blueprint.errorhandler(OAuthError)
    def refuse(problem: OAuthError) -> Response:
        return problem.response()

    return blueprint


def connect(world: World, account_id: str, livemode: bool, scope: str) -> Connection:
    """A person granted the platform access; its endpoints hear of it."""
    connection = grant(world, account_id, livemode, scope)
    emit(_account_call(world, account_id, livemode), "account.application.authorized", application_record(world, livemode))
    return connection


def grant(world: World, account_id: str, livemode: bool, scope: str) -> Connection:
    """Let the platform act for an account; an older connection of that mode is replaced."""
    mode = "live" if livemode else "test"
    old = world.connections.get((account_id, livemode))
    if old is not None:
        world.disconnect(old)
    connection = Connection(
        account_id=account_id,
        livemode=livemode,
        scope=scope,
        access_token=new_id(f"sk_{mode}_", length=64),
        refresh_token=new_id("rt_", length=48),
    )
    world.connections[account_id, livemode] = connection
    _register_token(world, connection)
    return connection


def revoke(world: World, connection: Connection) -> None:
    """End a connection; the platform's endpoints hear of it."""
    call = _account_call(world, connection.account_id, connection.livemode)
    emit(call, "account.application.deauthorized", application_record(world, connection.livemode))
    world.disconnect(connection)


def application_record(world: World, livemode: bool) -> Record:
    return {"id": world.client_id(livemode), "object": "application", "name": world.accounts[PLATFORM_ACCOUNT].name}


def _account_call(world: World, account_id: str, livemode: bool) -> Call:
    return Call(world=world, account=world.accounts[account_id], livemode=livemode)


def _check_authorize(world: World, params: Mapping[str, str]) -> bool:
    """Livemode of the client id. Raises OAuthError, shown as JSON here and never redirected."""
    client_id = params.get("client_id")
    if not client_id:
        raise OAuthError("invalid_request", "No client_id provided")
    livemode = world.mode_of_client(client_id)
    if livemode is None:
        raise OAuthError("invalid_client", f"No application matches the supplied client identifier: {client_id}")
    if params.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "Only response_type=code is supported.")
    if params.get("scope", "read_only") not in SCOPES:
        raise OAuthError(
            "invalid_scope", f"Invalid scope provided: {params['scope']}. Only read_only and read_write are supported."
        )
    _redirect_uri(world, params)
    return livemode


def _redirect_uri(world: World, params: Mapping[str, str]) -> str:
    registered = world.options.redirect_uris
    uri = params.get("redirect_uri")
    if uri is None:
        if not registered:
            raise OAuthError("invalid_request", "No redirect_uri provided and none is registered")
        return registered[0]
    parts = urlsplit(uri)
    local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    if (uri not in registered) if registered is not None else not local:
        message = (
            "Invalid redirect URI. Ensure this uri exactly matches one of the uris specified in your application settings: "
            f"{uri} is not registered."
        )
        raise OAuthError("invalid_redirect_uri", message)
    return uri


def _chosen_account(world: World, form: Mapping[str, str]) -> str:
    chosen = form.get("account", "")
    if chosen == "new":
        return world.add_account(name=form.get("business_name") or "New Business").id
    if chosen not in world.accounts or chosen == PLATFORM_ACCOUNT:
        raise OAuthError("invalid_request", f"There is no account {chosen} to connect.")
    if world.accounts[chosen].controlled:
        raise OAuthError("invalid_request", "This account is controlled by another platform and cannot be connected.")
    return chosen


def _platform_key(world: World, form: Mapping[str, str]) -> Key:
    secret = form.get("client_secret")
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else request.environ
    try:
        key, _ = authenticate(world, environ)
    except ApiError as problem:
        raise OAuthError("invalid_client", str(problem), 401) from problem
    if not key.is_platform:
        raise OAuthError("invalid_client", "This key does not belong to a platform.", 401)
    return key


def _token(world: World, key: Key, form: Mapping[str, str]) -> Record:
    grant_type = form.get("grant_type")
    if not grant_type:
        raise OAuthError("invalid_request", "No grant type specified")
    if grant_type == "authorization_code":
        return _token_answer(world, _redeem(world, key, form.get("code")))
    if grant_type == "refresh_token":
        return _token_answer(world, _refresh(world, key, form))
    raise OAuthError("unsupported_grant_type", f"Unsupported grant type: {grant_type}")


def _redeem(world: World, key: Key, code_text: str | None) -> Connection:
    if not code_text:
        raise OAuthError("invalid_request", "No authorization code provided")
    code = world.codes.get(code_text)
    if code is None:
        raise OAuthError("invalid_grant", f"Authorization code does not exist: {code_text}")
    if code.used:
        connection = world.connections.get((code.account_id, code.livemode))
        if connection is not None:
            revoke(world, connection)
        raise OAuthError(
            "invalid_grant",
            f"This authorization code has already been used. All tokens issued with this code have been revoked: {code_text}",
        )
    if world.clock.timestamp() - code.created > CODE_SECONDS:
        raise OAuthError("invalid_grant", f"Authorization code expired: {code_text}")
    if code.livemode != key.livemode:
        mode = "live" if code.livemode else "test"
        raise OAuthError(
            "invalid_grant", f"Both the authorization code and the API key must be of the same mode; the code is for {mode} mode."
        )
    code.used = True
    return connect(world, code.account_id, code.livemode, code.scope)


def _refresh(world: World, key: Key, form: Mapping[str, str]) -> Connection:
    """A new access token, of the mode of the key; the old one of that mode stops working."""
    text = form.get("refresh_token")
    if not text:
        raise OAuthError("invalid_request", "No refresh token provided")
    source = next((connection for connection in world.connections.values() if connection.refresh_token == text), None)
    if source is None or (key.livemode and not source.livemode):
        raise OAuthError("invalid_grant", "This refresh token does not exist, was revoked, or belongs to the other mode.")
    scope = form.get("scope", source.scope)
    if scope not in SCOPES or (scope == "read_write" and source.scope == "read_only"):
        raise OAuthError("invalid_scope", "The scope must be equal to or lesser than the one granted.")
    mode = "live" if key.livemode else "test"
    if key.livemode == source.livemode:
        world.keys.pop(source.access_token, None)
        source.access_token = new_id(f"sk_{mode}_", length=64)
        source.scope = scope
        _register_token(world, source)
        return source
    other = Connection(
        account_id=source.account_id,
        livemode=key.livemode,
        scope=scope,
        access_token=new_id(f"sk_{mode}_", length=64),
        refresh_token=text,
    )
    source.other_tokens.append(other.access_token)
    _register_token(world, other)
    return other


def _deauthorize(world: World, key: Key, form: Mapping[str, str]) -> Record:
    client_id, account_id = form.get("client_id"), form.get("stripe_user_id")
    if not client_id or not account_id:
        raise OAuthError("invalid_request", "No client_id or stripe_user_id provided")
    livemode = world.mode_of_client(client_id)
    if livemode is None or livemode != key.livemode:
        raise OAuthError("invalid_client", f"The client_id {client_id} is not yours or is of the other mode than the key.", 401)
    connection = world.connections.get((account_id, livemode))
    if connection is None:
        raise OAuthError(
            "invalid_client",
            f"This application is not connected to stripe account {account_id}, or that account does not exist.",
            401,
        )
    if world.accounts[account_id].controlled:
        raise OAuthError(
            "no_deauth_on_controlled_account", "This account is controlled by a platform; use the reject API instead."
        )
    revoke(world, connection)
    return {"stripe_user_id": account_id}


def _register_token(world: World, connection: Connection) -> None:
    world.keys[connection.access_token] = Key(
        account_id=connection.account_id,
        livemode=connection.livemode,
        is_platform=False,
        read_only=connection.scope == "read_only",
        from_oauth=True,
    )


def _token_answer(world: World, connection: Connection) -> Record:
    return {
        "access_token": connection.access_token,
        "livemode": connection.livemode,
        "refresh_token": connection.refresh_token,
        "token_type": "bearer",
        "stripe_publishable_key": world.accounts[connection.account_id].keys[connection.livemode]["pk"],
        "stripe_user_id": connection.account_id,
        "scope": connection.scope,
    }


def _with_query(uri: str, values: Mapping[str, str]) -> str:
    return uri + ("&" if "?" in uri else "?") + urlencode(values)


def _json(value: Record) -> Response:
    return Response(render(value), content_type="application/json")
