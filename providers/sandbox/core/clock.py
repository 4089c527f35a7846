"""The twin's settable clock: the only reader of the system time in the sandbox."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Real time plus an offset, or frozen. Everything a twin dates, expires or retries goes by this clock."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self._frozen_at: float | None = None
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def timestamp(self) -> float:
        """Unix seconds with fraction."""
        frozen_at = self._frozen_at
        return frozen_at if frozen_at is not None else time.time() + self._offset_seconds

    def unix(self) -> int:
        return int(self.timestamp())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp(), UTC)

    @staticmethod
    def moment(unix: float) -> datetime:
        """A Unix time as an aware datetime, for counting in months and days."""
        return datetime.fromtimestamp(unix, UTC)

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def set(self, moment: datetime | float) -> None:
        """Jump to a moment (aware datetime or Unix seconds); a frozen clock stays frozen there."""
        target = moment.timestamp() if isinstance(moment, datetime) else float(moment)
        with self._lock:
            self._move_to(target)
        self._tell()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._move_to(self.timestamp() + seconds)
        self._tell()

    def freeze(self, frozen: bool = True) -> None:
        with self._lock:
            current = self.timestamp()
            if frozen:
                self._frozen_at = current
            else:
                self._frozen_at = None
                self._move_to(current)
        self._tell()

    def reset(self) -> None:
        """Back to real time, running."""
        with self._lock:
            self._frozen_at = None
            self._offset_seconds = 0.0
        self._tell()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call listener after each jump, so that whoever waits for a moment can look again."""
        self._listeners.append(listener)

    def _move_to(self, target: float) -> None:
        if self._frozen_at is not None:
            self._frozen_at = target
        else:
            self._offset_seconds = target - time.time()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def monotonic() -> float:
    """Real seconds for measuring; unaffected by any twin's clock."""
    return time.monotonic()


def sleep_real(seconds: float) -> None:
    """Really wait: a slow answer has to be slow for the caller whatever the twin's clock says."""
    time.sleep(seconds)
