"""The calls for payment links and checkout sessions: two of Stripe's nouns, told apart by their ids, and one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, cast

from providers.contract import Verb
from providers.errors import CursorExpired, Rejected, Unsupported
from providers.records import Draft, JsonObject, LinkStatus, Page, PaymentLink, PaymentLinkDraft, Window
from providers.stripe.connection import Answer
from providers.stripe.mapping.payment_link import (
    CANCELED,
    is_one_payment,
    is_single_use,
    is_used,
    link_parameters,
    payment_link,
    session,
    session_parameters,
)
from providers.stripe.mapping.values import Json, reference_of, representable
from providers.stripe.resources.base import Resource, created_parameters, next_cursor, options

LINKS: Final = "/v1/payment_links"
SESSIONS: Final = "/v1/checkout/sessions"
LINK_EXPAND: Final = ("line_items",)
SESSION_EXPAND: Final = ("payment_intent",)
_LINK_ID: Final = "plink_"


class PaymentLinks(Resource[PaymentLink]):
    path = SESSIONS

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[PaymentLink]:
        """First the links, all of them, as Stripe keeps no day of theirs; then the sessions. The cursor is "stage:last id".

        A page may be empty and yet not the last."""
        stage, _, after = (cursor or "links:").partition(":")
        if stage == "links":
            answer = self.read_page(LINKS, (), after, LINK_EXPAND)
            records = tuple([self._link(raw, answer.as_of) for raw in answer.body["data"]])
            last = next_cursor(answer)
            return Page(records=records, next_cursor="sessions:" if last is None else f"links:{last}")
        if stage == "sessions":
            answer = self.read_page(SESSIONS, created_parameters(created), after, SESSION_EXPAND)
            records = tuple([self._session(raw, answer.as_of) for raw in answer.body["data"] if is_one_payment(raw)])
            last = next_cursor(answer)
            return Page(records=records, next_cursor=None if last is None else f"sessions:{last}")
        raise CursorExpired("The list of payment links must be read again from its beginning.")

    def get(self, id: str) -> PaymentLink:
        if id.startswith(_LINK_ID):
            answer = self.read_one(LINKS, id, LINK_EXPAND)
            return self._link(answer.body, answer.as_of)
        answer = self.read_one(SESSIONS, id, SESSION_EXPAND)
        return self._session(answer.body, answer.as_of)

    def _session(self, raw: Json, as_of: datetime) -> PaymentLink:
        return session(raw, as_of, **(self.connection.page_parameters or {}))

    def _link(self, raw: Json, as_of: datetime) -> PaymentLink:
        """A used link is judged by its visits: completed is not paid. Each such link costs a request more."""
        visits: list[Json] = []
        if is_single_use(raw) and is_used(raw):
            visits = self.read_page(SESSIONS, [("payment_link", raw["id"])], None, SESSION_EXPAND).body["data"]
        lines = raw.get("line_items")
        if lines and lines.get("has_more"):
            lines["data"] = self.read_page(f"{LINKS}/{raw['id']}/line_items", (), None).body["data"]
            lines["has_more"] = False
        return payment_link(raw, as_of, visits)

    def create(self, draft: Draft[PaymentLink], *, key: str) -> PaymentLink:
        assert isinstance(draft, PaymentLinkDraft)
        representable(draft.amount, *[line.amount for line in draft.lines])
        if draft.style == "link":
            wanted: Any = link_parameters(draft) | {"expand": [*LINK_EXPAND]}
            answer = self.connection.write(lambda sdk: sdk.v1.payment_links.create(wanted, options(key)), creating=True)
            return self._link(answer.body, answer.as_of)
        if draft.style == "embedded" and self.connection.page_parameters is None:
            raise Rejected(
                "An embedded checkout needs the platform's publishable key (STRIPE_PUBLISHABLE_KEY) and an account connected by "
                "consent; use a link or the hosted checkout.",
                code="embedded_not_available",
                field="style",
            )
        parameters = cast(Any, session_parameters(draft))
        answer = self.connection.write(lambda sdk: sdk.v1.checkout.sessions.create(parameters, options(key)), creating=True)
        return self._session(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> PaymentLink:
        """A session is marked first: Stripe keeps nowhere who ended it. One that is paid meanwhile is refused."""
        if verb is not Verb.CANCEL:
            raise Unsupported(f"Stripe cannot {verb} a payment link")
        if id.startswith(_LINK_ID):
            answer = self.connection.write(
                lambda sdk: sdk.v1.payment_links.update(id, {"active": False, "expand": [*LINK_EXPAND]}, options(key))
            )
            link = self._link(answer.body, answer.as_of)
            if link.status is not LinkStatus.CANCELED:  # nobody can use it again, but it was used before
                raise Rejected("The link has been paid; refund the payment instead.", code="link_paid")
            return link
        mark = {CANCELED: "1"}
        self.connection.write(lambda sdk: sdk.v1.checkout.sessions.update(id, {"metadata": mark}, options(key, "mark")))
        answer = self.connection.write(lambda sdk: sdk.v1.checkout.sessions.expire(id, {}, options(key)))
        return self._session(answer.body, answer.as_of)

    def find(self, reference: str) -> PaymentLink | None:
        """Sessions of the last seven days; then links, of which Stripe tells no day: all that are active."""
        found = super().find(reference)
        if found is not None:
            return found
        for raw in self._active_links():
            if reference_of(raw) == reference:
                return self.get(raw["id"])
        return None

    def is_real(self, raw: Json) -> bool:
        return is_one_payment(raw)  # a visit to a link carries the link's metadata

    def _active_links(self) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            answer: Answer = self.read_page(LINKS, [("active", "true")], cursor)
            yield from answer.body["data"]
            cursor = next_cursor(answer)
            if cursor is None:
                return
