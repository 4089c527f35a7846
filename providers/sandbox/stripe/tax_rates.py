"""Tax rates: /v1/tax_rates, and the one that automatic tax applies."""

import json
from collections.abc import Iterable
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record

TEXTS = ("display_name", "description", "jurisdiction", "country", "state", "tax_type")


def tax_rate_record(rate_id: str, *, display_name: str, percentage: str, inclusive: bool, created: int, livemode: bool) -> Record:
    """percentage: per cent as text, `8.25`; it is a number on the wire."""
    return {
        "id": rate_id,
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": created,
        "description": None,
        "display_name": display_name,
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": livemode,
        "metadata": {},
        "percentage": json.loads(percentage),
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }


def existing_rates(call: Call, ids: Iterable[str], path: str) -> list[Record]:
    """Whole tax rates for the ids of a request. Raises 404."""
    rates = []
    for index, rate_id in enumerate(ids or []):
        rate = call.store.tax_rates.get(rate_id)
        if rate is None:
            raise no_such("tax rate", rate_id, param=f"{path}[{index}]")
        rates.append(rate)
    return rates


def automatic_rate(call: Call) -> Record:
    """What Stripe Tax finds out by the address: here always the setting automatic_tax_percentage."""
    percentage = str(call.world.options.automatic_tax_percentage)
    rate_id = "txr_1Automatic" + "".join(letter for letter in percentage if letter.isdigit()).ljust(10, "0")
    rate = call.store.tax_rates.get(rate_id)
    if rate is None:
        rate = tax_rate_record(
            rate_id,
            display_name="Sales tax",
            percentage=percentage,
            inclusive=False,
            created=call.now,
            livemode=call.livemode,
        )
        rate |= {"active": False, "tax_type": "sales_tax", "country": call.account.country}
        call.store.tax_rates.put(rate)
    return rate


@operation("POST /v1/tax_rates")
def create_tax_rate(call: Call) -> Record:
    params = call.params
    rate = tax_rate_record(
        new_id("txr_1", length=23),
        display_name=params["display_name"],
        percentage=params["percentage"],
        inclusive=params["inclusive"],
        created=call.now,
        livemode=call.livemode,
    )
    _apply(rate, params)
    call.store.tax_rates.put(rate)
    emit(call, "tax_rate.created", rate)
    return rate


@operation("GET /v1/tax_rates")
def list_tax_rates(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("active", "inclusive")}
    return list_answer(call, call.store.tax_rates, equal=equal)


@operation("GET /v1/tax_rates/{tax_rate}")
def get_tax_rate(call: Call) -> Record:
    rate = call.store.tax_rates.get(call.ids["tax_rate"])
    if rate is None:
        raise no_such("tax rate", call.ids["tax_rate"], param="tax_rate")
    return rate


@operation("POST /v1/tax_rates/{tax_rate}")
def update_tax_rate(call: Call) -> Record:
    before, rate = get_tax_rate(call), get_tax_rate(call)
    _apply(rate, call.params)
    call.store.tax_rates.put(rate)
    emit(call, "tax_rate.updated", rate, before=before)
    return rate


def _apply(rate: Record, params: dict[str, Any]) -> None:
    for name in TEXTS:
        if name in params:
            rate[name] = blank_to_none(params[name])
    if "active" in params:
        rate["active"] = params["active"]
    if "metadata" in params:
        rate["metadata"] = merged_metadata(rate["metadata"], params["metadata"])
