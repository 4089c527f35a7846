"""The shop counter: what is for sale, how much is left, what a reader was asked to take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.fake.mapping.values import amount, common, moment, money, word, written
from providers.records import CatalogItem, InventoryCount, JsonObject, TerminalCheckout, TerminalCheckoutDraft, TerminalStatus


def catalog_item(raw: JsonObject, as_of: datetime) -> CatalogItem:
    return CatalogItem(
        **common(raw, as_of),
        item_id=raw.get("item_id") or "",
        name=raw.get("name") or "",
        variation_name=raw.get("variation_name") or "",
        description=raw.get("description") or "",
        sku=raw.get("sku") or "",
        price=money(raw.get("price")),
        deleted=bool(raw.get("deleted")),
    )


def inventory_count(raw: JsonObject, as_of: datetime) -> InventoryCount:
    return InventoryCount(
        **common(raw, as_of),
        catalog_item_id=raw.get("catalog_item_id") or "",
        location_id=raw.get("location_id") or "",
        state=raw.get("state") or "",
        quantity=raw.get("quantity") or "0",
        counted_at=moment(raw.get("counted_at")),
    )


def terminal_checkout(raw: JsonObject, as_of: datetime) -> TerminalCheckout:
    return TerminalCheckout(
        **common(raw, as_of),
        amount=amount(raw.get("amount")),
        status=word(raw.get("status"), TerminalStatus),
        device_id=raw.get("device_id") or "",
        payment_ids=tuple(raw.get("payment_ids") or ()),
        location_id=raw.get("location_id"),
        cancel_reason=raw.get("cancel_reason"),
        reference=raw.get("reference"),
    )


def terminal_checkout_fields(draft: TerminalCheckoutDraft) -> dict[str, Any]:
    return written(draft, "amount", "device_id", "customer_id", "note", "takes_tip", "reference")
