"""Connecting by Stripe's onboarding links: an account made for the attempt, completed by its owner, and no OAuth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from hub import clock, db, process
from hub.audit import SYSTEM
from hub.config import Settings
from hub.integrations import oauth, service
from hub.models import AccountRoute, Integration, Tenant
from providers.registry import load_providers
from tests.integration.twins import Twin, environment, running_twins

RETURN_URL = "/integrations/connected"


@pytest.fixture(scope="module")
def twins() -> Iterator[Mapping[str, Twin]]:
    with running_twins() as found:
        yield found


@pytest.fixture
def tenant_id(database_url: str, tmp_path: Path, twins: Mapping[str, Twin]) -> int:
    twins["stripe"].reset()
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path)})
    told = {**environment(twins), "STRIPE_CONNECT_MODE": "onboarding", "STRIPE_CLIENT_ID": ""}
    process.boot(settings, database_url=database_url, redis_url=None, providers=load_providers(told))
    with db.system_session() as session:
        tenant = Tenant(name="Ada's Plumbing", created_at=clock.now())
        session.add(tenant)
        session.flush()
        return tenant.id


def begun(tenant_id: int) -> tuple[str, str]:
    """(cookie, the page at Stripe)."""
    url = oauth.start(tenant_id, "stripe", RETURN_URL, actor=SYSTEM, user_id=None)
    return oauth.begin(httpx.URL(url).params["attempt"], None)


def left(twin: Twin, page: str, *, decision: str) -> dict[str, str]:
    """The owner fills in the page, or closes it; the query with which the browser comes back."""
    path = httpx.URL(page).raw_path.decode()
    assert twin.http.get(path).status_code == 200
    answer = twin.http.post(path, data={"decision": decision, "business_name": "Harbor Street Bakery"})
    assert answer.is_redirect
    return dict(httpx.URL(answer.headers["location"]).params)


def free() -> None:
    """The twin begins anew in each test, with the same ids, and the database remembers."""
    with db.system_session() as session:
        for route in session.scalars(select(AccountRoute).where(AccountRoute.provider == "stripe")):
            session.delete(route)


def integrations(tenant_id: int) -> list[Integration]:
    with db.tenant_session(tenant_id) as session:
        return list(session.scalars(select(Integration)))


def test_account_that_its_owner_completes_is_connected(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    free()
    cookie, page = begun(tenant_id)
    connected = oauth.callback(left(twins["stripe"], page, decision="submit"), cookie, None)
    (row,) = integrations(tenant_id)
    assert (row.id, row.status, row.live, row.credentials_kind) == (connected.integration_id, "active", False, "oauth")
    assert row.account_id in page
    assert row.name == "Harbor Street Bakery"
    profile = service.call(tenant_id, row.id, lambda account: account.describe())
    assert profile.account_id == row.account_id


def test_account_that_was_left_unfinished_is_not_connected(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    cookie, page = begun(tenant_id)
    query = left(twins["stripe"], page, decision="later")
    with pytest.raises(oauth.ConnectRefused) as refusal:
        oauth.callback(query, cookie, None)
    assert refusal.value.code == "access_denied"
    assert integrations(tenant_id) == []


def test_link_that_was_opened_before_comes_back_and_asks_to_begin_again(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    cookie, page = begun(tenant_id)
    path = httpx.URL(page).raw_path.decode()
    twins["stripe"].http.get(path)
    again = twins["stripe"].http.get(path)
    with pytest.raises(oauth.ConnectRefused, match="begin again"):
        oauth.callback(dict(httpx.URL(again.headers["location"]).params), cookie, None)
    assert integrations(tenant_id) == []


def test_another_browser_cannot_finish_the_attempt(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    _, page = begun(tenant_id)
    query = left(twins["stripe"], page, decision="submit")
    with pytest.raises(oauth.ConnectRefused) as refusal:
        oauth.callback(query, "another cookie", None)
    assert refusal.value.code == "foreign_browser"
    assert integrations(tenant_id) == []


def test_account_in_the_query_is_not_believed(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    """Whose account it is stands with the attempt, not in what the browser brings."""
    free()
    other, _ = twins["stripe"].new_account()
    cookie, page = begun(tenant_id)
    oauth.callback({**left(twins["stripe"], page, decision="submit"), "account": other, "code": "ac_1"}, cookie, None)
    (row,) = integrations(tenant_id)
    assert row.account_id != other


def test_page_may_take_longer_than_a_consent(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    free()
    cookie, page = begun(tenant_id)
    query = left(twins["stripe"], page, decision="submit")
    clock.advance(oauth.ONBOARDING_LIFETIME / 2)
    oauth.callback(query, cookie, None)
    assert len(integrations(tenant_id)) == 1
