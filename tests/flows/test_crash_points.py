"""A process killed at any commit, wake or provider request of a flow, and started again: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole_run.outputs import searched_output

ROOT = Path(__file__).resolve().parents[2]
FEWEST_BOUNDARIES = {"webhook": 10, "push": 10}


@pytest.mark.parametrize("flow", FEWEST_BOUNDARIES)
def test_flow_killed_at_every_boundary_and_run_again_loses_and_doubles_nothing(
    flow: str, fresh_database_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.flows.crash_points", flow, fresh_database_url, str(tmp_path)]
    done = searched_output(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False))
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["wrong"] == []
    assert seen["boundaries"] >= FEWEST_BOUNDARIES[flow]
