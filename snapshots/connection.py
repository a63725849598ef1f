"""The one place that opens DuckDB, and the one place that quotes a name or a path for it.

Every connection is an in-memory instance of its own to which database files are attached. What a
connection may reach is therefore decided by what is attached here: a pooled reader has no sealed
database, so SQL that asks for one does not bind.
"""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import duckdb
import duckdb_extension_httpfs

from snapshots.errors import SealedStoreError, StoreError, disk_full_reason

OPEN = "open_data"
SEALED = "sealed_data"
KEY_BYTES = 32

# The name of the session variable by which a key travels into ATTACH. A key in the text of a
# statement would come back in a parser error.
_KEY_VARIABLE = "k"

# How a file is attached. A new one is written in the format of this DuckDB: the oldest one, which
# is its default, takes three times as long, since every compression of text is tried.
_READ, _CREATE = "READ_ONLY", "READ_WRITE, STORAGE_VERSION 'latest'"


def quote_identifier(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier. Raises ValueError for an empty name or a NUL."""
    if not name or "\0" in name:
        raise ValueError("A database name must be at least one character long and hold no NUL.")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(path: Path) -> str:
    """Return the absolute form of ``path`` as an SQL string literal.

    ATTACH and LOAD take no bound parameter, so this is the only text that is ever put into SQL.
    Being absolute, a path can not be read as ``:memory:`` or as an address with a scheme. Raises
    ValueError for a path that holds a NUL or is not valid Unicode.
    """
    text = str(path.absolute())
    if "\0" in text:
        raise ValueError("A path must hold no NUL.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"The path {text!r} is not valid Unicode; rename it.") from None
    return "'" + text.replace("'", "''") + "'"


def work_connection(*, sealed: bool = True) -> duckdb.DuckDBPyConnection:
    """Open an in-memory instance for the loading pipeline.

    It installs and loads no extension of its own accord, and sees no Python variable unless it is
    registered. It may still attach and write files.

    Args:
        sealed: whether it may come to hold sealed data; then what it spills to disk is encrypted.
            What encrypts takes memory and a tenth of a second to load, so where all data is open it
            is left out; the folder that is spilled to is the user's own in any case.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "temp_file_encryption": sealed,
            # DuckDB makes this folder when it first spills and removes it on closing.
            "temp_directory": str(_spill_folder() / secrets.token_hex(8)),
        },
    )
    try:
        if sealed:
            _load_encryption(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _spill_folder() -> Path:
    """A folder that nobody else may enter, gone at the end of the process."""
    folder = Path(tempfile.mkdtemp(prefix="dsmb-spill-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def writer(sealed_path: Path, key: bytes) -> Iterator[duckdb.DuckDBPyConnection]:
    """Create the sealed file of a snapshot and give a connection that writes to it.

    The open file is written by ``snapshots.open_file``, in another process.

    Args:
        sealed_path: file to create for ``sealed_data``, encrypted with AES-GCM.
        key: 32 random bytes for it.

    When the block ends without an exception the file is complete, detached and without a log file.

    Raises:
        StoreError: the file exists already.
        SealedStoreError: its folder cannot be written.
    """
    if os.path.lexists(sealed_path):
        raise StoreError(
            f"{sealed_path} exists already; a snapshot is written once and never changed."
        )
    with closing(work_connection()) as connection:
        _attach_sealed(connection, sealed_path, key, read_only=False)
        _refuse_outside_access(connection)
        _lock_configuration(connection)
        yield connection
        connection.execute(f"CHECKPOINT {quote_identifier(SEALED)}")
        connection.execute(f"DETACH {quote_identifier(SEALED)}")


def reader(
    open_path: Path,
    sealed_path: Path | None = None,
    key: bytes | None = None,
    prepare: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open one snapshot for reading, in an instance of its own that is then locked.

    Args:
        open_path: attached read-only as ``open_data``.
        sealed_path: attached read-only as ``sealed_data``; None for a view that must not have it.
        key: the 32 bytes that encrypt ``sealed_path``; given exactly when ``sealed_path`` is.
        prepare: called once before the lock, to create the views of the caller in the in-memory
            catalog. Files and the network are out of reach already. Use ``CREATE VIEW``: temporary
            views belong to one cursor.

    Returns:
        A connection whose ``cursor()`` sees the same databases and views; names must be qualified
        or be views of ``prepare``, since ``USE`` does not carry over to cursors.

    Raises:
        StoreError: the open file is missing or damaged.
        SealedStoreError: the sealed file is missing or damaged, or the key is not the right one.
    """
    if (sealed_path is None) != (key is None):
        raise ValueError("A sealed file and its key are given together or not at all.")
    connection = work_connection(sealed=sealed_path is not None)
    try:
        _attach_open(connection, OPEN, open_path)
        if sealed_path is not None and key is not None:
            _attach_sealed(connection, sealed_path, key, read_only=True)
        _refuse_outside_access(connection)
        if prepare is not None:
            prepare(connection)
        _lock_configuration(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_stores_reader(stores: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    """Open several open stores side by side for reading, each under the name it is mapped from.

    Raises StoreError when a file is missing or damaged.
    """

    def attach(connection: duckdb.DuckDBPyConnection) -> None:
        for name, path in stores.items():
            _attach_open(connection, name, path)

    return _locked(work_connection(sealed=False), attach)


def sealed_stores_reader(stores: Mapping[str, tuple[Path, bytes]]) -> duckdb.DuckDBPyConnection:
    """Open several sealed stores side by side for reading, each with its key of 32 bytes.

    Raises SealedStoreError when a file is missing or damaged, or a key is not the right one.
    """

    def attach(connection: duckdb.DuckDBPyConnection) -> None:
        for name, (path, key) in stores.items():
            _attach_sealed(connection, path, key, name, read_only=True)

    return _locked(work_connection(), attach)


def _locked(
    connection: duckdb.DuckDBPyConnection, attach: Callable[[duckdb.DuckDBPyConnection], None]
) -> duckdb.DuckDBPyConnection:
    try:
        attach(connection)
        _refuse_outside_access(connection)
        _lock_configuration(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _load_encryption(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the OpenSSL that DuckDB encrypts files with; it comes with the httpfs package."""
    package = Path(duckdb_extension_httpfs.__file__).parent
    extension = package / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if not extension.is_file():
        raise StoreError(
            f"Encryption needs DuckDB's httpfs extension for DuckDB {duckdb.__version__}, and "
            f"{extension} is not there. Install the package "
            f"duckdb-extension-httpfs=={duckdb.__version__}."
        )
    connection.execute(f"LOAD {quote_literal(extension)}")


def _attach_open(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    statement = f"ATTACH {quote_literal(path)} AS {quote_identifier(name)} (TYPE duckdb, {_READ})"
    try:
        connection.execute(statement)
    except duckdb.Error as error:
        if not path.exists():
            raise StoreError(
                f"{path} is missing. Restore the snapshot's folder from a copy, "
                "or load the extract again."
            ) from error
        raise StoreError(
            f"{path} cannot be read as the open part of a snapshot ({error}). Restore the "
            "snapshot's folder from a copy, or load the extract again."
        ) from error


def _attach_sealed(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    key: bytes,
    name: str = SEALED,
    *,
    read_only: bool,
) -> None:
    if len(key) != KEY_BYTES:
        raise SealedStoreError(
            f"The key of a sealed file has {KEY_BYTES} bytes; the one given has {len(key)}."
        )
    mode = _READ if read_only else _CREATE
    refusal: str | None = None
    # As text, because ATTACH answers any other type with a message that spells the key out.
    connection.execute(f"SET VARIABLE {_KEY_VARIABLE} = ?", [base64.b64encode(key).decode()])
    try:
        connection.execute(
            f"ATTACH {quote_literal(path)} AS {quote_identifier(name)} "
            f"(TYPE duckdb, {mode}, ENCRYPTION_KEY getvariable('{_KEY_VARIABLE}'))"
        )
    except duckdb.Error as error:
        refusal = _sealed_refusal(path, error, read_only=read_only)
    finally:
        connection.execute(f"RESET VARIABLE {_KEY_VARIABLE}")
    if refusal is not None:
        # Raised out here so that DuckDB's own exception is not carried along as its context.
        raise SealedStoreError(refusal)


def _sealed_refusal(path: Path, error: duckdb.Error, *, read_only: bool) -> str:
    if not read_only:
        reason = disk_full_reason(error)
        return f"{path} cannot be created: {reason or 'DuckDB refuses to write it'}."
    if not path.exists():
        return f"{path} is missing. Restore the snapshot's folder from a copy."
    if "Wrong encryption key" in str(error):
        return (
            f"{path} does not open with this key: either the key belongs to another snapshot, or "
            "the file is damaged. Use the key in the manifest beside it; if it still does not "
            "open, restore the snapshot's folder from a copy."
        )
    if "is not encrypted" in str(error):
        return f"{path} is not encrypted, so this program did not write it. Load the extract again."
    return f"{path} cannot be read as a sealed file. Restore the snapshot's folder from a copy."


def _refuse_outside_access(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")


def _lock_configuration(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET lock_configuration = true")
