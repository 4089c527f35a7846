"""What a location has earned and not been paid out yet, entry by entry."""

from typing import Any

from providers.sandbox.square import ids, times
from providers.sandbox.square.money import money
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

DETAILS = {
    "ADJUSTMENT": "type_other_adjustment_details",
    "CHARGE": "type_charge_details",
    "DEPOSIT_FEE": "type_deposit_fee_details",
    "DISPUTE": "type_dispute_details",
    "FEE": "type_fee_details",
    "OTHER_ADJUSTMENT": "type_other_adjustment_details",
    "REFUND": "type_refund_details",
    "RETURNED_PAYOUT": "type_other_details",
}
"""Entry type -> the member that says what it came from. Source: PayoutEntry and the PaymentBalanceActivity…Detail schemas."""


def entry(
    square: Square, kind: str, *, gross: int, fee: int, currency: str, details: dict[str, Any], at: str | None = None
) -> Record:
    """gross and fee in minor units; the fee of a charge is positive and taken off. at: wire time, None for now."""
    return {
        "id": ids.payout_entry(),
        "effective_at": at or times.wire(square.now(), 3),
        "type": kind,
        "gross_amount_money": money(gross, currency),
        "fee_amount_money": money(fee, currency),
        "net_amount_money": money(gross - fee, currency),
        DETAILS[kind]: details,
    }


def add_entry(
    square: Square, seller: Seller, location_id: str, kind: str, *, gross: int, fee: int, currency: str, details: dict[str, Any]
) -> None:
    """Put something on the balance; where payouts are automatic, the location's next one is timed with it."""
    made = entry(square, kind, gross=gross, fee=fee, currency=currency, details=details)
    seller.balance.setdefault(location_id, []).append(made)
    square.balance_grew(seller, location_id)


def net(entries: list[Record]) -> int:
    return sum(int(item["net_amount_money"]["amount"]) for item in entries)
