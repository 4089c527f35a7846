"""What other tests rely on in the fake provider beyond the contract suite: time, sharing, the merchant's hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.contract import Account, Credentials, OpenGate, Verb
from providers.errors import ActionRequired, CredentialsExpired, Declined, IntegrationRevoked, Rejected
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld, Merchant
from providers.records import (
    Customer,
    CustomerDraft,
    Effect,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    Money,
    Payment,
    PaymentDraft,
    RefundDraft,
)
from tests.contract.harness import grant_for


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Shop:
    """A connected account in a world whose clock stands still until a test moves it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = FakeWorld(now=self.clock.now, page_size=10)
        self.provider = FakeProvider(self.world)
        self.merchant = Merchant(self.world, self.world.create_account())
        self.credentials = self.connect()

    def connect(self) -> Credentials:
        grant = grant_for(self.provider, "state")
        page = self.provider.authorization_url(grant)
        return self.provider.exchange(self.world.consent(page, self.merchant.account_id), grant)

    @property
    def account(self) -> Account:
        return self.provider.account(self.credentials, gate=OpenGate())


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_two_providers_from_the_environment_share_one_world() -> None:
    env: Mapping[str, str] = {}
    assert FakeProvider.from_env(env).world is FakeProvider.from_env(env).world


def test_two_worlds_know_nothing_of_each_other(shop: Shop) -> None:
    stranger = Shop()
    customer = shop.merchant.add_customer()
    assert stranger.account.list(Customer).records == ()
    assert [found.id for found in shop.account.list(Customer).records] == [customer]


def test_code_older_than_five_minutes_is_rejected(shop: Shop) -> None:
    grant = grant_for(shop.provider, "late")
    callback = shop.world.consent(shop.provider.authorization_url(grant), shop.merchant.account_id)
    shop.clock.moment += timedelta(minutes=6)
    with pytest.raises(Rejected):
        shop.provider.exchange(callback, grant)


def test_code_taken_by_somebody_without_the_verifier_is_worth_nothing(shop: Shop) -> None:
    grant = grant_for(shop.provider, "stolen")
    callback = shop.world.consent(shop.provider.authorization_url(grant), shop.merchant.account_id)
    with pytest.raises(Rejected):
        shop.provider.exchange(callback, replace(grant, code_verifier="another-verifier-of-another-browser-session-1"))


def test_access_token_expires_after_thirty_days_and_a_refresh_mends_it(shop: Shop) -> None:
    shop.clock.moment += timedelta(days=31)
    with pytest.raises(CredentialsExpired):
        shop.account.describe()
    shop.credentials = shop.provider.refresh(shop.credentials)
    assert shop.account.describe().account_id == shop.merchant.account_id


def test_pasted_key_opens_the_account_until_it_is_revoked(shop: Shop) -> None:
    credentials = shop.provider.credentials_from_key(shop.world.access.new_key(shop.merchant.account_id))
    assert (credentials.kind, credentials.account_id) == ("key", shop.merchant.account_id)
    shop.provider.revoke(credentials)
    with pytest.raises(IntegrationRevoked):
        shop.provider.account(credentials, gate=OpenGate()).describe()
    assert shop.account.describe(), "the OAuth grant is another one"


def test_records_of_one_moment_are_all_listed_page_by_page(shop: Shop) -> None:
    made = {shop.merchant.add_customer() for _ in range(25)}
    listed: list[str] = []
    cursor = None
    while True:
        page = shop.account.list(Customer, changed_since=shop.clock.moment, cursor=cursor)
        listed += [customer.id for customer in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(listed) == sorted(made)


def test_record_changed_while_pages_are_read_is_not_missed(shop: Shop) -> None:
    made = [shop.merchant.add_customer() for _ in range(15)]
    first = shop.account.list(Customer, changed_since=shop.clock.moment)
    shop.clock.moment += timedelta(seconds=1)
    shop.merchant.edit("customer", made[0], family_name="Changed")
    second = shop.account.list(Customer, changed_since=shop.clock.moment - timedelta(seconds=1), cursor=first.next_cursor)
    assert second.records[-1].id == made[0]
    assert {record.id for record in first.records + second.records} == set(made)


def test_payer_pays_in_two_parts_and_gets_part_back(shop: Shop) -> None:
    invoice = shop.merchant.add_invoice(shop.merchant.add_customer(), 10_000)
    shop.merchant.pay(invoice, 4_000)
    assert shop.account.get(Invoice, invoice).status is InvoiceStatus.PARTIALLY_PAID
    payment = shop.merchant.pay(invoice)
    found = shop.account.get(Invoice, invoice)
    assert (found.status, found.due) == (InvoiceStatus.PAID, Money(0, "USD"))
    assert shop.account.get(Payment, payment).invoice_ids == (invoice,)
    shop.account.create(RefundDraft(payment_id=payment, amount=Money(1_000, "USD")), key="refund")
    assert shop.account.get(Invoice, invoice).status is InvoiceStatus.PARTIALLY_REFUNDED


def test_paying_more_than_is_due_is_rejected(shop: Shop) -> None:
    invoice = shop.merchant.add_invoice(shop.merchant.add_customer(), 10_000)
    draft = PaymentDraft(amount=Money(10_001, "USD"), source="fake_card_ok", invoice_id=invoice)
    with pytest.raises(Rejected):
        shop.account.create(draft, key="too much")
    assert shop.account.get(Invoice, invoice).paid == Money(0, "USD")


@pytest.mark.parametrize(("source", "refusal"), [("fake_card_declined", Declined), ("fake_card_3ds", ActionRequired)])
def test_payer_who_cannot_pay_leaves_no_payment(shop: Shop, source: str, refusal: type[Rejected]) -> None:
    with pytest.raises(refusal):
        shop.account.create(PaymentDraft(amount=Money(500, "USD"), source=source), key="refused")
    assert shop.account.list(Payment).records == ()


def test_refused_write_may_be_corrected_under_the_same_key(shop: Shop) -> None:
    """Refusals are not kept under a key."""
    with pytest.raises(Rejected):
        shop.account.create(CustomerDraft(), key="again")
    assert shop.account.create(CustomerDraft(given_name="Ada"), key="again").given_name == "Ada"


def test_merged_customer_is_told_with_the_survivor(shop: Shop) -> None:
    gone, kept = shop.merchant.add_customer(), shop.merchant.add_customer()
    shop.merchant.merge_customers(gone, kept)
    last = shop.provider.missed_events(shop.credentials, since=shop.clock.moment, gate=OpenGate()).events[-1]
    assert (last.effect, last.record_id, last.merged_into) == (Effect.MERGED, gone, kept)


def test_event_of_our_write_carries_our_key_and_the_merchants_none(shop: Shop) -> None:
    made = shop.account.create(CustomerDraft(given_name="Ada"), key="ph1ours")
    shop.merchant.edit("customer", made.id, given_name="Augusta")
    events = shop.provider.missed_events(shop.credentials, since=shop.clock.moment, gate=OpenGate()).events
    keys = [event.idempotency_key for event in events if event.record_id == made.id]
    assert keys == ["ph1ours", None]


def test_snapshot_of_an_old_event_stays_old(shop: Shop) -> None:
    made = shop.account.create(CustomerDraft(given_name="Ada"), key="first")
    shop.merchant.edit("customer", made.id, given_name="Augusta")
    events = shop.provider.missed_events(shop.credentials, since=shop.clock.moment, gate=OpenGate()).events
    names = [event.snapshot.given_name for event in events if isinstance(event.snapshot, Customer)]
    assert names == ["Ada", "Augusta"]


def test_published_invoice_keeps_its_lines(shop: Shop) -> None:
    invoice = shop.account.get(Invoice, shop.merchant.add_invoice(shop.merchant.add_customer()))
    with pytest.raises(Rejected):
        shop.account.update(invoice.id, InvoiceDraft(lines=()), version=invoice.version, key="lines")
    shop.account.update(invoice.id, InvoiceDraft(description="Allowed"), version=invoice.version, key="text")
    assert shop.account.get(Invoice, invoice.id).description == "Allowed"


def test_disconnected_account_says_so_in_its_last_event(shop: Shop) -> None:
    shop.world.disconnect(shop.merchant.account_id)
    assert shop.world.books(shop.merchant.account_id).events[-1]["type"] == "account.disconnected"
    with pytest.raises(IntegrationRevoked):
        shop.account.perform(Verb.SEND, Invoice, "inv_1", version=None, key="late")
