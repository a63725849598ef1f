"""A load that dies anywhere leaves the old current snapshot or the new one, whole."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snapshots import Snapshot, Store, TrialStore, open_store_digest
from tests.conftest import PROVE

MARKS = ("a", "b", "c")
KILLS = 200 if PROVE else 8


@pytest.fixture
def prepared(tmp_path: Path, load: Callable[..., Snapshot]) -> Path:
    """Three different snapshots, to publish copies of."""
    made = Store(tmp_path / "made").trial("invented")
    folder = tmp_path / "prepared"
    for mark in MARKS:
        snapshot = load(made, mark)
        assert open_store_digest(snapshot.open_path).digest == snapshot.manifest.digest
        shutil.copytree(snapshot.folder, folder / mark)
    return folder


def contents(prepared: Path) -> dict[str, tuple[bytes, bytes]]:
    """The two databases of each prepared snapshot by the digest of its open store."""
    return {
        open_store_digest(folder / "open.duckdb").digest: (
            (folder / "open.duckdb").read_bytes(),
            (folder / "sealed.duckdb").read_bytes(),
        )
        for folder in sorted(prepared.iterdir())
    }


def assert_whole(snapshot: Snapshot, expected: dict[str, tuple[bytes, bytes]]) -> None:
    """Byte for byte what was built; reading it parsed the manifest.

    The digest of each prepared open store was computed, so equal bytes have the manifest's digest.
    """
    found = (snapshot.open_path.read_bytes(), snapshot.sealed_path.read_bytes())
    assert found == expected[snapshot.manifest.digest]
    assert len((snapshot.folder / "receipt").read_bytes()) == 64


def assert_sound(trial: TrialStore, expected: dict[str, tuple[bytes, bytes]]) -> None:
    """Whatever is listed is whole, and ``current`` is one of them."""
    listed = trial.snapshots()
    assert [snapshot.id for snapshot in listed] == trial.ids()
    for snapshot in listed:
        assert_whole(snapshot, expected)
    assert trial.current() in [None, *listed]


@pytest.mark.parametrize("loads_before", [0, 2])
def test_dying_at_any_step_leaves_the_old_or_the_new(
    driver: Callable[..., list[str]], prepared: Path, tmp_path: Path, loads_before: int
) -> None:
    expected = contents(prepared)
    before = tmp_path / "before"
    before.mkdir()
    for _ in range(loads_before):
        assert driver("load", before, prepared) == ["ended", "0"]
    if loads_before:
        leftover = before / "invented" / ".incoming-of-an-earlier-crash"
        leftover.mkdir()
        (leftover / "dm.csv").write_text("ARM")
    old = Store(before).trial("invented").current()
    _, code, *steps = driver("count", before, prepared)
    assert code == "0"
    # The steps are really seen, those of the pruning's and the sweep's removal included.
    assert {"open", "write", "fsync", "chmod", "fchmod", "mkdir", "rename", "replace"} <= set(steps)
    assert ("rmdir" in steps) is bool(loads_before)

    outcomes = set()
    for number, name in enumerate(steps):
        # After a step is before the next one.
        last = ["after"] if number == len(steps) - 1 else []
        for when in ("before", *last, *(["half"] if name == "write" else [])):
            root = tmp_path / "root"
            shutil.copytree(before, root, copy_function=os.link)
            assert driver("die", root, prepared, number, when) == ["ended", "9"], (
                number,
                name,
                when,
                steps,
            )
            trial = Store(root).trial("invented")
            assert_sound(trial, expected)
            current = trial.current()
            if current is None or (old is not None and current.id == old.id):
                assert (current is None) is (old is None)
                outcomes.add("old")
            else:
                assert current.id.number == loads_before + 1
                outcomes.add("new")

            assert driver("load", root, prepared) == ["ended", "0"], (number, name, when)
            assert_sound(trial, expected)
            after = trial.current()
            assert after is not None
            assert after == trial.snapshots()[-1]
            assert current is None or after.id > current.id
            left = [path.name for path in root.rglob(".*")]
            assert sorted(left) == [".load.lock", ".store-key", ".store-key.lock"], (number, name)
            shutil.rmtree(root)
    assert outcomes == {"old", "new"}


def test_being_killed_at_any_time_leaves_the_old_or_the_new(
    driver: Callable[..., list[str]], prepared: Path, tmp_path: Path
) -> None:
    expected = contents(prepared)
    root = tmp_path / "root"
    root.mkdir()
    assert driver("load", root, prepared) == ["ended", "0"]
    trial = Store(root).trial("invented")
    chance = random.Random(20230930)
    last = trial.current_id()
    assert last is not None
    for _ in range(KILLS):
        begin = time.perf_counter()
        _, process = driver("repeat", root, prepared)
        one_load = time.perf_counter() - begin
        # Not waiting for anything: the moment of death is what is being drawn.
        time.sleep(chance.uniform(0, 2 * one_load))
        os.kill(int(process), signal.SIGKILL)
        assert driver() == ["ended", "-9"]
        assert_sound(trial, expected)
        current = trial.current_id()
        assert current is not None
        assert current > last
        last = current
    assert driver("load", root, prepared) == ["ended", "0"]
    final = trial.current()
    assert final is not None
    assert open_store_digest(final.open_path).digest == final.manifest.digest
    assert not list(trial.folder.glob(".incoming-*"))
