"""Taking money with a saved payment method: once per key, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import stripe
from stripe.params import PaymentIntentCreateParams

from providers.errors import ActionRequired, Rejected
from providers.records import PaymentDraft
from providers.stripe.connection import Answer, Connection
from providers.stripe.mapping.payment import was_tried
from providers.stripe.mapping.values import REFERENCE, Json, currency_of, identifier, metadata_of, representable
from providers.stripe.resources.base import PAGE_SIZE, options

OUR_KEY: Final = "payhub_key"  # metadata key: which call of ours an intent serves
PAYABLE: Final = ("open", "uncollectible")


def charge(connection: Connection, draft: PaymentDraft, key: str) -> Answer:
    """A payment of its own, confirmed at once. Raises Declined, ActionRequired."""
    representable(draft.amount)
    parameters = _intent_parameters(draft, key)
    parameters["payment_method"] = draft.source
    parameters["confirm"] = True
    parameters["off_session"] = True
    parameters["expand"] = ["latest_charge.balance_transaction"]
    answer = connection.write(lambda sdk: sdk.v1.payment_intents.create(parameters, options(key)), creating=True)
    if answer.body.get("status") == "requires_action":
        redirect = (answer.body.get("next_action") or {}).get("redirect_to_url") or {}
        raise ActionRequired("The payer's bank asks for confirmation.", next_url=redirect.get("url"))
    return answer


def _intent_parameters(draft: PaymentDraft, key: str) -> PaymentIntentCreateParams:
    parameters: PaymentIntentCreateParams = {
        "amount": draft.amount.minor_units,
        "currency": draft.amount.currency.lower(),
        "metadata": _marks(draft, key),
    }
    if draft.customer_id:
        parameters["customer"] = draft.customer_id
    if draft.description:
        parameters["description"] = draft.description
    return parameters


def _marks(draft: PaymentDraft, key: str) -> dict[str, str]:
    return {OUR_KEY: key, REFERENCE: draft.reference} if draft.reference else {OUR_KEY: key}


@dataclass(frozen=True, slots=True)
class InvoicePaying:
    """One call to pay one invoice. Its intent carries our key before money moves, so a repetition finds what was done:
    what is due has changed by then, and must not decide anew between all and a part."""

    connection: Connection
    draft: PaymentDraft
    invoice_id: str
    key: str

    def pay(self) -> str:
        """The PaymentIntent that paid. Raises Declined, ActionRequired, and Rejected where nothing (or less) is due."""
        representable(self.draft.amount)
        invoice = self.connection.read(f"/v1/invoices/{self.invoice_id}").body
        mine, default_id = self._intents()
        if mine is not None and was_tried(mine) and mine["status"] not in ("requires_payment_method", "requires_action"):
            return str(mine["id"])
        if mine is not None and mine["id"] != default_id:
            return self._pay_part(invoice)
        self._check(invoice)
        if invoice["status"] == "paid" or self.draft.amount.minor_units == invoice["amount_remaining"]:
            return self._pay_all(invoice, default_id)
        return self._pay_part(invoice)

    def _intents(self) -> tuple[Json | None, str | None]:
        """Of the invoice: the intent that carries our key, and the id of the one that Stripe made itself."""
        query: list[tuple[str, str | int]] = [
            ("invoice", self.invoice_id),
            ("limit", PAGE_SIZE),
            ("expand[0]", "data.payment.payment_intent"),
        ]
        mine: Json | None = None
        default_id: str | None = None
        for link in self.connection.read("/v1/invoice_payments", query).body["data"]:
            intent: Any = (link.get("payment") or {}).get("payment_intent")
            if link.get("is_default"):
                default_id = identifier(intent)
            if isinstance(intent, dict) and metadata_of(intent).get(OUR_KEY) == self.key:
                mine = intent
        return mine, default_id

    def _check(self, invoice: Json) -> None:
        amount, status = self.draft.amount, invoice["status"]
        if currency_of(invoice) != amount.currency:
            raise Rejected("The payment must be in the invoice's currency.", code="currency_mismatch", field="amount")
        if status == "paid":
            return  # perhaps by an earlier try under this key: Stripe repeats its answer then, and refuses otherwise
        if status not in PAYABLE:
            raise Rejected(f"The invoice is {status}; it cannot be paid.", code="invoice_not_payable", field="invoice_id")
        if amount.minor_units > invoice["amount_remaining"]:
            raise Rejected("The amount is more than is due on the invoice.", code="amount_too_large", field="amount")

    def _pay_all(self, invoice: Json, default_id: str | None) -> str:
        if default_id is not None and invoice["status"] != "paid":
            marks = _marks(self.draft, self.key)
            self.connection.write(
                lambda sdk: sdk.v1.payment_intents.update(default_id, {"metadata": marks}, options(self.key, "mark"))
            )
        self._confirmed(
            invoice,
            lambda sdk: sdk.v1.invoices.pay(
                self.invoice_id, {"payment_method": self.draft.source, "off_session": True}, options(self.key, "pay")
            ),
        )
        paid_id = default_id or self._intents()[1]
        if paid_id is None:
            raise Rejected("The invoice was paid without a card payment.", code="no_payment_intent")
        return paid_id

    def _pay_part(self, invoice: Json) -> str:
        parameters = _intent_parameters(self.draft, self.key)
        customer_id = identifier(invoice.get("customer"))
        if customer_id is not None:
            parameters["customer"] = customer_id
        parameters["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        intent_id: str = self.connection.write(
            lambda sdk: sdk.v1.payment_intents.create(parameters, options(self.key)), creating=True
        ).body["id"]
        self.connection.write(
            lambda sdk: sdk.v1.invoices.attach_payment(self.invoice_id, {"payment_intent": intent_id}, options(self.key, "link"))
        )
        self._confirmed(
            invoice,
            lambda sdk: sdk.v1.payment_intents.confirm(
                intent_id, {"payment_method": self.draft.source, "off_session": True}, options(self.key, "pay")
            ),
        )
        return intent_id

    def _confirmed(self, invoice: Json, call: Callable[[stripe.StripeClient], Any]) -> None:
        """Where the bank wants to see the payer, the invoice's own page is the way."""
        try:
            self.connection.write(call)
        except ActionRequired as problem:
            raise ActionRequired(
                problem.detail, next_url=invoice.get("hosted_invoice_url"), code=problem.code, request_id=problem.request_id
            ) from None
