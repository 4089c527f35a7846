"""A hub in this process that takes the twins' deliveries over HTTP; its work runs where the test lets it run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

import wsgi
from hub import clock, db, process, queue
from hub.audit import SYSTEM
from hub.http import create_app
from hub.identity import administration
from hub.identity.caller import Role
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.ledger import balances
from hub.models import Client, Endpoint, Integration, Invoice, RemoteRecord, SyncRun, WebhookEvent
from providers.contract import Account, Credentials, Grant, OpenGate
from providers.registry import load_providers
from sync import run
from tests.hub.apps import settings_for
from tests.integration.twins import REDIRECT_URI, Twin, environment
from tests.whole_run.answers import searched
from webhooks import catchup
from webhooks.receive import receivers

M = TypeVar("M")
T = TypeVar("T")

PATIENCE_SECONDS = 10.0


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Deliveries are in the twin's own list."""


class Door:
    """The hub's web server: one port for all tests of a worker, whatever application stands behind it."""

    def __init__(self) -> None:
        self.app: Callable[[WSGIEnvironment, StartResponse], Any] | None = None
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if self.app is None:
            start_response("503 Closed", [])
            return [b""]
        return self.app(environ, start_response)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Shop:
    """One tenant's connection to one provider account, seen from both sides."""

    scene: Scene
    twin: Twin
    tenant_id: int
    integration_id: int
    account_id: str
    key: str

    # --- the provider's side ---

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.twin.act(self.account_id, action, **fields)

    def truth(self) -> dict[str, Any]:
        return self.twin.truth(self.account_id)

    # --- the hub's side ---

    def rows(self, model: type[M], **where: Any) -> Sequence[M]:
        with db.tenant_session(self.tenant_id) as session:
            return session.scalars(select(model).filter_by(**where)).all()

    def row(self, model: type[M], **where: Any) -> M:
        (found,) = self.rows(model, **where)
        return found

    def integration(self) -> Integration:
        return self.row(Integration, id=self.integration_id)

    def remotes(self, data_type: str) -> dict[str, RemoteRecord]:
        """Those not deleted, by the provider's id."""
        found = self.rows(RemoteRecord, integration_id=self.integration_id, data_type=data_type)
        return {record.external_id: record for record in found if record.deleted_at is None}

    def remote(self, data_type: str, external_id: str) -> RemoteRecord | None:
        found = self.rows(RemoteRecord, integration_id=self.integration_id, data_type=data_type, external_id=external_id)
        return found[0] if found else None

    def local(self, model: type[M], data_type: str, external_id: str) -> M | None:
        """Our row for a provider's object."""
        remote = self.remote(data_type, external_id)
        if remote is None or remote.local_id is None:
            return None
        found = self.rows(model, id=remote.local_id)
        return found[0] if found else None

    def client(self, external_id: str) -> Client | None:
        return self.local(Client, "customer", external_id)

    def invoice(self, external_id: str) -> Invoice | None:
        return self.local(Invoice, "invoice", external_id)

    def balance(self, external_id: str) -> balances.Balance:
        invoice = self.invoice(external_id)
        assert invoice is not None
        with db.tenant_session(self.tenant_id) as session:
            return balances.invoice_balances(session, [invoice.id])[invoice.id]

    def in_tenant(self, read: Callable[[Session], T]) -> T:
        with db.tenant_session(self.tenant_id) as session:
            return read(session)

    def events(self) -> Sequence[WebhookEvent]:
        return self.rows(WebhookEvent, integration_id=self.integration_id)

    def endpoint(self) -> Endpoint:
        with db.system_session() as session:
            return session.scalars(select(Endpoint).where(Endpoint.integration_id == self.integration_id)).one()

    def sync(self, *, full: bool = False, kind: str = "manual") -> SyncRun:
        """A sync run, done now."""
        with db.tenant_session(self.tenant_id) as session:
            run_id = request_sync(session, self.tenant_id, self.integration_id, kind=kind, requested_by="test", full=full)
        run.run(self.tenant_id, run_id)
        found = self.row(SyncRun, id=run_id)
        assert found.outcome == "completed", found.reason
        return found

    def hear(self) -> None:
        """Let what is on its way arrive, and process it."""
        self.twin.settle()
        queue.run_pending()

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """The first truthy answer of `look`, while deliveries arrive and workers work."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            queue.run_pending()
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not seen within {PATIENCE_SECONDS} seconds: {what}")

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self.scene.request(self.tenant_id, method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def api_while_working(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """A call that waits for a worker, which is this thread."""
        with ThreadPoolExecutor(1) as caller:
            coming = caller.submit(self.api, method, path, body)
            while not coming.done():
                queue.run_pending()
                time.sleep(0.02)
            return coming.result()


@dataclass
class Scene:
    """The hub and both providers."""

    base_url: str
    twins: Mapping[str, Twin]
    folder: Path
    database_url: str

    def __post_init__(self) -> None:
        self._keys: dict[tuple[int, Role], str] = {}

    def new_tenant(self) -> int:
        return administration.create_tenant("Ada's Plumbing")

    def connect(self, provider: str, *, account: tuple[str, str] | None = None, tenant_id: int | None = None) -> Shop:
        """Consent on the provider's page, exchange, save; the work that follows waits for `queue.run_pending`."""
        account_id, key = account or self.twins[provider].new_account()
        adapter = process.providers()[provider]
        callback = self.twins[provider].consent(adapter, account_id, "state")
        credentials = adapter.exchange(callback, Grant(redirect_uri=REDIRECT_URI, state="state", code_verifier=None))
        return self._save(provider, credentials, key, tenant_id)

    def connect_by_key(self, provider: str, *, account: tuple[str, str] | None = None, tenant_id: int | None = None) -> Shop:
        _, key = account or self.twins[provider].new_account()
        return self._save(provider, process.providers()[provider].credentials_from_key(key), key, tenant_id)

    def _save(self, provider: str, credentials: Credentials, key: str, tenant_id: int | None) -> Shop:
        adapter = process.providers()[provider]
        profile = adapter.account(credentials, gate=OpenGate()).describe()
        tenant_id = tenant_id or self.new_tenant()
        integration_id, _ = service.save(tenant_id, adapter, credentials, profile, actor=SYSTEM)
        return Shop(self, self.twins[provider], tenant_id, integration_id, credentials.account_id, key)

    def platform(self, provider: str) -> Account:
        return process.providers()[provider].platform(gate=OpenGate())

    def endpoint(self, provider: str) -> Endpoint:
        """Our row of the platform's endpoint."""
        with db.system_session() as session:
            return session.scalars(select(Endpoint).where(Endpoint.provider == provider, Endpoint.tenant_id.is_(None))).one()

    def reboot(self, **variables: str) -> None:
        """As after a restart of the process, with other variables in the environment."""
        os.environ.update(variables)
        # Without Redis a process takes a quarter of a budget, and these tests would wait; budgets have tests of their own.
        settings = settings_for(self.folder, PAYHUB_BASE_URL=self.base_url, PAYHUB_BUDGET_FACTOR="100")
        process.boot(settings, database_url=self.database_url, redis_url=None, providers=load_providers(os.environ))
        receivers.forget()

    def request(
        self,
        tenant_id: int,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        role: Role = "owner",
        key: str | None = None,
    ) -> httpx.Response:
        """key: the request's Idempotency-Key."""
        if (tenant_id, role) not in self._keys:
            self._keys[tenant_id, role] = administration.create_api_key(tenant_id, role=role, name="test")
        headers = {"Authorization": f"Bearer {self._keys[tenant_id, role]}", "Accept": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return httpx.request(method, self.base_url + path, json=body, headers=headers, timeout=30, trust_env=False)


@contextmanager
def opened(door: Door, twins: Mapping[str, Twin], database_url: str, folder: Path) -> Iterator[Scene]:
    """A hub without any endpoint, and twins without any account or subscription."""
    before = dict(os.environ)
    for twin in twins.values():
        twin.reset()
    scene = Scene(door.base_url, twins, folder, database_url)
    scene.reboot(**environment(twins))
    with db.system_session() as session:  # the tests of one worker share a database, and a scheduler plans for everybody in it
        session.connection().exec_driver_sql("DELETE FROM webhooks")
        session.connection().exec_driver_sql("UPDATE integrations SET next_sync_at = NULL, refresh_due_at = NULL")
    queue.register(wsgi.HANDLERS, bulk=wsgi.BULK_HANDLERS)
    run.register_catchup(catchup.catch_up)
    door.app = searched(create_app(process.settings(), wsgi.BLUEPRINTS))
    yield scene
    door.app = None
    with db.system_session() as session:
        session.connection().exec_driver_sql("DELETE FROM webhooks")
    os.environ.clear()
    os.environ.update(before)
    receivers.forget()
    queue.register({})
    clock.reset()
