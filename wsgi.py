"""The composition root: the only file that sees all four packages."""

from __future__ import annotations

from apiflask import APIFlask

import hub.commands
import hub.crm.api.clients
import hub.crm.api.invoices
import hub.crm.api.recurring
import hub.demo.commands
import hub.http
import hub.identity.api
import hub.integrations.api
import hub.integrations.service
import hub.ledger.api
import hub.messages.work
import hub.tenants.api
import hub.web
import sync.api
import sync.commands
import sync.push
import sync.run
import sync.schedule
import webhooks.api
import webhooks.catchup
import webhooks.commands
import webhooks.endpoints
import webhooks.process
import webhooks.receive
from hub import process, queue

HANDLERS: dict[str, queue.Handler] = {
    "process_events": webhooks.process.process_integration,
    "push_changes": sync.push.push_integration,
    "sync_run": sync.run.run,
    "plan_integration": sync.schedule.plan_integration,
    "ensure_endpoints": webhooks.endpoints.ensure_for_integration,
    "refresh_credentials": hub.integrations.service.refresh_due,
    "send_message": hub.messages.work.send,
}
BULK_HANDLERS = ("sync_run",)

BLUEPRINTS = (
    hub.identity.api.blueprint,
    hub.tenants.api.blueprint,
    hub.integrations.api.blueprint,
    hub.crm.api.clients.blueprint,
    hub.crm.api.invoices.blueprint,
    hub.crm.api.recurring.blueprint,
    hub.ledger.api.blueprint,
    sync.api.blueprint,
    webhooks.receive.blueprint,
    webhooks.api.blueprint,
    *hub.web.blueprints,
)

queue.register(HANDLERS, bulk=BULK_HANDLERS)
sync.run.register_catchup(webhooks.catchup.catch_up)
hub.commands.register_scheduler(sync.schedule.tick)

cli = hub.commands.cli
cli.add_command(hub.demo.commands.demo)
cli.add_command(sync.commands.sync)
cli.add_command(webhooks.commands.webhooks)


def create_app() -> APIFlask:
    """The application of this process, which must be booted (hub.process)."""
    return hub.http.create_app(process.settings(), BLUEPRINTS)


def app_from_environment() -> APIFlask:
    """The factory for a WSGI server: boots the process as the environment says."""
    process.boot_from_environment(name="web")
    return create_app()


if __name__ == "__main__":
    cli()
