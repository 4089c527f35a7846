"""Our cursor: at which location a listing is, and Square's own cursor there."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from providers.errors import CursorExpired


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing goes on; None: at the beginning. Square's cursors live about five minutes and only with the same query."""

    location_id: str | None = None
    square_cursor: str | None = None

    def packed(self) -> str:
        return urlsafe_b64encode(orjson.dumps([self.location_id, self.square_cursor])).decode()

    @classmethod
    def unpacked(cls, cursor: str | None) -> Place:
        """Raises CursorExpired for text that is not a cursor of ours."""
        if cursor is None:
            return cls()
        try:
            location_id, square_cursor = orjson.loads(urlsafe_b64decode(cursor))
        except (ValueError, TypeError):
            raise CursorExpired("This list cannot be continued.") from None
        return cls(location_id, square_cursor)

    def after(self, square_cursor: str | None, location_ids: Sequence[str]) -> str | None:
        """The cursor behind this page: further at this location, else at the next of the sorted `location_ids`, else None."""
        if square_cursor:
            return Place(self.location_id, square_cursor).packed()
        later = [id for id in location_ids if self.location_id is not None and id > self.location_id]
        return Place(later[0]).packed() if later else None
