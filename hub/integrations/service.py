"""What other packages ask of connections; each noun has its file."""

from __future__ import annotations

from hub.integrations.access import call, credentials_of, gate_for, open_account, platform_gate
from hub.integrations.connection import AccountHeldElsewhere, save
from hub.integrations.disconnect import disconnect
from hub.integrations.integration import IntegrationNotFound, counts, get, provider_of, rotate_keys
from hub.integrations.receipt import ReceiptNotFound
from hub.integrations.standing import mark_reconnect
from hub.integrations.switches import CONFIG_SWITCHES, HISTORY_DAYS_RANGE, WrongConfig, configure
from hub.integrations.tokens import refresh, refresh_due

__all__ = [
    "CONFIG_SWITCHES",
    "HISTORY_DAYS_RANGE",
    "AccountHeldElsewhere",
    "IntegrationNotFound",
    "ReceiptNotFound",
    "WrongConfig",
    "call",
    "configure",
    "counts",
    "credentials_of",
    "disconnect",
    "gate_for",
    "get",
    "mark_reconnect",
    "open_account",
    "platform_gate",
    "provider_of",
    "refresh",
    "refresh_due",
    "rotate_keys",
    "save",
]
