"""R18 and R19 in full: tenants kept apart by the application and by the database."""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

from hub import db
from tests.bench.results import Row
from tests.hub.apps import settings_for
from tests.isolation.every_table import fill, tenant_tables
from tests.isolation.leaks import leaks
from tests.security.matrix import Matrix, open_every_policy
from tests.soak.database import migrated_database, throwaway_server

POOL_CHECKOUTS = 100_000
PROCESSES = 2
MUTANTS = (
    "ALTER POLICY own_tenant ON {table} USING (true) WITH CHECK (true)",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
)
NOT_GRANTED = {"sessions", "account_routes"}  # tenants have no grant there: nothing to mutate but FORCE


def routes() -> list[Row]:
    """R18: foreign ids on every route, and whether the matrix notices open policies."""
    with throwaway_server() as server, tempfile.TemporaryDirectory() as folder:
        matrix = Matrix(migrated_database(server), settings_for(Path(folder)))
        cases, found = len(list(matrix.cases())), matrix.leaks()
        opened = migrated_database(server)
        open_every_policy(opened)
        noticed = len(Matrix(opened, settings_for(Path(folder))).leaks())
        killed, mutants = _table_mutants(migrated_database(server))
        db.engine().dispose()
    return [
        Row(f"R18 foreign ids answered other than 404, or shown, of {cases}", len(found), "leaks", target=0, passed=not found),
        Row("R18 leaks noticed with tenants' sessions as the system's", noticed, "leaks", target=1, passed=noticed > 0),
        Row(
            f"R18 mutants of the tables' guards found, of {mutants}", killed, "mutants", target=mutants, passed=killed == mutants
        ),
    ]


def _table_mutants(database_url: str) -> tuple[int, int]:
    engine = create_engine(database_url)
    killed = tried = 0
    with engine.connect() as connection:
        own, foreign = fill(connection), fill(connection)
        for table in tenant_tables():
            for mutant in MUTANTS[2:] if table.name in NOT_GRANTED else MUTANTS:
                tried += 1
                with connection.begin_nested() as savepoint:
                    connection.execute(text(mutant.format(table=table.name)))
                    killed += bool(leaks(connection, table, own=own, foreign=foreign))
                    savepoint.rollback()
        connection.rollback()
    engine.dispose()
    return killed, tried


def checkouts() -> list[Row]:
    """R19: pooled connections that go from tenant to tenant."""
    with throwaway_server() as server:
        url = migrated_database(server)
        engine = create_engine(url)
        with engine.begin() as connection:
            tenants = [fill(connection), fill(connection), fill(connection)]
        engine.dispose()
        with ProcessPoolExecutor(PROCESSES) as pool:
            share = POOL_CHECKOUTS // PROCESSES
            wrong = sum(pool.map(_reuse, [url] * PROCESSES, [tenants] * PROCESSES, [share] * PROCESSES))
    what = f"R19 foreign rows or left-over tenants, of {POOL_CHECKOUTS:,} checkouts"
    return [Row(what, wrong, "checkouts", target=0, passed=wrong == 0)]


def _reuse(database_url: str, tenants: list[int], times: int) -> int:
    engine = create_engine(database_url, poolclass=QueuePool, pool_size=2, max_overflow=0)
    left = text("SELECT current_setting('payhub.tenant_id', true), current_user")
    unset = text("SELECT count(*) FROM clients")
    seen = text("SELECT array_agg(DISTINCT tenant_id) FROM clients")
    wrong = 0
    for number in range(times):
        tenant = tenants[number % 3]
        with engine.connect() as connection:
            setting, role = connection.execute(left).one()
            connection.exec_driver_sql(f"SET LOCAL ROLE {db.APP_ROLE}")
            without = connection.execute(unset).scalar_one()
            connection.exec_driver_sql(f"SET LOCAL payhub.tenant_id = '{tenant}'")
            found = connection.execute(seen).scalar_one()
            clean = setting in (None, "") and role not in (db.APP_ROLE, db.SYSTEM_ROLE) and without == 0 and found == [tenant]
            wrong += not clean
            if number % 7 == 0:
                connection.commit()  # both ends of a transaction give the role back
    engine.dispose()
    return wrong
