"""One commit, one line of migrations."""

import ast

from alembic.script import ScriptDirectory

from hub import migrate
from tests.guards.source import ROOT, modules


def test_only_the_database_module_commits() -> None:
    found = [
        module.where(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "autocommit") and str(module.path) not in ALLOWED
    ]
    assert found == []


# The embedded server's own bookkeeping (CREATE DATABASE) runs outside the hub's data and cannot run in a transaction.
ALLOWED = ("hub/db.py",)


def test_migrations_have_one_head_and_it_is_the_noted_one() -> None:
    heads = ScriptDirectory.from_config(migrate.config("")).get_heads()
    noted = (ROOT / "migrations" / ".head").read_text().strip()
    assert heads == [noted]
