"""What the server and the control API need from a twin."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable
from wsgiref.types import WSGIApplication

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.faults import Faults
from providers.sandbox.core.requestlog import RequestLog
from providers.sandbox.core.webhooks import Sender

JsonObject = dict[str, Any]


class Twin(Protocol):
    """One provider's stand-in. Each twin package exposes `create_twin(settings: Mapping[str, str]) -> Twin`.

    Life: create_twin, then the server binds a port, then start(base_url), then requests, then stop().
    `settings` are strings by name, as given on the command line or in the environment; an unknown name is ignored.
    """

    @property
    def name(self) -> str: ...
    @property
    def app(self) -> WSGIApplication: ...
    @property
    def clock(self) -> Clock: ...

    def start(self, base_url: str) -> None:
        """base_url: public origin without a trailing slash, for hosted pages and links."""

    def stop(self) -> None: ...

    def describe(self) -> JsonObject:
        """Base URL and development credentials, for the ready line: JSON values only."""
        ...


class Controls(Protocol):
    """What a twin offers to the control API of core/control.py."""

    @property
    def name(self) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def requests(self) -> RequestLog: ...
    @property
    def sender(self) -> Sender: ...

    def describe(self) -> JsonObject: ...
    def state(self) -> JsonObject:
        """Counts and accounts, without secrets of payers."""
        ...

    def settings(self) -> JsonObject: ...
    def change_settings(self, changes: Mapping[str, Any]) -> JsonObject:
        """Apply, return all settings. Raises ControlError for an unknown name or a bad value."""
        ...

    def reset(self) -> None:
        """Back to the state after start: no accounts but the default ones, no data, no faults, real time."""

    def create_account(self, body: Mapping[str, Any]) -> JsonObject: ...
    def seed(self, body: Mapping[str, Any]) -> JsonObject: ...
    def truth(self, account_id: str) -> JsonObject:
        """All records of one account in the provider's own shape, by kind."""
        ...

    def act(self, account_id: str, action: str, body: Mapping[str, Any]) -> JsonObject:
        """What a merchant or a payer does; emits the proper events. Raises ControlError."""
        ...

    def start_page(self) -> JsonObject:
        """Values for core/templates/start.html: title, intro, facts, accounts, cards, notes (see there)."""
        ...


@runtime_checkable
class Settles(Protocol):
    """A twin whose control API answers a jump of the clock only when what fell due has happened."""

    def settle(self, seconds: float) -> bool:
        """Wait up to so many real seconds; False if something is still being done."""
        ...


@runtime_checkable
class TruthStream(Protocol):
    """A twin that can tell all records of an account one by one, for accounts too big for one answer."""

    def truth_lines(self, account_id: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """One canonical JSON object per line (sorted keys, no blanks): kind, id, record; kinds and ids in a fixed order."""
        ...


class ControlError(Exception):
    """A control request that cannot be done; the text says what to send instead. Answered 400."""
