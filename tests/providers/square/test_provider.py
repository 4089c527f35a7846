from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from square import Square

from providers.contract import OpenGate, Verb
from providers.errors import ConnectDenied, IntegrationRevoked, PermissionMissing, RateLimited, Rejected
from providers.records import Customer, CustomerDraft, Effect, Endpoint, Event
from providers.square.provider import SquareProvider
from providers.square.settings import API_VERSION, SCOPES, SquareSettings
from tests.contract.faults import Fault
from tests.contract.harness import grant_for
from tests.contract.scene import new_key
from tests.providers.square.harness import Harness
from tests.providers.square.twin import Twin
from webhooks.square import SquareHandler


def test_pinned_version_is_the_one_of_the_installed_sdk() -> None:
    assert Square(token="x")._client_wrapper.get_headers()["Square-Version"] == API_VERSION


def test_empty_environment_is_not_configured_and_not_live() -> None:
    provider = SquareProvider.from_env({})
    assert (provider.configured, provider.live) == (False, False)
    with pytest.raises(Rejected, match="SQUARE_ACCESS_TOKEN"):
        provider.platform(gate=OpenGate())


def test_production_goes_to_the_production_host_and_is_live() -> None:
    provider = SquareProvider.from_env(
        {"SQUARE_ENVIRONMENT": "production", "SQUARE_APPLICATION_ID": "sq0idp-1", "SQUARE_APPLICATION_SECRET": "s"}
    )
    assert provider.configured
    assert provider.live
    url = provider.authorization_url(grant_for(provider, "s"))
    assert url.startswith("https://connect.squareup.com/oauth2/authorize?")
    assert parse_qs(urlsplit(url).query)["session"] == ["false"]


def test_unknown_environment_is_refused() -> None:
    with pytest.raises(ValueError, match="sandbox or production"):
        SquareSettings.from_env({"SQUARE_ENVIRONMENT": "staging"})


def test_signature_keys_are_a_list_with_the_old_single_name_beside_it() -> None:
    settings = SquareSettings.from_env({"SQUARE_WEBHOOK_SIGNATURE_KEYS": "a, b,,a", "SQUARE_WEBHOOK_SECRET": "c"})
    assert settings.signature_keys == ("a", "b", "c")
    assert "'a'" not in repr(settings)


def test_consent_asks_for_all_scopes_and_exchange_tells_which_were_granted(square: Harness) -> None:
    url = square.provider.authorization_url(grant_for(square.provider, "s"))
    query = parse_qs(urlsplit(url).query)
    assert query["scope"] == [" ".join(SCOPES)]
    assert query["redirect_uri"] == ["https://hub.example/api/integrations/payments/callback"]
    assert square.credentials.scopes == frozenset(SCOPES)
    assert square.credentials.expires_at is not None
    days = (square.credentials.expires_at - datetime.now(UTC)) / timedelta(days=1)
    assert 29 < days < 31


def test_seller_who_denies_is_told_apart(square: Harness) -> None:
    url = square.provider.authorization_url(grant_for(square.provider, "s"))
    back = dict(square.twin.consent(url, square.account_id, decision="deny").params)
    with pytest.raises(ConnectDenied):
        square.provider.exchange(back, grant_for(square.provider, "s"))


@pytest.mark.parametrize("form", ["v1", "v2"])
def test_wrong_code_and_dead_grant_are_known_in_either_error_form(square: Harness, form: str) -> None:
    square.twin.control("POST", "settings", {"oauth_error_form": form})
    with pytest.raises(Rejected):
        square.provider.exchange({"code": "wrong", "state": "s"}, grant_for(square.provider, "s"))
    with pytest.raises(IntegrationRevoked):
        square.provider.refresh(replace(square.credentials, refresh_token="wrong"))


def test_scopes_unknown_after_the_exchange_lose_no_token(square: Harness) -> None:
    callback = square.new_callback("s")
    square.twin.control("POST", "faults", {"kind": "server_error", "path": "/oauth2/token/status"})
    credentials = square.provider.exchange(callback, grant_for(square.provider, "s"))
    assert credentials.scopes == frozenset()
    assert credentials.access_token
    assert square.provider.account(credentials, gate=OpenGate()).describe().account_id == square.account_id


def test_refresh_gives_a_new_token_and_keeps_refresh_token_and_scopes(square: Harness) -> None:
    newer = square.provider.refresh(square.credentials)
    assert newer.access_token != square.credentials.access_token
    assert (newer.refresh_token, newer.scopes) == (square.credentials.refresh_token, square.credentials.scopes)


def test_pasted_token_opens_its_account_but_cannot_be_refreshed_or_revoked(square: Harness, twin: Twin) -> None:
    made = twin.control("POST", "accounts", {"name": "Pasted", "locations": [{"name": "Main"}]})
    credentials = square.provider.credentials_from_key(f" {made['access_token']}\n")
    assert (credentials.account_id, credentials.kind) == (made["merchant_id"], "key")
    with pytest.raises(IntegrationRevoked):
        square.provider.refresh(credentials)
    square.provider.revoke(credentials)
    assert square.provider.account(credentials, gate=OpenGate()).describe().name == "Pasted"


def test_missing_scope_says_permission_and_not_disconnected(square: Harness) -> None:
    url = square.provider.authorization_url(grant_for(square.provider, "s")).replace("CUSTOMERS_WRITE+", "")
    assert "CUSTOMERS_WRITE" not in url
    callback = dict(square.twin.consent(url, square.account_id).params)
    account = square.provider.account(square.provider.exchange(callback, grant_for(square.provider, "s")), gate=OpenGate())
    assert account.list(Customer).records == ()
    with pytest.raises(PermissionMissing):
        account.create(CustomerDraft(given_name="Ada"), key=new_key())


def test_rate_limit_tells_how_long_to_wait(square: Harness) -> None:
    square.twin.control("POST", "faults", {"kind": "rate_limited", "retry_after": 7})
    with pytest.raises(RateLimited) as limited:
        square.account().list(Customer)
    assert (limited.value.retry_after_seconds, limited.value.scope) == (7.0, "account")


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.RATE_LIMITED])
def test_sdk_repeats_no_write(square: Harness, fault: Fault) -> None:
    account, seen = square.account(), square.requests()
    square.fail_next(fault)
    with pytest.raises(Exception, match="Square"):
        account.create(CustomerDraft(given_name="Ada"), key=new_key())
    assert square.requests() == seen + 1


def missed(square: Harness, since: datetime, *, all_sellers: bool = True) -> list[Event]:
    found: list[Event] = []
    cursor: str | None = None
    while True:
        page = square.provider.missed_events(
            None if all_sellers else square.credentials, since=since, cursor=cursor, gate=OpenGate()
        )
        found += page.events
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_missed_events_are_those_of_the_webhook_over_several_pages(square: Harness) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    body = square.sample_event()
    made = {square.account().create(CustomerDraft(given_name=f"Nr {n}"), key=new_key()).id for n in range(105)}
    found = missed(square, since)
    [delivered] = SquareHandler().events(body)
    [same] = [event for event in found if event.id == delivered.id]
    assert same == delivered
    assert same.account_id == square.account_id
    assert made <= {event.record_id for event in found if event.effect is Effect.CHANGED}
    # Other tests' sellers are heard as well, and a revocation counts from its own time.
    times = [event.created_at for event in found if event.account_id == square.account_id]
    assert times == sorted(times)


def test_missed_events_of_one_seller_hold_no_other(square: Harness, twin: Twin) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    other = Harness(twin)
    other.sample_event()
    square.sample_event()
    assert {event.account_id for event in missed(square, since, all_sellers=False)} == {square.account_id}


def test_feed_that_is_switched_off_is_switched_on(square: Harness, twin: Twin) -> None:
    twin.api(twin.ready["access_token"], "PUT", "/v2/events/disable")
    since = datetime.now(UTC)
    assert missed(square, since, all_sellers=False) == []
    square.sample_event()
    assert missed(square, since - timedelta(seconds=5), all_sellers=False)


def test_revocation_arrives_as_disconnection(square: Harness) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    square.revoke_at_provider()
    assert Effect.DISCONNECTED in {event.effect for event in missed(square, since, all_sellers=False)}


def test_endpoint_is_made_found_changed_rotated_and_removed(square: Harness, twin: Twin) -> None:
    platform = square.provider.platform(gate=OpenGate())
    wanted = SquareHandler().wanted_endpoint("https://hub.example/api/webhooks/square")
    twin.api(twin.ready["access_token"], "PUT", "/v2/events/disable")
    made = platform.create(wanted, key=new_key())
    assert made.secret
    assert (made.url, made.event_types, made.api_version) == (wanted.url, wanted.event_types, API_VERSION)
    assert made.secret not in repr(made) + str(made.raw)
    twin.api(twin.ready["access_token"], "POST", "/v2/events", {})  # the feed is on by now, or this is refused
    assert made.id in {endpoint.id for endpoint in platform.list(Endpoint).records}
    off = platform.update(made.id, replace(wanted, active=False), version=None, key=new_key())
    assert not off.active
    rotated = platform.perform(Verb.ROTATE, Endpoint, made.id, version=None, key=new_key())
    assert rotated.secret not in (None, made.secret)
    platform.perform(Verb.DELETE, Endpoint, made.id, version=None, key=new_key())
    assert made.id not in {endpoint.id for endpoint in platform.list(Endpoint).records}
