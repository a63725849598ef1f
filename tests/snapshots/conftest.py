"""Tiny snapshots of an invented trial."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from snapshots import (
    FORMAT,
    OPEN,
    ControlTotal,
    DatabaseDigest,
    Manifest,
    Snapshot,
    SnapshotId,
    Store,
    TrialStore,
    database_digest,
    fingerprint,
    load_lock,
    new_data_key,
    publish,
    receipt_of,
    wrap,
)
from tests.snapshots.both_files import both_files

CUTOFF = date(2023, 9, 30)
ROOT = Path(__file__).parents[2]

Build = Callable[[Path], Manifest]


@pytest.fixture(scope="session")
def board_key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
def trial(tmp_path: Path) -> TrialStore:
    return Store(tmp_path / "store").trial("invented")


@dataclass(frozen=True)
class Databases:
    """The content of both files of a snapshot, and what goes with it."""

    open_content: bytes
    sealed_content: bytes
    contents: DatabaseDigest
    wrapped_key: str


@pytest.fixture(scope="session")
def databases_with_mark(
    board_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Databases]:
    """Databases whose every table, open and sealed, holds the same mark; made once for each."""

    @functools.cache
    def databases(mark: str) -> Databases:
        folder = tmp_path_factory.mktemp("made")
        key = new_data_key()
        with both_files(folder / "open.duckdb", folder / "sealed.duckdb", key) as connection:
            connection.execute(
                "CREATE TABLE open_data.participant AS "
                "SELECT 'P' || i AS subject, $mark AS mark FROM range(3) AS r(i)",
                {"mark": mark},
            )
            connection.execute(
                "CREATE TABLE open_data.adverse_event AS "
                "SELECT 'E' || i AS record_key, $mark AS mark FROM range(50) AS r(i)",
                {"mark": mark},
            )
            connection.execute(
                "CREATE TABLE sealed_data.allocation AS SELECT 'P0' AS subject, $mark AS arm",
                {"mark": mark},
            )
            contents = database_digest(connection, OPEN)
        return Databases(
            (folder / "open.duckdb").read_bytes(),
            (folder / "sealed.duckdb").read_bytes(),
            contents,
            wrap(board_key.public_key, key),
        )

    return databases


@pytest.fixture
def make_build(
    board_key: PrivateKey, databases_with_mark: Callable[[str], Databases]
) -> Callable[[TrialStore, SnapshotId, str], Build]:
    """A builder of a tiny snapshot that holds one mark."""

    def make(trial: TrialStore, snapshot_id: SnapshotId, mark: str) -> Build:
        def build(folder: Path) -> Manifest:
            databases = databases_with_mark(mark)
            (folder / "open.duckdb").write_bytes(databases.open_content)
            (folder / "sealed.duckdb").write_bytes(databases.sealed_content)
            return Manifest(
                format=FORMAT,
                trial=trial.name,
                snapshot=str(snapshot_id),
                cutoff=snapshot_id.cutoff,
                loaded_at=datetime(2023, 10, 2, 8, 30, tzinfo=UTC),
                simulated=True,
                versions={"program": "1"},
                tables=databases.contents.tables,
                digest=databases.contents.digest,
                control_totals=(ControlTotal(relation="participant", rows=3),),
                findings={"major": 2},
                board_key_fingerprint=fingerprint(board_key.public_key),
                wrapped_key=databases.wrapped_key,
                wrapped_labels=wrap(board_key.public_key, b"{}"),
            )

        return build

    return make


@pytest.fixture
def load(
    make_build: Callable[[TrialStore, SnapshotId, str], Build],
) -> Callable[..., Snapshot]:
    """Publish one snapshot, as the pipeline does."""

    def one_load(trial: TrialStore, mark: str = "mark", cutoff: date = CUTOFF) -> Snapshot:
        with load_lock(trial):
            snapshot_id = trial.next_id(cutoff)
            receipt = receipt_of(Store(trial.root), [mark.encode()])
            return publish(trial, snapshot_id, make_build(trial, snapshot_id, mark), receipt)

    return one_load


@pytest.fixture
def driver() -> Iterator[Callable[..., list[str]]]:
    """Speak to the process of publishing_process.py: say the words, if any, and hear one line."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("publishing_process.py"))],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LOGNAME": "alice"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said, heard = process.stdin, process.stdout

    def ask(*words: object) -> list[str]:
        if words:
            said.write(" ".join(str(word) for word in words) + "\n")
            said.flush()
        line = heard.readline()
        assert line, "the publishing process is gone"
        return line.split()

    with process:
        yield ask
        process.kill()
