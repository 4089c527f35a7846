"""Waking: Redis and RQ only tell a worker that a row is due; losing Redis loses nothing."""

from __future__ import annotations

import signal
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from hub import clock, crash, db

Handler = Callable[[int, int], None]

LIVE, BULK = "live", "bulk"
QUEUES = (LIVE, BULK)  # a worker looks at them in this order: webhooks and pushes go before backfill
WAKE_MARK_SECONDS = 20  # a wake that was already sent and not yet begun is not sent again
JOB_TIMEOUT_SECONDS = 3600
JOB_PATH = "hub.queue.run"
LONGEST_REDIS_WAIT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class _Waker:
    """What this process knows about waking: the handlers, and either Redis or a list to run inline."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.queue_of: dict[str, str] = {}
        self.redis: Redis | None = None
        self.inline: OrderedDict[tuple[str, int, int], None] | None = None
        self.lock = threading.Lock()


_waker = _Waker()


def register(handlers: Mapping[str, Handler], *, bulk: Sequence[str] = ()) -> None:
    """The work handlers by short name; those in `bulk` go to the slow queue."""
    _waker.handlers = dict(handlers)
    _waker.queue_of = {name: BULK if name in bulk else LIVE for name in handlers}


def handlers() -> Mapping[str, Handler]:
    return _waker.handlers


def client(redis_url: str) -> Redis:
    """A Redis client that gives up soon: a lost Redis must not hold up a webhook. It tries once more at once, which is what a
    connection that Redis closed meanwhile needs; redis-py's own default pauses for seconds."""
    return Redis.from_url(
        redis_url,
        socket_connect_timeout=0.5,
        socket_timeout=1,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
    )


def connect(redis_url: str) -> None:
    """Wake through Redis."""
    _waker.redis = client(redis_url)
    _waker.inline = None


def redis_connection() -> Redis | None:
    """The process's Redis client; None where none was configured."""
    return _waker.redis


def run_inline() -> None:
    """Collect wakes in this process instead; `run_pending` runs them. For tests and simulation."""
    _waker.inline = OrderedDict()
    _waker.redis = None


def run_pending(*, limit: int = 1000) -> int:
    """Run every collected wake, and what they wake in turn; how many there were. A name without handler is passed over."""
    done = 0
    while _waker.inline and done < limit:
        (name, tenant_id, row_id), _ = _waker.inline.popitem(last=False)
        handler = _waker.handlers.get(name)
        if handler is not None:
            handler(tenant_id, row_id)
        done += 1
    return done


def wake_after_commit(session: Session, name: str, tenant_id: int, row_id: int) -> None:
    db.after_commit(session, lambda: wake(name, tenant_id, row_id))


def wake(name: str, tenant_id: int, row_id: int) -> None:
    """Tell a worker to run handler `name`. Tenant 0: the platform's own work. Without Redis the scheduler's sweep finds it."""
    if _waker.inline is not None:
        with _waker.lock:
            _waker.inline.setdefault((name, tenant_id, row_id), None)
        return
    if _waker.redis is None:
        return
    queue_name = _waker.queue_of.get(name, LIVE)
    crash.point("before wake")
    try:
        if not _waker.redis.set(_mark(name, tenant_id, row_id), 1, nx=True, ex=WAKE_MARK_SECONDS):
            return
        Queue(queue_name, connection=_waker.redis, serializer=JSONSerializer).enqueue(
            JOB_PATH, name, tenant_id, row_id, result_ttl=0, failure_ttl=3600, job_timeout=JOB_TIMEOUT_SECONDS
        )
    except RedisError as error:
        log.warning("wake_missed", handler=name, tenant_id=tenant_id, row_id=row_id, error=type(error).__name__)


def run(name: str, tenant_id: int, row_id: int) -> None:
    """The one RQ job. The mark goes first: what becomes due from here on must wake again."""
    if _waker.redis is not None:
        try:
            _waker.redis.delete(_mark(name, tenant_id, row_id))
        except RedisError as error:
            log.warning("wake_mark_kept", error=type(error).__name__)
    handler = _waker.handlers.get(name)
    if handler is None:
        log.error("unknown_work_handler", handler=name)
        return
    structlog.contextvars.bind_contextvars(handler=name, tenant_id=tenant_id)
    try:
        handler(tenant_id, row_id)
    except Exception:
        # The row keeps its lease and becomes due again; the job itself must not be counted as lost work.
        log.exception("work_handler_failed", handler=name, tenant_id=tenant_id, row_id=row_id)
    finally:
        structlog.contextvars.unbind_contextvars("handler", "tenant_id")


class _Worker(SimpleWorker):
    """RQ's worker also ends when Redis is lost; this one knows whether it was told to."""

    max_connection_wait_time = LONGEST_REDIS_WAIT_SECONDS
    told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(queues: Sequence[str] = QUEUES, *, burst: bool = False) -> None:
    """Be a worker until told to stop; a lost Redis is waited for. No fork per job: one job drains many rows, and a fork costs
    four times the job."""
    if _waker.redis is None:
        raise RuntimeError("a worker needs Redis: set REDIS_URL or let the embedded one start")
    while True:
        worker = _Worker(
            [Queue(name, connection=_waker.redis, serializer=JSONSerializer) for name in queues],
            connection=_waker.redis,
            serializer=JSONSerializer,
        )
        worker.log_result_lifespan = False
        try:
            worker.work(burst=burst, with_scheduler=False, logging_level="WARNING")
        except RedisError as error:
            log.warning("redis_lost", error=type(error).__name__)
        if burst or worker.told_to_stop:
            return
        _wait_for_redis(_waker.redis)


def _wait_for_redis(connection: Redis) -> None:
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.SIG_DFL)  # RQ's handlers belong to the worker that has ended
    while True:
        try:
            connection.ping()
        except RedisError:
            clock.sleep(1.0)
        else:
            return


def _mark(name: str, tenant_id: int, row_id: int) -> str:
    return f"payhub:wake:{name}:{tenant_id}:{row_id}"
