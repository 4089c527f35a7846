"""Names that say nothing."""

import ast
import re

from tests.guards.source import modules

EMPTY_MODULE = re.compile(r"^(utils?|helpers?|managers?|misc|common|base_service)$")
EMPTY_CLASS = re.compile(r"(Manager|Helper|Processor|Data|Utils?)$")


def test_no_module_is_called_by_a_name_that_says_nothing() -> None:
    found = [str(m.path) for m in modules() if any(EMPTY_MODULE.match(part) for part in m.path.with_suffix("").parts)]
    assert found == []


def test_no_class_is_called_by_a_name_that_says_nothing() -> None:
    found = [
        f"{module.where(node)} {node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and EMPTY_CLASS.search(node.name)
    ]
    assert found == []


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    found = [str(m.path) for m in modules() if m.tree.body and ast.get_docstring(m.tree) is None]
    assert found == []
