"""Our registration at Stripe, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import stripe

API_BASE: Final = "https://api.stripe.com"
CONNECT_BASE: Final = "https://connect.stripe.com"
API_VERSION: Final = stripe.api_version  # the SDK's pin, sent with reads too: one shape for all answers


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSettings:
    """Empty strings where a variable is not set. Bases have no trailing slash: the SDK joins by plain concatenation."""

    client_id: str = ""
    secret_key: str = field(default="", repr=False)
    publishable_key: str = ""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    api_base: str = API_BASE
    connect_base: str = CONNECT_BASE
    connect_mode: Literal["oauth", "onboarding"] = "oauth"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StripeSettings:
        secrets = f"{env.get('STRIPE_WEBHOOK_SECRETS', '')},{env.get('STRIPE_WEBHOOK_SECRET', '')}"
        return cls(
            client_id=env.get("STRIPE_CLIENT_ID", "").strip(),
            secret_key=env.get("STRIPE_SECRET_KEY", "").strip(),
            publishable_key=env.get("STRIPE_PUBLISHABLE_KEY", "").strip(),
            webhook_secrets=tuple(dict.fromkeys(secret.strip() for secret in secrets.split(",") if secret.strip())),
            api_base=(env.get("STRIPE_API_BASE") or API_BASE).strip().rstrip("/"),
            connect_mode="onboarding" if env.get("STRIPE_CONNECT_MODE", "").strip() == "onboarding" else "oauth",
            connect_base=(env.get("STRIPE_CONNECT_BASE") or CONNECT_BASE).strip().rstrip("/"),
        )


def is_live_key(key: str) -> bool:
    """Whether a secret or restricted key belongs to live mode (Stripe docs: keys)."""
    return key.startswith(("sk_live_", "rk_live_"))
