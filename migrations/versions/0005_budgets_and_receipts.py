"""Reads counted per day, the receipt of a disconnect, and the lease of a token's refresh.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The grants let nothing of a receipt be changed but the provider's part; this lets that be written once.
TOLD_ONCE = """
CREATE FUNCTION payhub_receipt_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.told_at IS NOT NULL OR NEW.told_at IS NULL THEN
        RAISE EXCEPTION 'a disconnect receipt is never changed';
    END IF;
    RETURN NEW;
END
$$
"""
PROVIDERS_PART = "told_at, revocation, endpoints_removed"


def upgrade() -> None:
    op.add_column("integrations", sa.Column("refresh_lease_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "provider_reads",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("integration_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reads", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integrations.tenant_id", "integrations.id"],
            name=op.f("fk_provider_reads_tenant_id_integration_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "integration_id", "day", name=op.f("pk_provider_reads")),
    )
    protect("provider_reads", app="SELECT")
    op.create_table(
        "disconnect_receipts",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "destroyed_keys", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("sync_runs_stopped", sa.BigInteger(), nullable=False),
        sa.Column("changes_held", sa.BigInteger(), nullable=False),
        sa.Column("events_held", sa.BigInteger(), nullable=False),
        sa.Column("kept", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revocation", sa.Text(), nullable=True),
        sa.Column("endpoints_removed", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "revocation in ('revoked', 'unreachable', 'by_owner', 'none')", name=op.f("ck_disconnect_receipts_revocation")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integrations.tenant_id", "integrations.id"],
            name=op.f("fk_disconnect_receipts_tenant_id_integration_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_disconnect_receipts")),
    )
    op.create_index(
        op.f("ix_disconnect_receipts_tenant_id_integration_id_id"),
        "disconnect_receipts",
        ["tenant_id", "integration_id", "id"],
        unique=False,
    )
    protect("disconnect_receipts", app="SELECT", system=f"SELECT, INSERT, UPDATE ({PROVIDERS_PART})")
    op.execute(TOLD_ONCE)
    op.execute(
        "CREATE TRIGGER receipt_is_final BEFORE UPDATE ON disconnect_receipts"
        " FOR EACH ROW EXECUTE FUNCTION payhub_receipt_is_final()"
    )


def downgrade() -> None:
    op.drop_table("disconnect_receipts")
    op.execute("DROP FUNCTION IF EXISTS payhub_receipt_is_final()")
    op.drop_table("provider_reads")
    op.drop_column("integrations", "refresh_lease_until")
