"""A stateful stand-in for Square's HTTP API, OAuth pages, hosted invoice pages and webhooks."""

from providers.sandbox.square.twin import create_twin

__all__ = ["create_twin"]
