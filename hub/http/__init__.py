"""The hub over HTTP: the application, who may call what, problems, paging, idempotency, limits."""

from hub.http.access import csrf_token, current, current_or_none, current_session, public, require, signed_in
from hub.http.app import create_app
from hub.http.fields import Integer, ProblemSchema, QueryInteger, Schema, Text
from hub.http.idempotency import idempotent, keep_answer
from hub.http.limits import limit_failed_signature
from hub.http.paging import PageQuery, page_schema, paged
from hub.http.problems import Problem, invalid, not_found
from hub.http.requests import wants_page
from hub.identity.caller import Caller

__all__ = [
    "Caller", "Integer", "PageQuery", "Problem", "ProblemSchema", "QueryInteger", "Schema", "Text", "create_app", "csrf_token",
    "current", "current_or_none", "current_session", "idempotent", "invalid", "keep_answer",
    "limit_failed_signature", "not_found",
    "page_schema", "paged", "public", "require", "signed_in", "wants_page",
]  # fmt: skip
