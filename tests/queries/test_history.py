"""What was loaded, the latest first, and the last load that was refused."""

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from access import Denied, View
from data_validation.assess import NOT_RECEIVED
from queries import Board, history, last_refusal, open_board
from snapshots import Store
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
def board(simulated: Loaded, tmp_path: Path) -> Board:
    """A pooled Board in a store of its own, where a refusal can be put down."""
    folder = tmp_path / simulated.trial.id / str(simulated.snapshot.id)
    shutil.copytree(simulated.snapshot.folder, folder)
    snapshot = Store(tmp_path).trial(simulated.trial.id).snapshot(folder.name)
    return open_board(simulated.trial, snapshot, simulated.grant(View.POOLED))


def test_a_row_tells_of_one_snapshot(simulated: Loaded) -> None:
    (row,) = history(simulated.board(View.POOLED)).rows(named=True)
    manifest = simulated.snapshot.manifest
    assert row["snapshot"] == str(simulated.snapshot.id)
    assert row["data_cutoff"] == manifest.cutoff
    assert row["open_rows"] == sum(
        facts.rows
        for name, facts in manifest.tables.items()
        if name not in NOT_RECEIVED | {"finding"}
    )
    assert {name: row[name] for name in ("critical", "major", "minor", "note")} == manifest.findings
    assert row["current"] is True


def test_the_latest_comes_first(simulated: Loaded, board: Board) -> None:
    """A second snapshot, as a load would put it there; the first stays current."""
    first = board.snapshot
    later = first.folder.with_name(f"{first.id.cutoff}.2")
    shutil.copytree(first.folder, later)
    (later / "manifest.json").chmod(0o600)
    manifest = first.manifest.model_copy(update={"snapshot": later.name})
    (later / "manifest.json").write_bytes(manifest.to_json())
    (later.parent / "current").write_text(f"{first.id}\n")
    rows = history(board)
    assert rows["snapshot"].to_list() == [later.name, str(first.id)]
    assert rows["current"].to_list() == [False, True]


def refusal_file(board: Board) -> Path:
    return board.snapshot.folder.parent / "refused.json"


def test_a_refusal_is_read_back(board: Board) -> None:
    assert last_refusal(board) is None
    refusal_file(board).write_text(json.dumps(REFUSAL))
    refusal = last_refusal(board)
    assert refusal is not None
    assert date.fromisoformat(refusal.cutoff) == date(2023, 6, 30)
    assert refusal.findings["critical"] == 1
    assert pl.DataFrame(refusal.critical)["check"].to_list() == ["AE-subject"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": "x"}', b"\xff", b"null"])
def test_a_refusal_that_cannot_be_read_is_none(board: Board, content: bytes) -> None:
    """It is written by a load that fails; half of it must not break the page of all loads."""
    refusal_file(board).write_bytes(content)
    assert last_refusal(board) is None


def test_an_expired_grant_reads_no_history(simulated: Loaded, board: Board) -> None:
    refusal_file(board).write_text(json.dumps(REFUSAL))
    board.grant = simulated.grant(View.POOLED, minutes=0)
    for ask in (history, last_refusal):
        with pytest.raises(Denied, match="expired"):
            ask(board)
