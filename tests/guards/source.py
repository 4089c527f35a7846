"""The project's own code as syntax trees."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hub", "providers", "sync", "webhooks")


@dataclass(frozen=True)
class Module:
    path: Path
    """Relative to the root, such as hub/clock.py."""
    tree: ast.Module

    @property
    def name(self) -> str:
        return ".".join(self.path.with_suffix("").parts)

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Every imported module by its full dotted name, and `module.name` for each name taken from one."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node, node.module
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)

    def strings(self) -> Iterator[ast.Constant]:
        """String literals that are no docstrings and do not stand alone."""
        idle = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in idle:
                yield node


@functools.cache
def modules(*packages: str) -> tuple[Module, ...]:
    """All modules of the named packages (default: the four), the twins' included."""
    paths = sorted(path for package in packages or PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(Module(path.relative_to(ROOT), ast.parse(path.read_text(), str(path))) for path in paths)


def dotted(node: ast.AST) -> str:
    """`datetime.now` for the expression datetime.now; an empty string for what is no dotted name."""
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return node.id if isinstance(node, ast.Name) else ""
