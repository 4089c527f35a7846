"""What the hub needs of others: mail server, identity provider, payment providers. The doctor looks, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from hub.config import Settings
from hub.findings import Finding
from hub.identity.oidc import OidcClient, OidcRefused
from hub.messages import smtp
from providers.contract import OpenGate, Provider, Verb
from providers.errors import ProviderError, Transient
from providers.records import Endpoint


def services(settings: Settings) -> Iterator[Finding]:
    """Those without which nobody signs in, where they are set up."""
    if settings.smtp_url is not None:
        try:
            smtp.greet(settings.smtp_url)
        except ProviderError as error:
            how = "Start the mail server, or correct SMTP_URL: smtp://user:password@host:587 or smtps://…"
            yield Finding("SMTP_URL", False, error.detail, how)
        else:
            yield Finding("SMTP_URL", True, "the mail server answers")
    if settings.oidc_issuer is not None:
        try:
            OidcClient(settings).metadata()
        except OidcRefused as refusal:
            what = "cannot be reached" if refusal.code == "unreachable" else "does not describe itself there"
            how = "Correct PAYHUB_OIDC_ISSUER: below it lies /.well-known/openid-configuration, which names the same issuer."
            yield Finding("PAYHUB_OIDC_ISSUER", False, f"the issuer {what}", how)
        else:
            yield Finding("PAYHUB_OIDC_ISSUER", True, "the identity provider answers")


def provider(provider: Provider) -> Iterator[Finding]:
    """Whether a configured provider takes our credentials; nothing where there is no request that would only look."""
    if not provider.configured:
        yield Finding(provider.name, True, "not configured; its connect button is hidden")
        return
    if not provider.supports(Verb.LIST, Endpoint):
        return
    prefix = f"{provider.name.upper()}_"
    try:
        provider.platform(gate=OpenGate()).list(Endpoint)
    except Transient:
        # The adapter's own words promise another try, which a worker makes and the doctor does not.
        what = f"{provider.title} cannot be reached, or has a problem of its own at this moment"
        how = f"Check the network and what {prefix}… variables name hosts; then run payhub doctor again."
        yield Finding(provider.name, False, what, how)
    except ProviderError as error:
        how = f"Check the {prefix}… variables against the provider's dashboard."
        yield Finding(provider.name, False, f"{provider.title} refuses us: {error.detail}", how)
    else:
        mode = "live" if provider.live else "test"
        yield Finding(provider.name, True, f"{provider.title} answers in {mode} mode")
