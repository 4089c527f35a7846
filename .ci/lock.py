"""Writes requirements.lock: every package of pyproject.toml, tools included, with all they need, at exact versions."""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [requirement for group in project["project"]["optional-dependencies"].values() for requirement in group]
    return [*project["project"]["dependencies"], *extras, *project["build-system"]["requires"]]


def resolve(requirements: list[str]) -> dict[str, str]:
    """Versions by normalised name that install together, newest first."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", str(report)]
        subprocess.run([*command, *requirements], check=True)  # noqa: S603
        installs = json.loads(report.read_text())["install"]
    return {normalised(item["metadata"]["name"]): item["metadata"]["version"] for item in installs}


def normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> None:
    # pip judges markers by this machine. So it sees none, and those of our own requirements are put back into the lock.
    markers = {}
    plain = []
    for requirement in wanted():
        text, _, marker = (part.strip() for part in requirement.partition(";"))
        plain.append(text)
        if marker:
            name = text
            for sign in "<>=!~[ ":
                name = name.split(sign)[0]
            markers[normalised(name)] = marker
    lines = ["# Made by `make lock` from pyproject.toml; do not edit."]
    for name, version in sorted(resolve(plain).items()):
        lines.append(f"{name}=={version}" + (f" ; {markers[name]}" if name in markers else ""))
    (ROOT / "requirements.lock").write_text("\n".join(lines) + "\n")


main()
