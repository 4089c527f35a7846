"""What the fake provider's words mean, both ways; pure."""

from providers.fake.mapping.billing import customer_fields, endpoint_fields, invoice_fields, payment_fields, refund_fields
from providers.fake.mapping.counter import terminal_checkout_fields
from providers.fake.mapping.event import BY_WORD, KINDS, event
from providers.fake.mapping.links import (
    billing_portal_fields,
    payment_link_fields,
    payment_method_fields,
    payment_method_setup_fields,
)
from providers.fake.mapping.recurring import subscription_fields
from providers.fake.mapping.settlement import dispute_fields

__all__ = [
    "BY_WORD",
    "KINDS",
    "billing_portal_fields",
    "customer_fields",
    "dispute_fields",
    "endpoint_fields",
    "event",
    "invoice_fields",
    "payment_fields",
    "payment_link_fields",
    "payment_method_fields",
    "payment_method_setup_fields",
    "refund_fields",
    "subscription_fields",
    "terminal_checkout_fields",
]
