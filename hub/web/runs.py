"""How syncing stands, in words and as a share for a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.models import SyncRun
from hub.web import words, writing

SHOWN_RUNS = 8
FEW = 100  # a kind of unknown length: its share grows with each page and reaches the end only when it is finished


@dataclass(frozen=True, slots=True)
class Standing:
    """state: none (nothing asked for yet), waiting, running, completed, failed, canceled. percent: 0 to 100, an estimate
    while a listing goes on, since providers do not say how long it is. kinds: (name, so far, finished) each."""

    state: str
    percent: int
    message: str
    kinds: tuple[tuple[str, str, bool], ...] = ()

    @property
    def going_on(self) -> bool:
        return self.state in ("none", "waiting", "running")

    def shown(self) -> dict[str, Any]:
        kinds = [{"name": name, "done": done, "finished": finished} for name, done, finished in self.kinds]
        return {
            "state": self.state,
            "going_on": self.going_on,
            "percent": self.percent,
            "message": self.message,
            "kinds": kinds,
        }


def latest_runs(session: Session, integration_id: int) -> list[SyncRun]:
    """Newest first."""
    wanted = select(SyncRun).where(SyncRun.integration_id == integration_id)
    return list(session.scalars(wanted.order_by(SyncRun.id.desc()).limit(SHOWN_RUNS)))


def standing_of(session: Session, integration_id: int) -> Standing:
    return standing(latest_runs(session, integration_id))


def standing(runs: Sequence[SyncRun]) -> Standing:
    """Of the newest run; of the one that goes on, if there is one."""
    run = next((each for each in runs if each.done_at is None), runs[0] if runs else None)
    if run is None:
        return Standing("none", 0, "The first sync is being planned. It starts within a minute.")
    kinds = tuple(_kind(name, run.progress[name]) for name in words.in_order(run.progress))
    if run.done_at is not None:
        return _ended(run, kinds)
    share = sum(_share(at) for at in run.progress.values()) / len(run.progress) if run.progress else 0.0
    percent = min(99, int(share * 100))
    if run.reason and run.lease_until is None:
        return Standing("waiting", percent, run.reason, kinds)
    if run.started_at is None:
        return Standing("waiting", 0, "The sync has been asked for and starts in a moment.", kinds)
    finished = sum(1 for _, _, done in kinds if done)
    told = f"{finished} of {len(kinds)} kinds of records are complete." if kinds else "Looking for changes made meanwhile."
    return Standing("running", percent, f"Sync is going on. {told}", kinds)


def _ended(run: SyncRun, kinds: tuple[tuple[str, str, bool], ...]) -> Standing:
    outcome = run.outcome or "completed"
    if outcome == "completed":
        told = ", ".join(f"{done} {name}" for name, done, _ in kinds if done != "0")
        return Standing(
            "completed", 100, f"Sync is complete: looked at {told}." if told else "Sync is complete: nothing had changed.", kinds
        )
    if outcome == "canceled":
        return Standing("canceled", 0, run.reason or "The sync was canceled.", kinds)
    return Standing("failed", 0, run.reason or "The sync failed.", kinds)


def _kind(name: str, at: dict[str, Any]) -> tuple[str, str, bool]:
    done = int(at.get("done") or 0)
    return words.kind_of(done, name), writing.number(done), bool(at.get("finished"))


def _share(at: dict[str, Any]) -> float:
    if at.get("finished"):
        return 1.0
    done, expected = int(at.get("done") or 0), at.get("expected")
    return min(0.99, done / expected) if expected else 0.9 * done / (done + FEW)
