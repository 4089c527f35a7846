"""The calls for saved payment methods and for the saving of one in the payer's browser."""

from __future__ import annotations

from datetime import datetime

from stripe.params import SetupIntentCreateParams

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import (
    Draft,
    JsonObject,
    Page,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    Window,
)
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.setup import setup
from providers.stripe.mapping.values import REFERENCE, Json
from providers.stripe.resources.base import Resource, next_cursor, options


class PaymentMethods(Resource[PaymentMethod]):
    path = "/v1/payment_methods"

    def record(self, raw: Json, as_of: datetime) -> PaymentMethod:
        return payment_method(raw, as_of)

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[PaymentMethod]:
        """One customer's: Stripe has no list of an account's saved methods."""
        answer = self.read_page(f"/v1/customers/{parent_id}/payment_methods", (), cursor)
        records = tuple([payment_method(raw, answer.as_of) for raw in answer.body["data"]])
        return Page(records=records, next_cursor=next_cursor(answer))

    def create(self, draft: Draft[PaymentMethod], *, key: str) -> PaymentMethod:
        """`source` was made by Stripe.js; it becomes the customer's. Raises Declined where the bank refuses that."""
        assert isinstance(draft, PaymentMethodDraft)
        source, customer_id = draft.source, draft.customer_id
        answer = self.connection.write(
            lambda sdk: sdk.v1.payment_methods.attach(source, {"customer": customer_id}, options(key)), creating=True
        )
        return payment_method(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> PaymentMethod:
        """DELETE detaches it for good: Stripe still shows it, belonging to nobody, and never charges it again."""
        if verb is not Verb.DELETE:
            raise Unsupported(f"Stripe cannot {verb} a payment method")
        answer = self.connection.write(lambda sdk: sdk.v1.payment_methods.detach(id, {}, options(key)))
        return payment_method(answer.body, answer.as_of)


class PaymentMethodSetups(Resource[PaymentMethodSetup]):
    path = "/v1/setup_intents"

    def record(self, raw: Json, as_of: datetime) -> PaymentMethodSetup:
        return setup(raw, as_of, **(self.connection.page_parameters or {}))

    def create(self, draft: Draft[PaymentMethodSetup], *, key: str) -> PaymentMethodSetup:
        """For charges while the payer is away. Which methods are offered is set in the account's Dashboard."""
        assert isinstance(draft, PaymentMethodSetupDraft)
        parameters: SetupIntentCreateParams = {
            "customer": draft.customer_id,
            "usage": "off_session",
            "automatic_payment_methods": {"enabled": True},
        }
        if draft.reference:
            parameters["metadata"] = {REFERENCE: draft.reference}
        answer = self.connection.write(lambda sdk: sdk.v1.setup_intents.create(parameters, options(key)), creating=True)
        return self.record(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> PaymentMethodSetup:
        if verb is not Verb.CANCEL:
            raise Unsupported(f"Stripe cannot {verb} the saving of a payment method")
        answer = self.connection.write(lambda sdk: sdk.v1.setup_intents.cancel(id, {}, options(key)))
        return self.record(answer.body, answer.as_of)
