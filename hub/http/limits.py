"""Rate limits of what strangers may try: sign-in, and webhooks that fail their signature."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, g, request
from flask_limiter import Limiter

from hub.identity.tokens import token_hash

SIGN_IN_PER_ADDRESS = "5 per 15 minutes"
SIGN_IN_PER_IP = "60 per 15 minutes"
TOKENS_PER_IP = "120 per 15 minutes"
FAILED_SIGNATURES_PER_IP = "60 per minute"
REDIS_TIMEOUT_SECONDS = 0.5


def client_address() -> str:
    """The peer's address; behind a proxy only if PAYHUB_TRUSTED_PROXIES says how many to trust."""
    return request.remote_addr or "unknown"


limiter = Limiter(key_func=client_address, headers_enabled=False, strategy="moving-window", key_prefix="payhub:limit:")


def install(app: Flask, redis_url: str | None) -> None:
    """Count in Redis, so that all processes share the counts; in this process while Redis is lost, or where there is none."""
    if redis_url is None:
        app.config["RATELIMIT_STORAGE_URI"] = "memory://"
    else:
        # limits spells a Redis socket redis+unix://
        app.config["RATELIMIT_STORAGE_URI"] = f"redis+{redis_url}" if urlsplit(redis_url).scheme == "unix" else redis_url
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
        }
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    limiter.init_app(app)


@limiter.request_filter
def _not_asked() -> bool:
    """Flask-Limiter looks at every request, and while Redis is lost it looks for Redis each time: only where a limit is asked."""
    return "limit_asked" not in g


def limit_failed_signature() -> None:
    """Call after a delivery failed its signature: past 60 a minute and address it ends the request with 429, else it returns.

    Deliveries that verify are never counted and never limited."""
    g.limit_asked = True
    _failed_signature_by_ip()


def limit_sign_in(address: str) -> None:
    """Count one request for a sign-in link, per mail address and per IP; ends the request with 429 past the limits."""
    g.limit_asked = True
    # Hashed, so that no mail address stands in Redis.
    g.sign_in_address = token_hash(address.strip().lower()).hex()[:32]
    _sign_in_by_ip()
    _sign_in_by_address()


def limit_token_use() -> None:
    """Count one try of a sign-in or connect token, per IP; ends the request with 429 past the limit."""
    g.limit_asked = True
    _token_use_by_ip()


@limiter.shared_limit(FAILED_SIGNATURES_PER_IP, scope="failed-signature")
def _failed_signature_by_ip() -> None: ...


@limiter.shared_limit(TOKENS_PER_IP, scope="token-use")
def _token_use_by_ip() -> None: ...


@limiter.shared_limit(SIGN_IN_PER_IP, scope="sign-in-ip")
def _sign_in_by_ip() -> None: ...


@limiter.shared_limit(SIGN_IN_PER_ADDRESS, scope="sign-in-address", key_func=lambda: str(g.sign_in_address))
def _sign_in_by_address() -> None: ...
