"""Databases, Redis and the servers' logs, searched before they are gone."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import psycopg
import redis
from psycopg import sql

from hub import db, embedded
from tests.whole_run.search import RUN, Search
from tests.whole_run.shapes import FOR_POSTGRES

# Partitions are read through their parents. Who may read a table: the system's role passes row-level security by, and what it
# may not read (Alembic's version) has none.
_TABLES = """
SELECT c.relname, coalesce(has_table_privilege((SELECT oid FROM pg_roles WHERE rolname = %s), c.oid, 'SELECT'), false),
    array_agg(a.attname ORDER BY a.attnum), array_agg(a.atttypid = 'bytea'::regtype ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.oid, c.relname ORDER BY c.relname
"""


def search_database(database_url: str, search: Search = RUN) -> None:
    """Every row of every table, on the server; only the rows that hold something come over."""
    with search.timed(), psycopg.connect(database_url.replace("+psycopg", ""), connect_timeout=10) as connection:
        tables = connection.execute(_TABLES, (db.SYSTEM_ROLE,)).fetchall()
        search.looked_at["databases"] += 1
        search.looked_at["tables"] += len(tables)
        for by_system in (True, False):
            chosen = [table for table in tables if table[1] == by_system]
            if not chosen:
                continue
            if by_system:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(db.SYSTEM_ROLE)))
            else:
                connection.execute("RESET ROLE")
            rows = connection.execute(sql.SQL(" UNION ALL ").join(map(_rows_with_secrets, chosen)), {"pattern": FOR_POSTGRES})
            for table, columns in rows.fetchall():
                for column, value in columns.items():
                    search.text(f"table {table}.{column}", value or "")


def _rows_with_secrets(table: tuple[Any, ...]) -> sql.Composed:
    """(table, its columns as text) of the rows in which a column holds a secret. Bytes are read as the text they may be."""
    name, _, columns, are_bytes = table
    as_text = [
        sql.SQL("encode({}, 'escape')" if is_bytes else "{}::text").format(sql.Identifier("t", column))
        for column, is_bytes in zip(columns, are_bytes, strict=True)
    ]
    return sql.SQL(
        "SELECT {name}, jsonb_object(ARRAY[{names}]::text[], ARRAY[{texts}]) FROM {table} t"
        " WHERE concat_ws(' ', {texts}) ~ %(pattern)s"
    ).format(
        name=sql.Literal(name),
        names=sql.SQL(", ").join(map(sql.Literal, columns)),
        texts=sql.SQL(", ").join(as_text),
        table=sql.Identifier(name),
    )


def drop_searched_database(server_url: str, name: str, database_url: str) -> None:
    """What tests call in place of embedded.drop_database: nothing is dropped unsearched."""
    search_database(database_url)
    embedded.drop_database(server_url, name)


def search_redis(url: str, search: Search = RUN) -> None:
    """Every key and what it holds, RQ's compressed job payloads and errors as well."""
    with search.timed(), redis.Redis.from_url(url) as client:
        search.looked_at["Redis databases"] += 1
        for key in client.scan_iter(count=1000):
            search.looked_at["Redis keys"] += 1
            name = key.decode(errors="replace")
            search.text("Redis key", name)
            for value in _values(client, key):
                search.text(f"Redis {name.split(':')[0]}:{name.split(':')[1] if ':' in name else ''}", _plain(value))


def _values(client: Any, key: bytes) -> Iterator[bytes]:
    kind = client.type(key)
    if kind == b"string":
        yield client.get(key) or b""
    elif kind == b"hash":
        for name, value in client.hgetall(key).items():
            yield name + b" " + value
            yield value
    elif kind == b"list":
        yield from client.lrange(key, 0, -1)
    elif kind == b"set":
        yield from client.smembers(key)
    elif kind == b"zset":
        yield from client.zrange(key, 0, -1)
    elif kind == b"stream":
        for _, fields in client.xrange(key):
            for name, value in fields.items():
                yield name + b" " + value


def _plain(value: bytes) -> str:
    with contextlib.suppress(zlib.error):
        value = zlib.decompress(value)
    return value.decode(errors="replace")


def search_servers(servers: embedded.Servers, search: Search = RUN) -> None:
    """What the embedded servers of one data folder wrote into their logs."""
    with search.timed():
        for log in sorted(servers.place.home.glob("*.log")):
            search.file(log, shown_from=servers.place.home)


def search_own_servers(servers: embedded.Servers) -> None:
    """Servers that one test has for itself: the hub's database, Redis and the logs, before they go."""
    search_database(servers.database_url)
    search_redis(servers.redis_url)
    search_servers(servers)
