"""Customers on their way in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import clock, db
from hub.models import Client, Conflict, Cursor
from providers.records import Address, Customer, PaymentMethod
from sync import pull
from tests.sync.hub_in_process import HubInProcess, build


def customer(id: str, *, seconds: float = 0, **fields: object) -> Customer:
    at = clock.now() + timedelta(seconds=seconds)
    return Customer(id=id, as_of=at, raw={"id": id, **{k: str(v) for k, v in fields.items()}}, **fields)  # type: ignore[arg-type]


def test_new_customer_applied_becomes_a_client_with_all_fields(hub: HubInProcess) -> None:
    address = Address(line1="1 Main St", city="Springfield", country="US")
    counts = hub.apply(
        customer(
            "cus_1", given_name="Ada", family_name="Byron", email="Ada@Example.com", phone="+1 555 0100 200", address=address
        )
    )
    client = hub.row(Client)
    assert counts.outcomes == {"cus_1": "created"}
    assert (client.display_name, client.email_key, client.phone_key) == ("Ada Byron", "ada@example.com", "+15550100200")
    assert client.address["city"] == "Springfield"
    assert hub.remote("cus_1").local_id == client.id


def make_client(hub: HubInProcess, **fields: object) -> int:
    with db.tenant_session(hub.tenant_id) as session:
        row = Client(tenant_id=hub.tenant_id, created_at=clock.now(), updated_at=clock.now(), **fields)
        session.add(row)
        session.flush()
        return row.id


def edit_client(hub: HubInProcess, **fields: object) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        row = session.scalars(select(Client)).one()
        for name, value in fields.items():
            setattr(row, name, value)


def test_same_customer_again_changes_nothing_but_when_it_was_true(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    before = hub.row(Client)
    counts = hub.apply(customer("cus_1", seconds=60, given_name="Ada"))
    assert counts.outcomes == {"cus_1": "unchanged"}
    assert hub.row(Client).revision == before.revision
    assert hub.apply(customer("cus_1", seconds=30, given_name="Old")).outcomes == {"cus_1": "stale"}


def test_newer_customer_renames_the_client(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada", email="a@example.com"))
    counts = hub.apply(customer("cus_1", seconds=5, given_name="Grace", email="G@example.com"))
    client = hub.row(Client)
    assert counts.outcomes == {"cus_1": "updated"}
    assert (client.given_name, client.display_name, client.email_key) == ("Grace", "Grace", "g@example.com")


def test_older_fact_is_dropped(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    assert hub.apply(customer("cus_1", seconds=-2, given_name="Old")).outcomes == {"cus_1": "stale"}
    assert hub.row(Client).given_name == "Ada"


def test_rival_of_the_same_second_is_reported_and_taken_only_when_told_so(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    counts = hub.apply(customer("cus_1", seconds=0.2, given_name="Grace"))
    assert counts.tied == ["cus_1"]
    assert hub.row(Client).given_name == "Ada"
    hub.apply(customer("cus_1", seconds=0.2, given_name="Grace"), on_tie="take")
    assert hub.row(Client).given_name == "Grace"


def test_higher_version_wins_whatever_the_clock_says(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", version="9", given_name="Ada"))
    assert hub.apply(customer("cus_1", seconds=-90, version="10", given_name="Grace")).outcomes == {"cus_1": "updated"}
    assert hub.apply(customer("cus_1", seconds=90, version="9", given_name="Ada")).outcomes == {"cus_1": "stale"}
    assert hub.row(Client).given_name == "Grace"


def test_page_with_the_same_customer_twice_keeps_the_newer(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="New"), customer("cus_1", seconds=-50, given_name="Old"))
    assert hub.row(Client).given_name == "New"


def test_deleted_customer_is_a_tombstone_that_an_older_fact_does_not_lift(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    gone_at = clock.now() + timedelta(seconds=10)
    assert pull.tombstone(hub.tenant_id, hub.integration_id, Customer, "cus_1", as_of=gone_at) == "updated"
    assert hub.remote("cus_1").deleted_at == gone_at
    assert hub.row(Client).archived_at is not None
    assert hub.apply(customer("cus_1", seconds=5, given_name="Late")).outcomes == {"cus_1": "stale"}
    assert hub.apply(customer("cus_1", seconds=5, given_name="Ada")).outcomes == {"cus_1": "stale"}
    assert hub.remote("cus_1").deleted_at == gone_at


def test_newer_fact_lifts_a_tombstone(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    pull.tombstone(hub.tenant_id, hub.integration_id, Customer, "cus_1", as_of=clock.now() + timedelta(seconds=5))
    hub.apply(customer("cus_1", seconds=30, given_name="Ada"))
    assert hub.remote("cus_1").deleted_at is None
    assert hub.row(Client).archived_at is None


def test_deletion_of_an_unknown_customer_is_remembered(hub: HubInProcess) -> None:
    pull.tombstone(hub.tenant_id, hub.integration_id, Customer, "cus_1", as_of=clock.now())
    hub.apply(customer("cus_1", seconds=-60, given_name="Late"))
    assert hub.rows(Client) == []


def test_late_deletion_does_not_bury_a_newer_customer(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", seconds=60, given_name="Ada"))
    assert pull.tombstone(hub.tenant_id, hub.integration_id, Customer, "cus_1", as_of=clock.now()) == "stale"
    assert hub.remote("cus_1").deleted_at is None


def test_deleted_flag_in_a_listing_buries_the_customer(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"))
    hub.apply(customer("cus_1", seconds=9, given_name="Ada", deleted=True))
    assert hub.remote("cus_1").deleted_at is not None
    assert hub.row(Client).archived_at is not None


def test_merged_customer_belongs_to_the_survivors_client(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada"), customer("cus_2", given_name="Ada B"))
    survivor = hub.remote("cus_2").local_id
    pull.merged(hub.tenant_id, hub.integration_id, Customer, "cus_1", into="cus_2", as_of=clock.now())
    assert (hub.remote("cus_1").merged_into, hub.remote("cus_1").local_id) == ("cus_2", survivor)


def test_customer_that_carries_our_reference_is_linked_not_doubled(hub: HubInProcess) -> None:
    client_id = make_client(hub, given_name="Ada")
    hub.apply(customer("cus_1", given_name="Ada", email="ada@example.com", reference=f"payhub:client:{client_id}"))
    client = hub.row(Client)
    assert (client.id, client.email) == (client_id, "ada@example.com")


def test_reference_to_another_tenants_client_links_nothing(hub: HubInProcess, database_url: str, tmp_path: Path) -> None:
    stranger = make_client(hub, given_name="Stranger")
    other = build(database_url, tmp_path)
    other.apply(customer("cus_1", given_name="Ada", reference=f"payhub:client:{stranger}"))
    assert other.row(Client).id != stranger


def test_same_address_links_one_client_and_ambiguous_ones_make_a_new_one(hub: HubInProcess) -> None:
    only = make_client(hub, email="ada@example.com", email_key="ada@example.com")
    for _ in range(2):
        make_client(hub, email="twin@example.com", email_key="twin@example.com")
    hub.apply(customer("cus_1", email="ADA@example.com"), customer("cus_2", email="twin@example.com"))
    assert hub.remote("cus_1").local_id == only
    assert len(hub.rows(Client)) == 4


def test_two_customers_with_one_address_stay_two_clients(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", email="a@example.com"), customer("cus_2", email="a@example.com"))
    hub.apply(customer("cus_3", email="a@example.com"))
    assert len(hub.rows(Client)) == 3


def test_same_person_at_two_accounts_is_one_client(hub: HubInProcess) -> None:
    second = hub.connect_again()
    hub.apply(customer("cus_1", email="a@example.com"))
    second.apply(customer("sq_1", email="a@example.com"))
    assert second.remote("sq_1").local_id == hub.row(Client).id
    pull.tombstone(hub.tenant_id, hub.integration_id, Customer, "cus_1", as_of=clock.now() + timedelta(seconds=5))
    assert hub.row(Client).archived_at is None  # still alive in the other account


def test_local_edit_survives_a_remote_change_of_another_field(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", given_name="Ada", phone="1"))
    edit_client(hub, phone="2")
    hub.apply(customer("cus_1", seconds=5, given_name="Grace", phone="1"))
    client = hub.row(Client)
    assert (client.given_name, client.phone) == ("Grace", "2")
    assert hub.rows(Conflict) == []


def test_field_edited_on_both_sides_keeps_ours_and_tells_of_theirs(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1", email="base@example.com"))
    edit_client(hub, email="ours@example.com")
    hub.apply(customer("cus_1", seconds=5, email="theirs@example.com"))
    hub.apply(customer("cus_1", seconds=10, email="again@example.com"))
    conflict = hub.row(Conflict)
    assert hub.row(Client).email == "ours@example.com"
    assert conflict.field == "email"
    assert conflict.ours == {"value": "ours@example.com"}
    assert conflict.theirs["value"] == "again@example.com"


def test_nul_character_from_a_provider_is_stored_without_it(hub: HubInProcess) -> None:
    hub.apply(Customer(id="cus_1", as_of=clock.now(), given_name="A\x00da", raw={"name": "A\x00da", "path": "\\u0000"}))
    assert hub.remote("cus_1").data == {"name": "Ada", "path": "\\u0000"}
    assert hub.row(Client).given_name == "Ada"


def test_kind_that_the_engine_does_not_keep_leaves_nothing(hub: HubInProcess) -> None:
    method = PaymentMethod(id="pm_1", as_of=clock.now(), customer_id=None, raw={})
    assert hub.apply(method).outcomes == {}


def test_failure_in_a_page_leaves_neither_rows_nor_cursor(hub: HubInProcess) -> None:
    move = pull.CursorMove(part="", cursor="next", started_at=clock.now())
    bad = Customer(id="cus_2", as_of=clock.now(), given_name="B", raw={"bad": "\ud800"})
    with pytest.raises(Exception, match="surrogates"):
        pull.apply(hub.tenant_id, hub.integration_id, Customer, [customer("cus_1", given_name="A"), bad], cursor=move)
    assert hub.rows(Client) == []
    assert hub.rows(Cursor) == []
