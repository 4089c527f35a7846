"""R22: each attack on the connect flow is refused in words, stores nothing and stands in the audit log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from hub import clock, db, process
from hub.identity import connect_links
from hub.integrations import service
from providers.contract import Credentials, Grant
from providers.fake.provider import FakeProvider
from tests.security.conftest import JSON, Browser, LiveProvider, OtherProvider, Scene


def refused(answer: TestResponse, code: str) -> bool:
    """A problem with this code that shows neither tokens nor codes."""
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["code"] == code
    assert answer.get_json()["detail"]
    assert "fake_code" not in answer.text
    assert "fake_token" not in answer.text
    return True


def test_attempt_of_one_browser_with_consent_connects(scene: Scene) -> None:
    """Else the attacks would prove nothing."""
    browser = scene.browser()
    answer = scene.come_back(browser, scene.consent(browser, scene.start(), scene.account()))
    assert answer.status_code == 200, answer.text
    assert [row.status for row in scene.connected()] == ["active"]
    assert scene.audited() == []


def test_attempt_of_a_signed_in_person_connects(scene: Scene) -> None:
    browser = scene.browser(scene.business.add_person("manager"))
    answer = scene.come_back(browser, scene.consent(browser, scene.start_as(browser), scene.account()))
    assert answer.status_code == 200, answer.text
    assert len(scene.connected()) == 1


# --- the state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, "", "guessed", "x" * 5000, "\u0663", "' OR 1=1"])
def test_missing_or_guessed_state_is_refused(scene: Scene, state: str | None) -> None:
    person = scene.business.add_person("manager")
    browser = scene.browser(person)
    query = scene.consent(browser, scene.start_as(browser), scene.account())
    query.pop("state")
    answer = scene.come_back(browser, query | ({"state": state} if state is not None else {}))
    assert refused(answer, "unknown_state")
    assert scene.stored_nothing()
    assert scene.audited() == ["unknown_state"]


def test_used_state_is_refused_and_the_connection_stays(scene: Scene) -> None:
    browser = scene.browser(scene.business.add_person("manager"))
    account = scene.account()
    query = scene.consent(browser, scene.start_as(browser), account)
    assert scene.come_back(browser, query).status_code == 200
    before = scene.world.requests_seen
    assert refused(scene.come_back(browser, query), "unknown_state")
    assert scene.world.requests_seen == before  # the code is not sent twice: at Stripe that would revoke the connection
    assert [row.status for row in scene.connected()] == ["active"]
    assert scene.audited() == ["unknown_state"]


def test_state_used_twice_at_once_connects_once(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    cookie = browser.client.get_cookie("payhub_connect", path="/api/integrations/payments/callback")
    assert cookie is not None

    def race(_: int) -> int:
        rival = scene.browser()
        rival.client.set_cookie("payhub_connect", cookie.value, path=cookie.path)
        return scene.come_back(rival, query).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(race, range(4))) == [200, 400, 400, 400]
    assert [row.credentials_revision for row in scene.connected()] == [1]


def test_expired_state_is_refused(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    clock.advance(timedelta(minutes=10, seconds=1))
    assert refused(scene.come_back(browser, query), "attempt_expired")
    assert scene.stored_nothing()
    assert scene.audited() == ["attempt_expired"]


def test_expired_or_opened_start_link_is_refused(scene: Scene) -> None:
    link = scene.start()
    assert scene.browser().open(link).status_code == 303
    assert refused(scene.browser().open(link), "attempt_used")
    unopened = scene.start()
    clock.advance(timedelta(minutes=10, seconds=1))
    assert refused(scene.browser().open(unopened), "attempt_expired")
    assert scene.audited() == ["attempt_used", "attempt_expired"]


def test_state_of_another_browser_is_refused(scene: Scene) -> None:
    """Login CSRF: a victim's browser is sent to the callback with the attacker's state and code."""
    query = scene.consent(scene.browser(), scene.start(), scene.account())
    assert refused(scene.come_back(scene.browser(), query), "foreign_browser")
    assert scene.stored_nothing()
    assert scene.audited() == ["foreign_browser"]


def test_state_under_the_cookie_of_another_attempt_is_refused(scene: Scene) -> None:
    browser = scene.browser()
    first = scene.consent(browser, scene.start(), scene.account())
    scene.consent(browser, scene.start(), scene.account())
    assert refused(scene.come_back(browser, first), "foreign_browser")
    assert scene.stored_nothing()


def test_state_that_was_never_opened_in_a_browser_is_refused(scene: Scene) -> None:
    """The attempt exists, but no browser was bound to it: no cookie fits."""
    browser = scene.browser()
    browser.client.set_cookie("payhub_connect", "anything", path="/api/integrations/payments/callback")
    link = scene.start()
    assert refused(scene.come_back(browser, {"state": link.partition("attempt=")[2], "code": "fake_code_1"}), "unknown_state")
    assert scene.stored_nothing()


def test_start_link_of_another_person_is_refused(scene: Scene) -> None:
    """Consent phishing: who opens a stranger's link would connect their own account to the stranger's business."""
    attacker = scene.browser(scene.rival.add_person("manager"))
    victim = scene.browser(scene.business.add_person("owner"))
    link = scene.start_as(attacker)
    assert refused(victim.open(link), "foreign_user")
    assert refused(scene.browser().open(link), "foreign_user")
    assert scene.stored_nothing()
    assert scene.audited(scene.rival) == ["foreign_user", "foreign_user"]


def test_callback_after_another_person_signed_in_is_refused(scene: Scene) -> None:
    first, second = scene.business.add_person("manager"), scene.business.add_person("manager")
    browser = scene.browser(first)
    query = scene.consent(browser, scene.start_as(browser), scene.account())
    other = scene.browser(second)
    cookie = browser.client.get_cookie("payhub_connect", path="/api/integrations/payments/callback")
    assert cookie is not None
    other.client.set_cookie("payhub_connect", cookie.value, path=cookie.path)
    assert refused(scene.come_back(other, query), "foreign_user")
    assert scene.stored_nothing()
    assert scene.audited() == ["foreign_user"]


def test_start_link_of_another_tenant_is_refused(scene: Scene) -> None:
    """Made with an API key, it names no person; but this browser works for another business."""
    victim = scene.browser(scene.business.add_person("owner"))
    assert refused(victim.open(scene.start(scene.rival)), "foreign_tenant")
    assert scene.stored_nothing()
    assert scene.audited(scene.rival) == ["foreign_tenant"]


def test_connect_session_of_another_crm_user_is_refused(scene: Scene) -> None:
    one, other = (limited_browser(scene, user) for user in ("crm-user-1", "crm-user-2"))
    link = scene.start_as(one)
    assert refused(other.open(link), "foreign_user")
    assert one.open(link).status_code == 303


def limited_browser(scene: Scene, user: str) -> Browser:
    with db.tenant_session(scene.business.tenant_id) as session:
        token, _ = connect_links.issue(
            session, scene.business.tenant_id, external_user=user, contact_id=None, return_url="https://crm.example/done"
        )
    taken = connect_links.take(token, replaces=None)
    assert taken is not None
    browser = scene.browser()
    browser.client.set_cookie("payhub_signin", taken[0])
    return browser


# --- the provider and its code ------------------------------------------------------------------------------------------


def test_provider_named_in_the_query_is_ignored(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    answer = scene.come_back(browser, query | {"provider": "other"})
    assert answer.status_code == 200
    assert [row.provider for row in scene.connected()] == ["fake"]
    assert scene.other_world.requests_seen == 0


def test_code_of_another_provider_is_refused(scene: Scene) -> None:
    """Mix-up: the state belongs to one provider, the code was given by the other."""
    browser = scene.browser()
    stranger = scene.other_world.create_account()
    for _ in range(3):  # the fakes number their codes alike
        foreign = scene.consent(scene.browser(), scene.start(provider="other"), stranger)
    mine = scene.consent(browser, scene.start(), scene.account())
    before = scene.other_world.requests_seen
    answer = scene.come_back(browser, {"state": mine["state"], "code": foreign["code"], "provider": "other"} | {"iss": "other"})
    assert refused(answer, "exchange_failed")
    assert scene.other_world.requests_seen == before
    assert scene.stored_nothing()
    assert scene.audited() == ["exchange_failed"]


def test_code_of_another_attempt_is_refused(scene: Scene) -> None:
    """Code injection: PKCE binds a code to the attempt it was given for."""
    browser, attacker = scene.browser(), scene.browser()
    theirs = scene.consent(attacker, scene.start(scene.rival), scene.account())
    mine = scene.consent(browser, scene.start(), scene.account())
    assert refused(scene.come_back(browser, mine | {"code": theirs["code"]}), "exchange_failed")
    assert scene.stored_nothing()


def test_code_used_again_under_a_new_state_is_refused(scene: Scene) -> None:
    browser = scene.browser()
    first = scene.consent(browser, scene.start(), scene.account())
    assert scene.come_back(browser, first).status_code == 200
    second = scene.consent(browser, scene.start(), scene.account())
    assert refused(scene.come_back(browser, second | {"code": first["code"]}), "exchange_failed")
    assert len(scene.connected()) == 1
    assert scene.audited() == ["exchange_failed"]


@pytest.mark.parametrize("code", ["wrong", "", "x" * 4000])
def test_wrong_code_is_refused(scene: Scene, code: str) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    assert refused(scene.come_back(browser, query | {"code": code}), "exchange_failed")
    assert scene.stored_nothing()
    assert scene.audited() == ["exchange_failed"]


def test_expired_code_is_refused(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    clock.advance(timedelta(minutes=6))
    assert refused(scene.come_back(browser, query), "exchange_failed")
    assert scene.stored_nothing()


def test_denied_consent_is_told_and_stores_nothing(scene: Scene) -> None:
    browser = scene.browser()
    before = scene.world.requests_seen
    query = scene.consent(browser, scene.start(), scene.account(), deny=True)
    assert refused(scene.come_back(browser, query), "access_denied")
    assert scene.world.requests_seen == before
    assert scene.stored_nothing()
    assert scene.audited() == ["access_denied"]


def test_denial_of_a_foreign_browser_does_not_end_silently(scene: Scene) -> None:
    query = scene.consent(scene.browser(), scene.start(), scene.account(), deny=True)
    assert refused(scene.come_back(scene.browser(), query), "foreign_browser")


def test_lost_answer_to_the_exchange_is_not_tried_again(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    before = scene.world.requests_seen
    scene.world.fail_next("lost_response")
    assert refused(scene.come_back(browser, query), "outcome_unknown")
    assert scene.world.requests_seen == before + 1
    assert scene.stored_nothing()


# --- what was granted ---------------------------------------------------------------------------------------------------


class Downgraded(FakeProvider):
    """Its consent page was reached by an address from which a permission had been removed."""

    def exchange(self, callback: object, grant: Grant) -> Credentials:
        return replace(super().exchange(callback, grant), scopes=frozenset({"customers", "invoices"}))  # type: ignore[arg-type]


def test_grant_of_less_than_asked_is_refused_and_names_what_is_missing(scene: Scene) -> None:
    scene.providers["fake"] = Downgraded(scene.world)  # type: ignore[index]
    browser = scene.browser()
    answer = scene.come_back(browser, scene.consent(browser, scene.start(), scene.account()))
    assert refused(answer, "permission_missing")
    assert "payments" in answer.get_json()["detail"]
    assert scene.stored_nothing()
    assert scene.audited() == ["permission_missing"]


class LiveAccount(FakeProvider):
    """In test mode, but the account that consented is a live one."""

    def exchange(self, callback: object, grant: Grant) -> Credentials:
        return replace(super().exchange(callback, grant), live=True)  # type: ignore[arg-type]


def test_live_account_in_test_mode_is_refused(scene: Scene) -> None:
    scene.providers["fake"] = LiveAccount(scene.world)  # type: ignore[index]
    browser = scene.browser()
    assert refused(scene.come_back(browser, scene.consent(browser, scene.start(), scene.account())), "mode_mismatch")
    assert scene.stored_nothing()
    assert scene.audited() == ["mode_mismatch"]


def test_attempt_of_test_mode_that_ends_in_live_mode_is_refused(scene: Scene) -> None:
    """The keys were switched while the user was away; the code must not go to the other mode."""
    browser = scene.browser()
    query = scene.consent(browser, scene.start(), scene.account())
    before = scene.world.requests_seen
    scene.providers["fake"] = LiveProvider(scene.world)  # type: ignore[index]
    assert refused(scene.come_back(browser, query), "mode_mismatch")
    assert scene.world.requests_seen == before
    assert scene.stored_nothing()
    assert scene.audited() == ["mode_mismatch"]


def test_account_held_by_another_tenant_is_refused_and_stays_there(scene: Scene) -> None:
    account = scene.account()
    holder, taker = scene.browser(), scene.browser()
    assert scene.come_back(holder, scene.consent(holder, scene.start(scene.rival), account)).status_code == 200
    answer = scene.come_back(taker, scene.consent(taker, scene.start(), account))
    assert refused(answer, "account_held_elsewhere")
    assert scene.rival.name not in answer.text
    assert scene.connected() == []
    assert [row.status for row in scene.connected(scene.rival)] == ["active"]
    assert scene.audited() == ["account_held_elsewhere"]
    # The holder's access works on: the refusal must not have revoked it at the provider.
    holders = scene.connected(scene.rival)[0].id
    profile = service.call(scene.rival.tenant_id, holders, lambda open_account: open_account.describe())
    assert profile.account_id == account


def test_account_named_twice_differently_is_refused(scene: Scene) -> None:
    class Liar(FakeProvider):
        def exchange(self, callback: object, grant: Grant) -> Credentials:
            return replace(super().exchange(callback, grant), account_id="acct_of_somebody")  # type: ignore[arg-type]

    scene.providers["fake"] = Liar(scene.world)  # type: ignore[index]
    browser = scene.browser()
    assert refused(scene.come_back(browser, scene.consent(browser, scene.start(), scene.account())), "account_mismatch")
    assert scene.stored_nothing()


# --- the page to return to ----------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://crm.example.evil.example/",
    "https://crm.example@evil.example/",
    "https://evil.example#@crm.example",
    "https://evil.example\\@crm.example/",
    "https://crm.example:444/",
    "http://crm.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "\n//evil.example",
    "https://crm\u3002example/",
    "evil.example",
    "",
]


@pytest.mark.parametrize("page", ELSEWHERE)
def test_page_to_return_to_that_leads_elsewhere_is_refused_at_the_start(scene: Scene, page: str) -> None:
    answer = scene.ask(None, return_url=page)
    assert answer.status_code == 422
    assert scene.stored_nothing()


@pytest.mark.parametrize("page", ["/integrations", "https://crm.example/done?x=1", "https://crm.example"])
def test_page_of_ours_or_on_the_list_is_returned_to(scene: Scene, page: str) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(return_url=page), scene.account())
    answer = browser.client.get("/api/integrations/payments/callback", query_string=query, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.location.startswith(page)
    assert f"connected={scene.connected()[0].id}" in answer.location


def test_page_to_return_to_in_the_callback_is_ignored(scene: Scene) -> None:
    browser = scene.browser()
    query = scene.consent(browser, scene.start(return_url="/integrations"), scene.account())
    evil = {"redirect_uri": "https://evil.example", "return_url": "https://evil.example", "next": "https://evil.example"}
    answer = browser.client.get("/api/integrations/payments/callback", query_string=query | evil, headers={"Accept": "text/html"})
    assert answer.location.startswith("/integrations")


# --- who may ------------------------------------------------------------------------------------------------------------


def test_viewer_cannot_begin(scene: Scene) -> None:
    answer = scene.app.test_client().post(
        "/api/integrations/payments/connect",
        json={"provider": "fake", "redirect_uri": "/"},
        headers={**JSON, **scene.business.bearer("viewer")},
    )
    assert answer.status_code == 403


def test_unknown_provider_is_refused(scene: Scene) -> None:
    assert scene.ask(None, provider="paypal").status_code == 422
    assert "other" in process.providers()
    assert isinstance(process.providers()["other"], OtherProvider)
