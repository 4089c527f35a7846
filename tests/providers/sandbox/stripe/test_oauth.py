"""Connect OAuth of the Stripe twin, as connect/oauth-reference describes it."""

from typing import Any

import httpx
import pytest
import stripe

from providers.sandbox.stripe.world import DEVELOPMENT
from tests.providers.sandbox.receiver import Receiver
from tests.providers.sandbox.stripe.conftest import BAKERY, PLUMBER, Platform

CALLBACK = "http://127.0.0.1:8000/callback"


def consent(platform: Platform, decision: str = "allow", account: str = BAKERY, **params: Any) -> httpx.Response:
    wanted: Any = {"scope": "read_write", "redirect_uri": CALLBACK, "state": "s-1", **params}
    url = platform.client.oauth.authorize_url(wanted)
    page = platform.http.get(url)
    assert "Ada&#39;s Bakery" in page.text
    return platform.http.post(url, data={"decision": decision, "account": account})


def code_of(answer: httpx.Response) -> str:
    return httpx.URL(answer.headers["Location"]).params["code"]


def exchange(platform: Platform, code: str) -> Any:
    return platform.client.oauth.token({"grant_type": "authorization_code", "code": code})


def test_allowing_redirects_with_code_scope_and_the_same_state(stripe_platform: Platform) -> None:
    answer = consent(stripe_platform)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CALLBACK + "?")
    query = httpx.URL(answer.headers["Location"]).params
    assert (query["scope"], query["state"]) == ("read_write", "s-1")
    assert query["code"].startswith("ac_")


def test_denying_redirects_with_access_denied_and_the_state(stripe_platform: Platform) -> None:
    query = httpx.URL(consent(stripe_platform, "deny").headers["Location"]).params
    assert (query["error"], query["state"]) == ("access_denied", "s-1")
    assert "code" not in query


def test_foreign_redirect_uri_is_answered_with_json_and_never_redirected(stripe_platform: Platform) -> None:
    url = stripe_platform.client.oauth.authorize_url({"scope": "read_write", "redirect_uri": "https://evil.example/cb"})
    answer = stripe_platform.http.get(url)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "error" in answer.json()


def test_registered_redirect_uris_replace_the_local_default(stripe_platform: Platform) -> None:
    stripe_platform.control("settings", redirect_uris=["https://hub.example/cb"])
    url = stripe_platform.client.oauth.authorize_url({"scope": "read_write", "redirect_uri": CALLBACK})
    assert stripe_platform.http.get(url).status_code == 400


def test_code_is_exchanged_for_the_account_and_the_platform_key_opens_it(stripe_platform: Platform) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        stripe_platform.v1.customers.list({}, stripe_platform.as_bakery)
    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.code) == (403, "account_invalid")
    token = exchange(stripe_platform, code_of(consent(stripe_platform)))
    assert (token.stripe_user_id, token.scope, token.livemode, token.token_type) == (BAKERY, "read_write", False, "bearer")
    assert stripe_platform.v1.customers.list({}, stripe_platform.as_bakery).data == []


def test_code_used_twice_revokes_the_connection_and_says_so(stripe_platform: Platform, receiver: Receiver) -> None:
    stripe_platform.endpoint(receiver, "account.application.deauthorized")
    code = code_of(consent(stripe_platform))
    exchange(stripe_platform, code)
    with pytest.raises(stripe.oauth_error.InvalidGrantError):
        exchange(stripe_platform, code)
    event = receiver.wait_for_type("account.application.deauthorized")
    assert event["account"] == BAKERY
    assert event["data"]["object"]["id"] == DEVELOPMENT["stripe_client_id"]
    with pytest.raises(stripe.PermissionError):
        stripe_platform.v1.customers.list({}, stripe_platform.as_bakery)


def test_code_older_than_five_minutes_is_an_invalid_grant(stripe_platform: Platform) -> None:
    code = code_of(consent(stripe_platform))
    stripe_platform.control("clock", advance_seconds=301)
    with pytest.raises(stripe.oauth_error.InvalidGrantError):
        exchange(stripe_platform, code)


def test_test_code_with_live_key_is_an_invalid_grant(stripe_platform: Platform) -> None:
    code = code_of(consent(stripe_platform))
    live = stripe_platform.sdk(DEVELOPMENT["stripe_live_secret_key"])
    with pytest.raises(stripe.oauth_error.InvalidGrantError):
        live.oauth.token({"grant_type": "authorization_code", "code": code})


def test_token_without_grant_type_or_with_an_unknown_one_is_refused(stripe_platform: Platform) -> None:
    for params, error in (
        ({}, stripe.oauth_error.InvalidRequestError),
        ({"grant_type": "x"}, stripe.oauth_error.UnsupportedGrantTypeError),
    ):
        with pytest.raises(error):
            stripe_platform.client.oauth.token(params)  # type: ignore[arg-type]


def test_refreshing_replaces_the_access_token(stripe_platform: Platform) -> None:
    first = exchange(stripe_platform, code_of(consent(stripe_platform)))
    second = stripe_platform.client.oauth.token({"grant_type": "refresh_token", "refresh_token": first.refresh_token})
    assert second.access_token is not None
    assert second.access_token != first.access_token
    assert stripe_platform.sdk(second.access_token).v1.customers.list().data == []
    with pytest.raises(stripe.AuthenticationError):
        stripe_platform.sdk(first.access_token).v1.customers.list()


def test_deauthorizing_ends_access_and_a_second_time_is_an_invalid_client(stripe_platform: Platform) -> None:
    exchange(stripe_platform, code_of(consent(stripe_platform, account=PLUMBER)))
    params: Any = {"client_id": DEVELOPMENT["stripe_client_id"], "stripe_user_id": PLUMBER}
    assert stripe_platform.client.oauth.deauthorize(params).stripe_user_id == PLUMBER
    with pytest.raises(stripe.oauth_error.InvalidClientError):
        stripe_platform.client.oauth.deauthorize(params)
    with pytest.raises(stripe.PermissionError):
        stripe_platform.v1.customers.list({}, {"stripe_account": PLUMBER})


def test_read_only_connection_reads_and_may_not_write(stripe_platform: Platform) -> None:
    exchange(stripe_platform, code_of(consent(stripe_platform, scope="read_only")))
    assert stripe_platform.v1.customers.list({}, stripe_platform.as_bakery).data == []
    with pytest.raises(stripe.PermissionError):
        stripe_platform.customer()


def test_new_account_can_be_made_on_the_consent_page(stripe_platform: Platform) -> None:
    token = exchange(stripe_platform, code_of(consent(stripe_platform, account="new")))
    assert token.stripe_user_id not in (BAKERY, PLUMBER)
    assert stripe_platform.v1.accounts.retrieve(token.stripe_user_id).charges_enabled is True


def test_merchant_disconnecting_in_the_dashboard_is_announced(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver)
    platform.act("disconnect")
    assert receiver.wait_for_type("account.application.deauthorized")["account"] == BAKERY
