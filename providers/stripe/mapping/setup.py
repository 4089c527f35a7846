"""The saving of a payment method by its payer: a SetupIntent."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from providers.records import PaymentMethodSetup, PaymentStatus
from providers.stripe.errors import lay_text
from providers.stripe.mapping.values import Json, Words, identifier, moment, without_secrets

STATUSES: Final = Words(
    "setup_intent",
    "status",
    {
        "requires_payment_method": PaymentStatus.PENDING,
        "requires_confirmation": PaymentStatus.PENDING,
        "requires_action": PaymentStatus.REQUIRES_ACTION,
        "processing": PaymentStatus.PENDING,
        "succeeded": PaymentStatus.SUCCEEDED,
        "canceled": PaymentStatus.CANCELED,
    },
    PaymentStatus.UNKNOWN,
)
_OVER: Final = frozenset([PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED])


def setup(raw: Json, as_of: datetime, **page: str) -> PaymentMethodSetup:
    """`page`: what the payer's page needs besides the client secret. It is given as long as there is something to do."""
    problem = raw.get("last_setup_error")
    status = STATUSES.of(raw.get("status"), as_of)
    if problem and raw.get("status") == "requires_payment_method":
        status = PaymentStatus.FAILED
    secret = raw.get("client_secret")
    return PaymentMethodSetup(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        customer_id=identifier(raw.get("customer")),
        status=status,
        payment_method_id=identifier(raw.get("payment_method")) if status is PaymentStatus.SUCCEEDED else None,
        client_parameters={"client_secret": secret, **page} if secret and status not in _OVER else {},
        failure=(lay_text(problem.get("message")) or problem.get("code")) if problem else None,
    )
