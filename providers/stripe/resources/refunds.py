"""The calls for refunds."""

from __future__ import annotations

from datetime import datetime

from providers.records import Draft, Refund, RefundDraft
from providers.stripe.mapping.refund import refund, refund_parameters
from providers.stripe.mapping.values import Json, representable
from providers.stripe.resources.base import Resource, options


class Refunds(Resource[Refund]):
    path = "/v1/refunds"

    def record(self, raw: Json, as_of: datetime) -> Refund:
        return refund(raw, as_of)

    def create(self, draft: Draft[Refund], *, key: str) -> Refund:
        assert isinstance(draft, RefundDraft)
        representable(draft.amount)
        parameters = refund_parameters(draft)
        answer = self.connection.write(lambda sdk: sdk.v1.refunds.create(parameters, options(key)), creating=True)
        return refund(answer.body, answer.as_of)
