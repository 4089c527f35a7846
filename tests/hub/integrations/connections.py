"""Making and changing connections in these tests."""

from __future__ import annotations

from collections.abc import Callable

from hub import db, process
from hub.audit import SYSTEM
from hub.integrations import sealed, service
from hub.models import AccountRoute, Integration
from providers.contract import Credentials, OpenGate
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld
from tests.contract.harness import grant_for
from tests.sync.hub_in_process import HubInProcess


class MeddledProvider(FakeProvider):
    """The fake provider, with something that happens while it is being asked for fresh tokens."""

    def __init__(self, world: FakeWorld) -> None:
        super().__init__(world)
        self.meanwhile: Callable[[], object] = lambda: None
        self.refreshes = 0

    def refresh(self, credentials: Credentials) -> Credentials:
        self.refreshes += 1
        self.meanwhile()
        return super().refresh(credentials)


def meddle(hub: HubInProcess) -> MeddledProvider:
    """Let the hub use a provider in whose refreshes a test can meddle; the world stays the same."""
    now = process.current()
    provider = MeddledProvider(hub.world)
    process.boot(now.settings, database_url=now.database_url, redis_url=None, providers={"fake": provider})
    return provider


def consented(hub: HubInProcess, account_id: str) -> Credentials:
    """Fresh credentials of an account, as after its consent page."""
    callback = hub.world.consent(hub.provider.authorization_url(grant_for(hub.provider, "state")), account_id)
    return hub.provider.exchange(callback, grant_for(hub.provider, "state"))


def save(hub: HubInProcess, account_id: str, *, tenant_id: int | None = None) -> tuple[int, bool]:
    """Connect an account, without making it free first."""
    credentials = consented(hub, account_id)
    profile = hub.provider.account(credentials, gate=OpenGate()).describe()
    return service.save(tenant_id or hub.tenant_id, hub.provider, credentials, profile, actor=SYSTEM)


def stored(hub: HubInProcess, integration_id: int | None = None) -> Credentials:
    """What is sealed now, whatever the status."""
    with db.tenant_session(hub.tenant_id) as session:
        return sealed.open_credentials(session, service.get(session, integration_id or hub.integration_id))


def integration(hub: HubInProcess) -> Integration:
    return hub.row(Integration, id=hub.integration_id)


def holder(account_id: str) -> int | None:
    """The tenant that holds the account; None if it is free."""
    with db.system_session() as session:
        route = session.get(AccountRoute, ("fake", account_id, False))
        return route.tenant_id if route else None
