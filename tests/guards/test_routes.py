"""Every route says who may call it, and every kind of work has its handler."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from hub import process
from hub.config import Settings
from hub.http.access import access_of

SERVED_BY_FLASK = {"static", "bootstrap.static"}


@pytest.fixture(scope="module")
def root() -> ModuleType:
    """The composition root, imported late: broken, it fails these tests and not the collection of all others."""
    return importlib.import_module("wsgi")


def test_every_route_declares_who_may_call_it(root: ModuleType, database_url: str, tmp_path: Path) -> None:
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path)})
    process.boot(settings, database_url=database_url, redis_url=None, providers={})
    app = root.create_app()
    views = {endpoint: view for endpoint, view in app.view_functions.items() if endpoint not in SERVED_BY_FLASK}
    assert len(views) > 10
    assert [endpoint for endpoint, view in views.items() if access_of(view) is None] == []


def test_every_kind_of_work_has_a_handler_for_a_tenant_and_a_row(root: ModuleType) -> None:
    assert root.HANDLERS
    for name, handler in root.HANDLERS.items():
        required = [p for p in inspect.signature(handler).parameters.values() if p.default is p.empty]
        assert len(required) <= 2, f"{name} takes more than a tenant and a row"
    assert set(root.BULK_HANDLERS) <= set(root.HANDLERS)
