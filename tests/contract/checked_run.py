"""With PAYHUB_CONTRACT_CHECKER set, a whole test run is judged: every twin that the tests start writes its exchanges down, at the
end each worker judges its own, and the run fails on a violation that known_gaps.toml does not list."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from providers.sandbox.core.exchanges import Exchanges
from tests.contract.judge import PROBES, Judge, Verdict, as_text, known_gaps

CHECKER = "PAYHUB_CONTRACT_CHECKER"
SPECS = "PAYHUB_CONTRACT_SPECS"
REPORT = "PAYHUB_CONTRACT_REPORT"
"""Where the report goes; without it into contract-report.json under .payhub/."""
DEFAULT_REPORT = Path(__file__).resolve().parents[2] / ".payhub" / "contract-report.json"
FROM_WORKER = "contract_verdict"
SHOWN = 60


def checker_file() -> Path | None:
    named = os.environ.get(CHECKER)
    return Path(named).resolve() if named else None


def probe_exchanges(provider: str) -> Exchanges | None:
    """For a twin inside the test process whose tests send wrong requests on purpose; None where nothing is judged."""
    folder = os.environ.get("SANDBOX_EXCHANGES")
    return Exchanges(Path(folder), f"{PROBES}-{provider}") if folder else None


class CheckedRun:
    """Pytest hooks of the controller and of each worker."""

    def __init__(self, checker: Path) -> None:
        self.judge = Judge(checker)
        self.verdict = Verdict()
        self.gaps = known_gaps()
        self.report_file = Path(os.environ.get(REPORT) or DEFAULT_REPORT)
        self.folder = tempfile.TemporaryDirectory(prefix="payhub-exchanges-")
        os.environ["SANDBOX_EXCHANGES"] = self.folder.name
        os.environ.setdefault(SPECS, str(self.judge.schemas))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.verdict.add(self.judge.judge(Path(self.folder.name)))
        self.folder.cleanup()
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[FROM_WORKER] = orjson.dumps(self.verdict.as_json()).decode()
        elif self.unlisted() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}
        if FROM_WORKER in output:
            self.verdict.add(Verdict.from_json(orjson.loads(output[FROM_WORKER])))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        unlisted = self.unlisted()
        unseen = [gap for gap in self.gaps if not any(gap.covers(violation) for violation in self.verdict.violations)]
        document = {**self.verdict.as_json(), "unlisted": len(unlisted), "gaps_not_seen": [gap.reason for gap in unseen]}
        self.report_file.parent.mkdir(parents=True, exist_ok=True)
        self.report_file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        terminalreporter.section("contract checker")
        terminalreporter.write_line(
            f"{self.verdict.operations.total()} exchanges over {len(self.verdict.operations)} operations; "
            f"{len(self.verdict.violations) - len(unlisted)} kinds of listed gaps; {len(unlisted)} kinds of violations that are "
            f"not listed. Report: {self.report_file}"
        )
        if unlisted:
            terminalreporter.write_line(as_text(unlisted[:SHOWN], self.verdict.violations))
        for gap in unseen:
            terminalreporter.write_line(f"  not seen in this run: {gap.operation} {gap.where} ({gap.reason})")

    def unlisted(self) -> list[Any]:
        return self.verdict.unlisted(self.gaps)
