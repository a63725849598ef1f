"""Small cells: what a limited Board leaves out, and that it cannot be worked out from the rest."""

import re
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import queries.board
from access import Denied
from queries import history
from queries.small_cells import Cells, declared, without_small_cells
from tests.conftest import limited_board
from tests.queries.conftest import Loaded

SMALLEST = 5
FOLDER = queries.board.FOLDER
COUNTS = st.integers(0, 12)


def possible(total: int, shown: list[int | None]) -> list[set[int]]:
    """For each hidden cell of a line that adds up to `total`, the values that it could have."""
    hidden = shown.count(None)
    left = total - sum(value or 0 for value in shown)
    # Any split of what is left is possible; so each cell can be 0 … left.
    return [set(range(left + 1)) if hidden > 1 else {left}] * hidden


@given(counts=st.lists(COUNTS, min_size=2, max_size=8))
def test_no_small_count_is_shown_or_can_be_worked_out_from_the_total(counts: list[int]) -> None:
    cells = Cells(groups=(("n",),), rows_add_up=True)
    shown = without_small_cells(pl.DataFrame({"n": counts}), cells, SMALLEST)["n"].to_list()
    for count, value in zip(counts, shown, strict=True):
        assert value is None or value == count
        assert value is None or value not in range(1, SMALLEST)
    if None in shown and sum(counts) >= SMALLEST:
        for values in possible(sum(counts), shown):
            assert len(values) > SMALLEST, "what is left out can be worked out"


@given(counts=st.lists(COUNTS, min_size=1, max_size=8))
def test_no_more_is_left_out_than_it_takes(counts: list[int]) -> None:
    cells = Cells(groups=(("n",),), rows_add_up=True)
    shown = without_small_cells(pl.DataFrame({"n": counts}), cells, SMALLEST)["n"].to_list()
    if not any(0 < count < SMALLEST for count in counts):
        assert shown == counts
    large = [count for count, value in zip(counts, shown, strict=True) if value is None]
    assert sum(count >= SMALLEST or count == 0 for count in large) <= len(counts)


@given(rows=st.lists(st.tuples(COUNTS, COUNTS, COUNTS), min_size=1, max_size=6))
def test_parts_of_a_row_are_protected_as_well(rows: list[tuple[int, int, int]]) -> None:
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    cells = Cells(groups=(("a", "b", "c"),))
    shown = without_small_cells(frame, cells, SMALLEST)
    for row, left in zip(rows, shown.rows(), strict=True):
        assert all(value not in range(1, SMALLEST) for value in left)
        if None in left and sum(row) >= SMALLEST:
            assert left.count(None) > 1
            assert sum(row) - sum(value or 0 for value in left) >= SMALLEST


@given(
    counts=st.lists(COUNTS, min_size=1, max_size=9),
    keys=st.lists(st.sampled_from("xy"), min_size=9, max_size=9),
)
def test_rows_add_up_within_what_tells_them_apart(counts: list[int], keys: list[str]) -> None:
    frame = pl.DataFrame({"key": keys[: len(counts)], "n": counts})
    cells = Cells(groups=(("n",),), rows_add_up=True, within=("key",))
    shown = without_small_cells(frame, cells, SMALLEST)
    for key in set(keys[: len(counts)]):
        part = shown.filter(pl.col("key") == key)["n"].to_list()
        total = frame.filter(pl.col("key") == key)["n"].sum()
        if None in part and len(part) > 1 and total >= SMALLEST:
            assert part.count(None) > 1


@given(steps=st.lists(st.integers(1, 7), max_size=30))
def test_a_running_count_goes_up_by_no_less_than_the_smallest_cell(steps: list[int]) -> None:
    frame = pl.DataFrame({"n": pl.Series(steps, dtype=pl.Int64).cum_sum()})
    shown = without_small_cells(frame, Cells(running="n"), SMALLEST)["n"].to_list()
    assert all(
        after - before >= SMALLEST for before, after in zip([0, *shown], shown, strict=False)
    )
    assert set(shown) <= set(frame["n"])
    # The last one that is shown is no further behind than it has to be.
    assert not steps or sum(steps) - (shown[-1] if shown else 0) < SMALLEST


@given(rows=st.lists(st.tuples(st.sampled_from("xy"), COUNTS, COUNTS), max_size=12))
def test_of_rows_that_count_the_same_people_none_differs_by_few(
    rows: list[tuple[str, int, int]],
) -> None:
    frame = pl.DataFrame(rows, schema=["arm", "a", "b"], orient="row")
    cells = Cells(groups=(("a",), ("b",)), again_within=("arm",))
    shown = without_small_cells(frame, cells, SMALLEST)
    large = without_small_cells(frame.with_columns(pl.col("a", "b") * 100), cells, SMALLEST)
    assert large.height == frame.height, "rows that differ by many, or not at all, are left out"
    for arm in "xy":
        of_arm = frame.filter(pl.col("arm") == arm)
        kept = shown.filter(pl.col("arm") == arm)
        assert kept.height or of_arm.is_empty()
        for name in ("a", "b"):
            values = kept[name].drop_nulls().to_list()
            steps = {abs(one - other) for one in values for other in values}
            assert steps.isdisjoint(range(1, SMALLEST))


def test_of_rows_over_time_the_last_is_kept() -> None:
    frame = pl.DataFrame({"day": [7, 14, 28], "died": [5, 9, 10], "alive": [55, 51, 50]})
    cells = Cells(groups=(("died", "alive"),), again_within=())
    shown = without_small_cells(frame, cells, SMALLEST)
    assert shown.rows() == [(7, 5, 55), (28, 10, 50)]


def test_what_describes_few_people_goes_with_their_number() -> None:
    frame = pl.DataFrame({"n": [4, 60], "mean": [1.5, 2.5], "least": [1, 2]})
    cells = Cells(groups=(("n",),), described=(("n", ("mean",)),), single=("least",))
    shown = without_small_cells(frame, cells, SMALLEST)
    assert shown.rows() == [(None, None, None), (60, 2.5, None)]
    assert shown.schema == frame.schema


def test_the_head_of_a_question_is_read() -> None:
    head = (
        "-- One row: something.\n-- counts: a, b + c\n-- adds up: rows within k, l\n"
        "-- over time: rows within arm\n"
        "-- of a: mean, sd\n-- single: least\n-- fixed: checks\nselect 1\n-- counts: not here\n"
    )
    assert declared(head) == Cells(
        groups=(("a",), ("b", "c")),
        rows_add_up=True,
        within=("k", "l"),
        again_within=("arm",),
        described=(("a", ("mean", "sd")),),
        single=("least",),
        fixed=frozenset({"checks"}),
    )
    assert declared("-- One row: something.\nselect 1\n-- counts: a") is None
    assert declared("-- One row: names.\n-- counts: nothing\nselect 1") == Cells()


def questions() -> list[str]:
    paths = sorted(FOLDER.rglob("*.sql"))
    return [str(path.relative_to(FOLDER).with_suffix("")) for path in paths]


A_VISIT = {"number": 3.0, "visit": "DAY 2", "day": 2, "window_before": 0, "window_after": 0}
SAMPLES: dict[str, Any] = {
    "checks": ["IE-101"],
    "characteristics": ["age", "crp"],
    "measures": ["crp"],
    "domains": ["DM"],
    "schedule": [A_VISIT],
    "last": A_VISIT,
    "plan": [{"number": 3.0, "domain": "LB", "measure": "crp", "in_hospital": False}],
    "cutoff": date(2024, 6, 1),
}


@pytest.mark.parametrize("question", questions())
def test_what_a_head_names_is_what_the_answer_has(question: str, simulated: Loaded) -> None:
    """A column that were misspelled in the head would stay unprotected."""
    sql = (FOLDER / f"{question}.sql").read_text("utf-8")
    cells = declared(sql)
    if cells is None:
        return
    bound = set(re.findall(r"\$(\w+)", sql)) - {"filters"}  # the Board binds these
    assert cells.fixed <= bound
    board = limited_board(simulated.trial, simulated.snapshot)
    answer = board.ask(question, **{name: SAMPLES[name] for name in bound})
    named = {name for group in cells.groups for name in group} | set(cells.within)
    named |= {name for _, names in cells.described for name in names} | set(cells.single)
    named |= {count for count, _ in cells.described}
    named |= {cells.running} if cells.running is not None else set()
    assert named <= set(answer.columns)
    counted = {name for group in cells.groups for name in group} | {str(cells.running)}
    for name in set(answer.columns) & counted:
        assert all(value not in range(1, SMALLEST) for value in answer[name])
    # Whole numbers that are no counts have to be known as such.
    whole = {name for name, kind in answer.schema.items() if kind.is_integer()}
    others = {name for _, names in cells.described for name in names} | set(cells.single)
    assert whole - counted - others <= {"days", "place", "planned_day", "position", "weeks"}


def test_a_limited_board_answers_no_question_about_rows(simulated: Loaded) -> None:
    board = limited_board(simulated.trial, simulated.snapshot)
    for question, values in (
        ("findings/by_site", {}),
        ("emergency/arm_of_participant", {"subject": "NCT05689008-01-001"}),
        ("enrollment/totals", {"sites": ["01"]}),
    ):
        with pytest.raises(Denied, match="Your role does not include"):
            board.ask(question, **values)
    with pytest.raises(Denied, match="rows of participants"):
        history(board)
    assert board.ask("enrollment/totals").height == 1


def test_questions_with_rows_of_people_do_not_say_that_they_count() -> None:
    for question in ("findings/listing", "emergency/arm_of_participant"):
        assert declared((FOLDER / f"{question}.sql").read_text("utf-8")) is None


def test_no_answer_is_in_the_order_of_what_it_counts() -> None:
    """Rows in the order of their counts would tell which of the hidden ones is the larger."""
    counting = 0
    for path in FOLDER.rglob("*.sql"):
        text = path.read_text("utf-8")
        cells = declared(text)
        _, _, order = text.rpartition("\norder by ")
        if cells is None or order == text:
            continue
        counted = {name for group in cells.groups for name in group}
        counting += bool(counted)
        assert not counted & set(re.findall(r"\b\w+\b(?!\.)", order)), path
    assert counting > 10
