from datetime import UTC, datetime

from providers.records import Address, CustomerDraft
from providers.square.mapping.customer import customer, customer_fields

AS_OF = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
# Shape: Square docs, customers-api/use-the-api/keep-records (two precisions of time in one object).
PROFILE = {
    "id": "JDKYHBWT1D4F8MFH63DBMEN8Y4",
    "created_at": "2026-03-23T20:21:54.859Z",
    "updated_at": "2026-03-23T20:21:55Z",
    "given_name": "Amelia",
    "family_name": "Earhart",
    "email_address": "Amelia.Earhart@example.com",
    "phone_number": "+1-212-555-4240",
    "address": {
        "address_line_1": "500 Electric Ave",
        "address_line_2": "Suite 600",
        "locality": "New York",
        "administrative_district_level_1": "NY",
        "postal_code": "10003",
        "country": "US",
    },
    "reference_id": "client-7",
    "creation_source": "THIRD_PARTY",
    "preferences": {"email_unsubscribed": False},
    "version": 0,
}


def test_profile_maps_to_the_words_of_the_field() -> None:
    record = customer(PROFILE, as_of=AS_OF)
    assert (record.given_name, record.family_name, record.display_name) == ("Amelia", "Earhart", "Amelia Earhart")
    assert record.email == "Amelia.Earhart@example.com"
    assert record.phone == "+1-212-555-4240"  # as stored, not normalised
    assert record.address == Address(
        line1="500 Electric Ave", line2="Suite 600", city="New York", region="NY", postal_code="10003", country="US"
    )
    assert (record.reference, record.version) == ("client-7", "0")
    assert record.created_at == datetime(2026, 3, 23, 20, 21, 54, 859000, tzinfo=UTC)
    assert record.changed_at == datetime(2026, 3, 23, 20, 21, 55, tzinfo=UTC)
    assert record.raw is PROFILE


def test_profile_of_only_an_id_maps_without_error() -> None:
    record = customer({"id": "C1"}, as_of=AS_OF)
    assert (record.version, record.reference, record.email, record.display_name) == (None, None, "", "")


def test_company_without_person_is_shown_by_its_name() -> None:
    assert customer({"id": "C1", "company_name": "Ada Ltd"}, as_of=AS_OF).display_name == "Ada Ltd"


def test_draft_of_a_new_customer_leaves_out_what_is_empty() -> None:
    fields = customer_fields(CustomerDraft(given_name="Ada", email="", address=Address(city="London")), clearing=False)
    assert fields == {"given_name": "Ada", "address": {"locality": "London"}}


def test_draft_of_an_update_clears_by_null_and_leaves_none_alone() -> None:
    fields = customer_fields(CustomerDraft(email="", phone="+441", family_name=None), clearing=True)
    assert fields == {"email_address": None, "phone_number": "+441"}


def test_draft_of_an_update_clears_the_parts_of_an_address_that_went_empty() -> None:
    fields = customer_fields(CustomerDraft(address=Address(line1="1 High St", country="GB")), clearing=True)
    assert fields["address"]["address_line1"] == "1 High St"
    assert fields["address"]["locality"] is None
    assert customer_fields(CustomerDraft(address=Address()), clearing=True) == {"address": None}
