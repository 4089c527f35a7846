"""Credit notes: /v1/credit_notes; they lower an open invoice, or give money of a paid one back as refund or credit."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customer_balance import change_balance
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_collection import complete, resize_default_payment
from providers.sandbox.stripe.invoice_records import existing_invoice
from providers.sandbox.stripe.lists import list_answer, sublist
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.refunds import create_refund
from providers.sandbox.stripe.store import Record


def existing_note(call: Call, note_id: str) -> Record:
    note = call.store.credit_notes.get(note_id)
    if note is None:
        raise no_such("creditnote", note_id)
    return note


@operation("POST /v1/credit_notes")
def create_credit_note(call: Call) -> Record:
    before, invoice = existing_invoice(call, call.params["invoice"]), existing_invoice(call, call.params["invoice"])
    note = _drawn_up(call, invoice)
    paid = invoice["status"] == "paid"
    note["number"] = f"{invoice['number']}-CN-{len(call.store.credit_notes.find(invoice=invoice['id'])) + 1:02d}"
    if paid:
        _give_back(call, invoice, note)
        invoice["post_payment_credit_notes_amount"] += note["total"]
    else:
        invoice["pre_payment_credit_notes_amount"] += note["total"]
        invoice["amount_due"] -= note["total"]
        invoice["amount_remaining"] -= note["total"]
    call.store.invoices.put(invoice)
    call.store.credit_notes.put(note)
    emit(call, "credit_note.created", note)
    if paid or invoice["amount_remaining"] > 0:
        emit(call, "invoice.updated", invoice, before=before)
        if not paid:
            resize_default_payment(call, invoice)
    else:
        complete(call, before, charged=False)
    return note


@operation("GET /v1/credit_notes/preview")
def preview_credit_note(call: Call) -> Record:
    return _drawn_up(call, existing_invoice(call, call.params["invoice"]))


@operation("GET /v1/credit_notes/preview/lines")
def preview_credit_note_lines(call: Call) -> bytes:
    note = _drawn_up(call, existing_invoice(call, call.params["invoice"]))
    return sublist(call, note["lines"]["data"], "credit note line item")


@operation("GET /v1/credit_notes")
def list_credit_notes(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("customer", "invoice")}
    return list_answer(call, call.store.credit_notes, equal=equal)


@operation("GET /v1/credit_notes/{id}")
def get_credit_note(call: Call) -> Record:
    return existing_note(call, call.ids["id"])


@operation("GET /v1/credit_notes/{credit_note}/lines")
def list_credit_note_lines(call: Call) -> bytes:
    note = existing_note(call, call.ids["credit_note"])
    return sublist(call, note["lines"]["data"], "credit note line item")


@operation("POST /v1/credit_notes/{id}")
def update_credit_note(call: Call) -> Record:
    before, note = get_credit_note(call), get_credit_note(call)
    if "memo" in call.params:
        note["memo"] = blank_to_none(call.params["memo"])
    if "metadata" in call.params:
        note["metadata"] = merged_metadata(note["metadata"], call.params["metadata"])
    call.store.credit_notes.put(note)
    emit(call, "credit_note.updated", note, before=before)
    return note


@operation("POST /v1/credit_notes/{id}/void")
def void_credit_note(call: Call) -> Record:
    note = get_credit_note(call)
    before, invoice = existing_invoice(call, note["invoice"]), existing_invoice(call, note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open":
        raise wrong_state("You can only void credit notes that are issued for an open invoice.")
    note |= {"status": "void", "voided_at": call.now}
    invoice["pre_payment_credit_notes_amount"] -= note["total"]
    invoice["amount_due"] += note["total"]
    invoice["amount_remaining"] += note["total"]
    call.store.invoices.put(invoice)
    call.store.credit_notes.put(note)
    resize_default_payment(call, invoice)
    emit(call, "credit_note.voided", note)
    emit(call, "invoice.updated", invoice, before=before)
    return note


def _drawn_up(call: Call, invoice: Record) -> Record:
    """A valid credit note that has no number and no effect yet. Raises 400."""
    if invoice["status"] not in ("open", "paid"):
        raise wrong_state(f"You can only create a credit note for an open or paid invoice; this one is {invoice['status']}.")
    lines = _lines(call, invoice)
    total = sum(line["amount"] for line in lines)
    paid = invoice["status"] == "paid"
    most = invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"] if paid else invoice["amount_remaining"]
    if not 0 < total <= most:
        message = f"The sum of credit amount ({total}) must be more than 0 and at most the creditable amount ({most})."
        raise ApiError(400, message, param="amount")
    note_id = new_id("cn_1", length=23)
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": call.params.get("effective_at", call.now),
        "invoice": invoice["id"],
        "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/credit_notes/{note_id}/lines"},
        "livemode": call.livemode,
        "memo": blank_to_none(call.params.get("memo")),
        "metadata": merged_metadata({}, call.params.get("metadata")),
        "number": f"{invoice['number']}-CN",
        "out_of_band_amount": None,
        "pdf": f"{(invoice['invoice_pdf'] or '').partition('?')[0]}?credit_note={note_id}",
        "post_payment_amount": total if paid else 0,
        "pre_payment_amount": 0 if paid else total,
        "pretax_credit_amounts": [],
        "reason": call.params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "total_taxes": [],
        "type": "post_payment" if paid else "pre_payment",
        "voided_at": None,
    }


def _lines(call: Call, invoice: Record) -> list[Record]:
    params = call.params
    if "amount" in params and "lines" not in params:
        return [_line(call, params["amount"], "Credit", None)]
    if "lines" not in params:
        raise refused("You must pass one of `amount`, `lines` or `shipping_cost`.", code="parameter_missing", param="amount")
    billed = {line["id"]: line for line in call.store.invoice_lines.get(invoice["id"], invoice["lines"]["data"])}
    lines = []
    for index, wanted in enumerate(params["lines"]):
        if wanted["type"] == "custom_line_item":
            unit = Decimal(str(wanted.get("unit_amount", wanted.get("unit_amount_decimal", 0))))
            amount = int((unit * wanted.get("quantity", 1)).to_integral_value(ROUND_HALF_UP))
            lines.append(_line(call, amount, wanted.get("description"), None, quantity=wanted.get("quantity", 1)))
            continue
        line = billed.get(wanted.get("invoice_line_item") or "")
        if line is None:
            raise no_such("invoice line item", str(wanted.get("invoice_line_item")), param=f"lines[{index}][invoice_line_item]")
        quantity = wanted.get("quantity")
        share = Decimal(quantity) / (line["quantity"] or 1) if quantity else Decimal(1)
        amount = wanted.get("amount", int((line["amount"] * share).to_integral_value(ROUND_HALF_UP)))
        lines.append(_line(call, amount, line["description"], line["id"], quantity=quantity))
    return lines


def _line(call: Call, amount: int, description: str | None, invoice_line: str | None, *, quantity: int | None = None) -> Record:
    line: Record = {
        "id": new_id("cnli_1", length=23),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": invoice_line,
        "livemode": call.livemode,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": "invoice_line_item" if invoice_line else "custom_line_item",
        "unit_amount": None if invoice_line else amount // (quantity or 1),
        "unit_amount_decimal": None if invoice_line else str(amount // (quantity or 1)),
    }
    return line


def _give_back(call: Call, invoice: Record, note: Record) -> None:
    """A paid invoice: refund_amount, refunds, credit_amount and out_of_band_amount must make up the whole."""
    params: dict[str, Any] = call.params
    refund, credit, outside = (params.get(name) or 0 for name in ("refund_amount", "credit_amount", "out_of_band_amount"))
    linked = params.get("refunds") or []
    given = refund + credit + outside + sum(item.get("amount_refunded") or 0 for item in linked)
    if given != note["total"] and not linked:
        raise refused(
            "When creating a credit note for a paid invoice, the sum of refund_amount, credit_amount and out_of_band_amount "
            f"({given}) must equal the total of the credit note ({note['total']}).",
            param="refund_amount",
        )
    for item in linked:
        known = call.store.refunds.get(item.get("refund") or "")
        if known is None:
            raise no_such("refund", str(item.get("refund")), param="refunds")
        shown = {"amount_refunded": item.get("amount_refunded", known["amount"]), "refund": known["id"]}
        note["refunds"].append({**shown, "payment_record_refund": None, "type": "refund"})
    if refund:
        rows = call.store.invoice_payments.find(invoice=invoice["id"])
        payments = [row for row in rows if row["status"] == "paid" and row["payment"].get("payment_intent")]
        if not payments:
            raise wrong_state("This invoice was not paid by a charge; use credit_amount or out_of_band_amount.")
        intent_id = payments[0]["payment"]["payment_intent"]
        made = create_refund(call.with_params(payment_intent=intent_id, amount=refund))
        shown = {"amount_refunded": refund, "refund": made["id"], "payment_record_refund": None, "type": "refund"}
        note["refunds"].append(shown)
    if credit:
        customer = call.store.customers.get(invoice["customer"])
        assert customer is not None
        owner = {"invoice": invoice["id"], "credit_note": note["id"]}
        row = change_balance(call, customer, -credit, "credit_note", currency=invoice["currency"], **owner)
        note["customer_balance_transaction"] = row["id"]
    note["out_of_band_amount"] = outside or None
