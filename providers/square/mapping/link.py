"""Square payment links: the link for its address, its order for the sum and for whether it is paid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import LinkStatus, Money, PaymentLink
from providers.square.mapping.values import NO_CURRENCY, moment, money, version_text

_NOTHING = Money(0, NO_CURRENCY)


def payment_link(raw: Mapping[str, Any], order: Mapping[str, Any] | None, *, as_of: datetime) -> PaymentLink:
    """The order's state says nothing: a paid one is mostly still OPEN (Square docs: checkout-api/quick-pay-checkout). What was
    paid with it does. The buyer is not written on the order; `amount` is without a tip."""
    get = raw.get
    held = order or {}
    status = _status(order)
    paid_by = [payment_id for tender in _tenders(held) if (payment_id := tender.get("payment_id") or tender.get("id"))]
    return PaymentLink(
        id=raw["id"],
        version=version_text(get("version")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        style="link",
        url=(get("url") or get("long_url")) if status is LinkStatus.ACTIVE else None,
        amount=_amount(held),
        status=status,
        customer_id=held.get("customer_id"),
        payment_id=paid_by[0] if paid_by else None,
        order_id=get("order_id"),
        location_id=held.get("location_id"),
        reference=held.get("reference_id"),
        raw={"payment_link": raw, "order": order},
    )


def _status(order: Mapping[str, Any] | None) -> LinkStatus:
    if order is None:
        return LinkStatus.UNKNOWN
    tenders = _tenders(order)
    if tenders:
        due = money(order.get("net_amount_due_money"))
        held = any((tender.get("card_details") or {}).get("status") == "AUTHORIZED" for tender in tenders)
        return LinkStatus.PENDING if held or (due is not None and due.minor_units > 0) else LinkStatus.PAID
    return LinkStatus.CANCELED if order.get("state") == "CANCELED" else LinkStatus.ACTIVE


def _tenders(order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [tender for tender in order.get("tenders") or () if isinstance(tender, Mapping)]


def _amount(order: Mapping[str, Any]) -> Money:
    total, tip = money(order.get("total_money")), money(order.get("total_tip_money"))
    if total is None:
        return _NOTHING
    return total - tip if tip is not None and tip.currency == total.currency else total
