"""Alembic runs this with the connection, and within the transaction, of `open_records`."""

from alembic import context

from access.records import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
