"""Merges: a new profile from several, the old ones deleted; seen only as created and deleted events with a context."""

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import customers, times
from providers.sandbox.square.events import record_event
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square


def merge(square: Square, seller: Seller, customer_ids: list[str]) -> Record:
    """The first profile's values win; losing values go into the note. Invoices follow to the new id."""
    sources = [customers.find(seller, customer_id) for customer_id in dict.fromkeys(customer_ids)]
    if len(sources) < 2:
        raise ControlError("give at least two different customer_ids")
    record = customers.build(square, _merged_fields(square, sources), "MERGE")
    context = {"merge": {"from_customer_ids": [source["id"] for source in sources], "to_customer_id": record["id"]}}
    seller.customers.put(record, square.clock.timestamp())
    customers.index(seller, record)
    record_event(square, seller, "customer.created", customers.shown_in_event(record), context=context)
    for source in sources:
        seller.merged_into[source["id"]] = record["id"]
        customers.delete(square, seller, source["id"], context=context)
    _follow(square, seller, {source["id"] for source in sources}, record["id"])
    return record


def _merged_fields(square: Square, sources: list[Record]) -> Record:
    own = {"id", "created_at", "updated_at", "version", "creation_source", "preferences", "note"}
    merged: Record = {}
    lost: list[str] = []
    for source in sources:
        for name, value in source.items():
            if name in own:
                continue
            if name not in merged:
                merged[name] = value
            elif merged[name] != value:
                lost.append(f"{name}: {value}")
    notes = [source["note"] for source in sources if source.get("note")]
    if lost:
        notes.append(f"Merged on {times.wire(square.now(), 0)[:10]}. " + "; ".join(lost))
    return {**merged, **({"note": "\n".join(notes)} if notes else {})}


def _follow(square: Square, seller: Seller, old_ids: set[str], new_id: str) -> None:
    """Only customer_id is rewritten, not the recipient's other fields."""
    for invoice in list(seller.invoices.records()):
        recipient = invoice.get("primary_recipient") or {}
        if recipient.get("customer_id") in old_ids:
            seller.invoices.put({**invoice, "primary_recipient": {**recipient, "customer_id": new_id}}, square.clock.timestamp())
