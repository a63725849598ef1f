"""Requests say who asks, as the second person reads it, and for whom of the participants."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; requests stand for a quarter of an hour, so those of before have none."""
    for name in ("account", "role", "participant"):
        op.add_column(
            "unmasking_request", sa.Column(name, sa.Text, nullable=False, server_default="")
        )
