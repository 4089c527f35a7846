"""Clients, contacts and jobs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from hub.models import AuditEntry, Change, Client, RemoteRecord
from tests.hub.crm.office import Office, refused
from tests.sync.hub_in_process import new_tenant
from tests.whole_run.planted import CARD_NUMBER

UNKNOWN = 987_654_321
BEYOND_64_BITS = 10**20


# --- clients ------------------------------------------------------------------------------------------------------------


def test_client_is_created_and_read_back_with_every_field(office: Office) -> None:
    fields = {
        "given_name": "Zoë",
        "family_name": "O'Brien-Łukasz",
        "company_name": "Bäckerei & Söhne",
        "email": "zoe@example.com",
        "phone": "+49 30 123456",
        "address": {"line1": "Hauptstraße 1", "city": "Köln", "postal_code": "50667", "country": "DE"},
        "notes": "rings twice 🔔",
    }
    made = office.client(**fields)
    assert {name: office.read(f"/api/clients/{made['id']}")[name] for name in fields} == fields
    assert made["display_name"] == "Zoë O'Brien-Łukasz"


def test_new_client_reaches_the_connected_account_and_shows_its_link(office: Office) -> None:
    made = office.client()
    office.issued(client_id=made["id"])
    (link,) = office.read(f"/api/clients/{made['id']}")["links"]
    assert link["integration_id"] == office.hub.integration_id
    assert link["external_id"] == office.hub.row(RemoteRecord, data_type="customer").external_id


def test_client_is_called_by_the_best_name_there_is(office: Office) -> None:
    assert office.client(company_name="Acme")["display_name"] == "Acme"
    assert office.client(phone="+15550100")["display_name"] == "+15550100"


@pytest.mark.parametrize("fields", [{}, {"notes": "nobody"}, {"given_name": "  "}, {"address": {"city": "Köln"}}])
def test_client_without_a_name_is_refused(office: Office, fields: dict[str, Any]) -> None:
    refused(office.post("/api/clients", fields), 422, "client_without_name")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("given_name", 5),
        ("given_name", None),
        ("given_name", "x" * 301),
        ("given_name", "a\x00b"),
        ("address", "Köln"),
        ("address", {"street": "x"}),
        ("colour", "green"),
        ("id", 1),
    ],
)
def test_client_with_a_wrong_field_is_refused_by_name(office: Office, field: str, value: Any) -> None:
    refused(office.post("/api/clients", {"given_name": "Ada", field: value}), 422, field=field)


def test_text_with_a_card_number_is_refused_and_not_repeated(office: Office) -> None:
    answer = office.post("/api/clients", {"given_name": "Ada", "notes": f"her card: {CARD_NUMBER}"})
    refused(answer, 422, field="notes")
    assert CARD_NUMBER not in answer.text
    assert office.hub.rows(Client) == []


def test_edited_client_keeps_what_was_not_named_and_is_pushed(office: Office) -> None:
    made = office.issued()
    path = f"/api/clients/{made['client_id']}"
    answer = office.patch(path, {"phone": "+15550100"})
    assert (answer.status_code, answer.get_json()["phone"], answer.get_json()["given_name"]) == (200, "+15550100", "Ada")
    assert office.hub.rows(Change, kind="client", verb="update")


def test_client_cannot_lose_its_last_name(office: Office) -> None:
    path = f"/api/clients/{office.client(given_name='Ada')['id']}"
    refused(office.patch(path, {"given_name": ""}), 422, "client_without_name")
    assert office.read(path)["given_name"] == "Ada"


def test_archived_client_is_hidden_until_it_is_brought_back(office: Office) -> None:
    made = office.client()
    path = f"/api/clients/{made['id']}"
    office.patch(path, {"archived": True})
    assert office.read("/api/clients")["data"] == []
    assert [row["id"] for row in office.read("/api/clients", archived="true")["data"]] == [made["id"]]
    office.patch(path, {"archived": False})
    assert len(office.read("/api/clients")["data"]) == 1
    assert {"client.archived", "client.restored"} <= {entry.action for entry in office.hub.rows(AuditEntry)}


def test_edit_and_archive_that_is_refused_changes_nothing(office: Office) -> None:
    path = f"/api/clients/{office.client(given_name='Ada')['id']}"
    refused(office.patch(path, {"archived": True, "given_name": ""}), 422)
    assert office.read(path)["archived_at"] is None


def test_clients_are_found_by_part_of_a_name_and_by_nothing_else(office: Office) -> None:
    ids = [office.client(given_name=name)["id"] for name in ("Ada", "adAm", "100% Bob_by", "Bobby")]
    found = {query: [row["id"] for row in office.read("/api/clients", q=query)["data"]] for query in ("ada", "%", "b_b")}
    assert found == {"ada": [ids[1], ids[0]], "%": [ids[2]], "b_b": [ids[2]]}


def test_clients_are_listed_in_pages_without_gap_or_repeat(office: Office) -> None:
    ids = [office.client(given_name=f"Client {n}")["id"] for n in range(5)]
    first = office.read("/api/clients", limit=2)
    second = office.read("/api/clients", limit=2, cursor=first["next_cursor"])
    office.client(given_name="comes between")
    third = office.read("/api/clients", limit=2, cursor=second["next_cursor"])
    pages = [[row["id"] for row in page["data"]] for page in (first, second, third)]
    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]
    assert third["next_cursor"] is None


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "not-ours"}])
def test_wrong_page_is_refused(office: Office, query: dict[str, Any]) -> None:
    refused(office.get("/api/clients", **query), 422, field=next(iter(query)))


# --- contacts -----------------------------------------------------------------------------------------------------------


def test_contact_is_created_read_changed_and_listed_by_client(office: Office) -> None:
    client, other = office.client(), office.client(given_name="Bob")
    made = office.made("/api/contacts", {"client_id": client["id"], "name": "Ada", "email": "ada@example.com"})
    office.made("/api/contacts", {"client_id": other["id"], "phone": "+15550100"})
    path = f"/api/contacts/{made['id']}"
    assert office.patch(path, {"phone": "+15550101"}).status_code == 200
    assert (office.read(path)["phone"], office.read(path)["email"]) == ("+15550101", "ada@example.com")
    assert [row["id"] for row in office.read("/api/contacts", client_id=client["id"])["data"]] == [made["id"]]
    assert len(office.read("/api/contacts")["data"]) == 2


def test_contact_that_nobody_can_reach_is_refused_when_made_and_when_changed(office: Office) -> None:
    client = office.client()
    refused(office.post("/api/contacts", {"client_id": client["id"], "name": "Ada"}), 422, "contact_unreachable", "email")
    made = office.made("/api/contacts", {"client_id": client["id"], "email": "ada@example.com"})
    refused(office.patch(f"/api/contacts/{made['id']}", {"email": ""}), 422, "contact_unreachable", "email")
    assert office.read(f"/api/contacts/{made['id']}")["email"] == "ada@example.com"


# --- jobs ---------------------------------------------------------------------------------------------------------------


def test_job_takes_the_tenants_currency_and_keeps_every_field(office: Office) -> None:
    fields = {"title": "New roof", "service_type": "roofing", "amount": 990_000, "notes": "blue"}
    made = office.made("/api/jobs", {"client_id": office.client()["id"], **fields})
    shown = office.read(f"/api/jobs/{made['id']}")
    assert {name: shown[name] for name in fields} == fields
    assert (shown["currency"], shown["approved_at"]) == ("USD", None)


def test_job_gets_a_currency_when_its_amount_comes_later(office: Office) -> None:
    made = office.made("/api/jobs", {"client_id": office.client()["id"], "title": "New roof"})
    answer = office.patch(f"/api/jobs/{made['id']}", {"amount": 5_000})
    assert (answer.get_json()["amount"], answer.get_json()["currency"]) == (5_000, "USD")


def test_job_is_approved_once_and_its_first_moment_stays(office: Office) -> None:
    made = office.made("/api/jobs", {"client_id": office.client()["id"], "title": "New roof"})
    path = f"/api/jobs/{made['id']}"
    first = office.patch(path, {"approved": True}).get_json()["approved_at"]
    assert first
    assert office.patch(path, {"approved": True}).get_json()["approved_at"] == first
    refused(office.patch(path, {"approved": False}), 409, "job_approved")
    assert [entry.action for entry in office.hub.rows(AuditEntry)].count("job.approved") == 1


@pytest.mark.parametrize("amount", [1.5, -1, "100", True, 10**12, 2**63])
def test_jobs_amount_that_is_no_money_is_refused(office: Office, amount: Any) -> None:
    client_id = office.client()["id"]
    refused(office.post("/api/jobs", {"client_id": client_id, "title": "Roof", "amount": amount}), 422, field="amount")
    made = office.made("/api/jobs", {"client_id": client_id, "title": "Roof"})
    refused(office.patch(f"/api/jobs/{made['id']}", {"amount": amount}), 422, field="amount")


def test_jobs_are_listed_by_client(office: Office) -> None:
    client, other = office.client(), office.client(given_name="Bob")
    made = office.made("/api/jobs", {"client_id": client["id"], "title": "Roof"})
    office.made("/api/jobs", {"client_id": other["id"], "title": "Door"})
    assert [row["id"] for row in office.read("/api/jobs", client_id=client["id"])["data"]] == [made["id"]]


# --- who may, and what is there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["clients", "contacts", "jobs"])
def test_viewer_reads_and_changes_nothing(office: Office, kind: str) -> None:
    client_id = office.client()["id"]
    assert office.get(f"/api/{kind}").status_code == 200
    body = {"given_name": "Eve"} if kind == "clients" else {"client_id": client_id, "title": "x", "email": "e@example.com"}
    refused(office.post(f"/api/{kind}", body, role="viewer"), 403)
    refused(office.patch(f"/api/{kind}/{client_id}", {"notes": "x"}, role="viewer"), 403)
    assert office.http.get(f"/api/{kind}").status_code == 401


@pytest.mark.parametrize("kind", ["clients", "contacts", "jobs", "invoices"])
@pytest.mark.parametrize("id", [UNKNOWN, BEYOND_64_BITS])
def test_unknown_id_is_not_found(office: Office, kind: str, id: int) -> None:
    refused(office.get(f"/api/{kind}/{id}"), 404)
    if id == UNKNOWN:
        refused(office.patch(f"/api/{kind}/{id}", {"notes": "x"} if kind != "contacts" else {"name": "x"}), 404)


@pytest.mark.parametrize("kind", ["contacts", "jobs"])
def test_record_of_an_unknown_client_is_not_found(office: Office, kind: str) -> None:
    body = {"title": "Roof"} if kind == "jobs" else {"email": "e@example.com"}
    refused(office.post(f"/api/{kind}", {"client_id": UNKNOWN, **body}), 404)


def test_another_tenants_records_are_not_found(office: Office) -> None:
    made = office.client()
    stranger = Office(new_tenant(office.hub.world, office.hub.provider), office.http)
    refused(stranger.get(f"/api/clients/{made['id']}"), 404)
    refused(stranger.patch(f"/api/clients/{made['id']}", {"notes": "x"}), 404)
    refused(stranger.post("/api/jobs", {"client_id": made["id"], "title": "Roof"}), 404)
    assert stranger.read("/api/clients")["data"] == []
