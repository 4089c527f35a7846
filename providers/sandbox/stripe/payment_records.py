"""Payments that happened elsewhere, such as cash, reported so that they pay an invoice: /v1/payment_records."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.store import Record


@operation("POST /v1/payment_records/report_payment")
def report_payment(call: Call) -> Record:
    params = call.params
    currency, value = params["amount_requested"]["currency"].lower(), params["amount_requested"]["value"]
    if value < 1:
        raise refused("This value must be greater than or equal to 1.", param="amount_requested[value]")
    outcome = params.get("outcome")

    def amount(when: str | None) -> Record:
        return {"currency": currency, "value": value if when in ("", outcome) else 0}

    details = params["payment_method_details"]
    customer = params.get("customer_details") or {}
    record: Record = {
        "id": new_id("pr_1", length=23),
        "object": "payment_record",
        "amount": amount(""),
        "amount_authorized": amount("guaranteed"),
        "amount_canceled": amount("canceled"),
        "amount_failed": amount("failed"),
        "amount_guaranteed": amount("guaranteed"),
        "amount_refunded": {"currency": currency, "value": 0},
        "amount_requested": amount(""),
        "application": call.application,
        "created": call.now,
        "customer_details": {name: customer.get(name) for name in ("customer", "email", "name", "phone")} if customer else None,
        "customer_presence": params.get("customer_presence"),
        "description": params.get("description"),
        "latest_payment_attempt_record": new_id("par_1", length=23),
        "livemode": call.livemode,
        "metadata": merged_metadata({}, params.get("metadata")),
        "payment_method_details": {
            "billing_details": None,
            "custom": {"display_name": (details.get("custom") or {}).get("display_name", "Custom"), "type": None},
            "payment_method": details.get("payment_method"),
            "type": "custom",
        },
        "processor_details": params.get("processor_details") or {"custom": None, "type": "custom"},
        "reported_by": "self",
        "shipping_details": None,
    }
    call.store.payment_records.put(record)
    return record


@operation("GET /v1/payment_records/{id}")
def get_payment_record(call: Call) -> Record:
    record = call.store.payment_records.get(call.ids["id"])
    if record is None:
        raise no_such("payment_record", call.ids["id"])
    return record
