"""The payhub command: processes, administration, checks. Each package adds its own group in wsgi.py."""

from hub.commands import administration, checks, database, integrations, processes
from hub.commands.group import cli
from hub.commands.integrations import tenant_of
from hub.commands.processes import register_scheduler

__all__ = ["cli", "register_scheduler", "tenant_of"]

for command in (
    processes.serve,
    processes.worker,
    processes.scheduler,
    processes.up,
    processes.sandbox,
    database.database,
    administration.tenant,
    administration.user,
    administration.apikey,
    administration.keys,
    integrations.integration,
    checks.show_drift,
    checks.run_doctor,
):
    cli.add_command(command)
