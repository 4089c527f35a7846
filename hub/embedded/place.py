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

from hub.embedded import leftovers
from hub.embedded.errors import EmbeddedServerError

SOCKET_PATH_MAX_BYTES = 103  # sun_path holds 108 bytes on Linux, 104 on macOS, with a closing zero
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
SAFE_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # goes unquoted into a URL, a list of folders and a shell line of pg_ctl
UNPRIVILEGED_USER = "nobody"  # initdb wants an account with a name; we add none to the machine
ROOT_HOMES = "/var/tmp"  # survives a restart, unlike /tmp  # noqa: S108
HOME_PREFIX = "payhub-"


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


def find_place(folder: Path) -> Place | None:
    """The place that was made for `folder`; None if there is none any more."""
    own, note = folder / "servers", folder / "home"
    if os.geteuid() != 0:
        sockets = _sockets_of(folder, own)
        return Place(folder, own, sockets, None, None) if own.is_dir() and sockets is not None else None
    if own.is_dir() and own.stat().st_uid != 0:  # made by an ordinary user before: serve it as that user
        home, sockets = own, _sockets_of(folder, own)
    elif note.exists():
        home = Path(note.read_text().strip())
        sockets = home / "run"
    else:
        return None
    if sockets is None or not sockets.is_dir() or home.is_symlink() or home.stat().st_uid == 0:
        return None
    return Place(folder, home, sockets, home.stat().st_uid, home.stat().st_gid)


def open_place(folder: Path) -> Place:
    """The place that was made for `folder`, or a new one. The caller holds the starting lock."""
    return find_place(folder) or (_make_for_root(folder) if os.geteuid() == 0 else _make_for_user(folder))


def remove_place(place: Place) -> None:
    """Delete everything: for throw-away servers that have stopped."""
    for path in (place.sockets, place.home, place.folder):
        shutil.rmtree(path, ignore_errors=True)


def _make_for_root(folder: Path) -> Place:
    """A folder outside: PostgreSQL refuses to run as root, and root's own folders are closed to others."""
    try:
        account = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        what = f"PostgreSQL does not run as root, and this machine has no user {UNPRIVILEGED_USER!r} to run it as"
        raise EmbeddedServerError(f"{what}. Start as an ordinary user, or set DATABASE_URL.") from None
    leftovers.sweep(Path(ROOT_HOMES), prefix=HOME_PREFIX, uid=account.pw_uid)
    home = Path(tempfile.mkdtemp(prefix=HOME_PREFIX, dir=ROOT_HOMES))
    place = Place(folder, home, home / "run", account.pw_uid, account.pw_gid)
    place.sockets.mkdir(mode=0o700)
    for made in (place.sockets, home):
        os.chown(made, account.pw_uid, account.pw_gid)
    (folder / "home").write_text(f"{home}\n")
    leftovers.note_owner(home, folder)
    return place


def _make_for_user(folder: Path) -> Place:
    home = folder / "servers"
    home.mkdir(mode=0o700, exist_ok=True)
    sockets = home / "run"
    if _suits_sockets(sockets):
        sockets.mkdir(mode=0o700, exist_ok=True)
    else:
        sockets = Path(tempfile.mkdtemp(prefix="payhub-", dir="/tmp"))  # TMPDIR is too long on macOS
        (folder / "sockets").write_text(f"{sockets}\n")
    return Place(folder, home, sockets, None, None)


def _sockets_of(folder: Path, home: Path) -> Path | None:
    """Where the sockets of an ordinary user's servers are; None if that folder is gone or not his."""
    sockets, note = home / "run", folder / "sockets"
    if not _suits_sockets(sockets):
        if not note.exists():
            return None
        sockets = Path(note.read_text().strip())
    if not sockets.is_dir() or sockets.is_symlink() or sockets.stat().st_uid != home.stat().st_uid:
        return None
    return sockets


def _suits_sockets(folder: Path) -> bool:
    fits = len(str(folder / LONGEST_SOCKET_NAME).encode()) <= SOCKET_PATH_MAX_BYTES
    return fits and SAFE_PATH.fullmatch(str(folder)) is not None
