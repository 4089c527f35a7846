"""A hub, a Chromium, and a business with people for the tests of the pages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from hub import db, embedded
from hub.identity import administration, members, sessions
from hub.identity.caller import Role
from tests.browser.chromium import WAIT_MS, needs_chromium
from tests.browser.hub import Hub, running_hub
from tests.whole_run.stores import drop_searched_database, search_redis

BROWSER_REDIS_DATABASE = 8  # and on; the workers' own are below
EXPECTED_REFUSALS = ("400", "403", "404", "410", "422", "503")  # the console tells a page's own error status as an error


@dataclass
class Watch:
    """What went wrong in a browser beside what the page shows."""

    origins: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        from_us = message.location.get("url", "").startswith(self.origins[0])
        answered = "status of" in message.text and any(status in message.text for status in EXPECTED_REFUSALS)
        if message.type in ("error", "warning") and from_us and not answered:
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((*self.origins, "data:", "about:")):
            self.complaints.append(f"external request: {request.url}")


@dataclass(frozen=True)
class Shop:
    """The business of one test."""

    hub: Hub
    tenant_id: int

    def person(self, role: Role) -> str:
        """A new member's mail address."""
        email = f"{secrets.token_hex(5)}@harbor.example"
        administration.create_user(email, tenant_id=self.tenant_id, role=role, name="Ada Lind")
        return email

    def sign_in(self, page: Page, role: Role = "owner") -> None:
        """As after a mailed link, whose own test goes the whole way."""
        with db.system_session() as session:
            token = sessions.start(session, members.ensure_user(session, self.person(role)).id)
        page.context.add_cookies([{"name": "payhub_signin", "value": token, "url": self.hub.base_url}])
        page.goto(f"{self.hub.base_url}/integrations")

    def connect(self, page: Page, provider: str, business: str, *, customers: int = 5) -> str:
        """Through our pages and the provider's consent page; the new account's id."""
        twin = self.hub.twins[provider]
        account_id = twin.account(business)
        twin.seed(account_id, customers=customers, invoices=customers, payments=2)
        page.goto(f"{self.hub.base_url}/integrations/connect")
        page.get_by_role("button", name=f"Continue to {provider.title()}").click()
        page.locator(f"input[type=radio][value={account_id}]").check()
        page.locator("#allow").click()
        page.wait_for_url(f"{self.hub.base_url}/integrations/connected?connected=*")
        return account_id


@pytest.fixture(scope="session")
def hub(
    database_server_url: str,
    migrated_template: str,
    servers: embedded.Servers,
    worker_number: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hub]:
    """With a database and a Redis database of its own: its processes live on while other tests of this worker run."""
    needs_chromium()
    name = f"payhub_browser_{secrets.token_hex(6)}"
    database_url = embedded.create_database(database_server_url, name, template=migrated_template)
    redis_url = servers.redis_url_of(BROWSER_REDIS_DATABASE + worker_number)
    with running_hub(database_url, redis_url, tmp_path_factory.mktemp("hub")) as running:
        yield running
    search_redis(redis_url)
    drop_searched_database(database_server_url, name, database_url)


@pytest.fixture(autouse=True)
def _looks_at_the_hub(hub: Hub) -> None:
    hub.boot()


@pytest.fixture
def neighbours(hub: Hub) -> tuple[str, ...]:
    """Where a page of the hub may lead to."""
    twins = [twin.base_url for twin in hub.twins.values()]
    local = [url.replace("localhost", "127.0.0.1") for url in twins] + [url.replace("127.0.0.1", "localhost") for url in twins]
    return (*twins, *local, hub.issuer.url)


@pytest.fixture
def page(context: BrowserContext, hub: Hub, neighbours: tuple[str, ...]) -> Iterator[Page]:
    """A page that must not complain: no script error, nothing that the content policy stops, no request to anywhere else."""
    watch = Watch((hub.base_url, *neighbours))
    page = context.new_page()
    watch.follow(page)
    yield page
    assert watch.complaints == []


@pytest.fixture
def browser_without_script(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def shop(hub: Hub) -> Shop:
    return Shop(hub, administration.create_tenant("Harbor Street Bakery", timezone="America/New_York"))
