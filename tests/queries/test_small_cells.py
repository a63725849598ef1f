"""Small cells: what a limited Board shows of few people, and that nobody can work them out."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import queries.board
from access import Denied, View
from queries import Board, NotShownError, history
from queries.small_cells import TOGETHER, Cells, declared, kept, spans, without_small_cells
from tests.conftest import LoadedTrial, board_of, limited_board
from tests.queries.conftest import Loaded
from trials import Trial

SMALLEST = 5
FOLDER = queries.board.FOLDER
COUNTS = st.integers(0, 12)

# Smallest cell, rows, columns, and the largest count: all tables with none above it are looked at.
TABLES = (
    *((5, 2, 1, 16), (5, 3, 1, 12), (5, 4, 1, 11), (5, 2, 2, 10)),
    *((3, 2, 1, 10), (3, 3, 1, 8), (3, 4, 1, 8), (3, 2, 2, 7)),
)

Table = tuple[tuple[int, ...], ...]
Ranges = dict[Any, tuple[list[int], list[int]]]


def seen(ranges: Ranges, answer: Any, counts: Iterable[int]) -> None:
    """Note that counts give this answer: the least and the most of each that do."""
    least, most = ranges.setdefault(answer, ([*counts], [*counts]))
    for place, count in enumerate(counts):
        least[place], most[place] = min(least[place], count), max(most[place], count)


def tables(rows: int, columns: int, most: int) -> Iterator[Table]:
    for flat in itertools.product(range(most + 1), repeat=rows * columns):
        yield tuple(flat[row * columns : (row + 1) * columns] for row in range(rows))


def published(table: Table, smallest: int) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """What is shown: from which row to which, and their sums."""
    return tuple(
        (first, end, tuple(map(sum, zip(*table[first:end], strict=True))))
        for first, end in spans(table, smallest)
    )


def least_range(ranges: Ranges, columns: int) -> int:
    """How near to each other the least and the most of a joined count come; nobody is told."""
    return min(
        most[row * columns + column] - least[row * columns + column]
        for (shown, _), (least, most) in ranges.items()
        for first, end, sums in shown
        if end - first > 1
        for row in range(first, end)
        for column in range(columns)
        if sums[column]
    )


@pytest.mark.parametrize(("smallest", "rows", "columns", "most"), TABLES)
def test_the_least_and_the_most_of_a_joined_count_lie_the_smallest_cell_apart(
    smallest: int, rows: int, columns: int, most: int
) -> None:
    """For whoever knows the rule, all that is shown, its sums, and that each row has somebody."""
    of_all: Ranges = {}
    of_present: Ranges = {}
    for table in tables(rows, columns, most):
        shown = published(table, smallest)
        # Only of these all tables are here that come to the same sums.
        if any(end - first > 1 and max(sums) > most for first, end, sums in shown):
            continue
        flat = [count for row in table for count in row]
        seen(of_all, (shown, ()), flat)
        if all(map(any, table)):
            seen(of_present, (shown, ()), flat)
    assert least_range(of_all, columns) == smallest
    assert least_range(of_present, columns) == smallest


def test_so_they_do_where_it_is_known_how_many_there_are_in_each_row() -> None:
    """As with and without something, at sites that have seven or more."""
    ranges: Ranges = {}
    for table in tables(2, 2, 10):
        totals, shown = tuple(map(sum, table)), published(table, SMALLEST)
        if min(totals) < SMALLEST + 2 or (shown[:1] and 0 in shown[0][2]):
            continue
        if all(end - first == 1 or max(sums) <= 10 for first, end, sums in shown):
            seen(ranges, (shown, totals), [count for row in table for count in row])
    assert least_range(ranges, 2) == SMALLEST


def test_the_month_that_could_be_worked_out() -> None:
    """Of 5, 5 and 4 the rule of before hid the first and the last, which could only be 5 and 4."""
    table: Table = ((5,), (5,), (4,))
    ranges: Ranges = {}
    for other in tables(3, 1, 14):
        seen(ranges, published(other, SMALLEST), [count for row in other for count in row])
    least, most = ranges[published(table, SMALLEST)]
    assert published(table, SMALLEST) == ((0, 3, (14,)),)
    assert (least, most) == ([0, 0, 1], [13, 13, 13])


@given(rows=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=40))
def test_rows_are_joined_whole_and_no_further_than_it_takes(rows: list[tuple[int, int]]) -> None:
    shown = spans(rows, SMALLEST)
    if not shown:
        few = [sum(column) for column in zip(*rows, strict=True)]
        assert len(rows) == 1 or any(0 < count < SMALLEST + len(rows) for count in few)
        return
    assert [place for first, end in shown for place in range(first, end)] == [*range(len(rows))]
    for first, end in shown:
        size = end - first
        if size > 1:
            assert any(0 < count < SMALLEST + size for row in rows[first:end] for count in row)
        least = SMALLEST + (size if size > 1 else 0)
        for column in zip(*rows[first:end], strict=True):
            assert sum(column) == 0 or sum(column) >= least
    if all(count == 0 or count >= SMALLEST + 2 for row in rows for count in row):
        assert all(end - first == 1 for first, end in shown)


def test_which_rows_can_be_joined_is_fixed() -> None:
    """The tree over five rows: the first four, of which two and two, and the last."""
    few_at = {
        place: spans([[1] if row == place else [9] for row in range(5)], SMALLEST)
        for place in range(5)
    }
    assert few_at[0] == few_at[1] == [(0, 2), (2, 3), (3, 4), (4, 5)]
    assert few_at[2] == few_at[3] == [(0, 1), (1, 2), (2, 4), (4, 5)]
    assert few_at[4] == [(0, 5)]


def test_a_row_that_must_not_stand_by_itself_does_not() -> None:
    rows = [[20], [9], [30], [8]]
    assert spans(rows, SMALLEST, [False, False, True, False]) == [(0, 1), (1, 2), (2, 4)]


# Rows that count the same people again


def courses(days: int, people: int) -> Iterator[tuple[int, ...]]:
    """Counts that only rise from day to day, as of those who died."""
    return itertools.combinations_with_replacement(range(people + 1), days)


@pytest.mark.parametrize(("days", "people"), [(1, 30), (2, 24), (3, 20), (4, 16)])
def test_a_day_that_is_left_out_can_be_anything_over_a_range(days: int, people: int) -> None:
    """Whoever knows the rule, how many there are, and that the dead stay dead."""
    ranges: Ranges = {}
    for course in courses(days, people):
        rows = kept([(died, people - died) for died in course], SMALLEST)
        seen(ranges, tuple((row, course[row]) for row in rows), course)
    left_out = [
        most[row] - least[row]
        for shown, (least, most) in ranges.items()
        for row in range(days)
        if row not in dict(shown)
    ]
    assert min(left_out) >= SMALLEST


def solved(days: int, people: int, *, as_a_whole: bool) -> int:
    """In how many courses whoever knows the sum over all days knows each day that is left out."""
    alike: dict[Any, list[tuple[int, ...]]] = {}
    for course in courses(days, people):
        total = sum(course)
        if 0 < total < SMALLEST + 2 or 0 < days * people - total < SMALLEST + 2:
            continue  # this sum is not told
        rows = kept([(died, people - died) for died in course], SMALLEST, as_a_whole=as_a_whole)
        alike.setdefault((total, tuple((row, course[row]) for row in rows)), []).append(course)
    return sum(len(found) == 1 and len(shown) < days for (_, shown), found in alike.items())


def test_the_sum_that_another_question_tells_works_out_no_visit() -> None:
    """Visits due in all, less those due at the visits that are shown, is the one that is not."""
    assert solved(3, 24, as_a_whole=False) > 800
    assert solved(3, 24, as_a_whole=True) == 0
    assert solved(4, 14, as_a_whole=True) == 0


@given(rows=st.lists(st.tuples(COUNTS, COUNTS), max_size=12))
def test_of_days_none_differs_from_another_by_few_and_the_last_is_kept(
    rows: list[tuple[int, int]],
) -> None:
    shown = kept(rows, SMALLEST)
    for column in range(2):
        counts = [0, *(rows[row][column] for row in shown)]
        assert {abs(a - b) for a in counts for b in counts}.isdisjoint(range(1, SMALLEST + 2))
    large = [(100 * a, 100 * b) for a, b in rows]
    assert kept(large, SMALLEST) == [*range(len(rows))]
    if rows and all(count == 0 or count > SMALLEST + 1 for count in rows[-1]):
        assert shown[-1] == len(rows) - 1


# Answers and heads


def told(_outcome: str) -> bool:
    return True


def guarded(answer: Mapping[str, Any], head: str) -> pl.DataFrame:
    cells = declared(head)
    assert cells is not None
    return without_small_cells(pl.DataFrame(answer), cells, SMALLEST, told)


def test_merged_rows_say_what_they_stand_for() -> None:
    sites = {"dataset": ["A", "A", "A", "B"], "site": ["1", "2", "3", "1"], "due": [3, 9, 20, 40]}
    shown = guarded(sites, "-- merged by site within dataset: due")
    assert shown.rows() == [("A", "1", 12, ["1", "2"]), ("A", "3", 20, None), ("B", "1", 40, None)]


def test_where_all_together_are_too_few_nothing_is_shown() -> None:
    with pytest.raises(NotShownError, match="fewer than 5 could be picked out"):
        guarded({"site": ["1", "2"], "due": [2, 4]}, "-- merged by site: due")
    with pytest.raises(NotShownError, match="Too few"):
        guarded({"arm": ["All"], "died": [6], "alive": [60]}, "-- over time: died + alive")


@pytest.mark.parametrize(("without", "shown"), [(0, True), (6, False), (7, True)])
def test_a_part_is_shown_where_both_are(without: int, shown: bool) -> None:
    answer = guarded({"with": [30], "without": [without]}, "-- alone: with + without")
    assert answer.row(0) == ((30, without) if shown else (None, None))


def test_what_is_due_is_not_told_by_its_parts() -> None:
    """Three ended early: neither how many were due, nor the parts that add up to it."""
    head = "-- alone: due + ended, received + outstanding + ended"
    visits = {"due": [57], "received": [50], "outstanding": [7], "ended": [3]}
    assert guarded(visits, head).row(0) == (None, None, None, None)
    visits = {"due": [57], "received": [54], "outstanding": [3], "ended": [9]}
    assert guarded(visits, head).row(0) == (57, None, None, None)


def test_a_row_does_not_stand_alone_where_few_are_what_it_lacks() -> None:
    """How many can still be in follow-up is known: 57 of 60, so three died or left."""
    head = "-- merged by way: n\n-- beside: others\n-- withheld: others"
    ways = {"way": ["in follow-up", "completed", "left", "died"], "n": [57, 100, 20, 30]}
    shown = guarded(ways | {"others": [3, 0, 0, 0]}, head)
    assert shown.select("n", TOGETHER).row(0) == (157, ["in follow-up", "completed"])
    assert shown["n"].to_list() == [157, 20, 30]
    assert shown["others"].null_count() == 3
    assert guarded(ways | {"others": [7, 0, 0, 0]}, head)["n"].to_list() == ways["n"]


def test_who_can_still_be_in_follow_up_is_counted_with_who_is(
    demonstration_store: LoadedTrial, whole: Board
) -> None:
    """Recounted from the dates of randomization: day 28 and three days more, to the cut-off."""
    dates = demonstration_store.dataset("randomization")["RANDDTC"].str.to_date()
    last = dates + timedelta(days=27 + 3)
    cutoff = demonstration_store.snapshot.manifest.cutoff
    can_be = int(((last >= cutoff) & (dates <= cutoff)).sum())
    rows = {row["standing"]: row for row in whole.ask("conduct/disposition").to_dicts()}
    counts = {way: row["participants"] for way, row in rows.items()}
    ended = rows["in_follow_up"]["others"]
    assert ended == can_be - counts["in_follow_up"] == 3
    otherwise = sum(counts.values()) - can_be - counts["completed"] - counts["not_recorded"]
    assert rows["completed"]["others"] == otherwise == 8


def test_what_describes_few_people_goes_and_what_describes_many_stays() -> None:
    answer = {"of": ["a", "b", "c"], "n": [6, 56, 50], "missing": [54, 4, 10], "mean": [1.0, 2, 3]}
    shown = guarded(answer, "-- alone by of: n + missing\n-- of n: mean")
    assert shown.rows() == [("a", None, None, None), ("b", None, None, 2.0), ("c", 50, 10, 3.0)]


def test_columns_and_rows_that_nobody_limited_has() -> None:
    answer = {"kind": ["x", "y"], "n": [20, 40], "rest": [40, 20], "least": [1, 2]}
    shown = guarded(answer, "-- over time: n + rest\n-- withheld: least\n-- without: kind x")
    assert shown.rows() == [("y", 40, 20, None)]
    assert shown.schema == pl.DataFrame(answer).schema


def test_the_head_of_a_question_is_read() -> None:
    head = (
        "-- One row: something.\n-- merged by k within l, m: a, b\n-- of a: mean, sd\n"
        "-- withheld: least\n-- without: k x\n-- fixed: checks\n-- outcome: leaving\n"
        "-- outcome: deaths in k y\nselect 1\n-- events: not here\n"
    )
    assert declared(head) == Cells(
        how="merged by",
        groups=(("a",), ("b",)),
        by="k",
        within=("l", "m"),
        described=((("a",), ("mean", "sd")),),
        withheld=("least",),
        without=(("k", "x"),),
        fixed=frozenset({"checks"}),
        outcome="leaving",
        of_outcome=(("deaths", "k", "y"),),
    )
    assert declared("-- One row: something.\nselect 1\n-- alone: a + b") is None
    assert declared("-- open: before anybody has an arm") == Cells("open")
    whole = declared("-- over time as a whole within arm: a + b")
    assert whole == Cells("over time as a whole", groups=(("a", "b"),), within=("arm",))


@pytest.mark.parametrize("how", ["alone", "over time within arm", "over time as a whole"])
def test_a_part_without_the_other_part_is_refused(how: str) -> None:
    with pytest.raises(ValueError, match="counts died without the others"):
        declared(f"-- {how}: died")
    assert declared(f"-- {how}: died\n-- events: died") is not None
    assert declared("-- merged by site: died") is not None


def test_a_question_that_repeats_people_without_saying_so_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say how they stand to each other"):
        guarded({"visit": ["1", "2"], "a": [9, 9], "b": [9, 9]}, "-- alone: a + b")
    days = {"planned_day": [7, 14], "due": [30, 29]}
    for head in ("-- merged by planned_day: due", "-- alone by planned_day: due\n-- events: due"):
        with pytest.raises(ValueError, match="count the same people again"):
            guarded(days, head)
    with pytest.raises(ValueError, match="one of them"):
        declared("-- open: why\n-- alone: a + b")


# The questions


def questions() -> list[str]:
    paths = sorted(FOLDER.rglob("*.sql"))
    return [str(path.relative_to(FOLDER).with_suffix("")) for path in paths]


def cells_of(question: str) -> Cells | None:
    return declared((FOLDER / f"{question}.sql").read_text("utf-8"))


OPEN = [name for name in questions() if (cells := cells_of(name)) and cells.how == "open"]
GUARDED = [name for name in questions() if (cells := cells_of(name)) and cells.how != "open"]

A_VISIT = {"number": 3.0, "visit": "DAY 2", "day": 2, "window_before": 0, "window_after": 0}
SAMPLES: dict[str, Any] = {
    "characteristics": ["age", "crp"],
    "measures": ["crp"],
    "schedule": [A_VISIT],
    "last": A_VISIT,
    "plan": [{"number": 3.0, "domain": "LB", "measure": "crp", "in_hospital": False}],
    "cutoff": date(2024, 6, 1),
}


def bound_in(question: str) -> dict[str, Any]:
    sql = (FOLDER / f"{question}.sql").read_text("utf-8")
    return {name: SAMPLES[name] for name in set(re.findall(r"\$(\w+)", sql)) - {"filters"}}


def test_what_is_shown_whole_stays_small() -> None:
    assert [name for name in OPEN if not name.startswith("views/")] == [
        "arm_balance/allocation",
        "arm_balance/without_arm",
        "enrollment/by_month",
        "enrollment/by_site",
        "enrollment/days_to_randomization",
        "enrollment/past_days",
        "enrollment/randomized_by_date",
        "enrollment/randomized_though_ineligible",
        "enrollment/screen_failures_by_criterion",
        "enrollment/screen_failures_by_reason",
        "enrollment/time_to_randomization",
        "enrollment/totals",
    ]
    assert [name for name in OPEN if name.startswith("views/")] == [
        "views/arms",
        "views/datasets",
        "views/recorded",
    ]


@pytest.fixture(scope="module")
def before_randomization() -> Iterator[duckdb.DuckDBPyConnection]:
    """Participants, screening, allocation and findings, with no column of what followed."""
    connection = duckdb.connect()
    for table in (
        "arm (arm varchar, position int)",
        "participant (subject varchar, site varchar, arm varchar, position int, "
        "randomized boolean, screening_date date, randomization_date date, randomized_month date)",
        "standing (subject varchar, screening varchar, screening_reason varchar)",
        "criterion_exception (subject varchar, criterion varchar)",
        'finding (subject varchar, "check" varchar, message varchar, status varchar)',
        "dataset (dataset varchar, relation varchar, present boolean)",
        "recorded (dataset varchar, field varchar, is_recorded boolean)",
    ):
        connection.execute(f"create table {table}")
    connection.execute("insert into participant (subject, randomized) values ('1', true)")
    connection.execute(
        "insert into finding values ('1', 'AE-101', 'of an event', 'new'), "
        "('1', 'DM-111', 'too young', 'new')"
    )
    yield connection
    connection.close()


@pytest.mark.parametrize("question", OPEN)
def test_an_open_question_reads_nothing_that_followed_randomization(
    question: str, before_randomization: duckdb.DuckDBPyConnection
) -> None:
    """It binds against what there is before it; an event, a death or an end would not be there."""
    sql = (FOLDER / f"{question}.sql").read_text("utf-8")
    answer = before_randomization.execute(sql, bound_in(question) or None).pl()
    if "from finding" in sql:
        assert answer["check"].to_list() == ["DM-111"]


@pytest.mark.parametrize("question", GUARDED)
def test_what_a_head_names_is_what_the_answer_has(question: str, simulated: Loaded) -> None:
    """A column that were misspelled in the head would stay unprotected."""
    cells = cells_of(question)
    assert cells is not None
    assert cells.fixed <= set(bound_in(question)) | {"cutoff"}
    whole = simulated.board(View.POOLED)
    answer = whole.ask(question, **bound_in(question))
    whole.close()
    named = {*cells.columns, *cells.within, *cells.withheld, *filter(None, [cells.by])}
    named |= {name for group in cells.beside for name in group}
    named |= {name for counts, names in cells.described for name in (*counts, *names)}
    named |= {column for _, column, _ in cells.of_outcome} | {row[0] for row in cells.without}
    assert named <= set(answer.columns)
    # Whole numbers that count nobody whom the head leaves out are known as such.
    counted = named - {cells.by, *cells.within}
    whole_numbers = {name for name, kind in answer.schema.items() if kind.is_integer()}
    known = {"place", "planned_day", "position", "weeks"}
    assert whole_numbers - counted - known <= {"participants", "randomized"}


@pytest.mark.parametrize("question", GUARDED)
def test_no_count_of_a_few_is_in_an_answer(question: str, simulated: Loaded) -> None:
    cells = cells_of(question)
    assert cells is not None
    board = limited_board(simulated.trial, simulated.snapshot)
    try:
        answer = board.ask(question, **bound_in(question))
    except NotShownError:
        return
    finally:
        board.close()
    for name in {*cells.columns, *(name for group in cells.beside for name in group)}:
        assert SMALL.isdisjoint(answer[name].to_list()), name
    if TOGETHER in answer.columns:
        assert cells.how == "merged by"
        assert all(names is None or len(names) > 1 for names in answer[TOGETHER].to_list())


SMALL = {1, 2, 3, 4}


def test_no_answer_is_in_the_order_of_what_it_counts() -> None:
    """Rows in the order of their counts would tell which of those that are joined is the larger."""
    for question in GUARDED:
        text = (FOLDER / f"{question}.sql").read_text("utf-8")
        cells = declared(text)
        _, _, order = text.rpartition("\norder by ")
        if cells is None or order == text:
            continue
        assert not set(cells.columns) & set(re.findall(r"\b\w+\b(?!\.)", order)), question


def test_a_limited_board_answers_no_question_about_rows(simulated: Loaded) -> None:
    board = limited_board(simulated.trial, simulated.snapshot)
    for question, values in (
        ("findings/by_site", {}),
        ("findings/touching", {"domains": ["AE"]}),
        ("conduct/follow_up", {}),
        ("conduct/latest_records", {}),
        ("emergency/arm_of_participant", {"subject": "NCT05689008-01-001"}),
        ("enrollment/totals", {"sites": ["01"]}),
    ):
        with pytest.raises(Denied, match="Your role does not include"):
            board.ask(question, **values)
    with pytest.raises(Denied, match="rows of participants"):
        history(board)
    assert board.ask("enrollment/totals").height == 1


# The trial's outcomes


def with_outcomes(trial: Trial, *outcomes: str) -> Trial:
    """The trial whose definition shows these to limited roles."""
    return trial.model_copy(
        update={"blinding": trial.blinding.model_copy(update={"limited_outcomes": outcomes})}
    )


@pytest.fixture
def whole(demonstration_store: LoadedTrial) -> Iterator[Board]:
    opened = board_of(demonstration_store, View.POOLED)
    yield opened
    opened.close()


def of_sponsor(loaded: LoadedTrial, *outcomes: str) -> Board:
    """The Board of a sponsor to whom the definition shows these outcomes."""
    trial = with_outcomes(loaded.trial, *outcomes)
    return limited_board(trial, loaded.snapshot)


def test_deaths_are_not_shown_by_themselves_unless_the_definition_lists_them(
    pilot_store: LoadedTrial, demonstration_store: LoadedTrial
) -> None:
    for loaded in (pilot_store, demonstration_store):
        board = limited_board(loaded.trial, loaded.snapshot)
        rows = board.ask("conduct/disposition")
        board.close()
        alone = rows.filter(pl.col(TOGETHER).is_null())["standing"].to_list()
        assert "died" not in alone
        assert ["left_study", "died"] in rows[TOGETHER].to_list()


def test_deaths_are_shown_where_they_are_listed_and_enough(
    demonstration_store: LoadedTrial,
) -> None:
    # 10 died and 1 left: as few as one are not told by what the others leave.
    board = of_sponsor(demonstration_store, "deaths", "leaving")
    rows = board.ask("conduct/disposition")
    board.close()
    assert rows.filter(pl.col("standing") == "left_study")["participants"].to_list() == [11]


def test_an_outcome_that_is_not_listed_is_not_broken_down(
    demonstration_store: LoadedTrial, whole: Board
) -> None:
    assert whole.ask("conduct/deviations").height
    board = of_sponsor(demonstration_store)
    for question, what in (
        ("conduct/deviations", "deviations from the protocol"),
        ("safety/overview", "adverse events"),
    ):
        with pytest.raises(NotShownError, match=f"does not show {what}"):
            board.ask(question)
    board.close()


def test_an_outcome_whose_total_is_not_told_is_not_broken_down(
    demonstration_store: LoadedTrial, pilot_store: LoadedTrial
) -> None:
    """One left in the demonstration; in the pilot those who left stand together with the dead."""
    for loaded in (demonstration_store, pilot_store):
        board = limited_board(loaded.trial, loaded.snapshot)
        with pytest.raises(NotShownError, match="are not broken down"):
            board.ask("conduct/reasons_for_leaving")
        board.close()


def test_the_total_of_an_outcome_is_judged_where_it_is_told(
    demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deviations of a few, or of all but a few, by category would be of those few."""
    answer = Board._answer

    def with_few(board: Board, question: str, values: Mapping[str, Any]) -> pl.DataFrame:
        found = answer(board, question, values)
        if question == "conduct/deviations_in_all":
            return found.with_columns(with_any=pl.lit(36), without=pl.lit(4))
        return found

    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    assert board.ask("conduct/deviations").height
    monkeypatch.setattr(Board, "_answer", with_few)
    with pytest.raises(NotShownError, match="are not broken down"):
        board.ask("conduct/deviations")
    board.close()


# The attacks of before, on the data of the demonstration


def test_months_are_whole_and_nothing_is_left_to_work_out(
    demonstration_store: LoadedTrial, whole: Board
) -> None:
    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    for question in ("enrollment/by_month", "enrollment/by_site", "enrollment/randomized_by_date"):
        assert board.ask(question).equals(whole.ask(question))
    months = board.ask("enrollment/by_month")
    board.close()
    assert not SMALL.isdisjoint(months["randomized"].to_list())


def test_visits_that_fall_one_by_one_are_not_told_apart(
    demonstration_store: LoadedTrial, whole: Board
) -> None:
    """38, 38, 37, 32: from one visit to the next one participant died."""
    steps = whole.ask("conduct/visits_by_visit")["due"].diff().drop_nulls().abs()
    assert not SMALL.isdisjoint(steps.to_list())
    for snapshot in demonstration_store.snapshots:
        board = limited_board(demonstration_store.trial, snapshot)
        with pytest.raises(NotShownError):
            board.ask("conduct/visits_by_visit")
        in_all = board.ask("conduct/visits_in_all").drop("arm", "position")
        board.close()
        assert SMALL.isdisjoint(in_all.row(0))


def test_tests_tell_no_visit_by_what_is_due_of_them(demonstration_store: LoadedTrial) -> None:
    """Planned at all visits but one, a test would be due less often by what was due at that one."""
    from exhibits.conduct.completeness import planned_results

    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    plan = planned_results(board)
    due = board.ask("conduct/measures", plan=plan)["due"]
    visits = board.ask("conduct/visits_in_all").item(0, "due")
    board.close()
    assert due.len() > 10
    assert set(due) == {visits}


def test_no_kind_of_event_is_told_by_another(
    demonstration_store: LoadedTrial, whole: Board
) -> None:
    """24 with a serious event and 27 with one of grade 3: three lie in between."""
    counts = whole.ask("safety/overview").select("kind", "participants").rows()
    assert dict(counts)["grade_3"] - dict(counts)["serious"] == 3
    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    shown = board.ask("safety/overview")
    board.close()
    assert shown.select("kind", "participants").rows() == [("serious", 24)]


def test_a_grant_of_another_role_answers_the_same_question_whole(whole: Board) -> None:
    assert whole.is_told("deaths")
    assert not whole.grant.limited
    assert TOGETHER not in whole.ask("conduct/disposition").columns
    assert replace(Cells("open")).columns == ()
