"""GoCardless's API, consent page and payment pages for development and tests."""

from providers.sandbox.gocardless.twin import create_twin

__all__ = ["create_twin"]
