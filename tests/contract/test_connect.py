"""Getting in and out: consent, code, refresh, revocation."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.contract import OpenGate
from providers.errors import (
    ConnectDenied,
    CredentialsExpired,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    Rejected,
    Unsupported,
)
from providers.oauth_client import code_challenge
from tests.contract.faults import Fault
from tests.contract.harness import CODE_VERIFIER, Harness, grant_for
from tests.contract.secrecy import assert_tells_no_secret


def test_authorization_url_carries_state_and_a_challenge_where_used(harness: Harness) -> None:
    grant = grant_for(harness.provider, "the-state")
    url = harness.provider.authorization_url(grant)
    query = parse_qs(urlsplit(url).query)
    assert query["state"] == ["the-state"]
    assert CODE_VERIFIER not in url
    if harness.provider.uses_pkce:
        assert query["code_challenge"] == [code_challenge(CODE_VERIFIER)]
    else:
        assert "code_challenge" not in query, "a challenge without a verifier kept for the exchange locks us out"


def test_authorization_url_makes_no_request(harness: Harness) -> None:
    seen = harness.requests()
    harness.provider.authorization_url(grant_for(harness.provider, "the-state"))
    assert harness.requests() == seen


def test_consent_gives_credentials_that_open_the_account(harness: Harness) -> None:
    callback = harness.new_callback("a-state")
    assert callback["state"] == "a-state"
    credentials = harness.provider.exchange(callback, grant_for(harness.provider, "a-state"))
    assert credentials.account_id == harness.credentials.account_id
    assert credentials.kind == "oauth"
    assert credentials.live is harness.provider.live
    assert credentials.expires_at is None or credentials.expires_at.tzinfo is not None
    profile = harness.provider.account(credentials, gate=OpenGate()).describe()
    assert profile.account_id == credentials.account_id
    assert profile.name


def test_denied_consent_is_told_apart_without_a_request(harness: Harness) -> None:
    seen = harness.requests()
    denial = {"error": "access_denied", "error_description": "The user said no", "state": "a-state"}
    with pytest.raises(ConnectDenied):
        harness.provider.exchange(denial, grant_for(harness.provider, "a-state"))
    assert harness.requests() == seen


@pytest.mark.parametrize("callback", [{}, {"state": "a"}, {"code": "", "state": "a"}, {"error": "server_error", "state": "a"}])
def test_callback_without_a_code_is_rejected_without_a_request(harness: Harness, callback: dict[str, str]) -> None:
    seen = harness.requests()
    with pytest.raises(Rejected):
        harness.provider.exchange(callback, grant_for(harness.provider, "a"))
    assert harness.requests() == seen


def test_wrong_code_is_rejected(harness: Harness) -> None:
    code = f"never_issued_{secrets.token_hex(8)}"
    with pytest.raises(Rejected) as refused:
        harness.provider.exchange({"code": code, "state": "a"}, grant_for(harness.provider, "a"))
    assert_tells_no_secret(refused.value, harness, code)


def test_used_code_is_rejected(own_harness: Harness) -> None:
    callback = own_harness.new_callback("a")
    own_harness.provider.exchange(callback, grant_for(own_harness.provider, "a"))
    with pytest.raises(Rejected) as refused:
        own_harness.provider.exchange(callback, grant_for(own_harness.provider, "a"))
    assert_tells_no_secret(refused.value, own_harness, callback["code"])


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.SERVER_ERROR_AFTER, Fault.BROKEN_BODY])
def test_unanswered_exchange_is_not_known_and_not_repeated(harness: Harness, fault: Fault) -> None:
    """A code used twice ends the connection at some providers, so nobody may try again with it."""
    callback = harness.new_callback("a")
    seen = harness.requests()
    harness.fail_next(fault)
    with pytest.raises(OutcomeUnknown) as failed:
        harness.provider.exchange(callback, grant_for(harness.provider, "a"))
    assert harness.requests() == seen + 1
    assert_tells_no_secret(failed.value, harness, callback["code"])


def test_refreshing_twice_keeps_us_in(harness: Harness) -> None:
    once = harness.provider.refresh(harness.credentials)
    twice = harness.provider.refresh(once)
    assert twice.account_id == harness.credentials.account_id
    assert twice.scopes == harness.credentials.scopes
    assert bool(twice.refresh_token) == bool(harness.credentials.refresh_token), "a refresh token must never get lost"
    assert harness.provider.account(twice, gate=OpenGate()).describe().account_id == twice.account_id


@pytest.mark.ends_access
def test_revoking_twice_is_no_error_and_ends_access(own_harness: Harness) -> None:
    own_harness.provider.revoke(own_harness.credentials)
    own_harness.provider.revoke(own_harness.credentials)
    with pytest.raises(IntegrationRevoked):
        own_harness.account().describe()


def test_account_revoked_at_the_provider_says_reconnect(own_harness: Harness) -> None:
    own_harness.revoke_at_provider()
    with pytest.raises(IntegrationRevoked) as ended:
        own_harness.account().describe()
    assert_tells_no_secret(ended.value, own_harness)
    own_harness.provider.revoke(own_harness.credentials)


def test_dead_grant_cannot_be_refreshed(own_harness: Harness) -> None:
    if own_harness.provider.refresh_after_days is None:
        assert own_harness.credentials.expires_at is None, "what expires must be refreshed"
        return
    own_harness.revoke_at_provider()
    with pytest.raises(IntegrationRevoked):
        own_harness.provider.refresh(own_harness.credentials)


def test_reconnecting_after_revocation_opens_the_account_again(own_harness: Harness) -> None:
    own_harness.revoke_at_provider()
    callback = own_harness.new_callback("again")
    credentials = own_harness.provider.exchange(callback, grant_for(own_harness.provider, "again"))
    assert own_harness.provider.account(credentials, gate=OpenGate()).describe().account_id == credentials.account_id


def test_nonsense_key_opens_nothing(harness: Harness) -> None:
    refusals = (Rejected, Unsupported, IntegrationRevoked, CredentialsExpired, PermissionMissing)
    key = f"sk_test_nonsense_{secrets.token_hex(8)}"
    with pytest.raises(refusals) as refused:
        harness.provider.credentials_from_key(key)
    assert isinstance(refused.value, ProviderError)
    assert_tells_no_secret(refused.value, harness, key)


def test_repr_of_credentials_and_grant_hides_what_lets_us_in(harness: Harness) -> None:
    shown = repr(harness.credentials) + repr(grant_for(harness.provider, "the-state"))
    hidden = [harness.credentials.access_token, harness.credentials.refresh_token, CODE_VERIFIER, "the-state"]
    assert not [secret for secret in hidden if secret and secret in shown]
