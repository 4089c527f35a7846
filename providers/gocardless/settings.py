"""What the environment says about our registration with GoCardless (a partner app)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

API_VERSION = "2015-07-06"
ENVIRONMENTS = ("sandbox", "live")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoCardlessSettings:
    """`api_base` and `connect_base` without a trailing slash: the API, and the consent page with its tokens."""

    client_id: str
    client_secret: str = field(repr=False)
    live: bool
    api_base: str
    connect_base: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> GoCardlessSettings:
        """Missing values become empty. Raises ValueError for an environment that is neither sandbox nor live."""
        environment = env.get("GOCARDLESS_ENVIRONMENT", "").strip().lower() or "sandbox"
        if environment not in ENVIRONMENTS:
            raise ValueError("GOCARDLESS_ENVIRONMENT must be sandbox or live")
        suffix = "" if environment == "live" else "-sandbox"
        return cls(
            client_id=env.get("GOCARDLESS_CLIENT_ID", "").strip(),
            client_secret=env.get("GOCARDLESS_CLIENT_SECRET", "").strip(),
            live=environment == "live",
            api_base=(env.get("GOCARDLESS_API_BASE", "").strip() or f"https://api{suffix}.gocardless.com").rstrip("/"),
            connect_base=(env.get("GOCARDLESS_CONNECT_BASE", "").strip() or f"https://connect{suffix}.gocardless.com").rstrip(
                "/"
            ),
        )
