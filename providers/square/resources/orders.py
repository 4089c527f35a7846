"""Orders, which hold what invoices and payment links are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.square.mapping.known_fields import watch
from providers.square.wire import Wire

ORDERS_PER_READ = 100  # BatchRetrieveOrders' most


def orders_by_id(wire: Wire, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Those that Square still knows."""
    orders: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), ORDERS_PER_READ):
        answer = wire.read("POST", "/v2/orders/batch-retrieve", body={"order_ids": ids[start : start + ORDERS_PER_READ]})
        found = answer.data.get("orders") or ()
        watch("order", found, at=answer.as_of)
        for order in found:
            orders[order["id"]] = order
    return orders
