"""Names, places and order of snapshots."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshots import Snapshot, SnapshotId, Store, StoreError, TrialStore

Load = Callable[..., Snapshot]


@given(cutoff=st.dates(), number=st.integers(1, 999_999))
def test_an_id_reads_back(cutoff: date, number: int) -> None:
    snapshot_id = SnapshotId(cutoff, number)
    assert SnapshotId.parse(str(snapshot_id)) == snapshot_id


BAD_IDS = ["", ".", "..", "2023-09-30", "2023-09-30.0", "2023-09-30.01", "2023-09-31.1"]
BAD_IDS += ["2023-09-30.1\n", " 2023-09-30.1", "2023-09-30.1/..", "../2023-09-30.1", "20230930.1"]
BAD_IDS += ["2023-09-30.-1", "2023-9-30.1", "0000-01-01.1", "2023-09-30.1000000", "current"]
BAD_IDS += ["٢٠٢٣-٠٩-٣٠.١", "2023-09-30.١", "2023-09-30.1\0"]


@pytest.mark.parametrize("text", BAD_IDS)
def test_nothing_else_is_an_id(trial: TrialStore, text: str) -> None:
    with pytest.raises(StoreError, match="is not a snapshot id"):
        SnapshotId.parse(text)
    with pytest.raises(StoreError, match="is not a snapshot id"):
        trial.snapshot(text)


@given(text=st.text(max_size=20))
def test_an_id_is_its_own_text_or_refused(text: str) -> None:
    with suppress(StoreError):
        assert str(SnapshotId.parse(text)) == text


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "A", "-a", "_a", "a b", "a\n", "a" * 64, "ä", "a\0", "a.b"]
)
def test_no_other_name_is_a_trial(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="is not the name of a trial"):
        Store(tmp_path).trial(name)


def test_a_store_lists_its_trials(tmp_path: Path) -> None:
    assert Store(tmp_path / "nowhere").trials() == []
    for name in ("nct05689008", "cdiscpilot01", ".hidden", "Not A Trial"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    names = [trial.name for trial in Store(tmp_path).trials()]
    assert names == ["cdiscpilot01", "nct05689008"]


def test_before_the_first_load_there_is_nothing(trial: TrialStore) -> None:
    assert trial.snapshots() == []
    assert trial.current() is None
    assert trial.current_id() is None
    assert str(trial.next_id(date(2023, 9, 30))) == "2023-09-30.1"
    with pytest.raises(StoreError, match=r"has no snapshot 2023-09-30\.1; it has: none"):
        trial.snapshot("2023-09-30.1")
    assert not trial.folder.exists()


def test_snapshots_are_ordered_by_cutoff_and_number(trial: TrialStore, load: Load) -> None:
    first = load(trial)
    for name in ("2023-09-30.10", "2023-09-30.9", "2022-12-31.2"):
        copy_as(first, name)
    listed = [str(snapshot.id) for snapshot in trial.snapshots()]
    assert listed == ["2022-12-31.2", "2023-09-30.1", "2023-09-30.9", "2023-09-30.10"]
    assert str(trial.next_id(date(2023, 9, 30))) == "2023-09-30.11"
    assert str(trial.next_id(date(2022, 12, 31))) == "2022-12-31.3"
    assert str(trial.next_id(date(2022, 12, 30))) == "2022-12-30.1"


def copy_as(original: Snapshot, name: str, **changes: object) -> Path:
    folder = original.folder.with_name(name)
    shutil.copytree(original.folder, folder)
    manifest = folder / "manifest.json"
    plain = json.loads(manifest.read_bytes())
    plain |= {"snapshot": name, "cutoff": name.partition(".")[0]}
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(plain | changes))
    return folder


def test_the_current_snapshot_is_the_last_loaded(trial: TrialStore, load: Load) -> None:
    first = load(trial)
    assert trial.current() == first
    second = load(trial, cutoff=date(2023, 6, 30))
    assert trial.current() == second
    assert trial.snapshots() == [second, first]
    assert trial.snapshot(first.id) == trial.snapshot(str(first.id)) == first
    assert first.open_path.is_file()
    assert first.sealed_path.is_file()


def test_foreign_things_are_passed_over_and_explained(trial: TrialStore, load: Load) -> None:
    good = load(trial)
    (trial.folder / "notes.txt").write_text("")
    (trial.folder / "2023-09-30.2").write_text("a file")
    (trial.folder / "2023-09-30.3").mkdir()
    broken = copy_as(good, "2023-09-30.4")
    (broken / "manifest.json").write_text("{")
    copy_as(good, "2023-09-30.5", format=99)
    copy_as(good, "2023-09-30.6", trial="other")
    copy_as(good, "2023-09-30.7", snapshot="2023-09-30.1")
    copy_as(good, "2023-09-30.8", cutoff="2023-09-29")
    for name in ("open", "sealed"):
        (copy_as(good, f"2023-10-0{len(name) - 3}.1") / f"{name}.duckdb").unlink()
    assert trial.snapshots() == [good]
    for name, words in (
        ("2023-09-30.2", "cannot be read|has no snapshot"),
        ("2023-09-30.3", r"it has no manifest\.json"),
        ("2023-09-30.4", "is not JSON"),
        ("2023-09-30.5", r"has format 99.*[Ll]oad the extract again"),
        ("2023-09-30.6", "of trial other: the folder was renamed or copied"),
        ("2023-09-30.7", "describes snapshot 2023-09-30.1"),
        ("2023-09-30.8", "states the cut-off 2023-09-29"),
        ("2023-10-01.1", r"has no open\.duckdb"),
        ("2023-10-03.1", r"has no sealed\.duckdb"),
        ("2023-09-30.9", r"has no snapshot 2023-09-30\.9; it has: 2023-09-30\.1, "),
    ):
        with pytest.raises(StoreError, match=words):
            trial.snapshot(name)
    # A number that anything bears is not given again.
    assert str(trial.next_id(date(2023, 9, 30))) == "2023-09-30.9"


def test_a_current_that_names_nothing_is_explained(trial: TrialStore, load: Load) -> None:
    load(trial)
    current = trial.folder / "current"
    current.write_text("../../etc")
    with pytest.raises(StoreError, match="current names no snapshot"):
        trial.current()
    current.write_text("2020-01-01.1\n")
    with pytest.raises(StoreError, match=r"has no snapshot 2020-01-01\.1; it has: 2023-09-30\.1"):
        trial.current()
    current.write_bytes(b"\xff")
    with pytest.raises(StoreError, match="current cannot be read"):
        trial.current()
    current.unlink()
    assert trial.current() is None


def test_a_snapshot_pruned_between_two_steps_of_a_reader_is_no_error(
    trial: TrialStore, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = load(trial), load(trial)
    answers = iter([old.id])
    original = TrialStore.current_id
    shutil.rmtree(old.folder)
    monkeypatch.setattr(
        TrialStore, "current_id", lambda self: next(answers, None) or original(self)
    )
    assert trial.current() == new


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        "7",
        '{"x": 1}',
        '{"2023-09-30": "many"}',
        '{"2023-09-30": 1000000}',
        '{"2023-09-30": -1}',
    ],
)
def test_a_damaged_record_of_numbers_is_explained(trial: TrialStore, content: str) -> None:
    trial.folder.mkdir(parents=True)
    (trial.folder / "numbers.json").write_text(content)
    with pytest.raises(StoreError, match="highest number that was pruned"):
        trial.next_id(date(2023, 9, 30))


def test_an_id_that_the_records_name_is_not_given_again(trial: TrialStore) -> None:
    """Or a release of a snapshot that somebody removed would be one of the next load."""
    named = [SnapshotId.parse("2023-09-30.2"), SnapshotId.parse("2023-08-31.7")]
    assert str(trial.next_id(date(2023, 9, 30), named)) == "2023-09-30.3"


def test_the_snapshots_of_every_trial_the_current_one_first(trial: TrialStore, load: Load) -> None:
    store = Store(trial.root)
    assert store.snapshots_by_trial() == {}
    for mark, cutoff in (("a", date(2023, 6, 30)), ("b", date(2023, 9, 30))):
        load(trial, mark, cutoff)
    last = load(trial, "c", date(2023, 8, 31))
    assert store.snapshots_by_trial() == {
        trial.name: [str(last.id), "2023-09-30.1", "2023-06-30.1"]
    }
