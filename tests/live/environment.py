"""Which variables open the sandboxes, what is missing of them, and what is refused: anything of production."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

MARK = "live"
# Names of their own: a developer's STRIPE_ and SQUARE_ variables are for the hub, and no test may see them (tests/conftest.py).
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "stripe": {
        "LIVE_STRIPE_CLIENT_ID": "the test client id of your platform, ca_...",
        "LIVE_STRIPE_SECRET_KEY": "its test secret key, sk_test_...",
    },
    "square": {
        "LIVE_SQUARE_APPLICATION_ID": "the sandbox application id, sandbox-sq0idb-...",
        "LIVE_SQUARE_APPLICATION_SECRET": "its sandbox secret, sandbox-sq0csb-...",
        "LIVE_SQUARE_ACCESS_TOKEN": "the sandbox access token of the application's owner",
        "LIVE_SQUARE_REFRESH_TOKEN": "the refresh token of a sandbox test account that authorized the application",
    },
}
PREFIXES: Mapping[str, tuple[str, ...]] = {
    "LIVE_STRIPE_SECRET_KEY": ("sk_test_", "rk_test_"),
    "LIVE_SQUARE_APPLICATION_ID": ("sandbox-sq0idb-",),
    "LIVE_SQUARE_APPLICATION_SECRET": ("sandbox-sq0csb-",),
}
"""How a sandbox's value begins. Square's tokens look alike in both worlds; they are sent to its sandbox host only."""
UPSTREAMS: Mapping[str, str] = {"stripe": "https://api.stripe.com", "square": "https://connect.squareupsandbox.com"}
ON_THIS_MACHINE = frozenset(["127.0.0.1", "localhost", "::1"])


def is_selected(config: pytest.Config) -> bool:
    return str(config.getoption("markexpr", "")).strip() == MARK


def missing(name: str, env: Mapping[str, str]) -> str | None:
    """The sentence that says what to set; None where all is there."""
    absent = [f"{variable} ({meaning})" for variable, meaning in VARIABLES[name].items() if not env.get(variable, "").strip()]
    if not absent:
        return None
    return f"{name} was not asked: set {', '.join(absent)} to run the suite against its sandbox."


def refuse_production(env: Mapping[str, str]) -> None:
    """Raises pytest.UsageError for a value that is not a sandbox's. The value itself is never told."""
    for variable, prefixes in PREFIXES.items():
        value = env.get(variable, "").strip()
        if value and not value.startswith(prefixes):
            raise pytest.UsageError(
                f"{variable} does not begin with {' or '.join(prefixes)}. The suite makes, changes and deletes things, "
                "so it is never run against production: use the values of the sandbox."
            )
    for name in UPSTREAMS:
        upstream(name, env)


def upstream(name: str, env: Mapping[str, str]) -> str:
    """The sandbox, or a stand-in on this machine (LIVE_STRIPE_BASE, LIVE_SQUARE_BASE) to try the suite itself."""
    chosen = env.get(f"LIVE_{name.upper()}_BASE", "").strip().rstrip("/")
    if not chosen:
        return UPSTREAMS[name]
    if urlsplit(chosen).hostname not in ON_THIS_MACHINE:
        raise pytest.UsageError(f"LIVE_{name.upper()}_BASE may only name a stand-in on this machine.")
    return chosen
