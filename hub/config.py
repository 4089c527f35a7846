"""The settings: every environment variable of the hub, read once, checked together, typed."""

import base64
import binascii
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

from hub.vault import Keyring, Secret

Environment = Literal["development", "test", "production"]

DEVELOPMENT_BASE_URL = "http://127.0.0.1:8000"
DEVELOPMENT_SECRETS_FILE = "dev-secrets.json"
SECRET_KEY_MIN_CHARS = 32
COMMAND_FOR_SECRET = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'  # noqa: S105 - a command
COMMAND_FOR_KEYS = "python3 -c \"import base64, os; print('k1:' + base64.b64encode(os.urandom(32)).decode())\""

# Each adapter reads its own settings; the names stand here for `payhub doctor`, the log filter and production's checks.
PROVIDER_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "stripe": (
        "STRIPE_CLIENT_ID",
        "STRIPE_SECRET_KEY",
        "STRIPE_PUBLISHABLE_KEY",
        "STRIPE_WEBHOOK_SECRETS",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_API_BASE",
        "STRIPE_CONNECT_BASE",
    ),
    "square": (
        "SQUARE_APPLICATION_ID",
        "SQUARE_APPLICATION_SECRET",
        "SQUARE_ACCESS_TOKEN",
        "SQUARE_WEBHOOK_SIGNATURE_KEYS",
        "SQUARE_WEBHOOK_SECRET",
        "SQUARE_ENVIRONMENT",
        "SQUARE_BASE_URL",
        "SQUARE_NOTIFICATION_URL",
    ),
}
# A provider is configured by its first name here; then the others must be set too. Inner tuples: any one of them will do.
PROVIDER_SECRETS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "stripe": (("STRIPE_CLIENT_ID",), ("STRIPE_SECRET_KEY",), ("STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET")),
    "square": (
        ("SQUARE_APPLICATION_ID",),
        ("SQUARE_APPLICATION_SECRET",),
        ("SQUARE_WEBHOOK_SIGNATURE_KEYS", "SQUARE_WEBHOOK_SECRET"),
    ),
}
HTTPS_VARIABLES = (
    "PAYHUB_BASE_URL",
    "PAYHUB_OIDC_ISSUER",
    "SQUARE_NOTIFICATION_URL",
    "STRIPE_API_BASE",
    "STRIPE_CONNECT_BASE",
    "SQUARE_BASE_URL",
)
OIDC_VARIABLES = ("PAYHUB_OIDC_ISSUER", "PAYHUB_OIDC_CLIENT_ID", "PAYHUB_OIDC_CLIENT_SECRET")
SECRET_LIST_VARIABLES = ("STRIPE_WEBHOOK_SECRETS", "SQUARE_WEBHOOK_SIGNATURE_KEYS")
SECRET_VARIABLES = (
    "PAYHUB_SECRET_KEY",
    "PAYHUB_OIDC_CLIENT_SECRET",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SQUARE_APPLICATION_SECRET",
    "SQUARE_ACCESS_TOKEN",
    "SQUARE_WEBHOOK_SECRET",
    "SENDGRID_API_KEY",
    "TWILIO_AUTH_TOKEN",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, and how to mend it. Holds no secret value."""

    variable: str
    what: str
    how_to_mend: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.what}. {self.how_to_mend}."


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` names everything wrong with it, not only the first thing."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("the configuration cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))


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
        reader = _Reader(environ)
        settings = reader.settings()
        if reader.problems:
            raise ConfigurationError(reader.problems)
        assert settings is not None
        return settings


class _Reader:
    """Reads one environment and collects what is wrong with it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        # An empty variable counts as unset: compose files and CI pass empty strings for what is not given.
        self.values = {name: value.strip() for name, value in environ.items() if value.strip()}
        self.problems: list[Problem] = []
        self.generated: set[str] = set()
        self.environment = self._environment()
        self.data_dir = Path(self.values.get("PAYHUB_DATA_DIR", ".payhub")).expanduser().absolute()

    @property
    def production(self) -> bool:
        return self.environment == "production"

    def settings(self) -> Settings | None:
        values = self.values
        secret_key, keyring = self._secret_key(), self._keyring()
        base_url = self._base_url()
        database_url, redis_url = self._database_url(), self._redis_url()
        smtp_url = self._url("SMTP_URL", ("smtp", "smtps"), "smtp://user:password@host:587")
        crash_at = self._crash_at()
        budget_factor = self._budget_factor()
        trusted_proxies = self._trusted_proxies()
        oidc_issuer = self._oidc_issuer()
        provider_problems = self._provider_problems()
        self._test_switches()
        self._twilio()
        if self.production:
            self.problems += provider_problems
            self._https()
        if self.problems or secret_key is None or keyring is None:
            return None
        return Settings(
            environment=self.environment,
            data_dir=self.data_dir,
            base_url=base_url,
            database_url=database_url,
            redis_url=redis_url,
            secret_key=Secret(secret_key),
            keyring=keyring,
            generated=frozenset(self.generated),
            smtp_url=Secret(smtp_url) if smtp_url else None,
            sendgrid_api_key=self._secret("SENDGRID_API_KEY"),
            twilio_account_sid=values.get("TWILIO_ACCOUNT_SID"),
            twilio_auth_token=self._secret("TWILIO_AUTH_TOKEN"),
            twilio_from_number=values.get("TWILIO_FROM_NUMBER"),
            twilio_api_base=values.get("TWILIO_API_BASE"),
            trusted_proxies=trusted_proxies,
            oidc_issuer=oidc_issuer,
            oidc_client_id=values.get("PAYHUB_OIDC_CLIENT_ID"),
            oidc_client_secret=self._secret("PAYHUB_OIDC_CLIENT_SECRET"),
            clock_file=Path(values["PAYHUB_CLOCK_FILE"]) if "PAYHUB_CLOCK_FILE" in values else None,
            crash_at=crash_at,
            budget_factor=budget_factor,
            provider_problems=tuple(provider_problems),
            secret_values=self._secret_values(),
        )

    def _complain(self, variable: str, what: str, how_to_mend: str) -> None:
        self.problems.append(Problem(variable, what, how_to_mend))

    def _environment(self) -> Environment:
        name = self.values.get("PAYHUB_ENV", "development")
        if name in ("development", "test", "production"):
            return cast(Environment, name)
        self._complain("PAYHUB_ENV", f"is {name!r}", "Use development, test or production")
        return "production"

    def _secret(self, variable: str) -> Secret | None:
        return Secret(self.values[variable]) if variable in self.values else None

    def _secret_key(self) -> str | None:
        value = self._given_or_generated("PAYHUB_SECRET_KEY", lambda: secrets.token_urlsafe(48), COMMAND_FOR_SECRET)
        if value is not None and len(value) < SECRET_KEY_MIN_CHARS:
            self._complain(
                "PAYHUB_SECRET_KEY",
                f"has {len(value)} characters; {SECRET_KEY_MIN_CHARS} are the least",
                f"Make one with: {COMMAND_FOR_SECRET}",
            )
        return value

    def _keyring(self) -> Keyring | None:
        def fresh() -> str:
            return "dev1:" + base64.b64encode(secrets.token_bytes(32)).decode()

        value = self._given_or_generated("PAYHUB_ENCRYPTION_KEYS", fresh, COMMAND_FOR_KEYS)
        if value is None:
            return None
        keys, faults = parse_encryption_keys(value)
        for fault in faults:
            self._complain(
                "PAYHUB_ENCRYPTION_KEYS", fault, f"Each key is KEYID:BASE64-32-BYTES. Make one with: {COMMAND_FOR_KEYS}"
            )
        return Keyring(keys) if keys and not faults else None

    def _given_or_generated(self, variable: str, fresh: Callable[[], str], command: str) -> str | None:
        if variable in self.values:
            if self.production and self.values[variable] == self._development_secrets().get(variable):
                self._complain(variable, "is the value generated for development", f"Make a new one with: {command}")
            return self.values[variable]
        if self.production:
            self._complain(variable, "is not set, and production takes no generated key", f"Make one with: {command}")
            return None
        self.generated.add(variable)
        try:
            value = self._development_secret(variable, fresh)
        except OSError as error:
            self._complain(
                "PAYHUB_DATA_DIR",
                f"{self.data_dir} cannot keep the generated {variable} ({error.strerror})",
                "Name a folder that this user can write, or set the variable",
            )
            return None
        self.values[variable] = value
        return value

    def _development_secrets(self) -> dict[str, str]:
        try:
            kept = json.loads((self.data_dir / DEVELOPMENT_SECRETS_FILE).read_text())
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return {}
        except ValueError:
            kept = None
        if not isinstance(kept, dict):
            self._complain(
                "PAYHUB_DATA_DIR",
                f"{self.data_dir / DEVELOPMENT_SECRETS_FILE} is not readable as JSON",
                "Delete that file; what was sealed with its keys must be connected again",
            )
            return {}
        return {str(name): str(value) for name, value in kept.items()}

    def _development_secret(self, variable: str, fresh: Callable[[], str]) -> str:
        """The kept value, or a fresh one, kept. Processes that start together agree: the first one to link its file wins."""
        kept = self._development_secrets()
        if variable in kept:
            return kept[variable]
        self.data_dir.mkdir(parents=True, exist_ok=True)
        target = self.data_dir / f"{DEVELOPMENT_SECRETS_FILE}"
        both = {
            "PAYHUB_SECRET_KEY": secrets.token_urlsafe(48),
            "PAYHUB_ENCRYPTION_KEYS": "dev1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            **kept,
        }
        both.setdefault(variable, fresh())
        draft = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(both, file, indent=1)
        try:
            if kept:
                draft.replace(target)
            else:
                os.link(draft, target)
        except FileExistsError:
            both = self._development_secrets()
        finally:
            draft.unlink(missing_ok=True)
        return both[variable]

    def _base_url(self) -> str:
        value = self.values.get("PAYHUB_BASE_URL")
        if value is None:
            if self.production:
                self._complain("PAYHUB_BASE_URL", "is not set", "Set it to the public origin, such as https://pay.example.com")
            return DEVELOPMENT_BASE_URL
        value = value.rstrip("/")
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path
            or parts.query
            or parts.fragment
            or parts.username
        ):
            self._complain(
                "PAYHUB_BASE_URL", f"{_without_userinfo(value)} is not an origin", "Write https://HOST or https://HOST:PORT only"
            )
        return value

    def _url(self, variable: str, schemes: tuple[str, ...], example: str) -> str | None:
        value = self.values.get(variable)
        if value is None:
            return None
        scheme = value.partition(":")[0]
        try:
            urlsplit(value).port  # noqa: B018 - reading it checks it
            readable = scheme in schemes and "://" in value
        except ValueError:
            readable = False
        if not readable:
            self._complain(
                variable, f"is not a URL that begins with {' or '.join(f'{name}://' for name in schemes)}", f"Write {example}"
            )
            return None
        return value

    def _database_url(self) -> str | None:
        schemes = ("postgresql+psycopg", "postgresql", "postgres")
        value = self._url(
            "DATABASE_URL", schemes, "postgresql+psycopg://user:password@host:5432/payhub, or unset it for the embedded server"
        )
        return None if value is None else re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", value)

    def _redis_url(self) -> str | None:
        return self._url("REDIS_URL", ("redis", "rediss", "unix"), "redis://host:6379/0, or unset it for the embedded server")

    def _crash_at(self) -> int | None:
        value = self.values.get("PAYHUB_CRASH_AT")
        if value is None:
            return None
        if not value.isascii() or not value.isdigit() or int(value) < 1:
            self._complain("PAYHUB_CRASH_AT", f"{value!r} is not a whole number from 1", "Unset it unless you test crashes")
            return None
        return int(value)

    def _trusted_proxies(self) -> int:
        value = self.values.get("PAYHUB_TRUSTED_PROXIES", "0")
        if not re.fullmatch(r"[0-9]", value):
            self._complain("PAYHUB_TRUSTED_PROXIES", f"{value!r} is not a number from 0 to 9", "Count the proxies in front")
            return 0
        return int(value)

    def _oidc_issuer(self) -> str | None:
        missing = [name for name in OIDC_VARIABLES if name not in self.values]
        if 0 < len(missing) < len(OIDC_VARIABLES):
            for name in missing:
                self._complain(name, "is not set, but the others are", "Set all three of PAYHUB_OIDC_*, or none")
        issuer = self._url("PAYHUB_OIDC_ISSUER", ("https", "http"), "https://accounts.example.com")
        return issuer.rstrip("/") if issuer else None

    def _budget_factor(self) -> float:
        value = self.values.get("PAYHUB_BUDGET_FACTOR", "1")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value) or not float(value):
            self._complain("PAYHUB_BUDGET_FACTOR", f"{value!r} is not a positive number", "Unset it, or set it to 0.5 or 2")
            return 1.0
        return float(value)

    def _test_switches(self) -> None:
        if self.production:
            for variable in ("PAYHUB_CLOCK_FILE", "PAYHUB_CRASH_AT"):
                if variable in self.values:
                    self._complain(variable, "is for tests and simulation only", "Unset it in production")

    def _twilio(self) -> None:
        names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER")
        missing = [name for name in names if name not in self.values]
        if 0 < len(missing) < len(names):
            for name in missing:
                self._complain(
                    name, "is not set, but another Twilio variable is", "Set all three, or none to keep messages in the mailbox"
                )

    def _provider_problems(self) -> list[Problem]:
        problems = []
        for provider, groups in PROVIDER_SECRETS.items():
            missing = [group for group in groups if not any(name in self.values for name in group)]
            if len(missing) < len(groups):
                what = f"is not set, so {provider.title()} is set up by halves"
                mend = f"Copy it from {provider.title()}'s dashboard, or unset the other {provider.upper()}_… variables"
                problems += [Problem(group[0], what, mend) for group in missing]
        kind = self.values.get("SQUARE_ENVIRONMENT", "sandbox")
        if kind not in ("sandbox", "production"):
            problems.append(Problem("SQUARE_ENVIRONMENT", f"is {kind!r}", "Use sandbox or production"))
        return problems

    def _https(self) -> None:
        for variable in HTTPS_VARIABLES:
            if self.values.get(variable, "").startswith("http:"):
                self._complain(
                    variable, "begins with http:", "Production sends secrets and cookies over https only; use an https URL"
                )

    def _secret_values(self) -> tuple[str, ...]:
        found = [self.values[name] for name in SECRET_VARIABLES if name in self.values]
        for name in SECRET_LIST_VARIABLES:
            found += [part.strip() for part in self.values.get(name, "").split(",")]
        found += [entry.partition(":")[2].strip() for entry in self.values["PAYHUB_ENCRYPTION_KEYS"].split(",")]
        for name in ("DATABASE_URL", "REDIS_URL", "SMTP_URL"):
            password = urlsplit(self.values.get(name, "")).password
            found += [password, unquote(password)] if password else []
        return tuple(dict.fromkeys(value for value in found if value))


def parse_encryption_keys(text: str) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Keys of a `KEYID:BASE64-32-BYTES` comma list in their order, and what is wrong with it, by entry, without key bytes."""
    keys: dict[str, bytes] = {}
    faults: list[str] = []
    for position, entry in enumerate(text.split(","), start=1):
        key_id, colon, encoded = (part.strip() for part in entry.strip().partition(":"))
        if not colon or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", key_id):
            faults.append(f"entry {position} has no key id before a colon (1 to 64 letters, digits, '.', '_', '-')")
            continue
        try:
            key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            faults.append(f"key {key_id!r} (entry {position}) is not base64")
            continue
        if len(key) != 32:
            faults.append(f"key {key_id!r} (entry {position}) has {len(key)} bytes instead of 32")
        elif key_id in keys:
            faults.append(f"key id {key_id!r} stands twice (entry {position})")
        else:
            keys[key_id] = key
    return list(keys.items()), faults


def _without_userinfo(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)
