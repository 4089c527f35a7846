"""What `pytest -m live` says without keys, what it refuses, and that it can run: here against the Square twin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.harness import REDIRECT_URI
from tests.live.environment import VARIABLES, missing, refuse_production, upstream
from tests.providers.square.harness import Harness
from tests.providers.square.twin import running_twin

ROOT = Path(__file__).parents[2]
SANDBOX = {
    "LIVE_STRIPE_CLIENT_ID": "ca_1",
    "LIVE_STRIPE_SECRET_KEY": "sk_test_1",
    "LIVE_SQUARE_APPLICATION_ID": "sandbox-sq0idb-1",
    "LIVE_SQUARE_APPLICATION_SECRET": "sandbox-sq0csb-1",
    "LIVE_SQUARE_ACCESS_TOKEN": "EAAA1",
    "LIVE_SQUARE_REFRESH_TOKEN": "EQAA1",
}


def run(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIVE_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "live", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("name", VARIABLES)
def test_missing_variables_are_all_named_with_their_meaning(name: str) -> None:
    sentence = missing(name, {})
    assert sentence is not None
    assert sentence.startswith(f"{name} was not asked: set ")
    assert all(f"{variable} ({meaning})" in sentence for variable, meaning in VARIABLES[name].items())
    assert missing(name, SANDBOX) is None
    [first, *_] = VARIABLES[name]
    assert first in str(missing(name, {**SANDBOX, first: "  "}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIVE_STRIPE_SECRET_KEY", "sk_live_secret"),
        ("LIVE_STRIPE_SECRET_KEY", "rk_live_secret"),
        ("LIVE_SQUARE_APPLICATION_ID", "sq0idp-secret"),
        ("LIVE_SQUARE_APPLICATION_SECRET", "sq0csp-secret"),
    ],
)
def test_value_of_production_is_refused_and_not_told(variable: str, value: str) -> None:
    refuse_production(SANDBOX)
    with pytest.raises(pytest.UsageError, match="never run against production") as refused:
        refuse_production({**SANDBOX, variable: value})
    assert variable in str(refused.value)
    assert value not in str(refused.value)


@pytest.mark.parametrize("url", ["https://connect.squareup.com", "https://127.0.0.1.example.com", "http://10.0.0.1"])
def test_other_address_than_the_sandbox_is_taken_on_this_machine_only(url: str) -> None:
    assert upstream("square", {}) == "https://connect.squareupsandbox.com"
    assert upstream("square", {"LIVE_SQUARE_BASE": "http://127.0.0.1:99/"}) == "http://127.0.0.1:99"
    with pytest.raises(pytest.UsageError, match="on this machine"):
        refuse_production({**SANDBOX, "LIVE_SQUARE_BASE": url})


def test_run_without_keys_is_skipped_and_says_what_to_set() -> None:
    done = run("tests/contract/test_invoice_life.py", env={})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" not in done.stdout
    for name, variables in VARIABLES.items():
        assert f"{name} was not asked: set " in done.stdout
        assert all(variable in done.stdout for variable in variables)


def test_run_with_a_key_of_production_does_not_begin() -> None:
    done = run("tests/contract/test_invoice_life.py", env={**SANDBOX, "LIVE_STRIPE_SECRET_KEY": "sk_live_secret"})
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "never run against production" in done.stdout + done.stderr
    assert "sk_live_secret" not in done.stdout + done.stderr


def test_run_with_keys_asks_the_sandbox() -> None:
    """The twin stands for it, behind the relay that makes requests fail."""
    with running_twin(redirect_uris=REDIRECT_URI) as twin:
        shop = Harness(twin)
        env = {
            "LIVE_SQUARE_APPLICATION_ID": twin.ready["application_id"],
            "LIVE_SQUARE_APPLICATION_SECRET": twin.ready["application_secret"],
            "LIVE_SQUARE_ACCESS_TOKEN": twin.ready["access_token"],
            "LIVE_SQUARE_REFRESH_TOKEN": str(shop.credentials.refresh_token),
            "LIVE_SQUARE_BASE": twin.base_url,
        }
        cases = "square and (customer_is_made_once or payment_link_comes_back or event_of_a_changed)"
        done = run("tests/contract", "-k", cases, "-vv", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_customer_is_made_once_whatever_fails[square-lost_response] PASSED" in done.stdout
    assert "test_payment_link_comes_back_as_written[square] PASSED" in done.stdout
    assert "FAILED" not in done.stdout
    assert "stripe was not asked" in done.stdout
