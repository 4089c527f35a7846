"""What can be done with which kind at Stripe, and where an idempotency key is honoured (every POST; never a DELETE)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.contract import Support, Verb
from providers.records import (
    BillingPortal,
    Customer,
    Dispute,
    Endpoint,
    Invoice,
    Payment,
    PaymentLink,
    PaymentMethod,
    PaymentMethodSetup,
    Payout,
    PayoutEntry,
    Record,
    Refund,
    Subscription,
)

_READ: Final = frozenset([Verb.LIST, Verb.GET])


def _support(
    keyed: set[Verb],
    *,
    unkeyed: frozenset[Verb] = frozenset(),
    read: frozenset[Verb] = _READ,
    within: type[Record] | None = None,
) -> Support:
    return Support(verbs=read | keyed | unkeyed, keyed=frozenset(keyed), listed_within=within)


_DELETE: Final = frozenset([Verb.DELETE])

CAPABILITIES: Final[Mapping[type[Record], Support]] = {
    Customer: _support({Verb.CREATE, Verb.UPDATE}, unkeyed=_DELETE),
    Invoice: _support({Verb.CREATE, Verb.UPDATE, Verb.PUBLISH, Verb.SEND, Verb.VOID}, unkeyed=_DELETE),
    Payment: _support({Verb.CREATE}),
    Refund: _support({Verb.CREATE}),
    # An end at once is a DELETE, an end with the period an update: the weaker of the two is what the verb promises.
    Subscription: _support({Verb.CREATE, Verb.UPDATE, Verb.PAUSE, Verb.RESUME}, unkeyed=frozenset([Verb.CANCEL])),
    Dispute: _support({Verb.UPDATE, Verb.SUBMIT, Verb.ACCEPT}),
    Payout: _support(set()),
    PayoutEntry: _support(set(), read=frozenset([Verb.LIST]), within=Payout),
    PaymentLink: _support({Verb.CREATE, Verb.CANCEL}),
    PaymentMethod: _support({Verb.CREATE, Verb.DELETE}, within=Customer),
    PaymentMethodSetup: _support({Verb.CREATE, Verb.CANCEL}, read=frozenset([Verb.GET])),
    BillingPortal: _support({Verb.CREATE}, read=frozenset()),
    Endpoint: _support({Verb.CREATE, Verb.UPDATE, Verb.ROTATE}, unkeyed=_DELETE),
}
