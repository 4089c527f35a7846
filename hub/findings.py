"""What the doctor says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined. `how_to_mend` is empty where all is well."""

    subject: str
    ok: bool
    what: str
    how_to_mend: str = ""
    unreachable: bool = False
    """Nothing behind it can be examined either."""

    def as_dict(self) -> dict[str, Any]:
        return {"subject": self.subject, "ok": self.ok, "what": self.what, "how_to_mend": self.how_to_mend}
