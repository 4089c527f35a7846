"""The Stripe twin: api and connect hosts in one, stateful, at API version 2026-10-28.endive."""

from providers.sandbox.stripe.twin import create_twin

__all__ = ["create_twin"]
