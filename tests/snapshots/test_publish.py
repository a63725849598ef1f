"""Publishing, its lock, receipts and pruning, while nothing crashes."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshots import (
    LoadUnderWay,
    Manifest,
    Snapshot,
    SnapshotId,
    Store,
    StoreError,
    TrialStore,
    find_by_receipt,
    load_lock,
    make_current,
    prune,
    publish,
    reader,
    receipt_of,
    sweep,
)

Load = Callable[..., Snapshot]
Build = Callable[[Path], Manifest]
MakeBuild = Callable[[TrialStore, SnapshotId, str], Build]
CUTOFF = date(2023, 9, 30)
ROOT = Path(__file__).parents[2]


def state(trial: TrialStore) -> dict[str, str]:
    """Every file of the trial but the lock's, with a hash of its content."""
    return {
        str(path.relative_to(trial.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(trial.folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".load")
    }


def test_a_published_snapshot_is_whole_private_and_read_only(trial: TrialStore, load: Load) -> None:
    snapshot = load(trial)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(snapshot.folder.iterdir())
    }
    assert modes == {
        "manifest.json": 0o440,
        "open.duckdb": 0o440,
        "receipt": 0o400,
        "sealed.duckdb": 0o440,
    }
    assert stat.S_IMODE(snapshot.folder.stat().st_mode) == 0o750
    assert (trial.folder / "current").read_text() == "2023-09-30.1\n"
    assert (snapshot.folder / "manifest.json").read_bytes() == snapshot.manifest.to_json()
    assert sorted(path.name for path in trial.folder.iterdir()) == [
        ".load.lock",
        "2023-09-30.1",
        "current",
    ]


def test_everything_is_on_the_disk_before_the_step_that_shows_it(
    trial: TrialStore, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(trial)
    events: list[tuple[str, int]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def flush(descriptor: int) -> None:
        events.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def move(act: Callable[..., None]) -> Callable[..., None]:
        def moving(source: Path, target: Path) -> None:
            events.append((Path(target).name, Path(source).stat().st_ino))
            act(source, target)

        return moving

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "rename", move(rename))
    monkeypatch.setattr(os, "replace", move(replace))
    snapshot = load(trial, "next")
    monkeypatch.undo()
    named = [event for event, _ in events]
    shown, made_current = named.index("2023-09-30.2"), named.index("current")
    folder = ("fsync", trial.folder.stat().st_ino)
    for path in (snapshot.folder, *snapshot.folder.iterdir()):
        assert ("fsync", path.stat().st_ino) in events[:shown], path.name
    assert ("fsync", (trial.folder / "current").stat().st_ino) in events[:shown]
    assert folder in events[shown:made_current]
    assert folder in events[made_current:]


def test_the_work_folder_is_private(trial: TrialStore, make_build: MakeBuild) -> None:
    seen: list[tuple[str, int]] = []
    snapshot_id = SnapshotId(CUTOFF, 1)

    def build(folder: Path) -> Manifest:
        seen.append((folder.name, stat.S_IMODE(folder.stat().st_mode)))
        assert trial.snapshots() == []
        return make_build(trial, snapshot_id, "mark")(folder)

    publish(trial, snapshot_id, build, b"receipt")
    ((name, mode),) = seen
    assert name.startswith(".incoming-")
    assert mode == 0o700


def test_a_taken_id_is_refused(trial: TrialStore, load: Load, make_build: MakeBuild) -> None:
    snapshot = load(trial)
    before = state(trial)
    with pytest.raises(StoreError, match=r"2023-09-30\.1 exists already"):
        publish(trial, snapshot.id, make_build(trial, snapshot.id, "other"), b"")
    assert state(trial) == before


class Stop(BaseException):
    """Not an Exception, as a keyboard interrupt is not."""


@pytest.mark.parametrize(
    "stop", [Stop("now"), ValueError("a bug"), FileNotFoundError(2, "no", "x")]
)
def test_whatever_build_raises_the_store_is_as_before(
    trial: TrialStore, load: Load, make_build: MakeBuild, stop: BaseException
) -> None:
    load(trial)
    before = state(trial)
    snapshot_id = trial.next_id(CUTOFF)

    def build(folder: Path) -> Manifest:
        make_build(trial, snapshot_id, "other")(folder)
        raise stop

    with pytest.raises(type(stop)) as raised:
        publish(trial, snapshot_id, build, b"")
    assert raised.value is stop
    assert state(trial) == before
    assert trial.next_id(CUTOFF) == snapshot_id
    assert str(load(trial).id) == "2023-09-30.2"


@pytest.mark.parametrize("step", ["chmod", "fsync", "rename", "replace", "write", "open", "mkdir"])
def test_whatever_step_fails_the_store_is_as_before(
    trial: TrialStore,
    load: Load,
    make_build: MakeBuild,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load(trial)
    before = state(trial)
    snapshot_id = trial.next_id(CUTOFF)
    build = make_build(trial, snapshot_id, "other")
    with load_lock(trial):
        failed = 0
        for failing in range(100):
            original, calls = getattr(os, step), 0

            def fail(*args: object, **named: object) -> object:
                nonlocal calls
                calls += 1
                if calls == failing + 1:  # noqa: B023
                    raise OSError(5, "Input/output error")
                return original(*args, **named)  # noqa: B023

            with monkeypatch.context() as patch:
                patch.setattr(os, step, fail)
                try:
                    publish(trial, snapshot_id, build, b"")
                except StoreError as refusal:
                    failed += 1
                    assert "Input/output error" in str(refusal)
                except OSError:
                    # In the build, or where the fake failure names no file of the store.
                    failed += 1
            if trial.current_id() == snapshot_id:
                break
            assert state(trial) == before
    assert failed >= 1
    assert trial.current() == trial.snapshot(snapshot_id)


def test_a_build_that_does_not_keep_to_its_part_is_refused(
    trial: TrialStore, make_build: MakeBuild
) -> None:
    snapshot_id = SnapshotId(CUTOFF, 1)
    good = make_build(trial, snapshot_id, "mark")

    def leaves_raw_data(folder: Path) -> Manifest:
        (folder / "dm.csv").write_text("ARM")
        return good(folder)

    def forgets_the_sealed_part(folder: Path) -> Manifest:
        manifest = good(folder)
        (folder / "sealed.duckdb").unlink()
        return manifest

    def names_another(**changes: object) -> Build:
        return lambda folder: good(folder).model_copy(update=changes)

    for build, words in (
        (leaves_raw_data, r"the load wrote dm\.csv, open\.duckdb, sealed\.duckdb"),
        (forgets_the_sealed_part, r"the load wrote open\.duckdb\."),
        (names_another(trial="other"), "of trial other"),
        (names_another(snapshot="2023-09-30.2"), r"describes snapshot 2023-09-30\.2"),
        (names_another(cutoff=date(2020, 1, 1)), "cut-off 2020-01-01"),
    ):
        with pytest.raises(StoreError, match=words):
            publish(trial, snapshot_id, build, b"")
        assert state(trial) == {}


FULL_DISK = """
import resource, signal, sys
from datetime import date
from pathlib import Path
import polars as pl
from snapshots import OpenFile, Store, StoreError, SnapshotId, new_data_key, publish, writer

trial = Store(Path(sys.argv[1])).trial("invented")
before = sorted(str(path) for path in trial.folder.rglob("*"))

def of_duckdb(folder):
    with writer(folder / "sealed.duckdb", new_data_key()) as connection:
        connection.execute(
            "CREATE TABLE sealed_data.t AS SELECT hash(i) AS a, hash(i + 1) AS b "
            "FROM range(2000000) AS r(i)"
        )

def of_the_open_file(folder):
    number = pl.int_range(500_000, eager=True)
    with OpenFile(folder / "open.duckdb", {"t": pl.DataFrame({"a": number.hash()})}) as making:
        making.finish()

def of_the_open_files_process(folder):
    # What it is given goes, as it is short; what it makes does not.
    with OpenFile(folder / "open.duckdb", {"t": pl.DataFrame({"a": [1]})}) as making:
        making.finish()

def of_duckdb_closing(folder):
    with writer(folder / "sealed.duckdb", new_data_key()) as connection:
        connection.execute("CREATE TABLE sealed_data.t AS SELECT i FROM range(1000) AS r(i)")
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))

def of_our_own(folder):
    (folder / "open.duckdb").write_bytes(b"x" * 300_000)

for limit, build in (
    (2_000_000, of_duckdb),
    (100_000, of_duckdb),
    (2_000_000, of_the_open_file),
    (100_000, of_the_open_files_process),
    (2_000_000, of_duckdb_closing),
    (200_000, of_our_own),
):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        publish(trial, SnapshotId(date(2023, 9, 30), 2), build, b"")
    except StoreError as refusal:
        print(refusal)
    after = sorted(str(path) for path in trial.folder.rglob("*"))
    assert after == before, (before, after)
    assert str(trial.current().id) == "2023-09-30.1"
"""


def test_a_full_disk_is_one_sentence_and_changes_nothing(trial: TrialStore, load: Load) -> None:
    load(trial)
    before = state(trial)
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(trial.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert line.startswith("The disk is full (File too large) while writing to ")
        assert "Nothing was changed." in line
    assert state(trial) == before
    assert str(load(trial).id) == "2023-09-30.2"


def test_a_second_load_is_told_who_holds_the_place(
    trial: TrialStore, load: Load, driver: Callable[..., list[str]]
) -> None:
    load(trial)
    before = state(trial)
    _, pid = driver("hold", trial.root)
    for act in (
        lambda: load(trial),
        lambda: sweep(trial),
        lambda: prune(trial, 1),
        lambda: make_current(trial, trial.snapshots()[0]),
    ):
        with pytest.raises(LoadUnderWay) as refusal:
            act()
        text = str(refusal.value)
        assert f"process {pid} of alice since {datetime.now(UTC).year}-" in text
        assert "trial invented" in text
    assert state(trial) == before
    # The lock dies with its holder, however it dies; the note it left says nothing.
    os.kill(int(pid), signal.SIGKILL)
    assert driver() == ["ended", "-9"]
    assert (trial.folder / ".load.holder").exists()
    load(trial)
    assert not (trial.folder / ".load.holder").exists()


def test_a_second_load_in_the_same_process_is_told_as_well(trial: TrialStore, load: Load) -> None:
    refusals: list[str] = []

    def second() -> None:
        try:
            load(trial)
        except LoadUnderWay as refusal:
            refusals.append(str(refusal))

    with load_lock(trial), load_lock(trial):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert f"process {os.getpid()} of " in refusals[0]
        load(trial)
    second()
    assert len(refusals) == 1
    assert [str(snapshot.id) for snapshot in trial.snapshots()] == ["2023-09-30.1", "2023-09-30.2"]


def test_trials_do_not_wait_for_each_other(tmp_path: Path, load: Load) -> None:
    store = Store(tmp_path)
    with load_lock(store.trial("one")):
        load(store.trial("two"))


@pytest.mark.parametrize("holder", [None, "{", "[]", '{"pid": 1}'])
def test_an_unreadable_note_of_the_holder_is_no_obstacle(
    trial: TrialStore, holder: str | None
) -> None:
    refusals: list[str] = []

    def second() -> None:
        try:
            with load_lock(trial):
                pass
        except LoadUnderWay as refusal:
            refusals.append(str(refusal))

    with load_lock(trial):
        note = trial.folder / ".load.holder"
        note.unlink()
        if holder is not None:
            note.write_text(holder)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "another process" in refusals[0]


def test_a_store_that_cannot_be_made_is_explained(tmp_path: Path, load: Load) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made: .*Name another store"):
        load(Store(tmp_path / "file").trial("invented"))
    with pytest.raises(StoreError, match=r"store's key .* cannot be made or read"):
        receipt_of(Store(tmp_path / "file"), [])


def test_the_sweep_takes_leftovers_and_nothing_else(trial: TrialStore, load: Load) -> None:
    load(trial)
    before = state(trial)
    for name in (".incoming-1", ".removing-2"):
        (trial.folder / name / "deeper").mkdir(parents=True)
        (trial.folder / name / "deeper" / "dm.csv").write_text("ARM")
    for name in (".current-3", ".numbers.json-4", ".load.holder-5"):
        (trial.folder / name).write_text("")
    outside = trial.root / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    (trial.folder / ".incoming-6").symlink_to(outside)
    assert sweep(trial) == [
        ".current-3",
        ".incoming-1",
        ".incoming-6",
        ".load.holder-5",
        ".numbers.json-4",
        ".removing-2",
    ]
    assert state(trial) == before
    assert (outside / "precious").exists()
    assert sweep(trial) == []


def test_the_same_input_is_recognized_here_and_nowhere_else(
    trial: TrialStore, load: Load, tmp_path: Path
) -> None:
    store, other = Store(trial.root), Store(tmp_path / "other")
    receipt = receipt_of(store, [b"same"])
    assert find_by_receipt(trial, receipt) is None
    first = load(trial, "same")
    load(trial, "different")
    assert find_by_receipt(trial, receipt) == first
    assert find_by_receipt(trial, receipt_of(store, [b"unknown"])) is None
    again = load(trial, "same")
    assert find_by_receipt(trial, receipt) == again
    assert receipt_of(other, [b"same"]) != receipt
    assert hashlib.sha256(b"same").digest() != receipt
    (again.folder / "receipt").unlink()
    assert find_by_receipt(trial, receipt) == first


@given(
    one=st.lists(st.binary(max_size=3), max_size=4),
    other=st.lists(st.binary(max_size=3), max_size=4),
)
def test_receipts_are_equal_exactly_for_equal_parts(
    tmp_path_factory: pytest.TempPathFactory, one: list[bytes], other: list[bytes]
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "receipts")
    assert (receipt_of(store, one) == receipt_of(store, other)) is (one == other)
    rest = b"".join(one)
    assert (receipt_of(store, one) == receipt_of(store, [rest])) is (one == [rest])


def test_the_stores_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    receipts: list[bytes] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        receipts.append(receipt_of(store, [b"part"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receipts == [receipts[0]] * 8
    key = store.root / ".store-key"
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        receipt_of(store, [])
    key.chmod(0o600)
    key.write_bytes(b"short")
    with pytest.raises(StoreError, match="has 5 bytes, expected 32"):
        receipt_of(store, [])


def test_a_publish_that_died_between_two_renames_can_be_finished(
    trial: TrialStore, load: Load
) -> None:
    old = load(trial, "old")
    new = load(trial, "new")
    (trial.folder / "current").write_text(f"{old.id}\n")
    found = find_by_receipt(trial, receipt_of(Store(trial.root), [b"new"]))
    assert found == new
    make_current(trial, found)
    assert trial.current() == new
    with pytest.raises(StoreError, match="not one of trial other"):
        make_current(Store(trial.root).trial("other"), new)


@pytest.fixture
def many(trial: TrialStore, load: Load) -> TrialStore:
    for cutoff in (date(2023, 6, 30), date(2023, 6, 30), CUTOFF, CUTOFF):
        load(trial, cutoff=cutoff)
    return trial


def names(trial: TrialStore) -> list[str]:
    return [str(snapshot.id) for snapshot in trial.snapshots()]


def test_pruning_keeps_the_last_ones_the_current_and_the_protected(many: TrialStore) -> None:
    make_current(many, many.snapshot("2023-06-30.1"))
    assert prune(many, 4) == []
    assert prune(many, 1, {"2023-06-30.2", "1999-01-01.1"}) == ["2023-09-30.1"]
    assert names(many) == ["2023-06-30.1", "2023-06-30.2", "2023-09-30.2"]
    assert prune(many, 1) == ["2023-06-30.2"]
    assert names(many) == ["2023-06-30.1", "2023-09-30.2"]
    assert prune(many, 1) == []
    assert not list(many.folder.glob(".removing-*"))


def test_a_pruned_number_is_never_given_again(many: TrialStore, load: Load) -> None:
    load(many, cutoff=date(2023, 12, 31))
    assert prune(many, 1) == ["2023-06-30.1", "2023-06-30.2", "2023-09-30.1", "2023-09-30.2"]
    assert str(many.next_id(date(2023, 6, 30))) == "2023-06-30.3"
    assert str(load(many).id) == "2023-09-30.3"
    assert prune(many, 1) == []  # it is the current one
    assert names(many) == ["2023-09-30.3", "2023-12-31.1"]
    load(many, cutoff=date(2024, 3, 31))
    assert prune(many, 1) == ["2023-09-30.3", "2023-12-31.1"]
    assert str(many.next_id(CUTOFF)) == "2023-09-30.4"


def test_pruning_leaves_what_it_cannot_read(many: TrialStore) -> None:
    folder = many.folder / "2023-06-30.1"
    manifest = folder / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text(json.dumps({"format": 99}))
    assert prune(many, 1) == ["2023-06-30.2", "2023-09-30.1"]
    assert folder.is_dir()


@pytest.mark.parametrize("keep", [0, -1])
def test_the_last_snapshot_is_never_pruned(many: TrialStore, keep: int) -> None:
    with pytest.raises(StoreError, match="At least 1"):
        prune(many, keep)
    assert len(names(many)) == 4


def test_a_reader_of_a_pruned_snapshot_finishes_on_it(trial: TrialStore, load: Load) -> None:
    old = load(trial, "old")
    with closing(reader(old.open_path)) as connection:
        load(trial, "new")
        assert prune(trial, 1) == [str(old.id)]
        assert not old.folder.exists()
        for table in ("participant", "adverse_event"):
            answer = connection.cursor().execute(f"SELECT DISTINCT mark FROM open_data.{table}")
            assert answer.fetchall() == [("old",)]
    with pytest.raises(StoreError, match="is missing"):
        reader(old.open_path)


def test_readers_never_see_a_mixture_while_five_loads_are_published(
    trial: TrialStore, load: Load, databases_with_mark: Callable[[str], object]
) -> None:
    for number in range(6):
        databases_with_mark(str(number))  # made now, so that publishing is what readers meet
    load(trial, "0")
    finished = threading.Event()
    a_read = threading.Semaphore(0)
    errors: list[BaseException] = []
    seen: list[list[str]] = [[] for _ in range(8)]

    def read(marks: list[str]) -> None:
        try:
            last = False
            while not last:
                last = finished.is_set()  # one more round after the last publish
                snapshot = trial.current()
                assert snapshot is not None
                with closing(reader(snapshot.open_path)) as connection:
                    found = connection.execute(
                        "SELECT mark, count(*) FROM (SELECT mark FROM open_data.participant "
                        "UNION ALL SELECT mark FROM open_data.adverse_event) GROUP BY mark"
                    ).fetchall()
                assert found == [(str(snapshot.id.number - 1), 53)]
                marks.append(found[0][0])
                a_read.release()
        except BaseException as error:
            errors.append(error)
            a_read.release()

    threads = [threading.Thread(target=read, args=(marks,)) for marks in seen]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 6):
            for _ in range(4):
                a_read.acquire()
            load(trial, str(number))
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert all(marks == sorted(marks) and marks[-1] == "5" for marks in seen)
    assert len({mark for marks in seen for mark in marks}) > 2
