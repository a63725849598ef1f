"""Both files of a snapshot, written by one connection with SQL, as tests make them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from snapshots.connection import _attach_sealed, quote_literal, work_connection


@contextmanager
def both_files(
    open_path: Path, sealed_path: Path, key: bytes
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to new `open_data` and `sealed_data`; at its end both files are whole."""
    with closing(work_connection()) as connection:
        connection.execute(
            f"ATTACH {quote_literal(open_path)} AS open_data (STORAGE_VERSION 'latest')"
        )
        _attach_sealed(connection, sealed_path, key, read_only=False)
        yield connection
        for database in ("open_data", "sealed_data"):
            connection.execute(f"CHECKPOINT {database}")
            connection.execute(f"DETACH {database}")
