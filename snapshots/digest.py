"""A digest of what a database holds, whatever its file's bytes.

Two loads of the same data give different DuckDB files, so contents are compared by this digest. It
is defined as follows, with SHA-256 in lower-case hexadecimal throughout:

- *cell*: the text DuckDB gives a value (the shortest that reads back as the same number for
  doubles, ISO 8601 for dates; microseconds since 1970 for a moment with an offset, hexadecimal for
  a blob). Negative zero is zero, and there is one not-a-number: DuckDB's compression does not keep
  them apart when it writes a column. A text, enumeration or blob becomes its length in bytes, a
  colon and itself, a NULL just the colon; any other type, in whose text no semicolon occurs,
  becomes itself and a semicolon, a NULL just the semicolon. So a row of given types reads back in
  one way only.
- *row*: the digest of its cells in column order.
- *table*: the row digests, sorted, are cut by their first two digits into up to 256 runs; the
  table's digest is that of its schema, its row count and each run's digest. Sorting makes it
  independent of the order of insertion and of threads; equal rows count as often as they occur.
- *database*: the digest of the names and digests of its tables, by name.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from snapshots.connection import OPEN, open_stores_reader, quote_identifier
from snapshots.errors import StoreError
from snapshots.manifest import TableFacts

# Types whose text may hold any character.
_TEXT = frozenset({"VARCHAR", "BLOB", "ENUM"})
_PLAIN = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT"}
    | {"UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "UUID", "INTERVAL"}
    | {"DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
    | {"TIMESTAMP WITH TIME ZONE"}
)


@dataclass(frozen=True, slots=True)
class Column:
    """Name and DuckDB type of one column."""

    name: str
    type: str

    @property
    def family(self) -> str:
        """The type without its parameters: ``DECIMAL`` of ``DECIMAL(18,3)``."""
        return self.type.partition("(")[0]


@dataclass(frozen=True, slots=True)
class DatabaseDigest:
    """Digest of a database, and row count and digest of each of its tables by name."""

    digest: str
    tables: dict[str, TableFacts]


def columns_of(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[Column]]:
    """Return the columns of each table of a database, in order; nothing of a table without any.

    Raises StoreError for a column whose type has no canonical text, such as a list.
    """
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'main' ORDER BY table_name, column_index",
        [database],
    ).fetchall()
    columns: dict[str, list[Column]] = {}
    for table, name, data_type in rows:
        column = Column(name, data_type)
        if column.family not in _TEXT | _PLAIN or column.type.endswith("]"):
            raise StoreError(
                f"Column {name} of table {table} has type {data_type}; a table of a snapshot holds "
                "plain values only (text, numbers, dates, times)."
            )
        columns.setdefault(table, []).append(column)
    return columns


def tables_of(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """Return the names of the tables of an attached database, sorted.

    Raises StoreError if it holds anything but tables in its main schema, since nothing else enters
    the digest.
    """
    others = connection.execute(
        "SELECT view_name AS name FROM duckdb_views() WHERE database_name = $1 AND NOT internal "
        "UNION ALL SELECT sequence_name FROM duckdb_sequences() WHERE database_name = $1 "
        "UNION ALL SELECT index_name FROM duckdb_indexes() WHERE database_name = $1 "
        "UNION ALL SELECT type_name FROM duckdb_types() WHERE database_name = $1 AND NOT internal "
        "UNION ALL SELECT function_name FROM duckdb_functions() "
        "    WHERE database_name = $1 AND NOT internal "
        "UNION ALL SELECT table_name FROM duckdb_tables() "
        "    WHERE database_name = $1 AND schema_name <> 'main' ORDER BY name",
        [database],
    ).fetchall()
    if others:
        raise StoreError(
            f"Database {database} holds {others[0][0]}, which is not a plain table; a snapshot "
            "holds tables without indexes, views or functions, in the main schema."
        )
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [database]
    ).fetchall()
    return sorted(row[0] for row in rows)


def cell_text(reference: str, column: Column) -> str:
    """Return the SQL expression of a value's canonical text, NULL for NULL.

    ``reference`` is the quoted, qualified name of the column.
    """
    if column.family == "BLOB":
        return f"hex({reference})"
    if column.family == "TIMESTAMP WITH TIME ZONE":
        # Its text depends on the time zone of the session.
        return f"CAST(epoch_us({reference}) AS VARCHAR)"
    if column.family in {"FLOAT", "DOUBLE"}:
        return (
            f"CASE WHEN {reference} = 0 THEN '0.0' WHEN isnan({reference}) THEN 'nan' "
            f"ELSE CAST({reference} AS VARCHAR) END"
        )
    return f"CAST({reference} AS VARCHAR)"


def table_digest(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> TableFacts:
    """Return row count and canonical digest of one table of an attached database.

    Raises StoreError if there is no such table, or for a column without a canonical text.
    """
    columns = columns_of(connection, database).get(table)
    if columns is None:
        raise StoreError(f"Database {database} has no table {table}.")
    return _table_digest(connection, database, table, columns)


def _table_digest(
    connection: duckdb.DuckDBPyConnection, database: str, table: str, columns: Sequence[Column]
) -> TableFacts:
    """Row count and canonical digest of one table."""
    source = f"{quote_identifier(database)}.main.{quote_identifier(table)}"
    # Only names go into the text, each through quote_identifier.
    statement = f"""
        WITH row_digest AS (SELECT sha256({_row_text(columns)}) AS digest FROM {source})
        SELECT left(digest, 2) AS run, count(*), sha256(string_agg(digest, '' ORDER BY digest))
        FROM row_digest GROUP BY run ORDER BY run
    """  # noqa: S608
    runs = connection.execute(statement).fetchall()
    rows = sum(run[1] for run in runs)
    schema = [[column.name, column.type] for column in columns]
    return TableFacts(rows=rows, digest=_sha256([table, schema, rows, [run[2] for run in runs]]))


def database_digest(connection: duckdb.DuckDBPyConnection, database: str) -> DatabaseDigest:
    """Return the canonical digest of every table of an attached database.

    Raises StoreError if the database holds anything but plain tables of plain values.
    """
    columns = columns_of(connection, database)
    tables = {
        table: _table_digest(connection, database, table, columns[table])
        for table in tables_of(connection, database)
    }
    digest = _sha256([[name, facts.digest] for name, facts in tables.items()])
    return DatabaseDigest(digest, tables)


def open_store_digest(path: Path) -> DatabaseDigest:
    """Return the canonical digest of the open file of a snapshot."""
    with closing(open_stores_reader({OPEN: path})) as connection:
        return database_digest(connection, OPEN)


def _row_text(columns: Sequence[Column]) -> str:
    """SQL of the text that a row's digest is taken of; ``concat`` passes over NULL."""
    parts: list[str] = []
    for column in columns:
        text = cell_text(quote_identifier(column.name), column)
        parts.append(f"strlen({text}), ':', {text}" if column.family in _TEXT else f"{text}, ';'")
    return f"concat({', '.join(parts)})"


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()
