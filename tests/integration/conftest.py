"""The hub on the twins for every test of this folder."""

from tests.integration.fixtures import door, provider_name, scene, twins

__all__ = ["door", "provider_name", "scene", "twins"]
