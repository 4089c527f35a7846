"""The Stripe part of the sandbox's start page: what it stands in for, its keys and cards, and commands to copy."""

from dataclasses import asdict

from providers.sandbox.core.twin import JsonObject
from providers.sandbox.stripe.actions import ACTIONS
from providers.sandbox.stripe.cards import BANK_ACCOUNTS, CARDS
from providers.sandbox.stripe.permissions import NAMES
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, World

OFFERS = (
    "Customers, products, prices, coupons, tax rates; invoices with lines, discounts, taxes, partial payments and credit notes",
    "Payment intents, charges, refunds (pending and failing ones too), setup intents, payment methods: cards and bank debits",
    "Subscriptions: trials, cycles, dunning, prorations, pause and resume, cancellation, all by the clock",
    "Checkout sessions (hosted, embedded, setup, subscription), payment links, the billing portal, hosted invoices with PDF: "
    "pages that a person or a browser test fills in",
    "Disputes with evidence and deadlines, payouts with their balance transactions, Stripe's own fees",
    "Connect: OAuth with a consent page, accounts made by API with onboarding links, restricted keys",
    "Events and webhooks: signed, retried, with two secrets while one is rolled, in the version of their endpoint",
    "API versions 2023-10-16, 2024-04-10, 2025-03-31.basil, 2026-06-24.dahlia and 2026-10-28.endive, by Stripe-Version",
    "Idempotency keys, expand, search, list filters and cursors, Stripe's error bodies and rate limits",
)
NOTES = (
    "Point a Stripe SDK here by its base address, for example in Python: "
    'StripeClient(key, base_addresses={"api": url, "connect": url, "files": url}).',
    "An account connects at /oauth/authorize?response_type=code&scope=read_write&client_id=…&redirect_uri=…&state=…",
    "Any future expiry and any CVC will do on the pages. Cards that need 3-D Secure lead to a page of the bank with two buttons.",
    "For embedded checkout load /v3/ from here instead of js.stripe.com: "
    "Stripe(key, {stripeAccount}).initEmbeddedCheckout({clientSecret}).",
    "Balance transactions come about a second after the charge, disputes two seconds after it; payouts at midnight UTC once the "
    "money is available, which takes two days of the clock.",
    "A dispute is won with the evidence text winning_evidence and lost with losing_evidence; other evidence waits for "
    "resolve_dispute.",
)
SETTINGS = {
    "rate_limits": "`documented`, `off`, or numbers per second: global_live, global_test, per_endpoint, and concurrent",
    "balance_transaction_lag_seconds": "from a charge to its balance transaction (with automatic_async capture)",
    "refund_lag_seconds": "until a pending refund succeeds and a failing one fails",
    "search_lag_seconds": "how long new records stay out of search",
    "finalization_delay_seconds": "from a draft with auto_advance to its finalization",
    "automatic_tax_percentage": "what automatic tax takes, per cent",
    "dispute_lag_seconds": "from the charge to the dispute of a test card, and from evidence to its outcome",
    "payout_schedule": "daily or manual",
    "payout_arrival_seconds": "from in_transit to paid",
    "delayed_payment_seconds": "how long a bank debit is processing",
    "subscription_retry_days": "days between attempts to collect a subscription's invoice",
    "subscription_after_retries": "canceled, unpaid or past_due after the last attempt",
    "portal_needs_configuration": "whether the billing portal is refused until a configuration was made",
    "new_account_requirements": "what an account made by API still lacks",
    "redirect_uris": "registered OAuth addresses; none: any on localhost",
}


def page(world: World) -> JsonObject:
    described = world.describe()
    shown = [account for account in world.accounts.values() if account.id != PLATFORM_ACCOUNT]
    options = asdict(world.options)
    return {
        "title": "Stripe twin",
        "accent": "#4f46e5",
        "intro": "A stateful stand-in for Stripe's api and connect hosts and its hosted pages, on this machine. Nothing here "
        "reaches Stripe and no money moves. Use it to test your own Stripe code: without a network, with a clock you can move "
        "and faults you can switch on.",
        "facts": [(name.replace("_", " "), value) for name, value in described.items() if name != "accounts"],
        "offers": OFFERS,
        "accounts": [
            {
                "id": account.id,
                "name": account.name,
                "test secret key": account.keys[False]["sk"],
                "test restricted key": account.keys[False]["rk"],
            }
            for account in shown
        ],
        "cards": [(card.number, card.payment_method, card.result) for card in (*CARDS, *BANK_ACCOUNTS)],
        "notes": (*NOTES, f"Permissions of restricted keys: {', '.join(sorted(NAMES))}."),
        "actions": [(name, description) for name, (description, _) in ACTIONS.items()],
        "settings": [(name, options[name], what) for name, what in SETTINGS.items()],
        "examples": _first_steps(world.base_url, shown[0].id, shown[0].keys[False]["sk"], described["secret_key"]),
        "groups": _groups(world.base_url, shown[0].id),
    }


def _first_steps(base: str, account_id: str, key: str, platform_key: str) -> list[tuple[str, str]]:
    platform = f"-H 'Stripe-Account: {account_id}'"
    return [
        ("A customer, with the account's own key", f"curl -s {base}/v1/customers -u {key}: -d name=Ada -d email=ada@example.com"),
        (
            "A payment with a test card",
            f"curl -s {base}/v1/payment_intents -u {key}: -d amount=2000 -d currency=usd -d payment_method=pm_card_visa "
            "-d confirm=true -d 'automatic_payment_methods[enabled]=true' "
            "-d 'automatic_payment_methods[allow_redirects]=never'",
        ),
        (
            "A checkout page: open the url of the answer and pay with 4242 4242 4242 4242",
            f"curl -s {base}/v1/checkout/sessions -u {key}: -d mode=payment -d success_url={base}/done "
            "-d 'line_items[0][quantity]=1' -d 'line_items[0][price_data][currency]=usd' "
            "-d 'line_items[0][price_data][unit_amount]=2500' -d 'line_items[0][price_data][product_data][name]=Lesson'",
        ),
        (
            "A webhook endpoint; its secret is in the answer",
            f"curl -s {base}/v1/webhook_endpoints -u {key}: -d url=http://localhost:4242/hook -d 'enabled_events[0]=*'",
        ),
        (
            "Let the platform act for the account, then use its key with Stripe-Account",
            f"curl -s {base}/_twin/act -d '{_json(account_id, 'connect')}' && "
            f"curl -s {base}/v1/account {platform} -u {platform_key}:",
        ),
    ]


def _groups(base: str, account_id: str) -> list[tuple[str, list[tuple[str, str]]]]:
    def post(path: str, body: str) -> str:
        return f"curl -s {base}/_twin/{path} -d '{body}'"

    def act(action: str, fields: str = "") -> str:
        return post("act", _json(account_id, action, fields))

    return [
        (
            "Time",
            [
                ("Jump 35 days ahead: subscriptions renew, payouts arrive", post("clock", '{"advance_seconds": 3024000}')),
                ("Set the time and stop it", post("clock", '{"now": "2027-01-31T12:00:00+00:00", "frozen": true}')),
                ("Let it run again", post("clock", '{"frozen": false}')),
            ],
        ),
        (
            "Merchant, payer and bank",
            [
                ("A payment at the counter", act("take_payment", '"amount": 1250, "in_person": true')),
                ("An open invoice", act("create_invoice", '"customer_id": "cus_…", "amount": 12500')),
                ("The payer pays it", act("pay_invoice", '"invoice_id": "in_…", "card": "4242424242424242"')),
                ("A payment that is disputed", act("take_payment", '"amount": 4000, "card": "4000000000000259"')),
                ("The bank decides", act("resolve_dispute", '"dispute_id": "du_…", "outcome": "won"')),
                ("Pay out now what is available", act("pay_out")),
                ("A payout fails after all", act("fail_payout", '"payout_id": "po_…", "code": "account_closed"')),
                ("A restricted key", act("create_restricted_key", '"permissions": ["customer_read", "invoice_write"]')),
                (
                    "Roll a signing secret, the old one signs for an hour",
                    act("roll_webhook_secret", '"endpoint_id": "we_…", "keep_old_seconds": 3600'),
                ),
            ],
        ),
        (
            "Faults",
            [
                (
                    "Two customer requests hit the endpoint's rate limit",
                    post("faults", '{"kind": "rate_limited", "path": "/v1/customers*", "times": 2, "reason": "endpoint-rate"}'),
                ),
                (
                    "An object is locked (429 lock_timeout with Stripe-Should-Retry)",
                    post("faults", '{"kind": "rate_limited", "reason": "lock_timeout"}'),
                ),
                (
                    "The next payment happens, but the connection breaks",
                    post("faults", '{"kind": "dropped", "method": "POST", "path": "/v1/payment_intents"}'),
                ),
                ("500 although it happened", post("faults", '{"kind": "server_error_after", "method": "POST", "path": "/v1/*"}')),
                (
                    "Every tenth request fails, the same ones each time",
                    post("fault-plan", '{"seed": 7, "share": 0.1, "path": "/v1/*", "reasons": ["global-rate", "lock_timeout"]}'),
                ),
                ("Which of the next 50 requests will fail", f"curl -s '{base}/_twin/fault-plan?preview=50'"),
                ("Stop the plan", f"curl -s -X DELETE {base}/_twin/fault-plan"),
                (
                    "Webhooks twice, out of order, late and sometimes lost",
                    post(
                        "settings",
                        '{"webhooks": {"chaos": {"duplicate": 0.5, "reorder": 0.5, "delay_seconds": 60, "drop": 0.1}}}',
                    ),
                ),
                ("Stripe's documented rate limits", post("settings", '{"rate_limits": "documented"}')),
            ],
        ),
        (
            "Many records",
            [
                (
                    "117,000 records with subscriptions, disputes and payouts",
                    post(
                        "seed",
                        f'{{"account_id": "{account_id}", "seed": 1, "customers": 10000, "invoices": 14000, "payments": 5000, '
                        '"subscriptions": 500, "disputed": 0.01, "payouts": true}',
                    ),
                ),
                ("All of them, to compare", f"curl -sN '{base}/_twin/truth.jsonl?account_id={account_id}'"),
                ("Some kinds only", f"curl -s '{base}/_twin/truth?account_id={account_id}&kinds=customers,invoices'"),
                ("Start anew", f"curl -s -X POST {base}/_twin/reset"),
            ],
        ),
    ]


def _json(account_id: str, action: str, fields: str = "") -> str:
    return f'{{"account_id": "{account_id}", "action": "{action}"{", " + fields if fields else ""}}}'
