"""Writing a frame as a table, counting what is there, and finding a row.

Names are ours (relations), never an extract's, and pass through the quoting function all the same.
"""

from collections.abc import Mapping, Sequence
from datetime import date

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
    if not asked:
        return connection.table(target).limit(0).pl()
    return connection.table(target).filter(duckdb.ColumnExpression(column).isin(*asked)).pl()


def begins_after(columns: list[str], cutoff: date) -> duckdb.Expression | None:
    """Whether a record begins after the cut-off; a date in part on the earliest day it can be.

    None where records of this kind have no date.
    """
    name = next((word for word in ("start_date", "date") if word in columns), None)
    if name is None:
        return None
    day, written = duckdb.ColumnExpression(name), duckdb.ColumnExpression(f"{name}_text")
    known = duckdb.FunctionExpression("strftime", day, duckdb.ConstantExpression("%Y-%m-%d"))
    if f"{name}_text" in columns:
        # `2023-09` comes after `2023-08-31`, and `2023-08` does not.
        in_part = duckdb.FunctionExpression(
            "regexp_extract", written, duckdb.ConstantExpression(r"^[0-9]{4}(-[0-9]{2})?$")
        )
        known = duckdb.CoalesceOperator(known, in_part)
    return duckdb.CoalesceOperator(
        known > duckdb.ConstantExpression(cutoff.isoformat()), duckdb.ConstantExpression(False)
    )
