"""One row per tenant in every table, made from the tables' own definitions, so that no new table can be forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, DateTime, LargeBinary, Table, insert, text
from sqlalchemy.dialects.postgresql import JSONB

from hub.db import SYSTEM_ROLE
from hub.models import Base

_numbers = count(1)
SPECIAL: dict[tuple[str, str], Any] = {
    ("memberships", "role"): "viewer",
    ("api_keys", "role"): "viewer",
    ("integrations", "status"): "active",
    ("invoices", "status"): "open",
    ("ledger_entries", "debit_account"): "receivable",
    ("ledger_entries", "credit_account"): "revenue",
}


def tenant_tables() -> list[Table]:
    """Every table that has a tenant, and the tenants themselves."""
    return [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c or table.name == "tenants"]


def tenant_column(table: Table) -> str:
    return "id" if table.name == "tenants" else "tenant_id"


def fill(connection: Connection) -> int:
    """A new tenant with one row in every table; its id. Runs as the system role, in the caller's transaction."""
    connection.execute(text(f"SET LOCAL ROLE {SYSTEM_ROLE}"))
    made: dict[str, dict[str, Any]] = {}
    for table in sorted(Base.metadata.sorted_tables, key=lambda table: table.name != "tenants"):
        values = {column.name: _value(table, column) for column in table.columns if _needed(column)}
        for constraint in table.foreign_key_constraints:
            for element in constraint.elements:
                target = made[element.column.table.name]
                if _needed(element.parent) or len(constraint.elements) > 1:
                    values[element.parent.name] = target[element.column.name]
        if "tenant_id" in table.c:
            values["tenant_id"] = made["tenants"]["id"]
        row = connection.execute(insert(table).values(values).returning(*table.columns)).mappings().one()
        made[table.name] = dict(row)
    connection.execute(text("RESET ROLE"))
    return int(made["tenants"]["id"])


def _needed(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None and column.identity is None


def _value(table: Table, column: Column[Any]) -> Any:
    if (table.name, column.name) in SPECIAL:
        return SPECIAL[(table.name, column.name)]
    number = next(_numbers)
    if "currency" in column.name:
        return "USD"
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, BigInteger):
        return number
    if isinstance(column.type, DateTime):
        return datetime.now(UTC)
    if isinstance(column.type, Date):
        return date(2026, 1, 1)
    if isinstance(column.type, LargeBinary):
        return number.to_bytes(8) + datetime.now(UTC).isoformat().encode()
    if isinstance(column.type, JSONB):
        return {}
    return f"text {number} {datetime.now(UTC).timestamp()}"
