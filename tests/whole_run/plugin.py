"""Every test run ends with a search: logs, captured output, tables, Redis, files and answers hold none of the secrets that the
tests planted, or the run fails. Each worker searches what it wrote itself; the controller tells what they found."""

from __future__ import annotations

import copy
import logging
from typing import Any

import orjson
import pytest

from hub.log import SecretFilter
from tests.whole_run.search import RUN, Search

FROM_WORKER = "whole_run_search"
SHOWN = 60
OURS = ("hub", "sync", "webhooks", "providers", "wsgi")


class LogLines(logging.Handler):
    """In-process code logs here as in production: at INFO, through the hub's filter; then the line is searched."""

    def __init__(self, search: Search) -> None:
        super().__init__()
        self.search = search
        self.addFilter(SecretFilter())

    def handle(self, record: logging.LogRecord) -> bool:
        return bool(super().handle(copy.copy(record)))  # the filter changes the record, and others get the same one

    def emit(self, record: logging.LogRecord) -> None:
        self.search.looked_at["log lines"] += 1
        with self.search.timed():
            told = f"{record.msg} {record.exc_text or ''} {record.stack_info or ''}"
            self.search.text(f"log line of {record.name}", told)


class SearchedRun:
    """Pytest hooks of the controller and of each worker."""

    def __init__(self, config: pytest.Config, search: Search = RUN) -> None:
        self.search = search
        self.is_controller = bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")
        self.lines = LogLines(search)

    def pytest_runtest_setup(self) -> None:
        """Before each test: a command that ran in this process has set up the log anew."""
        if self.lines in logging.getLogger().handlers:
            return
        logging.getLogger().addHandler(self.lines)
        for name in OURS:
            logging.getLogger(name).setLevel(logging.INFO)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.is_controller:
            return  # the worker has looked
        with self.search.timed():
            for title, content in report.sections:
                if title.startswith(("Captured stdout", "Captured stderr")):
                    self.search.looked_at["captured outputs"] += 1
                    self.search.text(f"{title} of {report.nodeid}", content)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        logging.getLogger().removeHandler(self.lines)
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[FROM_WORKER] = orjson.dumps(self.search.as_json()).decode()
        elif self.search.findings and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}
        if FROM_WORKER in output:
            self.search.add(orjson.loads(output[FROM_WORKER]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        search = self.search
        looked_at = ", ".join(f"{count} {what}" for what, count in sorted(search.looked_at.items()))
        if search.findings:
            terminalreporter.section("secrets that got out", red=True, bold=True)
            for finding, times in search.findings.most_common(SHOWN):
                terminalreporter.write_line(f"{finding} {search.examples[finding]}, {times} times")
            terminalreporter.write_line("What has its place there belongs into tests/whole_run/rightful.py, with its reason.")
        terminalreporter.write_line(
            f"Searched for secrets: {looked_at or 'nothing was written'}; {search.seconds:.1f} s; {len(search.findings)} found."
        )
