"""Reads one environment, variable by variable, and collects what is wrong with it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

from hub.config import development_secrets
from hub.config.encryption_keys import parse_encryption_keys
from hub.config.problems import Problem
from hub.config.variables import (
    HTTPS_VARIABLES,
    OIDC_VARIABLES,
    PROVIDERS,
    SECRET_LIST_VARIABLES,
    SECRET_VARIABLES,
    WEB_URL_VARIABLES,
)
from hub.vault import Keyring, Secret

Environment = Literal["development", "test", "production"]

DEVELOPMENT_BASE_URL = "http://127.0.0.1:8000"
SECRET_KEY_MIN_CHARS = 32
COMMAND_FOR_SECRET = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'  # noqa: S105 - a command
COMMAND_FOR_KEYS = "python3 -c \"import base64, os; print('k1:' + base64.b64encode(os.urandom(32)).decode())\""


class Reader:
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

    def _complain(self, variable: str, what: str, how_to_mend: str) -> None:
        self.problems.append(Problem(variable, what, how_to_mend))

    def _environment(self) -> Environment:
        name = self.values.get("PAYHUB_ENV", "development")
        if name not in ("development", "test", "production"):
            self._complain("PAYHUB_ENV", f"is {name!r}", "Use development, test or production")
            return "test"
        return cast(Environment, name)

    def secret(self, variable: str) -> Secret | None:
        return Secret(self.values[variable]) if variable in self.values else None

    def secret_key(self) -> str | None:
        value = self._given_or_generated("PAYHUB_SECRET_KEY", COMMAND_FOR_SECRET)
        if value is not None and len(value) < SECRET_KEY_MIN_CHARS:
            self._complain(
                "PAYHUB_SECRET_KEY",
                f"has {len(value)} characters; {SECRET_KEY_MIN_CHARS} are the least",
                f"Make one with: {COMMAND_FOR_SECRET}",
            )
        return value

    def keyring(self) -> Keyring | None:
        value = self._given_or_generated("PAYHUB_ENCRYPTION_KEYS", COMMAND_FOR_KEYS)
        if value is None:
            return None
        keys, faults = parse_encryption_keys(value)
        if self.production and any(key_id == development_secrets.GENERATED_KEY_ID for key_id, _ in keys):
            faults.append(f"key {development_secrets.GENERATED_KEY_ID!r} is one generated for development")
        for fault in faults:
            mend = f"Each key is KEYID:BASE64-32-BYTES. Make one with: {COMMAND_FOR_KEYS}"
            self._complain("PAYHUB_ENCRYPTION_KEYS", fault, mend)
        return Keyring(keys) if keys and not faults else None

    def _given_or_generated(self, variable: str, command: str) -> str | None:
        try:
            if variable in self.values:
                if self.production and self.values[variable] == development_secrets.kept(self.data_dir).get(variable):
                    self._complain(variable, "is the value generated for development", f"Make a new one with: {command}")
            elif self.production:
                self._complain(variable, "is not set, and production takes no generated key", f"Make one with: {command}")
            elif not self.problems or self.problems[0].variable != "PAYHUB_ENV":
                # Nothing is generated where PAYHUB_ENV is unclear: it may be meant to be production.
                self.values[variable] = development_secrets.keep(self.data_dir)[variable]
                self.generated.add(variable)
        except (ValueError, KeyError):
            what = f"{self.data_dir / development_secrets.FILE_NAME} is damaged"
            self._complain("PAYHUB_DATA_DIR", what, "Delete that file; accounts sealed with its keys must then connect again")
        except OSError as error:
            what = f"{self.data_dir} cannot keep the generated {variable} ({error.strerror})"
            self._complain("PAYHUB_DATA_DIR", what, "Name a folder that this user can write, or set the variable")
        return self.values.get(variable)

    def path(self, variable: str) -> Path | None:
        return Path(self.values[variable]).absolute() if variable in self.values else None

    def base_url(self) -> str:
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
            hidden = re.sub(r"//[^/@]*@", "//***@", value)
            self._complain("PAYHUB_BASE_URL", f"{hidden} is not an origin", "Write https://HOST or https://HOST:PORT only")
        return value

    def url(self, variable: str, schemes: tuple[str, ...], example: str) -> str | None:
        value = self.values.get(variable)
        if value is None:
            return None
        fault = _url_fault(value, schemes)
        if fault is not None:
            self._complain(variable, fault, f"Write {example}")
            return None
        return value

    def database_url(self) -> str | None:
        schemes = ("postgresql+psycopg", "postgresql", "postgres")
        value = self.url(
            "DATABASE_URL", schemes, "postgresql+psycopg://user:password@host:5432/payhub, or unset it for the embedded server"
        )
        return None if value is None else re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", value)

    def redis_url(self) -> str | None:
        return self.url("REDIS_URL", ("redis", "rediss", "unix"), "redis://host:6379/0, or unset it for the embedded server")

    def crash_at(self) -> int | None:
        value = self.values.get("PAYHUB_CRASH_AT")
        if value is None:
            return None
        if not value.isascii() or not value.isdigit() or int(value) < 1:
            self._complain("PAYHUB_CRASH_AT", f"{value!r} is not a whole number from 1", "Unset it unless you test crashes")
            return None
        return int(value)

    def trusted_proxies(self) -> int:
        value = self.values.get("PAYHUB_TRUSTED_PROXIES", "0")
        if not re.fullmatch(r"[0-9]", value):
            self._complain("PAYHUB_TRUSTED_PROXIES", f"{value!r} is not a number from 0 to 9", "Count the proxies in front")
            return 0
        return int(value)

    def oidc_issuer(self) -> str | None:
        missing = [name for name in OIDC_VARIABLES if name not in self.values]
        if 0 < len(missing) < len(OIDC_VARIABLES):
            for name in missing:
                self._complain(name, "is not set, but the others are", "Set all three of PAYHUB_OIDC_*, or none")
        issuer = self.url("PAYHUB_OIDC_ISSUER", ("https", "http"), "https://accounts.example.com")
        return issuer.rstrip("/") if issuer else None

    def budget_factor(self) -> float:
        value = self.values.get("PAYHUB_BUDGET_FACTOR", "1")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value) or not float(value):
            self._complain("PAYHUB_BUDGET_FACTOR", f"{value!r} is not a positive number", "Unset it, or set it to 0.5 or 2")
            return 1.0
        return float(value)

    def refuse_test_switches(self) -> None:
        for variable in ("PAYHUB_CLOCK_FILE", "PAYHUB_CRASH_AT"):
            if variable in self.values:
                self._complain(variable, "is for tests and simulation only", "Unset it in production")

    def check_provider_values(self) -> None:
        """What an adapter would stumble over, or send our secrets to, in any environment."""
        for variable in WEB_URL_VARIABLES:
            self.url(variable, ("https", "http"), "https://HOST, or unset it for the usual address")
        for provider in PROVIDERS.values():
            for variable, (wrong, right) in provider.variables.wrong_beginnings.items():
                if self.values.get(variable, "").startswith(wrong):
                    mend = f"Copy the key that begins with {right} from {provider.title}'s dashboard"
                    mend += "; roll a secret key that was shown"
                    self._complain(variable, f"holds a key of another kind (it begins with {' or '.join(wrong)})", mend)
            for variable, words in provider.variables.choices.items():
                chosen = self.values.get(variable, words[0]).lower()
                if chosen not in words:
                    self._complain(variable, f"is {chosen!r}", f"Use {' or '.join(words)}")

    def check_sign_in(self) -> None:
        """Production has no development mailbox: without mail or OpenID Connect nobody could ever sign in."""
        if not any(name in self.values for name in ("SMTP_URL", "SENDGRID_API_KEY", "PAYHUB_OIDC_ISSUER")):
            mend = "Set it to your mail server, or set SENDGRID_API_KEY, or all three of PAYHUB_OIDC_*"
            self._complain("SMTP_URL", "is not set, nor is any other way to sign in, so nobody could", mend)

    def check_twilio(self) -> None:
        names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER")
        missing = [name for name in names if name not in self.values]
        if 0 < len(missing) < len(names):
            for name in missing:
                self._complain(
                    name, "is not set, but another Twilio variable is", "Set all three, or none to keep messages in the mailbox"
                )

    def provider_problems(self) -> list[Problem]:
        problems = []
        for name, provider in PROVIDERS.items():
            needed = provider.variables.needed
            missing = [variable for variable in needed if variable not in self.values]
            if len(missing) < len(needed):
                what = f"is not set, so {provider.title} is set up by halves"
                mend = f"Copy it from {provider.title}'s dashboard, or unset the other {name.upper()}_… variables"
                problems += [Problem(variable, what, mend) for variable in missing]
        return problems

    def experimental_providers(self) -> frozenset[str]:
        named = {part.strip() for part in self.values.get("PAYHUB_EXPERIMENTAL_PROVIDERS", "").split(",") if part.strip()}
        known = {name for name, provider in PROVIDERS.items() if provider.experimental}
        for name in sorted(named - known):
            choice = ", ".join(sorted(known)) or "nothing: there is none"
            self._complain("PAYHUB_EXPERIMENTAL_PROVIDERS", f"names {name!r}, which is no experimental provider", f"Use {choice}")
        return frozenset(named)

    def refuse_http(self) -> None:
        for variable in HTTPS_VARIABLES:
            if self.values.get(variable, "").startswith("http:"):
                self._complain(
                    variable, "begins with http:", "Production sends secrets and cookies over https only; use an https URL"
                )

    def secret_values(self) -> tuple[str, ...]:
        found = [self.values[name] for name in SECRET_VARIABLES if name in self.values]
        for name in SECRET_LIST_VARIABLES:
            found += [part.strip() for part in self.values.get(name, "").split(",")]
        found += [entry.partition(":")[2].strip() for entry in self.values["PAYHUB_ENCRYPTION_KEYS"].split(",")]
        for name in ("DATABASE_URL", "REDIS_URL", "SMTP_URL"):
            password = urlsplit(self.values.get(name, "")).password
            found += [password, unquote(password)] if password else []
        return tuple(dict.fromkeys(value for value in found if value))


def _url_fault(value: str, schemes: tuple[str, ...]) -> str | None:
    """What is wrong with a URL, without showing it: it may hold a password. None: nothing."""
    scheme, separator, _ = value.partition("://")
    if not separator or scheme not in schemes:
        return f"is not a URL that begins with {' or '.join(f'{name}://' for name in schemes)}"
    try:
        parts = urlsplit(value)
    except ValueError:
        return "is a URL whose host cannot be read"
    try:
        _ = parts.port
    except ValueError:
        return "has a port that is no number from 0 to 65535"
    if scheme in ("http", "https", "smtp", "smtps") and not parts.hostname:
        return "is a URL without a host"
    return None
