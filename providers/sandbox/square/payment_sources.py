"""What a payment is taken from: sandbox nonces, cards on file, typed test cards, bank transfers, cash, external."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from providers.sandbox.square.errors import PAYMENT_METHOD, ApiFailure, bad_request, invalid, missing, problem
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

NONCE_DECLINES = {
    "cnon:card-nonce-declined": ("GENERIC_DECLINE", "Authorization error: 'GENERIC_DECLINE'"),
    "cnon:card-nonce-rejected-cvv": ("CVV_FAILURE", "Authorization error: 'CVV_FAILURE'"),
    "cnon:card-nonce-rejected-postalcode": (
        "ADDRESS_VERIFICATION_FAILURE",
        "Authorization error: 'ADDRESS_VERIFICATION_FAILURE'",
    ),
    "cnon:card-nonce-rejected-expiration": ("INVALID_EXPIRATION", "Invalid card expiration date."),
    "cnon:card-nonce-already-used": ("CARD_TOKEN_USED", "The provided token has already been used."),
    "cnon:gift-card-nonce-insufficient-funds": ("INSUFFICIENT_FUNDS", "Gift card does not have sufficient balance."),
    "cnon:gift-card-nonce-insufficient-permission": ("INSUFFICIENT_PERMISSIONS", "Gift cards cannot be used here."),
}
VERIFICATION_REQUIRED = "CARD_DECLINED_VERIFICATION_REQUIRED"
VERIFICATION_NONCE = "cnon:card-nonce-requires-verification"
CHALLENGE_NUMBERS = ("5248480000210034", "4310000000000007")
"""Typed on a hosted page, the payer's bank asks for CHALLENGE_CODE. Source: Square docs, sandbox test values for SCA."""
CHALLENGE_CODE = "123456"
BANK_FAILURES = {
    "bnon:bank-nonce-failure": "GENERIC_DECLINE",
    "bnon:bank-nonce-account-unusable": "ACCOUNT_UNUSABLE",
    "bnon:bank-nonce-insufficient-funds": "INSUFFICIENT_FUNDS",
    "bnon:bank-nonce-invalid-account": "INVALID_ACCOUNT",
    "bnon:bank-nonce-buyer-refused-payment": "BUYER_REFUSED_PAYMENT",
}
GOOD_NONCES = {
    "cnon:card-nonce-ok": ("4111110000005858", "VISA", "CREDIT"),
    "cnon:gift-card-nonce-ok": ("7783320000001087", "SQUARE_GIFT_CARD", "UNKNOWN_CARD_TYPE"),
}
BRANDS = (
    ("4", "VISA"),
    ("5", "MASTERCARD"),
    ("34", "AMERICAN_EXPRESS"),
    ("37", "AMERICAN_EXPRESS"),
    ("6", "DISCOVER"),
    ("35", "JCB"),
)
DECLINED_NUMBER = "4000000000000002"
BAD_CVV = "911"
BAD_POSTAL_CODE = "99999"
BAD_EXPIRY = (1, 2040)
DECLINE_TEXTS = {
    "GENERIC_DECLINE": "The card was declined.",
    "CVV_FAILURE": "The CVV is not right.",
    "ADDRESS_VERIFICATION_FAILURE": "The postal code does not belong to this card.",
    "INVALID_EXPIRATION": "The expiration date is not right.",
    "CARD_EXPIRED": "The card has expired.",
    "INVALID_CARD": "The card number is not right.",
    VERIFICATION_REQUIRED: "Your bank did not confirm that it was you. Nothing was charged.",
}
TEST_CARDS = (
    ("4111 1111 1111 1111", "cnon:card-nonce-ok", "paid"),
    ("4242 4242 4242 4242", "", "paid"),
    ("5105 1051 0510 5100", "", "paid"),
    ("4000 0000 0000 0002", "cnon:card-nonce-declined", "GENERIC_DECLINE"),
    ("any, CVV 911", "cnon:card-nonce-rejected-cvv", "CVV_FAILURE"),
    ("any, postal code 99999", "cnon:card-nonce-rejected-postalcode", "ADDRESS_VERIFICATION_FAILURE"),
    ("any, expiry 01/40", "cnon:card-nonce-rejected-expiration", "INVALID_EXPIRATION"),
    (
        "5248 4800 0021 0034",
        VERIFICATION_NONCE,
        "the bank asks for a code, 123456; through the API a verification_token is needed",
    ),
    ("4310 0000 0000 0007", "", "the same with a Visa card"),
    ("4800 0000 0000 0004", "", "verified without a question, paid"),
    ("7783 3200 0000 1087", "cnon:gift-card-nonce-ok", "paid by gift card"),
    ("", "bnon:bank-nonce-ok", "PENDING, COMPLETED after bank_settle_seconds"),
    ("", "bnon:bank-nonce-insufficient-funds", "PENDING, then FAILED; also -failure, -account-unusable, -invalid-account"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """decline: code and detail if the payment will be refused. later_failure: code with which a bank transfer bounces."""

    source_type: str
    card: Record | None = None
    entry_method: str = "KEYED"
    decline: tuple[str, str] | None = None
    later_failure: str | None = None
    customer_id: str | None = None
    challenge: bool = False
    """The payer's bank wants to ask before the payment goes through."""


def card_record(number: str, month: int, year: int, *, brand: str | None = None, card_type: str = "CREDIT") -> Record:
    """What Square shows of a card; the number itself goes no further than here."""
    return {
        "card_brand": brand or brand_of(number),
        "last_4": number[-4:],
        "exp_month": month,
        "exp_year": year,
        "fingerprint": "sq-1-" + hashlib.sha256(number.encode()).hexdigest()[:48],
        "card_type": card_type,
        "prepaid_type": "NOT_PREPAID",
        "bin": number[:6],
    }


def brand_of(number: str) -> str:
    return next(
        (brand for start, brand in sorted(BRANDS, key=lambda entry: -len(entry[0])) if number.startswith(start)), "OTHER_BRAND"
    )


def from_source_id(
    square: Square, seller: Seller, source_id: str, customer_id: str | None, *, verification_token: str | None = None
) -> Source:
    """Raises NOT_FOUND for an unknown nonce or card. verification_token: proof that the buyer answered the bank."""
    if source_id in ("CASH", "EXTERNAL"):
        return Source(source_type=source_id)
    if source_id.startswith("ccof:"):
        return _card_on_file(square, seller, source_id, customer_id)
    if source_id.startswith("bnon:"):
        if source_id != "bnon:bank-nonce-ok" and source_id not in BANK_FAILURES:
            raise invalid("NOT_FOUND", "Bank nonce not found", "source_id", status=404)
        return Source(source_type="BANK_ACCOUNT", later_failure=BANK_FAILURES.get(source_id))
    year = square.now().year + 2
    if source_id == VERIFICATION_NONCE:
        refused = None if verification_token else (VERIFICATION_REQUIRED, f"Authorization error: '{VERIFICATION_REQUIRED}'")
        return Source(source_type="CARD", card=card_record(CHALLENGE_NUMBERS[0], 11, year), decline=refused)
    if source_id in NONCE_DECLINES:
        return Source(source_type="CARD", card=card_record(DECLINED_NUMBER, 11, year), decline=NONCE_DECLINES[source_id])
    if source_id not in GOOD_NONCES:
        raise invalid("NOT_FOUND", "Card nonce not found in this `sandbox` application environment.", "source_id", status=404)
    number, brand, card_type = GOOD_NONCES[source_id]
    return Source(source_type="CARD", card=card_record(number, 11, year, brand=brand, card_type=card_type))


def _card_on_file(square: Square, seller: Seller, card_id: str, customer_id: str | None) -> Source:
    card = seller.cards.get(card_id)
    if card is None or not card["enabled"]:
        raise invalid("NOT_FOUND", f"Card `{card_id}` not found.", "source_id", status=404)
    if customer_id is None:
        raise missing("customer_id")
    if card.get("customer_id") != customer_id:
        raise bad_request("The card on file does not belong to this customer.", "customer_id")
    names = ("card_brand", "last_4", "exp_month", "exp_year", "fingerprint", "card_type", "prepaid_type", "bin")
    shown = {"id": card_id, **{name: card[name] for name in names}}
    expired = (card["exp_year"], card["exp_month"]) < (square.now().year, square.now().month)
    refused = ("CARD_EXPIRED", "Authorization error: 'CARD_EXPIRED'") if expired else seller.card_declines.get(card_id)
    return Source(source_type="CARD", card=shown, entry_method="ON_FILE", customer_id=customer_id, decline=refused)


def typed_card(square: Square, number: str, expiry: str, cvv: str, postal_code: str) -> Source:
    """A card as a payer types it on a hosted page. expiry: MM/YY. Never raises: a bad card is a decline."""
    digits = re.sub(r"\D", "", number)
    match = re.fullmatch(r"(\d{1,2})\s*/\s*(?:20)?(\d{2})", expiry.strip())
    month, year = (int(match[1]), 2000 + int(match[2])) if match else (0, 0)
    code = _typed_decline(square, digits, month, year, cvv.strip(), postal_code.strip())
    card = card_record(digits.ljust(10, "0"), month or 1, year or square.now().year)
    decline = (code, DECLINE_TEXTS[code]) if code else None
    return Source(source_type="CARD", card=card, decline=decline, challenge=not code and digits in CHALLENGE_NUMBERS)


def _typed_decline(square: Square, digits: str, month: int, year: int, cvv: str, postal_code: str) -> str | None:
    now = square.now()
    if not 13 <= len(digits) <= 19 or not passes_luhn(digits):
        return "INVALID_CARD"
    if not 1 <= month <= 12 or (month, year) == BAD_EXPIRY:
        return "INVALID_EXPIRATION"
    if (year, month) < (now.year, now.month):
        return "CARD_EXPIRED"
    if digits == DECLINED_NUMBER:
        return "GENERIC_DECLINE"
    if cvv == BAD_CVV or not re.fullmatch(r"\d{3,4}", cvv):
        return "CVV_FAILURE"
    return "ADDRESS_VERIFICATION_FAILURE" if postal_code == BAD_POSTAL_CODE else None


def passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def decline(square: Square, source: Source, payment: Record) -> ApiFailure:
    """The refusal of a payment, with the FAILED payment beside it."""
    code, detail = source.decline or ("GENERIC_DECLINE", "")
    return ApiFailure(square.settings.decline_status, problem(PAYMENT_METHOD, code, detail), beside={"payment": payment})


def details(source: Source, status: str, moment: str, code: str | None) -> dict[str, Any]:
    """card_details or bank_account_details of a payment in this card status."""
    errors = {"errors": [problem(PAYMENT_METHOD, code, f"Authorization error: '{code}'")]} if code else {}
    if source.source_type == "BANK_ACCOUNT":
        account = {"routing_number": "061120084", "account_number_suffix": "000", "account_type": "CHECKING"}
        bank = {"bank_name": "Citizens Bank", "transfer_type": "ACH", "country": "US", "ach_details": account}
        return {"bank_account_details": {**bank, **errors}}
    timeline = {"authorized_at": moment} | ({"captured_at": moment} if status == "CAPTURED" else {})
    return {
        "card_details": {
            "status": status,
            "card": source.card,
            "entry_method": source.entry_method,
            "cvv_status": "CVV_REJECTED" if code == "CVV_FAILURE" else "CVV_ACCEPTED",
            "avs_status": "AVS_REJECTED" if code == "ADDRESS_VERIFICATION_FAILURE" else "AVS_ACCEPTED",
            "statement_description": "SQ *SANDBOX",
            "card_payment_timeline": timeline if status != "FAILED" else {},
            **errors,
        }
    }
