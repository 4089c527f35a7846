"""Square's own OpenAPI document as a judge of what the twin answers and sends."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

KEPT = {"type", "enum", "required", "maxLength", "minLength", "pattern", "minimum", "maximum", "minItems", "maxItems"}
UNDOCUMENTED_CODES = {"VERSION_MISMATCH"}
"""Named by x-endpoint-errors of the document and missing in its own ErrorCode."""

TEXT = {"type": "string"}
NEWER_FIELDS: dict[str, dict[str, Any]] = {
    "Card": {"created_at": TEXT, "disabled_at": TEXT},
    "Subscription": {"completed_date": TEXT},
    "InventoryAdjustment": {"from_location_id": TEXT, "to_location_id": TEXT},
}
NEWER_WORDS = {"SubscriptionStatus": ["COMPLETED"], "SubscriptionActionType": ["COMPLETE"]}
"""What version 2026-09-16 has and the document of 2025-08-20 lacks. Source: the SDK 46.0.0.20260916."""


def to_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema, closed: a field that the document lacks is a deviation."""
    if isinstance(part, list):
        return [to_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return {"$ref": part["$ref"]} if part["$ref"].startswith("#/") else {}
    schema: dict[str, Any] = {name: value for name, value in part.items() if name in KEPT}
    if "properties" in part:
        schema["properties"] = {name: to_json_schema(value) for name, value in part["properties"].items()}
        schema["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if name in part:
            schema[name] = to_json_schema(part[name])
    if part.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


class PublishedSchema:
    def __init__(self, folder: Path) -> None:
        document = json.loads((folder / "square-api.json").read_text())
        schemas = document["components"]["schemas"]
        self._components = {"schemas": {name: to_json_schema(value) for name, value in schemas.items()}}
        for name, added in NEWER_FIELDS.items():
            self._components["schemas"][name]["properties"] |= added
        for name, words in NEWER_WORDS.items():
            self._components["schemas"][name]["enum"] += words
        self._routes = [
            (re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)) + "$"), operations)
            for path, operations in sorted(document["paths"].items(), key=lambda item: (item[0].count("{"), -len(item[0])))
        ]
        self._events = {value["x-webhook"]["event"]: name for name, value in schemas.items() if "x-webhook" in value}
        self._validators: dict[str, Draft202012Validator] = {}
        self.deviations: list[str] = []
        self.checked = 0

    def look_at(self, response: httpx.Response) -> None:
        """An httpx response hook: note what an API answer has that it must not have, or lacks."""
        path = response.request.url.path
        if not path.startswith(("/v2/", "/oauth2/token", "/oauth2/revoke")) or response.status_code in (429, 500, 502, 503, 504):
            return
        response.read()
        self.checked += 1
        name = self._schema_of(response.request.method.lower(), path) if response.status_code == 200 else "Error"
        documents = [response.json()] if name != "Error" else response.json().get("errors", [])
        for document in documents:
            if document.get("code") not in UNDOCUMENTED_CODES:
                self._judge(name, document, f"{response.request.method} {path}")

    def look_at_event(self, event: dict[str, Any]) -> None:
        self.checked += 1
        if event["type"] == "customer.deleted":
            # The document's example has data.deleted, its schema has not.
            event = {**event, "data": {name: value for name, value in event["data"].items() if name != "deleted"}}
        if event["type"].startswith("dispute."):
            # The examples have data.object.dispute, the schemas data.object.object.
            event = {**event, "data": {**event["data"], "object": {"object": event["data"]["object"]["dispute"]}}}
        self._judge(self._events.get(event["type"], "Event"), event, event["type"])

    def _schema_of(self, method: str, path: str) -> str:
        for pattern, operations in self._routes:
            if pattern.match(path) and method in operations:
                reference: str = operations[method]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
                return reference.rpartition("/")[2]
        self.deviations.append(f"{method} {path} is not in the document")
        return "Error"

    def _judge(self, name: str, document: Any, where: str) -> None:
        if name not in self._validators:
            reference = {"$ref": f"#/components/schemas/{name}", "components": self._components}
            self._validators[name] = Draft202012Validator(reference)
        for error in self._validators[name].iter_errors(document):
            self.deviations.append(f"{where}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}")
