"""What can go wrong at a provider, named by what the caller does next."""

from providers.card_numbers import mask_card_numbers


class ProviderError(Exception):
    """The provider did not do what was asked.

    `detail` is safe to show to a tenant: it never holds a secret or a payload, and no card number that the provider's words
    repeat. `request_id` is the provider's own id of the failed request, for its support; None where no answer came.
    """

    def __init__(self, detail: str, *, request_id: str | None = None) -> None:
        detail = mask_card_numbers(detail)
        super().__init__(detail)
        self.detail = detail
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.detail} (request {self.request_id})" if self.request_id else self.detail


class Transient(ProviderError):
    """Try later with the same key, for as long as the outage lasts."""


class RateLimited(Transient):
    """Try later, not before `retry_after_seconds`; None where the provider names no time.

    `scope` says which budget was exceeded: the account's, one endpoint's, or the application's.
    """

    def __init__(
        self, detail: str, *, retry_after_seconds: float | None = None, scope: str = "account", request_id: str | None = None
    ) -> None:
        super().__init__(detail, request_id=request_id)
        self.retry_after_seconds = retry_after_seconds
        self.scope = scope


class CircuitOpen(Transient):
    """The hub's own refusal, nothing was sent: this account failed several times in a row, so no request begins for
    `retry_after_seconds`."""

    def __init__(self, detail: str, *, retry_after_seconds: float) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknown(ProviderError):
    """It may have happened: read back by reference; if it is not there, write with a new attempt number."""


class CredentialsExpired(ProviderError):
    """Refresh the credentials once and repeat."""


class IntegrationRevoked(ProviderError):
    """Stop all work of this account: the tenant must reconnect."""


class PermissionMissing(ProviderError):
    """The connection lives but lacks a permission: park the work and ask the tenant to reconnect with it."""


class VersionConflict(ProviderError):
    """Read the record, merge, write anew."""


class RecordNotFound(ProviderError):
    """Treat the record as deleted."""


class CursorExpired(ProviderError):
    """Begin the listing again at the high-water mark."""


class Rejected(ProviderError):
    """Never retry: show it to the tenant. `code` is the provider's own word, `field` ours or theirs; None if unnamed."""

    def __init__(self, detail: str, *, code: str | None = None, field: str | None = None, request_id: str | None = None) -> None:
        super().__init__(detail, request_id=request_id)
        self.code = code
        self.field = field


class Declined(Rejected):
    """The payer's bank or the payer said no: show it to whoever pays. `code` as for Rejected."""


class ActionRequired(Rejected):
    """The payer must act (3-D Secure) on `next_url`; None where the provider gave no page."""

    def __init__(
        self, detail: str, *, next_url: str | None = None, code: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(detail, code=code, request_id=request_id)
        self.next_url = next_url


class Unsupported(ProviderError):
    """A bug in the caller: it did not ask `supports()`. No request was made."""


class InvalidSignature(ProviderError):
    """Answer 400 and store nothing."""


class ConnectDenied(ProviderError):
    """The user said no on the provider's page: show it, offer to try again."""
