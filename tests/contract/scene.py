"""The words in which the suite's cases are told: drafts that any provider takes, and ways to reach a wanted state."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from providers import records
from providers.contract import Account, OpenGate, Verb
from providers.records import (
    Address,
    BillingPortal,
    BillingPortalDraft,
    Customer,
    CustomerDraft,
    Draft,
    Endpoint,
    Interval,
    Invoice,
    InvoiceDraft,
    Line,
    Location,
    Money,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    R,
    Record,
    Refund,
    RefundDraft,
    Subscription,
    SubscriptionDraft,
    TerminalCheckout,
    TerminalCheckoutDraft,
    Window,
)
from tests.contract.harness import Harness

# Not Record.__subclasses__(): a dataclass with slots is made twice, and the first one lingers there.
KINDS: tuple[type[Record], ...] = tuple(
    sorted(
        (kind for kind in vars(records).values() if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record),
        key=lambda kind: kind.__name__,
    )
)
MOST_PAGES = 200


def new_key() -> str:
    """As the hub makes them: "ph1" and 128 bits in base32."""
    return "ph1" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def new_reference() -> str:
    return f"suite-{secrets.token_hex(6)}"


class Scene:
    """One provider's account during one case."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.provider = harness.provider
        self.account = harness.account()

    def door(self, kind: type[Record]) -> Account:
        """Where a kind is asked for: webhook endpoints belong to our application, all else to the merchant."""
        return self.provider.platform(gate=OpenGate()) if kind is Endpoint else self.account

    @property
    def currency(self) -> str:
        return self.account.describe().currency or "USD"

    def money(self, minor_units: int) -> Money:
        return Money(minor_units, self.currency)

    # --- drafts ---

    def customer_draft(self, *, reference: str | None = None) -> CustomerDraft:
        return CustomerDraft(
            given_name="Grace",
            family_name="Hopper",
            email=f"grace-{secrets.token_hex(4)}@example.com",
            phone="+12025550143",
            address=Address(line1="1 Main St", city="Arlington", region="VA", postal_code="22201", country="US"),
            reference=reference,
        )

    def invoice_draft(self, *, reference: str | None = None) -> InvoiceDraft:
        return InvoiceDraft(
            customer_id=self.customer().id,
            currency=self.currency,
            lines=(
                Line(description="Pipe repair", amount=self.money(10_000)),
                Line(description="Call-out", amount=self.money(2_550)),
            ),
            due_on=date(2035, 6, 30),
            description="Work of May",
            reference=reference,
        )

    def payment_draft(self, *, reference: str | None = None) -> PaymentDraft:
        [source] = self.harness.seed(PaymentMethod, 1)
        method = self.account.get(PaymentMethod, source)
        return PaymentDraft(amount=self.money(4_200), source=source, customer_id=method.customer_id, reference=reference)

    def refund_draft(self) -> RefundDraft:
        [payment_id] = self.harness.seed(Payment, 1)
        amount = self.account.get(Payment, payment_id).amount
        return RefundDraft(payment_id=payment_id, amount=Money(amount.minor_units // 2, amount.currency), reason="Too much")

    def endpoint_draft(self) -> Draft[Endpoint]:
        return self.harness.handler.wanted_endpoint(f"https://hub.example/hooks/{secrets.token_hex(4)}")

    def subscription_draft(self) -> SubscriptionDraft:
        """Of an amount and interval, its invoices sent to the customer: what every provider with subscriptions can do."""
        return SubscriptionDraft(
            customer_id=self.customer().id, name="Boiler care", amount=self.money(1_900), interval=Interval.MONTH
        )

    def link_draft(self, *, reference: str | None = None) -> PaymentLinkDraft:
        return PaymentLinkDraft(amount=self.money(7_350), description="Deposit for the boiler", reference=reference)

    def method_draft(self) -> PaymentMethodDraft:
        return PaymentMethodDraft(source=self.harness.new_card_source(), customer_id=self.customer().id)

    def setup_draft(self) -> PaymentMethodSetupDraft:
        return PaymentMethodSetupDraft(customer_id=self.customer().id)

    def portal_draft(self) -> BillingPortalDraft:
        return BillingPortalDraft(customer_id=self.customer().id, return_url="https://hub.example/back")

    def checkout_draft(self, *, reference: str | None = None) -> TerminalCheckoutDraft:
        return TerminalCheckoutDraft(amount=self.money(3_150), device_id=self.harness.device_id, note="Tap", reference=reference)

    def draft(self, kind: type[Record]) -> Draft[Any]:
        makers: dict[type[Record], Callable[[], Draft[Any]]] = {
            Customer: self.customer_draft,
            Invoice: self.invoice_draft,
            Payment: self.payment_draft,
            Refund: self.refund_draft,
            Subscription: self.subscription_draft,
            PaymentLink: self.link_draft,
            PaymentMethod: self.method_draft,
            PaymentMethodSetup: self.setup_draft,
            BillingPortal: self.portal_draft,
            TerminalCheckout: self.checkout_draft,
            Endpoint: self.endpoint_draft,
        }
        return makers[kind]()

    # --- records in a state ---

    def customer(self) -> Customer:
        return self.account.create(self.customer_draft(), key=new_key())

    def draft_invoice(self) -> Invoice:
        return self.account.create(self.invoice_draft(), key=new_key())

    def invoice_after(self, *verbs: Verb) -> Invoice:
        invoice = self.draft_invoice()
        for verb in verbs:
            invoice = self.perform(verb, invoice)
        return invoice

    def existing(self, kind: type[R]) -> R:
        """Some record of the kind that can be read."""
        if kind is Location:
            return self.everything(kind)[0]
        if self.provider.supports(Verb.CREATE, kind):
            made: R = self.door(kind).create(self.draft(kind), key=new_key())
            return made
        parent = self.provider.capabilities[kind].listed_within
        if parent is not None:
            return self.everything(kind, parent_id=self.existing(parent).id)[0]
        [id] = self.harness.seed(kind, 1)
        if self.provider.supports(Verb.GET, kind):
            return self.door(kind).get(kind, id)
        [found] = [record for record in self.everything(kind) if record.id == id]
        return found

    def parent_id(self, record: Record) -> str | None:
        """Within which record it is listed: `payout_id` of a payout's entry; None for the account's own lists."""
        parent = self.provider.capabilities[type(record)].listed_within
        return None if parent is None else str(getattr(record, f"{parent.__name__.lower()}_id"))

    # --- acts ---

    def perform(self, verb: Verb, record: R) -> R:
        """On the version just seen, as the hub does."""
        kind = type(record)
        result: R = self.door(kind).perform(verb, kind, record.id, version=record.version, key=new_key())
        return result

    def everything(
        self,
        kind: type[R],
        *,
        created: Window | None = None,
        changed_since: datetime | None = None,
        open_only: bool = False,
        parent_id: str | None = None,
    ) -> list[R]:
        """All pages. Fails on a cursor that comes twice."""
        account = self.door(kind)
        found: list[R] = []
        cursors: set[str] = set()
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = account.list(
                kind, created=created, changed_since=changed_since, cursor=cursor, open_only=open_only, parent_id=parent_id
            )
            found += page.records
            cursor = page.next_cursor
            if cursor is None:
                return found
            assert cursor not in cursors, "the same cursor came twice: the listing would never end"
            cursors.add(cursor)
        raise AssertionError(f"more than {MOST_PAGES} pages")
