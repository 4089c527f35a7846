"""Square's failures into ours: one function, by the table of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import httpx
import orjson
from square.core.api_error import ApiError

from providers.errors import (
    ActionRequired,
    CredentialsExpired,
    CursorExpired,
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Rejected,
    Transient,
    VersionConflict,
)


class Intent(Enum):
    """What the failed request was for: it decides what an unclear answer means."""

    READ = "read"
    CREATE = "create"  # keyed: the same key may be sent again
    KEYED = "keyed"  # a change under an idempotency key
    UNKEYED = "unkeyed"  # Square takes no key here
    EXCHANGE = "exchange"  # an authorization code, usable once
    REFRESH = "refresh"


# Nothing has left this machine when these are raised.
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
CONFLICT_CODES = frozenset(["VERSION_MISMATCH", "CONFLICT"])
REVOKED_CODES = frozenset(["ACCESS_TOKEN_REVOKED", "CLIENT_DISABLED"])
RATE_CODES = frozenset(["RATE_LIMITED", "TOO_MANY_REQUESTS"])
PLAN_CODES = frozenset(["MERCHANT_SUBSCRIPTION_NOT_FOUND"])
VERIFICATION_CODES = frozenset(["CARD_DECLINED_VERIFICATION_REQUIRED"])
REQUEST_ID_HEADERS = ("x-request-id", "square-request-id", "x-square-request-id")

NO_EMAIL = "Square cannot send this invoice: the customer has no email address. Add one, or share the pay link instead."
LAY_TEXTS = {
    "GENERIC_DECLINE": "The card was declined.",
    "CARD_DECLINED": "The card was declined.",
    "CVV_FAILURE": "The card's security code does not match.",
    "ADDRESS_VERIFICATION_FAILURE": "The postal code does not match the card.",
    "INVALID_EXPIRATION": "The card's expiry date is not valid.",
    "CARD_EXPIRED": "The card has expired.",
    "INSUFFICIENT_FUNDS": "There is not enough money on the account.",
    "CARD_TOKEN_USED": "This card entry has been used already; enter the card again.",
    "CARD_TOKEN_EXPIRED": "This card entry has expired; enter the card again.",
    "TRANSACTION_LIMIT": "The amount is above the limit of the card.",
    "CARD_DECLINED_VERIFICATION_REQUIRED": "The card's bank wants the payer to confirm the payment.",
    "INVALID_EMAIL_ADDRESS": "Square does not accept this email address.",
    "INVALID_PHONE_NUMBER": "Square does not accept this phone number; it needs 9 to 16 digits, best with a country code.",
    "VALUE_TOO_LONG": "A value is longer than Square accepts.",
    "IDEMPOTENCY_KEY_REUSED": "The same request key was sent with different content.",
    "REFUND_AMOUNT_INVALID": "The refund is more than what is left of the payment.",
    "REFUND_ALREADY_PENDING": "A refund of this payment is on its way already.",
    "PAYMENT_NOT_REFUNDABLE": "This payment cannot be refunded.",
    "REFUND_DECLINED": "Square declined the refund.",
    "CUSTOMER_MISSING_EMAIL": "Square needs the customer's email address for a subscription without a card.",
    "CUSTOMER_MISSING_NAME": "Square needs the customer's name for a subscription.",
    "CUSTOMER_NOT_FOUND": "Square does not have this customer.",
    "INVALID_CARD": "Square does not have this card.",
    "CARD_PROCESSING_NOT_ENABLED": "The Square location cannot take cards.",
    "MERCHANT_SUBSCRIPTION_NOT_FOUND": "This needs a Square plan that the seller does not have.",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """A failed answer; `code`, `category` and `field` of its first error, empty where it names none."""

    status: int
    headers: Mapping[str, str]
    code: str
    category: str
    field: str
    text: str  # only looked at, never passed on: it may quote what was sent
    readable: bool

    @property
    def request_id(self) -> str | None:
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers), None)


def translate(problem: httpx.Response | Exception, intent: Intent) -> ProviderError:
    """Our error for a failed request; `problem` is the answer, or what the transport or the SDK raised.

    Every create takes an idempotency key at Square, and a repeated key answers with the object as it is now, so an unclear
    create is Transient: repeating is safer than looking it up, because Square's searches lag behind its writes."""
    if isinstance(problem, NOTHING_SENT):
        return Transient("Square could not be reached.")
    if isinstance(problem, httpx.Response):
        return _of_answer(_answer(problem.status_code, problem.headers, problem.content), intent)
    if isinstance(problem, ApiError):
        return _of_answer(_answer(problem.status_code or 0, problem.headers or {}, problem.body), intent)
    if isinstance(problem, httpx.TimeoutException):
        return _unclear("Square did not answer in time.", intent, None)
    return _unclear("The connection to Square broke before its answer was complete.", intent, None)


def _answer(status: int, headers: Mapping[str, str], body: Any) -> _Answer:
    """Both forms: {"errors": [{category, code, detail, field}]}, and the older {"message", "type"} of the OAuth endpoints."""
    readable = True
    if isinstance(body, bytes | str):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            body, readable = {}, False
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        first, readable = {}, False
    return _Answer(
        status=status,
        headers={name.lower(): value for name, value in headers.items()},
        code=str(first.get("code") or first.get("type") or first.get("error") or "")[:60],
        category=str(first.get("category") or ""),
        field=str(first.get("field") or "")[:120],
        text=str(first.get("detail") or first.get("message") or "").lower(),
        readable=readable,
    )


def _of_answer(answer: _Answer, intent: Intent) -> ProviderError:
    status, code, request_id = answer.status, answer.code, answer.request_id
    if status == 429 or code in RATE_CODES:
        scope = "application" if intent in (Intent.EXCHANGE, Intent.REFRESH) else "account"
        return RateLimited(
            "Square asks us to slow down.", retry_after_seconds=_retry_after(answer.headers), scope=scope, request_id=request_id
        )
    if status >= 500 or status == 408:
        return _unclear("Square has a problem of its own at the moment.", intent, request_id)
    if status < 400 or not answer.readable:
        return _unclear("Square's answer could not be read.", intent, request_id)
    if intent is Intent.EXCHANGE:
        return Rejected(
            "Square did not accept the connection code: it may have been used or be too old.", code=code, request_id=request_id
        )
    if intent is Intent.REFRESH:
        return IntegrationRevoked("Square no longer renews this connection.", request_id=request_id)
    if status == 401:
        if code in REVOKED_CODES:
            return IntegrationRevoked("The connection was ended at Square.", request_id=request_id)
        return CredentialsExpired("Square no longer accepts this access token.", request_id=request_id)
    if code in CONFLICT_CODES or status == 409:
        return VersionConflict("It was changed at Square meanwhile.", request_id=request_id)
    if code == "INVALID_CURSOR" or (status == 400 and "cursor" in answer.field):
        return CursorExpired("Square no longer continues this list.", request_id=request_id)
    if status == 403 and code not in PLAN_CODES:
        return PermissionMissing("The connection lacks a permission at Square for this.", request_id=request_id)
    if status in (404, 410) and intent is not Intent.CREATE:
        return RecordNotFound("Square does not have this record.", request_id=request_id)
    return _refusal(answer)


def _refusal(answer: _Answer) -> Rejected:
    code = answer.code or None
    detail = LAY_TEXTS.get(answer.code)
    if "email" in answer.text and "primary_recipient" in answer.field:
        detail = NO_EMAIL
    if detail is None:
        detail = "Square refused this" + (f" ({answer.code}" + (f", {answer.field})." if answer.field else ").") if code else ".")
    if answer.code in VERIFICATION_CODES:
        return ActionRequired(detail, code=code, request_id=answer.request_id)
    if answer.category == "PAYMENT_METHOD_ERROR":
        return Declined(detail, code=code, field=answer.field or None, request_id=answer.request_id)
    return Rejected(detail, code=code, field=answer.field or None, request_id=answer.request_id)


def _unclear(detail: str, intent: Intent, request_id: str | None) -> ProviderError:
    """No answer that says what happened."""
    if intent in (Intent.UNKEYED, Intent.EXCHANGE):
        return OutcomeUnknown(f"{detail} Whether it was done is not known.", request_id=request_id)
    return Transient(detail, request_id=request_id)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; a date is counted from the answer's own Date. None where Square names no time, as it mostly does."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
