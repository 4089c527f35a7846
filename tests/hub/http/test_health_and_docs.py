"""Liveness, readiness, metrics and the API document."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from hub import db, migrate
from hub.config import Settings
from hub.http import create_app
from tests.hub.apps import Business, boot, new_business
from tests.hub.http.probe import Probe, add_clients
from tests.whole_run.answers import searched


def test_ready_with_database_and_migrations_redis_or_not(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"ready": True, "database": "ok", "migrations": "ok", "redis": "not_used"}


def test_lost_redis_is_told_and_not_fatal(settings: Settings, database_url: str) -> None:
    boot(settings, database_url, "redis://127.0.0.1:1/0")
    answer = searched(create_app(settings)).test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["redis"] == "unreachable"


def test_lost_database_is_alive_but_not_ready(settings: Settings) -> None:
    boot(settings, "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    client = searched(create_app(settings)).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"] == "unreachable"
    metrics = client.get("/metrics")
    assert metrics.status_code == 200
    assert "payhub_database_up 0.0" in metrics.text


def test_database_behind_the_code_is_not_ready(settings: Settings, empty_database_url: str) -> None:
    boot(settings, empty_database_url)
    client = searched(create_app(settings)).test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["migrations"] == "behind"
    migrate.upgrade(empty_database_url)
    assert client.get("/readyz").status_code == 200
    db.engine().dispose()


def test_metrics_count_by_route_and_name_no_tenant(client: FlaskClient) -> None:
    business = new_business("Zebra Secret Holdings")
    add_clients(business.tenant_id, 1)
    client.get("/api/probe/things/123456789", headers=business.bearer("viewer"))
    text = client.get("/metrics").text
    assert 'payhub_http_requests_total{method="GET",route="/api/probe/things/<int:thing_id>",status="200"}' in text
    assert 'payhub_work_waiting{queue="inbox"}' in text
    assert 'payhub_work_oldest_due_seconds{queue="outbox"}' in text
    # As a label: the name of a route may say the word.
    for private in ("Zebra", "123456789", "client0@example.com", 'tenant="', 'tenant_id="'):
        assert private not in text


def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    return dict(answer.json)


def test_document_is_openapi_31_with_access_problems_and_idempotency(client: FlaskClient, settings: Settings) -> None:
    spec = document(client)
    assert spec["openapi"] == "3.1.0"
    assert spec["servers"] == [{"url": settings.base_url}]
    assert set(spec["components"]["securitySchemes"]) == {"api_key", "session"}
    make = spec["paths"]["/api/probe/things"]["post"]
    assert make["security"] == [{"api_key": []}, {"session": []}]
    assert "manager" in make["description"]
    assert any(each["name"] == "Idempotency-Key" for each in make["parameters"])
    for status in ("401", "403", "422"):
        assert list(make["responses"][status]["content"]) == ["application/problem+json"]
    assert spec["paths"]["/healthz"]["get"]["security"] == []
    assert spec["components"]["schemas"]["Thing"]["properties"]["amount"]["type"] == "integer"


def test_schemas_of_the_document_are_json_schemas(client: FlaskClient) -> None:
    spec = document(client)
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operation_ids_are_unique(client: FlaskClient) -> None:
    ids = [operation["operationId"] for path in document(client)["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_docs_page_works_without_any_other_host(client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "").replace("</", "")
    assert "<script>" not in page.text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"):
        assert f"/api/docs/assets/{name}" in page.text
        assert client.get(f"/api/docs/assets/{name}").status_code == 200
    assert client.get("/static/api_docs.js").status_code == 200


def test_path_parameters_are_described(client: FlaskClient) -> None:
    one = document(client)["paths"]["/api/probe/things/{thing_id}"]["get"]
    (parameter,) = one["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("thing_id", "path", True)
    assert parameter["schema"]["type"] == "integer"


def test_address_without_its_slash_is_redirected(client: FlaskClient) -> None:
    assert client.get("/api").status_code == 308
    assert client.get("/api/").location == "/api/docs"


@pytest.mark.parametrize("name", ["swagger-editor.js", "LICENSE", "..%2f__init__.py", "nothing"])
def test_docs_assets_are_only_the_named_ones(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/docs/assets/{name}").status_code == 404


def test_probe_is_not_in_a_document_without_it(settings: Settings, database_url: str, business: Business, probe: Probe) -> None:
    boot(settings, database_url)
    assert "/api/probe/things" not in document(searched(create_app(settings)).test_client())["paths"]
