"""The twins of Stripe and Square as a process of their own, and the settings by which a hub finds them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.demo.world import Twin

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 10


@contextmanager
def running_twins() -> Iterator[dict[str, Twin]]:
    command = [sys.executable, "-m", "providers.sandbox", "--stripe-port", "0", "--square-port", "0"]
    child = subprocess.Popen([*command, "--print-ready", "--with-parent"], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert child.stdout is not None
        yield {name: Twin(name, described) for name, described in json.loads(child.stdout.readline()).items()}
    finally:
        child.terminate()
        child.wait(STOP_SECONDS)


def twin_variables(twins: Mapping[str, Twin]) -> dict[str, str]:
    stripe, square = twins["stripe"].described, twins["square"].described
    return {
        "STRIPE_CLIENT_ID": stripe["client_id"],
        "STRIPE_SECRET_KEY": stripe["secret_key"],
        "STRIPE_PUBLISHABLE_KEY": stripe["publishable_key"],
        "STRIPE_API_BASE": stripe["api_base"],
        "STRIPE_CONNECT_BASE": stripe["connect_base"],
        "SQUARE_APPLICATION_ID": square["application_id"],
        "SQUARE_APPLICATION_SECRET": square["application_secret"],
        "SQUARE_ACCESS_TOKEN": square["access_token"],
        "SQUARE_BASE_URL": square["base_url"],
        "SQUARE_ENVIRONMENT": "sandbox",
    }
