"""`python -m providers.sandbox.stripe.parameters_from_spec SPEC.json`: rewrite static/parameters.json from an OpenAPI document.

The document in use was derived from the parameter annotations of stripe-python 16.1.0 (MIT), API 2026-10-28.endive.
Details of single payment methods are left open ("x"): the twin knows cards only.
"""

import sys
from pathlib import Path
from typing import Any

import orjson

LEFT_OPEN = {"payment_method_options", "payment_method_data", "mandate_data", "amount_details", "payment_details", "hooks"}
FORM = "application/x-www-form-urlencoded"


def shortened(schema: dict[str, Any]) -> Any:
    if "anyOf" in schema:
        return {"any": [shortened(item) for item in schema["anyOf"]]}
    if schema.get("enum"):
        return {"e": schema["enum"]}
    if schema.get("type") == "array":
        return {"a": shortened(schema.get("items", {}))}
    if schema.get("type") != "object":
        return {"string": "s", "integer": "i", "number": "n", "boolean": "b"}.get(schema.get("type", ""), "x")
    if "properties" not in schema:
        values = schema.get("additionalProperties")
        return {"m": shortened(values) if isinstance(values, dict) and values else "s"}
    short: dict[str, Any] = {
        "o": {name: "x" if name in LEFT_OPEN else shortened(item) for name, item in schema["properties"].items()}
    }
    return short | ({"r": schema["required"]} if schema.get("required") else {})


def operation_table(operation: dict[str, Any]) -> dict[str, Any]:
    query = [item for item in operation.get("parameters", []) if item["in"] == "query"]
    properties = {item["name"]: shortened(item["schema"]) for item in query}
    needed = [item["name"] for item in query if item.get("required")]
    if "requestBody" in operation:
        body = shortened(operation["requestBody"]["content"][FORM]["schema"])
        properties |= body.get("o", {})
        needed += body.get("r", [])
    return {"o": properties, "r": needed}


def main(spec: str) -> None:
    document = orjson.loads(Path(spec).read_bytes())
    tables = {
        f"{method.upper()} {path}": operation_table(operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    target = Path(__file__).parent / "static" / "parameters.json"
    target.write_bytes(
        b"{\n" + b",\n".join(orjson.dumps(name) + b":" + orjson.dumps(table) for name, table in tables.items()) + b"\n}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
