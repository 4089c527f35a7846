"""The real application for these tests."""

from tests.hub.apps import app, blueprints, business, client, other_business, settings

__all__ = ["app", "blueprints", "business", "client", "other_business", "settings"]
