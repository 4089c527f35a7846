"""Faults by seed: a share of all requests fails, and the same seed makes the same requests of a run fail in the same way."""

import fnmatch
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from providers.sandbox.core.faults import FaultKind, FaultRule

DEFAULT_KINDS = tuple(kind for kind in FaultKind if kind not in (FaultKind.SLOW, FaultKind.BROKEN_BODY))
RETRY_AFTER_SECONDS = 1


@dataclass(slots=True, kw_only=True)
class FaultPlan:
    """What happens to the n-th request that matches depends on seed and n alone, not on time or on earlier answers."""

    seed: int
    share: float = 0.1
    """Of the matching requests, 0 to 1."""
    kinds: list[FaultKind] = field(default_factory=lambda: list(DEFAULT_KINDS))
    method: str | None = None
    path: str = "*"
    """Glob over the request path."""
    account: str | None = None
    most: int | None = None
    """How many faults at most; None: until the plan is deleted."""
    seconds: float = 0.5
    """Real time that a slow answer takes."""
    asked: int = 0
    hits: int = 0

    def take(self, method: str, path: str, account: str | None) -> FaultRule | None:
        """The fault of this request, None for a healthy answer. The caller holds the lock of the faults."""
        if self.most is not None and self.hits >= self.most:
            return None
        if self.method not in (None, method) or self.account not in (None, account) or not fnmatch.fnmatchcase(path, self.path):
            return None
        rule = self.decide(self.asked)
        self.asked += 1
        self.hits += rule is not None
        return rule

    def decide(self, number: int) -> FaultRule | None:
        """What the seed has for the matching request of this number, counted from 0."""
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311
        if chance.random() >= self.share:
            return None
        kind = chance.choice(self.kinds)
        told = kind is FaultKind.RATE_LIMITED and chance.random() < 0.5
        return FaultRule(kind=kind, seconds=self.seconds, retry_after=RETRY_AFTER_SECONDS if told else None)

    def as_json(self, preview: int = 0) -> dict[str, Any]:
        """preview: how many requests from the first on to foretell, as kind or None."""
        shown = asdict(self)
        if preview:
            shown["preview"] = [rule.kind if (rule := self.decide(number)) else None for number in range(preview)]
        return shown


def plan_from(body: Mapping[str, Any]) -> FaultPlan:
    """From JSON. Raises ValueError or TypeError naming what is wrong."""
    known = ("seed", "share", "kinds", "method", "path", "account", "most", "seconds")
    if unknown := set(body) - set(known):
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if not isinstance(body.get("seed"), int):
        raise ValueError("give a seed, an integer: the same seed makes the same faults")
    values = dict(body)
    if "kinds" in values:
        if wrong := [kind for kind in values["kinds"] if kind not in set(FaultKind)]:
            raise ValueError(f"unknown kind {wrong[0]}; kinds are {', '.join(FaultKind)}")
        values["kinds"] = [FaultKind(kind) for kind in values["kinds"]]
    plan = FaultPlan(**values)
    if not isinstance(plan.share, int | float) or not 0 <= plan.share <= 1:
        raise ValueError("share must be from 0 to 1")
    if not plan.kinds:
        raise ValueError("kinds must name at least one kind")
    plan.method = plan.method.upper() if plan.method else None
    return plan
