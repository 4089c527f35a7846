"""What people see: the consent page with its tokens behind it, and the page on which a payer pays a billing request."""

import secrets
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import orjson
from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.gocardless import banking
from providers.sandbox.gocardless.events import deliver
from providers.sandbox.gocardless.state import Code, Organisation, Record, World, wire_time

CODE_LIFE = timedelta(minutes=10)  # ours; none is documented
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SCOPES = ("read_only", "read_write")


def register(app: Flask, world: World) -> None:
    @app.get("/oauth/authorize")
    def consent() -> Response | str:
        with world.lock:
            wrong = _wrong_with_consent(world)
            if wrong:
                return Response(render_template("gocardless/notice.html", title="This link does not work", text=wrong), 400)
            return render_template(
                "gocardless/consent.html", organisations=list(world.organisations.values()), fields=request.args
            )

    @app.post("/oauth/authorize")
    def decide() -> BaseResponse:
        with world.lock:
            wrong = _wrong_with_consent(world)
            organisation = world.organisations.get(request.form.get("organisation", ""))
            if wrong or organisation is None:
                text = wrong or "Choose a business."
                return Response(render_template("gocardless/notice.html", title="This does not work", text=text), 400)
            answer = {"state": request.values.get("state", "")}
            if request.form.get("decision") == "allow":
                answer["code"] = secrets.token_urlsafe(24)
                world.codes[answer["code"]] = Code(
                    organisation.id, request.values["redirect_uri"], request.values["scope"], world.now() + CODE_LIFE
                )
            else:
                answer |= {"error": "access_denied", "error_description": "The user denied the request"}
            return redirect(_extended(request.values["redirect_uri"], answer))

    @app.post("/oauth/access_token")
    def access_token() -> Response:
        with world.lock:
            if not _is_our_app(world):
                return _oauth({"error": "invalid_client"}, 401)
            code = world.codes.pop(request.form.get("code", ""), None)
            fits = code is not None and code.redirect_uri == request.form.get("redirect_uri") and code.expires_at > world.now()
            if code is None or not fits or request.form.get("grant_type") != "authorization_code":
                return _oauth({"error": "invalid_grant"}, 400)
            token = f"sandbox_{secrets.token_urlsafe(30)}"
            world.tokens[token] = code.organisation_id
            granted = {"scope": code.scope, "token_type": "bearer", "organisation_id": code.organisation_id}
            return _oauth({"access_token": token, **granted})

    @app.post("/oauth/disconnect")
    def disconnect() -> Response:
        with world.lock:
            if not _is_our_app(world):
                return _oauth({"error": "invalid_client"}, 401)
            if world.tokens.pop(request.form.get("token", ""), None) is None:
                return _oauth({"error": "invalid_token"}, 400)
            return _oauth({})

    @app.route("/billing/static/flow", methods=["GET", "POST"])
    def flow_page() -> BaseResponse | str:
        with world.lock:
            organisation, flow = _flow(world, request.args.get("id", ""))
            asked = organisation.shelves["billing_requests"][flow["links"]["billing_request"]] if organisation and flow else None
            if organisation is None or flow is None or asked is None or flow["expires_at"] < wire_time(world.now()):
                return Response(render_template("gocardless/notice.html", title="This link has expired", text=""), 404)
            if asked["status"] != "pending":
                return render_template("gocardless/notice.html", title=f"This payment is {asked['status']}", text="")
            if request.method == "GET":
                prefilled = flow.get("prefilled_customer") or {}
                return render_template("gocardless/flow.html", organisation=organisation, asked=asked, prefilled=prefilled)
            if request.form.get("decision") != "pay":
                exit_uri = flow["exit_uri"]
                return redirect(exit_uri) if exit_uri else render_template("gocardless/notice.html", title="Not paid", text="")
            payer = {name: request.form.get(name, "") for name in ("given_name", "family_name", "email")}
            banking.pay_request(world, organisation, asked, payer)
            deliver(world)
            if flow["redirect_uri"]:
                return redirect(_extended(flow["redirect_uri"], {"outcome": "success", "id": asked["id"]}))
            return render_template("gocardless/notice.html", title="Paid", text="Thank you.")


def _flow(world: World, id: str) -> tuple[Organisation | None, Record | None]:
    for organisation in world.organisations.values():
        if id in organisation.shelves["billing_request_flows"]:
            return organisation, organisation.shelves["billing_request_flows"][id]
    return None, None


def _wrong_with_consent(world: World) -> str | None:
    given = request.values
    if given.get("client_id") != world.settings.client_id:
        return "The client_id is not that of a registered app."
    if given.get("response_type") != "code" or given.get("scope") not in SCOPES:
        return "response_type must be code, scope read_only or read_write."
    registered = [each for each in world.settings.redirect_uris.split(",") if each]
    uri = given.get("redirect_uri", "")
    if registered and uri not in registered:
        return "The redirect_uri is not a registered one."
    if not registered and urlsplit(uri).hostname not in LOOPBACK:
        return "The redirect_uri is not registered; here any http://localhost and http://127.0.0.1 is."
    return None


def _is_our_app(world: World) -> bool:
    given = request.form
    return (given.get("client_id"), given.get("client_secret")) == (world.settings.client_id, world.settings.client_secret)


def _extended(uri: str, query: dict[str, str]) -> str:
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(query)}"


def _oauth(body: Record, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
