"""Pages of connecting, in a real browser: sign in, consent, the moving bar, settings of the sync, disconnect."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from hub import clock, db
from hub.models import Integration, SyncRun
from tests.browser.conftest import Shop


def test_a_person_without_a_session_asks_for_a_link_and_is_signed_in_by_its_mail(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.hub.base_url}/invoices")
    page.get_by_label("Your mail address").fill(email := shop.person("owner"))
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    page.get_by_role("link", name="The development mailbox").click()
    page.get_by_role("article").filter(has_text=email).first.get_by_role("link").click()
    page.get_by_role("button", name="Sign in now").click()
    expect(page).to_have_url(f"{shop.hub.base_url}/invoices")


def test_nothing_connected_the_card_says_so_and_lists_what_payments_do(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    card = page.get_by_role("region", name="Payments")
    expect(card).to_contain_text("Process invoices and accept payments from clients")
    expect(card).to_contain_text("Not connected")
    for feature in ("Invoice processing", "Payment tracking", "Recurring billing", "Financial reports"):
        expect(card).to_contain_text(feature)
    assert "linear-gradient" in page.locator(".payments-head").evaluate("each => getComputedStyle(each).backgroundImage")


def test_the_choice_tells_what_each_provider_will_ask_for(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.get_by_role("link", name="Connect payments").click()
    expect(page.get_by_role("region", name="Stripe")).to_contain_text("Read and edit your customers and invoices")
    expect(page.get_by_role("region", name="Square")).to_contain_text("See your business name and locations")


@pytest.mark.parametrize("provider", ["stripe", "square"])
def test_consent_at_the_provider_connects_and_the_first_sync_runs_to_its_end(page: Page, shop: Shop, provider: str) -> None:
    shop.sign_in(page)
    account_id = shop.connect(page, provider, "Harbor Street Bakery", customers=4)
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbor Street Bakery is connected")
    expect(page.get_by_role("status")).to_contain_text("Sync is complete: looked at 4 clients")
    expect(page.get_by_role("progressbar", name="Sync progress")).to_have_attribute("value", "100")
    page.get_by_role("link", name="See this account").click()
    expect(page.get_by_text(account_id)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="First sync")).to_contain_text("Completed")
    page.goto(f"{shop.hub.base_url}/integrations")
    expect(page.get_by_role("region", name="Payments")).to_contain_text("● Connected")


def test_a_run_goes_on_the_bar_moves_and_the_page_stays(page: Page, shop: Shop) -> None:
    """Our hand is the engine here: each step must show without loading the page anew."""
    shop.sign_in(page)
    integration_id, run_id = _running_sync(shop)
    page.goto(f"{shop.hub.base_url}/integrations/connected?connected={integration_id}")
    page.evaluate("window.sameDocument = true")
    bar = page.get_by_role("progressbar", name="Sync progress")
    seen = []
    steps: list[dict[str, dict[str, object]]] = [
        {"customer": {"done": 100, "expected": None, "finished": False}},
        {
            "customer": {"done": 250, "expected": 250, "finished": True},
            "invoice": {"done": 40, "expected": 80, "finished": False},
        },
    ]
    for step in steps:
        _set_progress(shop, run_id, step)
        expect(page.locator(".progress-kinds")).to_contain_text(f"{step['customer']['done']} clients")
        seen.append(int(bar.get_attribute("value") or 0))
    assert 0 < seen[0] < seen[1] < 100
    expect(page.get_by_role("status")).to_contain_text("1 of 2 kinds of records are complete")
    _set_progress(shop, run_id, {"customer": {"done": 250, "expected": 250, "finished": True}}, done=True)
    expect(bar).to_have_attribute("value", "100")
    assert page.evaluate("window.sameDocument") is True


def test_without_javascript_the_page_of_a_going_sync_refreshes_itself(browser_without_script: Page, shop: Shop) -> None:
    page = browser_without_script
    shop.sign_in(page)
    integration_id, run_id = _running_sync(shop)
    page.goto(f"{shop.hub.base_url}/integrations/connected?connected={integration_id}")
    _set_progress(shop, run_id, {"customer": {"done": 7, "expected": 7, "finished": True}}, done=True)
    expect(page.get_by_role("status")).to_contain_text("Sync is complete: looked at 7 clients")


def test_consent_denied_the_page_says_that_nothing_changed_and_offers_another_try(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/integrations/connect")
    page.get_by_role("button", name="Continue to Square").click()
    page.locator("button[value=deny]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The account was not connected")
    expect(page.get_by_role("main")).to_contain_text("Nothing was changed")
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(f"{shop.hub.base_url}/integrations/connect")


def test_switches_and_history_are_saved_and_a_wrong_number_of_days_is_told_at_its_field(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    integration_id, _ = _running_sync(shop)
    page.goto(f"{shop.hub.base_url}/integrations/{integration_id}")
    page.get_by_role("switch", name="Invoices").uncheck()
    page.get_by_label("Days of history").fill("0")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Days of history")).to_have_accessible_description(re.compile("from 1 to 3650"))
    page.get_by_role("switch", name="Invoices").uncheck()
    page.get_by_label("Days of history").fill("30")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    with db.tenant_session(shop.tenant_id) as session:
        config = session.scalars(select(Integration.config).where(Integration.id == integration_id)).one()
    assert config["sync_invoices"] is False
    assert config["sync_payments"] is True
    assert config["history_days"] == 30


def test_disconnecting_asks_first_and_gives_a_receipt_and_reconnecting_finds_the_account_again(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    account_id = shop.connect(page, "square", "Pier Café")
    page.get_by_role("link", name="See this account").click()
    page.get_by_role("link", name="Disconnect…").click()
    expect(page.get_by_role("main")).to_contain_text("stay here")
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pier Café is disconnected")
    expect(page.get_by_role("main")).to_contain_text("Our access was ended there too")
    # A person takes longer than this. Within one second a reconnect and the news of the old access's end cannot be told apart.
    page.wait_for_timeout(2_500)
    page.get_by_role("button", name="Connect again").click()
    page.locator(f"input[value={account_id}]").check()
    page.locator("#allow").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pier Café is connected")
    page.get_by_role("link", name="See this account").click()
    expect(page.get_by_role("main")).to_contain_text("Connected")


def test_a_viewer_sees_accounts_and_can_change_nothing(page: Page, shop: Shop, context: BrowserContext) -> None:
    integration_id, _ = _running_sync(shop)
    shop.sign_in(page, "viewer")
    page.goto(f"{shop.hub.base_url}/integrations/{integration_id}")
    expect(page.get_by_role("switch", name="Invoices")).to_be_disabled()
    for name in ("Sync now", "Save", "Disconnect…"):
        expect(page.get_by_text(name, exact=True)).to_have_count(0)
    answer = page.goto(f"{shop.hub.base_url}/integrations/{integration_id}/disconnect")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("main")).to_contain_text("Your role does not allow this")
    refused = context.request.post(f"{shop.hub.base_url}/integrations/{integration_id}/sync", form={"csrf_token": "guessed"})
    assert refused.status == 403


def _running_sync(shop: Shop) -> tuple[int, int]:
    """An account whose sync a worker seems to have taken: nobody else touches it."""
    now = clock.now()
    with db.tenant_session(shop.tenant_id) as session:
        integration = Integration(
            tenant_id=shop.tenant_id,
            provider="stripe",
            name="Harbor Street Bakery",
            account_id=f"acct_{shop.tenant_id}",
            live=False,
            connected_at=now,
            created_at=now,
        )
        session.add(integration)
        session.flush()
        run = SyncRun(
            tenant_id=shop.tenant_id,
            integration_id=integration.id,
            kind="initial",
            created_at=now,
            due_at=now,
            started_at=now,
            lease_until=now.replace(year=now.year + 1),
        )
        session.add(run)
        session.flush()
        return integration.id, run.id


def _set_progress(shop: Shop, run_id: int, progress: dict[str, dict[str, object]], *, done: bool = False) -> None:
    with db.tenant_session(shop.tenant_id) as session:
        run = session.scalars(select(SyncRun).where(SyncRun.id == run_id)).one()
        run.progress = progress
        if done:
            run.done_at, run.outcome = clock.now(), "completed"
