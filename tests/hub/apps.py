"""The real web application over the test's real database, with a tenant, its people and its keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from apiflask import APIBlueprint, APIFlask
from flask.testing import FlaskClient
from sqlalchemy import insert

from hub import clock, db, process
from hub.audit import Actor
from hub.config import Settings
from hub.http import create_app
from hub.identity import api_keys
from hub.identity.caller import Role
from hub.models import Membership, Tenant, User
from tests.whole_run.answers import searched
from tests.whole_run.planted import plant_keys

TEST_ACTOR = Actor("system")


def settings_for(folder: Path, **variables: str) -> Settings:
    return Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(plant_keys(folder)), **variables})


def boot(settings: Settings, database_url: str, redis_url: str | None = None) -> None:
    process.boot(settings, database_url=database_url, redis_url=redis_url, providers={})


@dataclass(frozen=True)
class Business:
    """A tenant of one test."""

    tenant_id: int
    name: str

    def key(self, role: Role) -> str:
        with db.tenant_session(self.tenant_id) as session:
            return api_keys.create(session, self.tenant_id, TEST_ACTOR, name=f"a {role}", role=role).secret

    def bearer(self, role: Role = "owner") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(role)}"}

    def add_person(self, role: Role, email: str | None = None) -> Person:
        email = email or f"{secrets.token_hex(6)}@example.com"
        with db.system_session() as session:
            user_id = session.scalars(insert(User).values(email=email, created_at=clock.now()).returning(User.id)).one()
        person = Person(user_id, email)
        self.join(person, role)
        return person

    def join(self, person: Person, role: Role) -> None:
        with db.system_session() as session:
            session.add(Membership(tenant_id=self.tenant_id, user_id=person.user_id, role=role, created_at=clock.now()))


@dataclass(frozen=True)
class Person:
    user_id: int
    email: str


def new_business(name: str = "Acme Plumbing") -> Business:
    with db.system_session() as session:
        tenant = Tenant(name=name, created_at=clock.now())
        session.add(tenant)
        session.flush()
        return Business(tenant.id, name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def blueprints() -> list[APIBlueprint]:
    """Overridden where a test brings routes of its own."""
    return []


@pytest.fixture
def app(settings: Settings, database_url: str, blueprints: list[APIBlueprint]) -> Iterator[APIFlask]:
    boot(settings, database_url)
    yield searched(create_app(settings, blueprints))
    db.engine().dispose()


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def business(app: APIFlask) -> Business:
    return new_business()


@pytest.fixture
def other_business(app: APIFlask) -> Business:
    return new_business("Somebody Else")
