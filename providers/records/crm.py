"""Customers and the places where business is done."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.records.making import quickly_made
from providers.records.record import Draft, Record


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Empty string where a part is unknown; `country` is ISO 3166 alpha-2."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Record):
    """Empty strings where unknown. `reference` is our own id as the provider kept it for us, None if it holds none."""

    given_name: str = ""
    family_name: str = ""
    company_name: str = ""
    display_name: str = ""
    email: str = ""
    phone: str = ""
    address: Address = field(default_factory=Address)
    reference: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Record):
    name: str
    currency: str
    country: str = ""
    timezone: str = ""
    active: bool = True
    is_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDraft(Draft[Customer]):
    given_name: str | None = None
    family_name: str | None = None
    company_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    reference: str | None = None
