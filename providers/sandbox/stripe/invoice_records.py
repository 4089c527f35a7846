"""The invoice as a record: an empty draft, its customer snapshot, a change of status."""

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.store import Record


def invoice_record(
    invoice_id: str, *, customer: str, currency: str, created: int, livemode: bool, country: str, name: str
) -> Record:
    """An empty draft. country, name: the merchant's."""
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": country,
        "account_name": name,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "custom_fields": None,
        "customer": customer,
        "customer_account": None,
        "customer_address": None,
        "customer_email": None,
        "customer_name": None,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
        "livemode": livemode,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def customer_snapshot(customer: Record) -> Record:
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
    }


def existing_invoice(call: Call, invoice_id: str, *, param: str = "id") -> Record:
    invoice = call.store.invoices.get(invoice_id)
    if invoice is None:
        other = call.world.store(call.account.id, not call.livemode)
        other_mode = ("test" if call.livemode else "live") if invoice_id in other.invoices else None
        raise no_such("invoice", invoice_id, param=param, other_mode=other_mode)
    return invoice


def move_to(call: Call, before: Record, invoice: Record, moment: str, event_type: str) -> Record:
    invoice["status_transitions"][moment] = call.now
    call.store.invoices.put(invoice)
    emit(call, "invoice.updated", invoice, before=before)
    emit(call, event_type, invoice)
    return invoice
