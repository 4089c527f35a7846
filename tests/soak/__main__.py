"""`make soak [ONLY=R12]`: the reliability tests at full size, one or more rows each."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.bench.results import Row, report
from tests.soak import budgets, disconnects, read_lag, refreshes, signature_fuzz, tenants, vault_fuzz
from webhooks.registry import REGISTRATIONS

ATTACKS = "tests/security/test_connect_attacks.py"
TOKEN_CLOCK = "tests/hub/integrations/test_tokens.py"
VERSIONS = {"Stripe": "tests/providers/stripe/test_versions.py", "Square": "tests/providers/square/test_versions.py"}
PROCESSES = 2


def signatures() -> list[Row]:
    """R12, handler by handler on both cores."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        return [row for rows in pool.map(_fuzzed, REGISTRATIONS) for row in rows]


def _fuzzed(name: str) -> list[Row]:
    return signature_fuzz.measure(names=(name,))


def attacks() -> list[Row]:
    """R22: the attacks are few and each is tried; here they are counted."""
    tried, missed = _tests(ATTACKS)
    what = f"R22 attacks on the connect flow not refused and audited, of {tried}"
    return [Row(what, missed, "attacks", target=0, passed=missed == 0 and tried > 0)]


def token_clock() -> list[Row]:
    """R10: the clock of tests is set, so weeks are whole here already; here the cases are counted."""
    tried, missed = _tests(TOKEN_CLOCK)
    what = f"R10 cases of a token's life that went wrong, of {tried}"
    return [Row(what, missed, "cases", target=0, passed=missed == 0 and tried > 0)]


def versions() -> list[Row]:
    """R25: the documents of every version are few and all are read; here they are counted."""
    rows = []
    for provider, file in VERSIONS.items():
        tried, missed = _tests(file)
        what = f"R25 {provider}: cases in which a version is read differently, of {tried}"
        rows.append(Row(what, missed, "cases", target=0, passed=missed == 0 and tried > 0))
    return rows


def _tests(file: str) -> tuple[int, int]:
    """(how many tests there were, how many did not pass)."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.xml"
        pytest.main([file, "-q", "--no-header", f"--junitxml={told}", "-p", "no:cacheprovider"])
        suite = ElementTree.parse(told).getroot()[0]
    return int(suite.get("tests", "0")), int(suite.get("failures", "0")) + int(suite.get("errors", "0"))


ROWS: dict[str, Callable[[], list[Row]]] = {
    "R8": read_lag.measure,
    "R9": refreshes.measure,
    "R10": token_clock,
    "R12": signatures,
    "R14": budgets.measure,
    "R18": tenants.routes,
    "R19": tenants.checkouts,
    "R20": vault_fuzz.measure,
    "R22": attacks,
    "R25": versions,
    "R32": disconnects.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--only", choices=ROWS, help="one row")
    logging.getLogger().addHandler(logging.NullHandler())  # the mutants' errors are expected, and many
    chosen = parser.parse_args().only
    rows: list[Row] = []
    try:
        for name, measure in ROWS.items():
            if chosen in (None, name):
                rows += measure()
    finally:  # hours of the rows before must not be lost with one that breaks
        passed = report(rows, Path(".payhub/soak.json"), "make soak")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
