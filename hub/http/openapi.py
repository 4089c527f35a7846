"""The OpenAPI document and its pages, from packaged assets: no CDN, no inline script."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from apiflask import APIFlask
from apispec import APISpec
from apispec.ext.marshmallow.common import make_schema_key
from flask import Blueprint, Response, redirect, render_template, send_from_directory
from marshmallow import Schema
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from hub.http.access import access_of, public
from hub.http.fields import ProblemSchema
from hub.http.problems import MEDIA_TYPE

SPEC_PATH = "/api/openapi.json"
DOCS_PATH = "/api/docs"
# The swagger-ui distribution comes with the package swagger-ui-py; its own Python code is not used.
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
METHODS = ("get", "post", "put", "patch", "delete")
DESCRIPTION = """JSON in snake_case. Money is an integer in the currency's minor unit beside an ISO 4217 `currency`; times are
RFC 3339 UTC; dates `YYYY-MM-DD`. Lists take `limit` and `cursor`. Errors are `application/problem+json` with a stable `code`.
Another tenant's id answers 404. A POST takes an `Idempotency-Key` where the operation says so."""
PROBLEM = {"$ref": "#/components/schemas/Problem"}

blueprint = Blueprint("docs", __name__)


class DocumentedFlask(APIFlask):
    """APIFlask that knows a schema again which it has met inside another one. Its own way is to register the class a second
    time under another name (`ClientOut1`), with a warning."""

    def _register_schema_and_get_ref(
        self, spec: APISpec, registered_schema_classes: dict[int, str], schema_obj: Any
    ) -> dict[str, str]:
        if isinstance(schema_obj, Schema) and self._ma_plugin.converter is not None:
            known = self._ma_plugin.converter.refs.get(make_schema_key(schema_obj))
            if known is not None:
                return {"$ref": f"#/components/schemas/{known}"}
        found: dict[str, str] = super()._register_schema_and_get_ref(spec, registered_schema_classes, schema_obj)
        return found


def configure(app: APIFlask, base_url: str) -> None:
    app.config["INFO"] = {"description": DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["SERVERS"] = [{"url": base_url}]
    app.config["AUTO_OPERATION_ID"] = True
    app.config["HTTP_ERROR_SCHEMA"] = app.config["VALIDATION_ERROR_SCHEMA"] = ProblemSchema
    app.config["SECURITY_SCHEMES"] = {
        "api_key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer ph_…`"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-payhub_signin" if base_url.startswith("https:") else "payhub_signin",
            "description": "A signed-in browser; unsafe methods also need the header X-CSRF-Token",
        },
    }
    public(app.view_functions["openapi.spec"])
    app.register_blueprint(blueprint)

    @app.spec_processor
    def _complete(spec: Any) -> Any:
        return _with_access_and_problems(app, spec)


@blueprint.get(DOCS_PATH)
@public
def docs() -> str:
    return render_template("api_docs.html", spec_path=SPEC_PATH, swagger_version=version("swagger-ui-py"))


@blueprint.get(f"{DOCS_PATH}/assets/<name>")
@public
def docs_asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound
    return send_from_directory(_assets_folder(), name, max_age=3600)


@blueprint.get("/api/")
@public
def api_root() -> BaseResponse:
    return redirect(DOCS_PATH, 302)


@cache
def _assets_folder() -> Path:
    found = find_spec("swagger_ui")
    if found is None or found.origin is None:
        raise RuntimeError("the package swagger-ui-py is not installed: pip install swagger-ui-py")
    return Path(found.origin).parent / "static"


def _with_access_and_problems(app: APIFlask, spec: dict[str, Any]) -> dict[str, Any]:
    """What APIFlask cannot know: each operation's access, its idempotency, and that errors are problem documents."""
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" not in schemas:
        schemas["Problem"] = _problem_json_schema()
    views = {
        operation_id(method, rule.endpoint): app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in METHODS
    }
    for path in spec["paths"].values():
        for method, operation in path.items():
            if method in METHODS:
                _complete_operation(operation, views.get(operation.get("operationId", "")))
    return _tidied(spec)


def _tidied(spec: dict[str, Any]) -> dict[str, Any]:
    """Schemas by their plain names, and parameters, which APIFlask writes in the words of OpenAPI 3.0, in those of 3.1."""
    plain = {name: name.removesuffix("Schema") for name in spec["components"]["schemas"]}
    spec = _rewritten(spec, plain)
    spec["components"]["schemas"] = {plain[name]: schema for name, schema in spec["components"]["schemas"].items()}
    return spec


def _rewritten(node: Any, plain: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(each, plain) for each in node]
    if not isinstance(node, dict):
        return node
    fresh = {key: _rewritten(value, plain) for key, value in node.items()}
    if isinstance(fresh.get("$ref"), str):
        place, _, name = fresh["$ref"].rpartition("/")
        fresh["$ref"] = f"{place}/{plain.get(name, name)}"
    if fresh.get("nullable") is True and isinstance(fresh.get("type"), str):
        del fresh["nullable"]
        fresh["type"] = [fresh["type"], "null"]
    return fresh


def operation_id(method: str, endpoint: str) -> str:
    return f"{method}_{endpoint.replace('.', '_')}"


def _complete_operation(operation: dict[str, Any], view: Any) -> None:
    responses = cast(dict[str, Any], operation.setdefault("responses", {}))
    access = access_of(view) if view is not None else None
    if access is not None and access.kind == "role":
        operation["security"] = [{"api_key": []}, {"session": []}]
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds the role **{access.role}**.".strip()
        responses.setdefault("401", {"description": "No valid API key or session"})
        responses.setdefault("403", {"description": "Role too low, or CSRF token missing"})
    elif access is not None and access.kind == "signed_in":
        operation["security"] = [{"session": []}]
        responses.setdefault("401", {"description": "No session"})
    elif access is not None:
        operation["security"] = []
    if getattr(view, "__payhub_idempotent__", False):
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "A repeat with the same key and body gets the first answer and does nothing",
            }
        )
        responses.setdefault("409", {"description": "The first request with this key is still running, or a conflict"})
        responses.setdefault("422", {"description": "The Idempotency-Key was used for another request, or is none"})
    if "requestBody" in operation:
        responses.setdefault("400", {"description": "The body cannot be read as JSON"})
        responses.setdefault("413", {"description": "The body is larger than one megabyte"})
        responses.setdefault("415", {"description": "The body is not application/json"})
    responses.setdefault("500", {"description": "A fault of ours; its request_id finds it in our log"})
    responses.setdefault("503", {"description": "The database cannot be reached; see Retry-After"})
    for status, response in responses.items():
        if status.startswith(("4", "5")) and not (status == "503" and "application/json" in response.get("content", {})):
            response["content"] = {MEDIA_TYPE: {"schema": PROBLEM}}


def _problem_json_schema() -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("type", "title", "detail", "code", "request_id")}
    field = {"type": "object", "properties": {"field": {"type": "string"}, "message": {"type": "string"}}}
    return {
        "type": "object",
        "description": "Every error of the API (RFC 9457)",
        "properties": {**texts, "status": {"type": "integer"}, "errors": {"type": "array", "items": field}},
        "required": ["type", "title", "status", "detail", "code", "request_id"],
    }
