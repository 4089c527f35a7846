"""What root's servers keep outside a data folder goes when somebody has deleted that, and never before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hub import embedded
from hub.embedded import leftovers

PREFIX = "payhub-"


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    return tmp_path / "homes"


def make(homes: Path, name: str) -> tuple[Path, Path]:
    """A data folder and its home, as a start makes them."""
    home, folder = homes / f"{PREFIX}{name}", homes.parent / f"data-{name}" / "embedded"
    for each in (home / "postgres", folder):
        each.mkdir(parents=True)
    (folder / "home").write_text(f"{home}\n")
    leftovers.note_owner(home, folder)
    return home, folder


def swept(homes: Path) -> list[Path]:
    return leftovers.sweep(homes, prefix=PREFIX, uid=os.geteuid())


def test_home_of_a_deleted_data_folder_is_deleted_and_a_living_ones_is_not(homes: Path) -> None:
    left, folder = make(homes, "left")
    used, _ = make(homes, "used")
    shutil.rmtree(folder.parent)
    assert swept(homes) == [left]
    assert not left.exists()
    assert (used / "postgres").exists()


def test_earlier_home_of_a_data_folder_that_was_made_anew_is_deleted(homes: Path) -> None:
    earlier, folder = make(homes, "earlier")
    shutil.rmtree(folder.parent)
    folder.mkdir(parents=True)
    (folder / "home").write_text(f"{homes / 'payhub-newer'}\n")
    assert swept(homes) == [earlier]


def test_home_whose_data_folder_may_lie_on_a_disk_that_is_not_mounted_is_kept(homes: Path) -> None:
    home, folder = make(homes, "elsewhere")
    (home / leftovers.NOTE).write_text(json.dumps({"folder": str(folder), "device": folder.stat().st_dev + 1}))
    shutil.rmtree(folder.parent)
    assert swept(homes) == []
    assert home.exists()


def test_home_in_which_a_server_works_is_kept_until_that_ends(homes: Path) -> None:
    home, folder = make(homes, "busy")
    shutil.rmtree(folder.parent)
    server = subprocess.Popen(["sleep", "600"], cwd=home / "postgres")
    try:
        assert swept(homes) == []
    finally:
        server.kill()
        server.wait()
    assert swept(homes) == [home]


@pytest.mark.parametrize("what", ["no note", "a link", "a pipe", "nonsense", "a list", "a home that is a link"])
def test_what_does_not_say_whose_it_is_is_left_alone(homes: Path, tmp_path: Path, what: str) -> None:
    home, folder = make(homes, "strange")
    shutil.rmtree(folder.parent)
    note = home / leftovers.NOTE
    words = note.read_text()
    note.unlink()
    if what == "a link":
        (tmp_path / "words").write_text(words)
        note.symlink_to(tmp_path / "words")
    elif what == "a pipe":
        os.mkfifo(note)
    elif what in ("nonsense", "a list"):
        note.write_text("{" if what == "nonsense" else "[]")
    elif what == "a home that is a link":
        note.write_text(words)
        home = home.rename(tmp_path / "real")
        (homes / f"{PREFIX}strange").symlink_to(home)
    assert swept(homes) == []
    assert (home / "postgres").exists()


def test_deleted_data_folder_leaves_nothing_behind_once_it_is_used_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    servers = embedded.ensure(data_dir, with_redis=False)
    earlier = servers.place.home
    servers.stop_postgres()
    servers.release()
    shutil.rmtree(data_dir)
    again = embedded.ensure(data_dir, with_redis=False, throwaway=True)
    assert again.place.home.exists()
    assert again.place.home == earlier or not earlier.exists()
    again.release()
