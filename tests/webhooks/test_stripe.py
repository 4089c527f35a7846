"""The signed handler of Stripe's deliveries."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.records import Customer, Effect
from webhooks.handler import SigningSecret
from webhooks.stripe import StripeHandler

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
URL = "https://hub.example/api/webhooks/stripe"
OLD = SigningSecret(value="whsec_old", endpoint_id=1)
NEW = SigningSecret(value="whsec_new", endpoint_id=2)
BODY = orjson.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "customer.updated",
        "created": 1795248000,
        "livemode": False,
        "api_version": stripe.api_version,
        "account": "acct_1",
        "data": {"object": {"id": "cus_1", "object": "customer", "name": "Ada Lovelace", "created": 1795240000}},
    }
)


def mac(secret: str, body: bytes = BODY, at: datetime = NOW) -> str:
    return hmac.new(secret.encode(), f"{int(at.timestamp())}.".encode() + body, hashlib.sha256).hexdigest()


def delivery(*signatures: str, body: bytes = BODY, at: datetime = NOW) -> WebhookRequest:
    header = ",".join([f"t={int(at.timestamp())}", *signatures])
    return with_header(header, body=body)


def with_header(header: str, *, body: bytes = BODY) -> WebhookRequest:
    return WebhookRequest(body=body, headers={"stripe-signature": header}, received_at=NOW)


def verify(request: WebhookRequest, *secrets: SigningSecret) -> SigningSecret:
    return StripeHandler().verify(request, secrets or (OLD, NEW), url=URL)


def test_a_delivery_signed_with_either_secret_names_that_secret() -> None:
    assert verify(delivery(f"v1={mac('whsec_old')}")) is OLD
    assert verify(delivery(f"v1={mac('whsec_new')}")) is NEW


def test_a_delivery_signed_with_both_secrets_during_a_roll_passes() -> None:
    assert verify(delivery(f"v1={mac('whsec_foreign')}", f"v1={mac('whsec_new')}")) is NEW


def test_the_signature_of_stripes_own_sdk_passes() -> None:
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), "whsec_new", int(NOW.timestamp()))
    assert verify(with_header(header)) is NEW


def test_one_flipped_byte_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(delivery(f"v1={mac('whsec_old')}", body=BODY.replace(b"Ada", b"Adb")))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_timestamp_within_five_minutes_passes(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    assert verify(delivery(f"v1={mac('whsec_old', at=at)}", at=at)) is OLD


@pytest.mark.parametrize("seconds", [-301, 301, 3600])
def test_a_timestamp_further_away_is_refused_to_either_side(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    with pytest.raises(InvalidSignature):
        verify(delivery(f"v1={mac('whsec_old', at=at)}", at=at))


def test_the_fake_scheme_alone_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(delivery(f"v0={mac('whsec_old')}"))


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(InvalidSignature):
        verify(delivery(f"v1={mac('')}"), SigningSecret(value=""))


def test_without_any_secret_everything_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        StripeHandler().verify(delivery(f"v1={mac('whsec_old')}"), (), url=URL)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "t=1795248000",
        "v1=00",
        "t=abc,v1=00",
        "t=-1,v1=00",
        "t=١٢٣,v1=00",
        "t=1,t=1,v1=00",
        "t=99999999999999999999,v1=00",
        "t=\udcff,v1=\udcff",
        "t=1795248000,v1=é😀",
        ",,,",
        "=",
    ],
)
def test_a_malformed_or_non_ascii_header_is_refused(header: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(with_header(header))


def test_a_header_that_came_twice_is_refused() -> None:
    once = f"t={int(NOW.timestamp())},v1={mac('whsec_old')}"
    with pytest.raises(InvalidSignature):
        verify(with_header(f"{once}, {once}"))


def test_a_delivery_without_the_header_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(WebhookRequest(body=BODY, headers={}, received_at=NOW))


@given(header=st.text(), body=st.binary())
def test_no_invented_header_or_body_passes(header: str, body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(with_header(header, body=body))


def test_a_verified_body_becomes_its_event() -> None:
    (event,) = StripeHandler().events(BODY)
    assert (event.id, event.account_id, event.effect, event.kind) == ("evt_1", "acct_1", Effect.CHANGED, Customer)
    assert isinstance(event.snapshot, Customer)
    assert event.snapshot.family_name == "Lovelace"


def test_an_own_endpoints_event_belongs_to_the_account_it_serves() -> None:
    body = orjson.loads(BODY)
    del body["account"]
    (event,) = StripeHandler().events(orjson.dumps(body), own_account_id="acct_9")
    assert event.account_id == "acct_9"


def test_an_unknown_type_is_stored_and_has_no_effect() -> None:
    body = orjson.loads(BODY) | {"type": "quantum.entangled", "data": {"object": {"id": "q_1", "object": "quantum"}}}
    (event,) = StripeHandler().events(orjson.dumps(body))
    assert (event.effect, event.kind, event.snapshot) == (Effect.OTHER, None, None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"id": 5, "type": "x"}', b'{"id": "evt_1", "type": "x"}']
)
def test_a_body_that_is_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected):
        StripeHandler().events(body)


def test_the_wanted_endpoint_pins_the_version_and_asks_for_what_we_handle() -> None:
    wanted = StripeHandler().wanted_endpoint(URL)
    assert wanted.url == URL
    assert wanted.api_version == stripe.api_version
    assert {"invoice.paid", "customer.deleted", "charge.refunded", "account.application.deauthorized"} <= wanted.event_types
    assert "*" not in wanted.event_types
