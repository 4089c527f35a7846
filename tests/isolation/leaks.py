"""What one tenant can see or touch of another, tried with plain SQL as the application's role."""

from __future__ import annotations

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from hub.db import APP_ROLE
from tests.isolation.every_table import tenant_column


def leaks(connection: Connection, table: Table, *, own: int, foreign: int) -> list[str]:
    """What should not have been possible, in words; empty when the table is tight. Leaves no trace."""
    column = tenant_column(table)
    found = []
    if _count(connection, table, f"{column} = {foreign}", tenant=own):
        found.append("foreign rows can be read")
    if _count(connection, table, "true", tenant=None):
        found.append("rows can be read without a tenant")
    if _count(connection, table, f"{column} = {foreign}", tenant=None, role=None):
        found.append("the login role reads past row-level security")
    if _touched(connection, f"UPDATE {table.name} SET {column} = {column} WHERE {column} = {foreign}", own):
        found.append("foreign rows can be updated")
    if _touched(connection, f"DELETE FROM {table.name} WHERE {column} = {foreign}", own):
        found.append("foreign rows can be deleted")
    if _touched(connection, f"UPDATE {table.name} SET {column} = {foreign} WHERE {column} = {own}", own):
        found.append("own rows can be given to another tenant")
    return found


def sees_own(connection: Connection, table: Table, *, own: int) -> bool:
    return _count(connection, table, f"{tenant_column(table)} = {own}", tenant=own) > 0


def _act_as(connection: Connection, tenant: int | None, role: str | None) -> None:
    if role is not None:
        connection.execute(text(f"SET LOCAL ROLE {role}"))
    if tenant is not None:
        connection.execute(text(f"SET LOCAL payhub.tenant_id = '{tenant}'"))


def _count(connection: Connection, table: Table, where: str, *, tenant: int | None, role: str | None = APP_ROLE) -> int:
    with connection.begin_nested() as savepoint:
        _act_as(connection, tenant, role)
        try:
            return connection.execute(text(f"SELECT count(*) FROM {table.name} WHERE {where}")).scalar_one()
        except DBAPIError as error:
            if "permission denied" not in str(error):
                raise
            return 0
        finally:
            savepoint.rollback()


def _touched(connection: Connection, statement: str, tenant: int) -> bool:
    with connection.begin_nested() as savepoint:
        _act_as(connection, tenant, APP_ROLE)
        try:
            return connection.execute(text(statement)).rowcount > 0
        except DBAPIError as error:
            reason = str(error)
            if any(word in reason for word in ("permission denied", "row-level security", "foreign key", "duplicate key")):
                return False
            raise
        finally:
            savepoint.rollback()
