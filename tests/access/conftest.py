"""Records databases of both kinds, new for each test."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

import access.trail
from access.audit_key import new_audit_key, read_audit_key
from access.records import _WRITER_LOCK
from access.trail import Trail, open_trail
from tests.postgres import Server, running_server

Kind = Literal["sqlite", "postgresql"]


def in_another_process() -> None:
    """Forget what this process has seen of trails, as one that starts now has seen nothing."""
    access.trail._seen.clear()


@dataclass(frozen=True)
class Records:
    """A records database, and the way into it that does not lead through the product.

    Attributes:
        connect: opens a connection on which every statement is at once in force.
        mark: how a value is bound in a statement there.
    """

    url: str
    key_file: Path
    connect: Callable[[], Any]
    mark: str

    def trail(self) -> Trail:
        return open_trail(self.url, self.key_file, new=True)

    @property
    def key(self) -> bytes:
        return read_audit_key(self.key_file)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def run(self, *statements: str) -> None:
        """Do what the product never does."""
        with closing(self.connect()) as connection:
            for statement in statements:
                connection.execute(statement)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection:
            return [tuple(row) for row in connection.execute(statement, values).fetchall()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While somebody else writes, and does not come to an end."""
        begin, end = (
            ("begin immediate", "rollback")
            if self.is_sqlite
            else (f"select pg_advisory_lock({_WRITER_LOCK})", "select pg_advisory_unlock_all()")
        )
        with closing(self.connect()) as connection:
            connection.execute(begin)
            yield
            connection.execute(end)

    def disarm(self) -> None:
        """Take away what refuses changes, as whoever owns the database can."""
        for trigger in ("audit_trail_keeps_rows", "audit_trail_loses_no_row"):
            self.run(f"drop trigger {trigger}" + ("" if self.is_sqlite else " on audit_trail"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for all tests of a worker."""
    with running_server() as server:
        yield server


@pytest.fixture
def audit_key_file(tmp_path: Path) -> Path:
    """An audit key."""
    new_audit_key(tmp_path / "audit.key")
    return tmp_path / "audit.key"


def _connect_to_sqlite(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=60)


@pytest.fixture
def sqlite_records(
    request: pytest.FixtureRequest, tmp_path: Path, audit_key_file: Path, empty_records: Path
) -> Records:
    """An SQLite database without rows; where tests make one, a place for it."""
    path = tmp_path / "records" / "records.db"
    if request.path.name != "test_records.py":
        path.parent.mkdir(mode=0o700)
        shutil.copy(empty_records, path)
    return Records(f"sqlite:///{path}", audit_key_file, lambda: _connect_to_sqlite(path), "?")


@pytest.fixture
def postgres_records(postgres_server: Server, audit_key_file: Path) -> Iterator[Records]:
    """An empty PostgreSQL database."""
    with postgres_server.new_database() as name:
        url = postgres_server.url(name)
        yield Records(url, audit_key_file, lambda: postgres_server.connect(name), "%s")


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest) -> Records:
    """One of each."""
    name = {"sqlite": "sqlite_records", "postgresql": "postgres_records"}[request.param]
    found: Records = request.getfixturevalue(name)
    return found
