"""What the CRM's own rules refuse; the API and the pages show it as it is."""

from __future__ import annotations


class NotFound(LookupError):
    """There is no such record in this tenant."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.what = what


class Refused(ValueError):
    """A rule of the business says no. `code` is stable, `field` names the input at fault (None: the whole request)."""

    def __init__(self, code: str, detail: str, *, field: str | None = None, conflict: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.conflict = conflict
