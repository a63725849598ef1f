"""Writing a frame as a table, counting what is there, and finding a row.

Names are ours (relations), never an extract's, and pass through the quoting function all the same.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from snapshots.connection import quote_identifier

_SOURCE = "frame_to_store"
# DuckDB's row group. A batch is written by one thread, so that one of all rows takes twice as long.
_BATCH_ROWS = 122_880


def store_frame(
    connection: duckdb.DuckDBPyConnection, database: str, name: str, frame: pl.DataFrame
) -> None:
    """Create table ``name`` in an attached database from a frame, in the frame's order."""
    target = f"{quote_identifier(database)}.{quote_identifier(name)}"
    connection.register(_SOURCE, frame.to_arrow().to_reader(max_chunksize=_BATCH_ROWS))
    try:
        connection.execute(f"CREATE TABLE {target} AS FROM {_SOURCE}")
    finally:
        connection.unregister(_SOURCE)


def store_frames(
    connection: duckdb.DuckDBPyConnection, database: str, frames: Mapping[str, pl.DataFrame]
) -> None:
    """Create a table for each frame, all in one transaction; if that fails, there is none."""
    connection.begin()
    try:
        for name, frame in frames.items():
            store_frame(connection, database, name, frame)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def count_rows(connection: duckdb.DuckDBPyConnection, database: str, name: str) -> int:
    """Return the number of rows of a table of an attached database."""
    target = f"{quote_identifier(database)}.{quote_identifier(name)}"
    counted = connection.execute(f"SELECT count(*) FROM {target}").fetchone()  # noqa: S608
    return int(counted[0]) if counted else 0


def rows_where(
    connection: duckdb.DuckDBPyConnection, view: str, column: str, value: str
) -> pl.DataFrame:
    """The rows of a view of the in-memory catalog whose ``column`` is ``value``.

    No text is put into SQL: the name is looked up, and the value is bound.
    """
    cursor = connection.cursor()
    try:
        is_asked = duckdb.ColumnExpression(column) == duckdb.ConstantExpression(value)
        return cursor.view(view).filter(is_asked).pl()
    finally:
        cursor.close()


def rows_with(
    connection: duckdb.DuckDBPyConnection,
    database: str,
    table: str,
    column: str,
    values: Sequence[str],
) -> pl.DataFrame:
    """The rows of a table of an attached database whose ``column`` is one of ``values``."""
    asked = [duckdb.ConstantExpression(value) for value in values]
    target = f"{quote_identifier(database)}.main.{quote_identifier(table)}"
    return connection.table(target).filter(duckdb.ColumnExpression(column).isin(*asked)).pl()
