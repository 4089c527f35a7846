"""A whole hub for the browser: web server and worker as processes of their own, the twins of Stripe and Square, and an
identity provider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from hub import process
from hub.config import Settings
from hub.demo.world import Twin
from hub.runner import serve_command
from tests.flows.twins import running_twins, twin_variables
from tests.hub.identity.issuer import CLIENT_ID, CLIENT_SECRET, Issuer

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Hub:
    base_url: str
    twins: Mapping[str, Twin]
    issuer: Issuer
    boot: Callable[[], object]
    """Turn this process to the hub's database: other tests of the worker turn it to theirs."""


@contextmanager
def running_hub(database_url: str, redis_url: str, folder: Path) -> Iterator[Hub]:
    """The hub over this database, and this process booted for the same, so that a test can look behind the pages."""
    with ExitStack() as stack:
        twins = stack.enter_context(running_twins())
        issuer = Issuer()
        stack.callback(issuer.stop)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        base_url = f"http://127.0.0.1:{port}"
        variables = {
            "PAYHUB_ENV": "test",
            "PAYHUB_DATA_DIR": str(folder),
            "PAYHUB_BASE_URL": base_url,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PAYHUB_OIDC_ISSUER": issuer.url,
            "PAYHUB_OIDC_CLIENT_ID": CLIENT_ID,
            "PAYHUB_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            **twin_variables(twins),
        }
        settings = Settings.from_env(variables)
        boot = partial(process.boot, settings, database_url=database_url, redis_url=redis_url, providers={}, pool_size=2)
        boot()
        stack.enter_context(_child([sys.executable, "-m", "wsgi", "worker"], variables, folder / "worker.log"))
        web = stack.enter_context(_child(serve_command("127.0.0.1", port, threads=6), variables, folder / "web.log"))
        _wait_until_ready(base_url, web, folder / "web.log")
        yield Hub(base_url, twins, issuer, boot)


@contextmanager
def _child(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, env={**os.environ, **variables}, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield child
    finally:
        _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_until_ready(base_url: str, web: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert web.poll() is None, f"the web process ended:\n{log.read_text()[-3000:]}"
        try:
            if httpx.get(f"{base_url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the hub was not ready within {READY_SECONDS} seconds:\n{log.read_text()[-3000:]}")
