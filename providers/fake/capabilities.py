"""What the fake provider can do: every kind of the contract, each write under an idempotency key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from providers.contract import Support, Verb
from providers.records import Customer, Endpoint, Invoice, Location, Payment, PaymentMethod, Record, Refund

READ = frozenset([Verb.LIST, Verb.GET])
EDIT = READ | {Verb.CREATE, Verb.UPDATE, Verb.DELETE}
TAKE = READ | {Verb.CREATE}
ISSUE = EDIT | {Verb.PUBLISH, Verb.SEND, Verb.VOID}
REGISTER = EDIT | {Verb.ROTATE}

CAPABILITIES: Mapping[type[Record], Support] = MappingProxyType(
    {
        Customer: Support(EDIT, keyed=EDIT - READ),
        Invoice: Support(ISSUE, keyed=ISSUE - READ),
        Payment: Support(TAKE, keyed=TAKE - READ),
        Refund: Support(TAKE, keyed=TAKE - READ),
        Location: Support(READ),
        PaymentMethod: Support(READ),
        Endpoint: Support(REGISTER, keyed=REGISTER - READ),
    }
)
