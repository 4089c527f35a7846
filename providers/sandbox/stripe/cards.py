"""Test cards and test payment methods and what each one does (Stripe docs: testing)."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """decline: code and decline code of the answer, None if the bank pays. refund: how a refund to this card ends."""

    number: str
    payment_method: str
    result: str
    brand: str = "visa"
    decline: tuple[str, str | None] | None = None
    three_d_secure: Literal["never", "always", "unless_set_up", "off_session_once_set_up"] = "never"
    refund: Literal["succeeds", "pending", "fails"] = "succeeds"
    attaches: bool = True
    available_at_once: bool = False
    dispute: str | None = None
    """Reason of the dispute that follows a charge."""
    inquiry: bool = False
    """The dispute begins as an inquiry, without money leaving."""
    kind: Literal["card", "us_bank_account"] = "card"
    delayed: Literal["no", "succeeds", "fails"] = "no"
    """A bank debit is processing for days before it ends so."""

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS = (
    TestCard(number="4242424242424242", payment_method="pm_card_visa", result="pays"),
    TestCard(number="4000056655665556", payment_method="pm_card_visa_debit", result="pays (debit)"),
    TestCard(number="5555555555554444", payment_method="pm_card_mastercard", result="pays", brand="mastercard"),
    TestCard(number="378282246310005", payment_method="pm_card_amex", result="pays", brand="amex"),
    TestCard(
        number="4000000000000002",
        payment_method="pm_card_visa_chargeDeclined",
        result="declined: generic_decline",
        decline=("card_declined", "generic_decline"),
        attaches=False,
    ),
    TestCard(
        number="4000000000009995",
        payment_method="pm_card_visa_chargeDeclinedInsufficientFunds",
        result="declined: insufficient_funds",
        decline=("card_declined", "insufficient_funds"),
        attaches=False,
    ),
    TestCard(
        number="4000000000009987",
        payment_method="pm_card_visa_chargeDeclinedLostCard",
        result="declined: lost_card",
        decline=("card_declined", "lost_card"),
        attaches=False,
    ),
    TestCard(
        number="4000000000009979",
        payment_method="pm_card_visa_chargeDeclinedStolenCard",
        result="declined: stolen_card",
        decline=("card_declined", "stolen_card"),
        attaches=False,
    ),
    TestCard(
        number="4000000000000069",
        payment_method="pm_card_chargeDeclinedExpiredCard",
        result="declined: expired_card",
        decline=("expired_card", None),
        attaches=False,
    ),
    TestCard(
        number="4000000000000127",
        payment_method="pm_card_chargeDeclinedIncorrectCvc",
        result="declined: incorrect_cvc",
        decline=("incorrect_cvc", None),
        attaches=False,
    ),
    TestCard(
        number="4000000000000119",
        payment_method="pm_card_chargeDeclinedProcessingError",
        result="declined: processing_error",
        decline=("processing_error", None),
        attaches=False,
    ),
    TestCard(
        number="4000000000006975",
        payment_method="pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        result="declined: card_velocity_exceeded",
        decline=("card_declined", "card_velocity_exceeded"),
        attaches=False,
    ),
    TestCard(
        number="4000000000000341",
        payment_method="pm_card_chargeCustomerFail",
        result="can be saved, every charge is declined",
        decline=("card_declined", "generic_decline"),
    ),
    TestCard(
        number="4000002500003155",
        payment_method="pm_card_authenticationRequiredOnSetup",
        result="3-D Secure unless set up",
        three_d_secure="unless_set_up",
    ),
    TestCard(
        number="4000002760003184",
        payment_method="pm_card_authenticationRequired",
        result="3-D Secure always",
        three_d_secure="always",
    ),
    TestCard(
        number="4000003800000446",
        payment_method="pm_card_authenticationRequiredSetupForOffSession",
        result="3-D Secure with the payer present, passes off-session",
        three_d_secure="off_session_once_set_up",
    ),
    TestCard(
        number="4000008260003178",
        payment_method="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        result="3-D Secure, then declined: insufficient_funds",
        three_d_secure="always",
        decline=("card_declined", "insufficient_funds"),
    ),
    TestCard(
        number="4000000000003220",
        payment_method="pm_card_threeDSecure2Required",
        result="3-D Secure 2, then pays",
        three_d_secure="always",
    ),
    TestCard(
        number="4000000000007726",
        payment_method="pm_card_pendingRefund",
        result="pays; a refund is pending, then succeeds",
        refund="pending",
    ),
    TestCard(
        number="4000000000005126",
        payment_method="pm_card_refundFail",
        result="pays; a refund succeeds, then fails",
        refund="fails",
    ),
    TestCard(
        number="4000000000000259",
        payment_method="pm_card_createDispute",
        result="pays; then disputed: fraudulent",
        dispute="fraudulent",
    ),
    TestCard(
        number="4000000000002685",
        payment_method="pm_card_createDisputeProductNotReceived",
        result="pays; then disputed: product_not_received",
        dispute="product_not_received",
    ),
    TestCard(
        number="4000000000001976",
        payment_method="pm_card_createDisputeInquiry",
        result="pays; then an inquiry",
        dispute="fraudulent",
        inquiry=True,
    ),
    TestCard(
        number="4000000000000077",
        payment_method="pm_card_bypassPending",
        result="pays, funds available at once",
        available_at_once=True,
    ),
)
BANK_ACCOUNTS = (
    TestCard(
        number="000123456789",
        payment_method="pm_usBankAccount_success",
        result="bank debit: processing for days, then pays",
        brand="bank",
        kind="us_bank_account",
        delayed="succeeds",
    ),
    TestCard(
        number="000111111116",
        payment_method="pm_usBankAccount_accountClosed",
        result="bank debit: processing for days, then fails",
        brand="bank",
        decline=("account_closed", None),
        kind="us_bank_account",
        delayed="fails",
    ),
)
"""Account numbers of the documented test bank accounts, routing number 110000000."""
BY_NUMBER = {card.number: card for card in (*CARDS, *BANK_ACCOUNTS)}
BY_PAYMENT_METHOD = {card.payment_method: card for card in (*CARDS, *BANK_ACCOUNTS)}

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "account_closed": "The customer's bank account has been closed.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
}


def passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
