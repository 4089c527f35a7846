"""What runs around every provider request of one integration: liveness, budget, call log, crash points."""

from __future__ import annotations

import math
from collections.abc import Mapping

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import select

from hub import clock, crash, db, queue
from hub.limits import Budget, Limiter
from hub.models import Integration
from providers.contract import Provider
from providers.errors import IntegrationRevoked, RateLimited

STATUS_MAX_AGE_SECONDS = 2.0  # a disconnect stops requests within this time
PATIENCE_SECONDS = 1.5  # shorter waits are slept through; longer ones send the work back to the database
DEFAULT_BLOCK_SECONDS = 2.0
LONGEST_BLOCK_SECONDS = 3600.0

REQUESTS = Counter("payhub_provider_requests_total", "Requests made to providers", ["provider", "method", "path", "status"])
SECONDS = Histogram("payhub_provider_request_seconds", "Time of provider requests", ["provider"])

log = structlog.get_logger(__name__)


class CalledInsideTransaction(AssertionError):
    """A bug: a provider was called while a database transaction was open, so a slow provider would hold our connection."""


_limiters: dict[int, Limiter] = {}


def limiter() -> Limiter:
    """The process's limiter over the present Redis connection."""
    redis = queue.redis_connection()
    return _limiters.setdefault(id(redis), Limiter(redis))


class PlatformGate:
    """The gate of our own application's requests (webhook endpoints, OAuth, the application's events feed)."""

    def __init__(self, provider: Provider, budget_factor: float = 1.0) -> None:
        self.provider = provider
        self._budget_factor = budget_factor

    def before(self, method: str, path_template: str) -> None:
        if db.in_transaction():
            raise CalledInsideTransaction(f"{method} {path_template} was called inside a transaction")
        self.check()
        budgets = self._budgets(method, path_template)
        waited = 0.0
        while (wait := limiter().take(budgets)) > 0:
            if waited + wait > PATIENCE_SECONDS:
                raise RateLimited("Our own request budget is used up for the moment.", retry_after_seconds=wait)
            clock.sleep(wait)
            waited += wait
        crash.point(f"before {method} {path_template}")

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        crash.point(f"after {method} {path_template}")
        REQUESTS.labels(self.provider.name, method, path_template, status or "none").inc()
        SECONDS.labels(self.provider.name).observe(seconds)
        log.debug("provider_request", provider=self.provider.name, method=method, path=path_template, status=status)
        if status == 429:
            limiter().block(self._account_key(), _retry_after(headers))

    def check(self) -> None:
        """Raise if no request may be made any more."""

    def _account_key(self) -> str:
        return f"{self.provider.name}:platform"

    def _budgets(self, method: str, path_template: str) -> list[Budget]:
        keys = {
            "account": self._account_key(),
            "endpoint": f"{self._account_key()}:{method} {path_template}",
            "application": f"{self.provider.name}:application",
        }
        factor = self._budget_factor
        return [
            Budget(keys[limit.scope], limit.requests_per_second * factor, max(1, int(limit.burst * factor)))
            for limit in self.provider.rate_limits
        ]


class IntegrationGate(PlatformGate):
    """The gate of one integration's requests."""

    def __init__(self, provider: Provider, tenant_id: int, integration_id: int, budget_factor: float = 1.0) -> None:
        super().__init__(provider, budget_factor)
        self.tenant_id = tenant_id
        self.integration_id = integration_id
        self._checked_at: float | None = None

    def check(self) -> None:
        now = clock.monotonic()
        if self._checked_at is not None and now - self._checked_at < STATUS_MAX_AGE_SECONDS:
            return
        with db.tenant_session(self.tenant_id) as session:
            status = session.scalar(select(Integration.status).where(Integration.id == self.integration_id))
        if status != "active":
            raise IntegrationRevoked("This account is not connected any more.")
        self._checked_at = now

    def _account_key(self) -> str:
        return f"{self.provider.name}:{self.tenant_id}:{self.integration_id}"


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("retry-after", DEFAULT_BLOCK_SECONDS))
    except ValueError:
        return DEFAULT_BLOCK_SECONDS
    return min(max(0.1, seconds), LONGEST_BLOCK_SECONDS) if math.isfinite(seconds) else DEFAULT_BLOCK_SECONDS
