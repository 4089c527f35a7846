"""Migrations run up, down to nothing and up again, on the embedded PostgreSQL and on Debian's."""

import psycopg
import pytest

from hub import migrate


def tables_of(url: str) -> set[str]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {str(name) for (name,) in rows}


@pytest.mark.postgres15
def test_an_empty_database_goes_up_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    made = tables_of(empty_database_url)
    assert {"integrations", "webhooks", "integration_data", "clients", "invoices", "payments", "webhook_events"} <= made
    assert migrate.current(empty_database_url) == migrate.head()
    migrate.downgrade(empty_database_url)
    assert tables_of(empty_database_url) <= {"alembic_version"}
    assert migrate.current(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    assert tables_of(empty_database_url) == made


@pytest.mark.postgres15
def test_every_table_with_a_tenant_forces_row_level_security(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        open_tables = connection.execute(
            """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
               WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
                 AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"""
        ).fetchall()
    assert open_tables == []
