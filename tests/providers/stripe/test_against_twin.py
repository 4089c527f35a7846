"""What is Stripe's own about the adapter, over real HTTP against the twin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.contract import OpenGate, Verb
from providers.errors import (
    ActionRequired,
    CursorExpired,
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Transient,
    Unsupported,
)
from providers.records import (
    Customer,
    Endpoint,
    EndpointDraft,
    Event,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    Line,
    Money,
    Payment,
    PaymentDraft,
    PaymentMethod,
    PaymentStatus,
    Record,
    Refund,
    RefundDraft,
    Window,
)
from providers.stripe.provider import StripeProvider
from providers.stripe.settings import API_VERSION
from tests.contract.faults import Fault
from tests.contract.gates import FaultyGate, WatchingGate
from tests.contract.harness import grant_for
from tests.contract.scene import Scene, new_key, new_reference
from tests.providers.stripe.harness import Harness, build

DECLINED = "4000000000000341"  # attaches, later charges fail
ASKS_THE_PAYER = "4000002760003184"


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with build() as running:
        yield running


@pytest.fixture
def scene(harness: Harness) -> Scene:
    return Scene(harness)


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def open_invoice(scene: Scene) -> Invoice:
    """125.50 USD, published."""
    return scene.invoice_after(Verb.PUBLISH)


def saved_card(harness: Harness, invoice: Invoice, card: str = "4242424242424242") -> str:
    return str(harness.act("save_card", customer_id=invoice.customer_id, card=card)["id"])


def payment_of(invoice: Invoice, source: str, amount: int, reference: str | None = None) -> PaymentDraft:
    return PaymentDraft(amount=usd(amount), source=source, invoice_id=invoice.id, reference=reference)


def charged(harness: Harness, invoice: Invoice) -> int:
    """What the customer's cards were really charged, in minor units."""
    truth = harness.twin.control("GET", f"truth?account_id={harness.account_id}")
    mine = [charge for charge in truth["charges"] if charge["customer"] == invoice.customer_id and charge["paid"]]
    return sum(charge["amount"] for charge in mine)


# --- paying an invoice ---


def test_paying_all_that_is_due_pays_the_invoice(scene: Scene, harness: Harness) -> None:
    invoice, reference = open_invoice(scene), new_reference()
    paid = scene.account.create(payment_of(invoice, saved_card(harness, invoice), 12_550, reference), key=new_key())
    assert (paid.status, paid.amount, paid.invoice_ids) == (PaymentStatus.SUCCEEDED, usd(12_550), (invoice.id,))
    assert (paid.reference, paid.card_last4, paid.method) == (reference, "4242", "card")
    found = scene.account.get(Invoice, invoice.id)
    assert (found.status, found.paid, found.due) == (InvoiceStatus.PAID, usd(12_550), usd(0))
    by_reference = scene.account.find_by_reference(Payment, reference)
    assert by_reference is not None
    assert by_reference.id == paid.id


def test_paying_a_part_leaves_the_rest_due(scene: Scene, harness: Harness) -> None:
    invoice = open_invoice(scene)
    card = saved_card(harness, invoice)
    part = scene.account.create(payment_of(invoice, card, 5_000), key=new_key())
    assert (part.status, part.amount, part.invoice_ids) == (PaymentStatus.SUCCEEDED, usd(5_000), (invoice.id,))
    found = scene.account.get(Invoice, invoice.id)
    assert (found.status, found.paid, found.due) == (InvoiceStatus.PARTIALLY_PAID, usd(5_000), usd(7_550))
    scene.account.create(payment_of(invoice, card, 7_550), key=new_key())
    assert scene.account.get(Invoice, invoice.id).status is InvoiceStatus.PAID
    assert charged(harness, invoice) == 12_550


@pytest.mark.parametrize("amount", [12_550, 6_275])
def test_repeating_a_payment_under_its_key_charges_once(scene: Scene, harness: Harness, amount: int) -> None:
    """Half of what is due: after the first call the rest equals the amount, and must not be taken for all that is due."""
    invoice, key = open_invoice(scene), new_key()
    draft = payment_of(invoice, saved_card(harness, invoice), amount)
    first = scene.account.create(draft, key=key)
    second = scene.account.create(draft, key=key)
    assert first.id == second.id
    assert charged(harness, invoice) == amount


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_RESPONSE, Fault.SERVER_ERROR, Fault.SERVER_ERROR_AFTER])
@pytest.mark.parametrize("amount", [12_550, 6_275])
def test_whichever_request_of_a_payment_fails_the_payer_is_charged_once(
    scene: Scene, harness: Harness, amount: int, fault: Fault
) -> None:
    for nth in range(1, 10):
        invoice, key, reference = open_invoice(scene), new_key(), new_reference()
        draft = payment_of(invoice, saved_card(harness, invoice), amount, reference)
        gate = FaultyGate(harness, fault, nth)
        try:
            harness.account(gate).create(draft, key=key)
        except Transient:
            scene.account.create(draft, key=key)
        except OutcomeUnknown:
            if scene.account.find_by_reference(Payment, reference) is None:
                scene.account.create(draft, key=new_key())
        assert charged(harness, invoice) == amount, f"after request {nth} met {fault}"
        if not gate.struck:
            return
    raise AssertionError("one payment takes more than nine requests")


def test_a_declined_card_says_so_and_the_invoice_stays_open(scene: Scene, harness: Harness) -> None:
    invoice, reference = open_invoice(scene), new_reference()
    card = saved_card(harness, invoice, DECLINED)
    for amount in (12_550, 5_000):
        with pytest.raises(Declined) as declined:
            scene.account.create(payment_of(invoice, card, amount, reference), key=new_key())
        assert declined.value.code
        assert declined.value.request_id
    found = scene.account.get(Invoice, invoice.id)
    assert (found.status, found.due) == (InvoiceStatus.OPEN, usd(12_550))
    failed = scene.account.find_by_reference(Payment, reference)
    assert failed is not None
    assert (failed.status, bool(failed.failure)) == (PaymentStatus.FAILED, True)


def test_where_the_bank_asks_for_the_payer_the_invoices_page_is_the_way(scene: Scene, harness: Harness) -> None:
    invoice = open_invoice(scene)
    card = saved_card(harness, invoice, ASKS_THE_PAYER)
    for amount in (12_550, 5_000):
        with pytest.raises(ActionRequired) as asked:
            scene.account.create(payment_of(invoice, card, amount), key=new_key())
        assert asked.value.next_url == invoice.pay_url


@pytest.mark.parametrize(
    ("amount", "currency", "code"), [(12_551, "USD", "amount_too_large"), (12_550, "EUR", "currency_mismatch")]
)
def test_more_than_is_due_or_another_currency_is_rejected(
    scene: Scene, harness: Harness, amount: int, currency: str, code: str
) -> None:
    invoice = open_invoice(scene)
    draft = replace(payment_of(invoice, saved_card(harness, invoice), 1), amount=Money(amount, currency))
    with pytest.raises(Rejected) as rejected:
        scene.account.create(draft, key=new_key())
    assert rejected.value.code == code
    assert charged(harness, invoice) == 0


def test_a_draft_void_or_paid_invoice_cannot_be_paid(scene: Scene, harness: Harness) -> None:
    draft, void, paid = scene.draft_invoice(), scene.invoice_after(Verb.PUBLISH, Verb.VOID), open_invoice(scene)
    harness.act("pay_invoice", invoice_id=paid.id)
    for invoice, already in ((draft, 0), (void, 0), (paid, 12_550)):
        with pytest.raises(Rejected):
            scene.account.create(payment_of(invoice, saved_card(harness, invoice), 12_550), key=new_key())
        assert charged(harness, invoice) == already


def test_a_declined_payment_without_invoice_says_so(scene: Scene, harness: Harness) -> None:
    customer = scene.customer()
    card = str(harness.act("save_card", customer_id=customer.id, card=DECLINED)["id"])
    with pytest.raises(Declined):
        scene.account.create(PaymentDraft(amount=usd(900), source=card, customer_id=customer.id), key=new_key())


# --- reading ---


def test_listed_payments_know_their_invoice_fee_and_card(scene: Scene, harness: Harness) -> None:
    invoice = open_invoice(scene)
    harness.act("pay_invoice", invoice_id=invoice.id)
    harness.twin.control("POST", "clock", {"advance_seconds": 5})  # the balance transaction comes a second late
    until = time.monotonic() + 10  # and on a thread of the twin's own
    while True:
        [listed] = [payment for payment in scene.everything(Payment) if invoice.id in payment.invoice_ids]
        if listed.fee is not None or time.monotonic() > until:
            break
        time.sleep(0.05)
    assert (listed.status, listed.customer_id, listed.card_last4) == (PaymentStatus.SUCCEEDED, invoice.customer_id, "4242")
    assert listed.fee is not None
    assert 0 < listed.fee.minor_units < 12_550
    assert listed == replace(scene.account.get(Payment, listed.id), as_of=listed.as_of)


def test_an_open_invoice_alone_is_no_payment(scene: Scene, harness: Harness) -> None:
    invoice = open_invoice(scene)
    assert not [payment for payment in scene.everything(Payment) if invoice.id in payment.invoice_ids]


def test_a_payment_is_got_by_its_charge_too(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    payment = scene.account.get(Payment, payment_id)
    assert payment.charge_id is not None
    assert scene.account.get(Payment, payment.charge_id).id == payment_id


def test_a_page_of_payments_takes_two_requests() -> None:
    gate = WatchingGate()
    with build() as fresh:
        fresh.seed(Payment, 3)
        fresh.account(gate).list(Payment)
    assert [passage.path_template for passage in gate.passed] == ["/v1/payment_intents", "/v1/invoice_payments"]


def test_an_invoice_of_many_lines_is_read_whole(scene: Scene) -> None:
    lines = tuple(Line(description=f"Item {n}", amount=usd(100 + n)) for n in range(23))
    made = scene.account.create(replace(scene.invoice_draft(), lines=lines), key=new_key())
    listed = next(invoice for invoice in scene.everything(Invoice) if invoice.id == made.id)
    got = scene.account.get(Invoice, made.id)
    for invoice in (made, listed, got):
        assert [line.amount for line in invoice.lines] == [line.amount for line in lines]
        assert len(invoice.raw["lines"]["data"]) == 23


def test_quantities_are_kept_line_by_line(scene: Scene) -> None:
    lines = (
        Line(description="Hours", quantity="3", unit_amount=usd(4_000), amount=usd(12_000)),
        Line(description="Call-out", amount=usd(2_550)),
    )
    made = scene.account.create(replace(scene.invoice_draft(), lines=lines), key=new_key())
    assert [(line.description, line.quantity, line.amount) for line in made.lines] == [
        ("Hours", "3", usd(12_000)),
        ("Call-out", "1", usd(2_550)),
    ]


def test_replacing_lines_keeps_those_that_are_as_wanted(scene: Scene) -> None:
    made = scene.draft_invoice()
    kept_id = made.raw["lines"]["data"][0]["id"]
    lines = (made.lines[0], Line(description="New", amount=usd(700)))
    changed = scene.account.update(made.id, InvoiceDraft(lines=lines), version=None, key=new_key())
    assert changed.raw["lines"]["data"][0]["id"] == kept_id
    assert changed.total == usd(10_700)


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.SERVER_ERROR])
def test_whichever_request_of_a_line_change_fails_the_lines_end_as_wanted(scene: Scene, harness: Harness, fault: Fault) -> None:
    priced = Line(description="Hours", quantity="2", unit_amount=usd(50), amount=usd(100))
    wanted = InvoiceDraft(lines=(Line(description="A", amount=usd(1)), priced), description="Changed")
    for nth in range(1, 10):
        made, key = scene.draft_invoice(), new_key()
        gate = FaultyGate(harness, fault, nth)
        try:
            harness.account(gate).update(made.id, wanted, version=None, key=key)
        except Transient:
            scene.account.update(made.id, wanted, version=None, key=key)
        except OutcomeUnknown:
            scene.account.update(made.id, wanted, version=None, key=new_key())
        found = scene.account.get(Invoice, made.id)
        assert sorted((line.description, line.amount.minor_units) for line in found.lines) == [("A", 1), ("Hours", 100)]
        if not gate.struck:
            return
    raise AssertionError("one update takes more than nine requests")


def test_open_invoices_are_drafts_open_and_uncollectible_ones(scene: Scene, harness: Harness) -> None:
    draft, opened, lost, paid = scene.draft_invoice(), open_invoice(scene), open_invoice(scene), open_invoice(scene)
    harness.act("mark_uncollectible", invoice_id=lost.id)
    harness.act("pay_invoice", invoice_id=paid.id)
    listed = [invoice.id for invoice in scene.everything(Invoice, open_only=True)]
    assert {draft.id, opened.id, lost.id} <= set(listed)
    assert paid.id not in listed
    assert len(listed) == len(set(listed))


def test_records_made_while_a_list_is_read_shift_nothing(scene: Scene, harness: Harness) -> None:
    before = set(harness.seed(Customer, 120))
    first = scene.account.list(Customer)
    harness.seed(Customer, 7)
    second = scene.account.list(Customer, cursor=first.next_cursor)
    seen = [customer.id for customer in (*first.records, *second.records)]
    assert before <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_cursor_whose_record_is_gone_has_expired(scene: Scene, harness: Harness) -> None:
    doomed = scene.draft_invoice()
    scene.perform(Verb.DELETE, doomed)
    with pytest.raises(CursorExpired):
        scene.account.list(Invoice, cursor=doomed.id)


def test_a_window_in_the_past_is_empty(scene: Scene, harness: Harness) -> None:
    harness.seed(Customer, 1)
    old = Window(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2020, 2, 1, tzinfo=UTC))
    for kind in (Customer, Invoice, Payment, Refund):
        assert everything_within(scene, kind, old) == []


def everything_within(scene: Scene, kind: type[Record], window: Window) -> list[Record]:
    return scene.everything(kind, created=window)


def test_saved_methods_of_the_whole_account_are_not_listed(scene: Scene, harness: Harness) -> None:
    [id] = harness.seed(PaymentMethod, 1)
    assert scene.account.get(PaymentMethod, id).last4 == "4242"
    with pytest.raises(Unsupported):
        scene.account.list(PaymentMethod)


def test_a_refund_of_a_charge_belongs_to_its_payment(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    charge_id = scene.account.get(Payment, payment_id).charge_id
    assert charge_id is not None
    made = scene.account.create(RefundDraft(payment_id=charge_id, amount=usd(100), reason="Too late"), key=new_key())
    assert (made.payment_id, made.reason) == (payment_id, "Too late")


# --- getting in and out ---


def test_a_pasted_key_opens_its_own_account(harness: Harness) -> None:
    credentials = harness.provider.credentials_from_key(f"  {harness.own_key}\n")
    assert (credentials.account_id, credentials.kind, credentials.live) == (harness.account_id, "key", False)
    account = harness.provider.account(credentials, gate=OpenGate())
    assert account.describe().account_id == harness.account_id
    [seeded] = harness.seed(Customer, 1)
    assert account.get(Customer, seeded).id == seeded
    harness.provider.revoke(credentials)
    assert harness.own_key not in repr(credentials)


def test_a_pasted_keys_endpoint_hears_its_own_account(harness: Harness) -> None:
    credentials = harness.provider.credentials_from_key(harness.own_key)
    account = harness.provider.account(credentials, gate=OpenGate())
    made = account.create(EndpointDraft(url=harness.url, event_types=frozenset(["customer.updated"])), key=new_key())
    assert made.secret
    delivered = harness.real_delivery()
    account.perform(Verb.DELETE, Endpoint, made.id, version=None, key=new_key())
    assert harness.handler.events(delivered.body, own_account_id=harness.account_id)[0].account_id == harness.account_id


@pytest.mark.parametrize(
    "key", ["", "pk_test_1", "sk_live_sandboxPlatformLive0000000001", "sk_test_unknown_key_of_nobody_at_all"]
)
def test_a_key_that_cannot_be_used_is_rejected_without_being_repeated(harness: Harness, key: str) -> None:
    with pytest.raises(Rejected) as rejected:
        harness.provider.credentials_from_key(key)
    assert not key or key not in str(rejected.value)


def test_a_revoked_key_ends_the_integration(harness: Harness) -> None:
    credentials = replace(harness.provider.credentials_from_key(harness.own_key), access_token="sk_test_revoked_meanwhile_000")
    with pytest.raises(IntegrationRevoked):
        harness.provider.account(credentials, gate=OpenGate()).describe()


def test_our_own_wrong_key_makes_work_wait_and_ends_nothing(harness: Harness) -> None:
    ours = StripeProvider.from_env(harness.twin.environment() | {"STRIPE_SECRET_KEY": "sk_test_wrong_key_of_ours_00000"})
    with pytest.raises(Transient) as failed:
        ours.account(harness.credentials, gate=OpenGate()).describe()
    assert "STRIPE_SECRET_KEY" in failed.value.detail
    assert "wrong_key" not in str(failed.value)


def test_a_wrong_client_id_does_not_pass_for_a_disconnection(harness: Harness) -> None:
    ours = StripeProvider.from_env(harness.twin.environment() | {"STRIPE_CLIENT_ID": "ca_of_somebody_else"})
    with pytest.raises(Rejected):
        ours.revoke(harness.credentials)
    assert harness.account().describe().account_id == harness.account_id


def test_credentials_remember_scope_mode_and_tokens(harness: Harness) -> None:
    got = harness.provider.exchange(harness.new_callback("s"), grant_for(harness.provider, "s"))
    assert (got.account_id, got.scopes, got.live, got.kind) == (harness.account_id, frozenset(["read_write"]), False, "oauth")
    harness.credentials = got


def test_an_unconfigured_provider_says_what_is_missing() -> None:
    provider = StripeProvider.from_env({})
    assert (provider.configured, provider.live) == (False, False)
    with pytest.raises(ProviderError) as refused:
        provider.platform(gate=OpenGate())
    assert "STRIPE_SECRET_KEY" in refused.value.detail


def test_both_spellings_of_the_webhook_secret_are_read() -> None:
    provider = StripeProvider.from_env({"STRIPE_WEBHOOK_SECRETS": "whsec_a, whsec_b", "STRIPE_WEBHOOK_SECRET": "whsec_c"})
    assert provider.settings.webhook_secrets == ("whsec_a", "whsec_b", "whsec_c")
    assert "whsec_a" not in repr(provider.settings)


# --- endpoints and events ---


def test_a_real_delivery_of_the_connect_endpoint_verifies_and_names_its_account(harness: Harness) -> None:
    delivered = harness.real_delivery()
    for secret in harness.secrets:
        assert harness.handler.verify(delivered, [secret], url=harness.url) is secret
    [event] = harness.handler.events(delivered.body)
    assert (event.account_id, event.kind, event.partial) == (harness.account_id, Customer, False)


def test_the_platforms_endpoint_pins_our_version(harness: Harness) -> None:
    platform = harness.provider.platform(gate=OpenGate())
    made = platform.create(harness.handler.wanted_endpoint("https://hub.example/pinned"), key=new_key())
    assert made.api_version == API_VERSION
    platform.perform(Verb.DELETE, Endpoint, made.id, version=None, key=new_key())


def test_rotating_an_endpoint_leaves_the_old_one_until_it_is_deleted(harness: Harness) -> None:
    platform = harness.provider.platform(gate=OpenGate())
    old = platform.create(EndpointDraft(url="https://hub.example/r", event_types=frozenset(["invoice.paid"])), key=new_key())
    new = platform.perform(Verb.ROTATE, Endpoint, old.id, version=None, key=new_key())
    assert (new.url, new.event_types, new.api_version) == (old.url, old.event_types, old.api_version)
    assert new.id != old.id
    assert platform.get(Endpoint, old.id).active
    for endpoint in (old, new):
        platform.perform(Verb.DELETE, Endpoint, endpoint.id, version=None, key=new_key())


def test_the_feed_tells_everything_since_a_moment_over_all_pages(scene: Scene, harness: Harness) -> None:
    since = scene.account.get(Customer, scene.customer().id).as_of - timedelta(seconds=1)
    customers = set(harness.seed(Customer, 110))
    invoice = open_invoice(scene)
    harness.act("pay_invoice", invoice_id=invoice.id)
    events: list[Event] = []
    cursor: str | None = None
    while True:
        page = harness.provider.missed_events(harness.credentials, since=since, cursor=cursor, gate=OpenGate())
        events += page.events
        cursor = page.next_cursor
        if cursor is None:
            break
    assert customers <= {event.record_id for event in events if event.event_type == "customer.created"}
    types = {event.event_type for event in events if invoice.id in (event.record_id, *getattr(event.snapshot, "invoice_ids", ()))}
    assert {"invoice.created", "invoice.finalized", "invoice.paid", "invoice_payment.paid"} <= types
    assert "payment_intent.succeeded" in {event.event_type for event in events}
    assert len({event.id for event in events}) == len(events)
    assert {event.account_id for event in events} == {harness.account_id}


def test_our_own_writes_carry_our_key_in_their_events(scene: Scene, harness: Harness) -> None:
    key = new_key()
    made = scene.account.create(scene.customer_draft(), key=key)
    since = made.as_of - timedelta(seconds=2)
    page = harness.provider.missed_events(harness.credentials, since=since, gate=OpenGate())
    assert [event.idempotency_key for event in page.events if event.record_id == made.id] == [key]


def test_the_writes_of_one_call_have_keys_of_their_own(scene: Scene, harness: Harness) -> None:
    key = new_key()
    scene.account.create(scene.invoice_draft(), key=key)
    keys = [entry["idempotency_key"] for entry in harness.twin.requests() if (entry["idempotency_key"] or "").startswith(key)]
    assert keys[0] == key
    assert len(set(keys)) == 2
    assert max(len(one) for one in keys) <= 45
