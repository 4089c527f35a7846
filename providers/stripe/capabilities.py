"""What can be done with which kind at Stripe, and where an idempotency key is honoured (every POST; never a DELETE)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.contract import Support, Verb
from providers.records import Customer, Endpoint, Invoice, Payment, PaymentMethod, Record, Refund

_READ: Final = frozenset([Verb.LIST, Verb.GET])


def _support(keyed: set[Verb], *, unkeyed: frozenset[Verb] = frozenset()) -> Support:
    return Support(verbs=_READ | keyed | unkeyed, keyed=frozenset(keyed))


_DELETE: Final = frozenset([Verb.DELETE])

CAPABILITIES: Final[Mapping[type[Record], Support]] = {
    Customer: _support({Verb.CREATE, Verb.UPDATE}, unkeyed=_DELETE),
    Invoice: _support({Verb.CREATE, Verb.UPDATE, Verb.PUBLISH, Verb.SEND, Verb.VOID}, unkeyed=_DELETE),
    Payment: _support({Verb.CREATE}),
    Refund: _support({Verb.CREATE}),
    # Stripe lists saved methods only customer by customer; without one it lists those of the account itself.
    PaymentMethod: Support(verbs=frozenset([Verb.GET])),
    Endpoint: _support({Verb.CREATE, Verb.UPDATE, Verb.ROTATE}, unkeyed=_DELETE),
}
