"""Problems as the API tells them: RFC 9457, with a stable code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask import Response

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:payhub:problem:"  # RFC 9457 allows any URI; a URN promises no page behind it


class Problem(Exception):
    """Ends the request with this answer: JSON for programs, a page for people.

    code: stable, for programs. title: the kind of problem, the same each time. detail: what happened here, what it means and
    what to do next; it never holds a secret. errors: one `{field, message}` per refused field. more: members of its own, as
    RFC 9457 allows: the id of what was made all the same."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = [dict(each) for each in errors]
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self, request_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = self.errors
        return {**self.more, **body}

    def json_response(self, request_id: str) -> Response:
        return Response(orjson.dumps(self.body(request_id)), self.status, headers=self.headers, mimetype=MEDIA_TYPE)


def not_found(what: str = "record") -> Problem:
    """For what does not exist, and for what belongs to another tenant: the answers are the same."""
    return Problem(404, "not_found", "Not found", f"There is no such {what} here. Check the id and the address.")


def invalid(field: str, message: str) -> Problem:
    """One field that the schema allows and the business does not."""
    return Problem(422, "validation_failed", "The request is not valid", message, errors=[{"field": field, "message": message}])
