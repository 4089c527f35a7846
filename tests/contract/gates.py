"""Gates that watch, close, or set a fault exactly before the n-th request of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.contract.faults import Fault
from tests.contract.harness import Harness


@dataclass(slots=True)
class Passage:
    method: str
    path_template: str
    status: int | None
    headers: Mapping[str, str]


@dataclass(slots=True)
class WatchingGate:
    begun: int = 0
    passed: list[Passage] = field(default_factory=list)

    def before(self, method: str, path_template: str) -> None:
        self.begun += 1

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        assert seconds >= 0
        self.passed.append(Passage(method, path_template, status, headers))


@dataclass(slots=True)
class ClosedGate:
    """Lets nothing out: raises `refusal` before each request."""

    refusal: Exception

    def before(self, method: str, path_template: str) -> None:
        raise self.refusal

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        raise AssertionError("nothing was let out")


@dataclass(slots=True)
class FaultyGate:
    """The `nth` request through this gate (1 is the first) meets the fault."""

    harness: Harness
    fault: Fault
    nth: int
    begun: int = 0

    def before(self, method: str, path_template: str) -> None:
        self.begun += 1
        if self.begun == self.nth:
            self.harness.fail_next(self.fault)

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        return

    @property
    def struck(self) -> bool:
        return self.begun >= self.nth
