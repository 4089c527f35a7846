"""What was asked of a twin: metadata only, never bodies or credentials."""

import itertools
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_REQUESTS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    number: int
    at: float
    method: str
    path: str
    query_names: tuple[str, ...]
    account: str | None
    status: int | None
    """None: the connection was dropped without an answer."""
    idempotency_key: str | None
    fault: str | None
    milliseconds: float


class RequestLog:
    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT_REQUESTS)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, **fields: Any) -> None:
        with self._lock:
            self._entries.append(LoggedRequest(number=next(self._numbers), **fields))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def entries(
        self, *, after: int = 0, method: str | None = None, path: str | None = None, account: str | None = None
    ) -> list[dict[str, Any]]:
        """Oldest first; `after` is the number of the last one seen; `path` is a prefix."""
        with self._lock:
            snapshot = list(self._entries)
        return [
            asdict(entry)
            for entry in snapshot
            if entry.number > after
            and (method is None or entry.method == method)
            and (path is None or entry.path.startswith(path))
            and (account is None or entry.account == account)
        ]
