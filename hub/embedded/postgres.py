"""One PostgreSQL cluster over a private socket: made, started, adopted, stopped."""

import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil
import psycopg

from hub import clock
from hub.embedded.errors import EmbeddedServerError
from hub.embedded.place import Place
from hub.embedded.programs import postgres_programs

SUPERUSER = "postgres"
OWNER = "payhub_owner"
"""Owns the databases and may create roles; no superuser, because superusers pass row-level security by."""
DATABASE = "payhub"
READY_WITHIN_SECONDS = 60
STOPPED_WITHIN_SECONDS = 30
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement may carry personal data; the error itself is logged without it.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum_naptime": "10min"}


def cluster_of(place: Place) -> Path:
    return place.home / "postgres"


def url(place: Place, database: str = DATABASE) -> str:
    return f"postgresql+psycopg://{OWNER}@/{database}?host={place.sockets}"


def ensure(place: Place, *, throwaway: bool) -> None:
    """Make the cluster if there is none, start it unless it runs, and see to its owner and database."""
    if not _adopted(place):
        programs = postgres_programs(place)
        cluster = cluster_of(place)
        if not cluster.exists():
            _make(place, programs, throwaway=throwaway)
        _check_version(cluster, programs, place)
        _start(place, programs)
    _see_to_owner(place)


def running_pid(place: Place) -> int | None:
    """The postmaster of this cluster if one lives. A process that merely inherited its number does not count."""
    cluster = cluster_of(place)
    try:
        process = psutil.Process(int((cluster / "postmaster.pid").read_text().split("\n", 1)[0]))
        # The postmaster works in its data folder; this tells it from any other program and any other cluster.
        ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == cluster.resolve()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process.pid if ours else None


def stop(place: Place) -> None:
    """Stop at once but cleanly: connections are cut, what is committed is written."""
    pid = running_pid(place)
    if pid is None:
        return
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # PostgreSQL's fast, its immediate shutdown, then force
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = clock.monotonic() + STOPPED_WITHIN_SECONDS
        while clock.monotonic() < deadline:
            if running_pid(place) != pid:
                return
            clock.sleep(0.02)


def _connect(place: Place) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(place.sockets), port=5432, user=SUPERUSER, dbname="postgres", connect_timeout=10, autocommit=True
    )


def _adopted(place: Place) -> bool:
    """Whether a postmaster runs and answers; one that is just starting or stopping is waited for."""
    deadline = clock.monotonic() + READY_WITHIN_SECONDS
    while running_pid(place) is not None:
        try:
            _connect(place).close()
            return True
        except psycopg.OperationalError as error:
            if clock.monotonic() > deadline:
                what = f"PostgreSQL runs as process {running_pid(place)} but does not answer ({str(error).strip()})"
                raise EmbeddedServerError(f"{what}. {_advice(place)}") from error
        clock.sleep(0.05)
    return False


def _make(place: Place, programs: Path, *, throwaway: bool) -> None:
    cluster = cluster_of(place)
    draft = cluster.with_name("postgres.new")  # renamed when complete: a killed start leaves no half cluster
    shutil.rmtree(draft, ignore_errors=True)
    command: list[str | Path] = [programs / "initdb", "--pgdata", draft, "--username", SUPERUSER, "--encoding", "UTF8"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    # Whoever passes the 0700 folder of the socket is this user or root; there is no other way in.
    command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    made = place.run([*command, "--no-sync"] if throwaway else command)
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedServerError(f"initdb could not make {cluster}: {made.stdout.strip()[-1000:]}")
    settings = SETTINGS | (THROWAWAY_SETTINGS if throwaway else {})
    with (draft / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    draft.rename(cluster)


def _check_version(cluster: Path, programs: Path, place: Place) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    version = place.run([programs / "postgres", "--version"]).stdout.split()[-1]
    if version.split(".")[0] != made_by:
        what = f"{cluster} was made by PostgreSQL {made_by}, and the installed wheel holds {version}"
        raise EmbeddedServerError(f"{what}. Install the older wheel and dump, or move that folder away to begin empty.")


def _start(place: Place, programs: Path) -> None:
    cluster = cluster_of(place)
    log = place.home / "postgres.log"
    deadline = clock.monotonic() + READY_WITHIN_SECONDS
    while True:
        # No postmaster lives, so these are left from a kill. If another process now has its number, PostgreSQL would not start.
        for stale in (cluster / "postmaster.pid", place.sockets / ".s.PGSQL.5432", place.sockets / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)
        said_before = log.stat().st_size if log.exists() else 0
        command: list[str | Path] = [programs / "pg_ctl", "start", "--silent", "--wait", f"--timeout={READY_WITHIN_SECONDS}"]
        command += [f"--pgdata={cluster}", f"--log={log}", "--options", f"-c unix_socket_directories={place.sockets}"]
        if place.run(command, timeout_seconds=READY_WITHIN_SECONDS + 30).returncode == 0:
            return
        with log.open("rb") as file:
            file.seek(said_before)
            said = file.read().decode(errors="replace").strip()
        # Backends of a killed postmaster need a moment to notice and go; they hold its shared memory until then.
        if "shared memory block" not in said or clock.monotonic() > deadline:
            raise EmbeddedServerError(f"PostgreSQL did not start: {said[-1000:]}. {_advice(place)}")
        clock.sleep(0.2)


def _see_to_owner(place: Place) -> None:
    with _connect(place) as connection:
        if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", [OWNER]):
            connection.execute(f"CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB CREATEROLE")
        if not _exists(connection, "SELECT FROM pg_database WHERE datname = %s", [DATABASE]):
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: str, values: Sequence[str]) -> bool:
    return connection.execute(query.encode(), values).fetchone() is not None


def _advice(place: Place) -> str:
    return f"Its log is {place.home / 'postgres.log'}; DATABASE_URL names another server to use instead."
