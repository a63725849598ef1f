"""The records database: what people do and write. SQLite by default, PostgreSQL by URL.

Tables are made and changed by Alembic only. Writers come one after the other: on SQLite a writing
transaction begins IMMEDIATE, on PostgreSQL it takes an advisory lock.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from urllib.parse import quote

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from access.errors import RecordsError

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0003"

# How long a writer waits for the others before it says that it could not write.
PATIENCE_SECONDS = 60

# One number for all writers of this program, taken for the length of a transaction.
_WRITER_LOCK = 0x44534D42  # "DSMB"

_NO_URL = (
    "DSMB_RECORDS_URL is not the address of a records database. Write it as "
    "sqlite:///folder/records.db or postgresql://user@host/database; in a password, write @ as "
    "%40, / as %2F and : as %3A."
)

_MISSING = (
    "There are no records at {} (DSMB_RECORDS_URL), and without them nothing is shown or loaded. "
    "If there were some, restore them from a copy. A new installation makes them with "
    "`python -m access records new`."
)

metadata = MetaData()

audit_trail = Table(
    "audit_trail",
    metadata,
    # Ours, not the database's: a gap or a repeated number is a finding of `verify`.
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("act", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("intent", BigInteger, nullable=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("trial", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("mac", String(64), nullable=False, unique=True),
)

# Requests to name the arms of a snapshot, or that of one participant. `answer`: empty, confirmed,
# declined, used, withdrawn.
unmasking_request = Table(
    "unmasking_request",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("trial", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("session", String(32), nullable=False, index=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires", String(32), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("answered_by", Text, nullable=True),
    Column("answered_at", String(32), nullable=True),
    Column("account", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False, server_default=""),
    Column("participant", Text, nullable=False, server_default=""),
)

# Snapshots that the sponsor may see; of each trial the one released last.
snapshot_release = Table(
    "snapshot_release",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("trial", Text, nullable=False, index=True),
    Column("snapshot", Text, nullable=False),
    Column("released_at", String(32), nullable=False),
    Column("released_by", Text, nullable=False),
)

_creating = Lock()


def open_records(url: str, *, new: bool = False) -> Engine:
    """The records database at `url`, with its tables as this version needs them.

    Looking makes none: what is recorded would begin anew where the records were moved away.

    Args:
        new: make it if it does not exist yet; any number of processes may do so at once.

    Raises:
        RecordsError: the URL or the database cannot be used, or there is none.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(str(parsed.database))
        if new:
            _make_private(path)
        elif not path.exists():
            raise RecordsError(_MISSING.format(shown_url(url)))
    engine = _engine(parsed)
    try:
        with reading(engine) as connection:
            found = _revision(connection)
        if found is None and not new:
            raise RecordsError(_MISSING.format(shown_url(url)))
        if found != HEAD:
            _upgrade(engine, parsed)
    except (SQLAlchemyError, OSError, Timeout) as error:
        raise RecordsError(
            f"The records database ({shown_url(url)}) cannot be used ({cause_of(error)}). See that "
            "it runs, and that this user may write to it."
        ) from None
    return engine


@contextmanager
def writing(records: Engine) -> Iterator[Connection]:
    """A transaction while which no other process of this program writes; durable at its end."""
    with records.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin immediate")
        else:
            connection.execute(_CAREFULLY, {"patience": f"{PATIENCE_SECONDS}s"})
            connection.execute(_ONE_WRITER, {"number": _WRITER_LOCK})
        yield connection


@contextmanager
def reading(records: Engine) -> Iterator[Connection]:
    """A transaction that reads; on SQLite it keeps no writer waiting."""
    with records.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin")
        yield connection


# A server that is set to answer before the disk has the data would lose what it acknowledged.
_CAREFULLY = sqlalchemy.text(
    "select set_config('lock_timeout', :patience, true), set_config('synchronous_commit', "
    "case current_setting('synchronous_commit') when 'off' then 'on' "
    "else current_setting('synchronous_commit') end, true)"
)
_ONE_WRITER = sqlalchemy.text("select pg_advisory_xact_lock(:number)")


def cause_of(error: Exception) -> str:
    """What went wrong in a word: a driver's message can carry the URL with its password."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    name = type(original).__name__
    return f"{name}, {code}" if code else name


def shown_url(url: str) -> str:
    """The URL as it may be printed: without what is, or could be, a part of a password."""
    try:
        parsed = _parsed(url)
    except RecordsError:
        return "set, but not usable"
    if parsed.get_backend_name() == "sqlite":
        return url
    # Options are not shown at all: a password can be one of them.
    return parsed.set(query={}).render_as_string(hide_password=True)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise RecordsError(_NO_URL) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in {None, "", ":memory:"} or parsed.host or parsed.query:
            raise RecordsError(
                "DSMB_RECORDS_URL must name a file: sqlite:///folder/records.db, with nothing "
                "after it. Records in memory would be lost."
            )
        return URL.create("sqlite", database=str(Path(str(parsed.database)).absolute()))
    if backend == "postgresql":
        # With an @ in it, a password is cut in two, and its end is taken for the host.
        if "@" in (parsed.host or ""):
            raise RecordsError(_NO_URL)
        return parsed.set(drivername="postgresql+psycopg")
    raise RecordsError(_NO_URL)


@cache
def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        path = str(url.database)
        # Connections are kept: when the last is closed, SQLite puts its journal away, which costs
        # more than all the rest of a write.
        engine = sqlalchemy.create_engine(
            "sqlite://",
            creator=lambda: _sqlite(path),
            poolclass=QueuePool,
            pool_timeout=PATIENCE_SECONDS,
        )

        def remember_file(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
            record.info["file"] = _identity_of(path)

        def see_that_it_is_there(
            _connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
        ) -> None:
            # What is written to a file that was moved away or replaced, nobody would read.
            if record.info["file"] != _identity_of(path):
                raise DisconnectionError

        event.listen(engine, "connect", remember_file)
        event.listen(engine, "checkout", see_that_it_is_there)
        return engine
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": 10}
    return sqlalchemy.create_engine(
        url,
        pool_pre_ping=True,
        connect_args=timeout,
        # Whoever waited for the lock must see what the writer before has written.
        isolation_level="READ COMMITTED",
    )


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite(path: str) -> sqlite3.Connection:
    """A connection that never creates a file; a trail that was moved away is an error."""
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=rw",
        uri=True,
        timeout=PATIENCE_SECONDS,
        # The driver would begin transactions by itself, late; `writing` does it instead.
        isolation_level=None,
        check_same_thread=False,
    )
    # Text that somebody made invalid is a row that was changed, not a fault of the program.
    connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
    connection.execute("pragma synchronous = full")
    return connection


def _make_private(path: Path) -> None:
    """A new file, readable by its owner only before anything is written to it."""
    # One that exists is left alone: opening and closing it would release SQLite's locks on it.
    with _creating:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise RecordsError(
                f"The records {path} cannot be written ({error.strerror}). Name another place "
                "(DSMB_RECORDS_URL), or give this user the right to write there."
            ) from None


def _revision(connection: Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sqlalchemy.text("select version_num from alembic_version"))
    revision: str | None = found.scalar_one_or_none()
    return revision


def _upgrade(engine: Engine, url: URL) -> None:
    if engine.dialect.name == "sqlite":
        # To change the journal, SQLite does not wait for other processes; so they wait here.
        with (
            FileLock(f"{url.database}.lock", timeout=PATIENCE_SECONDS, mode=0o600),
            engine.connect() as connection,
        ):
            connection.exec_driver_sql("pragma journal_mode = wal")
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            encoding = connection.execute(sqlalchemy.text("show server_encoding")).scalar_one()
            if encoding != "UTF8":
                raise RecordsError(
                    f"The records database stores text as {encoding}, in which not every name can "
                    "be written. Create it with ENCODING 'UTF8'."
                )
        found = _revision(connection)
        if found != HEAD:  # no other process was faster
            _migrate(connection, found)


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise RecordsError(
            f"The records database is of another version of this program (revision {found}, "
            f"expected {HEAD} or before). Use that version, or name another database "
            "(DSMB_RECORDS_URL)."
        ) from None
