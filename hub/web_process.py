"""`python -m hub.web_process`: granian on a port that is this hub's alone, with a worker that never outlives its master."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from granian._granian import SocketHolder
from granian._internal import load_target
from granian.constants import Interfaces
from granian.log import LogLevels, logger
from granian.server.mp import MPServer

from hub import clock
from hub.listening import WAITING_CONNECTIONS, CannotListen, listen

APPLICATION = "wsgi:app_from_environment"
REQUESTS_PER_THREAD = 16  # waiting and worked on; further connections wait at the socket
MASTER_LOOKED_FOR_SECONDS = 0.5
STOP_SECONDS = 10


class WebServer(MPServer):
    """Granian over a socket that is bound already. Its own would share the port with whoever else asks (SO_REUSEPORT)."""

    def __init__(self, listening: socket.socket, target: str, *, threads: int) -> None:
        super().__init__(
            target,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            backpressure=threads * REQUESTS_PER_THREAD,
            websockets=False,
            log_level=LogLevels.warning,
            workers_kill_timeout=STOP_SECONDS,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        # As granian does where a system knows no SO_REUSEPORT; its types know only the other way.
        self._sso = self._listening
        self._shd = SocketHolder(self._listening.fileno(), False, WAITING_CONNECTIONS)  # type: ignore[assignment,call-arg]
        self._ssp = None


class Application:
    """What the worker's own process does first: end with its master, then load the application."""

    def __init__(self, target: str, master_pid: int) -> None:
        self._target = target
        self._master_pid = master_pid

    def __call__(self) -> Callable[..., Any]:
        # Inherited from the master are handlers that only note a signal: a worker told to stop while it loads would stay.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the master too, which tells us
        threading.Thread(target=self._end_with_master, name="master-watch", daemon=True).start()
        return load_target(self._target, factory=True)

    def _end_with_master(self) -> None:
        """A killed master tells nobody; its worker would answer on, on the port that the next hub wants."""
        while os.getppid() == self._master_pid:
            clock.sleep(MASTER_LOOKED_FOR_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        clock.sleep(STOP_SECONDS)
        os._exit(1)


class ThreadsAreMeant(logging.Filter):
    """Granian warns of more threads than twice the processors. Ours wait for the database, not for a processor."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Python threads" not in record.getMessage()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hub.web_process", description=__doc__)
    parser.add_argument("target", nargs="?", default=APPLICATION, help="MODULE:FACTORY of the application")
    parser.add_argument("--listening", type=int, metavar="DESCRIPTOR", help="an inherited listening socket, instead of a port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    try:
        inherited = options.listening
        listening = listen(options.host, options.port) if inherited is None else socket.socket(fileno=inherited)
    except CannotListen as refusal:
        sys.stderr.write(f"✗ {refusal}\n")
        return 2
    server = WebServer(listening, options.target, threads=options.threads)
    logger.addFilter(ThreadsAreMeant())
    server.serve(target_loader=Application(options.target, os.getpid()), wrap_loader=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
