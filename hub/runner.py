"""The processes that `up` and `demo` start: together, and gone together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from hub import clock

STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Loaded here: after a fork only what is loaded already may be called.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """In a child before its program starts: be asked to stop when the parent is gone, however it went. Linux only."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def serve_command(
    host: str = "127.0.0.1", port: int = 8000, threads: int = 8, *, listening: socket.socket | None = None
) -> list[str]:
    """The command line of the web process. `listening`: a socket that it is to be given (Runner), else it takes host and port."""
    where = ["--listening", str(listening.fileno())] if listening is not None else ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "hub.web_process", "wsgi:app_from_environment", *where, "--threads", str(threads)]


class Runner:
    """Child processes in their own sessions, so that Ctrl-C reaches us first and we stop them in order."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def replace(self, command: Sequence[str], *, listening: socket.socket | None = None) -> None:
        """Become the command: for a process that is just one thing. It keeps the socket."""
        if listening is not None:
            listening.set_inheritable(True)
        os.execve(command[0], list(command), self._environment)  # noqa: S606

    def start(
        self, name: str, command: Sequence[str], *, log_path: str | None = None, listening: socket.socket | None = None
    ) -> subprocess.Popen[bytes]:
        """`listening`: a socket that the child is given under its own number, see serve_command."""
        output = open(log_path, "ab") if log_path else None  # noqa: SIM115
        child = subprocess.Popen(  # noqa: S603
            list(command),
            env=self._environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
            pass_fds=() if listening is None else (listening.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        if output:
            output.close()
        self._children[name] = child
        return child

    def died(self) -> str | None:
        """The name of a child that ended by itself; None while all live."""
        return next((name for name, child in self._children.items() if child.poll() is not None), None)

    def wait(self) -> int:
        """Until Ctrl-C, SIGTERM or a child's end; then stop all. 0 when we were asked to stop."""

        def stop(signal_number: int, frame: FrameType | None) -> None:
            self._stopping = True

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        dead = None
        while not self._stopping and dead is None:
            clock.sleep(0.2)
            dead = self.died()
        self.stop()
        return 0 if dead is None else 1

    def stop(self) -> None:
        """Ask all to stop, last started first; kill what does not within ten seconds, and whatever a killed child has left."""
        children = list(reversed(self._children.values()))
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        until = clock.monotonic() + STOP_SECONDS
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, until - clock.monotonic()))
            # Its group is its own session: the web process has a worker process, which may live on when its master is gone.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
