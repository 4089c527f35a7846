"""Faults that tests switch on over HTTP: which requests fail, how, and how often."""

import fnmatch
import itertools
import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any


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


PLANNED_KINDS = (
    FaultKind.RATE_LIMITED,
    FaultKind.SERVER_ERROR,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.DROPPED,
    FaultKind.DROPPED_BEFORE,
    FaultKind.HTML_ERROR,
    FaultKind.SLOW,
)


@dataclass(slots=True, kw_only=True)
class FaultPlan:
    """Faults by chance, the same for the same seed: the n-th matching request fails, or not, whatever came before it."""

    seed: int = 0
    share: float = 0.1
    """How many of the matching requests fail, 0 to 1."""
    kinds: tuple[FaultKind, ...] = PLANNED_KINDS
    reasons: tuple[str, ...] = ()
    """For rate_limited: one of these limits, where the provider names them."""
    method: str | None = None
    path: str = "/v[12]/*"
    account: str | None = None
    requests: int | None = None
    """How many matching requests the plan covers; None: all."""
    seconds: float = 0.2
    """How long a slow answer takes."""
    seen: int = 0

    def fault_of(self, number: int) -> FaultRule | None:
        """What happens to this matching request, counted from 0."""
        if self.requests is not None and number >= self.requests:
            return None
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311
        if chance.random() >= self.share:
            return None
        kind = chance.choice(self.kinds)
        reason = chance.choice(self.reasons) if self.reasons and kind is FaultKind.RATE_LIMITED else None
        return FaultRule(kind=kind, reason=reason, seconds=self.seconds, hits=1, times=0)


class Faults:
    def __init__(self) -> None:
        self._plan: FaultPlan | None = None
        self._rules: list[FaultRule] = []
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

    def set_plan(self, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Replace the plan, counting from 0; None ends it. Raises ValueError or TypeError naming what is wrong."""
        plan = None
        if body is not None:
            known = {item.name for item in fields(FaultPlan)} - {"seen"}
            if unknown := set(body) - known:
                raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
            values = dict(body)
            if bad := set(values.get("kinds", ())) - set(FaultKind):
                raise ValueError(f"unknown kind {', '.join(sorted(bad))}; kinds are {', '.join(FaultKind)}")
            values["kinds"] = tuple(FaultKind(kind) for kind in values.get("kinds") or PLANNED_KINDS)
            values["reasons"] = tuple(values.get("reasons") or ())
            values["method"] = str(values["method"]).upper() if values.get("method") else None
            plan = FaultPlan(**values)
        with self._lock:
            self._plan = plan
        return self.plan()

    def plan(self) -> dict[str, Any] | None:
        return asdict(self._plan) if self._plan else None

    def preview(self, count: int) -> list[dict[str, Any]]:
        """The faults among the next so many matching requests, each with its place, 0 being the next."""
        plan = self._plan
        found = [(number, plan.fault_of(plan.seen + number)) for number in range(count)] if plan else []
        return [{"in": number, "kind": rule.kind, "reason": rule.reason} for number, rule in found if rule]

    def rules(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

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
            return self._take_planned(method, path, account)

    def _take_planned(self, method: str, path: str, account: str | None) -> FaultRule | None:
        plan = self._plan
        if plan is None or not FaultRule(kind=FaultKind.SLOW, method=plan.method, path=plan.path, account=plan.account).matches(
            method, path, account
        ):
            return None
        plan.seen += 1
        return plan.fault_of(plan.seen - 1)
