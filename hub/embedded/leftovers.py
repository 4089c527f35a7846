"""Homes under /var/tmp whose data folder somebody has deleted: root has its servers there, and nothing took them along."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import psutil

NOTE = "data-folder.json"
NOTE_LONGEST_BYTES = 10_000


def note_owner(home: Path, folder: Path) -> None:
    """Write into a home whose it is. After the folder names the home: a home with this note and no such folder is a leftover."""
    words = json.dumps({"folder": str(folder), "device": folder.stat().st_dev})
    (home / NOTE).write_text(words)


def sweep(homes: Path, *, prefix: str, uid: int) -> list[Path]:
    """Delete what is left of deleted data folders; what was deleted. `uid`: whose the homes are; the notes are this process's."""
    return [home for home in sorted(homes.glob(f"{prefix}*")) if _is_leftover(home, uid) and _deleted(home)]


def _is_leftover(home: Path, uid: int) -> bool:
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        return False
    try:
        owner = json.loads(_read(home / NOTE))
        folder, device = Path(owner["folder"]), int(owner["device"])
    except (OSError, ValueError, KeyError, TypeError):
        return False  # not ours, or of a version that kept no notes
    if _names(folder) == str(home):
        return False
    # A folder on a disk that is not mounted at this moment is missing too, but then its place lies on another device.
    return _nearest(folder).stat().st_dev == device and not _serves(home)


def _read(note: Path) -> str:
    """Anybody may put things into /var/tmp: only a plain file of this process's user counts."""
    descriptor = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > NOTE_LONGEST_BYTES:
            raise ValueError("no note of ours")
        return file.read()


def _names(folder: Path) -> str | None:
    """The home that a data folder has now."""
    try:
        return (folder / "home").read_text().strip()
    except OSError:
        return None


def _nearest(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _serves(home: Path) -> bool:
    """Whether a server still works there, on data that somebody deleted under it."""
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home):
                return True
        except (psutil.Error, OSError):
            continue
    return False


def _deleted(home: Path) -> bool:
    shutil.rmtree(home, ignore_errors=True)
    return not home.exists()
