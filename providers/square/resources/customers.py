"""Customers of one seller."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Customer, CustomerDraft, Draft, Page, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.customer import customer, customer_fields
from providers.square.mapping.known_fields import watch
from providers.square.mapping.values import stamp, stamp_up
from providers.square.wire import Wire, checked_id

PAGE_SIZE = 100
# Square's searches show a write mostly within 30 seconds, sometimes after more than a minute (SearchCustomers).
SEARCH_LAG = timedelta(minutes=5)


class Customers:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Customer]:
        """By `updated_at` or `created_at` where asked, else all, oldest first. Deleted customers are in neither."""
        place = Place.unpacked(cursor)
        at = {"cursor": place.square_cursor} if place.square_cursor else {}
        if created is None and changed_since is None:
            everyone = {"sort_field": "CREATED_AT", "sort_order": "ASC", "limit": str(PAGE_SIZE)}
            answer = self._wire.read("GET", "/v2/customers", params={**everyone, **at})
        else:
            query = {"filter": _filter(created, changed_since), "sort": {"field": "CREATED_AT", "order": "ASC"}}
            answer = self._wire.read("POST", "/v2/customers/search", body={"query": query, "limit": PAGE_SIZE, **at})
        found = answer.data.get("customers") or ()
        watch("customer", found, at=answer.as_of)
        records = tuple([customer(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> Customer:
        answer = self._wire.read("GET", f"/v2/customers/{checked_id(id)}")
        return customer(answer.data["customer"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Customer:
        """Square never looks for a duplicate by itself. Needs a name, company, email or phone."""
        fields = customer_fields(_customer_draft(draft), clearing=False)
        answer = self._wire.write(Intent.CREATE, lambda sdk: sdk.customers.create, idempotency_key=key, **fields)
        return customer(answer.data["customer"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Customer:
        """`version` None: the last write wins."""
        fields = customer_fields(_customer_draft(draft), clearing=True)
        if version is not None:
            fields["version"] = int(version)
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.customers.update, checked_id(id), **fields)
        return customer(answer.data["customer"], as_of=answer.as_of)

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Customer:
        """DELETE: the answer holds nothing but the id."""
        if verb is not Verb.DELETE:
            raise Unsupported(f"Square cannot {verb} a customer")
        number = None if version is None else int(version)
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.customers.delete, checked_id(id), version=number)
        return customer({"id": id}, as_of=answer.as_of, deleted=True)

    def find_by_reference(self, reference: str) -> Customer | None:
        """By exact search, then among the newest hundred of the list. Both may lag a write by a minute at Square, so None right
        after an unclear create proves nothing; such a create is answered with Transient and repeated under its key instead."""
        query = {"filter": {"reference_id": {"exact": reference}}}
        found = self._wire.read("POST", "/v2/customers/search", body={"query": query, "limit": PAGE_SIZE})
        newest = {"sort_field": "CREATED_AT", "sort_order": "DESC", "limit": str(PAGE_SIZE)}
        for answer in (found, self._wire.read("GET", "/v2/customers", params=newest)):
            for raw in answer.data.get("customers") or ():
                if raw.get("reference_id") == reference:
                    return customer(raw, as_of=answer.as_of)
        return None


def _filter(created: Window | None, changed_since: datetime | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if created is not None:
        wanted["created_at"] = {"start_at": stamp(created.since)}
        if created.until is not None:
            wanted["created_at"]["end_at"] = stamp_up(created.until)
    if changed_since is not None:
        wanted["updated_at"] = {"start_at": stamp(changed_since - SEARCH_LAG)}
    return wanted


def _customer_draft(draft: Draft[Any]) -> CustomerDraft:
    if not isinstance(draft, CustomerDraft):
        raise Unsupported(f"Square cannot write a customer from {type(draft).__name__}")
    return draft
