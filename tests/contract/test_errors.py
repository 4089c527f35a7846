"""What goes wrong comes out as the error whose name says what to do next; nothing is repeated, nothing secret is told."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import cast

import pytest

from providers.contract import Account, OpenGate, Verb
from providers.errors import (
    CredentialsExpired,
    IntegrationRevoked,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Transient,
    VersionConflict,
)
from providers.records import (
    Customer,
    CustomerDraft,
    Draft,
    Endpoint,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentLink,
    PaymentMethod,
    R,
    Record,
    Refund,
)
from tests.contract.conftest import Pair
from tests.contract.faults import BEFORE, Fault
from tests.contract.gates import ClosedGate, FaultyGate, WatchingGate
from tests.contract.harness import Harness, grant_for
from tests.contract.scene import Scene, new_key, new_reference
from tests.contract.secrecy import assert_tells_no_secret, secrets_of
from tests.contract.test_capabilities import changed_draft

QUICK_FAULTS = [fault for fault in Fault if fault is not Fault.SLOW]
MOST_REQUESTS_OF_A_CREATE = 8
READS: dict[str, Callable[[Account, Customer], object]] = {
    "get": lambda account, known: account.get(Customer, known.id),
    "list": lambda account, known: account.list(Customer),
    "list-changes": lambda account, known: account.list(Customer, changed_since=known.as_of),
}


@pytest.mark.parametrize("fault", QUICK_FAULTS)
@pytest.mark.parametrize("how", READS)
def test_failed_read_may_be_tried_later_and_is_not_repeated(scene: Scene, harness: Harness, how: str, fault: Fault) -> None:
    known, gate = scene.customer(), WatchingGate()
    account = harness.account(gate)
    harness.fail_next(fault)
    with pytest.raises(Transient) as failed:
        READS[how](account, known)
    assert gate.begun == 1
    assert isinstance(failed.value, RateLimited) is (fault is Fault.RATE_LIMITED)
    assert_tells_no_secret(failed.value, harness, known.email)
    assert scene.account.get(Customer, known.id).id == known.id


def test_rate_limit_names_its_scope(scene: Scene, harness: Harness) -> None:
    known = scene.customer()
    harness.fail_next(Fault.RATE_LIMITED)
    with pytest.raises(RateLimited) as limited:
        scene.account.get(Customer, known.id)
    assert limited.value.scope in ("account", "endpoint", "application")
    assert limited.value.retry_after_seconds is None or limited.value.retry_after_seconds >= 0


@pytest.mark.parametrize("fault", QUICK_FAULTS)
def test_customer_is_made_once_whatever_fails(scene: Scene, harness: Harness, fault: Fault) -> None:
    reference = new_reference()
    draft = scene.customer_draft(reference=reference)
    made = make_through(scene, harness, draft, reference, fault, nth=1)
    assert made is not None
    assert [customer.id for customer in scene.everything(Customer) if customer.reference == reference] == [made.id]


@pytest.mark.parametrize("fault", QUICK_FAULTS)
def test_invoice_is_made_once_and_whole_whichever_of_its_requests_fails(
    scene: Scene, harness: Harness, invoicing: str, fault: Fault
) -> None:
    customer_id = scene.customer().id
    for nth in range(1, MOST_REQUESTS_OF_A_CREATE + 1):
        reference = new_reference()
        draft = replace(scene.invoice_draft(reference=reference), customer_id=customer_id)
        made = make_through(scene, harness, draft, reference, fault, nth=nth)
        found = [invoice for invoice in scene.everything(Invoice) if invoice.reference == reference]
        assert len(found) == 1, f"{len(found)} invoices after request {nth} met {fault}"
        assert found[0].total == scene.money(12_550)
        assert found[0].status is InvoiceStatus.DRAFT
        if made is None:
            return
    raise AssertionError(f"one invoice takes more than {MOST_REQUESTS_OF_A_CREATE} requests")


def make_through(scene: Scene, harness: Harness, draft: Draft[R], reference: str, fault: Fault, *, nth: int) -> R | None:
    """Create as the hub does while the nth request fails; None if the call took fewer requests and so met no fault."""
    kind = cast(type[R], Customer if isinstance(draft, CustomerDraft) else Invoice)
    gate, key = FaultyGate(harness, fault, nth), new_key()
    failure = failure_of(lambda: harness.account(gate).create(draft, key=key))
    if failure is None:
        assert not gate.struck, f"request {nth} met {fault} and nobody was told"
        return None
    assert isinstance(failure, RateLimited) is (fault is Fault.RATE_LIMITED)
    assert_tells_no_secret(failure, harness)
    if isinstance(failure, Transient):
        again: R = scene.account.create(draft, key=key)
        return again
    there: R | None = scene.account.find_by_reference(kind, reference)
    assert there is None or nth > 1 or fault not in BEFORE
    # What is found counts as done. So a half-made invoice must not be found, and must not stay beside the whole one.
    return there if there is not None else scene.account.create(draft, key=new_key())


def failure_of(act: Callable[[], object]) -> Transient | OutcomeUnknown | None:
    """How the call failed, None if it did not; any other error is the test's failure."""
    try:
        act()
    except (Transient, OutcomeUnknown) as failure:
        return failure
    return None


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.SERVER_ERROR_AFTER, Fault.BROKEN_BODY])
def test_update_without_an_answer_says_whether_it_may_be_repeated(
    scene: Scene, harness: Harness, updated: Pair, fault: Fault
) -> None:
    kind, verb = updated
    record = scene.existing(kind)
    draft, key = changed_draft(scene, kind), new_key()
    harness.fail_next(fault)
    with pytest.raises((Transient, OutcomeUnknown)) as failed:
        scene.door(kind).update(record.id, draft, version=record.version, key=key)
    assert not isinstance(failed.value, RateLimited)
    if isinstance(failed.value, Transient):
        conflict = conflict_of(lambda: scene.door(kind).update(record.id, draft, version=record.version, key=key))
        assert conflict is None or not scene.provider.honours_key(verb, kind), "Transient promised that it may be sent again"
    else:
        fresh = scene.door(kind).get(kind, record.id)
        scene.door(kind).update(record.id, draft, version=fresh.version, key=new_key())


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.SERVER_ERROR, Fault.RATE_LIMITED])
def test_record_is_made_once_though_a_request_of_its_making_failed(
    scene: Scene, harness: Harness, keyed_create: Pair, fault: Fault
) -> None:
    """Each request of the call in turn; then the same again under the same key, where the failure says that it may be."""
    kind, _ = keyed_create
    draft, door = scene.draft(kind), scene.door(kind)
    for nth in range(1, MOST_REQUESTS_OF_A_CREATE + 1):
        before = known_ids(scene, kind)
        gate, key = FaultyGate(harness, fault, nth), new_key()
        account = harness.provider.platform(gate=gate) if kind is Endpoint else harness.account(gate)
        failure = failure_of(functools.partial(account.create, draft, key=key))
        if failure is None:
            assert not gate.struck, f"request {nth} met {fault} and nobody was told"
            return
        if isinstance(failure, Transient):
            made = door.create(draft, key=key)
            assert known_ids(scene, kind) - before <= {made.id}
        if kind in (PaymentMethod, Refund):
            draft = scene.draft(kind)
    raise AssertionError(f"one {kind.__name__} takes more than {MOST_REQUESTS_OF_A_CREATE} requests")


def known_ids(scene: Scene, kind: type[Record]) -> set[str]:
    """Of the account's own list; empty where the provider has none."""
    support = scene.provider.capabilities[kind]
    return {record.id for record in scene.everything(kind)} if Verb.LIST in support.verbs and not support.listed_within else set()


def conflict_of(act: Callable[[], object]) -> VersionConflict | None:
    try:
        act()
    except VersionConflict as conflict:
        return conflict
    return None


@pytest.mark.wire
def test_slow_answers_end_in_a_time_out(harness: Harness) -> None:
    """The one case that waits: a read and a write at the same time."""
    [known] = harness.seed(Customer, 1)
    harness.fail_next(Fault.SLOW)
    harness.fail_next(Fault.SLOW)
    with ThreadPoolExecutor(2) as threads:
        read = threads.submit(harness.account().get, Customer, known)
        written = threads.submit(harness.account().create, CustomerDraft(given_name="Slow", family_name="Payer"), key=new_key())
        assert isinstance(read.exception(), Transient)
        assert isinstance(written.exception(), Transient | OutcomeUnknown)


@pytest.mark.wire
def test_record_is_dated_by_the_answer_that_brought_it(scene: Scene, harness: Harness) -> None:
    """By the provider's clock, never by ours: an old answer that comes late must look old."""
    known, gate = scene.customer(), WatchingGate()
    found = harness.account(gate).get(Customer, known.id)
    assert found.as_of == parsedate_to_datetime(gate.passed[-1].headers["date"])


@pytest.mark.wire
@pytest.mark.parametrize(
    "fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.HTML_ERROR, Fault.LOST_RESPONSE]
)
def test_failed_write_is_sent_once_though_the_sdk_would_repeat_it(harness: Harness, fault: Fault) -> None:
    gate = WatchingGate()
    account = harness.account(gate)
    harness.fail_next(fault)
    with pytest.raises((Transient, OutcomeUnknown)):
        account.create(CustomerDraft(given_name="Once", family_name="Payer"), key=new_key())
    assert gate.begun == 1


@pytest.mark.wire
def test_status_reaches_the_gate_also_when_it_is_bad(scene: Scene, harness: Harness) -> None:
    known, gate = scene.customer(), WatchingGate()
    account = harness.account(gate)
    for fault in (Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.LOST_RESPONSE):
        harness.fail_next(fault)
        with pytest.raises(Transient):
            account.get(Customer, known.id)
    assert [passage.status for passage in gate.passed] == [429, 503, None]


def test_refused_credentials_end_the_work_of_the_account(harness: Harness) -> None:
    foreign = replace(harness.credentials, account_id="acct_1NobodyKnowsIt", access_token="no_token_of_anybody")
    with pytest.raises((IntegrationRevoked, CredentialsExpired)) as refused:
        harness.provider.account(foreign, gate=OpenGate()).describe()
    assert_tells_no_secret(refused.value, harness)


@pytest.mark.parametrize("failing", ["not found", "server error"])
def test_request_id_of_a_failed_request_is_kept(scene: Scene, harness: Harness, failing: str) -> None:
    """Where the provider's answer names its request."""
    gate, id = WatchingGate(), scene.customer().id
    if failing == "server error":
        harness.fail_next(Fault.SERVER_ERROR)
    else:
        id = id[:-4] + "zzzz"
    with pytest.raises((RecordNotFound, Transient)) as failed:
        harness.account(gate).get(Customer, id)
    [passage] = gate.passed
    told: list[str | None] = [value for name, value in passage.headers.items() if name.endswith("request-id")]
    assert [failed.value.request_id] == (told or [None])
    assert all(str(value) in str(failed.value) for value in told)


def test_every_request_passes_the_gate_under_a_path_without_ids(harness: Harness) -> None:
    gate = WatchingGate()
    account, seen = harness.account(gate), harness.requests()
    scene = Scene(harness)
    scene.account = account
    customer = scene.customer()
    account.get(Customer, customer.id)
    other = scene.existing(Invoice if scene.provider.supports(Verb.CREATE, Invoice) else PaymentLink)
    account.list(Payment)
    assert gate.begun == len(gate.passed) == harness.requests() - seen > 0
    for passage in gate.passed:
        assert passage.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        assert customer.id not in passage.path_template
        assert other.id not in passage.path_template
        assert passage.status is not None
        assert all(name == name.lower() for name in passage.headers)


@pytest.mark.parametrize(
    "refusal",
    [
        RateLimited("no budget now", retry_after_seconds=3.0),
        IntegrationRevoked("disconnected meanwhile"),
        RuntimeError("crash point"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_what_the_gate_raises_passes_untouched_and_nothing_is_sent(harness: Harness, refusal: Exception) -> None:
    account = harness.account(ClosedGate(refusal))
    known = Scene(harness).customer()
    seen = harness.requests()
    acts: dict[str, Callable[[], object]] = {
        "describe": account.describe,
        "get": lambda: account.get(Customer, known.id),
        "list": lambda: account.list(Payment),
        "create": lambda: account.create(CustomerDraft(given_name="A", family_name="Payer"), key=new_key()),
        "update": lambda: account.update(
            known.id, CustomerDraft(given_name="B", family_name="Payer"), version=known.version, key=new_key()
        ),
    }
    for name, act in acts.items():
        with pytest.raises(type(refusal)) as raised:
            act()
        assert raised.value is refusal, name
    assert harness.requests() == seen


def test_nothing_secret_is_logged(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    callback = harness.new_callback("a-secret-state")
    caplog.clear()
    credentials = harness.provider.exchange(callback, grant_for(harness.provider, "a-secret-state"))
    scene = Scene(harness)
    email = scene.customer().email
    harness.fail_next(Fault.SERVER_ERROR)
    with pytest.raises(ProviderError):
        scene.account.describe()
    harness.provider.refresh(credentials)
    hidden = [callback["code"], email, credentials.access_token, credentials.refresh_token, *secrets_of(harness)]
    assert not [secret for secret in hidden if secret and secret in caplog.text]
