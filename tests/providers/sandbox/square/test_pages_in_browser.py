"""The hosted pages as a person meets them, in a real browser at the width of a phone."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import WAIT_MS
from tests.providers.sandbox.square.shop import Shop, usd

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def type_card(page: Page, number: str) -> None:
    for label, value in (("Card number", number), ("Expires (MM/YY)", "11/39"), ("CVV", "111")):
        page.get_by_label(label).fill(value)


def fits(page: Page) -> bool:
    """Nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_buyer_is_declined_then_tips_proves_to_be_himself_and_pays(shop: Shop, phone: Page) -> None:
    link = shop.link(20_000, checkout_options={"allow_tipping": True})
    phone.goto(link["url"])
    assert fits(phone)
    type_card(phone, "4000 0000 0000 0002")
    phone.get_by_role("button", name="Pay").click()
    expect(phone.get_by_role("alert")).to_have_text("The card was declined.")
    type_card(phone, "5248 4800 0021 0034")
    phone.get_by_label("20 %").check()
    phone.get_by_role("button", name="Pay").click()
    expect(phone.get_by_text("240.00 USD to Corner Shop")).to_be_visible()
    assert fits(phone)
    phone.get_by_label("Code from your bank").fill("123456")
    phone.get_by_role("button", name="Confirm").click()
    expect(phone.locator("#paid")).to_be_visible()
    assert urlsplit(phone.url).path == urlsplit(link["url"]).path
    paid = shop.get("/v2/payments")["payments"][0]
    assert (paid["status"], paid["total_money"], paid["tip_money"]) == ("COMPLETED", usd(24_000), usd(4_000))


def test_buyer_who_cancels_at_the_bank_may_try_another_card(shop: Shop, phone: Page) -> None:
    invoice = shop.invoice(1_000)
    phone.goto(invoice["public_url"])
    assert fits(phone)
    type_card(phone, "5248 4800 0021 0034")
    phone.get_by_role("button", name="Pay").click()
    phone.get_by_role("button", name="Cancel").click()
    expect(phone.get_by_role("alert")).to_contain_text("Nothing was charged")
    phone.get_by_role("link", name="Try another card").click()
    type_card(phone, "4111 1111 1111 1111")
    phone.get_by_role("button", name="Pay").click()
    expect(phone.locator("#paid")).to_be_visible()
    assert shop.read_invoice(invoice["id"])["status"] == "PAID"


def test_start_page_fits_a_phone(shop: Shop, phone: Page) -> None:
    shop.seed(customers=3, invoices=2)
    phone.goto(shop.twin.base_url)
    expect(phone.get_by_role("heading", name="Square sandbox on this machine")).to_be_visible()
    assert fits(phone)
