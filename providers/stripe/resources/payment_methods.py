"""The calls for saved payment methods: one at a time, they are saved on Stripe's pages."""

from __future__ import annotations

from datetime import datetime

from providers.records import PaymentMethod
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource


class PaymentMethods(Resource[PaymentMethod]):
    path = "/v1/payment_methods"

    def record(self, raw: Json, as_of: datetime) -> PaymentMethod:
        return payment_method(raw, as_of)
