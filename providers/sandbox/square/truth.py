"""All records of a seller; also as lines to compare: canonical JSON, in an order that does not depend on how it came about."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers.sandbox.square import terminal_api
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller

LINES_AT_ONCE = 500
KINDS = (
    "customers",
    "orders",
    "invoices",
    "payments",
    "refunds",
    "cards",
    "subscriptions",
    "disputes",
    "payouts",
    "payment_links",
    "terminal_checkouts",
    "catalog",
)
"""Shelves of a seller, by which the truth names its records."""


def of(seller: Seller) -> Record:
    """By kind, in Square's own shape of the newest version. The caller holds the lock."""
    return {
        "merchant": seller.merchant,
        "locations": list(seller.locations.values()),
        **{name: list(getattr(seller, name).records(listed=True)) for name in KINDS},
        "hidden_customers": list(seller.customers.records(listed=False)),
        "merged_customers": dict(seller.merged_into),
        "inventory_counts": list(seller.inventory.values()),
        "payout_entries": [item for entries in seller.payout_entries.values() for item in entries],
        "dispute_evidence": [item for entries in seller.evidence.values() for item in entries],
        "unpaid_balance": [item for entries in seller.balance.values() for item in entries],
        "devices": [terminal_api.shown(device) for device in seller.devices.values()],
    }


def lines(records_by_kind: Mapping[str, Any]) -> Iterator[bytes]:
    """{"id", "kind", "record"} by kind and id, some hundred lines at a time. Records are never changed once stored, so that
    they can be told while others are replaced."""
    piece: list[bytes] = []
    for kind in sorted(records_by_kind):
        value = records_by_kind[kind]
        keyed = [(_key(record), record) for record in (value if isinstance(value, list) else [value])]
        for key, record in sorted(keyed, key=lambda entry: entry[0]):
            piece.append(orjson.dumps({"id": key, "kind": kind, "record": record}, option=orjson.OPT_SORT_KEYS))
            if len(piece) == LINES_AT_ONCE:
                yield b"\n".join(piece) + b"\n"
                piece.clear()
    if piece:
        yield b"\n".join(piece) + b"\n"


def _key(record: Mapping[str, Any]) -> str:
    """The id; counts, which have none, are told apart by what they count."""
    if "id" in record:
        return str(record["id"])
    return "|".join(str(record.get(name, "")) for name in ("catalog_object_id", "location_id", "state"))
