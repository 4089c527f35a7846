"""What the fake provider can do: every kind of the contract, each write under an idempotency key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from providers.contract import Support, Verb
from providers.records import (
    BillingPortal,
    CatalogItem,
    Customer,
    Dispute,
    Endpoint,
    InventoryCount,
    Invoice,
    Location,
    Payment,
    PaymentLink,
    PaymentMethod,
    PaymentMethodSetup,
    Payout,
    PayoutEntry,
    Record,
    Refund,
    Subscription,
    TerminalCheckout,
)

READ = frozenset([Verb.LIST, Verb.GET])


def _support(*writes: Verb, reads: frozenset[Verb] = READ, listed_within: type[Record] | None = None) -> Support:
    return Support(reads | set(writes), keyed=frozenset(writes), listed_within=listed_within)


CAPABILITIES: Mapping[type[Record], Support] = MappingProxyType(
    {
        Customer: _support(Verb.CREATE, Verb.UPDATE, Verb.DELETE),
        Invoice: _support(Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.PUBLISH, Verb.SEND, Verb.VOID),
        Payment: _support(Verb.CREATE),
        Refund: _support(Verb.CREATE),
        Subscription: _support(Verb.CREATE, Verb.UPDATE, Verb.CANCEL, Verb.PAUSE, Verb.RESUME),
        Dispute: _support(Verb.UPDATE, Verb.SUBMIT, Verb.ACCEPT),
        Payout: _support(),
        PayoutEntry: _support(reads=frozenset([Verb.LIST]), listed_within=Payout),
        PaymentLink: _support(Verb.CREATE, Verb.CANCEL),
        PaymentMethod: _support(Verb.CREATE, Verb.DELETE),
        PaymentMethodSetup: _support(Verb.CREATE, reads=frozenset([Verb.GET])),
        BillingPortal: _support(Verb.CREATE, reads=frozenset()),
        Location: _support(),
        CatalogItem: _support(),
        InventoryCount: _support(reads=frozenset([Verb.LIST])),
        TerminalCheckout: _support(Verb.CREATE, Verb.CANCEL),
        Endpoint: _support(Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.ROTATE),
    }
)
