"""The log says what happened and never a secret, whoever wrote the line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.redaction import redact, redact_fields, register_secret

ROOT = Path(__file__).resolve().parents[2]
CANARY = 'canary/+"of the log'


def lines_of(program: str, *, production: bool = True) -> list[str]:
    """What a process that runs `program` after configuring its log writes to standard error."""
    head = f"import logging\nfrom hub import log\nlog.configure(production={production}, secrets=[{CANARY!r}], level='DEBUG')\n"
    head += f"canary = {CANARY!r}\nlogger = log.get_logger('here')\n"
    ran = subprocess.run(
        [sys.executable, "-c", head + program], capture_output=True, text=True, cwd=ROOT, env=os.environ, check=False
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_a_production_line_is_json_with_event_and_fields() -> None:
    [line] = lines_of("logger.info('record_pulled', kind='customer', record_id=42)")
    told = json.loads(line)
    at = told.pop("at")
    assert told == {"event": "record_pulled", "kind": "customer", "record_id": 42, "level": "info", "logger": "here"}
    assert at.endswith("+00:00")


def test_a_development_line_is_readable() -> None:
    [line] = lines_of("logger.info('record_pulled', kind='customer')", production=False)
    assert "record_pulled" in line
    assert "kind=customer" in line


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize(
    "program",
    [
        "logger.info('x', note=canary)",
        "logger.info('x', deep={'list': [('a', canary)]})",
        "logger.info(canary)",
        "logging.getLogger('other').warning('a %s', canary)",
        "logging.getLogger('other').warning('%d', canary)",
        "try: raise ValueError(canary)\nexcept ValueError: logger.exception('failed')",
        "try: raise ValueError(canary)\nexcept ValueError: logging.getLogger('other').exception('failed')",
        "def f(local): raise ValueError('no')\ntry: f(canary)\nexcept ValueError: logger.exception('failed')",
        "raise RuntimeError(canary)",
        "import threading\ndef f(): raise ValueError(canary)\nt = threading.Thread(target=f)\nt.start()\nt.join()",
        "from urllib.parse import quote; logger.info('x', url='https://h/?x=' + quote(canary, safe=''))",
        "import warnings; logging.captureWarnings(True); warnings.warn(canary)",
    ],
)
def test_a_registered_secret_reaches_no_line(program: str, production: bool) -> None:
    lines = lines_of(program, production=production)
    assert lines
    assert "canary/" not in "".join(lines)
    assert "of the log" not in "".join(lines)
    if production:
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_http_clients_do_not_write_what_they_send() -> None:
    program = "for name in ('httpx', 'httpcore', 'urllib3', 'stripe', 'square'):\n"
    program += "    logging.getLogger(name).debug('a body')\n    logging.getLogger(name).info('a URL')"
    assert lines_of(program) == []


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51abcDEF",
        "sk_test_51abcDEF",
        "rk_live_51abcDEF",
        "whsec_abc/DEF+gh==",
        "pi_3abc_secret_def",
        "EAAAEabcdefgh-ijk",
        "sq0csp-abcdefgh",
        "sandbox-sq0csb-abcdefgh",
        "SG.abcdefgh12.ijklmnop34",
        "4242424242424242",
        "4242 4242 4242 4242",
        "378282246310005",
    ],
)
def test_what_looks_like_a_providers_secret_or_a_card_is_masked_anywhere(secret: str) -> None:
    assert secret not in redact(f"before {secret}, after")
    assert redact(f"before {secret}, after").startswith("before ***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
        ("authorization=Basic dXNlcjpwdw==", "authorization=Basic ***"),
        ("GET /callback?code=abc&state=def&ok=1", "GET /callback?code=***&state=***&ok=1"),
        ("postgresql://user:pw@host/db", "postgresql://user:***@host/db"),
        ('{"refresh_token": "abc", "ok": 1}', '{"refresh_token": "***", "ok": 1}'),
        ("client_secret=abc&grant_type=x", "client_secret=***&grant_type=x"),
        (
            "status_code=200 token=None 1234567890123456 in_4111111111111112",
            "status_code=200 token=None 1234567890123456 in_4111111111111112",
        ),
    ],
)
def test_running_text_loses_its_secrets_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_fields_with_telling_names_are_masked_whole_and_others_kept() -> None:
    fields = {
        "access_token": "a",
        "password": 1,
        "Api-Key": "b",
        "client_secret": ["c"],
        "code": "d",
        "has_token": True,
        "count": 3,
    }
    assert redact_fields(fields | {"amount": 1999, "status_code": 200, "error_code": "declined"}) == {
        **dict.fromkeys(("access_token", "password", "Api-Key", "client_secret", "code"), "***"),
        **{"has_token": True, "count": 3, "amount": 1999, "status_code": 200, "error_code": "declined"},
    }


def test_short_values_are_not_registered_because_words_would_vanish() -> None:
    register_secret("the")
    assert redact("the end") == "the end"


def test_row_that_the_database_quotes_in_an_error_is_masked() -> None:
    told = "UniqueViolation: duplicate key\nDETAIL:  Key (email)=(ada@example.com) already exists.\n[SQL: INSERT]"
    assert redact(told) == "UniqueViolation: duplicate key\nDETAIL:  ***\n[SQL: INSERT]"
