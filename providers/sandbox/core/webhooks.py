"""The sender of signed events: one queue per endpoint, retries on the twin's clock, chaos on demand, a log of every attempt."""

import itertools
import queue
import random
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any

import httpx

from providers.sandbox.core.clock import Clock, monotonic
from providers.sandbox.core.timetable import Timetable

KEPT_ATTEMPTS = 50_000
REORDER_HOLD_SECONDS = 0.5
"""How long an event is held back, in real time, for a later one to overtake it."""


@dataclass(slots=True, kw_only=True)
class Chaos:
    """Shares are 0 to 1. Dropped events are never sent at all, as if every attempt had been lost."""

    duplicate: float = 0.0
    drop: float = 0.0
    reorder: float = 0.0
    delay_seconds: float = 0.0
    """Added before each first attempt, on the twin's clock."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to deliver, as the twin sees it at the moment of sending.

    headers_for(body, unix) signs: called anew for each attempt. is_active: False stops further attempts.
    """

    id: str
    url: str
    headers_for: Callable[[bytes, int], Mapping[str, str]]
    is_active: Callable[[], bool] = lambda: True


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint. extra_headers, if given, may depend on the attempt (Square numbers its retries)."""

    event_id: str
    event_type: str
    account: str | None
    endpoint: Endpoint
    body: bytes
    attempt: int = 0
    first_at: float = 0.0
    era: int = 0
    """Which reset it came after; set by the sender. What is older than the last reset is forgotten."""
    last_reason: str | None = None
    """Why the previous attempt failed: http_error, http_timeout or other."""
    more_retry_delays: Sequence[float] = ()
    """Further attempts of this delivery after the sender's usual ones."""
    on_done: Callable[["Delivery", bool], None] | None = None
    """Called after each attempt that succeeded (True) and after the last that failed (False)."""
    extra_headers: Callable[["Delivery"], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    number: int
    event_id: str
    event_type: str
    account: str | None
    endpoint_id: str
    url: str
    attempt: int
    at: float
    status: int | None
    outcome: str
    """delivered, failed, given_up, dropped_by_chaos, endpoint_gone"""
    error: str | None
    next_attempt_at: float | None
    milliseconds: float


@dataclass(slots=True)
class _Lane:
    waiting: "queue.SimpleQueue[Delivery | None]" = field(default_factory=queue.SimpleQueue)
    threads: list[threading.Thread] = field(default_factory=list)
    held: Delivery | None = None


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes longer than starting a twin."""
    return ssl.create_default_context()


class Sender:
    """Delivers in the order of send() per endpoint unless chaos or a retry says otherwise.

    retry_delays: seconds of the twin's clock before attempts 2, 3 …; afterwards the event is given up.
    retry_scale: multiplies these delays, so that a test sees retries without moving the clock.
    """

    def __init__(
        self, clock: Clock, timetable: Timetable, *, retry_delays: Sequence[float], timeout_seconds: float = 10.0
    ) -> None:
        self.chaos = Chaos()
        self.retry_delays = list(retry_delays)
        self.retry_scale = 1.0
        self.timeout_seconds = timeout_seconds
        self.threads_per_endpoint = 1
        self.paused = False
        self._clock = clock
        self._timetable = timetable
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.RLock()
        self._attempts: deque[Attempt] = deque(maxlen=KEPT_ATTEMPTS)
        self._numbers = itertools.count(1)
        self._random = random.Random(0)  # noqa: S311
        self._client: httpx.Client | None = None
        self._unfinished = 0
        self._resting = 0
        """Of the unfinished, those that wait for a moment of the twin's clock: retries and delayed first attempts."""
        self._era = 0
        self._idle = threading.Condition(self._lock)

    def start(self) -> None:
        self._client = httpx.Client(
            trust_env=False,
            verify=_trusted(),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )

    def stop(self) -> None:
        with self._lock:
            lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            for _ in lane.threads:
                lane.waiting.put(None)
        if self._client is not None:
            self._client.close()

    def send(self, delivery: Delivery) -> None:
        """Queue a delivery; returns at once."""
        with self._lock:
            delivery.era = self._era
            self._unfinished += 1
            chaos = self.chaos
            if chaos.drop and self._random.random() < chaos.drop:
                self._note(delivery, None, "dropped_by_chaos", None, None, 0.0)
                self._finish(delivery, False)
                return
            copies = 2 if chaos.duplicate and self._random.random() < chaos.duplicate else 1
            self._unfinished += copies - 1
        delivery.first_at = self._clock.timestamp()
        for _ in range(copies):
            copy = Delivery(**{item.name: getattr(delivery, item.name) for item in fields(Delivery)})
            if chaos.delay_seconds:
                self._rest(chaos.delay_seconds, copy)
            else:
                self._enqueue(copy)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply settings by name, as settings() lists them; chaos takes its own fields. Raises ValueError."""
        for name, value in changes.items():
            if name == "chaos":
                self.chaos = Chaos(**{**asdict(self.chaos), **value})
                self._random = random.Random(self.chaos.seed)  # noqa: S311
            elif name == "retry_delays":
                self.retry_delays = [float(seconds) for seconds in value]
            elif name in ("retry_scale", "timeout_seconds"):
                setattr(self, name, float(value))
            elif name == "threads_per_endpoint":
                self.threads_per_endpoint = int(value)
            elif name == "paused":
                self._pause(bool(value))
            else:
                raise ValueError(f"unknown webhook setting {name}")

    def settings(self) -> dict[str, Any]:
        names = ("retry_delays", "retry_scale", "timeout_seconds", "threads_per_endpoint", "paused")
        return {"chaos": asdict(self.chaos), **{name: getattr(self, name) for name in names}}

    def reset(self) -> None:
        with self._lock:
            self._attempts.clear()
            self._era += 1
            self._unfinished = 0
            self._resting = 0
            self.chaos = Chaos()
            self.retry_scale = 1.0
            self.paused = False
            for lane in self._lanes.values():
                lane.held = None
                for _ in lane.threads:
                    lane.waiting.put(None)
            self._lanes.clear()

    def attempts(self, *, after: int = 0, endpoint_id: str | None = None, event_id: str | None = None) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._lock:
            snapshot = list(self._attempts)
        return [
            asdict(entry)
            for entry in snapshot
            if entry.number > after and endpoint_id in (None, entry.endpoint_id) and event_id in (None, entry.event_id)
        ]

    def unfinished(self) -> int:
        """Deliveries neither delivered nor given up."""
        return self._unfinished

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """True once everything is delivered or given up."""
        with self._idle:
            return self._idle.wait_for(lambda: self._unfinished <= 0, timeout_seconds)

    def wait_until_quiet(self, timeout_seconds: float) -> bool:
        """True once nothing is on the wire or about to be: what is left waits for a moment of the twin's clock. Real seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: self.paused or self._unfinished <= self._resting, timeout_seconds)

    def _pause(self, paused: bool) -> None:
        with self._lock:
            self.paused = paused
            if paused:
                return
            for lane in self._lanes.values():
                self._staff(lane)

    def _enqueue(self, delivery: Delivery) -> None:
        with self._lock:
            lane = self._lanes.setdefault(delivery.endpoint.id, _Lane())
            if delivery.attempt == 0 and self.chaos.reorder and lane.held is None and self._random.random() < self.chaos.reorder:
                lane.held = delivery
                timer = threading.Timer(REORDER_HOLD_SECONDS, self._release, args=(lane, delivery))
                timer.daemon = True
                timer.start()
                return
            lane.waiting.put(delivery)
            if lane.held is not None:
                lane.waiting.put(lane.held)
                lane.held = None
            if not self.paused:
                self._staff(lane)

    def _release(self, lane: _Lane, delivery: Delivery) -> None:
        with self._lock:
            if lane.held is delivery:
                lane.held = None
                lane.waiting.put(delivery)
                self._staff(lane)

    def _staff(self, lane: _Lane) -> None:
        while len(lane.threads) < self.threads_per_endpoint:
            thread = threading.Thread(target=self._work, args=(lane,), name="twin-webhooks", daemon=True)
            lane.threads.append(thread)
            thread.start()

    def _work(self, lane: _Lane) -> None:
        while (delivery := lane.waiting.get()) is not None:
            if self.paused:
                lane.waiting.put(delivery)
                with self._lock:
                    lane.threads.remove(threading.current_thread())
                return
            self._attempt(delivery)

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.era != self._era:
            return
        if not delivery.endpoint.is_active():
            self._note(delivery, None, "endpoint_gone", None, None, 0.0)
            self._finish(delivery, False)
            return
        delivery.attempt += 1
        began = monotonic()
        status, error = self._post(delivery)
        milliseconds = round((monotonic() - began) * 1000, 3)
        if status is not None and 200 <= status < 300:
            self._note(delivery, status, "delivered", None, None, milliseconds)
            self._finish(delivery, True)
            return
        delays = [*self.retry_delays, *delivery.more_retry_delays]
        if delivery.attempt > len(delays):
            self._note(delivery, status, "given_up", error, None, milliseconds)
            self._finish(delivery, False)
            return
        delay = delays[delivery.attempt - 1] * self.retry_scale
        self._note(delivery, status, "failed", error, self._clock.timestamp() + delay, milliseconds)
        self._rest(delay, delivery)

    def _rest(self, seconds: float, delivery: Delivery) -> None:
        """Queue a delivery again after so many seconds of the twin's clock."""
        with self._idle:
            self._resting += 1
            self._idle.notify_all()

        def wake() -> None:
            with self._lock:
                if delivery.era == self._era:
                    self._resting -= 1
            self._enqueue(delivery)

        self._timetable.after(seconds, wake)

    def _post(self, delivery: Delivery) -> tuple[int | None, str | None]:
        if self._client is None:
            return None, "sender not started"
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers |= delivery.endpoint.headers_for(delivery.body, self._clock.unix())
        if delivery.extra_headers is not None:
            headers |= delivery.extra_headers(delivery)
        try:
            answer = self._client.post(
                delivery.endpoint.url, content=delivery.body, headers=headers, timeout=self.timeout_seconds
            )
        except httpx.TimeoutException:
            delivery.last_reason = "http_timeout"
            return None, "timeout"
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            delivery.last_reason = "other"
            return None, type(failure).__name__
        except RuntimeError:
            delivery.last_reason = "other"
            return None, "sender stopped"
        delivery.last_reason = "http_error"
        return answer.status_code, None if answer.is_success else f"HTTP {answer.status_code}"

    def _note(
        self,
        delivery: Delivery,
        status: int | None,
        outcome: str,
        error: str | None,
        next_attempt_at: float | None,
        milliseconds: float,
    ) -> None:
        entry = Attempt(
            number=next(self._numbers),
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            account=delivery.account,
            endpoint_id=delivery.endpoint.id,
            url=delivery.endpoint.url,
            attempt=delivery.attempt,
            at=self._clock.timestamp(),
            status=status,
            outcome=outcome,
            error=error,
            next_attempt_at=next_attempt_at,
            milliseconds=milliseconds,
        )
        with self._lock:
            self._attempts.append(entry)

    def _finish(self, delivery: Delivery, delivered: bool) -> None:
        if delivery.on_done is not None:
            delivery.on_done(delivery, delivered)
        with self._idle:
            if delivery.era == self._era:
                self._unfinished -= 1
            self._idle.notify_all()
