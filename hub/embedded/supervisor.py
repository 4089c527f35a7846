"""A small process of its own session that stops the servers when the last process that uses them is gone, however it went."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from hub import clock
from hub.embedded import postgres, redis_server
from hub.embedded.locks import is_current, is_held, open_lock
from hub.embedded.place import find_place, remove_place

STARTING_LOCK = "starting.lock"
"""Held while servers are looked for and started."""
USERS_LOCK = "users.lock"
"""Shared by every process that uses the servers; whoever gets it alone is sure that nobody does."""
SUPERVISOR_LOCK = "supervisor.lock"
THROWAWAY_NOTE = "throwaway"


def ensure(folder: Path) -> None:
    """Start a supervisor unless one lives. The caller holds the starting lock and is a user."""
    if is_held(folder / SUPERVISOR_LOCK):
        return
    code = Path(__file__).resolve().parents[2]
    search_path = os.pathsep.join(filter(None, (str(code), os.environ.get("PYTHONPATH"))))
    with (folder / "supervisor.log").open("ab") as log:
        subprocess.run(  # noqa: S603
            # The shell puts it into the background and ends, so that it is no child of ours for anybody to wait for.
            ["/bin/sh", "-c", '"$@" &', "supervisor", sys.executable, "-m", "hub.embedded", "supervise", str(folder)],
            env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": search_path},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
        )


def supervise(folder: Path) -> None:
    """Wait until nobody uses the servers of `folder`, stop them, and delete them if they were throw-away.

    Killed itself, it is replaced by the next start; until then the last user stops the servers as it ends."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    supervising = _take_office(folder)
    if supervising is None:
        return
    alone = open_lock(folder / USERS_LOCK)
    assert alone is not None
    if is_current(alone, folder / USERS_LOCK):
        _stop(folder)
    # In this order: who waits to be a user must find no supervisor afterwards, and start a new one.
    os.close(supervising)
    os.close(alone)


def _take_office(folder: Path) -> int | None:
    """The supervisor's lock; None if another has it. Asked for several times: somebody may just be looking whether it is held."""
    for _ in range(10):
        held = open_lock(folder / SUPERVISOR_LOCK, wait=False)
        if held is not None:
            return held
        clock.sleep(0.05)
    return None


def end_use(folder: Path, using: int) -> None:
    """Give up a user's lock; the last user does the supervisor's work if no supervisor is there to do it."""
    # Asked while we still are a user: afterwards the folder may go at any moment.
    supervised = is_held(folder / SUPERVISOR_LOCK)
    # Closed, not unlocked: a forked child may still use the servers through its copy.
    os.close(using)
    if supervised:
        return
    with contextlib.suppress(FileNotFoundError):
        alone = open_lock(folder / USERS_LOCK, wait=False)
        if alone is not None:
            _stop(folder)
            os.close(alone)


def _stop(folder: Path) -> None:
    place = find_place(folder)
    if place is None:
        return
    redis_server.stop(place)
    postgres.stop(place)
    if (folder / THROWAWAY_NOTE).exists():
        remove_place(place)
