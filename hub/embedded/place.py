"""Where embedded servers live and as whom they run."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.embedded.errors import EmbeddedServerError

SOCKET_PATH_MAX_BYTES = 103  # sun_path holds 108 bytes on Linux, 104 on macOS, with a closing zero
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
SAFE_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # goes unquoted into a URL, a list of folders and a shell line of pg_ctl
UNPRIVILEGED_USER = "nobody"  # initdb wants an account with a name; we add none to the machine
ROOT_HOMES = "/var/tmp"  # survives a restart, unlike /tmp  # noqa: S108


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one pair of servers."""

    folder: Path
    """In the data folder: locks, and notes on where the rest is."""
    home: Path
    """What the servers own: data, logs, copies of their programs."""
    sockets: Path
    uid: int | None
    """The user that the servers run as; None: the user of this process."""
    gid: int | None

    def run(self, command: Sequence[str | Path], *, timeout_seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program as the servers' user; its output is returned, its exit status not judged.

        Output goes through a file: a server that the program leaves behind would keep a pipe open for ever."""
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603
                [str(part) for part in command],
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=0o077,
                cwd=self.home,
                env={"PATH": os.defpath, "HOME": str(self.home), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                timeout=timeout_seconds,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")

    def give(self, path: Path) -> None:
        """Make the servers' user the owner of a file or folder that we wrote."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def open_place(folder: Path) -> Place:
    """The place noted in `folder`, or a new one. The caller holds the starting lock."""
    if os.geteuid() != 0:
        home = folder / "servers"
        home.mkdir(mode=0o700, exist_ok=True)
        return Place(folder, home, _sockets(folder, home), None, None)
    home = _home_for_root(folder)
    owner = home.stat()
    place = Place(folder, home, home / "run", owner.st_uid, owner.st_gid)
    if not place.sockets.exists():
        place.sockets.mkdir(mode=0o700)
        place.give(place.sockets)
    return place


def remove_place(place: Place) -> None:
    """Delete everything: for throw-away servers that have stopped."""
    for path in (place.sockets, place.home, place.folder):
        shutil.rmtree(path, ignore_errors=True)


def _home_for_root(folder: Path) -> Path:
    """A folder outside: PostgreSQL refuses to run as root, and root's own folders are closed to others."""
    own = folder / "servers"
    if own.exists() and own.stat().st_uid != 0 and SAFE_PATH.fullmatch(str(own)) and _fits(own / "run"):
        return own  # made by an ordinary user before: serve it as that user
    note = folder / "home"
    if note.exists():
        home = Path(note.read_text().strip())
        if home.is_dir() and not home.is_symlink() and home.stat().st_uid != 0:
            return home
    try:
        account = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        what = f"PostgreSQL does not run as root, and this machine has no user {UNPRIVILEGED_USER!r} to run it as"
        raise EmbeddedServerError(f"{what}. Start as an ordinary user, or set DATABASE_URL.") from None
    home = Path(tempfile.mkdtemp(prefix="payhub-", dir=ROOT_HOMES))
    os.chown(home, account.pw_uid, account.pw_gid)
    note.write_text(f"{home}\n")
    return home


def _sockets(folder: Path, home: Path) -> Path:
    sockets = home / "run"
    if SAFE_PATH.fullmatch(str(sockets)) and _fits(sockets):
        sockets.mkdir(mode=0o700, exist_ok=True)
        return sockets
    note = folder / "sockets"
    if note.exists():
        sockets = Path(note.read_text().strip())
        if sockets.is_dir() and not sockets.is_symlink() and sockets.stat().st_uid == os.geteuid():
            return sockets
    sockets = Path(tempfile.mkdtemp(prefix="payhub-", dir="/tmp"))  # TMPDIR is too long on macOS
    note.write_text(f"{sockets}\n")
    return sockets


def _fits(sockets: Path) -> bool:
    return len(str(sockets / LONGEST_SOCKET_NAME).encode()) <= SOCKET_PATH_MAX_BYTES
