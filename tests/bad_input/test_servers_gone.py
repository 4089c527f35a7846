"""Redis down, PostgreSQL down, a full disk: real servers under real processes; each says so, nothing is lost, and it goes on."""

from __future__ import annotations

import base64
import json
import random
import resource
import secrets
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hub import db
from hub.identity import administration, members, sessions
from tests.flows.running_hub import RunningHub, running_hub, until

LARGEST_FILE_BYTES = 17 * 1024 * 1024  # a segment of the write-ahead log has 16 MB

WORKER_RESTS_SECONDS = 1.5


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def hub(shared: RunningHub) -> RunningHub:
    shared.boot_here()
    return shared


def test_redis_down_takes_webhooks_and_their_work_is_done_when_it_is_back(hub: RunningHub) -> None:
    assert hub.deliver(hub.new_customer("Before")) == 200
    until("the first client", lambda: "Before" in hub.clients())
    time.sleep(WORKER_RESTS_SECONDS)  # a job under way takes along whatever comes until it finds nothing more
    hub.servers.stop_redis()
    assert [hub.deliver(hub.new_customer(f"During {number}")) for number in range(5)] == [200] * 5
    assert hub.get("/readyz").json() | {"ready": True, "redis": "unreachable"} == hub.get("/readyz").json()
    assert hub.get("/api/clients").status_code == 200
    assert hub.get("/sign-in", accept="text/html").status_code == 200
    assert "During 0" not in hub.clients()
    hub.start_servers()
    until("the work that waited", lambda: [name for name in hub.clients() if name.startswith("During")][4:], 45)
    assert hub.children["worker"].poll() is None
    assert hub.children["scheduler"].poll() is None
    assert len(hub.sql("SELECT 1 FROM webhook_events WHERE done_at IS NULL")) == 0


def test_postgres_down_answers_503_says_so_and_all_recovers(hub: RunningHub) -> None:
    body = hub.new_customer("Patience")
    hub.servers.stop_postgres()
    assert hub.deliver(body) == 503
    page = hub.get("/sign-in/link?token=x", accept="text/html")
    listed = hub.get("/clients", accept="text/html")
    api = hub.get("/api/clients")
    assert (listed.status_code, api.status_code) == (503, 503)
    assert api.json()["code"] == "database_unavailable"
    assert "Nothing was lost" in listed.text
    assert "Traceback" not in listed.text + page.text
    assert hub.http.get("/healthz").status_code == 200
    assert hub.http.get("/readyz").status_code == 503
    hub.start_servers()
    until("the delivery that the provider repeats", lambda: hub.deliver(body) == 200)
    until("its client", lambda: "Patience" in hub.clients())
    assert hub.clients().count("Patience") == 1
    assert {name: child.poll() for name, child in hub.children.items()} == dict.fromkeys(hub.children)


def test_full_disk_refuses_what_it_cannot_keep_and_takes_it_afterwards(hub: RunningHub) -> None:
    hub.sql("UPDATE tenants SET sender_name = 'kept'")
    before = hub.clients()
    body = hub.new_customer("After the flood")
    _restart_postgres(hub, largest_file=LARGEST_FILE_BYTES)
    try:
        taken = _deliver_until_refused(hub)
        assert hub.deliver(body) == 200  # what still has room is taken
        refused = _create_until_refused(hub)
        assert refused.json()["code"] == "storage_full"
        assert "what is stored is safe" in refused.json()["detail"]
        assert hub.get("/api/tenant").status_code == 200  # reading goes on
    finally:
        _restart_postgres(hub, largest_file=resource.RLIM_INFINITY)
    until("the delivery that was refused", lambda: hub.deliver(_large_event(taken)) == 200)
    assert hub.create_client("Room again").status_code == 201
    until("the client of the small event", lambda: "After the flood" in hub.clients())
    assert set(before) <= set(hub.clients())
    assert len(hub.sql("SELECT 1 FROM webhook_events WHERE event_type = 'teapot.boiled'")) == taken + 1
    assert hub.sql("SELECT sender_name FROM tenants") == [("kept",)]


def _deliver_until_refused(hub: RunningHub) -> int:
    """Large events till one is answered with 503; how many were taken before."""
    for number in range(100):
        answered = hub.deliver(_large_event(number))
        if answered != 200:
            assert answered == 503
            return number
    raise AssertionError("the file-size limit was never met")


def _large_event(number: int) -> bytes:
    """Of a type we do not know, with most of a megabyte that cannot be compressed."""
    filler = random.Random(number).randbytes(600_000)
    event = {
        "id": f"evt_teapot_{number}",
        "type": "teapot.boiled",
        "account_id": "fake_acct_1",
        "live": False,
        "created_at": "2026-01-01T00:00:00+00:00",
        "idempotency_key": None,
        "data": {"kind": "teapot", "object": {"id": "tea", "leaves": base64.b85encode(filler).decode()}},
    }
    return json.dumps(event).encode()


def _create_until_refused(hub: RunningHub) -> httpx.Response:
    """Clients with long notes, most of them put there past the API, till one is refused."""
    notes = "(SELECT string_agg(md5(n || '-' || m), '') FROM generate_series(1, 150) m)"
    with pytest.raises(psycopg.Error, match="could not extend file"):
        hub.sql(
            "INSERT INTO clients (tenant_id, notes, updated_at, created_at) "
            f"SELECT {hub.tenant_id}, {notes}, now(), now() FROM generate_series(1, 5000) n"
        )
    for number in range(400):
        answer = hub.create_client(f"Noted {number}", notes=base64.b85encode(random.Random(number).randbytes(3_900)).decode())
        if answer.status_code != 201:
            assert answer.status_code == 503, answer.text
            return answer
    raise AssertionError("the file-size limit was never met")


def _restart_postgres(hub: RunningHub, *, largest_file: int) -> None:
    """It takes the limit over from the process that starts it; hard limits stay, so that the limit can be lifted again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    hub.servers.stop_postgres()
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    try:
        hub.start_servers()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- what a person sees -------------------------------------------------------------------------------------------------


@pytest.fixture
def page(hub: RunningHub, context: BrowserContext) -> Page:
    """Signed in as the business's owner."""
    email = f"{secrets.token_hex(5)}@plumbing.example"
    administration.create_user(email, tenant_id=hub.tenant_id, role="owner", name="Ada")
    with db.system_session() as session:
        token = sessions.start(session, members.ensure_user(session, email).id)
    context.add_cookies([{"name": "payhub_signin", "value": token, "url": hub.base_url}])
    return context.new_page()


def test_postgres_down_a_browser_shows_a_page_that_says_so(hub: RunningHub, page: Page) -> None:
    hub.servers.stop_postgres()
    answer = page.goto(f"{hub.base_url}/clients")
    assert answer is not None
    assert answer.status == 503
    expect(page.get_by_role("heading", level=1)).to_have_text("We cannot reach our database")
    expect(page.get_by_role("main")).to_contain_text("Nothing was lost and nothing was changed")
    assert page.locator(".card").evaluate("each => getComputedStyle(each).borderRadius") != "0px"  # the style sheet is there
    hub.start_servers()
    until("the database is back", lambda: hub.get("/readyz").status_code == 200)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clients")


def test_redis_down_pages_are_read_and_the_change_waits(hub: RunningHub, page: Page) -> None:
    hub.servers.stop_redis()
    page.goto(f"{hub.base_url}/clients/new")
    page.get_by_label("Given name").fill("Written without Redis")
    page.get_by_role("button", name="Save client").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Written without Redis")
    page.get_by_role("link", name="Integrations").click()
    expect(page.get_by_role("region", name="Payments")).to_contain_text("● Connected")
    hub.start_servers()
    waiting = "SELECT count(*) FROM changes WHERE done_at IS NULL"
    until("the change reaches the provider", lambda: hub.sql(waiting) == [(0,)], 45)
    there = hub.world.books(hub.account).shelves["customer"]
    assert "Written without Redis" in {record["given_name"] for record in there}
