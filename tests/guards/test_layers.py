"""What import-linter cannot see: the composition root, and Flask's extensions."""

import fnmatch
import importlib.metadata

from providers.registry import FACTORIES
from tests.guards.source import PACKAGES, ROOT, modules

WEB_FRAMEWORK = ("flask", "apiflask", "werkzeug", "wtforms", "jinja2", "webargs")
WEB_HOMES = (
    *("*/api.py", "*/api/*.py", "webhooks/receive.py", "hub/web/*", "*/oauth.py", "hub/http.py", "hub/http/*"),
    "providers/sandbox/*",
)


def test_the_composition_root_is_imported_by_nothing() -> None:
    found = [m.where(node) for m in modules() for node, name in m.imports() if name.split(".")[0] == "wsgi"]
    assert found == []


def test_the_web_framework_and_its_extensions_stay_in_their_homes() -> None:
    found = [
        f"{module.where(node)} imports {name}"
        for module in modules()
        for node, name in module.imports()
        if name.split(".")[0].startswith(WEB_FRAMEWORK) and not any(fnmatch.fnmatch(str(module.path), home) for home in WEB_HOMES)
    ]
    assert found == []


def test_each_adapter_is_known_to_the_registry_and_its_webhook_handler_only() -> None:
    """import-linter names the adapters one by one; this holds for the next one as well."""
    found = [
        f"{module.where(node)} imports {imported}"
        for module in modules()
        for node, imported in module.imports()
        for name in FACTORIES
        if f"{imported}.".startswith(f"providers.{name}.")
        and not str(module.path).startswith((f"providers/{name}/", "providers/registry.py", f"webhooks/{name}.py"))
    ]
    assert found == []


def test_no_file_at_the_root_hides_an_installed_package() -> None:
    installed = set(importlib.metadata.packages_distributions()) - {*PACKAGES, "migrations", "wsgi", "tests"}
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/*.py")}
    assert ours & installed == set()
