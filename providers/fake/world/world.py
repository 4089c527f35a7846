"""All accounts of the fake provider, the door to them, and what a test may do on the provider's side."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from providers.fake.world.access import Access
from providers.fake.world.books import PAYABLE, Books
from providers.fake.world.desks import DESKS, write
from providers.fake.world.wire import Answer, Call, ConnectionLost, Json, Refusal

PARENTS = {"payout_entry": "payout"}
PLATFORM_ID = "fake_app"
PLATFORM_TOKEN = "fake_token_of_the_application"  # noqa: S105 - opens nothing but this process's memory
FAULTS_AFTER = frozenset(["server_error_after", "lost_response", "broken_body", "slow"])


def system_now() -> datetime:
    # The provider's clock, not ours: it may differ from the hub's, as Stripe's does.
    return datetime.now(UTC)  # noqa: TID251


class FakeWorld:
    """Share one among FakeProvider objects and they see the same accounts. Safe to use from several threads.

    `now` is the provider's clock; pass the hub's where a test moves it. `page_size` is the longest page.
    """

    def __init__(self, *, now: Callable[[], datetime] = system_now, page_size: int = 100) -> None:
        self.now = now
        self.access = Access(now)
        self.signing_secrets = ["fake_whsec_first", "fake_whsec_second"]
        self.requests_seen = 0
        self._page_size = page_size
        self._accounts: dict[str, Books] = {}
        self._kept: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._faults: deque[str] = deque()
        self._request_ids = itertools.count(1)
        self._lock = threading.RLock()
        self._accounts[PLATFORM_ID] = self._new_books(PLATFORM_ID, name="Our application")

    # --- on the provider's side: the merchant's and the test's hand ---

    def create_account(self, name: str = "Fake Plumbing", *, currency: str = "USD", country: str = "US") -> str:
        """A merchant with one location; the account's id."""
        with self._lock:
            account_id = f"fake_acct_{len(self._accounts)}"
            books = self._new_books(account_id, name=name, currency=currency, country=country)
            self._accounts[account_id] = books
            place = {"name": name, "currency": currency, "country": country, "timezone": "UTC", "active": True, "is_main": True}
            books.add("location", place)
            return account_id

    def books(self, account_id: str) -> Books:
        return self._accounts[account_id]

    def consent(self, authorization_url: str, account_id: str, *, deny: bool = False) -> dict[str, str]:
        """The user answers the consent page; the query with which the browser returns to us."""
        return self.access.consent(authorization_url, account_id, deny=deny)

    def disconnect(self, account_id: str) -> None:
        """The merchant throws us out."""
        self.access.revoke_account(account_id)
        self.books(account_id).tell("account", "disconnected", {})

    def fail_next(self, fault: str) -> None:
        """The next request goes wrong: rate_limited, server_error, unavailable, lost_request, html_error (nothing happened),
        server_error_after, lost_response, broken_body, slow (it happened all the same)."""
        self._faults.append(fault)

    def event_bodies(self, account_id: str) -> list[bytes]:
        """Every event of the account so far as it would be delivered, oldest first."""
        return [orjson.dumps(event) for event in self.books(account_id).events]

    def sign(self, body: bytes, *, secret: str, at: datetime) -> dict[str, str]:
        """The headers of a delivery."""
        timestamp = str(int(at.timestamp()))
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "fake-timestamp": timestamp, "fake-signature": digest}

    # --- the door ---

    def answer(self, call: Call) -> Answer:
        """Serve one request. Raises ConnectionLost where no answer comes."""
        with self._lock:
            self.requests_seen += 1
            request_id = f"fake_req_{next(self._request_ids)}"
            fault = self._faults.popleft() if self._faults else None
            if fault is not None and fault not in FAULTS_AFTER:
                return self._fail(fault, request_id)
            try:
                status, body = 200, self._serve(call)
            except Refusal as refusal:
                status, body = refusal.status, orjson.dumps({"error": refusal.error})
            if fault is not None:
                return self._fail(fault, request_id, body)
            return Answer(status=status, body=body, request_id=request_id, date=self.now())

    def _fail(self, fault: str, request_id: str, body: bytes = b"") -> Answer:
        if fault in ("lost_request", "lost_response", "slow"):
            raise ConnectionLost
        status, retry_after = 500, None
        if fault == "rate_limited":
            status, retry_after = 429, 2.0
        elif fault == "unavailable":
            status = 503
        elif fault == "html_error":
            status, body = 502, b"<html><body>Bad gateway</body></html>"
        elif fault == "broken_body":
            status, body = 200, body[: len(body) // 2]
        if fault in ("rate_limited", "unavailable", "server_error", "server_error_after"):
            body = orjson.dumps({"error": {"code": fault, "detail": "The fake provider was told to fail.", "field": None}})
        return Answer(status=status, body=body, request_id=request_id, date=self.now(), retry_after_seconds=retry_after)

    def _serve(self, call: Call) -> bytes:
        if call.path == "/oauth/token":
            exchange = self.access.exchange if call.body.get("grant_type") == "authorization_code" else self.access.refresh
            return orjson.dumps(exchange(call.body))
        if call.path == "/oauth/revoke":
            self.access.revoke(call.token)
            return b"{}"
        account_id = PLATFORM_ID if call.token == PLATFORM_TOKEN else self.access.account_of(call.token)
        books = self._accounts[account_id]
        if call.method == "GET":
            return orjson.dumps(self._read(books, call))
        return self._write_once(books, call)

    def _read(self, books: Books, call: Call) -> Json:
        _, kind, *rest = call.path.split("/")
        if kind == "profile":
            return books.profile
        if kind == "events":
            return self._events_page(books, call)
        shelf = books.shelves[kind]
        if rest:
            return _shown(shelf.get(rest[0]))
        if "parent_id" in call.query:
            books.shelves[PARENTS[kind]].get(call.query["parent_id"])
        page = shelf.page(call.query, open_statuses=PAYABLE)
        return {**page, "records": [_shown(record) for record in page["records"]]}

    def _events_page(self, books: Books, call: Call) -> Json:
        since = datetime.fromisoformat(call.query["since"])
        events = [event for event in books.events if datetime.fromisoformat(event["created_at"]) >= since]
        start = int(call.query.get("cursor", "0"))
        end = start + self._page_size
        return {"events": events[start:end], "cursor": str(end) if end < len(events) else None}

    def _write_once(self, books: Books, call: Call) -> bytes:
        """The same key with the same request repeats the kept answer; refusals are not kept."""
        request = orjson.dumps([call.method, call.path, call.body], option=orjson.OPT_SORT_KEYS)
        asked = hashlib.sha256(request).hexdigest()
        account_id = books.profile["account_id"]
        if call.key is not None and (account_id, call.key) in self._kept:
            before, body = self._kept[account_id, call.key]
            if before != asked:
                raise Refusal(422, "key_reused", "The idempotency key was used for another request.")
            return body
        books.cause = call.key
        try:
            record = self._write(books, call)
        finally:
            books.cause = None
        body = orjson.dumps(record)
        if call.key is not None:
            self._kept[account_id, call.key] = (asked, body)
        return body

    def _write(self, books: Books, call: Call) -> Json:
        _, kind, *rest = call.path.split("/")
        if kind in DESKS:
            id, verb = (rest[0] if rest else None), (rest[1] if len(rest) > 1 else "update")
            return _shown(write(books, DESKS[kind], kind, id, verb, dict(call.body)))
        if not rest:
            return books.create(kind, dict(call.body))
        if call.method == "PATCH":
            return _shown(books.update(kind, rest[0], dict(call.body)))
        record = books.perform(kind, rest[0], rest[1], dict(call.body))
        return record if rest[1] == "rotate" else _shown(record)

    def _new_books(self, account_id: str, *, name: str, currency: str = "USD", country: str = "US") -> Books:
        return Books(account_id, name=name, currency=currency, country=country, now=self.now, page_size=self._page_size)


def _shown(record: Json) -> Json:
    """As read later: an endpoint's secret is told only when it is made or rotated."""
    return {name: value for name, value in record.items() if name != "secret"}
