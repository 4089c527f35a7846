"""Customers, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from stripe.params import CustomerCreateParams

from providers.records import Address, Customer, CustomerDraft
from providers.stripe.mapping.values import REFERENCE, Json

NO_ADDRESS: Final = Address()
NOTHING: Final[Mapping[str, str]] = {}
GIVEN: Final = "payhub_given_name"
FAMILY: Final = "payhub_family_name"


def customer(raw: Json, as_of: datetime) -> Customer:
    """A customer as received; of a deleted one Stripe keeps only the id."""
    get = raw.get
    metadata = get("metadata") or NOTHING
    person, company = _person_and_company(raw) if get("business_name") else (get("name") or get("individual_name") or "", "")
    given, family = _split(person, metadata)
    created, address = get("created"), get("address")
    return Customer(
        id=raw["id"],
        created_at=None if created is None else datetime.fromtimestamp(created, UTC),
        as_of=as_of,
        raw=raw,
        given_name=given,
        family_name=family,
        company_name=company,
        display_name=get("name") or person or company,
        email=get("email") or "",
        phone=get("phone") or "",
        address=_address(address) if address else NO_ADDRESS,
        reference=metadata.get(REFERENCE) or None,
        deleted=get("deleted") is True,
    )


def _address(raw: Json) -> Address:
    get = raw.get
    return Address(
        line1=get("line1") or "",
        line2=get("line2") or "",
        city=get("city") or "",
        region=get("state") or "",
        postal_code=get("postal_code") or "",
        country=get("country") or "",
    )


def _person_and_company(raw: Json) -> tuple[str, str]:
    """Of one that names a business."""
    # `name` is "full name or business name" and what the Dashboard edits, so it wins over the two newer fields.
    name: str = raw.get("name") or ""
    company: str = raw["business_name"]
    individual: str = raw.get("individual_name") or ""
    if name and name != company:
        return (name, company) if individual else ("", name)
    return individual, company


def _split(person: str, metadata: Mapping[str, str]) -> tuple[str, str]:
    """Stripe keeps one name. Our own split is in metadata and holds as long as nobody has changed the name."""
    if GIVEN in metadata or FAMILY in metadata:
        given, family = metadata.get(GIVEN) or "", metadata.get(FAMILY) or ""
        if person == f"{given} {family}".strip():
            return given, family
    given, _, family = person.rpartition(" ")
    return (given, family) if given else (family, "")


def customer_parameters(draft: CustomerDraft, current: Customer | None) -> CustomerCreateParams:
    """What Stripe is told: only what the draft names. `current` completes a name of which the draft holds a part."""
    parameters: CustomerCreateParams = {}
    metadata: dict[str, str] = {}
    if touches_name(draft):
        given = _first(draft.given_name, current.given_name if current else None)
        family = _first(draft.family_name, current.family_name if current else None)
        company = _first(draft.company_name, current.company_name if current else None)
        person = f"{given} {family}".strip()
        parameters["name"] = person or company
        parameters["individual_name"] = person
        parameters["business_name"] = company
        metadata = {GIVEN: given, FAMILY: family}
    if draft.email is not None:
        parameters["email"] = draft.email
    if draft.phone is not None:
        parameters["phone"] = draft.phone
    if draft.address is not None:
        parameters["address"] = {
            "line1": draft.address.line1,
            "line2": draft.address.line2,
            "city": draft.address.city,
            "state": draft.address.region,
            "postal_code": draft.address.postal_code,
            "country": draft.address.country,
        }
    if draft.reference is not None:
        metadata[REFERENCE] = draft.reference
    if metadata:
        parameters["metadata"] = metadata
    return parameters


def touches_name(draft: CustomerDraft) -> bool:
    return draft.given_name is not None or draft.family_name is not None or draft.company_name is not None


def names_all_parts(draft: CustomerDraft) -> bool:
    return draft.given_name is not None and draft.family_name is not None and draft.company_name is not None


def _first(*values: str | None) -> str:
    return next((value for value in values if value is not None), "")
