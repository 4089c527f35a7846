"""The contract checker: what it must notice, and a walk through each adapter with it truly between the adapter and the twin.

`make contract CHECKER=<its file>` judges the traffic of the whole test run besides, see tests/contract/checked_run.py.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.contract import OpenGate, Verb
from providers.records import (
    Customer,
    CustomerDraft,
    Dispute,
    Payment,
    PaymentLink,
    PaymentMethod,
    Record,
    Subscription,
    TerminalCheckout,
    Window,
)
from providers.registry import FACTORIES
from providers.sandbox.core.exchanges import Exchanges
from tests.contract.checked_run import CHECKER, checker_file
from tests.contract.harness import find_build
from tests.contract.judge import PROBES, Gap, Judge, Verdict, Violation, as_text, known_gaps
from tests.contract.scene import Scene, new_key, new_reference
from tests.contract.test_capabilities import ACTS

BASES = {"stripe": ("STRIPE_API_BASE", "STRIPE_CONNECT_BASE"), "square": ("SQUARE_BASE_URL",)}
STOP_SECONDS = 10
RENAME: dict[str, str | int | None] = {
    "method": "POST",
    "path": "/v1/customers/cus_1",
    "query": "",
    "content_type": "application/x-www-form-urlencoded",
}
ANSWERED: dict[str, str | int | None] = {"status": 200, "answer_type": "application/json", "fault": None}


@pytest.fixture(scope="module")
def checker() -> Path:
    file = checker_file()
    if file is None:
        pytest.skip(f"{CHECKER} is not set; the contract checker is no part of the project: `make contract CHECKER=<its file>`")
    return file


ACTED_ON: Mapping[type[Record], tuple[Verb, ...]] = {
    Subscription: (Verb.UPDATE, Verb.RESUME, Verb.CANCEL),
    Dispute: (Verb.SUBMIT, Verb.ACCEPT),
    PaymentLink: (Verb.CANCEL,),
    PaymentMethod: (Verb.DELETE,),
    TerminalCheckout: (Verb.CANCEL,),
}


@contextmanager
def between(checker: Path, provider_name: str, twin_url: str) -> Iterator[str]:
    """The checker as a proxy in front of the twin; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(checker), "--quiet", "--port", str(port), f"--{provider_name}-upstream", twin_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any("contract proxy on" in line for line in process.stdout), "the contract checker did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def walk(scene: Scene) -> None:
    """What an hour of a hub's life asks of a provider."""
    provider, account = scene.provider, scene.account
    [told] = scene.harness.handler.events(scene.harness.sample_event())
    since = told.created_at - timedelta(minutes=5)
    reference = new_reference()
    customer = account.create(scene.customer_draft(reference=reference), key=new_key())
    account.update(
        customer.id, CustomerDraft(phone="+12025550199", company_name="Cobol"), version=customer.version, key=new_key()
    )
    account.find_by_reference(Customer, reference)
    scene.invoice_after(Verb.SEND, Verb.VOID)
    draft = scene.draft_invoice()
    account.update(draft.id, replace(scene.invoice_draft(), description="Changed"), version=draft.version, key=new_key())
    for kind, support in provider.capabilities.items():
        known = scene.existing(kind)
        if Verb.LIST in support.verbs:
            window = Window(since=since) if kind is Payment else None
            scene.everything(kind, created=window, parent_id=scene.parent_id(known))
    for kind, verbs in ACTED_ON.items():
        for verb in verbs:
            if provider.supports(verb, kind):
                ACTS[verb](scene, kind)
    provider.missed_events(scene.harness.credentials, since=since, gate=OpenGate())
    provider.refresh(scene.harness.credentials)


@pytest.mark.wire
def test_adapter_and_twin_speak_by_the_published_schema(provider_name: str, with_schema: str, checker: Path) -> None:
    with find_build(provider_name)() as built:
        harness: Any = built
        with between(checker, provider_name, harness.twin.ready["base_url"]) as proxy_url:
            environment = {**harness.twin.environment(), **dict.fromkeys(BASES[provider_name], proxy_url)}
            harness.provider = FACTORIES[provider_name](environment)
            walk(Scene(harness))
            seen = httpx.get(f"{proxy_url}/__violations", trust_env=False, timeout=30).json()
    verdict = Verdict()
    for item in seen["violations"]:
        operation = f"{item['api']} {item['op']}"
        verdict.violations[Violation(item["api"], item["side"], item["kind"], operation, item["where"], item["msg"])] += 1
    unlisted = verdict.unlisted(known_gaps())
    assert not unlisted, as_text(unlisted, verdict.violations)
    assert len(seen["operations"]) >= 15, seen["operations"]


def test_wrong_request_and_wrong_answer_are_found(checker: Path, tmp_path: Path) -> None:
    exchanges = Exchanges(tmp_path, "stripe")
    exchanges.add(**RENAME, body="nickname=Ada", **ANSWERED, answer='{"object": "customer"}')
    verdict = Judge(checker).judge(tmp_path)
    assert verdict.operations == {"stripe POST /v1/customers/{customer}": 1}
    found = {(item.side, item.kind, item.where) for item in verdict.violations}
    assert ("request", "unknown_field", "nickname") in found
    assert ("response", "missing_field", "id") in found


def test_answer_broken_on_purpose_is_not_judged_but_its_request_is(checker: Path, tmp_path: Path) -> None:
    exchanges = Exchanges(tmp_path, "stripe")
    exchanges.add(**RENAME, body="nickname=Ada", **{**ANSWERED, "fault": "broken_body"}, answer='{"object": "cus')
    assert {item.side for item in Judge(checker).judge(tmp_path).violations} == {"request"}


def test_wrong_requests_of_a_twins_own_tests_do_not_count(checker: Path, tmp_path: Path) -> None:
    exchanges = Exchanges(tmp_path, f"{PROBES}-stripe")
    exchanges.add(**RENAME, body="nickname=Ada", **ANSWERED, answer='{"object": "customer"}')
    assert {item.side for item in Judge(checker).judge(tmp_path).violations} == {"response"}


def test_listed_gap_covers_its_own_finding_and_no_other() -> None:
    gap = Gap(
        provider="square", side="response", kind="bad_enum", operation="square *", where="errors.#.code",
        message="STALE not in *", reason="r", source="s",
    )  # fmt: skip
    finding = Violation("square", "response", "bad_enum", "square POST /v2/x", "errors.#.code", "STALE not in [1]")
    verdict = Verdict()
    verdict.violations.update([finding, replace(finding, message="OTHER not in [1]"), replace(finding, side="request")])
    assert {(item.side, item.message[:5]) for item in verdict.unlisted([gap])} == {("response", "OTHER"), ("request", "STALE")}


def test_every_listed_gap_says_why_and_where_that_is_written() -> None:
    gaps = known_gaps()
    assert gaps
    assert all(len(gap.reason) > 20 and len(gap.source) > 20 for gap in gaps)
