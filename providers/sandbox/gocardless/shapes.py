"""What a request may hold, and what is wrong with it."""

import re
from typing import Any

from providers.sandbox.gocardless.errors import invalid
from providers.sandbox.gocardless.state import Record

CURRENCIES = ("AUD", "CAD", "DKK", "EUR", "GBP", "NZD", "SEK", "USD")
FIELDS = {
    "customers": "address_line1 address_line2 address_line3 city company_name country_code danish_identity_number email "
    "family_name given_name language metadata phone_number postal_code region swedish_identity_number",
    "payments": "amount app_fee charge_date currency description faster_ach links metadata reference retry_if_possible",
    "refunds": "amount links metadata reference total_amount_confirmation",
    "billing_requests": "fallback_enabled links mandate_request metadata payment_request purpose_code",
    "billing_request_flows": "auto_fulfil exit_uri language links lock_bank_account lock_currency lock_customer_details "
    "prefilled_bank_account prefilled_customer redirect_uri show_redirect_buttons skip_success_screen",
}
_PHONE = re.compile(r"\+[0-9 ()-]{6,20}")


def check(resource: str, fields: Record) -> None:
    """Raises validation_failed. Whether the real API refuses unknown fields is not documented; here a typing error shows."""
    if unknown := sorted(set(fields) - set(FIELDS[resource].split())):
        raise invalid(unknown[0], "is not a field of this resource")
    _check_metadata(fields.get("metadata"))
    if "links" in fields and not isinstance(fields["links"], dict):
        raise invalid("links", "must be an object")
    if resource in ("payments", "refunds"):
        _check_amount(fields)
        if not fields.get("links"):
            raise invalid("links", "can't be blank")
    if resource == "payments":
        _check_currency(fields.get("currency"))
    if resource == "billing_requests":
        asked = fields.get("payment_request")
        if not isinstance(asked, dict):
            raise invalid("payment_request", "can't be blank")
        _check_amount(asked)
        _check_currency(asked.get("currency"))


def check_customer(customer: Record) -> None:
    """The customer as it will be."""
    if not customer.get("company_name"):
        for name in ("given_name", "family_name"):
            if not customer.get(name):
                raise invalid(name, "can't be blank without a company_name")
    phone, country = customer.get("phone_number"), customer.get("country_code")
    if phone and _PHONE.fullmatch(phone) is None:
        raise invalid("phone_number", "must include the country code")
    if country and (len(country) != 2 or not country.isupper()):
        raise invalid("country_code", "must be an ISO 3166-1 alpha-2 code")


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or len(metadata) > 3:
        raise invalid("metadata", "may have up to 3 keys")
    for name, value in metadata.items():
        if len(name) > 50 or not isinstance(value, str) or len(value) > 500:
            raise invalid("metadata", "keys have up to 50 characters, values are texts of up to 500")


def _check_amount(fields: Record) -> None:
    if type(fields.get("amount")) is not int or fields["amount"] <= 0:
        raise invalid("amount", "must be a number of minor units")


def _check_currency(currency: Any) -> None:
    if currency not in CURRENCIES:
        raise invalid("currency", "is not supported")
