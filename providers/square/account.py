"""What can be asked of one connected seller, and of our own application."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.contract import Account, Profile, Support, Verb
from providers.errors import Unsupported
from providers.records import (
    CatalogItem,
    Customer,
    CustomerDraft,
    Dispute,
    DisputeDraft,
    Draft,
    Endpoint,
    EndpointDraft,
    InventoryCount,
    Invoice,
    InvoiceDraft,
    JsonObject,
    Location,
    Page,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentMethodDraft,
    Payout,
    PayoutEntry,
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
from providers.square.resources.cards import Cards
from providers.square.resources.catalog import Catalog, Inventory
from providers.square.resources.customers import Customers
from providers.square.resources.disputes import Disputes
from providers.square.resources.endpoints import Endpoints
from providers.square.resources.invoices import Invoices
from providers.square.resources.locations import Locations
from providers.square.resources.payment_links import PaymentLinks
from providers.square.resources.payments import Payments, Refunds
from providers.square.resources.payouts import PayoutEntries, Payouts
from providers.square.resources.subscriptions import Subscriptions
from providers.square.resources.terminal import TerminalCheckouts
from providers.square.wire import Wire

_READ = frozenset([Verb.LIST, Verb.GET])

SELLER: Mapping[type[Record], Support] = {
    Customer: Support(_READ | {Verb.CREATE, Verb.UPDATE, Verb.DELETE}, keyed=frozenset([Verb.CREATE])),
    Invoice: Support(
        _READ | {Verb.CREATE, Verb.UPDATE, Verb.PUBLISH, Verb.SEND, Verb.VOID, Verb.DELETE},
        keyed=frozenset([Verb.CREATE, Verb.UPDATE, Verb.PUBLISH]),
    ),
    Payment: Support(_READ | {Verb.CREATE}, keyed=frozenset([Verb.CREATE])),
    Refund: Support(_READ | {Verb.CREATE}, keyed=frozenset([Verb.CREATE])),
    Location: Support(_READ),
    PaymentMethod: Support(_READ | {Verb.CREATE, Verb.DELETE}, keyed=frozenset([Verb.CREATE])),
    PaymentLink: Support(_READ | {Verb.CREATE, Verb.CANCEL}, keyed=frozenset([Verb.CREATE])),
    Subscription: Support(
        _READ | {Verb.CREATE, Verb.UPDATE, Verb.CANCEL, Verb.PAUSE, Verb.RESUME}, keyed=frozenset([Verb.CREATE])
    ),
    # The evidence texts of an update are keyed, the removal of those they replace is not.
    Dispute: Support(_READ | {Verb.UPDATE, Verb.SUBMIT, Verb.ACCEPT}),
    Payout: Support(_READ),
    PayoutEntry: Support(frozenset([Verb.LIST]), listed_within=Payout),
    CatalogItem: Support(_READ),
    InventoryCount: Support(frozenset([Verb.LIST])),
    TerminalCheckout: Support(_READ | {Verb.CREATE, Verb.CANCEL}, keyed=frozenset([Verb.CREATE])),
}
APPLICATION: Mapping[type[Record], Support] = {
    Endpoint: Support(_READ | {Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.ROTATE}, keyed=frozenset([Verb.CREATE, Verb.ROTATE])),
}
_DRAFTS: Mapping[type[Draft[Any]], type[Record]] = {
    CustomerDraft: Customer,
    InvoiceDraft: Invoice,
    PaymentDraft: Payment,
    RefundDraft: Refund,
    SubscriptionDraft: Subscription,
    DisputeDraft: Dispute,
    PaymentLinkDraft: PaymentLink,
    PaymentMethodDraft: PaymentMethod,
    TerminalCheckoutDraft: TerminalCheckout,
    EndpointDraft: Endpoint,
}


class SquareAccount(Account):
    """`supported`: SELLER for a seller's token, APPLICATION for the application owner's. Locations are read once per object,
    so make a new one for each piece of work."""

    def __init__(self, wire: Wire, supported: Mapping[type[Record], Support]) -> None:
        self._supported = supported
        self._locations = Locations(wire)
        self._resources: dict[type[Record], Any] = {
            Customer: Customers(wire),
            Invoice: Invoices(wire, self._locations),
            Payment: Payments(wire, self._locations),
            Refund: Refunds(wire),
            Location: self._locations,
            PaymentMethod: Cards(wire),
            PaymentLink: PaymentLinks(wire, self._locations),
            Subscription: Subscriptions(wire, self._locations),
            Dispute: Disputes(wire),
            Payout: Payouts(wire, self._locations),
            PayoutEntry: PayoutEntries(wire),
            CatalogItem: Catalog(wire),
            InventoryCount: Inventory(wire),
            TerminalCheckout: TerminalCheckouts(wire),
            Endpoint: Endpoints(wire),
        }

    def describe(self) -> Profile:
        merchant = self._locations.merchant(fresh=True)
        return Profile(
            account_id=merchant.get("id") or "",
            name=merchant.get("business_name") or "",
            country=merchant.get("country") or "",
            currency=merchant.get("currency") or "",
        )

    def list(
        self,
        kind: type[R],
        *,
        created: Window | None = None,
        changed_since: datetime | None = None,
        cursor: str | None = None,
        open_only: bool = False,
        parent_id: str | None = None,
    ) -> Page[R]:
        resource = self._resource(Verb.LIST, kind)
        self._supported[kind].check_parent(kind, parent_id)
        within = {} if parent_id is None else {"parent_id": parent_id}
        page: Page[R] = resource.list(created=created, changed_since=changed_since, cursor=cursor, open_only=open_only, **within)
        return page

    def get(self, kind: type[R], id: str) -> R:
        record: R = self._resource(Verb.GET, kind).get(id)
        return record

    def create(self, draft: Draft[R], *, key: str) -> R:
        record: R = self._resource(Verb.CREATE, _kind_of(draft)).create(draft, key=key)
        return record

    def update(self, id: str, draft: Draft[R], *, version: str | None, key: str) -> R:
        record: R = self._resource(Verb.UPDATE, _kind_of(draft)).update(id, draft, version=version, key=key)
        return record

    def perform(
        self,
        verb: Verb,
        kind: type[R],
        id: str,
        *,
        options: JsonObject | None = None,
        version: str | None,
        key: str,
    ) -> R:
        record: R = self._resource(verb, kind).perform(verb, id, version=version, key=key)
        return record

    def find_by_reference(self, kind: type[R], reference: str) -> R | None:
        """Square's lists and searches lag behind its writes (customers by up to a minute), so None soon after a write proves
        nothing. No unclear create depends on it: they are keyed, and end as Transient."""
        if kind not in (Customer, Invoice, Payment):
            raise Unsupported(f"Square cannot look up a {kind.__name__.lower()} by our reference")
        record: R | None = self._resource(Verb.LIST, kind).find_by_reference(reference)
        return record

    def _resource(self, verb: Verb, kind: type[Record]) -> Any:
        """Raises Unsupported before any request."""
        support = self._supported.get(kind)
        if support is None or verb not in support.verbs:
            raise Unsupported(f"Square has no {verb} of a {kind.__name__.lower()} here")
        return self._resources[kind]


def _kind_of(draft: Draft[Any]) -> type[Record]:
    kind = _DRAFTS.get(type(draft))
    if kind is None:
        raise Unsupported(f"Square cannot write from {type(draft).__name__}")
    return kind
