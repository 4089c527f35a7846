"""The settings: every environment variable of the hub, read once, checked together, typed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.config.problems import ConfigurationError, Problem
from hub.config.reader import Environment, Reader
from hub.vault import Keyring, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One environment's settings. None means: not set, so the default of the interface holds."""

    environment: Environment
    data_dir: Path
    """Absolute. Embedded servers, generated development secrets and the demo live here."""
    base_url: str
    """Public origin without a trailing slash."""
    database_url: str | None = field(default=None, repr=False)
    """`postgresql+psycopg://…`; None: the embedded PostgreSQL."""
    redis_url: str | None = field(default=None, repr=False)
    """None: the embedded Redis."""
    secret_key: Secret = field(repr=False)
    keyring: Keyring = field(repr=False)
    generated: frozenset[str] = frozenset()
    """Variables that were not set and whose values were generated for development."""
    smtp_url: Secret | None = field(default=None, repr=False)
    sendgrid_api_key: Secret | None = field(default=None, repr=False)
    twilio_account_sid: str | None = None
    twilio_auth_token: Secret | None = field(default=None, repr=False)
    twilio_from_number: str | None = None
    twilio_api_base: str | None = None
    trusted_proxies: int = 0
    """How many proxies in front of us may say who the client is (X-Forwarded-For, -Proto, -Host); 0: none is believed."""
    oidc_issuer: str | None = None
    """Sign-in by OpenID Connect; None: by mailed link only."""
    oidc_client_id: str | None = None
    oidc_client_secret: Secret | None = field(default=None, repr=False)
    clock_file: Path | None = None
    """An offset in seconds shared by the processes of a test or demo, see hub.clock."""
    crash_at: int | None = None
    """Kill the process at its n-th boundary, counted from 1; for crash tests."""
    budget_factor: float = 1.0
    """Multiplies the providers' request budgets: more than 1 against the local twins, less where others share them."""
    experimental_providers: frozenset[str] = frozenset()
    """Names of experimental providers that may be connected here."""
    provider_problems: tuple[Problem, ...] = ()
    """Providers set up by halves. Production refuses them; elsewhere `payhub doctor` shows them."""
    secret_values: tuple[str, ...] = field(default=(), repr=False)
    """Every secret of this environment in clear, for the log filter."""

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @property
    def secure_cookies(self) -> bool:
        return self.base_url.startswith("https:")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check everything. Outside production, missing secrets are generated once and kept in the data folder.

        Raises ConfigurationError with all problems at once."""
        reader = Reader(environ)
        secret_key, keyring = reader.secret_key(), reader.keyring()
        base_url, oidc_issuer = reader.base_url(), reader.oidc_issuer()
        database_url, redis_url = reader.database_url(), reader.redis_url()
        smtp_url = reader.url("SMTP_URL", ("smtp", "smtps"), "smtp://user:password@host:587")
        crash_at, budget_factor, trusted_proxies = reader.crash_at(), reader.budget_factor(), reader.trusted_proxies()
        experimental_providers = reader.experimental_providers()
        reader.check_twilio()
        reader.check_provider_values()
        provider_problems = reader.provider_problems()
        if reader.production:
            reader.problems += provider_problems
            reader.refuse_test_switches()
            reader.refuse_http()
            reader.check_sign_in()
        if reader.problems or secret_key is None or keyring is None:
            raise ConfigurationError(reader.problems)
        return cls(
            environment=reader.environment,
            data_dir=reader.data_dir,
            base_url=base_url,
            database_url=database_url,
            redis_url=redis_url,
            secret_key=Secret(secret_key),
            keyring=keyring,
            generated=frozenset(reader.generated),
            smtp_url=Secret(smtp_url) if smtp_url else None,
            sendgrid_api_key=reader.secret("SENDGRID_API_KEY"),
            twilio_account_sid=reader.values.get("TWILIO_ACCOUNT_SID"),
            twilio_auth_token=reader.secret("TWILIO_AUTH_TOKEN"),
            twilio_from_number=reader.values.get("TWILIO_FROM_NUMBER"),
            twilio_api_base=reader.values.get("TWILIO_API_BASE"),
            trusted_proxies=trusted_proxies,
            oidc_issuer=oidc_issuer,
            oidc_client_id=reader.values.get("PAYHUB_OIDC_CLIENT_ID"),
            oidc_client_secret=reader.secret("PAYHUB_OIDC_CLIENT_SECRET"),
            clock_file=reader.path("PAYHUB_CLOCK_FILE"),
            crash_at=crash_at,
            budget_factor=budget_factor,
            experimental_providers=experimental_providers,
            provider_problems=tuple(provider_problems),
            secret_values=reader.secret_values(),
        )
