"""One merchant's account: its objects, the rules between them, and the events that each change makes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime

from providers.fake.world.shelf import Shelf
from providers.fake.world.wire import Json, Refusal

PREFIXES = {
    "customer": "cus",
    "invoice": "inv",
    "payment": "pay",
    "refund": "ref",
    "location": "loc",
    "payment_method": "pm",
    "payment_method_setup": "pms",
    "subscription": "sub",
    "dispute": "dsp",
    "payout": "po",
    "payout_entry": "poe",
    "payment_link": "lnk",
    "billing_portal": "bps",
    "catalog_item": "cat",
    "inventory_count": "cnt",
    "terminal_checkout": "trm",
    "endpoint": "end",
}
UNTOLD = frozenset(["endpoint", "payout_entry", "billing_portal", "payment_method_setup"])  # no events of these
PAYABLE = frozenset(["open", "partially_paid"])
CUSTOMER_FIELDS = frozenset(["given_name", "family_name", "company_name", "email", "phone", "address", "reference"])
INVOICE_FIELDS = frozenset(
    ["customer_id", "currency", "lines", "due_on", "instalments", "number", "description", "location_id", "reference"]
)
CONTENT_FIELDS = frozenset(["customer_id", "currency", "lines", "instalments", "number", "location_id"])  # fixed once published
TEST_SOURCES = {"fake_card_ok": None, "fake_card_declined": "card_declined", "fake_card_3ds": "authentication_required"}


class Books:
    def __init__(self, account_id: str, *, name: str, currency: str, country: str, now: Callable[[], datetime], page_size: int):
        self.profile: Json = {"account_id": account_id, "name": name, "currency": currency, "country": country}
        self.now = now
        self._ids = itertools.count(1)
        self.events: list[Json] = []
        self.shelves = {kind: Shelf(prefix, now, self._ids, page_size) for kind, prefix in PREFIXES.items()}
        self.cause: str | None = None  # the idempotency key of the call being served

    def tell(self, kind: str, what: str, record: Json, **more: object) -> None:
        if kind in UNTOLD:
            return
        self.events.append(
            {
                "id": f"evt_{self.profile['account_id']}_{len(self.events) + 1}",
                "type": f"{kind}.{what}",
                "account_id": self.profile["account_id"],
                "live": False,
                "created_at": self.now().isoformat(),
                "idempotency_key": self.cause,
                # A copy as deep as objects here are ever changed: their fields are replaced, never altered in place.
                "data": {"kind": kind, "object": dict(record), **more},
            }
        )

    def next_number(self) -> int:
        """Unique among all numbers of the account."""
        return next(self._ids)

    def add(self, kind: str, fields: Mapping[str, object]) -> Json:
        record = self.shelves[kind].add(fields)
        self.tell(kind, "created", record)
        return record

    def change(self, kind: str, record: Json, **fields: object) -> None:
        self.shelves[kind].change(record, fields)
        self.tell(kind, "updated", record)

    def remove(self, kind: str, record: Json) -> None:
        self.shelves[kind].change(record, {"deleted": True})
        self.tell(kind, "deleted", record)

    def merge_customers(self, gone_id: str, into_id: str) -> None:
        gone = self.shelves["customer"].get(gone_id)
        self.shelves["customer"].get(into_id)
        self.shelves["customer"].change(gone, {"deleted": True})
        self.tell("customer", "merged", gone, merged_into=into_id)

    # --- what a call may ask for ---

    def create(self, kind: str, body: Json) -> Json:
        creators = {
            "customer": self._create_customer,
            "invoice": self._create_invoice,
            "payment": self.create_payment,
            "refund": self._create_refund,
            "endpoint": self._create_endpoint,
        }
        return creators[kind](body)

    def update(self, kind: str, id: str, body: Json) -> Json:
        record = self.shelves[kind].get(id)
        self.shelves[kind].check_version(record, body.pop("version", None))
        if kind == "invoice":
            body = self._checked_invoice_change(record, body)
        elif kind == "customer":
            if record["deleted"]:
                raise Refusal(404, "not_found", "The customer was deleted.")
            only(body, CUSTOMER_FIELDS)
        self.change(kind, record, **body)
        return record

    def perform(self, kind: str, id: str, verb: str, body: Json) -> Json:
        record = self.shelves[kind].get(id)
        self.shelves[kind].check_version(record, body.get("version"))
        if kind == "endpoint" and verb == "rotate":
            self.change(kind, record, secret=f"fake_whsec_{id}_{record['version'] + 1}")
        elif verb == "delete":
            if kind == "invoice" and record["status"] != "draft":
                raise wrong_state("Only a draft can be deleted.")
            if record["deleted"]:
                raise Refusal(404, "not_found", "The record was deleted before.")
            self.remove(kind, record)
        else:
            self._move_invoice(record, verb)
        return record

    def _create_customer(self, body: Json) -> Json:
        only(body, CUSTOMER_FIELDS)
        if not any(body.get(name) for name in ("given_name", "family_name", "company_name", "email", "phone")):
            raise Refusal(422, "customer_empty", "A customer needs a name, an email address or a phone number.")
        empty = dict.fromkeys(CUSTOMER_FIELDS - {"reference", "address"}, "")
        return self.add("customer", {**empty, "address": {}, "reference": None, **body})

    def _create_invoice(self, body: Json) -> Json:
        only(body, INVOICE_FIELDS)
        self.check_customer(body.get("customer_id"))
        lines = body.get("lines") or []
        currency = body.get("currency") or (lines[0]["amount"]["currency"] if lines else self.profile["currency"])
        main = next((place["id"] for place in self.shelves["location"] if place["is_main"]), None)
        fields: Json = {"number": None, "due_on": None, "description": "", "reference": None, "location_id": main}
        fields |= {**body, "lines": lines, "currency": currency, "status": "draft", "paid": 0, "refunded": 0, "pay_url": None}
        fields["total"] = _total(lines, currency)
        return self.add("invoice", {**fields, **_parts(fields)})

    def _checked_invoice_change(self, record: Json, body: Json) -> Json:
        only(body, INVOICE_FIELDS)
        if record["status"] not in PAYABLE | {"draft"}:
            raise wrong_state(f"An invoice that is {record['status']} cannot be changed.")
        if record["status"] != "draft" and any(body[name] != record[name] for name in CONTENT_FIELDS & set(body)):
            raise wrong_state("A published invoice's customer, lines and number cannot be changed.")
        if "customer_id" in body:
            self.check_customer(body["customer_id"])
        merged = {**record, **body}
        merged["total"] = _total(merged["lines"], merged["currency"])
        return {**body, "total": merged["total"], **_parts(merged)}

    def _move_invoice(self, record: Json, verb: str) -> None:
        status = record["status"]
        if verb == "void":
            if status != "open":
                raise wrong_state(f"An invoice that is {status} cannot be voided.")
            self.change("invoice", record, status="void", pay_url=None)
            return
        if verb == "publish" and status != "draft":
            raise wrong_state("The invoice is published already.")
        if verb == "send" and status not in PAYABLE | {"draft"}:
            raise wrong_state(f"An invoice that is {status} cannot be sent.")
        fields: Json = {"sent": True} if verb == "send" else {}
        if status == "draft":
            if record["total"] <= 0:
                raise Refusal(422, "amount_invalid", "An invoice needs a positive total to be published.", field="lines")
            number = record["number"] or f"F-{record['number_in_order']:05d}"
            fields |= {"status": "open", "number": number, "pay_url": f"https://fake.invalid/pay/{record['id']}"}
        self.change("invoice", record, **fields)

    def create_payment(self, body: Json) -> Json:
        amount = body["amount"]
        self.check_source(str(body.get("source")))
        if amount["amount"] <= 0:
            raise Refusal(422, "amount_invalid", "The amount must be positive.", field="amount")
        invoice = self.shelves["invoice"].get(body["invoice_id"]) if body.get("invoice_id") else None
        if invoice is not None:
            if invoice["status"] not in PAYABLE:
                raise wrong_state(f"An invoice that is {invoice['status']} cannot be paid.")
            if invoice["currency"] != amount["currency"]:
                raise Refusal(422, "currency_mismatch", "The invoice is in another currency.", field="amount")
            if amount["amount"] > invoice["total"] - invoice["paid"]:
                raise Refusal(422, "amount_too_large", "The amount is more than what is due.", field="amount")
        known = {name: body.get(name) for name in ("customer_id", "location_id", "description", "reference", "invoice_id")}
        fee = {"amount": amount["amount"] * 29 // 1000, "currency": amount["currency"]}
        fields = {"amount": amount, "status": "succeeded", "fee": fee, "method": "card", "brand": "VISA", "last4": "4242"}
        payment = self.add("payment", {**known, **fields, "refunded": 0})
        if invoice is not None:
            paid = invoice["paid"] + amount["amount"]
            status = "paid" if paid == invoice["total"] else "partially_paid"
            self.change("invoice", invoice, status=status, **_parts({**invoice, "paid": paid}))
        return payment

    def _create_refund(self, body: Json) -> Json:
        payment = self.shelves["payment"].get(body["payment_id"])
        amount = body["amount"]
        if amount["currency"] != payment["amount"]["currency"]:
            raise Refusal(422, "currency_mismatch", "The payment is in another currency.", field="amount")
        if not 0 < amount["amount"] <= payment["amount"]["amount"] - payment["refunded"]:
            raise Refusal(422, "amount_invalid", "The amount is more than what is left of the payment.", field="amount")
        fields = {"payment_id": payment["id"], "amount": amount, "status": "succeeded", "reason": body.get("reason") or ""}
        refund = self.add("refund", fields)
        self.change("payment", payment, refunded=payment["refunded"] + amount["amount"])
        if payment["invoice_id"]:
            invoice = self.shelves["invoice"].get(payment["invoice_id"])
            refunded = invoice["refunded"] + amount["amount"]
            status = "refunded" if refunded == invoice["total"] else "partially_refunded"
            self.change("invoice", invoice, refunded=refunded, status=status)
        return refund

    def _create_endpoint(self, body: Json) -> Json:
        if not str(body.get("url")).startswith("https://"):
            raise Refusal(422, "url_invalid", "The address must begin with https://.", field="url")
        endpoint = self.add("endpoint", body)
        endpoint["secret"] = f"fake_whsec_{endpoint['id']}_1"
        return endpoint

    def check_customer(self, customer_id: object) -> None:
        try:
            deleted = self.shelves["customer"].get(str(customer_id))["deleted"]
        except Refusal:
            deleted = True
        if deleted:
            raise Refusal(422, "customer_unknown", "There is no such customer.", field="customer_id")

    def check_source(self, source: str) -> None:
        if source in TEST_SOURCES:
            problem = TEST_SOURCES[source]
            if problem is not None:
                raise Refusal(402, problem, "The payer's bank did not agree.", field="source")
            return
        try:
            enabled = self.shelves["payment_method"].get(source)["enabled"]
        except Refusal:
            enabled = False
        if not enabled:
            raise Refusal(422, "source_unknown", "There is no such payment method.", field="source")


def only(body: Json, known: frozenset[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise Refusal(400, "field_unknown", f"There is no field {unknown[0]}.", field=unknown[0])


def _total(lines: list[Json], currency: str) -> int:
    for line in lines:
        if line["amount"]["currency"] != currency:
            raise Refusal(422, "currency_mismatch", "All lines must be in the invoice's currency.", field="lines")
        if line["amount"]["amount"] < 0:
            raise Refusal(422, "amount_invalid", "A line's amount must not be negative.", field="lines")
    return sum(int(line["amount"]["amount"]) for line in lines)


def _parts(invoice: Json) -> Json:
    """`paid` and the parts in which it falls due, what was paid spread over them in their order."""
    parts, left = invoice.get("instalments") or [], invoice["paid"]
    if parts and sum(part["amount"]["amount"] for part in parts) != invoice["total"]:
        raise Refusal(422, "instalments_invalid", "The parts must add up to the total.", field="instalments")
    shown = []
    for part in parts:
        paid = min(left, part["amount"]["amount"])
        shown.append({**part, "paid": {**part["amount"], "amount": paid}})
        left -= paid
    days = [part["due_on"] for part in parts if part["due_on"]]
    return {"paid": invoice["paid"], "instalments": shown, "due_on": max(days) if days else invoice["due_on"]}


def wrong_state(detail: str) -> Refusal:
    return Refusal(422, "wrong_state", detail)
