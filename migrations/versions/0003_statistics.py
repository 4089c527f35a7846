"""Statistics while a first load runs: autovacuum comes minutes later, and until then lookups are planned as scans.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from migrations.security import APP_ROLE, SYSTEM_ROLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Every index begins with tenant_id. While the statistics do not know a tenant, the planner takes it for one of a few rows, all
# indexes look alike to it, and it reads all of the tenant's rows for each one it looks up. Only the columns of indexes matter,
# so this takes milliseconds. SECURITY DEFINER: only the owner may ANALYZE.
REFRESH_STATISTICS = """
CREATE FUNCTION payhub_refresh_statistics() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    ANALYZE integration_data (tenant_id, integration_id, data_type, external_id, local_id, group_key),
            clients (tenant_id, id, email_key),
            invoices (tenant_id, id, number, client_id, status, created_at),
            invoice_lines (tenant_id, invoice_id),
            payments (tenant_id, id, integration_id, external_id, client_id, group_key, created_at),
            allocations (tenant_id, id, payment_id, invoice_id),
            refunds (tenant_id, id, integration_id, external_id, payment_id, payment_external_id),
            ledger_entries (tenant_id, id, source, invoice_id, payment_id, at),
            missing_references (tenant_id, integration_id, wanted_type, wanted_id)
$$
"""


def upgrade() -> None:
    op.execute(REFRESH_STATISTICS)
    op.execute("REVOKE ALL ON FUNCTION payhub_refresh_statistics() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION payhub_refresh_statistics() TO {APP_ROLE}, {SYSTEM_ROLE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS payhub_refresh_statistics()")
