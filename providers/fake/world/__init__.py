"""The other side of the fake provider: what its servers would keep and answer, without a server."""

from providers.fake.world.merchant import Merchant
from providers.fake.world.world import FakeWorld

__all__ = ["FakeWorld", "Merchant"]
