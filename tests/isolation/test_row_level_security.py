"""R19: the database itself keeps tenants apart, and each of its guards is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Table, create_engine, text
from sqlalchemy.pool import QueuePool

from hub import db, migrate
from hub.models import Base
from tests.isolation.every_table import fill, tenant_tables
from tests.isolation.leaks import leaks, sees_own

pytestmark = pytest.mark.postgres15

TABLES = tenant_tables()
HIDDEN_FROM_TENANTS = {"sessions", "account_routes"}  # the system's own: no tenant may look, not even at its rows
POOL_CHECKOUTS = 2_000  # 100,000 in the long version


@pytest.fixture(scope="module")
def two_tenants(database_url: str) -> Iterator[tuple[Connection, int, int]]:
    """A connection in an open transaction that is rolled back at the end, and two tenants with a row in every table."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        yield connection, fill(connection), fill(connection)
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tenant_reads_and_changes_only_its_own_rows(two_tenants: tuple[Connection, int, int], table: Table) -> None:
    connection, own, foreign = two_tenants
    assert leaks(connection, table, own=own, foreign=foreign) == []
    assert sees_own(connection, table, own=own) is (table.name not in HIDDEN_FROM_TENANTS)


MUTANTS = {
    "policy lets all rows through": "ALTER POLICY own_tenant ON {table} USING (true) WITH CHECK (true)",
    "row-level security off": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "not forced on the owner": "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_table_without_one_of_its_guards_is_found_leaking(
    two_tenants: tuple[Connection, int, int], table: Table, mutant: str
) -> None:
    if table.name in HIDDEN_FROM_TENANTS and mutant != "not forced on the owner":
        return  # no grant to the tenants' role: nothing of theirs to remove
    connection, own, foreign = two_tenants
    with connection.begin_nested() as savepoint:
        connection.execute(text(MUTANTS[mutant].format(table=table.name)))
        found = leaks(connection, table, own=own, foreign=foreign)
        savepoint.rollback()
    assert found != []


def test_every_table_forces_row_level_security(two_tenants: tuple[Connection, int, int]) -> None:
    connection, _, _ = two_tenants
    unforced = connection.execute(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
    ).scalars()
    assert list(unforced) == []


def test_application_roles_own_nothing_and_bypass_nothing(two_tenants: tuple[Connection, int, int]) -> None:
    connection, _, _ = two_tenants
    roles = connection.execute(
        text(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcanlogin, "
            "EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid) FROM pg_roles WHERE rolname = ANY(:names)"
        ),
        {"names": [db.APP_ROLE, db.SYSTEM_ROLE]},
    ).all()
    assert sorted(tuple(row) for row in roles) == [(db.APP_ROLE, False, False), (db.SYSTEM_ROLE, False, False)]


def test_ledger_and_audit_log_can_only_grow(two_tenants: tuple[Connection, int, int]) -> None:
    connection, _, _ = two_tenants
    for role in (db.APP_ROLE, db.SYSTEM_ROLE):
        for table in ("ledger_entries", "audit_log"):
            for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
                allowed = connection.execute(text(f"SELECT has_table_privilege('{role}', '{table}', '{privilege}')")).scalar_one()
                assert allowed is False, (role, table, privilege)


def test_reused_pool_connection_never_carries_a_tenant_over(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=QueuePool, pool_size=2, max_overflow=0)
    with engine.begin() as connection:
        tenants = [fill(connection), fill(connection)]
    for number in range(POOL_CHECKOUTS):
        with engine.connect() as connection:
            left = connection.execute(text("SELECT current_setting('payhub.tenant_id', true), current_user")).one()
            assert left[0] in (None, "")
            assert left[1] not in (db.APP_ROLE, db.SYSTEM_ROLE)
            connection.execute(text(f"SET LOCAL ROLE {db.APP_ROLE}"))
            assert connection.execute(text("SELECT count(*) FROM clients")).scalar_one() == 0
            connection.execute(text(f"SET LOCAL payhub.tenant_id = '{tenants[number % 2]}'"))
            seen = connection.execute(text("SELECT DISTINCT tenant_id FROM clients")).scalars().all()
            assert seen == [tenants[number % 2]]
    engine.dispose()


def test_session_that_fails_leaves_nothing_behind(database_url: str) -> None:
    db.configure(database_url)
    with pytest.raises(ZeroDivisionError), db.tenant_session(1):
        raise ZeroDivisionError
    with db.engine().connect() as connection:
        assert connection.execute(text("SELECT current_setting('payhub.tenant_id', true)")).scalar_one() in (None, "")
    assert db.in_transaction() is False


def test_migrations_go_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    migrate.downgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
        ).all()
    assert left == []
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.head()
    engine.dispose()


def test_models_and_migrations_describe_the_same_tables(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    with engine.connect() as connection:
        there = set(connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
    engine.dispose()
    assert {table.name for table in Base.metadata.sorted_tables} <= there
