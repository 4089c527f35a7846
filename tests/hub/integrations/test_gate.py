"""The gate around every provider request: what it lets through, what it sends back, what it learns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta

import pytest

from hub import clock, db
from hub.audit import SYSTEM
from hub.breaker import FAILURES_TO_OPEN
from hub.crm import clients
from hub.integrations import gate, reads, service
from hub.integrations.gate import IntegrationGate
from hub.limits import Wait
from hub.models import Change, ProviderReads
from providers.contract import ReadAllowance, Slowdown
from providers.errors import CircuitOpen, IntegrationRevoked, RateLimited, Transient
from providers.records import Customer
from providers.square.provider import SquareProvider
from providers.stripe.provider import StripeProvider
from sync.push import push_integration
from tests.sync.hub_in_process import HubInProcess, new_tenant

REASON = "stripe-rate-limited-reason"


@pytest.fixture
def account_gate(hub: HubInProcess) -> IntegrationGate:
    """Of an integration over no Redis, so that no other test's requests count."""
    return service.gate_for(hub.provider, hub.tenant_id, hub.integration_id)


@pytest.fixture
def stripe_gate(hub: HubInProcess) -> IntegrationGate:
    """The same integration as if it were Stripe's."""
    return IntegrationGate(StripeProvider.from_env({}), hub.tenant_id, hub.integration_id)


def refused(at: IntegrationGate, headers: Mapping[str, str], path: str = "/v1/customers") -> None:
    at.after("GET", path, status=429, seconds=0.1, headers=headers)


def wait_for(at: IntegrationGate, path: str = "/v1/customers") -> Wait:
    return gate.limiter().take(at._budgets("GET", path))


# --- what the provider tells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "scope", "because"),
    [
        ("global-rate", "account", "rate"),
        ("endpoint-rate", "endpoint", "rate"),
        ("global-concurrency", "account", "concurrency"),
        ("endpoint-concurrency", "endpoint", "concurrency"),
        ("resource-specific", "endpoint", "lock"),
        (None, "endpoint", "lock"),
        ("a word of tomorrow", "endpoint", "lock"),
    ],
)
def test_stripes_header_says_which_limit_was_met(reason: str | None, scope: str, because: str) -> None:
    told = StripeProvider.from_env({}).slowed({REASON: reason} if reason else {})
    assert (told.scope, told.because, told.retry_after_seconds) == (scope, because, None)


def test_square_429_is_the_accounts_rate() -> None:
    assert SquareProvider.from_env({}).slowed({"retry-after": "7"}) == Slowdown(retry_after_seconds=7)


@pytest.mark.parametrize(("retry_after", "least", "most"), [("30", 29, 30), ("soon", 0.5, 1), ("inf", 0.5, 1), ("-5", 0.5, 1)])
def test_429_blocks_the_account_as_long_as_it_was_told(
    account_gate: IntegrationGate, retry_after: str, least: float, most: float
) -> None:
    refused(account_gate, {"retry-after": retry_after})
    assert least < wait_for(account_gate).told_seconds <= most


def test_429_of_one_endpoint_leaves_the_others(stripe_gate: IntegrationGate) -> None:
    refused(stripe_gate, {REASON: "endpoint-rate", "retry-after": "5"}, "/v1/invoices")
    assert wait_for(stripe_gate, "/v1/invoices").told_seconds > 4
    assert wait_for(stripe_gate, "/v1/customers").seconds == 0.0


def test_429_of_the_account_holds_every_endpoint(stripe_gate: IntegrationGate) -> None:
    refused(stripe_gate, {REASON: "global-rate", "retry-after": "5"}, "/v1/invoices")
    assert wait_for(stripe_gate, "/v1/customers").told_seconds > 4


def test_lock_of_one_object_holds_no_other_request(stripe_gate: IntegrationGate) -> None:
    """What wanted that object waits by the error it got; the endpoint serves the others."""
    refused(stripe_gate, {}, "/v1/invoices/{id}")
    assert wait_for(stripe_gate, "/v1/invoices/{id}").seconds == 0.0


def test_longest_wait_that_is_obeyed_is_an_hour(account_gate: IntegrationGate) -> None:
    refused(account_gate, {"retry-after": "999999"})
    assert wait_for(account_gate).told_seconds <= 3600


# --- what waits, and where ---------------------------------------------------------------------------------------------


def test_told_wait_sends_the_work_back_instead_of_sleeping(account_gate: IntegrationGate) -> None:
    refused(account_gate, {"retry-after": "0.2"})
    began = clock.monotonic()
    with pytest.raises(RateLimited) as limited:
        account_gate.before("GET", "/customers")
    assert clock.monotonic() - began < 0.15
    assert 0 < (limited.value.retry_after_seconds or 0) <= 0.2


def test_requests_a_little_too_fast_wait_for_their_turn(hub: HubInProcess) -> None:
    """23 a second: thirty requests go one after the other, and none is sent back."""
    at = IntegrationGate(StripeProvider.from_env({}), hub.tenant_id, hub.integration_id, 4.0)  # no Redis: a quarter
    began = clock.monotonic()
    for _ in range(30):
        at.before("GET", "/v1/customers")
        at.after("GET", "/v1/customers", status=200, seconds=0.01, headers={})
    assert clock.monotonic() - began > (30 - 3) / 23


def test_budget_that_is_used_up_for_longer_sends_the_work_back(hub: HubInProcess) -> None:
    at = IntegrationGate(StripeProvider.from_env({}), hub.tenant_id, hub.integration_id, 0.02)
    at.before("GET", "/v1/customers")
    with pytest.raises(RateLimited) as limited:
        at.before("GET", "/v1/customers")
    assert (limited.value.retry_after_seconds or 0) > gate.LONGEST_TURN_SECONDS


def test_request_inside_a_transaction_is_a_bug_and_refused(hub: HubInProcess, account_gate: IntegrationGate) -> None:
    with db.tenant_session(hub.tenant_id), pytest.raises(gate.CalledInsideTransaction):
        account_gate.before("GET", "/customers")


def test_disconnect_stops_a_running_account_within_seconds(hub: HubInProcess) -> None:
    _, account = service.open_account(hub.tenant_id, hub.integration_id)
    account.list(Customer)
    # Our side alone: the provider goes on answering, so it is the gate that stops us.
    service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM, revoke=False)
    time.sleep(gate.STATUS_MAX_AGE_SECONDS)
    seen = hub.world.requests_seen
    with pytest.raises(IntegrationRevoked):
        account.list(Customer)
    assert hub.world.requests_seen == seen


# --- the breaker --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
def test_failures_in_a_row_stop_the_accounts_requests(account_gate: IntegrationGate, status: int | None) -> None:
    for _ in range(FAILURES_TO_OPEN):
        account_gate.before("GET", "/customers")
        account_gate.after("GET", "/customers", status=status, seconds=0.1, headers={})
    with pytest.raises(CircuitOpen, match="pause") as paused:
        account_gate.before("GET", "/customers")
    assert paused.value.retry_after_seconds > 5


@pytest.mark.parametrize("status", [200, 400, 404, 409, 429])
def test_answer_of_any_kind_keeps_requests_going(account_gate: IntegrationGate, status: int) -> None:
    for number in range(FAILURES_TO_OPEN * 3):
        failing = number % FAILURES_TO_OPEN < FAILURES_TO_OPEN - 1
        account_gate.after("GET", "/customers", status=500 if failing else status, seconds=0.1, headers={"retry-after": "0"})
        account_gate.before("GET", "/customers")


def test_failing_account_does_not_stop_another(hub: HubInProcess, account_gate: IntegrationGate) -> None:
    other = new_tenant(hub.world, hub.provider)
    for _ in range(FAILURES_TO_OPEN):
        account_gate.after("GET", "/customers", status=500, seconds=0.1, headers={})
    service.call(other.tenant_id, other.integration_id, lambda account: account.list(Customer))


def test_outage_makes_few_requests_and_work_goes_on_when_it_ends(hub: HubInProcess) -> None:
    for _ in range(FAILURES_TO_OPEN):
        hub.world.fail_next("unavailable")
        with pytest.raises(Transient):
            service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer))
    seen = hub.world.requests_seen
    for _ in range(20):
        with pytest.raises(CircuitOpen):
            service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer))
    assert hub.world.requests_seen == seen
    until = gate.paused_until("fake", hub.tenant_id, hub.integration_id)
    assert until is not None
    clock.advance(until - clock.now() + timedelta(seconds=1))
    service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer))
    assert gate.paused_until("fake", hub.tenant_id, hub.integration_id) is None


# --- reads that are granted ---------------------------------------------------------------------------------------------

ALLOWANCE = ReadAllowance(reads_per_payment=500, floor=10_000)


def counted(hub: HubInProcess) -> reads.ReadStanding:
    with db.tenant_session(hub.tenant_id) as session:
        return reads.standing(session, service.get(session, hub.integration_id), ALLOWANCE)


def request(at: IntegrationGate, method: str) -> None:
    at.before(method, "/v1/customers")
    at.after(method, "/v1/customers", status=200, seconds=0.01, headers={})


def test_reads_are_counted_per_account_and_writes_are_not(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    stripe = StripeProvider.from_env({})
    for _ in range(7):
        request(IntegrationGate(stripe, hub.tenant_id, hub.integration_id, 1000), "GET")
    request(IntegrationGate(stripe, hub.tenant_id, hub.integration_id, 1000), "POST")
    request(IntegrationGate(stripe, other.tenant_id, other.integration_id, 1000), "GET")
    gate.read_counter().hand_over()
    gate.read_counter().hand_over()
    assert (counted(hub).used, counted(other).used) == (7, 1)
    request(IntegrationGate(stripe, hub.tenant_id, hub.integration_id, 1000), "GET")
    gate.read_counter().hand_over()
    assert counted(hub).used == 8
    assert len(hub.rows(ProviderReads)) == 1


def test_provider_without_an_allowance_counts_nothing(hub: HubInProcess, account_gate: IntegrationGate) -> None:
    account_gate.before("GET", "/customers")
    gate.read_counter().hand_over()
    assert hub.rows(ProviderReads) == []


def test_reads_of_more_than_thirty_days_ago_are_over(hub: HubInProcess, stripe_gate: IntegrationGate) -> None:
    request(stripe_gate, "GET")
    gate.read_counter().hand_over()
    clock.advance(timedelta(days=29))
    assert counted(hub).used == 1
    clock.advance(timedelta(days=1))
    assert counted(hub).used == 0


def test_allowance_has_a_floor_and_grows_with_payments(hub: HubInProcess) -> None:
    assert counted(hub) == reads.ReadStanding(0, 10_000)
    add_payments(hub, 24, paid_days_ago=3)
    add_payments(hub, 50, paid_days_ago=40)
    assert counted(hub).allowed == 24 * 500


def add_payments(hub: HubInProcess, number: int, *, paid_days_ago: int) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        session.connection().exec_driver_sql(
            "INSERT INTO payments"
            " (tenant_id, integration_id, external_id, status, amount, currency, paid_at, created_at, updated_at)"
            " SELECT %(tenant)s, %(integration)s, 'pay_' || %(days)s || '_' || n, 'succeeded', 100, 'USD',"
            " %(paid)s, %(paid)s, %(paid)s"
            " FROM generate_series(1, %(number)s) AS n",
            {
                "tenant": hub.tenant_id,
                "integration": hub.integration_id,
                "days": paid_days_ago,
                "paid": clock.now() - timedelta(days=paid_days_ago),
                "number": number,
            },
        )


@pytest.mark.parametrize(("used", "near"), [(0, False), (7_999, False), (8_000, True), (10_001, True)])
def test_warning_comes_at_four_fifths(used: int, near: bool) -> None:
    assert reads.ReadStanding(used, 10_000).near_the_end is near


def test_work_behind_an_open_breaker_waits_in_the_database_and_says_so(hub: HubInProcess) -> None:
    for _ in range(FAILURES_TO_OPEN):
        service.gate_for(hub.provider, hub.tenant_id, hub.integration_id).after(
            "GET", "/customers", status=503, seconds=0.1, headers={}
        )
    client = clients.create(hub.tenant_id, {"given_name": "Ada"}, actor=SYSTEM)
    push_integration(hub.tenant_id, hub.integration_id)
    change = hub.row(Change, local_id=client.id)
    assert change.attempts == 0
    assert change.done_at is None
    assert change.due_at > clock.now() + timedelta(seconds=10)
    assert change.reason is not None
    assert "failed several times" in change.reason
