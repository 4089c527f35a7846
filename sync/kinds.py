"""What the engine knows of each kind of record; adding a kind is one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from hub.models import Client, Payment, Refund
from hub.models import Invoice as LocalInvoice
from hub.models import Location as LocalLocation
from hub.models.base import Base
from providers import records
from providers.records import Record
from sync.arrivals import customers, invoices, locations, mirrored, payments
from sync.arrivals.arrival import Arrival, Arrivals, document, fingerprint

WHOLE = timedelta.max
DISPUTES_MOVE = timedelta(days=120)  # longer than any card network takes to decide one
PAYOUTS_MOVE = timedelta(days=14)  # a payout's status still changes then, as when a bank sends it back (Square and Stripe docs)
OUR_KEY_PREFIX = "ph1"  # how our idempotency keys begin: an event that carries one is an echo


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of record and its life with us.

    data_type: its name in integration_data, cursors and counts. local: the model of our rows, None where we only keep what the
    provider says. fields: the mapped fields, which are the base snapshot and the fingerprint. merged: those of them that both
    sides may edit; all others are the provider's. group_key: what joins it to other objects, None where nothing does. switch:
    the integration's setting that turns its pulling off, None: always on. on_unless_told: what the setting is until somebody
    sets it. windowed: listed by creation time on a first load; else listed whole. relisted: how far back it is listed anew once
    a day, its events being all that a round looks at otherwise; None: listed in each round. pushed: our edits go out.
    """

    data_type: str
    fields: Callable[[Any], dict[str, Any]]
    absorb: Callable[[Arrivals], None]
    local: type[Base] | None = None
    remove: Callable[[Arrivals, Sequence[int]], None] | None = None
    merged: tuple[str, ...] = ()
    group_key: Callable[[Any], str | None] = lambda record: None
    switch: str | None = None
    on_unless_told: bool = True
    windowed: bool = False
    relisted: timedelta | None = None
    pushed: bool = False

    def is_on(self, config: Mapping[str, Any]) -> bool:
        """Whether the tenant wants it pulled, by the integration's settings."""
        return self.switch is None or bool(config.get(self.switch, self.on_unless_told))


KINDS: Mapping[type[Record], Kind] = {
    records.Location: Kind(
        data_type="location",
        local=LocalLocation,
        fields=locations.fields,
        absorb=locations.absorb_page,
    ),
    records.Customer: Kind(
        data_type="customer",
        local=Client,
        fields=customers.fields,
        absorb=customers.absorb_page,
        remove=customers.remove,
        merged=customers.MERGED_FIELDS,
        pushed=True,
    ),
    records.Invoice: Kind(
        data_type="invoice",
        local=LocalInvoice,
        fields=invoices.fields,
        absorb=invoices.absorb_page,
        remove=invoices.remove,
        merged=invoices.MERGED_FIELDS,
        group_key=lambda record: record.order_id,
        switch="sync_invoices",
        windowed=True,
        pushed=True,
    ),
    records.Payment: Kind(
        data_type="payment",
        local=Payment,
        fields=payments.payment_fields,
        absorb=payments.absorb_payments,
        group_key=lambda record: record.order_id,
        switch="sync_payments",
        windowed=True,
    ),
    records.Refund: Kind(
        data_type="refund",
        local=Refund,
        fields=payments.refund_fields,
        absorb=payments.absorb_refunds,
        switch="sync_payments",
        windowed=True,
    ),
    records.Subscription: Kind(
        data_type="subscription",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        group_key=lambda record: record.customer_id,
        switch="sync_invoices",
        relisted=WHOLE,
    ),
    records.Dispute: Kind(
        data_type="dispute",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        group_key=lambda record: record.payment_id,
        switch="sync_payments",
        windowed=True,
        relisted=DISPUTES_MOVE,
    ),
    records.Payout: Kind(
        data_type="payout",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        switch="sync_payments",
        windowed=True,
        relisted=PAYOUTS_MOVE,
    ),
    records.PayoutEntry: Kind(
        data_type="payout_entry",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        group_key=lambda record: record.payout_id,
        switch="sync_payments",
    ),
    records.CatalogItem: Kind(
        data_type="catalog_item",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        group_key=lambda record: record.item_id,
        switch="sync_catalog",
        on_unless_told=False,
        relisted=WHOLE,
    ),
    records.InventoryCount: Kind(
        data_type="inventory_count",
        fields=mirrored.fields,
        absorb=mirrored.absorb_page,
        group_key=lambda record: record.catalog_item_id,
        switch="sync_catalog",
        on_unless_told=False,
        relisted=WHOLE,
    ),
}
"""In the order in which a round reads them: what others refer to comes first."""

BY_DATA_TYPE: Mapping[str, type[Record]] = {kind.data_type: record for record, kind in KINDS.items()}


def arrival(record: Record) -> Arrival:
    """A record made ready: mapped fields (the base snapshot), the document as JSON text, the fingerprint of both, group key.

    Whoever stores a record it wrote itself (push) uses the same, so that the echo is recognised."""
    kind = KINDS[type(record)]
    data, _ = document(record.raw)
    fields = kind.fields(record)
    fields_text, cleaned = document(fields)
    if cleaned:
        fields = orjson.loads(fields_text)
    return Arrival(
        record=record,
        fields=fields,
        data=data,
        fields_text=fields_text,
        fingerprint=fingerprint(fields_text, data),
        group_key=kind.group_key(record),
    )
