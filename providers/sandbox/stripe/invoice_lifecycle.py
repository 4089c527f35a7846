"""From draft to open and to the other ends: finalize, send, void, mark uncollectible, and what happens by the clock."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customer_balance import change_balance
from providers.sandbox.stripe.errors import ApiError, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_collection import (
    attempt_payment,
    cancel_open_payments,
    complete,
    note_failure,
    open_payment,
    saved_method,
)
from providers.sandbox.stripe.invoice_records import customer_snapshot, existing_invoice, move_to
from providers.sandbox.stripe.settle import on_invoice_failure
from providers.sandbox.stripe.store import Record, subscription_of

DAY_SECONDS = 86400
GIVE_UP_WAITING_SECONDS = 72 * 3600


@operation("POST /v1/invoices/{invoice}/finalize")
def finalize_invoice(call: Call) -> Record:
    invoice = existing_invoice(call, call.ids["invoice"])
    if invoice["status"] != "draft":
        raise wrong_state("This invoice is already finalized, you can't re-finalize a non-draft invoice.", "invoice_not_editable")
    return finalize(call, invoice, auto_advance=call.params.get("auto_advance"))


@operation("POST /v1/invoices/{invoice}/send")
def send_invoice(call: Call) -> Record:
    invoice = existing_invoice(call, call.ids["invoice"])
    if invoice["collection_method"] != "send_invoice":
        raise wrong_state("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only send an open invoice; this one is {invoice['status']}.")
    emit(call, "invoice.sent", invoice)
    return invoice


@operation("POST /v1/invoices/{invoice}/void")
def void_invoice(call: Call) -> Record:
    before, invoice = existing_invoice(call, call.ids["invoice"]), existing_invoice(call, call.ids["invoice"])
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only void invoices that are open or uncollectible; this one is {invoice['status']}.")
    cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    return move_to(call, before, invoice, "voided_at", "invoice.voided")


@operation("POST /v1/invoices/{invoice}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Record:
    before, invoice = existing_invoice(call, call.ids["invoice"]), existing_invoice(call, call.ids["invoice"])
    if invoice["status"] != "open":
        raise wrong_state(f"You can only mark open invoices as uncollectible; this one is {invoice['status']}.")
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
    return move_to(call, before, invoice, "marked_uncollectible_at", "invoice.marked_uncollectible")


def finalize(call: Call, invoice: Record, *, auto_advance: bool | None = None, collect: bool = True) -> Record:
    """Number, freeze, open, and collect if that is automatic. An invoice over nothing is paid at once.

    collect: False for an invoice about money that was taken before it.
    """
    before = existing_invoice(call, invoice["id"])
    customer = call.store.customers.get(invoice["customer"])
    if customer is not None:
        invoice |= customer_snapshot(customer)
        known = call.store.tax_ids.find(customer=customer["id"])
        invoice["customer_tax_ids"] = [{"type": row["type"], "value": row["value"]} for row in known]
        _number(call, invoice, customer)
        _apply_customer_balance(call, invoice, customer)
    if auto_advance is not None:
        invoice["auto_advance"] = auto_advance
    days = call.store.due_days.get(invoice["id"])
    if days is not None:
        invoice["due_date"] = call.now + days * DAY_SECONDS
    invoice |= {"status": "open", "effective_at": invoice["effective_at"] or call.now, "automatically_finalizes_at": None}
    invoice |= {"ending_balance": invoice["ending_balance"] or 0, "webhooks_delivered_at": call.now}
    invoice["status_transitions"]["finalized_at"] = call.now
    give_hosted_page(call, invoice, new_id("", length=40))
    call.store.invoices.put(invoice)
    if invoice["amount_due"] > 0 and collect:
        open_payment(call, invoice)
    emit(call, "invoice.finalized", invoice)
    emit(call, "invoice.updated", invoice, before=before)
    if not collect:
        return invoice
    if invoice["amount_due"] == 0:
        return complete(call, existing_invoice(call, invoice["id"]), charged=False)
    _plan_overdue(call, invoice)
    return _advance(call, invoice) if invoice["auto_advance"] else invoice


def give_hosted_page(call: Call, invoice: Record, token: str) -> None:
    mode = "live" if invoice["livemode"] else "test"
    url = f"{call.world.base_url}/i/{call.account.id}/{mode}_{token}"
    call.store.hosted_tokens[f"{mode}_{token}"] = invoice["id"]
    invoice |= {"hosted_invoice_url": url + "?s=ap", "invoice_pdf": url + "/pdf?s=ap"}


def _number(call: Call, invoice: Record, customer: Record) -> None:
    if invoice["number"] is None:
        sequence = customer["next_invoice_sequence"]
        invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
        customer["next_invoice_sequence"] = sequence + 1
        call.store.customers.put(customer)


def _apply_customer_balance(call: Call, invoice: Record, customer: Record) -> None:
    """A credit (negative balance) lowers what is due, a debit raises it."""
    balance = customer["balance"]
    invoice["starting_balance"] = balance
    wanted = invoice["total"] + balance
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, wanted)
    invoice["ending_balance"] = min(0, wanted)
    if balance:
        used = invoice["ending_balance"] - balance
        change_balance(call, customer, used, "applied_to_invoice", currency=invoice["currency"], invoice=invoice["id"])


def _advance(call: Call, invoice: Record) -> Record:
    if invoice["collection_method"] == "send_invoice":
        emit(call, "invoice.sent", invoice)
        return invoice
    saved = saved_method(call, invoice)
    if saved is None:
        if subscription_of(invoice):
            note_failure(call, invoice["id"], None)
        return existing_invoice(call, invoice["id"])
    try:
        return attempt_payment(call.by_stripe(), invoice, saved, off_session=True)
    except ApiError:
        return existing_invoice(call, invoice["id"])


def plan_finalization(call: Call, invoice: Record) -> None:
    """Advancing drafts are finalized an hour later, once invoice.created was delivered or 72 hours have passed."""
    if invoice["status"] != "draft" or not invoice["auto_advance"] or invoice["automatically_finalizes_at"] is not None:
        return
    delay = call.world.options.finalization_delay_seconds
    invoice["automatically_finalizes_at"] = int(call.now + delay)
    call.store.invoices.put(invoice)

    def due(later: Call) -> None:
        current = later.store.invoices.get(invoice["id"])
        if current is None or current["status"] != "draft" or not current["auto_advance"]:
            return
        waiting = later.store.creation_events.get(current["id"]) in later.world.undelivered
        if waiting and later.now < current["created"] + GIVE_UP_WAITING_SECONDS:
            later.plan(max(later.now, later.world.clock.unix()) + delay, due, after_webhooks=True)
            return
        finalize(later, current)

    call.plan(call.now + delay, due, after_webhooks=True)


def _plan_overdue(call: Call, invoice: Record) -> None:
    if invoice["due_date"] is None:
        return

    def due(later: Call) -> None:
        current = later.store.invoices.get(invoice["id"])
        if current is not None and current["status"] == "open":
            emit(later, "invoice.overdue", current)
            for follow in on_invoice_failure:
                follow(later, current)

    call.plan(invoice["due_date"], due)
