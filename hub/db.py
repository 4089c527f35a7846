"""The database: engine, sessions bound to a tenant's row-level security, and the only commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.orm import Session

from hub import crash

APP_ROLE = "payhub_app"
SYSTEM_ROLE = "payhub_system"

log = structlog.get_logger(__name__)

_engine: Engine | None = None
_open_transactions: ContextVar[int] = ContextVar("open_transactions", default=0)


class NotConfigured(RuntimeError):
    """`configure` was not called yet in this process."""


def configure(database_url: str, *, pool_size: int = 10) -> Engine:
    """Make the process's engine. Called once by whoever starts a process; again in tests, which closes the old one."""
    global _engine
    if _engine is not None:
        _engine.dispose()
    _engine = create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,  # a failed statement's values are people's data, or a one-time link, and errors are logged
        connect_args={"connect_timeout": 5, "application_name": "payhub"},
    )
    return _engine


def engine() -> Engine:
    if _engine is None:
        raise NotConfigured("hub.db.configure(database_url) must run first")
    return _engine


def in_transaction() -> bool:
    """Whether this thread of work holds a transaction open; no provider may be called then."""
    return _open_transactions.get() > 0


@contextmanager
def tenant_session(tenant_id: int) -> Iterator[Session]:
    """One transaction that sees one tenant's rows only, through row-level security. Commits at the end, rolls back on error."""
    with _session(f"SET LOCAL ROLE {APP_ROLE}; SET LOCAL payhub.tenant_id = '{int(tenant_id)}'") as session:
        yield session


@contextmanager
def system_session() -> Iterator[Session]:
    """One transaction across tenants: routing a webhook, claiming due work, signing in. Never for a tenant's own request."""
    with _session(f"SET LOCAL ROLE {SYSTEM_ROLE}") as session:
        yield session


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run `action` once the session has committed; never if it rolls back. A failing action is logged, nothing is lost:
    actions only wake, and the sweep wakes what they missed."""
    session.info.setdefault("after_commit", []).append(action)


@contextmanager
def _session(bind_statement: str) -> Iterator[Session]:
    token = _open_transactions.set(_open_transactions.get() + 1)
    try:
        with Session(engine(), expire_on_commit=False) as session:
            # One round trip, and local to the transaction, so that PgBouncer's transaction mode works.
            session.connection().exec_driver_sql(bind_statement)
            yield session
            crash.point("before commit")
            session.commit()
            actions = session.info.pop("after_commit", [])
    finally:
        _open_transactions.reset(token)
    crash.point("after commit")
    for action in actions:
        try:
            action()
        except Exception:
            log.exception("after_commit_action_failed")


def raw_connection() -> Connection:
    """A plain connection as the login role, for checks and migrations; the caller closes it."""
    return engine().connect()
