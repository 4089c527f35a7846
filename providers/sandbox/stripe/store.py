"""The records of one account in one mode: kept as rendered JSON, listed newest first, filtered by a few indexed fields.

A record is its JSON text: reading hands out a private copy, so events are snapshots, and a page of 100 is a join of ready bytes.
"""

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

Record = dict[str, Any]
_Order = tuple[int, int, str]
_serial = itertools.count()


def render(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_INDENT_2)


def _to_keep(record: Mapping[str, Any]) -> bytes:
    """A copy of exactly its size: orjson's own result sits in a larger block, three times the memory over many records."""
    return bytes(memoryview(render(record)))


class Row:
    """One stored record; `fields` are the values that lists may filter on."""

    __slots__ = ("body", "fields", "order")

    def __init__(self, order: _Order, body: bytes, fields: tuple[Any, ...]) -> None:
        self.order = order
        self.body = body
        self.fields = fields


class Collection:
    """Records of one kind, ordered by `created`, then by arrival.

    filters: how to read each filterable field from a record. indexed: those looked up often enough to be kept sorted by value.
    """

    def __init__(self, kind: str, filters: Mapping[str, Callable[[Record], Any]], indexed: Iterable[str] = ()) -> None:
        self.kind = kind
        self._filters = dict(filters)
        self._positions = {name: position for position, name in enumerate(self._filters)}
        self._indexed = tuple(indexed)
        self._rows: dict[str, Row] = {}
        self._order: list[_Order] = []
        self._by_value: dict[str, dict[Any, list[_Order]]] = {name: {} for name in self._indexed}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._rows

    def get(self, record_id: str) -> Record | None:
        row = self._rows.get(record_id)
        if row is None:
            return None
        record: Record = orjson.loads(row.body)
        return record

    def body(self, record_id: str) -> bytes | None:
        row = self._rows.get(record_id)
        return row.body if row else None

    def bodies(self) -> Iterator[bytes]:
        """All, oldest first."""
        return (self._rows[order[2]].body for order in self._order)

    def put(self, record: Record) -> None:
        """Insert, or replace in place: the position in lists never changes."""
        record_id = record["id"]
        fields = tuple(read(record) for read in self._filters.values())
        row = self._rows.get(record_id)
        if row is not None:
            if row.fields != fields:
                self._reindex(row, fields)
            row.body = _to_keep(record)
            return
        order = (_created(record), next(_serial), record_id)
        row = self._rows[record_id] = Row(order, _to_keep(record), fields)
        _insert(self._order, order)
        for name in self._indexed:
            _insert(self._by_value[name].setdefault(fields[self._positions[name]], []), order)

    def add_unsorted(self, record: Record) -> None:
        """Insert a new record out of order, for bulk loads; sort() must follow before anybody reads."""
        order = (_created(record), next(_serial), record["id"])
        fields = tuple(read(record) for read in self._filters.values())
        self._rows[record["id"]] = Row(order, _to_keep(record), fields)
        self._order.append(order)
        for name in self._indexed:
            self._by_value[name].setdefault(fields[self._positions[name]], []).append(order)

    def sort(self) -> None:
        self._order.sort()
        for values in self._by_value.values():
            for orders in values.values():
                orders.sort()

    def remove(self, record_id: str) -> None:
        row = self._rows.pop(record_id)
        _delete(self._order, row.order)
        for name in self._indexed:
            _delete(self._by_value[name][row.fields[self._positions[name]]], row.order)

    def find(self, **equal: Any) -> list[Record]:
        """All records with these field values, oldest first."""
        return [orjson.loads(row.body) for row in reversed(list(self._matching(equal, (None, None), None)))]

    def page(
        self,
        *,
        limit: int,
        equal: Mapping[str, Any],
        created: tuple[int | None, int | None] = (None, None),
        keep: Callable[[Row, "Collection"], bool] | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
    ) -> tuple[list[bytes], bool]:
        """One page, newest first, and whether more follows in the direction asked.

        created: inclusive bounds. Raises KeyError when the cursor is not a record of this collection.
        """
        if ending_before is not None:
            newer = self._matching(equal, created, keep, newer_than=self._rows[ending_before].order)
            rows = list(itertools.islice(newer, limit + 1))
            return [row.body for row in reversed(rows[:limit])], len(rows) > limit
        older_than = self._rows[starting_after].order if starting_after is not None else None
        rows = list(itertools.islice(self._matching(equal, created, keep, older_than=older_than), limit + 1))
        return [row.body for row in rows[:limit]], len(rows) > limit

    def field(self, row: Row, name: str) -> Any:
        return row.fields[self._positions[name]]

    def _matching(
        self,
        equal: Mapping[str, Any],
        created: tuple[int | None, int | None],
        keep: Callable[[Row, "Collection"], bool] | None,
        *,
        older_than: _Order | None = None,
        newer_than: _Order | None = None,
    ) -> Iterator[Row]:
        """Newest first; with newer_than oldest first, beginning next to it."""
        orders, rest = self._narrowest(equal)
        low = bisect.bisect_left(orders, (created[0], -1, "")) if created[0] is not None else 0
        high = bisect.bisect_left(orders, (created[1] + 1, -1, "")) if created[1] is not None else len(orders)
        if older_than is not None:
            high = min(high, bisect.bisect_left(orders, older_than))
        indices = range(high - 1, low - 1, -1)
        if newer_than is not None:
            indices = range(max(low, bisect.bisect_right(orders, newer_than)), high)
        tests = [(self._positions[name], value) for name, value in rest.items()]
        for index in indices:
            row = self._rows[orders[index][2]]
            if all(row.fields[position] == value for position, value in tests) and (keep is None or keep(row, self)):
                yield row

    def _narrowest(self, equal: Mapping[str, Any]) -> tuple[list[_Order], dict[str, Any]]:
        for name in self._indexed:
            if name in equal:
                return self._by_value[name].get(equal[name], []), {key: value for key, value in equal.items() if key != name}
        return self._order, dict(equal)

    def _reindex(self, row: Row, fields: tuple[Any, ...]) -> None:
        for name in self._indexed:
            old, new = row.fields[self._positions[name]], fields[self._positions[name]]
            if old != new:
                _delete(self._by_value[name][old], row.order)
                _insert(self._by_value[name].setdefault(new, []), row.order)
        row.fields = fields


def _created(record: Record) -> int:
    """Seconds since 1970; a record without a date of its own (payment links) is ordered by its arrival alone."""
    return int(next((record[name] for name in ("created", "date", "start") if name in record), 0))


def _insert(orders: list[_Order], order: _Order) -> None:
    if not orders or order > orders[-1]:
        orders.append(order)
    else:
        bisect.insort(orders, order)


def _delete(orders: list[_Order], order: _Order) -> None:
    del orders[bisect.bisect_left(orders, order)]


def _same(name: str) -> Callable[[Record], Any]:
    return lambda record: record.get(name)


def _payment_of(record: Record) -> Any:
    return record["payment"].get("payment_intent")


def subscription_of(invoice: Record) -> str | None:
    """The subscription that an invoice bills."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription")


def _address_of(session: Record) -> Any:
    return (session["customer_details"] or {}).get("email")


class Store:
    """Everything one account holds in one mode, test or live."""

    def __init__(self, account_id: str, livemode: bool) -> None:
        self.account_id = account_id
        self.livemode = livemode
        self.customers = Collection("customer", {"email": _same("email")})
        self.invoices = Collection(
            "invoice",
            {
                **{name: _same(name) for name in ("customer", "status", "collection_method", "due_date")},
                "subscription": subscription_of,
            },
            indexed=("customer", "subscription"),
        )
        self.invoiceitems = Collection(
            "invoiceitem", {"customer": _same("customer"), "invoice": _same("invoice")}, indexed=("invoice", "customer")
        )
        self.invoice_payments = Collection(
            "invoice_payment",
            {
                "payment_intent": _payment_of,
                "payment_record": lambda record: record["payment"].get("payment_record"),
                "invoice": _same("invoice"),
                "status": _same("status"),
            },
            indexed=("payment_intent", "invoice"),
        )
        self.payment_records = Collection("payment_record", {})
        self.tax_ids = Collection("tax_id", {"customer": _same("customer")}, indexed=("customer",))
        self.payment_intents = Collection("payment_intent", {"customer": _same("customer")}, indexed=("customer",))
        self.charges = Collection(
            "charge",
            {name: _same(name) for name in ("payment_intent", "customer", "transfer_group")},
            indexed=("payment_intent", "customer"),
        )
        self.refunds = Collection(
            "refund", {"charge": _same("charge"), "payment_intent": _same("payment_intent")}, indexed=("charge", "payment_intent")
        )
        self.balance_transactions = Collection(
            "balance_transaction", {name: _same(name) for name in ("source", "type", "currency")}, indexed=("source",)
        )
        self.payment_methods = Collection(
            "payment_method", {"customer": _same("customer"), "type": _same("type")}, indexed=("customer",)
        )
        self.setup_intents = Collection(
            "setup_intent", {"customer": _same("customer"), "payment_method": _same("payment_method")}
        )
        self.products = Collection("product", {name: _same(name) for name in ("active", "shippable", "type", "url")})
        self.prices = Collection(
            "price",
            {name: _same(name) for name in ("active", "currency", "product", "type", "lookup_key", "recurring")},
            indexed=("product",),
        )
        self.coupons = Collection("coupon", {})
        self.tax_rates = Collection("tax_rate", {"active": _same("active"), "inclusive": _same("inclusive")})
        self.discounts = Collection("discount", {name: _same(name) for name in ("customer", "subscription", "invoice")})
        self.subscriptions = Collection(
            "subscription",
            {name: _same(name) for name in ("customer", "status", "collection_method")},
            indexed=("customer",),
        )
        self.subscription_items = Collection(
            "subscription_item", {"subscription": _same("subscription")}, indexed=("subscription",)
        )
        self.credit_notes = Collection(
            "credit_note", {"customer": _same("customer"), "invoice": _same("invoice")}, indexed=("invoice",)
        )
        self.customer_balance_transactions = Collection(
            "customer_balance_transaction", {"customer": _same("customer"), "invoice": _same("invoice")}, indexed=("customer",)
        )
        self.disputes = Collection(
            "dispute", {"charge": _same("charge"), "payment_intent": _same("payment_intent")}, indexed=("charge",)
        )
        self.payouts = Collection("payout", {name: _same(name) for name in ("status", "arrival_date", "destination")})
        self.checkout_sessions = Collection(
            "checkout.session",
            {
                **{name: _same(name) for name in ("customer", "payment_intent", "payment_link", "status", "subscription")},
                "email": _address_of,
            },
            indexed=("payment_intent", "payment_link", "subscription"),
        )
        self.payment_links = Collection("payment_link", {"active": _same("active")})
        self.portal_configurations = Collection(
            "billing_portal.configuration", {"active": _same("active"), "is_default": _same("is_default")}
        )
        self.portal_sessions = Collection("billing_portal.session", {"customer": _same("customer")})
        self.events = Collection("event", {"type": _same("type")})
        self.webhook_endpoints = Collection("webhook_endpoint", {})
        self.deleted_customers: set[str] = set()
        self.invoice_lines: dict[str, list[Record]] = {}
        """Every line of an invoice, in order; the invoice itself embeds the first ten."""
        self.card_numbers: dict[str, str] = {}
        """Test card behind each payment method; never shown."""
        self.hosted_tokens: dict[str, str] = {}
        """Token of a hosted invoice page -> invoice id."""
        self.inline_prices: set[str] = set()
        """Prices made from price_data: usable, but never listed."""
        self.coupon_of_discount: dict[str, Record] = {}
        """The coupon as it was when the discount was given: it may have been deleted since."""
        self.line_rates: dict[str, list[Record]] = {}
        """Invoice line -> its own tax rates, which the line itself does not show."""
        self.payout_of: dict[str, str] = {}
        """Balance transaction -> the payout that contains it."""
        self.awaiting_payout: dict[str, None] = {}
        """Balance transactions in no payout yet, oldest first."""
        self.payout_nights: set[int] = set()
        """Midnights at which an automatic payout is planned."""
        self.pending_funds: list[tuple[int, str]] = []
        """Heap of balance transactions not available yet: (available_on, id)."""
        self.checkout_wishes: dict[str, Record] = {}
        """Per checkout session or payment link: what was asked for that its object does not show."""
        self.session_of_setup: dict[str, str] = {}
        """Setup intent -> checkout session."""
        self.creation_events: dict[str, str] = {}
        """Invoice -> its invoice.created event, whose delivery its finalization waits for."""
        self.due_days: dict[str, int] = {}
        """days_until_due of an invoice, counted anew when it is finalized."""
        self.idempotency: dict[str, Any] = {}

    def collections(self) -> dict[str, Collection]:
        """By name, as in /v1/<name>, in an order that makes sense to a reader."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Collection)}
