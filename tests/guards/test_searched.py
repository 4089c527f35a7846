"""No test gets round the search of the whole run: what it drops is searched first, what its hub answers is looked at."""

import ast

from tests.guards.source import dotted, modules

SEARCHES_ITSELF = "tests/whole_run/stores.py"
OUTSIDE = (
    "tests/flows/fake_hub.py",  # a process of its own; the client that asks it searches what it answers
    "tests/flows/crash_points.py",  # the same: what it printed is searched
    "tests/guards/test_routes.py",  # reads the routes, asks nothing
)


def test_databases_of_tests_are_searched_before_they_are_dropped() -> None:
    calls = [
        module.where(node)
        for module in modules("tests")
        if module.path.as_posix() != SEARCHES_ITSELF
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func).endswith("drop_database")
    ]
    assert calls == []


def test_answers_of_every_application_that_a_test_makes_are_searched() -> None:
    bare = []
    for module in modules("tests"):
        if module.path.as_posix() in OUTSIDE:
            continue
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        wrapped = {id(argument) for call in calls if dotted(call.func).endswith("searched") for argument in call.args}
        made = [call for call in calls if dotted(call.func).endswith("create_app")]
        bare += [module.where(call) for call in made if id(call) not in wrapped]
    assert bare == []


def test_what_commands_print_is_searched() -> None:
    """In this process; a test that starts a command as a process of its own calls searched_output."""
    bare = [
        module.where(node)
        for module in modules("tests")
        if module.path.as_posix() != "tests/whole_run/outputs.py"
        for node, name in module.imports()
        if name == "click.testing.CliRunner"
    ]
    assert bare == []
