"""Further databases on a server, embedded or not: empty ones, and copies of a prepared one."""

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url


def create_database(server_url: str, name: str, *, template: str | None = None) -> str:
    """Make a database on the server of any URL and give its URL.

    A template is copied whole; nobody may be connected to it meanwhile."""
    url = make_url(server_url)
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with _connect(url) as connection:
        connection.execute(statement)
    return url.set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, name: str) -> None:
    """Drop a database if it exists, cutting off whoever is connected."""
    with _connect(make_url(server_url)) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _connect(url: URL) -> psycopg.Connection[tuple[object, ...]]:
    anywhere = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    return psycopg.connect(anywhere, autocommit=True)
