"""`make bench`: what the hub costs, each figure beside a ceiling of the same run."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench import adapter_cost, backfill, full_sync
from tests.bench.results import report

if __name__ == "__main__":
    rows = [*adapter_cost.measure(), *backfill.measure(), *full_sync.measure()]
    sys.exit(0 if report(rows, Path(".payhub/bench.json"), "make bench") else 1)
