"""PostgreSQL and Redis from wheels, shared by the processes that use them, stopped with the last one."""

import atexit
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from hub.embedded import postgres, redis_server, supervisor
from hub.embedded.databases import create_database, drop_database
from hub.embedded.errors import EmbeddedServerError
from hub.embedded.locks import is_current, open_lock
from hub.embedded.place import Place, open_place

__all__ = ["EmbeddedServerError", "Servers", "create_database", "drop_database", "ensure"]

_leases: dict[Path, int] = {}
_leases_guard = threading.RLock()


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of one data folder, in use by this process until it ends or calls release()."""

    place: Place

    @property
    def database_url(self) -> str:
        """The hub's database, as its owner: no superuser, may create roles and databases."""
        return postgres.url(self.place)

    @property
    def redis_url(self) -> str:
        return redis_server.url(self.place)

    def database_url_of(self, database: str) -> str:
        return postgres.url(self.place, database)

    def redis_url_of(self, number: int) -> str:
        """One of Redis's numbered databases, 0 to 63."""
        return redis_server.url(self.place, number)

    @property
    def postgres_pid(self) -> int | None:
        """None: it does not run."""
        return postgres.running_pid(self.place)

    @property
    def redis_pid(self) -> int | None:
        return redis_server.running_pid(self.place)

    def stop_postgres(self) -> None:
        """Stop it under its users, as a failure would; ensure() starts it again. For tests."""
        postgres.stop(self.place)

    def stop_redis(self) -> None:
        """As stop_postgres."""
        redis_server.stop(self.place)

    def release(self) -> None:
        """Stop using the servers now instead of at this process's end."""
        _release(self.place.folder)


def ensure(data_dir: Path, *, with_postgres: bool = True, with_redis: bool = True, throwaway: bool = False) -> Servers:
    """See to it that the wanted servers of `data_dir` run, and use them for as long as this process lives.

    Running ones are shared, also those that a killed process left. A program started by this one, other than a fork, must
    call ensure() itself. `throwaway` trades durability for speed and deletes everything with the last user; it counts where the
    servers are first made. Raises EmbeddedServerError."""
    folder = data_dir.expanduser().absolute() / "embedded"
    with _leases_guard:
        starting = _become_user(folder)
        try:
            place = open_place(folder)
            if throwaway and not postgres.cluster_of(place).exists():
                (folder / supervisor.THROWAWAY_NOTE).touch()
            supervisor.ensure(folder)
            if with_postgres:
                postgres.ensure(place, throwaway=(folder / supervisor.THROWAWAY_NOTE).exists())
            if with_redis:
                redis_server.ensure(place)
        except PermissionError as error:
            raise EmbeddedServerError(_belongs_to_another(folder)) from error
        finally:
            os.close(starting)
    return Servers(place)


def _become_user(folder: Path) -> int:
    """Take part in the users' lock and give the descriptor of the starting lock, held; waits while servers are being stopped."""
    try:
        while True:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            starting = open_lock(folder / supervisor.STARTING_LOCK)
            assert starting is not None
            if folder not in _leases:
                using = open_lock(folder / supervisor.USERS_LOCK, shared=True)
                assert using is not None
                _leases[folder] = using
            if is_current(starting, folder / supervisor.STARTING_LOCK) and is_current(
                _leases[folder], folder / supervisor.USERS_LOCK
            ):
                return starting
            os.close(_leases.pop(folder))
            os.close(starting)
    except PermissionError as error:
        raise EmbeddedServerError(_belongs_to_another(folder)) from error


def _belongs_to_another(folder: Path) -> str:
    what = f"{folder} belongs to another user, or lies where this user may not write"
    return f"{what}. Set PAYHUB_DATA_DIR to a folder of your own, or delete that one."


def _release(folder: Path) -> None:
    with _leases_guard:
        lease = _leases.pop(folder, None)
        if lease is not None:
            supervisor.end_use(folder, lease)


@atexit.register
def _release_all() -> None:
    for folder in list(_leases):
        _release(folder)
