"""Alembic's entry: runs migrations as the login role, one at a time across processes."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

from hub.models import Base

LOCK_ID = 7_248_011  # any constant: two processes that upgrade at once take turns


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise RuntimeError("run migrations through `payhub db upgrade`")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK_ID})
        connection.commit()
        try:
            context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK_ID})
            connection.commit()


run()
