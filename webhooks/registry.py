"""Which signed handlers there are: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from webhooks.fake import FakeHandler
from webhooks.gocardless import GoCardlessHandler
from webhooks.handler import SigningSecret, WebhookHandler
from webhooks.square import SquareHandler
from webhooks.stripe import StripeHandler


@dataclass(frozen=True, slots=True)
class Registration:
    """secret_variables: comma lists of signing secrets in the environment; url_variable: the registered URL, where it is not
    our base URL and route (a proxy changes hosts, and some providers sign the URL)."""

    make: Callable[[Mapping[str, str]], WebhookHandler]
    secret_variables: tuple[str, ...] = ()
    url_variable: str | None = None


REGISTRATIONS: dict[str, Registration] = {
    "stripe": Registration(StripeHandler.from_env, ("STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET")),
    "square": Registration(
        SquareHandler.from_env, ("SQUARE_WEBHOOK_SIGNATURE_KEYS", "SQUARE_WEBHOOK_SECRET"), "SQUARE_NOTIFICATION_URL"
    ),
    "gocardless": Registration(GoCardlessHandler.from_env, ("GOCARDLESS_WEBHOOK_SECRETS",)),
    "fake": Registration(lambda env: FakeHandler(), ("FAKE_WEBHOOK_SECRETS",)),
}


@dataclass(frozen=True, slots=True)
class Receiver:
    """A provider's handler with what the environment says of its platform endpoint."""

    handler: WebhookHandler
    secrets: tuple[SigningSecret, ...]
    url: str | None


def load_receivers(env: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Receiver]:
    """Each provider's receiver by name."""
    receivers = {}
    for name in names:
        registration = REGISTRATIONS[name]
        values = [part.strip() for variable in registration.secret_variables for part in env.get(variable, "").split(",")]
        secrets = tuple(SigningSecret(value=value) for value in values if value)
        url = env.get(registration.url_variable, "").strip() if registration.url_variable else ""
        receivers[name] = Receiver(registration.make(env), secrets, url or None)
    return receivers
