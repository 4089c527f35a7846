"""One Redis server over a private socket: started, adopted, stopped. It keeps nothing on disk: it only wakes, work is rows."""

import contextlib
import os
import signal
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub import clock
from hub.embedded.errors import EmbeddedServerError
from hub.embedded.place import Place
from hub.embedded.programs import redis_program

READY_WITHIN_SECONDS = 20
STOPPED_WITHIN_SECONDS = 10
DATABASES = 64  # one per parallel test worker, with room


def socket_of(place: Place) -> Path:
    return place.sockets / "redis.sock"


def url(place: Place, database: int = 0) -> str:
    return f"unix://{socket_of(place)}?db={database}"


def ensure(place: Place) -> None:
    """Start Redis unless it answers already."""
    if _answers(place):
        return
    _stop_silent(place)
    for stale in (place.home / "redis.pid", socket_of(place)):
        stale.unlink(missing_ok=True)
    options: dict[str, str | Path] = {"port": "0", "unixsocket": socket_of(place), "unixsocketperm": "700"}
    options |= {"databases": str(DATABASES), "save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "dir": place.home}
    options |= {"daemonize": "yes", "pidfile": place.home / "redis.pid", "logfile": place.home / "redis.log"}
    command: list[str | Path] = [redis_program(place)]
    for name, value in options.items():
        command += [f"--{name}", value]
    started = place.run(command)
    deadline = clock.monotonic() + READY_WITHIN_SECONDS
    while started.returncode == 0 and clock.monotonic() < deadline:
        # It answers before it has written its number, by which a silent one is found.
        if _answers(place) and running_pid(place) is not None:
            return
        clock.sleep(0.02)
    said = started.stdout.strip()[-500:] or "it gave no reason"
    raise EmbeddedServerError(
        f"Redis did not start: {said}. Its log is {place.home / 'redis.log'}; REDIS_URL names another server."
    )


def running_pid(place: Place) -> int | None:
    """The server of this place if one lives; a process that merely inherited its number does not count."""
    try:
        process = psutil.Process(int((place.home / "redis.pid").read_text()))
        ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == place.home.resolve()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process.pid if ours else None


def stop(place: Place) -> None:
    with contextlib.suppress(redis.RedisError):
        _client(place).shutdown(nosave=True)
    _stop_silent(place)


def _client(place: Place) -> redis.Redis:
    # Without its own repeats, which wait for seconds while a server is simply not there yet.
    return redis.Redis(unix_socket_path=str(socket_of(place)), socket_timeout=5, retry=Retry(NoBackoff(), 0))


def _answers(place: Place) -> bool:
    try:
        return bool(_client(place).ping())
    except redis.RedisError:
        return False


def _stop_silent(place: Place) -> None:
    """End a server that lives but does not answer, or is still going."""
    pid = running_pid(place)
    if pid is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = clock.monotonic() + STOPPED_WITHIN_SECONDS
        while clock.monotonic() < deadline:
            if running_pid(place) != pid:
                return
            clock.sleep(0.02)
