"""No float near money, and one reader of the clock."""

import ast
import re
from pathlib import Path

from tests.guards.source import dotted, modules

# Ours, and those of the two that stand for a provider, whose time is not ours.
CLOCKS = {Path("hub/clock.py"), Path("providers/sandbox/core/clock.py"), Path("providers/fake/world/world.py")}
TIME_READERS = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|sleep|gmtime|localtime|strftime|ctime))$"
)
SQL_NOW = re.compile(r"\b(now\(\)|current_timestamp|current_date|clock_timestamp\(\)|localtimestamp)", re.IGNORECASE)


def deals_with_money(path: Path) -> bool:
    parts = path.parts
    return (
        parts[:2] == ("providers", "records")
        or (parts[0] == "providers" and "mapping" in (path.stem, *parts) and "sandbox" not in parts)
        or parts[:2] in (("hub", "ledger"), ("hub", "crm"))
    )


def test_no_float_stands_near_money() -> None:
    found = [
        module.where(node)
        for module in modules()
        if deals_with_money(module.path)
        for node in set(ast.walk(module.tree)) - durations(module.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_path(node))
    ]
    assert found == []


def durations(tree: ast.Module) -> set[ast.AST]:
    """What belongs to a name that ends in `seconds`: a waiting time may have a fraction."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.AST() as part):
                named = [(name, part)]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=part, value=value):
                named = [(name, part), *([(name, value)] if value else [])]
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                named = [(name, value)]
            case _:
                continue
        for name, part in named:
            if name.lower().endswith("seconds"):
                found.update(ast.walk(part))
    return found


def is_path(node: ast.BinOp) -> bool:
    """`folder / "name"` joins paths; a division has no string beside it."""
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right))


def test_the_system_clock_is_read_in_its_homes_only() -> None:
    found = [
        f"{module.where(node)} {dotted(node)}"
        for module in modules()
        if module.path not in CLOCKS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and TIME_READERS.search(dotted(node))
    ]
    assert found == []


def test_nothing_takes_the_clocks_functions_by_name() -> None:
    taken = {"time.time", "time.sleep", "time.time_ns"}
    found = [m.where(node) for m in modules() if m.path not in CLOCKS for node, name in m.imports() if name in taken]
    assert found == []


def test_no_rule_asks_the_database_for_the_time() -> None:
    found = [
        module.where(node)
        for module in modules("hub", "sync", "webhooks")
        for node in module.strings()
        if SQL_NOW.search(str(node.value))
    ]
    found += [
        module.where(node)
        for module in modules("hub", "sync", "webhooks")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and dotted(node) in ("func.now", "func.current_timestamp", "sa.func.now")
    ]
    assert found == []
