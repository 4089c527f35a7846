"""Every route of the application with another tenant's ids: what it shows or does that it must not."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apiflask import APIFlask
from sqlalchemy import Connection, create_engine, select, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

import wsgi
from hub import db, process, queue
from hub.http.access import access_of
from hub.identity import sessions
from hub.identity.caller import Role
from hub.models import Base
from tests.hub.apps import Business, Person
from tests.isolation.every_table import fill, tenant_column, tenant_tables
from tests.security.conftest import csrf_page
from tests.whole_run.answers import searched

FRAMEWORK = {"static", "bootstrap.static", "docs.docs_asset"}
TABLE_OF = {
    "client_id": "clients",
    "contact_id": "contacts",
    "job_id": "jobs",
    "invoice_id": "invoices",
    "payment_id": "payments",
    "integration_id": "integrations",
    "sync_run_id": "sync_runs",
    "change_id": "changes",
    "event_id": "webhook_events",
    "row_id": "webhook_events",
    "key_id": "api_keys",
    "user_id": "memberships",
}
"""Which table the number in an address or a body names. A new name fails the matrix until it is added."""
ITEM = {"description": "Cake", "amount": 100}
DRAFT = {"amount": 100, "currency": "USD", "due_date": "2030-01-01", "items": [ITEM]}
BODIES: dict[str, dict[str, Any]] = {
    "invoices.create_at_provider": {"client_id": 0, **DRAFT},
    "invoices.create_invoice": {"client_id": 0, "currency": "USD", "items": [ITEM]},
    "invoices.process_payment": {"invoice_id": 0, "payment_method_id": "pm_1", "amount": 100},
    "clients.create_contact": {"client_id": 0, "name": "Eve"},
    "clients.create_job": {"client_id": 0, "title": "Roof"},
    "identity.change_role": {"role": "viewer"},
    "identity.create_connect_session": {"contact_id": 0, "return_url": "https://crm.example/x"},
    "access_pages.change_role": {"role": "viewer"},
    "client_pages.edit": {"given_name": "Eve"},
    "contact_pages.create": {"email": "eve@example.com"},
    "contact_pages.edit": {"email": "eve@example.com"},
    "job_pages.create": {"title": "Roof"},
    "job_pages.edit": {"title": "Roof"},
    "draft_invoice.save": {"item_description": "Cake", "item_quantity": "1", "item_price": "1.00"},
    "new_invoice.create": {
        "client_id": 0,
        "currency": "USD",
        "item_description": "Cake",
        "item_quantity": "1",
        "item_price": "1.00",
    },
}
"""A valid body per endpoint; members that TABLE_OF knows are filled in."""
MARKED = (("clients", "display_name"), ("contacts", "name"), ("invoices", "description"), ("jobs", "title"))
OF_ALL_TENANTS = {"/mailbox"}  # the development mailbox stands in for everybody's own; production has none
SHORT_LIVED = {"sessions", "connect_sessions", "sign_in_links"}  # swept when they are over, whoever comes by
PATH_WORDS = {"action": ("publish", "send", "void", "archive", "restore"), "provider": ("fake",)}


ROLES: tuple[Role, ...] = ("viewer", "manager", "owner")


@dataclass
class Tenant:
    """A business with one row in every table, a person of each role, and words that only its rows hold."""

    business: Business
    ids: dict[str, int]
    words: frozenset[str]
    people: dict[str, Person] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def key(self, role: Role) -> dict[str, str]:
        if role not in self.keys:
            self.keys[role] = self.business.bearer(role)
        return self.keys[role]


def make_tenant(database_url: str) -> Tenant:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        tenant_id = fill(connection)
        connection.execute(text("SET LOCAL ROLE payhub_system"))
        connection.execute(
            text("UPDATE tenants SET return_origins = '[\"https://crm.example\"]' WHERE id = :id"), {"id": tenant_id}
        )
        for table, column in MARKED:
            marking = text(f"UPDATE {table} SET {column} = :mark WHERE tenant_id = :id")
            connection.execute(marking, {"mark": f"text of {table} of {tenant_id}.", "id": tenant_id})
        ids, words = _read(connection, tenant_id)
    engine.dispose()
    business = Business(tenant_id, "")
    made = Tenant(business, ids, frozenset(words))
    for role in ROLES:
        made.people[role] = business.add_person(role)
    return made


def _read(connection: Connection, tenant_id: int) -> tuple[dict[str, int], set[str]]:
    ids, words = {}, set()
    for table in tenant_tables():
        rows = connection.execute(select(table).where(table.c[tenant_column(table)] == tenant_id)).mappings().all()
        for row in rows:
            ids[table.name] = row["user_id"] if table.name == "memberships" else row.get("id", 0)
            words |= {value for value in row.values() if isinstance(value, str) and value.startswith("text ")}
    return ids, words


@dataclass(frozen=True)
class Case:
    """One request to make: a rule with a method, and which of its numbers are the victim's."""

    rule: Rule
    method: str
    foreign: tuple[str, ...]
    word: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule} {self.word} with foreign {', '.join(self.foreign) or 'nothing'}"


class Matrix:
    """The application over one database, and two tenants on it."""

    def __init__(self, database_url: str, settings: Any) -> None:
        self._boot = functools.partial(process.boot, settings, database_url=database_url, redis_url=None, providers={})
        self.boot()
        self.app: APIFlask = searched(wsgi.create_app())
        self.app.register_blueprint(csrf_page())
        self.own, self.victim = make_tenant(database_url), make_tenant(database_url)
        self._clients: dict[tuple[str, int], Any] = {}

    def boot(self) -> None:
        """Take this process; another test may have had it meanwhile."""
        self._boot()
        queue.register({})

    def rules(self) -> list[tuple[Rule, str]]:
        """Every rule and method of the application, but for its static files."""
        return [
            (rule, method)
            for rule in sorted(self.app.url_map.iter_rules(), key=lambda rule: rule.rule)
            if rule.endpoint not in FRAMEWORK and not rule.rule.startswith("/test/")
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]

    def cases(self) -> Iterator[Case]:
        """Each number of a rule, and of its body, foreign in turn; and all of them together."""
        for rule, method in self.rules():
            access = access_of(self.app.view_functions[rule.endpoint])
            if access is None or access.kind == "public":
                continue
            names = [name for name in rule.arguments if name not in PATH_WORDS]
            names += [name for name in BODIES.get(rule.endpoint, {}) if name in TABLE_OF and name not in names]
            choices = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
            for word in _words(rule):
                for foreign in choices:
                    yield Case(rule, method, foreign, word)

    def listed(self) -> list[Rule]:
        """What can be read without naming a record."""
        return [rule for rule, method in self.rules() if method == "GET" and not rule.arguments]

    def ask(self, case: Case, *, role: Role | None = "owner") -> TestResponse:
        """As a program below /api/, else as a person signed in with a browser; role None: as nobody."""
        values: dict[str, Any] = {name: self._id(name, case) for name in case.rule.arguments if name not in PATH_WORDS}
        values |= {name: case.word for name in case.rule.arguments if name in PATH_WORDS}
        with self.app.test_request_context():
            path = str(self.app.url_map.bind("localhost").build(case.rule.endpoint, values, method=case.method))
        body = {name: self._id(name, case) if name in TABLE_OF else value for name, value in _body(case).items()}
        headers = {"Accept": "application/json"}
        if case.rule.rule.startswith("/api/"):
            headers |= self.own.key(role) if role else {}
            payload: dict[str, Any] = {"json": body} if case.method in ("POST", "PATCH", "PUT") else {}
            return self.app.test_client().open(path, method=case.method, headers=headers, **payload)
        client, token = self._browser(role)
        form = {"data": body | {"csrf_token": token}} if case.method == "POST" else {}
        return client.open(path, method=case.method, headers=headers, **form)  # type: ignore[no-any-return]

    def read(self, rule: Rule, role: Role = "owner") -> str:
        return self.ask(Case(rule, "GET", ()), role=role).text

    def _id(self, name: str, case: Case) -> int:
        holder = self.victim if name in case.foreign else self.own
        assert name in TABLE_OF, f"say in TABLE_OF which table {name!r} of {case.rule.rule} names"
        return holder.ids[TABLE_OF[name]]

    def _browser(self, role: Role | None) -> tuple[Any, str]:
        key = (role or "", 0)
        if key not in self._clients:
            client = self.app.test_client()
            if role is not None:
                with db.system_session() as session:
                    client.set_cookie("payhub_signin", sessions.start(session, self.own.people[role].user_id))
            self._clients[key] = (client, client.get("/test/csrf").text)
        found: tuple[Any, str] = self._clients[key]
        return found

    def leaks(self) -> list[str]:
        """Every way in which a foreign id got another answer than 404, or a page showed a foreign word."""
        found = []
        for case in self.cases():
            answer = self.ask(case)
            if answer.status_code != 404:
                found.append(f"{case}: {answer.status_code} {answer.text[:120]!r}")
            found += [f"{case} shows {word!r}" for word in self.victim.words if word in answer.text]
        for rule in self.listed():
            if rule.rule in OF_ALL_TENANTS:
                continue
            shown = self.read(rule)
            found += [f"GET {rule.rule} shows {word!r}" for word in self.victim.words if word in shown]
        return found

    def fingerprint(self) -> dict[str, str]:
        """What the victim's rows hold, table by table; its audit log too."""
        with db.system_session() as session:
            return {
                table.name: repr(
                    sorted(
                        map(
                            repr,
                            session.execute(select(table).where(table.c[tenant_column(table)] == self.victim.business.tenant_id)),
                        )
                    )
                )
                for table in tenant_tables()
                if table.name not in SHORT_LIVED
            }


def _body(case: Case) -> dict[str, Any]:
    return BODIES.get(case.rule.endpoint, {})


def _words(rule: Rule) -> tuple[str, ...]:
    """The words that `<any(…):name>` allows; one empty word where there is none."""
    found = re.search(r"<any\(([^)]*)\):(\w+)>", rule.rule)
    return tuple(word.strip() for word in found.group(1).split(",")) if found else ("",)


def open_every_policy(database_url: str) -> None:
    """The mutant: each tenant's session sees what the system's does."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            policies = connection.execute(text("SELECT policyname FROM pg_policies WHERE tablename = :t"), {"t": table.name})
            if "own_tenant" in policies.scalars().all():
                connection.execute(text(f"ALTER POLICY own_tenant ON {table.name} USING (true) WITH CHECK (true)"))
    engine.dispose()
