"""Connecting without OAuth, for platforms that Stripe no longer lets use it: an account made by us, completed by its owner."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

import stripe

from providers.contract import Credentials, Grant
from providers.errors import ConnectDenied, OutcomeUnknown, Rejected
from providers.stripe.connection import Connection


def _make(sdk: stripe.StripeClient, key: str) -> stripe.Account:
    """What a standard account was: its owner has the whole dashboard and pays Stripe's fees, Stripe bears the losses and collects
    what it must know (Stripe's SDK, AccountCreateParams.controller; `type` is deprecated there)."""
    return sdk.v1.accounts.create(
        {
            "controller": {
                "fees": {"payer": "account"},
                "losses": {"payments": "stripe"},
                "requirement_collection": "stripe",
                "stripe_dashboard": {"type": "full"},
            }
        },
        {"idempotency_key": key},
    )


def begin(platform: Connection, grant: Grant) -> tuple[str, str]:
    """(the new account, the page of its owner). The same attempt makes one account, however often this is sent."""
    key = f"ph1onb{hashlib.sha256(grant.state.encode()).hexdigest()[:24]}"
    made = platform.write(lambda sdk: _make(sdk, key), creating=True)
    account_id = str(made.body["id"])
    back = f"{grant.redirect_uri}?{urlencode({'state': grant.state})}"
    again = f"{grant.redirect_uri}?{urlencode({'state': grant.state, 'error': 'link_expired'})}"
    link = platform.write(
        lambda sdk: sdk.v1.account_links.create(
            {"account": account_id, "type": "account_onboarding", "return_url": back, "refresh_url": again},
            {"idempotency_key": f"{key}.link"},
        ),
        creating=True,
    )
    return account_id, str(link.body["url"])


def finish(platform: Connection, account_id: str, *, error: str | None, live: bool) -> Credentials:
    """Raises ConnectDenied where the owner left without completing the account, Rejected for a link that had ended."""
    if error:
        raise Rejected("Stripe's onboarding link had ended; please begin again.", code=error[:60])
    body = platform.read(f"/v1/accounts/{account_id}").body
    if body.get("id") != account_id:
        raise OutcomeUnknown("Stripe answered for another account. Please connect again.")
    if body.get("details_submitted") is not True:
        raise ConnectDenied("The account was not completed on Stripe's page.")
    return Credentials(account_id=account_id, scopes=frozenset(["read_write"]), live=live)
