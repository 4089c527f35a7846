"""What every record and every draft is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One object at the provider, as it was at `as_of`.

    `version` is the provider's concurrency token, None where it has none. `changed_at` is None where the provider keeps no
    such time (most Stripe objects). `as_of`: event.created, or the answer's Date. `raw` is the object as received (a Square
    invoice: {"invoice": ..., "order": ...}); it takes no part in comparison or repr.
    """

    id: str
    version: str | None = None
    changed_at: datetime | None = None
    created_at: datetime | None = None
    as_of: datetime
    raw: JsonObject = field(compare=False, repr=False)


R = TypeVar("R", bound=Record)


class Draft(Generic[R]):
    """What to write. A field that is None is left as it is at the provider; an empty string clears it."""

    __slots__ = ()
