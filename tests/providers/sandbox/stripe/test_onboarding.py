"""Accounts made by the platform, and the onboarding page of the Stripe twin."""

from typing import Any

import httpx
import pytest
import stripe

from providers.sandbox.stripe.world import DEVELOPMENT
from tests.providers.sandbox.receiver import Receiver
from tests.providers.sandbox.stripe.conftest import Platform

RETURN, REFRESH = "http://127.0.0.1:1/return", "http://127.0.0.1:1/refresh"


def new_account(platform: Platform, **params: Any) -> Any:
    return platform.v1.accounts.create({"type": "standard", "country": "DE", "email": "new@example.com", **params})


def link_for(platform: Platform, account_id: str) -> Any:
    params = {"account": account_id, "type": "account_onboarding", "return_url": RETURN, "refresh_url": REFRESH}
    return platform.v1.account_links.create(params)


def submit(platform: Platform, url: str, decision: str = "submit") -> httpx.Response:
    return platform.http.post(url, data={"business_name": "Neu GmbH", "business_type": "company", "decision": decision})


def test_new_account_cannot_charge_and_says_what_is_missing(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    assert (account.charges_enabled, account.details_submitted, account.default_currency) == (False, False, "eur")
    assert "external_account" in account.requirements.currently_due
    assert account.controller.is_controller
    assert stripe_platform.v1.customers.create({"name": "A"}, {"stripe_account": account.id}).name == "A"


def test_onboarding_page_enables_the_account_and_returns(stripe_platform: Platform, receiver: Receiver) -> None:
    stripe_platform.endpoint(receiver, "account.updated")
    account = new_account(stripe_platform)
    link = link_for(stripe_platform, account.id)
    assert link.expires_at == link.created + 300
    assert "Agree and submit" in stripe_platform.http.get(link.url).text
    answer = submit(stripe_platform, link.url)
    assert (answer.status_code, answer.headers["Location"]) == (303, RETURN)
    done = stripe_platform.v1.accounts.retrieve(account.id)
    assert (done.charges_enabled, done.payouts_enabled, done.details_submitted) == (True, True, True)
    assert (done.business_profile.name, done.requirements.currently_due) == ("Neu GmbH", [])
    event = receiver.wait_for_type("account.updated")
    assert (event["account"], event["data"]["previous_attributes"]["charges_enabled"]) == (account.id, False)


def test_saving_for_later_returns_without_enabling(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    link = link_for(stripe_platform, account.id)
    stripe_platform.http.get(link.url)
    assert submit(stripe_platform, link.url, "later").headers["Location"] == RETURN
    assert not stripe_platform.v1.accounts.retrieve(account.id).details_submitted


def test_link_opens_once_and_lives_five_minutes(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    used = link_for(stripe_platform, account.id)
    stripe_platform.http.get(used.url)
    assert stripe_platform.http.get(used.url).headers["Location"] == REFRESH
    late = link_for(stripe_platform, account.id)
    stripe_platform.control("clock", advance_seconds=301)
    assert stripe_platform.http.get(late.url).headers["Location"] == REFRESH


def test_update_meets_requirements_and_tells(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    changed = stripe_platform.v1.accounts.update(account.id, {"business_profile": {"url": "https://neu.example"}})
    assert changed.business_profile.url == "https://neu.example"
    assert "business_profile.url" not in changed.requirements.currently_due


def test_account_of_the_platform_cannot_be_deauthorized_but_deleted(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    form = {"client_id": stripe_platform.twin.world.client_id(False), "stripe_user_id": account.id}
    headers = {"Authorization": f"Bearer {DEVELOPMENT['stripe_secret_key']}"}
    answer = stripe_platform.http.post("/oauth/deauthorize", data=form, headers=headers)
    assert answer.json()["error"] == "no_deauth_on_controlled_account"
    assert stripe_platform.v1.accounts.delete(account.id).deleted
    with pytest.raises(stripe.PermissionError):
        stripe_platform.v1.accounts.retrieve(account.id)


def test_link_for_a_foreign_account_is_refused(stripe_platform: Platform) -> None:
    with pytest.raises(stripe.PermissionError):
        link_for(stripe_platform, "acct_1SandboxBakery0001")


def test_rejected_account_cannot_charge(stripe_platform: Platform) -> None:
    account = new_account(stripe_platform)
    stripe_platform.act("finish_onboarding", account_id=account.id)
    rejected = stripe_platform.v1.accounts.reject(account.id, {"reason": "fraud_other"})
    assert (rejected.charges_enabled, rejected.requirements.disabled_reason) == (False, "rejected.platform_fraud")
