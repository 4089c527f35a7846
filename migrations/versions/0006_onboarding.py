"""The account that was made for one attempt to connect, where a provider is connected by its onboarding.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oauth_attempts", sa.Column("account_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("oauth_attempts", "account_id")
