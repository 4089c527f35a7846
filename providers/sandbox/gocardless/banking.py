"""What happens to money: payments on mandates and through payment pages, refunds; by the twin's clock, or at a word."""

from datetime import timedelta
from typing import Any

from providers.sandbox.gocardless.errors import invalid, wrong_state
from providers.sandbox.gocardless.events import deliver, tell
from providers.sandbox.gocardless.state import Organisation, Record, World

CHARGEABLE = ("pending_customer_approval", "pending_submission", "submitted", "active")
REFUNDABLE = ("confirmed", "paid_out")
NOT_REFUNDED = ("cancelled", "bounced", "funds_returned")
PAYMENT_LIFE = (("pending_submission", "submitted", 1), ("submitted", "confirmed", 3), ("confirmed", "paid_out", 5))
"""From, to, days after the making (a Bacs payment)."""
REFUND_LIFE = (("created", "submitted", 1), ("submitted", "paid", 3))


def add_mandate(world: World, organisation: Organisation, customer_id: str, status: str = "active") -> Record:
    creditor = next(iter(organisation.shelves["creditors"]))
    links = {"customer": customer_id, "creditor": creditor, "customer_bank_account": "BA" + customer_id[2:]}
    scheme = {"GBP": "bacs", "USD": "ach", "EUR": "sepa_core"}.get(organisation.currency, "becs")
    return world.add(organisation, "mandates", reference="REF-1", status=status, scheme=scheme, metadata={}, links=links)


def add_payment(world: World, organisation: Organisation, mandate: Record, fields: Record, status: str) -> Record:
    links = {"mandate": mandate["id"], "creditor": mandate["links"]["creditor"]}
    charged = (world.now() + timedelta(days=3)).date().isoformat()
    asked = {name: value for name, value in fields.items() if name != "links"}
    empty: Record = {"description": None, "reference": None, "metadata": {}}
    return world.add(
        organisation,
        "payments",
        **{**empty, **asked},
        status=status,
        amount_refunded=0,
        charge_date=charged,
        scheme=mandate["scheme"],
        links=links,
    )


def take_payment(world: World, organisation: Organisation, fields: Record) -> Record:
    mandate = organisation.shelves["mandates"].get(fields["links"].get("mandate", ""))
    if mandate is None:
        raise invalid("mandate", "does not exist")
    if mandate["status"] not in CHARGEABLE:
        raise wrong_state("mandate_is_inactive", "Mandate is inactive")
    if fields["currency"] != organisation.currency:
        raise invalid("currency", "is not that of the mandate")
    payment = add_payment(world, organisation, mandate, fields, "pending_submission")
    tell(world, organisation, "payments", payment, "created")
    _live(world, organisation, "payments", payment, PAYMENT_LIFE)
    return payment


def give_refund(world: World, organisation: Organisation, fields: Record) -> Record:
    payment = organisation.shelves["payments"].get(fields["links"].get("payment", ""))
    if payment is None:
        raise invalid("payment", "does not exist")
    if payment["status"] not in REFUNDABLE:
        raise wrong_state("refund_payment_invalid_state", "The payment was not collected")
    others = [refund for refund in organisation.shelves["refunds"].values() if refund["links"]["payment"] == payment["id"]]
    total = fields["amount"] + sum(refund["amount"] for refund in others if refund["status"] not in NOT_REFUNDED)
    if fields.get("total_amount_confirmation") != total:
        raise wrong_state("total_amount_confirmation_invalid", "Total amount confirmation is not the sum of the refunds")
    if total > payment["amount"]:
        raise invalid("amount", "is more than is left of the payment")
    kept = {name: fields[name] for name in ("amount", "metadata", "reference") if name in fields}
    links = {"payment": payment["id"], "mandate": payment["links"]["mandate"]}
    refund = world.add(
        organisation, "refunds", **{"metadata": {}, **kept}, currency=payment["currency"], status="created", links=links
    )
    payment["amount_refunded"] = total
    tell(world, organisation, "refunds", refund, "created")
    _live(world, organisation, "refunds", refund, REFUND_LIFE)
    return refund


def pay_request(world: World, organisation: Organisation, request: Record, payer: dict[str, Any] | None = None) -> Record:
    """The payer has authorised an instant bank payment: confirmed at once."""
    if request["status"] != "pending":
        raise wrong_state("billing_request_already_completed", "The billing request is over")
    if "customer" not in request["links"]:
        names = {"given_name": "Pat", "family_name": "Payer", "email": "pat@example.com", **(payer or {})}
        request["links"]["customer"] = world.add(organisation, "customers", **names, metadata={})["id"]
    mandate = {"id": None, "scheme": "faster_payments", "links": {"creditor": next(iter(organisation.shelves["creditors"]))}}
    asked = {name: request["payment_request"].get(name) for name in ("amount", "currency", "description")}
    payment = add_payment(world, organisation, mandate, asked, "confirmed")
    request["status"] = "fulfilled"
    request["links"]["payment_request_payment"] = payment["id"]
    tell(world, organisation, "billing_requests", request, "fulfilled", origin="payer")
    tell(world, organisation, "payments", payment, "created", origin="payer")
    tell(world, organisation, "payments", payment, "confirmed", origin="bank")
    return payment


def move(world: World, organisation: Organisation, resource: str, record: Record, status: str, action: str | None = None) -> None:
    """The bank's or the merchant's word on it."""
    record["status"] = status
    tell(world, organisation, resource, record, action or status, origin="bank")


def _live(
    world: World, organisation: Organisation, resource: str, record: Record, life: tuple[tuple[str, str, int], ...]
) -> None:
    for before, after, days in life:

        def happen(before: str = before, after: str = after) -> None:
            if record["status"] == before:
                move(world, organisation, resource, record, after)
                deliver(world)

        world.later(days, happen)
