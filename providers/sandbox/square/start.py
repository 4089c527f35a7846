"""The Square part of the sandbox's start page: what it offers, with commands to copy."""

from typing import Any

from providers.sandbox.square.dashboard import ACTIONS
from providers.sandbox.square.payment_sources import TEST_CARDS
from providers.sandbox.square.settings import Settings, explained
from providers.sandbox.square.terminal import TEST_DEVICES

OFFERS = (
    "OAuth with consent page, refresh, PKCE and revocation; merchants and locations",
    "customers, orders, invoices (deposits, instalments, attachments), payments, refunds, cards on file",
    "subscriptions with plans and cycles, disputes with evidence, payouts with entries",
    "payment links with a hosted checkout, Terminal checkouts and devices, sales at the till",
    "catalog and inventory counts",
    "webhook subscriptions with both signatures and the eleven-step retry schedule; the events feed",
)
NOTES = (
    "The consent page: /oauth2/authorize; any http://localhost or http://127.0.0.1 address may be the redirect_uri.",
    "Webhook subscriptions and the events feed need the application owner's access token.",
    "Each account's own access token works on the API too, as a personal access token of that seller does.",
    "Invoices and payment links are paid on the pages that public_url and url lead to; the test cards are on this page.",
    "Payments of 88.01 to 88.09 through the API are disputed at once, one reason each.",
    "Subscriptions, payouts, refunds, bank transfers and webhook retries go by the clock: advance it and they happen.",
    "Square-Version 2026-09-16 and 2025-08-20 are spoken; a webhook subscription gets the version it was made with.",
)


def page(base_url: str, credentials: dict[str, Any], accounts: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    devices = [("", device_id, f"Terminal device: {result}") for device_id, result in TEST_DEVICES.items()]
    return {
        "title": "Square sandbox on this machine",
        "intro": "A stand-in for Square's API, OAuth pages, hosted invoice and checkout pages. Nothing here reaches Square.",
        "accent": "#006aff",
        "facts": [(name.replace("_", " "), value) for name, value in credentials.items()],
        "offers": OFFERS,
        "accounts": accounts,
        "cards": (*TEST_CARDS, *devices),
        "notes": NOTES,
        "actions": actions(),
        "examples": examples(base_url, credentials["access_token"]),
        "groups": groups(base_url, credentials["default_merchant_id"]),
        "settings": explained(settings),
    }


def actions() -> list[tuple[str, str]]:
    return [(name, words) for name, (_, words) in sorted(ACTIONS.items())]


def examples(base: str, token: str) -> list[tuple[str, str]]:
    return [
        ("Ask the API", f"curl {base}/v2/locations -H 'Authorization: Bearer {token}'"),
        ("A new seller", _control(base, "accounts", '{"name": "Corner Shop", "locations": [{"name": "Main"}]}')),
    ]


def groups(base: str, merchant_id: str) -> list[tuple[str, list[tuple[str, str]]]]:
    def control(path: str, body: str) -> str:
        return _control(base, path, body)

    def act(action: str, fields: str = "") -> str:
        return control("act", f'{{"account_id": "{merchant_id}", "action": "{action}"{", " + fields if fields else ""}}}')

    seeded = f'{{"account_id": "{merchant_id}", "customers": 100, "invoices": 50, "payments": 20, "payouts": true, "seed": 7}}'
    chaos = '{"webhooks": {"chaos": {"duplicate": 0.5, "reorder": 0.5, "delay_seconds": 5}}}'
    return [
        (
            "Records and what people do",
            [
                ("Many records at once", control("seed", seeded)),
                ("A sale at the till, with a tip", act("pos_sale", '"amount": 1250, "tip": 200')),
                (
                    "A dispute, due in a week",
                    act("dispute_open", '"payment_id": "…", "reason": "NOT_RECEIVED", "due_in_days": 7'),
                ),
                ("Pay the balance out now", act("payout_send")),
                ("A monthly plan", act("plan_create", '"name": "Care", "amount": 2900, "cadence": "MONTHLY"')),
                ("The buyer pays at the terminal", act("terminal_pay", '"checkout_id": "…", "tip": 150')),
                ("A month passes", control("clock", '{"advance_seconds": 2678400}')),
                ("All records of a seller, to compare", f"curl -N '{base}/_twin/truth.jsonl?account_id={merchant_id}'"),
            ],
        ),
        (
            "What goes wrong",
            [
                (
                    "The next two calls are rate limited",
                    control("faults", '{"kind": "rate_limited", "times": 2, "retry_after": 1}'),
                ),
                (
                    "The next payment is made, but nobody hears of it",
                    control("faults", '{"kind": "dropped", "path": "/v2/payments"}'),
                ),
                ("A stale version", control("faults", '{"kind": "conflict", "reason": "VERSION_MISMATCH", "method": "PUT"}')),
                (
                    "Every tenth call fails, the same ones each time",
                    control("fault-plan", '{"seed": 7, "share": 0.1, "path": "/v2/*"}'),
                ),
                ("Webhooks twice, late and out of order", control("settings", chaos)),
                (
                    "Searches lag behind, pages have gaps",
                    control("settings", '{"customer_lag_seconds": 30, "empty_middle_page": true}'),
                ),
                (
                    "Words that no document knows",
                    control("settings", '{"unknown_enums": ["payment.source_type"], "unknown_fields": true}'),
                ),
                ("Everything back to the start", control("reset", "{}")),
            ],
        ),
    ]


def _control(base: str, path: str, body: str) -> str:
    return f"curl -X POST {base}/_twin/{path} -d '{body}'"
