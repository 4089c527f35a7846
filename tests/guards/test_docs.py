"""The documents name what exists: links lead somewhere, paths and commands are real, every setting is listed."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import wsgi
from providers.registry import PUBLIC_NAMES
from tests.guards.source import ROOT

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md"), *(ROOT / "tests").rglob("*.md")]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
PATH = re.compile(r"`((?:hub|sync|webhooks|providers|migrations|tests|docs|deploy|\.ci)/[\w./*-]*)`")
COMMAND = re.compile(r"`?payhub ((?:[a-z]+ ?){1,2})")
OWNERS = ("PAYHUB", "TWILIO", "SENDGRID", "SMTP", "DATABASE", "REDIS", "SANDBOX", *(name.upper() for name in PUBLIC_NAMES))
VARIABLE = re.compile(rf"(?:{'|'.join(OWNERS)})_[A-Z0-9]+(?:_[A-Z0-9]+)*")
TEST = re.compile(r"`(test_\w+)`")
NO_VARIABLES = {
    "SQUARE_ACCOUNT",
    "SQUARE_CAPITAL_PAYMENT",
    "SQUARE_CAPITAL_REVERSED_PAYMENT",
    "SQUARE_GIFT_CARD",
    "SQUARE_PAYROLL_TRANSFER",
    "SQUARE_PAYROLL_TRANSFER_REVERSED",
    "SQUARE_POS",
}
"""Words of Square's API that look like a variable's name."""
EXAMPLES = {"SANDBOX_STRIPE_SECRET_KEY"}
FOLDERS = ("hub", "providers", "sync", "webhooks", "migrations", "tests")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    targets = [match[1] for match in LINK.finditer(document.read_text())]
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_path_in_a_document_exists(document: Path) -> None:
    named = {match[1] for match in PATH.finditer(document.read_text())}
    assert [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_payhub_command_in_a_document_exists(document: Path) -> None:
    text = re.sub(r"`payhub …`|payhub_\w+", "", document.read_text())
    code = [match[0] for match in re.finditer(r"```.*?```|`[^`\n]+`", text, re.DOTALL)]
    named = [match[1].split() for part in code for match in COMMAND.finditer(part)]
    assert [words for words in named if not known(wsgi.cli, words)] == []


def known(group: click.Command, words: list[str]) -> bool:
    """Whether the words name a command: the first one always, the second where the first is a group."""
    if not isinstance(group, click.Group) or not words:
        return True
    return words[0] in group.commands and known(group.commands[words[0]], words[1:])


def test_settings_page_lists_exactly_the_variables_that_are_read() -> None:
    listed = set(VARIABLE.findall((ROOT / "docs" / "settings.md").read_text())) - EXAMPLES
    assert listed == set(variables_in_code()) - NO_VARIABLES - EXAMPLES


def variables_in_code() -> Iterator[str]:
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                    yield node.value


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_test_named_in_a_document_exists(document: Path) -> None:
    named = set(TEST.findall(document.read_text()))
    assert sorted(named - existing_tests()) == []


@functools.cache
def existing_tests() -> frozenset[str]:
    files = list((ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE))


def test_every_decision_names_what_keeps_it() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [record.name[:4] for record in records]
    assert numbers == [f"{number:04}" for number in range(1, len(records) + 1)]
    assert [record.name for record in records if not re.search(r"\*\*(Checked|Kept) by\*\* .*`", record.read_text())] == []
