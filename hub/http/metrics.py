"""What Prometheus may read: requests, latency, and how far the work lags, summed over all tenants."""

from __future__ import annotations

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from hub import clock, db, work
from hub.integrations import tokens
from hub.models import Change, Message, ProviderDrift, SyncRun, WebhookEvent
from hub.models.base import WorkRow

registry = CollectorRegistry()
# Labels are routes, never paths: a path holds ids and tokens. No label names a tenant.
requests_total = Counter(
    "payhub_http_requests_total", "Requests by route and status", ["method", "route", "status"], registry=registry
)
request_seconds = Histogram(
    "payhub_http_request_seconds",
    "Time to answer, by route",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
    registry=registry,
)
database_up = Gauge("payhub_database_up", "1 if the database answered this scrape", registry=registry)
work_waiting = Gauge("payhub_work_waiting", "Rows neither done nor parked", ["queue"], registry=registry)
work_parked = Gauge("payhub_work_parked", "Rows given up until a person retries", ["queue"], registry=registry)
work_oldest_seconds = Gauge(
    "payhub_work_oldest_due_seconds", "How long the most overdue row has been due; 0 when none is", ["queue"], registry=registry
)
provider_drift = Gauge(
    "payhub_provider_drift",
    "Fields and words from a provider that this version does not know, by how many different ones; `payhub drift` names them",
    ["provider"],
    registry=registry,
)

tokens_overdue = Gauge(
    "payhub_tokens_overdue", "Connected accounts whose access was not renewed in time (Square: eight days)", registry=registry
)

QUEUES: dict[str, type[WorkRow]] = {"inbox": WebhookEvent, "outbox": Change, "sync_runs": SyncRun, "messages": Message}
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install(app: Flask) -> None:
    @app.before_request
    def _begin() -> None:
        g.began_at = clock.monotonic()

    @app.after_request
    def _count(response: BaseResponse) -> BaseResponse:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in KNOWN_METHODS else "other"
        requests_total.labels(method, route, str(response.status_code)).inc()
        if "began_at" in g:
            request_seconds.labels(method, route).observe(clock.monotonic() - g.began_at)
        return response


def answer() -> Response:
    """The metrics page. Work is counted anew at each scrape; without the database only what this process knows is told."""
    try:
        _measure_work()
        database_up.set(1)
    except SQLAlchemyError:
        database_up.set(0)
        for gauge in (work_waiting, work_parked, work_oldest_seconds, provider_drift):
            gauge.clear()
        tokens_overdue.set(0)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _measure_work() -> None:
    now = clock.now()
    with db.system_session() as session:
        for name, model in QUEUES.items():
            waiting, oldest = session.execute(select(func.count(), func.min(model.due_at)).where(work.is_open(model))).one()
            parked = session.scalar(
                select(func.count()).select_from(model).where(model.parked_at.is_not(None), model.done_at.is_(None))
            )
            work_waiting.labels(name).set(waiting)
            work_parked.labels(name).set(parked or 0)
            work_oldest_seconds.labels(name).set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)
        for provider, names in session.execute(select(ProviderDrift.provider, func.count()).group_by(ProviderDrift.provider)):
            provider_drift.labels(provider).set(names)
        tokens_overdue.set(len(tokens.overdue(session)))
