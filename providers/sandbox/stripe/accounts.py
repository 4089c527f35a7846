"""The merchant's account: /v1/account and /v1/accounts/{account}."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import ADDRESS_FIELDS
from providers.sandbox.stripe.errors import ACCOUNT_INVALID, ApiError
from providers.sandbox.stripe.lists import list_json
from providers.sandbox.stripe.store import Record, render
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, Account


def account_record(account: Account) -> Record:
    requirements: Record = {
        name: [] for name in ("alternatives", "currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    }
    future = {**requirements, "current_deadline": None, "disabled_reason": None}
    due = list(account.requirements)
    disabled = account.disabled_reason or ("requirements.past_due" if due else None)
    requirements |= {"current_deadline": None, "disabled_reason": disabled}
    requirements |= dict.fromkeys(("currently_due", "eventually_due", "past_due"), due)
    active = "active" if account.charges_enabled else "inactive"
    return {
        "id": account.id,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": account.profile.get("mcc"),
            "minority_owned_business_designation": None,
            "name": account.name,
            "product_description": account.profile.get("product_description"),
            "support_address": dict.fromkeys(ADDRESS_FIELDS),
            "support_email": account.profile.get("support_email", account.email),
            "support_phone": account.profile.get("support_phone"),
            "support_url": account.profile.get("support_url"),
            "url": account.profile.get("url"),
        },
        "business_type": account.business_type,
        "capabilities": {"card_payments": active, "transfers": active},
        "charges_enabled": account.charges_enabled,
        "controller": _controller(account),
        "country": account.country,
        "created": account.created,
        "default_currency": account.currency,
        "details_submitted": account.details_submitted,
        "email": account.email,
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{account.id}/external_accounts",
        },
        "future_requirements": future,
        "metadata": account.metadata,
        "payouts_enabled": account.payouts_enabled,
        "requirements": requirements,
        "settings": _settings(account),
        "tos_acceptance": {"date": account.accepted_at, "ip": None, "user_agent": None},
        "type": account.kind,
    }


def _controller(account: Account) -> Record:
    if not account.controlled:
        return {"type": "account"}
    return {
        "fees": {"payer": "account"},
        "is_controller": True,
        "losses": {"payments": "stripe"},
        "requirement_collection": "stripe",
        "stripe_dashboard": {"type": "express" if account.kind == "express" else "full"},
        "type": "application",
    }


def _settings(account: Account) -> Record:
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": account.name, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
        "payments": {
            "statement_descriptor": account.name.upper()[:22],
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


@operation("GET /v1/account")
def get_own_account(call: Call) -> Record:
    return account_record(call.account)


@operation("GET /v1/accounts/{account}")
def get_account(call: Call) -> Record:
    return account_record(accessible_account(call, call.ids["account"]))


def accessible_account(call: Call, account_id: str, *, param: str | None = None) -> Account:
    """The caller's own account, or one connected to the calling platform. Raises 403."""
    account = call.world.accounts.get(account_id)
    is_own = account_id == call.account.id
    is_connected = call.account.id == PLATFORM_ACCOUNT and call.world.connection(account_id, call.livemode) is not None
    if account is None or not (is_own or is_connected):
        message = ACCOUNT_INVALID.format(key="sk_***", account=account_id)
        raise ApiError(403, message, code="account_invalid", executed=False, param=param)
    return account


@operation("GET /v1/accounts")
def list_accounts(call: Call) -> bytes:
    if call.account.id != PLATFORM_ACCOUNT:
        return list_json([], False, call.path)
    connected = [
        account for account in call.world.accounts.values() if call.world.connection(account.id, call.livemode) is not None
    ]
    newest_first = sorted(connected, key=lambda account: account.created, reverse=True)
    return list_json(
        [render(account_record(account)) for account in newest_first[: call.params.get("limit", 10)]], False, call.path
    )
