"""One business that works through the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.identity.caller import Role
from tests.hub.apps import Business
from tests.sync.hub_in_process import HubInProcess

ITEM = {"description": "Boiler repair", "amount": 12_500}


@dataclass
class Office:
    hub: HubInProcess
    http: FlaskClient
    bearers: dict[Role, dict[str, str]] = field(default_factory=dict)

    @property
    def payments(self) -> str:
        return f"/api/integrations/payments/{self.hub.integration_id}"

    def as_role(self, role: Role) -> dict[str, str]:
        if role not in self.bearers:
            self.bearers[role] = Business(self.hub.tenant_id, "").bearer(role)
        return self.bearers[role]

    def get(self, path: str, *, role: Role = "viewer", **query: Any) -> TestResponse:
        return self.http.get(path, query_string=query, headers=self.as_role(role))

    def post(self, path: str, body: Any = None, *, role: Role = "manager", key: str | None = None) -> TestResponse:
        headers = {**self.as_role(role), **({"Idempotency-Key": key} if key else {})}
        return self.http.post(path, json=body, headers=headers)

    def patch(self, path: str, body: Any, *, role: Role = "manager") -> TestResponse:
        return self.http.patch(path, json=body, headers=self.as_role(role))

    def read(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def made(self, path: str, body: Any) -> Any:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.get_json()

    def client(self, **fields: Any) -> Any:
        return self.made("/api/clients", fields or {"given_name": "Ada", "family_name": "Byron", "email": "ada@example.com"})

    def invoice(self, **fields: Any) -> Any:
        """A draft of this business's own, for no provider."""
        body = {"currency": "USD", "items": [ITEM], **fields}
        body["client_id"] = fields.get("client_id") or self.client()["id"]
        return self.made("/api/invoices", body)

    def issued(self, **fields: Any) -> Any:
        """An invoice with a pay page at the provider."""
        body = {"amount": 12_500, "currency": "USD", "items": [ITEM], **fields}
        body["client_id"] = fields.get("client_id") or self.client()["id"]
        made = self.made(f"{self.payments}/create-invoice", body)
        return self.read(f"/api/invoices/{made['invoice_id']}")


def refused(answer: TestResponse, status: int, code: str | None = None, field: str | None = None) -> None:
    """Assert a problem+json answer with this code, about this field."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    if code is not None:
        assert problem["code"] == code
    if field is not None:
        assert any(error["field"].split(".")[0] == field for error in problem["errors"]), problem
