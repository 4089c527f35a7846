"""The API document says of every operation what the interface promises of all."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest

from hub import process
from hub.config import Settings

REASON = "Takes no Idempotency-Key:"
PROBLEMS_OF_A_DELIVERY = {"400", "404", "413", "429", "500", "503"}


@pytest.fixture(scope="module")
def document(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path_factory.mktemp("document"))})
    process.boot(settings, database_url=database_url, redis_url=None, providers={})
    client = importlib.import_module("wsgi").create_app().test_client()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # apispec warns of a schema that is registered twice
        found: dict[str, Any] = client.get("/api/openapi.json").get_json()
    return found


def operations(document: dict[str, Any], method: str) -> dict[str, dict[str, Any]]:
    return {path: each[method] for path, each in document["paths"].items() if method in each}


def parameters(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", [])}


def test_every_post_takes_an_idempotency_key_or_says_why_not(document: dict[str, Any]) -> None:
    posts = operations(document, "post")
    assert len(posts) > 10
    silent = [
        path
        for path, operation in posts.items()
        if ("Idempotency-Key" in parameters(operation)) == (REASON in operation.get("description", ""))
    ]
    assert silent == []


def test_every_list_takes_limit_and_cursor(document: dict[str, Any]) -> None:
    lists = {}
    for path, operation in operations(document, "get").items():
        content = operation["responses"]["200"].get("content", {}).get("application/json", {})
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if "next_cursor" in document["components"]["schemas"].get(name, {}).get("properties", {}):
            lists[path] = parameters(operation)
    assert {"/api/members", "/api/integrations/payments", "/api/clients"} <= set(lists)
    assert [path for path, names in lists.items() if not {"limit", "cursor"} <= names] == []


def test_every_schema_stands_once_and_under_its_own_name(document: dict[str, Any]) -> None:
    names = set(document["components"]["schemas"])
    assert {"ClientOut", "ApiKey", "ClientOutPage"} <= names
    assert [name for name in names if name[-1].isdigit() or name.endswith("Schema")] == []


def test_every_answer_that_is_an_error_is_a_problem_document_and_faults_of_ours_are_named(document: dict[str, Any]) -> None:
    for path, each in document["paths"].items():
        for method, operation in each.items():
            assert "500" in operation["responses"], (path, method)
            if "requestBody" in operation:
                assert {"400", "413", "415", "422"} <= set(operation["responses"]), (path, method)


def test_webhooks_and_the_callback_name_what_they_answer(document: dict[str, Any]) -> None:
    deliveries = {path: each for path, each in operations(document, "post").items() if path.startswith("/api/webhooks/")}
    assert len(deliveries) == 2
    for operation in deliveries.values():
        assert set(operation["responses"]) == {"200"} | PROBLEMS_OF_A_DELIVERY
        assert list(operation["responses"]["429"]["content"]) == ["application/problem+json"]
    callback = operations(document, "get")["/api/integrations/payments/callback"]["responses"]
    assert {"200", "303", "400"} <= set(callback)
