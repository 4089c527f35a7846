"""What a harness can make go wrong with the next request, and how the local twins are told to do it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Fault(StrEnum):
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """500, nothing happened."""
    UNAVAILABLE = "unavailable"
    """503, nothing happened."""
    SERVER_ERROR_AFTER = "server_error_after"
    """500 although the effect happened."""
    LOST_REQUEST = "lost_request"
    """The connection breaks before the provider acted."""
    LOST_RESPONSE = "lost_response"
    """The provider acted, then the connection breaks."""
    BROKEN_BODY = "broken_body"
    """The provider acted; the answer's JSON is cut in half."""
    HTML_ERROR = "html_error"
    """A load balancer's page instead of an answer; nothing happened."""
    SLOW = "slow"
    """The provider acts, but answers only after our time-out."""


SLOW_SECONDS = 12.0  # providers.transport gives up after 10

BEFORE = frozenset([Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.LOST_REQUEST, Fault.HTML_ERROR])
"""Faults of which the provider is known (to the test) to have done nothing."""

TWIN_RULES: Mapping[Fault, Mapping[str, Any]] = MappingProxyType(
    {
        Fault.RATE_LIMITED: {"kind": "rate_limited"},
        Fault.SERVER_ERROR: {"kind": "server_error"},
        Fault.UNAVAILABLE: {"kind": "server_error", "status": 503},
        Fault.SERVER_ERROR_AFTER: {"kind": "server_error_after"},
        Fault.LOST_REQUEST: {"kind": "dropped_before"},
        Fault.LOST_RESPONSE: {"kind": "dropped"},
        Fault.BROKEN_BODY: {"kind": "broken_body"},
        Fault.HTML_ERROR: {"kind": "html_error"},
        Fault.SLOW: {"kind": "slow", "seconds": SLOW_SECONDS},
    }
)
"""POST /_twin/faults with this body (each hits one request, the next)."""
