"""Liveness, readiness and metrics."""

from __future__ import annotations

from functools import cache
from typing import Any

import structlog
from apiflask import APIBlueprint
from flask import Response
from marshmallow import fields
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub import db, migrate, queue
from hub.http import metrics
from hub.http.access import public
from hub.http.fields import Schema

blueprint = APIBlueprint("health", __name__, tag="Health")

log = structlog.get_logger(__name__)


class LivenessSchema(Schema):
    status = fields.String(required=True, metadata={"enum": ["ok"]})


class ReadinessSchema(Schema):
    """`ready` decides; Redis may be down: then work waits, and nothing is lost."""

    ready = fields.Boolean(required=True)
    database = fields.String(required=True, metadata={"enum": ["ok", "unreachable"]})
    migrations = fields.String(required=True, metadata={"enum": ["ok", "behind", "unknown"]})
    redis = fields.String(required=True, metadata={"enum": ["ok", "unreachable", "not_used"]})


@blueprint.get("/healthz")
@public
@blueprint.output(LivenessSchema)
@blueprint.doc(summary="Is the process alive?")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@blueprint.get("/readyz")
@public
@blueprint.output(ReadinessSchema)
@blueprint.doc(summary="Can the process serve? 503 while it cannot", responses={503: "Not ready"})
def readyz() -> tuple[dict[str, Any], int]:
    database, migrations = _database_state()
    ready = database == "ok" and migrations == "ok"
    return {"ready": ready, "database": database, "migrations": migrations, "redis": _redis_state()}, 200 if ready else 503


@blueprint.get("/metrics")
@public
@blueprint.doc(summary="Metrics for Prometheus", responses={200: "Text format"})
def metrics_page() -> Response:
    return metrics.answer()


@cache
def _newest_revision() -> str | None:
    return migrate.head()


def _database_state() -> tuple[str, str]:
    try:
        with db.raw_connection() as connection:
            exists = connection.scalar(text("SELECT to_regclass('alembic_version')"))
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    except SQLAlchemyError as error:
        log.warning("database_unreachable", error=type(error).__name__)
        return "unreachable", "unknown"
    return "ok", "ok" if found == _newest_revision() else "behind"


def _redis_state() -> str:
    connection = queue.redis_connection()
    if connection is None:
        return "not_used"
    try:
        connection.ping()
    except RedisError:
        return "unreachable"
    return "ok"
