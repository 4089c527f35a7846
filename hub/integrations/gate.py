"""What runs around every provider request of one integration: liveness, budget, breaker, reads, call log, crash points."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from datetime import datetime

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import select

from hub import clock, crash, db, queue
from hub.breaker import Breaker
from hub.integrations.reads import ReadCounter
from hub.limits import SLOT_WAIT_SECONDS, Budget, Limiter
from hub.models import Integration
from providers.contract import Provider
from providers.errors import CircuitOpen, IntegrationRevoked, RateLimited

STATUS_MAX_AGE_SECONDS = 2.0  # a disconnect stops requests within this time
# A request that comes a little too fast waits for its turn: for two tokens of its budget, which is 90 ms at Stripe, and at most a
# second where the rate is low. What the provider told us to wait, and what many workers want at once, goes back to the database.
# See docs/decisions/0011.
TURNS = 2
LONGEST_TURN_SECONDS = 1.0
PAUSE_AFTER_429_SECONDS = 1.0  # where the provider names no time
LONGEST_BLOCK_SECONDS = 3600.0

REQUESTS = Counter("payhub_provider_requests_total", "Requests made to providers", ["provider", "method", "path", "status"])
SECONDS = Histogram("payhub_provider_request_seconds", "Time of provider requests", ["provider"])

log = structlog.get_logger(__name__)


class CalledInsideTransaction(AssertionError):
    """A bug: a provider was called while a database transaction was open, so a slow provider would hold our connection."""


class _Shared:
    """The process's limiter and breaker over one Redis connection."""

    def __init__(self) -> None:
        redis = queue.redis_connection()
        self.redis = redis
        self.limiter = Limiter(redis)
        self.breaker = Breaker(redis)
        self.reads = ReadCounter(redis)


_shared: list[_Shared] = []


def _present() -> _Shared:
    if not _shared or _shared[0].redis is not queue.redis_connection():
        _shared[:] = [_Shared()]
    return _shared[0]


def forget() -> None:
    """What this process learnt of budgets and failures: the next hub in it (a test's) has accounts of its own by the same ids."""
    _shared.clear()


def limiter() -> Limiter:
    return _present().limiter


def breaker() -> Breaker:
    return _present().breaker


def read_counter() -> ReadCounter:
    return _present().reads


def paused_until(provider_name: str, tenant_id: int, integration_id: int) -> datetime | None:
    """Until when no request of the integration begins because the provider kept failing; None while all is well."""
    return breaker().open_until(account_key(provider_name, tenant_id, integration_id))


def account_key(provider_name: str, tenant_id: int, integration_id: int) -> str:
    return f"{provider_name}:{tenant_id}:{integration_id}"


class PlatformGate:
    """The gate of our own application's requests (webhook endpoints, OAuth, the application's events feed)."""

    def __init__(self, provider: Provider, budget_factor: float = 1.0) -> None:
        self.provider = provider
        self._budget_factor = budget_factor
        self._places: dict[int, tuple[list[Budget], str]] = {}  # by thread: a gate may serve several at once

    def before(self, method: str, path_template: str) -> None:
        if db.in_transaction():
            raise CalledInsideTransaction(f"{method} {path_template} was called inside a transaction")
        self.check()
        self._take(self._budgets(method, path_template))
        pause = breaker().admit(self._account_key())
        if pause > 0:
            self._give_back()
            raise CircuitOpen(
                f"{self.provider.title} failed several times in a row; this account's requests pause and go on by themselves.",
                retry_after_seconds=pause,
            )
        self._count(method)
        crash.point(f"before {method} {path_template}")

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        crash.point(f"after {method} {path_template}")
        self._give_back()
        REQUESTS.labels(self.provider.name, method, path_template, status or "none").inc()
        SECONDS.labels(self.provider.name).observe(seconds)
        log.debug("provider_request", provider=self.provider.name, method=method, path=path_template, status=status)
        if status is None or status >= 500:
            breaker().failed(self._account_key())
        else:
            breaker().answered(self._account_key())
        if status == 429:
            self._learn(method, path_template, headers)

    def check(self) -> None:
        """Raise if no request may be made any more."""

    def _take(self, budgets: list[Budget]) -> None:
        request, waited = secrets.token_hex(8), 0.0
        while (wait := limiter().take(budgets, request=request)).seconds > 0:
            patience = min(LONGEST_TURN_SECONDS, max(wait.turn_seconds, SLOT_WAIT_SECONDS) * TURNS)
            if wait.told_seconds > 0 or waited + wait.empty_seconds > patience:
                detail = (
                    f"{self.provider.title} asked us to slow down."
                    if wait.told_seconds > 0
                    else "Our own request budget is used up for the moment."
                )
                raise RateLimited(detail, retry_after_seconds=wait.seconds)
            clock.sleep(wait.empty_seconds)
            waited += wait.empty_seconds
        if wait.holds_place:
            self._places[threading.get_ident()] = (budgets, request)

    def _give_back(self) -> None:
        held = self._places.pop(threading.get_ident(), None)
        if held is not None:
            limiter().give_back(*held)

    def _learn(self, method: str, path_template: str, headers: Mapping[str, str]) -> None:
        """Obey what the provider named, and keep within less of what it found too much."""
        told = self.provider.slowed(headers)
        keys = self._keys(method, path_template)
        scopes = {limit.scope for limit in self.provider.rate_limits}
        key = keys[told.scope if told.scope in scopes else "account"]
        if told.because == "rate":
            limiter().lower(key)
        elif told.because == "concurrency":
            limiter().narrow(key)
        seconds = told.retry_after_seconds
        if seconds is None and told.because == "rate":
            seconds = PAUSE_AFTER_429_SECONDS
        # A lock is one object's affair: what wanted that object waits, by the error it gets; the endpoint need not.
        if seconds is not None:
            limiter().block(key, min(seconds, LONGEST_BLOCK_SECONDS))
        log.info("provider_slowed_us", provider=self.provider.name, scope=told.scope, because=told.because, seconds=seconds)

    def _count(self, method: str) -> None:
        """Our application's own requests are in nobody's allowance."""

    def _account_key(self) -> str:
        return f"{self.provider.name}:platform"

    def _keys(self, method: str, path_template: str) -> dict[str, str]:
        return {
            "account": self._account_key(),
            "endpoint": f"{self._account_key()}:{method} {path_template}",
            "application": f"{self.provider.name}:application",
        }

    def _budgets(self, method: str, path_template: str) -> list[Budget]:
        keys, factor = self._keys(method, path_template), self._budget_factor
        return [
            Budget(keys[limit.scope], limit.requests_per_second * factor, max(1, int(limit.burst * factor)), limit.at_once)
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

    def _count(self, method: str) -> None:
        if method == "GET" and self.provider.read_allowance is not None:
            read_counter().count(self.tenant_id, self.integration_id)

    def _account_key(self) -> str:
        return account_key(self.provider.name, self.tenant_id, self.integration_id)
