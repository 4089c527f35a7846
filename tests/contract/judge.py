"""Judges what went between the hub and the twins by the providers' published schemas, with the contract checker.

The checker is a program of its own, no part of this project; PAYHUB_CONTRACT_CHECKER names its file. Its class `Contract` says
what is wrong with a request or an answer. It is not put on the wire, because a proxy changes what some tests are about: it
repeats or answers a request whose connection the twin drops. The twins write down what they received and sent instead.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

KNOWN_GAPS = Path(__file__).parent / "known_gaps.toml"
CHECKED_PATHS = {"stripe": ("/v1/",), "square": ("/v2/", "/oauth2/token", "/oauth2/revoke")}
"""Elsewhere (consent and pay pages, Stripe's /oauth/token) no provider publishes a schema."""
SPOILT_ANSWERS = frozenset(["dropped", "dropped_before", "broken_body", "html_error"])
"""Faults whose answer is broken on purpose; the request is judged all the same."""
PROBES = "probes"
"""A log named so holds what a twin's own tests asked, wrong on purpose at times: only its answers are judged."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What the checker found. `where` is the field's path, positions in lists left out; `message` quotes the wrong value."""

    provider: str
    side: str
    kind: str
    operation: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A known difference between an SDK or a provider's own behaviour and its published schema; each text is a glob."""

    provider: str
    side: str
    kind: str
    operation: str
    where: str
    message: str = "*"
    reason: str
    source: str

    def covers(self, violation: Violation) -> bool:
        names = ("provider", "side", "kind", "operation", "where", "message")
        return all(fnmatch.fnmatchcase(getattr(violation, name), getattr(self, name)) for name in names)


@dataclass(slots=True)
class Verdict:
    """What was looked at and what was found; sums of several workers can be added."""

    operations: Counter[str] = field(default_factory=Counter)
    violations: Counter[Violation] = field(default_factory=Counter)

    def add(self, other: Verdict) -> None:
        self.operations.update(other.operations)
        self.violations.update(other.violations)

    def unlisted(self, gaps: Sequence[Gap]) -> list[Violation]:
        return [violation for violation in self.violations if not any(gap.covers(violation) for gap in gaps)]

    def as_json(self) -> dict[str, Any]:
        found = [{**asdict(violation), "seen": seen} for violation, seen in self.violations.most_common()]
        return {"operations": dict(self.operations), "violations": found}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Verdict:
        names = tuple(Violation.__dataclass_fields__)
        found = {Violation(*(item[name] for name in names)): item["seen"] for item in document["violations"]}
        return cls(Counter(document["operations"]), Counter(found))


class Judge:
    """Raises FileNotFoundError or OSError if the checker or the schemas it names cannot be read."""

    def __init__(self, checker_file: Path) -> None:
        spec = importlib.util.spec_from_file_location("contract_checker", checker_file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(f"{checker_file} is no Python file; PAYHUB_CONTRACT_CHECKER must name the contract checker")
        self.checker: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.checker)
        self._documents = {"stripe": self.checker.STRIPE_SPEC, "square": self.checker.SQUARE_SPEC}
        self._contracts: dict[str, Any] = {}
        self._judged: dict[bytes, tuple[str, tuple[Violation, ...]]] = {}

    @property
    def schemas(self) -> Path:
        """The folder with the providers' schemas."""
        return Path(self._documents["stripe"]).resolve().parent

    def judge(self, folder: Path) -> Verdict:
        verdict = Verdict()
        for file in sorted(folder.glob("*.jsonl")):
            provider = next((name for name in CHECKED_PATHS if name in file.name), None)
            if provider is None:  # its schema is not published, or nobody gave it to the checker
                continue
            probes = file.name.startswith(PROBES)
            for line in file.read_bytes().splitlines():
                operation, violations = self._judge_once(provider, line, probes=probes)
                if operation:
                    verdict.operations[operation] += 1
                verdict.violations.update(violations)
        return verdict

    def _judge_once(self, provider: str, line: bytes, *, probes: bool) -> tuple[str, tuple[Violation, ...]]:
        exchange = orjson.loads(line)
        if not exchange["path"].startswith(CHECKED_PATHS[provider]):
            return "", ()
        if line not in self._judged:
            found = list(self._find(provider, exchange))
            counted = [item for item in found[1:] if not (probes and item.side == "request")]
            self._judged[line] = (found[0].operation, tuple(counted))
        return self._judged[line]

    def _find(self, provider: str, exchange: Mapping[str, Any]) -> Iterator[Violation]:
        """The first, without a kind, only names the operation."""
        contract = self._contract(provider)
        method, status = exchange["method"], exchange["status"]
        template, operation, problems = contract.check_request(
            method, exchange["path"], exchange["query"], exchange["content_type"], exchange["body"].encode()
        )
        name = f"{provider} {method} {template or exchange['path']}"
        yield Violation(provider, "request", "", name, "", "")
        for kind, where, message in problems:
            yield Violation(provider, "request", kind, name, without_positions(where), message)
        if operation is None or status is None or exchange["fault"] in SPOILT_ANSWERS:
            return
        answer = exchange["answer"].encode()
        for kind, where, message in contract.check_response(method, template, operation, status, exchange["answer_type"], answer):
            yield Violation(provider, "response", kind, name, without_positions(where), message)

    def _contract(self, provider: str) -> Any:
        if provider not in self._contracts:
            self._contracts[provider] = self.checker.Contract(self._documents[provider], provider)
        return self._contracts[provider]


def without_positions(where: str) -> str:
    """data[17].amount and data[3].amount are one finding: data.#.amount."""
    return re.sub(r"\[\d+\]", ".#", where)


def known_gaps() -> list[Gap]:
    document = tomllib.loads(KNOWN_GAPS.read_text())
    return [Gap(**gap) for gap in document.get("gap", [])]


def as_text(violations: Iterable[Violation], seen: Counter[Violation]) -> str:
    return "\n".join(
        f"  {seen[item]:6} x  {item.operation}: {item.side} {item.kind} at {item.where}: {item.message}" for item in violations
    )
