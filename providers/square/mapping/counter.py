"""Square's catalog of things for sale, their counts, and checkouts on its Terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import CatalogItem, InventoryCount, Money, TerminalCheckout, TerminalCheckoutDraft, TerminalStatus
from providers.square.mapping.values import NO_CURRENCY, moment, money, money_json, version_text, word

TERMINAL_STATUSES = {
    "PENDING": TerminalStatus.PENDING,
    "IN_PROGRESS": TerminalStatus.IN_PROGRESS,
    "CANCEL_REQUESTED": TerminalStatus.CANCEL_REQUESTED,
    "CANCELED": TerminalStatus.CANCELED,
    "COMPLETED": TerminalStatus.COMPLETED,
}


def catalog_item(variation: Mapping[str, Any], item: Mapping[str, Any] | None, *, as_of: datetime) -> CatalogItem:
    """A catalog object of type ITEM_VARIATION with the ITEM it belongs to; `item` None: it is not told, as of a deleted one."""
    data = variation.get("item_variation_data") or {}
    whole = (item.get("item_data") if item else None) or {}
    gone = bool(variation.get("is_deleted")) or bool(item and item.get("is_deleted"))
    return CatalogItem(
        id=variation["id"],
        version=version_text(variation.get("version")),
        changed_at=moment(variation.get("updated_at")),
        created_at=moment(variation.get("created_at")),
        as_of=as_of,
        item_id=data.get("item_id") or (item.get("id") if item else None) or "",
        name=whole.get("name") or "",
        variation_name=data.get("name") or "",
        description=whole.get("description_plaintext") or whole.get("description") or "",
        sku=data.get("sku") or "",
        price=money(data.get("price_money")),
        deleted=gone,
        raw={"variation": variation, "item": item},
    )


def inventory_count(raw: Mapping[str, Any], *, as_of: datetime) -> InventoryCount:
    get = raw.get
    state = str(get("state") or "").lower()
    counted_at = moment(get("calculated_at"))
    return InventoryCount(
        id=f"{get('catalog_object_id') or ''}:{get('location_id') or ''}:{state}",
        changed_at=counted_at,
        as_of=as_of,
        catalog_item_id=get("catalog_object_id") or "",
        location_id=get("location_id") or "",
        state=state,
        quantity=get("quantity") or "0",
        counted_at=counted_at,
        raw=raw,
    )


def terminal_checkout(raw: Mapping[str, Any], *, as_of: datetime) -> TerminalCheckout:
    get = raw.get
    status = word(TERMINAL_STATUSES, get("status"), TerminalStatus.UNKNOWN, noun="terminal_checkout", path="status", at=as_of)
    return TerminalCheckout(
        id=raw["id"],
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        amount=money(get("amount_money")) or Money(0, NO_CURRENCY),
        status=status,
        device_id=(get("device_options") or {}).get("device_id") or "",
        payment_ids=tuple(get("payment_ids") or ()),
        location_id=get("location_id"),
        cancel_reason=get("cancel_reason"),
        reference=get("reference_id"),
        raw=raw,
    )


def checkout_json(draft: TerminalCheckoutDraft) -> dict[str, Any]:
    named = {"reference_id": draft.reference, "note": draft.note[:500] if draft.note else None, "customer_id": draft.customer_id}
    device: dict[str, Any] = {"device_id": draft.device_id}
    if draft.takes_tip:
        device["tip_settings"] = {"allow_tipping": True}
    wanted = {name: value for name, value in named.items() if value}
    return {"amount_money": money_json(draft.amount), "device_options": device, **wanted}
