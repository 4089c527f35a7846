"""The calls for invoices: a draft with its lines, and its way to the payer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Final
from zlib import crc32

from stripe import RequestOptions
from stripe.params import InvoiceAddLinesParams, InvoiceItemCreateParams, InvoiceRemoveLinesParamsLine

from providers.contract import Verb
from providers.errors import CursorExpired, Rejected, Unsupported
from providers.records import Draft, Invoice, InvoiceDraft, JsonObject, Line, Page, Window
from providers.stripe.connection import Answer
from providers.stripe.mapping.invoice import (
    create_parameters,
    invoice,
    is_priced,
    item_parameters,
    line,
    plain_line,
    same_line,
    update_parameters,
)
from providers.stripe.mapping.values import (
    UNFINISHED,
    Json,
    currency_of,
    identifier,
    last_second,
    metadata_of,
    noon,
    reference_of,
    representable,
)
from providers.stripe.resources.base import PAGE_SIZE, Resource, created_parameters, next_cursor, options

# What can still be paid, in the order in which an invoice moves: one that moves on while we read is met again, not missed.
OPEN_STATUSES: Final = ("draft", "open", "uncollectible")


class Invoices(Resource[Invoice]):
    path = "/v1/invoices"

    def record(self, raw: Json, as_of: datetime) -> Invoice:
        """With all lines: those beyond the first ten are read."""
        lines = raw.get("lines")
        if lines and lines.get("has_more"):
            self._complete_lines(raw["id"], lines)
        return invoice(raw, as_of)

    def _complete_lines(self, id: str, lines: Json) -> None:
        data: list[Json] = lines["data"]
        while lines["has_more"]:
            after = ("starting_after", data[-1]["id"])
            more = self.connection.read(f"{self.path}/{id}/lines", [("limit", PAGE_SIZE), after]).body
            data += more["data"]
            lines["has_more"] = bool(more["has_more"] and more["data"])

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[Invoice]:
        """`open_only` walks drafts, then open, then uncollectible ones; its cursor is "status:last id"."""
        if not open_only:
            return super().page(created=created, cursor=cursor, open_only=False)
        status, _, after = (cursor or f"{OPEN_STATUSES[0]}:").partition(":")
        if status not in OPEN_STATUSES:
            raise CursorExpired("The list of open invoices must be read again from its beginning.")
        answer = self.read_page(self.path, [("status", status), *created_parameters(created)], after)
        records = tuple([self.record(raw, answer.as_of) for raw in answer.body["data"]])
        last = next_cursor(answer)
        if last is not None:
            return Page(records=records, next_cursor=f"{status}:{last}")
        following = OPEN_STATUSES.index(status) + 1
        return Page(records=records, next_cursor=f"{OPEN_STATUSES[following]}:" if following < len(OPEN_STATUSES) else None)

    def create(self, draft: Draft[Invoice], *, key: str) -> Invoice:
        assert isinstance(draft, InvoiceDraft)
        _falls_due_at_once(draft)
        lines = draft.lines or ()
        currency = draft.currency or (lines[0].amount.currency if lines else None)
        if draft.customer_id is None or currency is None:
            raise Rejected("An invoice at Stripe needs a customer and a currency.", code="incomplete", field="customer_id")
        _check(lines, currency)
        begun = self._begun(draft.customer_id, draft.reference) if draft.reference else None
        if begun is not None:
            return self._finish(begun, draft, key)
        parameters = create_parameters(draft, draft.customer_id, currency)

        def write(due_at: int | None, keyed: RequestOptions) -> Answer:
            if due_at is not None:
                parameters["due_date"] = due_at
            return self.connection.write(lambda sdk: sdk.v1.invoices.create(parameters, keyed), creating=True)

        answer = _on_its_day(draft.due_on, key, write)
        if lines:
            answer = self._add_lines(answer.body["id"], draft.customer_id, list(enumerate(lines)), key)
        return self.record(answer.body, answer.as_of)

    def _begun(self, customer_id: str, reference: str) -> Answer | None:
        """The draft of an earlier try whose lines may have failed: it is finished, under whatever key, never made again."""
        query: list[tuple[str, str | int]] = [("customer", customer_id), ("status", "draft")]
        cursor: str | None = None
        while True:
            answer = self.read_page(self.path, query, cursor)
            for raw in answer.body["data"]:
                if reference_of(raw) == reference:
                    return Answer(raw, answer.as_of)
            cursor = next_cursor(answer)
            if cursor is None:
                return None

    def _finish(self, begun: Answer, draft: InvoiceDraft, key: str) -> Invoice:
        answer = self._replace_lines(begun, draft.lines or (), key)
        if not self.is_real(answer.body):
            answer = self._done(answer.body["id"], key)
        return self.record(answer.body, answer.as_of)

    def is_real(self, raw: Json) -> bool:
        """An invoice whose lines never all came is not found by its reference: create it again, and it is finished."""
        return UNFINISHED not in metadata_of(raw)

    def _done(self, id: str, key: str) -> Answer:
        return self.connection.write(lambda sdk: sdk.v1.invoices.update(id, {"metadata": {UNFINISHED: ""}}, options(key, "done")))

    def update(self, id: str, draft: Draft[Invoice], *, key: str) -> Invoice:
        """Lines that are as wanted stay; others go, missing ones come. So a repetition under the same key finds its own work."""
        assert isinstance(draft, InvoiceDraft)
        _falls_due_at_once(draft)
        parameters = update_parameters(draft)
        answer: Answer | None = None

        def write(due_at: int | None, keyed: RequestOptions) -> Answer:
            if due_at is not None:
                parameters["due_date"] = due_at
            return self.connection.write(lambda sdk: sdk.v1.invoices.update(id, parameters, keyed))

        if parameters:
            answer = _on_its_day(draft.due_on, key, write)
        if draft.lines is not None:
            answer = self._replace_lines(self.read_one(self.path, id), draft.lines, key)
        return self.get(id) if answer is None else self.record(answer.body, answer.as_of)

    def _replace_lines(self, answer: Answer, wanted: Sequence[Line], key: str) -> Answer:
        id: str = answer.body["id"]
        if answer.body.get("status") != "draft":
            raise Rejected("Only a draft's lines can be changed; this invoice has left us.", code="invoice_not_editable")
        _check(wanted, currency_of(answer.body))
        self.record(answer.body, answer.as_of)
        surplus: list[Json] = list(answer.body["lines"]["data"])
        missing: list[tuple[int, Line]] = []
        for n, ours in enumerate(wanted):
            match = next((raw for raw in surplus if same_line(ours, line(raw, ours.amount.currency))), None)
            if match is None:
                missing.append((n, ours))
            else:
                surplus.remove(match)
        if surplus:
            going: list[InvoiceRemoveLinesParamsLine] = [{"id": raw["id"], "behavior": "delete"} for raw in surplus]
            step = f"r{_mark(raw['id'] for raw in surplus)}"
            answer = self.connection.write(lambda sdk: sdk.v1.invoices.remove_lines(id, {"lines": going}, options(key, step)))
        if missing:
            answer = self._add_lines(id, identifier(answer.body.get("customer")) or "", missing, key)
        return answer

    def _add_lines(self, id: str, customer_id: str, numbered: Sequence[tuple[int, Line]], key: str) -> Answer:
        """All in one request, unless a line has a quantity: then one request for each line."""
        if not any(is_priced(new) for _, new in numbered):
            adding = [plain_line(new) for _, new in numbered]
            step = f"a{_mark(repr(new) for new in adding)}"
            parameters: InvoiceAddLinesParams = {"lines": adding, "invoice_metadata": {UNFINISHED: ""}}
            return self.connection.write(lambda sdk: sdk.v1.invoices.add_lines(id, parameters, options(key, step)))
        for n, new in numbered:
            self._add_item(item_parameters(new, id, customer_id), key, f"i{n}")
        return self._done(id, key)

    def _add_item(self, item: InvoiceItemCreateParams, key: str, step: str) -> None:
        self.connection.write(lambda sdk: sdk.v1.invoice_items.create(item, options(key, step)), creating=True)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> Invoice:
        match verb:
            case Verb.PUBLISH:
                answer = self._publish(id, key)
            case Verb.SEND:
                answer = self._send(id, key)
            case Verb.VOID:
                answer = self.connection.write(lambda sdk: sdk.v1.invoices.void_invoice(id, {}, options(key)))
            case Verb.DELETE:
                answer = self.connection.write(lambda sdk: sdk.v1.invoices.delete(id), keyed=False)
            case _:
                raise Unsupported(f"Stripe cannot {verb} an invoice")
        return self.record(answer.body, answer.as_of)

    def _publish(self, id: str, key: str, step: str = "") -> Answer:
        # Without auto_advance Stripe neither charges nor reminds by itself: that is the hub's business.
        return self.connection.write(
            lambda sdk: sdk.v1.invoices.finalize_invoice(id, {"auto_advance": False}, options(key, step))
        )

    def _send(self, id: str, key: str) -> Answer:
        if self.read_one(self.path, id).body.get("status") == "draft":
            published = self._publish(id, key, "p")
            if published.body.get("status") != "open":
                return published  # nothing to pay: Stripe marks it paid at once, and there is nothing to ask for
        return self.connection.write(lambda sdk: sdk.v1.invoices.send_invoice(id, {}, options(key)))


def _on_its_day(due_on: date | None, key: str, write: Callable[[int | None, RequestOptions], Answer]) -> Answer:
    """Due at noon; where that has passed, at the day's last second. Raises Rejected for a day that is over."""
    if due_on is None:
        return write(None, options(key))
    try:
        return write(noon(due_on), options(key))
    except Rejected as refusal:
        if refusal.field != "due_date":
            raise
    try:
        return write(last_second(due_on), options(key, "d"))
    except Rejected as refusal:
        if refusal.field != "due_date":
            raise
        raise Rejected(
            "Stripe takes no due date in the past; choose today or a later day.",
            code="due_date_in_the_past",
            field="due_on",
            request_id=refusal.request_id,
        ) from None


def _falls_due_at_once(draft: InvoiceDraft) -> None:
    if draft.instalments:
        raise Rejected("A Stripe invoice falls due at once, not in parts.", code="instalments_not_offered", field="instalments")


def _check(lines: Sequence[Line], currency: str) -> None:
    representable(*[new.amount for new in lines])
    if any(new.amount.currency != currency.upper() for new in lines):
        raise Rejected("All lines must be in the invoice's currency.", code="currency_mismatch", field="lines")


def _mark(parts: Iterable[str]) -> str:
    """Eight characters that differ with the content, so that a step's key is never used for another content."""
    return f"{crc32('|'.join(parts).encode()):08x}"
