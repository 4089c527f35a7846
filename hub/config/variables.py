"""Names of environment variables, by what they mean for the checks, `payhub doctor` and the log filter."""

from collections.abc import Mapping

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
        "STRIPE_CONNECT_MODE",
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
    "stripe": (("STRIPE_CLIENT_ID",), ("STRIPE_SECRET_KEY",)),
    "square": (("SQUARE_APPLICATION_ID",), ("SQUARE_APPLICATION_SECRET",)),
}
# Signing secrets stand here, or sealed in the database since `payhub webhooks install`; see hub.doctor.unsigned_providers.
WEBHOOK_SECRETS: Mapping[str, tuple[str, ...]] = {
    "stripe": ("STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET"),
    "square": ("SQUARE_WEBHOOK_SIGNATURE_KEYS", "SQUARE_WEBHOOK_SECRET"),
}
HTTPS_VARIABLES = (
    "PAYHUB_BASE_URL",
    "PAYHUB_OIDC_ISSUER",
    "SQUARE_NOTIFICATION_URL",
    "STRIPE_API_BASE",
    "STRIPE_CONNECT_BASE",
    "SQUARE_BASE_URL",
)
# Read by the adapters, the webhook handlers and the messages as they are; checked here, so that a typing error is told by name.
WEB_URL_VARIABLES = ("SQUARE_NOTIFICATION_URL", "STRIPE_API_BASE", "STRIPE_CONNECT_BASE", "SQUARE_BASE_URL", "TWILIO_API_BASE")
# Stripe's keys say by their beginning what they are (Stripe docs: keys): swapped, the secret one would go to browsers.
WRONG_BEGINNINGS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "STRIPE_PUBLISHABLE_KEY": (("sk_", "rk_"), "pk_"),
    "STRIPE_SECRET_KEY": (("pk_",), "sk_ or rk_"),
}
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
