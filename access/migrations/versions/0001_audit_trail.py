"""The audit trail, to which rows are added and nothing else."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The chain shows what was changed; these stop what would change it by mistake.
ON_SQLITE = (
    """
    create trigger audit_trail_keeps_rows before update on audit_trail
    begin select raise(abort, 'The audit trail is append-only.'); end
    """,
    """
    create trigger audit_trail_loses_no_row before delete on audit_trail
    begin select raise(abort, 'The audit trail is append-only.'); end
    """,
)
ON_POSTGRESQL = (
    """
    create function audit_trail_is_append_only() returns trigger language plpgsql as
    $$ begin raise exception 'The audit trail is append-only.'; end $$
    """,
    """
    create trigger audit_trail_keeps_rows before update or delete on audit_trail
    for each row execute function audit_trail_is_append_only()
    """,
    """
    create trigger audit_trail_loses_no_row before truncate on audit_trail
    for each statement execute function audit_trail_is_append_only()
    """,
)


def upgrade() -> None:
    """Make the table; the columns are described in `access/entries.py`."""
    op.create_table(
        "audit_trail",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("intent", sa.BigInteger, nullable=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("trial", sa.Text, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False, unique=True),
        sa.Column("mac", sa.String(64), nullable=False, unique=True),
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in ON_SQLITE if on_sqlite else ON_POSTGRESQL:
        op.execute(statement)
