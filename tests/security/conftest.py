"""Two businesses on the real application, two providers of the same make, and people with browsers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from apiflask import APIBlueprint, APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

import hub.integrations.api
from hub import clock, db, process, queue
from hub.http import create_app, csrf_token, public
from hub.identity import sessions
from hub.models import AccountRoute, AuditEntry, DataKey, Integration, Tenant
from providers.contract import Provider
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld
from tests.hub.apps import Business, Person, new_business, settings_for
from tests.sync.hub_in_process import forget_route
from tests.whole_run.answers import searched

CRM = "https://crm.example"
CALLBACK = "/api/integrations/payments/callback"
JSON = {"Accept": "application/json"}


class OtherProvider(FakeProvider):
    """A second provider with accounts, codes and tokens of its own."""

    name: ClassVar[str] = "other"
    title: ClassVar[str] = "Other"


class LiveProvider(FakeProvider):
    """The fake's registration, switched to live mode."""

    @property
    def live(self) -> bool:
        return True


@dataclass
class Browser:
    """A browser, perhaps signed in, with its own cookies."""

    client: FlaskClient

    def open(self, url: str, **headers: str) -> TestResponse:
        parts = urlsplit(url)
        return self.client.get(f"{parts.path}?{parts.query}", headers={**JSON, **headers})


@dataclass
class Scene:
    """What an attack needs: the application, who may start, and the provider's side."""

    app: APIFlask
    business: Business
    rival: Business
    world: FakeWorld
    other_world: FakeWorld
    providers: Mapping[str, Provider]
    _keys: dict[int, dict[str, str]] = field(default_factory=dict)

    def key(self, business: Business) -> dict[str, str]:
        return self._keys.setdefault(business.tenant_id, business.bearer("manager"))

    def browser(self, person: Person | None = None) -> Browser:
        client = self.app.test_client()
        if person is not None:
            with db.system_session() as session:
                token = sessions.start(session, person.user_id)
            client.set_cookie("payhub_signin", token)
        return Browser(client)

    def start(self, business: Business | None = None, *, provider: str = "fake", return_url: str = f"{CRM}/done") -> str:
        """The hub URL to open, as a CRM gets it with its API key."""
        answer = self.ask(business, provider=provider, return_url=return_url)
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["authorization_url"])

    def ask(self, business: Business | None, *, provider: str = "fake", return_url: str = f"{CRM}/done") -> TestResponse:
        return self.app.test_client().post(
            "/api/integrations/payments/connect",
            json={"provider": provider, "redirect_uri": return_url},
            headers={**JSON, **self.key(business or self.business)},
        )

    def start_as(self, browser: Browser, *, provider: str = "fake") -> str:
        """The same, by the person signed in in this browser."""
        csrf = browser.client.get("/test/csrf").text
        answer = browser.client.post(
            "/api/integrations/payments/connect",
            json={"provider": provider, "redirect_uri": "/integrations"},
            headers={**JSON, "X-CSRF-Token": csrf},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["authorization_url"])

    def consent(self, browser: Browser, start_url: str, account: str, *, deny: bool = False) -> dict[str, str]:
        """The browser opens the link and its user answers the provider's page; the query that comes back."""
        sent = browser.open(start_url)
        assert sent.status_code == 303, sent.text
        world = self.world if "fake.invalid" in sent.location else self.other_world
        return world.consent(sent.location, account, deny=deny)

    def come_back(self, browser: Browser, query: Mapping[str, str]) -> TestResponse:
        return browser.client.get(CALLBACK, query_string=dict(query), headers=JSON)

    def account(self) -> str:
        """A merchant's account that nobody holds: the databases of one worker are shared, and the fake's ids repeat."""
        account = self.world.create_account()
        forget_route(account)
        return account

    def connected(self, business: Business | None = None) -> Sequence[Integration]:
        with db.tenant_session((business or self.business).tenant_id) as session:
            return session.scalars(select(Integration)).all()

    def stored_nothing(self) -> bool:
        """Neither business has an integration, a data key or an account."""
        tenants = (self.business.tenant_id, self.rival.tenant_id)
        with db.system_session() as session:
            return not any(
                session.scalars(select(model).where(model.tenant_id.in_(tenants))).all()
                for model in (Integration, DataKey, AccountRoute)
            )

    def audited(self, business: Business | None = None) -> list[str]:
        """The codes of refused connects in the business's audit log."""
        with db.tenant_session((business or self.business).tenant_id) as session:
            rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "integration.connect_refused")).all()
        return [str(row.details["refusal"]) for row in rows]


def csrf_page() -> APIBlueprint:
    """Where a person's browser learns its CSRF token, as from any form."""
    blueprint = APIBlueprint("csrf_page", __name__)

    @blueprint.get("/test/csrf")
    @public
    def csrf() -> str:
        return csrf_token()

    return blueprint


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    world, other_world = FakeWorld(now=clock.now), FakeWorld(now=clock.now)
    providers: dict[str, Provider] = {"fake": FakeProvider(world), "other": OtherProvider(other_world)}
    process.boot(settings_for(tmp_path), database_url=database_url, redis_url=None, providers=providers)
    queue.register({})
    app = searched(create_app(process.settings(), (hub.integrations.api.blueprint, csrf_page())))
    business, rival = new_business(), new_business("A rival")
    with db.system_session() as session:
        for row in session.scalars(select(Tenant).where(Tenant.id.in_((business.tenant_id, rival.tenant_id)))):
            row.return_origins = [CRM]
    yield Scene(app, business, rival, world, other_world, providers)
    db.engine().dispose()
