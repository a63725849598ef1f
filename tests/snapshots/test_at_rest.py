"""At rest: what lies on the disk of a loaded trial says nothing without the board's key.

The files are those of the pipeline, not of a writer alone; and each part of a snapshot opens only
beside its own others.
"""

import base64
import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest
from nacl.public import PublicKey

from access import View
from queries import BoardError, open_board
from snapshots import (
    OpenFile,
    Snapshot,
    new_data_key,
    open_store_digest,
    read_private_key,
    reader,
    unwrap,
    wrap,
)
from tests.conftest import LoadedTrial, grant_for, with_digests_of_its_files
from tests.sent import found, key_needles, sealed_needles
from tests.snapshots.both_files import both_files

COMPARATIVE = (View.CODED, View.UNBLINDED)
CANARY = "CanaryThatMustNotBeReadable"
ROWS = 1_500_000
MEMORY = "40MB"


# What can be read


def test_no_file_of_a_store_holds_a_sealed_text_or_a_key(demonstration_store: LoadedTrial) -> None:
    needles = sealed_needles(demonstration_store)
    files = [path for path in demonstration_store.store.root.rglob("*") if path.is_file()]
    kinds = {path.name for path in files}
    assert {"open.duckdb", "sealed.duckdb", "manifest.json", "current"} <= kinds
    assert not [path for path in files if path.suffix in {".wal", ".tmp"}]
    manifest = demonstration_store.snapshot.manifest
    keys = set(key_needles(demonstration_store)) - {manifest.wrapped_key, manifest.wrapped_labels}
    for path in files:
        assert found([*needles, *keys], [path.read_bytes().decode("latin-1")]) == set(), path.name


def test_the_same_search_finds_what_is_in_the_extract_and_in_the_open_file(
    demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    lots = set(demonstration_store.dataset("ex")["EXLOT"].drop_nulls())
    assert lots <= set(sealed_needles(demonstration_store))
    plain = tmp_path / "plain.csv"
    demonstration_store.dataset("ex").write_csv(plain)
    assert found(lots, [plain.read_bytes().decode("latin-1")]) == lots
    subject = demonstration_store.dataset("dm")["USUBJID"][0]
    in_open = demonstration_store.snapshot.open_path.read_bytes().decode("latin-1")
    assert found([subject], [in_open]) == {subject}


@pytest.fixture(scope="module")
def sealed_canaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, bytes]:
    """A snapshot's two files, the sealed one full of canaries, and its key."""
    folder, key = tmp_path_factory.mktemp("canaries"), new_data_key()
    open_path, sealed_path = folder / "open.duckdb", folder / "sealed.duckdb"
    with both_files(open_path, sealed_path, key) as connection:
        connection.execute("CREATE TABLE open_data.participant AS SELECT 'P1' AS subject")
        connection.execute(
            "CREATE TABLE sealed_data.allocation AS "
            "SELECT $canary || md5(CAST(i AS VARCHAR)) AS arm FROM range(5000) AS r(i)",
            {"canary": CANARY},
        )
    return open_path, sealed_path, key


# Of sealed rows, many more than the memory that is given.
SPILLING = (
    "CREATE TEMP TABLE answer AS SELECT arm || CAST(i AS VARCHAR) AS arm "
    f"FROM sealed_data.allocation, range({ROWS // 5000}) AS r(i)"
)


def test_what_a_comparative_question_spills_is_encrypted(
    sealed_canaries: tuple[Path, Path, bytes],
) -> None:
    def with_little_memory(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"SET memory_limit = '{MEMORY}'")

    open_path, sealed_path, key = sealed_canaries
    with closing(reader(open_path, sealed_path, key, with_little_memory)) as connection:
        cursor = connection.cursor()  # what it makes lasts as long as it does
        cursor.execute(SPILLING)
        setting = cursor.execute("SELECT current_setting('temp_directory')").fetchone()
        folder = Path(setting[0] if setting else "")
        spilled = list(folder.iterdir())
        assert sum(path.stat().st_size for path in spilled) > 1_000_000
        assert not any(CANARY.encode() in path.read_bytes() for path in spilled)
        (kept,) = cursor.execute("SELECT count(*) FROM answer").fetchall()
        assert kept == (ROWS,)
    assert not folder.exists()


def test_without_encryption_the_same_spill_can_be_read(tmp_path: Path) -> None:
    """Without this, a question that spills nothing telling would pass."""
    with closing(duckdb.connect(config={"temp_directory": str(tmp_path / "spill")})) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("ATTACH ':memory:' AS sealed_data")
        connection.execute(
            "CREATE TABLE sealed_data.allocation AS "
            "SELECT $canary || md5(CAST(i AS VARCHAR)) AS arm FROM range(5000) AS r(i)",
            {"canary": CANARY},
        )
        connection.execute(SPILLING)
        files = list((tmp_path / "spill").iterdir())
        assert any(CANARY.encode() in path.read_bytes() for path in files)


# What belongs together


@pytest.fixture
def mixed(demonstration_store: LoadedTrial, tmp_path: Path) -> Snapshot:
    """A copy of the later of two snapshots, to put files of the earlier one into."""
    later = demonstration_store.snapshot
    shutil.copytree(later.folder, tmp_path / str(later.id))
    for file in (tmp_path / str(later.id)).iterdir():
        file.chmod(0o600)
    return replace(later, folder=tmp_path / str(later.id))


def refusal(loaded: LoadedTrial, snapshot: Snapshot, view: View) -> str:
    """The one sentence, or two, that opening says; it holds no key and no arm."""
    with pytest.raises(BoardError) as refused:
        open_board(loaded.trial, snapshot, grant_for(loaded, view), loaded.keys.private)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert found([*key_needles(loaded), *loaded.trial.arm_codes], [sentence]) == set()
    return sentence


def earlier(loaded: LoadedTrial) -> Snapshot:
    first, last = loaded.snapshots
    assert last.id == loaded.snapshot.id
    return first


@pytest.mark.parametrize("view", list(View))
def test_the_open_file_of_another_snapshot_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    shutil.copy(earlier(demonstration_store).open_path, mixed.open_path)
    sentence = refusal(demonstration_store, mixed, view)
    assert f"it is not the file that the manifest of {mixed.id} describes" in sentence


@pytest.mark.parametrize("view", list(View))
def test_an_open_file_of_as_many_rows_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    """One cell is changed: the counts agree."""
    with closing(duckdb.connect(str(mixed.open_path))) as connection:
        connection.execute("UPDATE participant SET sex = 'U' WHERE rowid = 0")
    assert open_store_digest(mixed.open_path).digest != mixed.manifest.digest
    assert "is damaged, or was changed" in refusal(demonstration_store, mixed, view)


@pytest.mark.parametrize("view", COMPARATIVE)
def test_the_sealed_file_of_another_snapshot_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    """Of the same trial, sealed to the same board."""
    shutil.copy(earlier(demonstration_store).sealed_path, mixed.sealed_path)
    assert "sealed.duckdb is damaged, or was changed" in refusal(demonstration_store, mixed, view)
    told = with_digests_of_its_files(mixed)
    assert "does not open with this key" in refusal(demonstration_store, told, view)


@pytest.mark.parametrize("view", COMPARATIVE)
def test_the_sealed_file_of_another_snapshot_with_its_wrapped_key_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    first = earlier(demonstration_store)
    shutil.copy(first.sealed_path, mixed.sealed_path)
    told = with_digests_of_its_files(mixed, wrapped_key=first.manifest.wrapped_key)
    sentence = refusal(demonstration_store, told, view)
    assert f"is of snapshot {first.id}, not of {mixed.id}" in sentence


@pytest.mark.parametrize("view", COMPARATIVE)
def test_the_sealed_file_of_another_snapshot_under_a_forged_name_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    """Anybody can seal to a public key; the sealed file itself says what it belongs to."""
    first = earlier(demonstration_store)
    shutil.copy(first.sealed_path, mixed.sealed_path)
    private = read_private_key(demonstration_store.keys.private)
    key = json.loads(unwrap(private, first.manifest.wrapped_key))["key"]
    assert len(base64.b64decode(key)) == 32
    forged = wrap(
        PublicKey(bytes(private.public_key)),
        json.dumps({"snapshot": str(mixed.id), "key": key}).encode(),
    )
    told = with_digests_of_its_files(mixed, wrapped_key=forged)
    sentence = refusal(demonstration_store, told, view)
    assert f"The sealed file beside {mixed.id} belongs to another snapshot" in sentence


@pytest.mark.parametrize("view", COMPARATIVE)
def test_a_snapshot_without_its_sealed_file_is_refused(
    view: View, demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    mixed.sealed_path.unlink()
    assert "sealed.duckdb cannot be read" in refusal(demonstration_store, mixed, view)


def test_the_copy_opens_as_long_as_nothing_is_put_into_it(
    demonstration_store: LoadedTrial, mixed: Snapshot
) -> None:
    """Without this, a copy that never opens would pass for a refusal."""
    for view in View:
        grant = grant_for(demonstration_store, view)
        open_board(
            demonstration_store.trial, mixed, grant, demonstration_store.keys.private
        ).close()


# What DuckDB pads compressed columns with


def test_the_open_file_holds_nothing_of_the_memory_of_a_load(tmp_path: Path) -> None:
    """DuckDB writes what its memory held before; that of the process of a load held everything."""
    mark = "\u0166" * 40  # an arm, in two bytes that nothing else here has
    frame = pl.DataFrame({"text": [f"{number % 90} {number % 7}" for number in range(40_000)]})
    with closing(duckdb.connect()) as sealed:
        for _ in range(20):
            sealed.execute(
                "create or replace table t as select $mark || i as arm from range(50000) r(i)",
                {"mark": mark},
            )
            sealed.execute("select count(distinct arm || arm) from t").fetchall()
            path = tmp_path / "in_this_process.duckdb"
            path.unlink(missing_ok=True)
            sealed.register("frame", frame.to_arrow())
            sealed.execute(f"attach '{path}' as o (storage_version 'latest')")
            sealed.execute("create table o.t as from frame")
            sealed.execute("checkpoint o")
            sealed.execute("detach o")
            if mark[:2].encode() in path.read_bytes():
                break
        else:
            pytest.fail("DuckDB pads with nothing any more: snapshots.open_file can go")
    with OpenFile(tmp_path / "open.duckdb", {"t": frame}) as making:
        making.finish()
    assert mark[:2].encode() not in (tmp_path / "open.duckdb").read_bytes()
