"""What was loaded, the latest first, and the last load that was refused."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from queries import history, last_refusal
from snapshots import Store, TrialStore
from tests.queries.conftest import Loaded

REFUSAL = {
    "at": "2023-07-03T08:00:00+00:00",
    "cutoff": "2023-06-30",
    "findings": {"critical": 1, "major": 0, "minor": 4, "note": 2},
    "critical": [
        {"check": "AE-subject", "subject": "S-9", "field": "USUBJID", "message": "Not in DM."}
    ],
}


@pytest.fixture
def empty(tmp_path: Path) -> TrialStore:
    trial_store = Store(tmp_path).trial("nct05689008")
    trial_store.folder.mkdir()
    return trial_store


def test_a_row_tells_of_one_snapshot(simulated: Loaded) -> None:
    store = Store(simulated.snapshot.folder.parent.parent).trial("nct05689008")
    (row,) = history(store).rows(named=True)
    manifest = simulated.snapshot.manifest
    assert row["snapshot"] == str(simulated.snapshot.id)
    assert row["data_cutoff"] == manifest.cutoff
    assert row["open_rows"] == sum(
        facts.rows for name, facts in manifest.tables.items() if name not in {"dataset", "finding"}
    )
    assert {name: row[name] for name in ("critical", "major", "minor", "note")} == manifest.findings
    assert row["current"] is True


def test_no_load_is_no_row(empty: TrialStore) -> None:
    assert history(empty).height == 0
    assert last_refusal(empty) is None


def test_a_refusal_is_read_back(empty: TrialStore) -> None:
    (empty.folder / "refused.json").write_text(json.dumps(REFUSAL))
    refusal = last_refusal(empty)
    assert refusal is not None
    assert date.fromisoformat(refusal.cutoff) == date(2023, 6, 30)
    assert refusal.findings["critical"] == 1
    assert pl.DataFrame(refusal.critical)["check"].to_list() == ["AE-subject"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": "x"}', b"\xff", b"null"])
def test_a_refusal_that_cannot_be_read_is_none(empty: TrialStore, content: bytes) -> None:
    """It is written by a load that fails; half of it must not break the page of all loads."""
    (empty.folder / "refused.json").write_bytes(content)
    assert last_refusal(empty) is None
