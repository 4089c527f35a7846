"""References to provider objects that have not come yet; a payment may name an invoice and settle nothing of it.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "missing_references",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("integration_id", sa.BigInteger(), nullable=False),
        sa.Column("wanted_type", sa.Text(), nullable=False),
        sa.Column("wanted_id", sa.Text(), nullable=False),
        sa.Column("data_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integrations.tenant_id", "integrations.id"],
            name="fk_missing_references_tenant_id_integration_id",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "integration_id",
            "wanted_type",
            "wanted_id",
            "data_type",
            "external_id",
            name="pk_missing_references",
        ),
    )
    protect("missing_references")
    op.drop_constraint(op.f("ck_allocations_amount_positive"), "allocations", type_="check")
    op.create_check_constraint(op.f("ck_allocations_amount_not_negative"), "allocations", "amount >= 0")


def downgrade() -> None:
    op.execute("DELETE FROM allocations WHERE amount = 0")
    op.drop_constraint(op.f("ck_allocations_amount_not_negative"), "allocations", type_="check")
    op.create_check_constraint(op.f("ck_allocations_amount_positive"), "allocations", "amount > 0")
    op.drop_table("missing_references")
