"""Faults that tests switch on over HTTP: which requests fail, how, and how often."""

import fnmatch
import itertools
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class FaultKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    """429 in the provider's shape; `reason` names the limit."""
    SERVER_ERROR = "server_error"
    """500 (or `status`) before anything happened."""
    SERVER_ERROR_AFTER = "server_error_after"
    """500 (or `status`) although the effect happened."""
    CONFLICT = "conflict"
    """409 before anything happened."""
    DROPPED = "dropped"
    """The effect happened, then the TCP connection is closed without an answer."""
    DROPPED_BEFORE = "dropped_before"
    """The connection is closed and nothing happened."""
    SLOW = "slow"
    """The effect happens, the proper answer comes after `seconds` of real time."""
    HTML_ERROR = "html_error"
    """502 (or `status`) with an HTML page, as a load balancer sends; nothing happened."""
    BROKEN_BODY = "broken_body"
    """The effect happened; the JSON of the answer is cut in half."""


@dataclass(slots=True, kw_only=True)
class FaultRule:
    kind: FaultKind
    method: str | None = None
    path: str = "*"
    """Glob over the request path: /v1/customers* ."""
    account: str | None = None
    times: int | None = 1
    """How many requests are hit; None: until deleted."""
    skip: int = 0
    """How many matching requests pass first."""
    seconds: float = 0.0
    reason: str | None = None
    status: int | None = None
    retry_after: int | None = None
    id: int = field(default=0)
    hits: int = 0

    def matches(self, method: str, path: str, account: str | None) -> bool:
        return (
            (self.method is None or self.method == method)
            and fnmatch.fnmatchcase(path, self.path)
            and (self.account is None or self.account == account)
        )


class Plan(Protocol):
    """Faults that are not listed one by one; see faultplan.py."""

    def take(self, method: str, path: str, account: str | None) -> FaultRule | None: ...


class Faults:
    """Listed rules first, then the plan by seed, if there is one."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._plan: Plan | None = None
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Add a rule from JSON. Raises ValueError or TypeError naming what is wrong."""
        if body.get("kind") not in set(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(FaultKind)}")
        known = {"kind", "method", "path", "account", "times", "skip", "seconds", "reason", "status", "retry_after"}
        if unknown := set(body) - known:
            raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        values = {name: value for name, value in body.items() if name != "kind"}
        rule = FaultRule(kind=FaultKind(body["kind"]), id=next(self._ids), **values)
        rule.method = rule.method.upper() if rule.method else None
        with self._lock:
            self._rules.append(rule)
        return asdict(rule)

    def remove(self, rule_id: int | None = None) -> None:
        """Remove one rule, or all of them and the plan."""
        with self._lock:
            if rule_id is None:
                self._plan = None
            self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]

    def rules(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    @property
    def plan(self) -> Plan | None:
        return self._plan

    def set_plan(self, plan: Plan | None) -> None:
        with self._lock:
            self._plan = plan

    def take(self, method: str, path: str, account: str | None) -> FaultRule | None:
        """The rule that hits this request, counted as used; None for a healthy answer. The oldest matching rule wins."""
        if not self._rules and self._plan is None:
            return None
        with self._lock:
            for rule in self._rules:
                if not rule.matches(method, path, account):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.hits += 1
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule
            return self._plan.take(method, path, account) if self._plan is not None else None
