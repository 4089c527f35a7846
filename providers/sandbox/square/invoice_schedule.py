"""Payment requests of an invoice: legal combinations, their amounts, and how money that comes in fills them."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from providers.sandbox.square import ids
from providers.sandbox.square.errors import ApiFailure, bad_request, forbidden, invalid, missing
from providers.sandbox.square.money import amount_of, checked, money, rounded
from providers.sandbox.square.order_totals import spread
from providers.sandbox.square.shelf import Record

FIELD = "invoice.payment_requests"
MAX_REQUESTS = 13
METHOD_DELIVERY = {"EMAIL": "EMAIL", "SHARE_MANUALLY": "SHARE_MANUALLY", "CHARGE_CARD_ON_FILE": "EMAIL", "SMS": "SMS"}
"""The deprecated request_method, which answers never show, as delivery method."""


def scheduled(requests: list[Record], total: int, currency: str, *, plus_plan: bool) -> list[Record]:
    """Checked requests with uids and computed amounts, in the order given. Raises the documented refusals."""
    if not 1 <= len(requests) <= MAX_REQUESTS:
        raise bad_request(f"An invoice has 1 to {MAX_REQUESTS} payment requests.", FIELD)
    for request in requests:
        _check_request(request)
    _check_combination([request["request_type"] for request in requests], plus_plan=plus_plan)
    amounts = _amounts(requests, total, currency)
    _check_due_order(requests)
    return [_completed_fields(request, amount, currency) for request, amount in zip(requests, amounts, strict=True)]


def _check_request(request: Record) -> None:
    if not request.get("request_type"):
        raise missing(f"{FIELD}.request_type")
    if not request.get("due_date"):
        raise missing(f"{FIELD}.due_date")
    if not is_date(request["due_date"]):
        raise invalid("INVALID_DATE", "Expected a date in the form YYYY-MM-DD.", f"{FIELD}.due_date")
    if request.get("automatic_payment_source") == "BANK_ON_FILE":
        raise invalid("INVALID_VALUE", "BANK_ON_FILE cannot be set through the API.", f"{FIELD}.automatic_payment_source")
    if request.get("automatic_payment_source") == "CARD_ON_FILE" and not request.get("card_id"):
        raise missing(f"{FIELD}.card_id")
    for reminder in request.get("reminders") or []:
        if len(reminder.get("message") or "") > 1000:
            raise invalid("VALUE_TOO_LONG", "A reminder has at most 1000 characters.", f"{FIELD}.reminders.message")


def is_date(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _check_combination(types: list[str], *, plus_plan: bool) -> None:
    deposits, balances, instalments = (types.count(kind) for kind in ("DEPOSIT", "BALANCE", "INSTALLMENT"))
    legal = deposits <= 1 and ((balances == 1 and instalments == 0) or (balances == 0 and 2 <= instalments <= 12))
    if not legal:
        raise bad_request(
            "Payment requests must be one BALANCE, a DEPOSIT and a BALANCE, or 2 to 12 INSTALLMENTs with at most one DEPOSIT.",
            FIELD,
        )
    if instalments and not plus_plan:
        raise plan_needed("INSTALLMENT payment requests need an Invoices Plus subscription.")


def plan_needed(detail: str) -> ApiFailure:
    refused = forbidden("MERCHANT_SUBSCRIPTION_NOT_FOUND", detail)
    refused.errors[0]["category"] = "MERCHANT_SUBSCRIPTION_ERROR"
    return refused


def _amounts(requests: list[Record], total: int, currency: str) -> list[int]:
    asked = [_asked_amount(request, total, currency) for request in requests]
    deposit = sum(amount for request, amount in zip(requests, asked, strict=True) if request["request_type"] == "DEPOSIT")
    rest = total - deposit
    instalments = [index for index, request in enumerate(requests) if request["request_type"] == "INSTALLMENT"]
    if instalments:
        percentages = [Decimal(requests[index].get("percentage_requested") or 0) for index in instalments]
        if any(percentages):
            if sum(percentages) != 100:
                raise bad_request("The percentages of the instalments must add up to 100.", FIELD)
            for index, part in zip(instalments, spread(rest, [int(share * 100) for share in percentages]), strict=True):
                asked[index] = part
    else:
        asked[next(index for index, request in enumerate(requests) if request["request_type"] == "BALANCE")] = rest
    if deposit > total or sum(asked) != total:
        raise bad_request("The payment requests must add up to the total amount of the order.", FIELD)
    return asked


def _asked_amount(request: Record, total: int, currency: str) -> int:
    fixed, percentage = request.get("fixed_amount_requested_money"), request.get("percentage_requested")
    if request["request_type"] == "BALANCE":
        if fixed or percentage:
            raise bad_request("A BALANCE request takes no amount.", FIELD)
        return 0
    if bool(fixed) == bool(percentage):
        raise bad_request("Give either a fixed amount or a percentage.", FIELD)
    if fixed:
        return checked(fixed, currency, f"{FIELD}.fixed_amount_requested_money", positive=True)
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", str(percentage)) or not 0 < Decimal(str(percentage)) <= 100:
        raise invalid("INVALID_VALUE", "A percentage is a decimal string from 0 to 100.", f"{FIELD}.percentage_requested")
    return rounded(total * Decimal(str(percentage)) / 100) if request["request_type"] == "DEPOSIT" else 0


def _check_due_order(requests: list[Record]) -> None:
    deposit = next((request for request in requests if request["request_type"] == "DEPOSIT"), None)
    if deposit and any(request["due_date"] < deposit["due_date"] for request in requests):
        raise bad_request("The deposit must be due first.", f"{FIELD}.due_date")
    tipping = [index for index, request in enumerate(requests) if request.get("tipping_enabled")]
    if tipping and tipping != [len(requests) - 1]:
        raise bad_request("Tipping is allowed on the final payment request only.", f"{FIELD}.tipping_enabled")


def _completed_fields(request: Record, amount: int, currency: str) -> Record:
    kept = {name: value for name, value in request.items() if value is not None and name not in ("request_method", "remove")}
    kept = {
        "uid": kept.get("uid") or ids.event(),
        "tipping_enabled": False,
        "automatic_payment_source": "NONE",
        **kept,
        "computed_amount_money": money(amount, currency),
        "total_completed_amount_money": kept.get("total_completed_amount_money") or money(0, currency),
    }
    if kept.get("reminders"):
        kept["reminders"] = [
            {"uid": ids.event(), "status": "PENDING", **{name: value for name, value in reminder.items() if value is not None}}
            for reminder in kept["reminders"]
        ]
    return kept


def merged_requests(known: list[Record], changes: list[Record]) -> list[Record]:
    """By uid: changed, added, or taken away with remove; null clears a field."""
    by_uid = {request["uid"]: dict(request) for request in known}
    for change in changes:
        uid = change.get("uid")
        if uid is not None and uid not in by_uid:
            raise invalid("INVALID_VALUE", f"The invoice has no payment request `{uid}`.", f"{FIELD}.uid")
        if change.get("remove"):
            by_uid.pop(uid or "", None)
            continue
        key = uid or ids.event()
        after = {**by_uid.get(key, {"uid": key}), **change}
        by_uid[key] = {name: value for name, value in after.items() if value is not None}
    return list(by_uid.values())


def open_amount(request: Record) -> int:
    return amount_of(request["computed_amount_money"]) - amount_of(request["total_completed_amount_money"])


def amount_left(invoice: Record) -> int:
    return sum(open_amount(request) for request in invoice["payment_requests"])


def next_amount(invoice: Record, today: str) -> int:
    """What the pay page asks for now: the next open request, and every open one that is overdue."""
    still_open = [request for request in invoice["payment_requests"] if open_amount(request) > 0]
    asked = 0
    for position, request in enumerate(sorted(still_open, key=lambda request: str(request["due_date"]))):
        if position == 0 or request["due_date"] < today:
            asked += open_amount(request)
    return asked


def filled(requests: list[Record], amount: int) -> list[Record]:
    """Requests after this much more was paid, earliest due first."""
    rest = amount
    after = {request["uid"]: dict(request) for request in requests}
    for request in sorted(after.values(), key=lambda request: str(request["due_date"])):
        part = min(rest, open_amount(request))
        done = amount_of(request["total_completed_amount_money"]) + part
        request["total_completed_amount_money"] = money(done, request["computed_amount_money"]["currency"])
        rest -= part
    return list(after.values())


def final_tipping(invoice: Record) -> bool:
    """Whether the payer may add a tip now: only on the last request still open."""
    still_open = [request for request in invoice["payment_requests"] if open_amount(request) > 0]
    return len(still_open) == 1 and bool(still_open[0].get("tipping_enabled"))


def automatic_requests(invoice: Record) -> list[Record]:
    requests: list[Any] = invoice["payment_requests"]
    return [
        request for request in requests if request.get("automatic_payment_source") == "CARD_ON_FILE" and open_amount(request) > 0
    ]
