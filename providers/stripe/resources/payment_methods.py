"""The calls for saved payment methods: read only, they are saved on Stripe's pages."""

from __future__ import annotations

from datetime import datetime

from providers.records import Page, PaymentMethod, Window
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource


class PaymentMethods(Resource[PaymentMethod]):
    path = "/v1/payment_methods"

    def record(self, raw: Json, as_of: datetime) -> PaymentMethod:
        return payment_method(raw, as_of)

    def page(self, *, created: Window | None, cursor: str | None, open_only: bool) -> Page[PaymentMethod]:
        """Stripe takes no time filter here: all are listed."""
        return super().page(created=None, cursor=cursor, open_only=False)
