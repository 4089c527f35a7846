"""One account of the fake provider as a thing to call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from providers.contract import Account, Gate, Profile, Verb
from providers.errors import Unsupported
from providers.fake import mapping
from providers.fake.capabilities import CAPABILITIES
from providers.fake.transport import Reply, send
from providers.fake.world import FakeWorld
from providers.fake.world.wire import Call
from providers.records import (
    BillingPortal,
    BillingPortalDraft,
    Customer,
    CustomerDraft,
    Dispute,
    DisputeDraft,
    Draft,
    Endpoint,
    EndpointDraft,
    Invoice,
    InvoiceDraft,
    JsonObject,
    Page,
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

WRITTEN: dict[type[Draft[Any]], tuple[type[Record], Callable[[Any], dict[str, Any]]]] = {
    CustomerDraft: (Customer, mapping.customer_fields),
    InvoiceDraft: (Invoice, mapping.invoice_fields),
    PaymentDraft: (Payment, mapping.payment_fields),
    RefundDraft: (Refund, mapping.refund_fields),
    SubscriptionDraft: (Subscription, mapping.subscription_fields),
    DisputeDraft: (Dispute, mapping.dispute_fields),
    PaymentLinkDraft: (PaymentLink, mapping.payment_link_fields),
    PaymentMethodDraft: (PaymentMethod, mapping.payment_method_fields),
    PaymentMethodSetupDraft: (PaymentMethodSetup, mapping.payment_method_setup_fields),
    BillingPortalDraft: (BillingPortal, mapping.billing_portal_fields),
    TerminalCheckoutDraft: (TerminalCheckout, mapping.terminal_checkout_fields),
    EndpointDraft: (Endpoint, mapping.endpoint_fields),
}
REFERENCED = frozenset([Customer, Invoice, Payment, Subscription, PaymentLink, TerminalCheckout])


class FakeAccount(Account):
    def __init__(self, world: FakeWorld, token: str, gate: Gate) -> None:
        self._world = world
        self._token = token
        self._gate = gate

    def describe(self) -> Profile:
        raw = self._send("GET", "/profile").body
        return Profile(account_id=raw["account_id"], name=raw["name"], country=raw["country"], currency=raw["currency"])

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
        _require(Verb.LIST, kind)
        CAPABILITIES[kind].check_parent(kind, parent_id)
        query: dict[str, str] = {} if parent_id is None else {"parent_id": parent_id}
        if created is not None:
            query["created_since"] = created.since.isoformat()
            if created.until is not None:
                query["created_until"] = created.until.isoformat()
        if changed_since is not None:
            query["changed_since"] = changed_since.isoformat()
        if open_only:
            query["open_only"] = "true"
        return self._page(kind, query, cursor)

    def get(self, kind: type[R], id: str) -> R:
        _require(Verb.GET, kind)
        return _record(kind, self._send("GET", f"/{_word(kind)}/{id}"))

    def create(self, draft: Draft[R], *, key: str) -> R:
        kind, fields = _written(Verb.CREATE, draft)
        return _record(kind, self._send("POST", f"/{_word(kind)}", body=fields, key=key))

    def update(self, id: str, draft: Draft[R], *, version: str | None, key: str) -> R:
        kind, fields = _written(Verb.UPDATE, draft)
        return _record(kind, self._send("PATCH", f"/{_word(kind)}/{id}", body={**fields, "version": version}, key=key))

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
        if verb in (Verb.LIST, Verb.GET, Verb.CREATE, Verb.UPDATE):
            raise Unsupported(f"{verb} has a method of its own")
        _require(verb, kind)
        return _record(kind, self._send("POST", f"/{_word(kind)}/{id}/{verb}", body={"version": version}, key=key))

    def find_by_reference(self, kind: type[R], reference: str) -> R | None:
        if kind not in REFERENCED:
            raise Unsupported(f"The fake provider keeps no reference on a {_word(kind)}.")
        found = self._page(kind, {"reference": reference}, None).records
        return found[0] if found else None

    def _page(self, kind: type[R], query: dict[str, str], cursor: str | None) -> Page[R]:
        if cursor is not None:
            query["cursor"] = cursor
        reply = self._send("GET", f"/{_word(kind)}", query=query)
        read = mapping.KINDS[kind][1]
        records = tuple(read(raw, reply.date) for raw in reply.body["records"])
        return Page(records=cast(tuple[R, ...], records), next_cursor=reply.body["cursor"])

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Reply:
        call = Call(method=method, path=path, token=self._token, query=query or {}, body=body or {}, key=key)
        return send(self._world, self._gate, call)


def _require(verb: Verb, kind: type[Record]) -> None:
    support = CAPABILITIES.get(kind)
    if support is None or verb not in support.verbs:
        raise Unsupported(f"The fake provider cannot {verb} a {kind.__name__.lower()}.")


def _written(verb: Verb, draft: Draft[R]) -> tuple[type[R], dict[str, Any]]:
    if type(draft) not in WRITTEN:
        raise Unsupported(f"The fake provider cannot {verb} from {type(draft).__name__}.")
    kind, fields = WRITTEN[type(draft)]
    _require(verb, kind)
    return cast(type[R], kind), fields(draft)


def _word(kind: type[Record]) -> str:
    return mapping.KINDS[kind][0] if kind in mapping.KINDS else kind.__name__.lower()


def _record(kind: type[R], reply: Reply) -> R:
    return cast(R, mapping.KINDS[kind][1](reply.body, reply.date))
