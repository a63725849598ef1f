"""Snapshots that earlier versions of the program wrote are shown; what they lack is not recorded.

`tests/snapshots/formats` has the open part of one of each format: eight simulated participants.
"""

import json
import lzma
import shutil
from pathlib import Path

import pytest

from access.view import View
from exhibits import make, offered
from exhibits.intake import facts
from queries import Board, open_board
from snapshots import FORMAT, KNOWN_FACTS, SHOWN_FORMATS, Store
from tests.conftest import granted
from trials import load_trial

FORMATS = Path(__file__).parent.parent / "snapshots" / "formats"
# What their participants say.
DISPOSITION = {
    3: "Completed: 4 of 7 (57.1 %). In follow-up: 1; died: 2; left early: 0",
    4: "Completed: 4 of 7 (57.1 %). In follow-up: 1; died: 2; left early: 0",
    5: "Completed: 3 of 8 (37.5 %). In follow-up: 0; died: 3; left early: 2",
}


def opened(tmp_path: Path, number: int) -> Board:
    manifest = (FORMATS / f"{number}.json").read_text("utf-8")
    snapshot = json.loads(manifest)["snapshot"]
    folder = tmp_path / "store" / "nct05689008" / snapshot
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest, "utf-8")
    with (
        lzma.open(FORMATS / f"{number}.duckdb.xz") as packed,
        (folder / "open.duckdb").open("wb") as file,
    ):
        shutil.copyfileobj(packed, file)
    (folder / "sealed.duckdb").touch()
    (folder.parent / "current").write_text(f"{snapshot}\n", "utf-8")
    current = Store(tmp_path / "store").trial("nct05689008").current()
    assert current is not None
    assert current.manifest.format == number
    grant = granted(View.POOLED, trial="nct05689008", snapshot=snapshot)
    return open_board(load_trial("nct05689008"), current, grant)


def test_each_format_that_is_shown_has_a_snapshot_here() -> None:
    assert {int(path.stem) for path in FORMATS.glob("*.json")} == SHOWN_FORMATS - {FORMAT}


@pytest.mark.parametrize("number", sorted(SHOWN_FORMATS - {FORMAT}))
def test_a_snapshot_of_an_earlier_format_is_shown(tmp_path: Path, number: int) -> None:
    board = opened(tmp_path, number)
    try:
        for item in offered(View.POOLED):
            made = make(item.name, board)
            assert made.answer or made.missing or made.denominator, item.name
        assert make("disposition", board).answer.startswith(DISPOSITION[number])
        assert board.has("AE.AESER")
        assert facts(board).is_empty() is (number < KNOWN_FACTS)
    finally:
        board.close()
