"""Ways to pay one sum once: payment links and checkout sessions, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from providers.errors import Rejected
from providers.records import Line, LinkStatus, LinkStyle, Money, PaymentLink, PaymentLinkDraft
from providers.stripe.mapping.invoice import is_priced
from providers.stripe.mapping.values import (
    REFERENCE,
    Json,
    Words,
    currency_of,
    identifier,
    metadata_of,
    moment,
    reference_of,
    without_secrets,
)

CANCELED: Final = "payhub_canceled"  # metadata key of a session that we ended: Stripe only says that it has expired
LINES_MAX: Final = 20  # Stripe docs: payment links take no more
HOSTED: Final = frozenset(["hosted_page", "hosted", None])  # the second until 2026-03-25; null in the oldest versions
STATUSES: Final = Words(
    "checkout.session",
    "status",
    {"open": LinkStatus.ACTIVE, "complete": LinkStatus.PENDING, "expired": LinkStatus.EXPIRED},
    LinkStatus.UNKNOWN,
)
_PAID: Final = frozenset(["paid", "no_payment_required"])
_NOT_PAYING: Final = frozenset(["requires_payment_method", "canceled"])


def is_one_payment(raw: Json) -> bool:
    """Sessions also begin subscriptions or only save a card; and those of a payment link are its visits, not links."""
    return raw.get("mode", "payment") == "payment" and raw.get("payment_link") is None


def session(raw: Json, as_of: datetime, **page: str) -> PaymentLink:
    """A checkout session. Complete is not paid: only `payment_status` tells (Stripe docs: checkout/fulfillment)."""
    status = session_status(raw, as_of)
    secret = raw.get("client_secret")
    style: LinkStyle = "checkout" if raw.get("ui_mode") in HOSTED else "embedded"
    return PaymentLink(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        style=style,
        url=raw.get("url") if status is LinkStatus.ACTIVE else None,
        amount=Money(raw.get("amount_total") or 0, currency_of(raw)),
        status=status,
        customer_id=identifier(raw.get("customer")),
        payment_id=identifier(raw.get("payment_intent")),
        client_parameters={"client_secret": secret, **page} if secret and status is LinkStatus.ACTIVE else {},
        expires_at=moment(raw.get("expires_at")),
        reference=reference_of(raw),
    )


def session_status(raw: Json, as_of: datetime) -> LinkStatus:
    """PAID, or PENDING while a bank debit is on its way; EXPIRED once that has failed: the session cannot be used again."""
    status = STATUSES.of(raw.get("status"), as_of)
    if status is LinkStatus.PENDING:
        if raw.get("payment_status") in _PAID:
            return LinkStatus.PAID
        intent = raw.get("payment_intent")
        if intent.__class__ is dict and intent.get("status") in _NOT_PAYING:
            return LinkStatus.EXPIRED
    if status is LinkStatus.EXPIRED and metadata_of(raw).get(CANCELED):
        return LinkStatus.CANCELED
    return status


def payment_link(raw: Json, as_of: datetime, visits: Iterable[Json] = ()) -> PaymentLink:
    """A payment link. `visits`: its completed sessions; one that is paid, or will be, decides. `line_items` expanded."""
    lines: Sequence[Json] = (raw.get("line_items") or {}).get("data") or ()
    found = {session_status(visit, as_of): visit for visit in visits}
    status = LinkStatus.ACTIVE if raw.get("active") is True else LinkStatus.CANCELED
    decided = next((one for one in (LinkStatus.PAID, LinkStatus.PENDING) if one in found), None)
    if decided is not None and is_single_use(raw):
        status = decided
    visit = found[decided] if decided is not None else {}
    return PaymentLink(
        id=raw["id"],
        as_of=as_of,
        raw=without_secrets(raw),
        style="link",
        url=raw.get("url") if status is LinkStatus.ACTIVE else None,
        amount=Money(sum(line.get("amount_total") or 0 for line in lines), _link_currency(raw, lines)),
        status=status,
        payment_id=identifier(visit.get("payment_intent")) if is_single_use(raw) else None,
        customer_id=identifier(visit.get("customer")) if is_single_use(raw) else None,
        reference=reference_of(raw),
    )


def is_single_use(raw: Json) -> bool:
    return _completed(raw).get("limit") == 1


def is_used(raw: Json) -> bool:
    """Whether somebody has completed it; who knows in old versions, which do not count."""
    return bool(_completed(raw).get("count"))


def _completed(raw: Json) -> Json:
    completed: Json = (raw.get("restrictions") or {}).get("completed_sessions") or {}
    return completed


def _link_currency(raw: Json, lines: Sequence[Json]) -> str:
    return currency_of(raw) if raw.get("currency") or not lines else currency_of(lines[0])


def link_parameters(draft: PaymentLinkDraft) -> Json:
    """For one payment only. Stripe's links know no customer, no payer's address and no end: we take them back ourselves."""
    parameters = _parameters(draft)
    parameters["restrictions"] = {"completed_sessions": {"limit": 1}}
    if draft.return_url:
        parameters["after_completion"] = {"type": "redirect", "redirect": {"url": draft.return_url}}
    return parameters


def session_parameters(draft: PaymentLinkDraft) -> Json:
    parameters = _parameters(draft) | {"mode": "payment"}
    if not draft.return_url:
        raise Rejected("Checkout needs our page to come back to.", code="return_url_missing", field="return_url")
    if draft.style == "embedded":
        parameters |= {"ui_mode": "embedded_page", "return_url": draft.return_url}
    else:
        parameters |= {"ui_mode": "hosted_page", "success_url": draft.return_url}
        if draft.cancel_url:
            parameters["cancel_url"] = draft.cancel_url
    if draft.customer_id:
        parameters["customer"] = draft.customer_id
    elif draft.payer_email:
        parameters["customer_email"] = draft.payer_email
    if draft.expires_at is not None:
        parameters["expires_at"] = int(draft.expires_at.timestamp())
    if draft.reference:
        parameters["client_reference_id"] = draft.reference
    return parameters


def _parameters(draft: PaymentLinkDraft) -> Json:
    """What both have in common. Neither hands its metadata on to the payment, so that is told for itself."""
    paying: dict[str, Any] = {"description": draft.description}
    parameters: Json = {"line_items": _line_items(draft), "payment_intent_data": paying}
    if draft.reference:
        parameters["metadata"] = {REFERENCE: draft.reference}
        paying["metadata"] = {REFERENCE: draft.reference}
    return parameters


def _line_items(draft: PaymentLinkDraft) -> list[Json]:
    """One item for each line; a single one where Stripe cannot hold them: a line that takes off, or too many of them."""
    if draft.lines:
        total = sum(line.amount.minor_units for line in draft.lines)
        if total != draft.amount.minor_units or any(line.amount.currency != draft.amount.currency for line in draft.lines):
            raise Rejected("The lines do not add up to the link's amount.", code="amount_mismatch", field="lines")
    if not draft.lines or len(draft.lines) > LINES_MAX or any(line.amount.minor_units < 0 for line in draft.lines):
        return [_item(draft.description, draft.amount, 1)]
    return [_line_item(line) for line in draft.lines]


def _line_item(line: Line) -> Json:
    if is_priced(line) and line.unit_amount is not None:
        quantity = Decimal(line.quantity)
        if quantity == quantity.to_integral_value():
            return _item(line.description, line.unit_amount, int(quantity))
    return _item(line.description, line.amount, 1)


def _item(name: str, each: Money, quantity: int) -> Json:
    product = {"name": name or "Payment"}
    price = {"currency": each.currency.lower(), "unit_amount": each.minor_units, "product_data": product}
    return {"price_data": price, "quantity": quantity}
