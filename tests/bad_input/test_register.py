"""The table of bad input names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tests.bad_input

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    tuple(part.strip() for part in line.strip("| ").split(" | "))
    for line in (tests.bad_input.__doc__ or "").splitlines()
    if "::" in line
]
SENTENCES = 25


def test_every_sentence_has_a_row() -> None:
    assert len(ROWS) == SENTENCES


@pytest.mark.parametrize(("sentence", "test_id"), ROWS, ids=[row[0] for row in ROWS])
def test_bad_input_has_its_named_test(sentence: str, test_id: str) -> None:
    file, name = test_id.split("::")
    functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}
    assert name in functions
