"""What the fixtures promise: own, migrated databases, and no superuser to hide a leak."""

import psycopg
import pytest
import redis


@pytest.mark.postgres15
def test_a_workers_database_is_migrated_and_owned_by_no_superuser(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM integrations) FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, 0)


@pytest.mark.postgres15
def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_redis_database_keeps_what_it_is_given(empty_redis: redis.Redis) -> None:
    empty_redis.set("greeting", "hello")
    assert empty_redis.get("greeting") == b"hello"
