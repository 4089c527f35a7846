"""Further databases on a server, embedded or not: empty ones, and copies of a prepared one."""

from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql


def create_database(server_url: str, name: str, *, template: str | None = None) -> str:
    """Make a database on the server of any database's URL and give its URL.

    A template is copied whole; nobody may be connected to it meanwhile."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with _connect(server_url) as connection:
        connection.execute(statement)
    return _url_of(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Drop a database if it exists, cutting off whoever is connected."""
    with _connect(server_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _url_of(server_url: str, name: str) -> str:
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{quote(name, safe='')}"))


def _connect(server_url: str) -> psycopg.Connection[tuple[object, ...]]:
    parts = urlsplit(_url_of(server_url, "postgres"))
    return psycopg.connect(urlunsplit(parts._replace(scheme="postgresql")), autocommit=True)
