"""Names of environment variables, by what they mean for the checks, `payhub doctor` and the log filter."""

from collections.abc import Mapping

from providers.contract import Provider
from providers.registry import PUBLIC_NAMES, load_providers

# Each adapter reads its own settings and says what is to be known of them (providers.contract.Variables).
PROVIDERS: Mapping[str, Provider] = load_providers({}, PUBLIC_NAMES)
_DECLARED = tuple(provider.variables for provider in PROVIDERS.values())

# Signing secrets stand here, or sealed in the database since `payhub webhooks install`; see hub.doctor.unsigned_providers.
WEBHOOK_SECRETS: Mapping[str, tuple[str, ...]] = {name: each.variables.webhook_secrets for name, each in PROVIDERS.items()}
HTTPS_VARIABLES = ("PAYHUB_BASE_URL", "PAYHUB_OIDC_ISSUER", *(name for each in _DECLARED for name in each.addresses))
# Read by the adapters, the webhook handlers and the messages as they are; checked here, so that a typing error is told by name.
WEB_URL_VARIABLES = (*(name for each in _DECLARED for name in each.addresses), "TWILIO_API_BASE")
OIDC_VARIABLES = ("PAYHUB_OIDC_ISSUER", "PAYHUB_OIDC_CLIENT_ID", "PAYHUB_OIDC_CLIENT_SECRET")
SECRET_LIST_VARIABLES = tuple(name for each in _DECLARED for name in each.webhook_secrets)
SECRET_VARIABLES = (
    "PAYHUB_SECRET_KEY",
    "PAYHUB_OIDC_CLIENT_SECRET",
    *(name for each in _DECLARED for name in each.secrets),
    "SENDGRID_API_KEY",
    "TWILIO_AUTH_TOKEN",
)
