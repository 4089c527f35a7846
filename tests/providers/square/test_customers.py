from datetime import timedelta

import pytest

from providers.contract import Verb
from providers.errors import RecordNotFound, Rejected
from providers.records import Customer, CustomerDraft, Invoice
from providers.square.wire import checked_id
from tests.contract.scene import Scene, new_key
from tests.providers.square.harness import Harness


def test_customer_that_the_search_shows_late_is_among_the_next_changes(square: Harness) -> None:
    account = square.account()
    made = account.create(CustomerDraft(given_name="Late"), key=new_key())
    next_round = made.as_of + timedelta(seconds=90)  # began before the search index had it
    assert made.id in {found.id for found in account.list(Customer, changed_since=next_round).records}


def test_empty_page_in_the_middle_does_not_end_the_list(square: Harness) -> None:
    seeded = set(square.seed(Customer, 250))
    square.twin.control("POST", "settings", {"empty_middle_page": True})
    assert {record.id for record in Scene(square).everything(Customer)} == seeded


def test_two_customers_with_one_email_stay_two(square: Harness) -> None:
    draft = CustomerDraft(email="same@example.com")
    first, second = (square.account().create(draft, key=new_key()) for _ in range(2))
    assert first.id != second.id


def test_nameless_customer_is_rejected_with_squares_word(square: Harness) -> None:
    with pytest.raises(Rejected) as refused:
        square.account().create(CustomerDraft(reference="only-this"), key=new_key())
    assert refused.value.code


def test_bad_phone_is_told_in_plain_words(square: Harness) -> None:
    with pytest.raises(Rejected, match="phone number") as refused:
        square.account().create(CustomerDraft(given_name="Ada", phone="12"), key=new_key())
    assert refused.value.code == "INVALID_PHONE_NUMBER"


def test_deleted_customer_is_marked_in_the_answer(square: Harness) -> None:
    [id] = square.seed(Customer, 1)
    gone = square.account().perform(Verb.DELETE, Customer, id, version="0", key=new_key())
    assert (gone.id, gone.deleted) == (id, True)


@pytest.mark.parametrize("id", ["", "../locations", "a/b", "a?b", "a b", "..", "é", "x" * 256])
def test_id_that_cannot_be_squares_is_not_found_without_a_request(square: Harness, id: str) -> None:
    account, seen = square.account(), square.requests()
    with pytest.raises(RecordNotFound):
        account.get(Customer, id)
    with pytest.raises(RecordNotFound):
        account.perform(Verb.VOID, Invoice, id, version=None, key=new_key())
    assert square.requests() == seen


@pytest.mark.parametrize(
    "id", ["JDKYHBWT1D4F8MFH63DBMEN8Y4", "inv:0-ChCHu2mZEabLeeHahQnXDjZQECY", "ccof:uIbfJXhXETSP197M3GB", "a_b-c"]
)
def test_real_ids_pass(id: str) -> None:
    assert checked_id(id) == id
