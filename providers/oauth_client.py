"""Authlib's OAuth 2 client behind a few functions; state and redirect checks are the hub's, not done here."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response

from providers.errors import ConnectDenied, Rejected


def new_state() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_code_verifier() -> str:
    return secrets.token_urlsafe(48)


def code_challenge(verifier: str) -> str:
    """S256 challenge (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(endpoint: str, parameters: Mapping[str, str]) -> str:
    url: str = add_params_to_uri(endpoint, list(parameters.items()))
    return url


def code_from_callback(callback: Mapping[str, str]) -> str:
    """The authorization code of a callback's query. Raises ConnectDenied for access_denied, Rejected for anything else."""
    error = callback.get("error")
    if error == "access_denied":
        raise ConnectDenied("The connection was declined on the provider's page.")
    if error:
        raise Rejected("The provider reported a problem with the connection attempt.", code=error[:60])
    try:
        query = add_params_to_uri("https://callback.invalid/", list(callback.items()))
        code: str = parse_authorization_code_response(query)["code"]
    except OAuth2Error as problem:
        raise Rejected("The provider's answer held no authorization code.", code="missing_code") from problem
    return code
