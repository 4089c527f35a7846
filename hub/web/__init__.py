"""The pages people use: server-rendered, working without JavaScript."""

from __future__ import annotations

from flask import Blueprint

from hub.web import frame, sign_in
from hub.web.pages import (
    access,
    clients,
    connect,
    contacts,
    draft_invoice,
    integrations,
    invoices,
    jobs,
    mailbox,
    new_invoice,
    payments,
    retries,
    settings,
)

blueprints: tuple[Blueprint, ...] = (
    frame.blueprint,
    sign_in.blueprint,
    connect.blueprint,
    integrations.blueprint,
    retries.blueprint,
    clients.blueprint,
    contacts.blueprint,
    jobs.blueprint,
    new_invoice.blueprint,
    draft_invoice.blueprint,
    invoices.blueprint,
    payments.blueprint,
    settings.blueprint,
    access.blueprint,
    mailbox.blueprint,
)
