"""OAuth: consent, codes, tokens, refresh, revocation, and both forms of refusals."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from square import Square

from tests.providers.sandbox.square.shop import ALL_SCOPES, REDIRECT_URI, Shop, TwinClient, only_error

VERIFIER = "a-code-verifier-that-is-long-enough-for-anyone-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Form(HTMLParser):
    """The fields of a page's form as a browser would send them, without the button."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        chosen = values.get("type") != "radio" or "checked" in values
        if tag == "input" and chosen:
            self.fields[values["name"]] = values.get("value", "")
        if tag == "button":
            self.buttons.append((values["name"], values["value"]))


def authorize(twin: TwinClient, **query: str) -> str:
    own = {"client_id": twin.credentials["application_id"], "scope": "CUSTOMERS_READ", "redirect_uri": REDIRECT_URI, "state": "s"}
    return twin.http.get("/oauth2/authorize", params={**own, **query}).text


def test_consent_page_submitted_as_a_browser_does_returns_code_and_state(twin: TwinClient) -> None:
    shop = twin.control("accounts", name="Blumen & Söhne")
    page = authorize(twin, state="a&b=c d")
    assert "Blumen &amp; Söhne" in page
    assert "View your customers" in page
    form = Form(page)
    assert form.buttons == [("decision", "allow"), ("decision", "deny")]
    answer = twin.http.post("/oauth2/authorize", data={**form.fields, "merchant_id": shop["id"], "decision": "allow"})
    callback = answer.headers["location"]
    assert callback.startswith(REDIRECT_URI)
    assert "response_type=code" in callback
    assert "state=a%26b%3Dc+d" in callback


def test_denied_consent_returns_the_documented_error_and_no_code(twin: TwinClient) -> None:
    answer = twin.consent(twin.control("accounts")["id"], decision="deny")
    assert answer == {"error": "access_denied", "error_description": "user_denied", "state": "state-1"}


def test_redirect_to_an_unregistered_address_shows_a_page_and_never_redirects(twin: TwinClient) -> None:
    assert "not registered" in authorize(twin, redirect_uri="https://evil.example/callback")
    twin.control("settings", redirect_uris=["https://hub.example/callback"])
    assert "not the registered one" in authorize(twin)
    assert "wants to connect" in authorize(twin, redirect_uri="https://hub.example/callback")


def test_authorize_with_unknown_client_or_scope_is_refused_on_a_page(twin: TwinClient) -> None:
    assert "not that of a registered application" in authorize(twin, client_id="sq0idp-other")
    assert "Unknown scope EVERYTHING" in authorize(twin, scope="CUSTOMERS_READ EVERYTHING")


def test_exchange_with_the_official_sdk_gives_thirty_day_tokens(twin: TwinClient) -> None:
    merchant_id = twin.control("accounts")["id"]
    code = twin.consent(merchant_id)["code"]
    tokens = Square(base_url=twin.base_url, token=None).o_auth.obtain_token(
        client_id=twin.credentials["application_id"],
        client_secret=twin.credentials["application_secret"],
        grant_type="authorization_code",
        code=code,
        redirect_uri=REDIRECT_URI,
    )
    assert tokens.merchant_id == merchant_id
    assert tokens.token_type == "bearer"
    assert tokens.refresh_token_expires_at is None
    life = datetime.fromisoformat(str(tokens.expires_at)) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < life <= timedelta(days=30)


def test_code_used_twice_or_after_five_minutes_is_refused(twin: TwinClient) -> None:
    merchant_id = twin.control("accounts")["id"]
    code = twin.consent(merchant_id)["code"]
    assert twin.token(code=code, redirect_uri=REDIRECT_URI).status_code == 200
    again = twin.token(code=code, redirect_uri=REDIRECT_URI)
    assert again.status_code == 401
    assert again.json()["type"] == "service.not_authorized"
    late = twin.consent(merchant_id)["code"]
    twin.advance(301)
    assert twin.token(code=late, redirect_uri=REDIRECT_URI).status_code == 401


def test_exchange_with_wrong_secret_client_or_redirect_is_refused_and_the_code_stays_good(twin: TwinClient) -> None:
    code = twin.consent(twin.control("accounts")["id"])["code"]
    assert twin.token(code=code, redirect_uri=REDIRECT_URI, client_secret="wrong").status_code == 401
    assert twin.token(code=code, redirect_uri=REDIRECT_URI, client_id="other").status_code == 401
    assert twin.token(code=code, redirect_uri="http://127.0.0.1:1/").status_code == 401
    assert twin.token(code=code).status_code == 401
    assert twin.token(code=code, redirect_uri=REDIRECT_URI).status_code == 200


def test_refresh_in_the_code_flow_keeps_the_refresh_token_and_the_old_access_token(shop: Shop) -> None:
    fresh = shop.twin.token("refresh_token", refresh_token=shop.tokens["refresh_token"]).json()
    assert fresh["refresh_token"] == shop.tokens["refresh_token"]
    assert fresh["access_token"] != shop.tokens["access_token"]
    for token in (fresh["access_token"], shop.tokens["access_token"]):
        assert shop.twin.as_bearer(token).get("/v2/locations").status_code == 200


def test_refresh_can_narrow_scopes_and_shorten_the_life(shop: Shop) -> None:
    fields = {"refresh_token": shop.tokens["refresh_token"], "scopes": ["CUSTOMERS_READ", "EMPLOYEES_READ"], "short_lived": True}
    fresh = shop.twin.token("refresh_token", **fields).json()
    narrow = shop.twin.as_bearer(fresh["access_token"])
    assert narrow.post("/oauth2/token/status").json()["scopes"] == ["CUSTOMERS_READ"]
    assert narrow.get("/v2/customers").status_code == 200
    assert only_error(narrow.get("/v2/locations"), 403)["code"] == "INSUFFICIENT_SCOPES"
    assert fresh["short_lived"] is True
    shop.twin.advance(24 * 3600 + 1)
    assert only_error(narrow.get("/v2/customers"), 401)["code"] == "ACCESS_TOKEN_EXPIRED"
    assert shop.api.get("/v2/customers").status_code == 200


def test_pkce_refresh_tokens_are_used_once_and_end_after_ninety_days(twin: TwinClient) -> None:
    merchant_id = twin.control("accounts")["id"]
    code = twin.consent(merchant_id, code_challenge=CHALLENGE)["code"]
    assert twin.token(code=code, redirect_uri=REDIRECT_URI, client_secret=None, code_verifier="other").status_code == 401
    first = twin.token(code=code, redirect_uri=REDIRECT_URI, client_secret=None, code_verifier=VERIFIER).json()
    assert "refresh_token_expires_at" in first
    second = twin.token("refresh_token", refresh_token=first["refresh_token"], client_secret=None).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert twin.token("refresh_token", refresh_token=first["refresh_token"], client_secret=None).status_code == 401
    twin.advance(91 * 86_400)
    assert twin.token("refresh_token", refresh_token=second["refresh_token"], client_secret=None).status_code == 401


def test_access_token_expires_by_the_twins_clock(shop: Shop) -> None:
    shop.twin.advance(30 * 86_400 + 1)
    assert only_error(shop.api.get("/v2/locations"), 401)["code"] == "ACCESS_TOKEN_EXPIRED"
    assert only_error(shop.api.post("/oauth2/token/status"), 401)["code"] == "UNAUTHORIZED"


def test_revoking_by_merchant_ends_every_token_of_that_seller_only(shop: Shop) -> None:
    other = Shop(shop.twin)
    again = shop.twin.connect(shop.id)
    assert shop.twin.revoke(merchant_id=shop.id).json() == {"success": True}
    for token in (shop.tokens["access_token"], again["access_token"]):
        assert only_error(shop.twin.as_bearer(token).get("/v2/locations"), 401)["code"] == "ACCESS_TOKEN_REVOKED"
    assert shop.twin.token("refresh_token", refresh_token=again["refresh_token"]).status_code == 401
    assert shop.twin.revoke(merchant_id=shop.id).status_code == 404
    assert other.api.get("/v2/locations").status_code == 200


def test_revoking_only_the_access_token_leaves_the_refresh_token(shop: Shop) -> None:
    assert shop.twin.revoke(access_token=shop.tokens["access_token"], revoke_only_access_token=True).status_code == 200
    assert shop.api.get("/v2/locations").status_code == 401
    assert shop.twin.token("refresh_token", refresh_token=shop.tokens["refresh_token"]).status_code == 200


def test_revoke_needs_the_application_secret_and_exactly_one_subject(shop: Shop) -> None:
    body = {"client_id": shop.twin.credentials["application_id"], "merchant_id": shop.id}
    assert shop.api.post("/oauth2/revoke", json=body).status_code == 401
    both = shop.twin.revoke(merchant_id=shop.id, access_token=shop.tokens["access_token"])
    assert both.status_code == 400
    assert shop.api.get("/v2/locations").status_code == 200


def test_oauth_refusals_come_in_either_form_by_setting(twin: TwinClient) -> None:
    assert set(twin.token(code="nothing").json()) == {"message", "type"}
    twin.control("settings", oauth_error_form="v2")
    assert only_error(twin.token(code="nothing"), 401)["category"] == "AUTHENTICATION_ERROR"


def test_token_status_tells_scopes_and_merchant(shop: Shop) -> None:
    status = shop.api.post("/oauth2/token/status").json()
    assert status["scopes"] == sorted(ALL_SCOPES.split())
    assert status["merchant_id"] == shop.id
    assert status["expires_at"] == shop.tokens["expires_at"]


def test_missing_or_unknown_bearer_is_unauthorized(shop: Shop) -> None:
    assert only_error(shop.twin.http.get("/v2/locations"), 401)["code"] == "UNAUTHORIZED"
    assert only_error(shop.twin.as_bearer("nonsense").get("/v2/locations"), 401)["code"] == "UNAUTHORIZED"


def test_missing_scope_is_forbidden_and_changes_nothing(twin: TwinClient) -> None:
    shop = Shop(twin)
    reader = twin.as_bearer(twin.connect(shop.id, "CUSTOMERS_READ")["access_token"])
    refused = reader.post("/v2/customers", json={"given_name": "Ada"})
    assert only_error(refused, 403)["code"] == "INSUFFICIENT_SCOPES"
    assert shop.truth()["customers"] == []


def test_personal_access_tokens_read_their_own_seller(shop: Shop) -> None:
    own = shop.twin.as_bearer(shop.personal_access_token)
    assert own.get("/v2/merchants/me").json()["merchant"]["id"] == shop.id
    owner = shop.twin.owner().get("/v2/merchants/me").json()["merchant"]["id"]
    assert owner == shop.twin.credentials["default_merchant_id"]


def test_refresh_token_left_alone_for_long_dies_only_by_switch(shop: Shop) -> None:
    def refreshed() -> int:
        return shop.twin.token("refresh_token", refresh_token=shop.tokens["refresh_token"]).status_code

    shop.twin.advance(50 * 86_400)
    shop.twin.control("settings", refresh_dies_after_days=15)
    assert refreshed() == 401
    shop.twin.control("settings", refresh_dies_after_days=None)
    assert refreshed() == 200


@pytest.mark.parametrize(("form", "word"), [("v1", "TOO_MANY_REQUESTS"), ("v2", "RATE_LIMITED")])
def test_rate_limit_of_the_token_endpoint_comes_in_either_form(shop: Shop, form: str, word: str) -> None:
    shop.twin.control("settings", oauth_error_form=form)
    shop.twin.http.post("/_twin/faults", json={"kind": "rate_limited", "path": "/oauth2/token"})
    refused = shop.twin.token("refresh_token", refresh_token=shop.tokens["refresh_token"])
    assert (refused.status_code, word in refused.text) == (429, True)
