"""What can be asked of one connected organisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from providers.contract import Account, Profile, Support, Verb
from providers.errors import Rejected, Unsupported
from providers.gocardless import mapping
from providers.gocardless.errors import AlreadyMade, Intent
from providers.gocardless.wire import Answer, Wire, checked_id
from providers.records import (
    Customer,
    CustomerDraft,
    Draft,
    JsonObject,
    Page,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    R,
    Record,
    Refund,
    RefundDraft,
    Window,
)

PAGE_SIZE = 100
REFUNDS_MAX = 500  # the largest page; a payment takes a handful of refunds
OUR_CREATES_REACH = timedelta(days=31)  # a create whose outcome is not known is settled within days
_READ = frozenset([Verb.LIST, Verb.GET])
_CREATE = frozenset([Verb.CREATE])

CAPABILITIES: Mapping[type[Record], Support] = {
    # No event tells of an edited or removed customer (GoCardless docs: event types), and no list by time of change.
    Customer: Support(_READ | {Verb.CREATE, Verb.UPDATE, Verb.DELETE}, keyed=_CREATE, told_by_events=False),
    Payment: Support(_READ | _CREATE, keyed=_CREATE),
    Refund: Support(_READ | _CREATE, keyed=_CREATE),
    PaymentMethod: Support(_READ),
    PaymentLink: Support(frozenset([Verb.GET, Verb.CREATE, Verb.CANCEL]), keyed=_CREATE),
}
RESOURCES: Mapping[type[Record], tuple[str, Callable[..., Record]]] = {
    Customer: ("customers", mapping.customer),
    Payment: ("payments", mapping.payment),
    Refund: ("refunds", mapping.refund),
    PaymentMethod: ("mandates", mapping.mandate),
    PaymentLink: ("billing_requests", mapping.link),
}
DRAFTS: Mapping[type[Draft[Any]], type[Record]] = {
    CustomerDraft: Customer,
    PaymentDraft: Payment,
    RefundDraft: Refund,
    PaymentLinkDraft: PaymentLink,
}


class GoCardlessAccount(Account):
    """`account_id` is the organisation; its API does not say it, the consent did."""

    def __init__(self, wire: Wire, account_id: str) -> None:
        self._wire = wire
        self._account_id = account_id

    def describe(self) -> Profile:
        found = self._wire.send(Intent.READ, "GET", "/creditors", params={"limit": "1"}).data.get("creditors") or [{}]
        return Profile(
            account_id=self._account_id,
            name=found[0].get("name") or self._account_id,
            country=found[0].get("country_code") or "",
            currency=mapping.home_currency(found[0]),
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
        """Newest first. `changed_since` cannot be asked, so it narrows nothing."""
        path, read = _resource(Verb.LIST, kind)
        CAPABILITIES[kind].check_parent(kind, parent_id)
        params = {"limit": str(PAGE_SIZE)}
        if created is not None:
            params["created_at[gte]"] = mapping.stamp(created.since)
            if created.until is not None:
                params["created_at[lt]"] = mapping.stamp(created.until + timedelta(milliseconds=1))
        if cursor is not None:
            params["after"] = cursor
        answer = self._wire.send(Intent.CONTINUE if cursor else Intent.READ, "GET", f"/{path}", params=params)
        records = tuple(read(raw, as_of=answer.as_of) for raw in answer.data.get(path) or ())
        return Page(records=cast(tuple[R, ...], records), next_cursor=next_cursor(answer))

    def get(self, kind: type[R], id: str) -> R:
        path, read = _resource(Verb.GET, kind)
        raw, as_of = self._one(path, id)
        return cast(R, self._link(raw, as_of, None) if kind is PaymentLink else read(raw, as_of=as_of))

    def create(self, draft: Draft[R], *, key: str) -> R:
        kind = _kind_of(draft)
        path, read = _resource(Verb.CREATE, kind)
        if isinstance(draft, RefundDraft):
            raw, as_of = self._refund(draft, key)
        else:
            raw, as_of = self._make(path, _FIELDS[type(draft)](draft), key)
        return cast(R, self._link(raw, as_of, draft) if isinstance(draft, PaymentLinkDraft) else read(raw, as_of=as_of))

    def update(self, id: str, draft: Draft[R], *, version: str | None, key: str) -> R:
        path, read = _resource(Verb.UPDATE, _kind_of(draft))
        assert isinstance(draft, CustomerDraft)
        body = {path: mapping.customer_fields(draft, clearing=True)}
        answer = self._wire.send(Intent.REPEATABLE, "PUT", f"/{path}/{checked_id(id)}", body=body)
        return cast(R, read(answer.data.get(path) or {}, as_of=answer.as_of))

    def perform(
        self, verb: Verb, kind: type[R], id: str, *, options: JsonObject | None = None, version: str | None, key: str
    ) -> R:
        path, read = _resource(verb, kind)
        if verb is Verb.DELETE:
            answer = self._wire.send(Intent.REPEATABLE, "DELETE", f"/{path}/{checked_id(id)}")
            return cast(R, read(answer.data.get(path) or {"id": id}, as_of=answer.as_of, deleted=True))
        if verb is not Verb.CANCEL:
            raise Unsupported(f"{verb} has a method of its own")
        answer = self._wire.send(Intent.ONCE, "POST", f"/{path}/{checked_id(id)}/actions/cancel", body={"data": {}})
        return cast(R, read(answer.data.get(path) or {}, as_of=answer.as_of))

    def find_by_reference(self, kind: type[R], reference: str) -> R | None:
        """Among the newest; GoCardless cannot look for metadata. No unclear create depends on it: they are keyed."""
        if kind not in (Customer, Payment):
            raise Unsupported(f"GoCardless keeps no reference of ours on a {kind.__name__.lower()}")
        cursor = None
        while True:
            page = self.list(kind, cursor=cursor)
            for record in page.records:
                if getattr(record, "reference", None) == reference:
                    return record
                if record.created_at is not None and record.as_of - record.created_at > OUR_CREATES_REACH:
                    return None
            cursor = page.next_cursor
            if cursor is None:
                return None

    def _one(self, path: str, id: str) -> tuple[dict[str, Any], datetime]:
        answer = self._wire.send(Intent.READ, "GET", f"/{path}/{checked_id(id)}")
        return answer.data.get(path) or {}, answer.as_of

    def _make(
        self, path: str, fields: dict[str, Any], key: str, more: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], datetime]:
        """What this key has made, now or before. `more`: fields that may differ from try to try."""
        try:
            answer = self._wire.send(Intent.CREATE, "POST", f"/{path}", body={path: {**fields, **(more or {})}}, key=key)
        except AlreadyMade as before:
            raw, as_of = self._one(path, before.id)
            return _same(fields, raw), as_of
        return answer.data.get(path) or {}, answer.as_of

    def _refund(self, draft: RefundDraft, key: str) -> tuple[dict[str, Any], datetime]:
        """A refund names the sum of all refunds of its payment, so they are read first. It is not documented whether a repeated
        key is noticed before that sum is checked, so ours is looked for among them."""
        fields = mapping.refund_fields(draft, key=key)
        params = {"payment": checked_id(draft.payment_id), "limit": str(REFUNDS_MAX)}
        answer = self._wire.send(Intent.READ, "GET", "/refunds", params=params)
        others = answer.data.get("refunds") or []
        for raw in others:
            if (raw.get("metadata") or {}).get(mapping.KEY) == key:
                return _same(fields, raw), answer.as_of
        gone = ("cancelled", "bounced", "funds_returned")
        total = draft.amount.minor_units + sum(raw["amount"] for raw in others if raw.get("status") not in gone)
        return self._make("refunds", fields, key, {"total_amount_confirmation": total})

    def _link(self, raw: dict[str, Any], as_of: datetime, draft: PaymentLinkDraft | None) -> PaymentLink:
        """A flow is a door into the request: it lives for a week and is told once, so each look opens another one."""
        if raw.get("status") in ("pending", "ready_to_fulfil"):
            body = {"billing_request_flows": mapping.flow_fields(raw["id"], draft)}
            flow = self._wire.send(Intent.REPEATABLE, "POST", "/billing_request_flows", body=body)
            return mapping.link(raw, as_of=as_of, flow=flow.data.get("billing_request_flows") or {})
        payment_id = (raw.get("links") or {}).get("payment_request_payment")
        return mapping.link(raw, as_of=as_of, paid=self.get(Payment, payment_id) if payment_id else None)


_FIELDS: Mapping[type[Draft[Any]], Callable[[Any], dict[str, Any]]] = {
    CustomerDraft: lambda draft: mapping.customer_fields(draft, clearing=False),
    PaymentDraft: mapping.payment_fields,
    PaymentLinkDraft: mapping.link_fields,
}


def next_cursor(answer: Answer) -> str | None:
    cursor = ((answer.data.get("meta") or {}).get("cursors") or {}).get("after")
    return str(cursor) if cursor else None


def _same(fields: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    if mapping.is_other_draft(fields, raw):
        raise Rejected("The same request key was sent with different content.", code="idempotency_key_reused")
    return raw


def _kind_of(draft: Draft[Any]) -> type[Record]:
    if type(draft) not in DRAFTS:
        raise Unsupported(f"GoCardless cannot write from {type(draft).__name__}")
    return DRAFTS[type(draft)]


def _resource(verb: Verb, kind: type[Record]) -> tuple[str, Callable[..., Record]]:
    """Its path and how it is read. Raises Unsupported before any request."""
    support = CAPABILITIES.get(kind)
    if support is None or verb not in support.verbs:
        raise Unsupported(f"GoCardless has no {verb} of a {kind.__name__.lower()} here")
    return RESOURCES[kind]
