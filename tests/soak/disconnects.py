"""R32 in full: accounts are disconnected while many workers use them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hub import clock, db, process, vault
from hub.audit import SYSTEM
from hub.integrations import sealed, service
from hub.models import AccountRoute, DataKey
from providers.contract import OpenGate
from providers.errors import CredentialsExpired, ProviderError
from tests.bench.results import Row
from tests.soak.workers import Stage, Worker, stage

PROCESSES = 4
THREADS = 8
TENANTS = 4  # each with an account of Stripe's and one of Square's
UNDER_LOAD_SECONDS = 4.0
ALLOWED_SECONDS = 5.0


@dataclass
class Outcome:
    """`late`: requests that began too long after their account's disconnect. `longest_seconds`: the latest that began at all.
    `still_open`: tokens that a provider still takes. `readable`: sealed values that open. `harmed`: accounts that were left
    connected and do not answer. `asked`: requests seen while connected, so that there was a load."""

    asked: int = 0
    late: int = 0
    longest_seconds: float = 0.0
    still_open: int = 0
    readable: int = 0
    harmed: int = 0
    receipts: list[str | None] = field(default_factory=list)


def run(at: Stage, *, processes: int, threads: int, tenants: int) -> Outcome:
    """Every second account is ended under load; the others live on."""
    accounts = [(name, *at.connect(name)) for _ in range(tenants) for name in ("stripe", "square")]
    ending, staying = accounts[::4] + accounts[1::4], accounts[2::4] + accounts[3::4]
    targets = [[tenant_id, integration_id] for _, tenant_id, integration_id, _ in accounts]
    load = UNDER_LOAD_SECONDS + ALLOWED_SECONDS + 3.0
    workers = [Worker(at, "read", integrations=targets, threads=threads, seconds=load) for _ in range(processes)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.go()
    time.sleep(UNDER_LOAD_SECONDS)
    outcome, ended = Outcome(), {}
    for name, tenant_id, integration_id, account_id in ending:
        with db.tenant_session(tenant_id) as session:
            row = service.get(session, integration_id)
            before, ciphertext, key_id = sealed.open_credentials(session, row), row.sealed_credentials, row.data_key_id
        at_second = clock.now().timestamp()
        receipt = service.disconnect(tenant_id, integration_id, actor=SYSTEM)
        outcome.receipts.append(receipt.revocation)
        ended[account_id] = at_second
        outcome.still_open += _lets_in(name, before)
        outcome.readable += _opens(tenant_id, integration_id, ciphertext, key_id)
    for worker in workers:
        worker.result()
    for twin in at.twins.values():
        for entry in twin.requests("/v"):
            if entry["account"] not in ended or "customers" not in entry["path"]:
                continue
            began = entry["at"] - entry["milliseconds"] / 1000 - ended[entry["account"]]
            outcome.asked += began < 0
            outcome.longest_seconds = max(outcome.longest_seconds, began)
            outcome.late += began > ALLOWED_SECONDS
    for _, tenant_id, integration_id, _ in staying:
        try:
            service.call(tenant_id, integration_id, lambda account: account.describe())
        except ProviderError:
            outcome.harmed += 1
    return outcome


def _lets_in(name: str, credentials) -> bool:  # type: ignore[no-untyped-def]
    try:
        process.providers()[name].account(credentials, gate=OpenGate()).describe()
    except (ProviderError, CredentialsExpired):
        return False
    return True


def _opens(tenant_id: int, integration_id: int, ciphertext: bytes | None, key_id: int | None) -> bool:
    """Whether a copy of the sealed value, as a backup would hold it, still opens."""
    with db.system_session() as session:
        wrapped = session.get_one(DataKey, key_id).wrapped
        held = session.query(AccountRoute).filter_by(tenant_id=tenant_id, integration_id=integration_id).count()
    context = vault.Context(tenant_id=tenant_id, table="integrations", row_id=integration_id, column=sealed.CREDENTIALS_COLUMN)
    try:
        vault.open(process.settings().keyring, vault.WrappedKey(wrapped) if wrapped else None, ciphertext or b"", context)
    except vault.VaultError:
        return held > 0
    return True


def measure() -> list[Row]:
    with stage() as at:
        found = run(at, processes=PROCESSES, threads=THREADS, tenants=TENANTS)
    what = f"R32 requests begun more than 5 s after a disconnect, of {found.asked} before it"
    return [
        Row(what, found.late, "requests", 0, passed=found.late == 0 and found.asked > 0),
        Row("R32 last request begun after its disconnect", round(found.longest_seconds, 2), "s", 5, passed=found.late == 0),
        Row("R32 revoked tokens that a provider still takes", found.still_open, "tokens", 0, passed=found.still_open == 0),
        Row("R32 sealed values that still open", found.readable, "values", 0, passed=found.readable == 0),
        Row("R32 other accounts harmed", found.harmed, "accounts", 0, passed=found.harmed == 0),
    ]
