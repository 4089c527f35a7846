"""Square customer profiles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import Address, Customer, CustomerDraft
from providers.square.mapping.values import moment, version_text

_NO_ADDRESS = Address()


def customer(raw: Mapping[str, Any], *, as_of: datetime, deleted: bool = False) -> Customer:
    get = raw.get
    given, family, company = get("given_name") or "", get("family_name") or "", get("company_name") or ""
    email = get("email_address") or ""
    where = get("address")
    return Customer(
        id=raw["id"],
        version=version_text(get("version")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        given_name=given,
        family_name=family,
        company_name=company,
        display_name=f"{given} {family}".strip() or company or get("nickname") or email,
        email=email,
        phone=get("phone_number") or "",
        address=address(where) if where else _NO_ADDRESS,
        reference=get("reference_id"),
        deleted=deleted,
        raw=raw,
    )


def address(raw: Mapping[str, Any]) -> Address:
    get = raw.get
    return Address(
        line1=get("address_line_1") or "",
        line2=get("address_line_2") or "",
        city=get("locality") or "",
        region=get("administrative_district_level_1") or "",
        postal_code=get("postal_code") or "",
        country=get("country") or "",
    )


def customer_fields(draft: CustomerDraft, *, clearing: bool) -> dict[str, Any]:
    """The SDK's arguments. `clearing` (an update): an empty string becomes null, which clears; otherwise it is left out."""
    wanted = {
        "given_name": draft.given_name,
        "family_name": draft.family_name,
        "company_name": draft.company_name,
        "email_address": draft.email,
        "phone_number": draft.phone,
        "reference_id": draft.reference,
    }
    fields: dict[str, Any] = {name: value or None for name, value in wanted.items() if value or (clearing and value is not None)}
    if draft.address is not None:
        parts = _address_fields(draft.address)
        if not clearing:
            parts = {name: value for name, value in parts.items() if value is not None}
        if any(parts.values()):
            fields["address"] = parts
        elif clearing:
            fields["address"] = None
    return fields


def _address_fields(value: Address) -> dict[str, str | None]:
    """The SDK spells address_line_1 without its last underscore. Square merges addresses part by part, so nulls are needed."""
    return {
        "address_line1": value.line1 or None,
        "address_line2": value.line2 or None,
        "locality": value.city or None,
        "administrative_district_level1": value.region or None,
        "postal_code": value.postal_code or None,
        "country": value.country or None,
    }
