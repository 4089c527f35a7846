"""The calls for customers."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from stripe.params import CustomerUpdateParams

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Customer, CustomerDraft, Draft, JsonObject
from providers.stripe.mapping.customer import customer, customer_parameters, names_all_parts, touches_name
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource, options


class Customers(Resource[Customer]):
    path = "/v1/customers"

    def record(self, raw: Json, as_of: datetime) -> Customer:
        return customer(raw, as_of)

    def create(self, draft: Draft[Customer], *, key: str) -> Customer:
        assert isinstance(draft, CustomerDraft)
        parameters = customer_parameters(draft, None)
        answer = self.connection.write(lambda sdk: sdk.v1.customers.create(parameters, options(key)), creating=True)
        return customer(answer.body, answer.as_of)

    def update(self, id: str, draft: Draft[Customer], *, key: str) -> Customer:
        """Stripe keeps one name: where the draft holds only a part of it, the present one is read first."""
        assert isinstance(draft, CustomerDraft)
        current = self.get(id) if touches_name(draft) and not names_all_parts(draft) else None
        parameters = cast(CustomerUpdateParams, customer_parameters(draft, current))
        answer = self.connection.write(lambda sdk: sdk.v1.customers.update(id, parameters, options(key)))
        return customer(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> Customer:
        """DELETE is for good and ends the customer's subscriptions."""
        if verb is not Verb.DELETE:
            raise Unsupported(f"Stripe cannot {verb} a customer")
        answer = self.connection.write(lambda sdk: sdk.v1.customers.delete(id), keyed=False)
        return customer(answer.body, answer.as_of)
