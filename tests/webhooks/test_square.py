import base64
import hashlib
import hmac
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from square.utils.webhooks_helper import verify_signature

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.records import Effect
from webhooks.handler import SigningSecret
from webhooks.square import SIGNATURE_HEADER, SquareHandler

URL = "https://example.com/webhook"
BODY = b'{"hello":"world"}'
KEY = SigningSecret(value="asdf1234", endpoint_id=7)
OTHER_KEY = SigningSecret(value="qwer5678")
# Square docs, webhooks/step3validate.
SIGNATURE = "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="
HANDLER = SquareHandler(live=True)


def delivery(body: bytes = BODY, *, signature: str | None = SIGNATURE) -> WebhookRequest:
    headers = {} if signature is None else {SIGNATURE_HEADER: signature}
    return WebhookRequest(body=body, headers=headers, received_at=datetime(2026, 11, 21, tzinfo=UTC))


def signed(body: bytes, key: str = KEY.value, url: str = URL) -> str:
    return base64.b64encode(hmac.digest(key.encode(), url.encode() + body, hashlib.sha256)).decode()


def test_delivery_signed_as_square_documents_it_is_accepted() -> None:
    assert HANDLER.verify(delivery(), [KEY], url=URL) is KEY


def test_signature_agrees_with_the_official_sdk() -> None:
    body = '{"name": "Ünï"}'
    assert verify_signature(
        request_body=body, signature_header=signed(body.encode()), signature_key=KEY.value, notification_url=URL
    )


def test_second_key_of_a_rotation_is_found() -> None:
    assert HANDLER.verify(delivery(), [OTHER_KEY, KEY], url=URL) is KEY


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "x",
        SIGNATURE[:-1],
        SIGNATURE + " ",
        f"{SIGNATURE}, {SIGNATURE}",
        "ü" * 44,
        "\udcff" * 44,
        "\x00",
        SIGNATURE.lower(),
    ],
)
def test_missing_doubled_or_strange_header_is_refused(signature: str | None) -> None:
    with pytest.raises(InvalidSignature):
        HANDLER.verify(delivery(signature=signature), [KEY], url=URL)


def test_old_sha1_header_alone_is_refused() -> None:
    headers = {"x-square-signature": "KiPKaeNj311k3uhWDUbESP1QTRM="}
    request = WebhookRequest(body=BODY, headers=headers, received_at=datetime(2026, 11, 21, tzinfo=UTC))
    with pytest.raises(InvalidSignature):
        HANDLER.verify(request, [KEY], url=URL)


def test_other_notification_url_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        HANDLER.verify(delivery(), [KEY], url=URL + "/")


def test_without_any_key_or_with_an_empty_one_nothing_is_accepted() -> None:
    with pytest.raises(InvalidSignature):
        HANDLER.verify(delivery(), [], url=URL)
    with pytest.raises(InvalidSignature):
        HANDLER.verify(delivery(signature=signed(BODY, key="")), [SigningSecret(value="")], url=URL)


@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 255))
def test_any_flipped_byte_is_refused(body: bytes, position: int, mask: int) -> None:
    whole = body + b"!"
    signature = signed(whole)
    at = position % len(whole)
    altered = whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]
    assert HANDLER.verify(delivery(whole, signature=signature), [KEY], url=URL) is KEY
    with pytest.raises(InvalidSignature):
        HANDLER.verify(delivery(altered, signature=signature), [KEY], url=URL)


def test_refusal_tells_nothing_secret() -> None:
    with pytest.raises(InvalidSignature) as refused:
        HANDLER.verify(delivery(signature="AAAA"), [KEY], url=URL)
    assert KEY.value not in str(refused.value)
    assert SIGNATURE not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{", b"{}", b'{"type": "x"}'])
def test_body_that_is_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected):
        HANDLER.events(body)


def test_event_of_an_unknown_type_is_kept_as_other() -> None:
    body = orjson.dumps({"merchant_id": "M1", "type": "moon.landed", "event_id": "e1", "created_at": "2026-11-21T09:00:00Z"})
    (found,) = HANDLER.events(body)
    assert (found.id, found.effect, found.account_id, found.live) == ("e1", Effect.OTHER, "M1", True)


def test_handler_takes_test_or_live_from_the_environment() -> None:
    body = orjson.dumps({"merchant_id": "M1", "type": "x", "event_id": "e1", "created_at": "2026-11-21T09:00:00Z"})
    assert SquareHandler.from_env({"SQUARE_ENVIRONMENT": "production"}).events(body)[0].live is True
    assert SquareHandler.from_env({}).events(body)[0].live is False


def test_wanted_endpoint_names_the_real_events_at_our_version() -> None:
    wanted = HANDLER.wanted_endpoint(URL)
    assert {"invoice.payment_made", "customer.deleted", "oauth.authorization.revoked"} <= wanted.event_types
    assert "invoice.paid" not in wanted.event_types  # there is no such event
    assert (wanted.url, wanted.api_version) == (URL, "2026-09-16")
