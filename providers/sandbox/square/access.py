"""Who calls: bearer tokens to application, seller and scopes."""

from dataclasses import dataclass

from providers.sandbox.square import scopes
from providers.sandbox.square.errors import forbidden, unauthorized
from providers.sandbox.square.state import Application, Seller, Square


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    application: Application
    seller: Seller
    scopes: frozenset[str]
    owns_application: bool
    """Called with a personal access token, which alone may use webhook subscriptions and the Events API."""


def authenticate(square: Square, authorization: str | None) -> Caller:
    """Raises 401 with the documented code."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized()
    application = square.applications.get(token)
    if application is not None:
        seller_id = application.seller_id or square.owner_id or ""
        return Caller(application=application, seller=square.sellers[seller_id], scopes=scopes.KNOWN, owns_application=True)
    known = square.access_tokens.get(token)
    if known is None:
        raise unauthorized()
    if known.revoked or known.grant.revoked_at is not None:
        raise unauthorized("ACCESS_TOKEN_REVOKED", "The access token has been revoked.")
    if known.expires_at <= square.now():
        raise unauthorized("ACCESS_TOKEN_EXPIRED", "The access token has expired.")
    return Caller(
        application=square.platform,
        seller=square.sellers[known.grant.merchant_id],
        scopes=frozenset(known.scopes),
        owns_application=False,
    )


def require_scopes(caller: Caller, needed: tuple[str, ...]) -> None:
    if lacking := [scope for scope in needed if scope not in caller.scopes]:
        raise forbidden(
            "INSUFFICIENT_SCOPES",
            f"The merchant has not given your application sufficient permissions to do that. Needed: {', '.join(lacking)}",
        )


def require_owner(caller: Caller) -> None:
    if not caller.owns_application:
        raise forbidden("FORBIDDEN", "This endpoint can only be called with a personal access token of the application's owner.")


def merchant_of(square: Square, authorization: str | None) -> str | None:
    """Whose data a request is about, for the request log; None if unknown."""
    token = (authorization or "").partition(" ")[2]
    application = square.applications.get(token)
    if application is not None:
        return application.seller_id or square.owner_id
    known = square.access_tokens.get(token)
    return known.grant.merchant_id if known else None
