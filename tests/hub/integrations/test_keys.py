"""Connecting by a pasted key: the right account, the right mode, and what the key lacks is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import clock, db, process
from hub.audit import SYSTEM
from hub.config import Settings
from hub.integrations import keys, service
from hub.integrations.oauth import ConnectRefused
from hub.models import AccountRoute, Integration, Tenant
from providers.registry import load_providers
from tests.integration.twins import Twin, environment, running_twins

NAMES = ("stripe", "square")


@pytest.fixture(scope="module")
def twins() -> Iterator[Mapping[str, Twin]]:
    with running_twins() as found:
        yield found


@pytest.fixture
def tenant_id(database_url: str, tmp_path: Path, twins: Mapping[str, Twin]) -> int:
    for twin in twins.values():
        twin.reset()
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path)})
    process.boot(settings, database_url=database_url, redis_url=None, providers=load_providers(environment(twins)))
    return new_tenant()


def new_tenant() -> int:
    with db.system_session() as session:
        tenant = Tenant(name="Ada's Plumbing", created_at=clock.now())
        session.add(tenant)
        session.flush()
        return tenant.id


def free(account_id: str) -> None:
    """The twins begin anew in each test, with the same ids, and the database remembers."""
    with db.system_session() as session:
        for route in session.scalars(select(AccountRoute).where(AccountRoute.account_id == account_id)):
            session.delete(route)


def refused(tenant_id: int, provider: str, key: str) -> ConnectRefused:
    with pytest.raises(ConnectRefused) as refusal:
        keys.connect(tenant_id, provider, key, actor=SYSTEM)
    with db.tenant_session(tenant_id) as session:
        assert session.scalars(select(Integration)).all() == []
    return refusal.value


@pytest.mark.parametrize("name", NAMES)
def test_key_connects_its_own_account(tenant_id: int, twins: Mapping[str, Twin], name: str) -> None:
    account_id, key = twins[name].new_account()
    free(account_id)
    integration_id, is_new = keys.connect(tenant_id, name, f"  {key}\n", actor=SYSTEM)
    assert is_new
    with db.tenant_session(tenant_id) as session:
        row = service.get(session, integration_id)
        assert (row.account_id, row.credentials_kind, row.live) == (account_id, "key", False)
    assert keys.connect(tenant_id, name, key, actor=SYSTEM) == (integration_id, False)


@pytest.mark.parametrize("name", NAMES)
def test_key_of_an_account_that_another_tenant_holds_is_refused(tenant_id: int, twins: Mapping[str, Twin], name: str) -> None:
    account_id, key = twins[name].new_account()
    free(account_id)
    keys.connect(new_tenant(), name, key, actor=SYSTEM)
    assert refused(tenant_id, name, key).code == "account_held_elsewhere"


def test_live_key_is_refused_where_we_are_in_test_mode(tenant_id: int) -> None:
    refusal = refused(tenant_id, "stripe", "rk_live_" + "x" * 24)
    assert "mode" in refusal.detail


@pytest.mark.parametrize("name", NAMES)
def test_key_that_the_provider_does_not_know_is_refused_and_not_repeated(tenant_id: int, name: str) -> None:
    key = "rk_test_nobodyknows" if name == "stripe" else "EAAAnobodyknows"
    refusal = refused(tenant_id, name, key)
    assert refusal.code == "key_refused"
    assert "nobodyknows" not in refusal.detail


@pytest.mark.parametrize("key", ["", "   ", "rk_test_a b", "rk_test_\x00", "rk_test_ä", "x" * 5000])
def test_what_is_no_key_is_refused_without_asking_the_provider(tenant_id: int, twins: Mapping[str, Twin], key: str) -> None:
    assert refused(tenant_id, "stripe", key).code == "not_a_key"
    assert twins["stripe"].requests("/v1") == []


def test_permissions_that_the_key_lacks_are_named(tenant_id: int, twins: Mapping[str, Twin]) -> None:
    """A restricted key without access to invoices and refunds: Stripe answers 403 there."""
    account_id, key = twins["stripe"].new_account()
    free(account_id)
    for path in ("/v1/invoices*", "/v1/refunds*"):
        twins["stripe"].fault(kind="server_error", status=403, path=path, times=None)
    refusal = refused(tenant_id, "stripe", key)
    assert refusal.code == "permission_missing"
    assert "invoices, refunds" in refusal.detail
    assert "customers" not in refusal.detail


def test_unknown_provider_is_refused(tenant_id: int) -> None:
    assert refused(tenant_id, "paypal", "rk_test_x").code == "unknown_provider"
