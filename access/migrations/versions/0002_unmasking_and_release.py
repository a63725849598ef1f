"""Requests to name arms, and snapshots released to the sponsor."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; the columns are described in `access/records.py`."""
    op.create_table(
        "unmasking_request",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("trial", sa.Text, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("session", sa.String(32), nullable=False, index=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("expires", sa.String(32), nullable=False),
        sa.Column("answer", sa.String(16), nullable=False),
        sa.Column("answered_by", sa.Text, nullable=True),
        sa.Column("answered_at", sa.String(32), nullable=True),
    )
    op.create_table(
        "snapshot_release",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("trial", sa.Text, nullable=False, index=True),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("released_at", sa.String(32), nullable=False),
        sa.Column("released_by", sa.Text, nullable=False),
    )
