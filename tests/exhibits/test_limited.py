"""What the sponsor gets of every exhibit: no small count, in words, table or picture."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from access import Denied, View
from exhibits import EXHIBITS, make, offered
from exhibits.export import as_csv
from queries import Board
from tests.conftest import LoadedTrial, limited_board

STORES = ["demonstration_store", "pilot_store", "single_arm_store", "nobody_store"]
POOLED = [item.name for item in offered(View.POOLED)]
SMALL = {1, 2, 3, 4}
# Of safety, a limited role has the overview; of arm balance, allocation and baseline.
OF_ROWS = {"eligibility_measures", "allocation_by_place"} | (
    {item.name for item in EXHIBITS.values() if item.topic == "safety"} - {"adverse_event_overview"}
)
# Numbers of these columns count no participants.
NO_COUNTS = {"days", "planned_day", "percent", "percent_low", "percent_high"}


@pytest.fixture(scope="module", params=STORES)
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    loaded: LoadedTrial = request.getfixturevalue(request.param)
    opened = limited_board(loaded.trial, loaded.snapshot)
    yield opened
    opened.close()


def drawn_counts(figure: Any) -> Iterator[float]:
    """The lengths of all bars."""
    for trace in figure.data:
        if trace.type == "bar":
            yield from (trace.x if trace.orientation == "h" else trace.y) or ()


@pytest.mark.parametrize("name", POOLED)
def test_an_exhibit_is_made_without_small_counts_or_refused(name: str, board: Board) -> None:
    try:
        shown = make(name, board)
    except Denied as refused:
        assert "rows of participants" in str(refused)
        of_rows = {"findings", "immune", "laboratory", "oxygenation", "special_interest"}
        of_rows |= {"survival", "ventilation", "changes", "monitoring"}
        assert EXHIBITS[name].topic in of_rows or name in OF_ROWS
        return
    assert any("are not shown" in note for note in shown.footnotes)
    if shown.table is not None:
        for column in shown.table.columns:
            kind = shown.table.schema[column]
            if kind.is_integer() and column not in NO_COUNTS:
                assert SMALL.isdisjoint(shown.table[column].to_list()), column
    if shown.figure is not None:
        assert SMALL.isdisjoint(value for value in drawn_counts(shown.figure) if value is not None)
    said = " ".join([shown.answer, shown.denominator, *(item.value for item in shown.numbers)])
    assert not re.search(r"(?<![\d,.])[1-4] (participants?|screened|randomized)\b", said)
    assert not re.search(r"(?<![\d,.])[1-4] \(\d+(?:\.\d)? %\)", as_csv(shown))


def test_what_is_left_out_was_there(demonstration_store: LoadedTrial) -> None:
    """Without this, data without a small count would pass."""
    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    months = board.ask("enrollment/by_month")
    board.close()
    assert sum(months.null_count().row(0)) > 0
