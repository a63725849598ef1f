"""How many got worse? Grades at baseline and the highest after it."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.laboratory.results import AFTER, SEALED_VISITS, of_all_and_by_arm
from exhibits.parts.comparison import (
    apart_in_words,
    too_few_note,
    where_enough,
    with_difference,
    with_percent,
)
from exhibits.parts.interval_dots import Mark, interval_dots
from exhibits.parts.populations import row_name
from exhibits.parts.theme import (
    State,
    arm_style,
    figure,
    in_lines,
    rows_axis,
    safe,
    state_marker,
)
from exhibits.parts.words import counted, share
from queries import Board
from queries.bound import grading_steps
from trials import Grading

GRADES_METHOD = (
    "Where the baseline is above normal, multiples of the baseline take the place of multiples of "
    "the upper limit of normal, so that every grade after it is a rise. The baseline itself is "
    "held against the limits of normal.",
    "A limit of 0 or below is none. Where a result without one is further out than all that are "
    "graded, the highest grade is not known and not shown, unless it is 3 or 4 already.",
    AFTER,
    SEALED_VISITS,
)
# The parts of a bar, with what their lists ask for. The higher a grade that was reached, the
# darker; hatched so that they stay apart in print.
PARTS: tuple[tuple[str, State, dict[str, Any]], ...] = (
    ("No grade", State("rgba(125, 135, 144, 0.12)"), {"rose": False, "most_grade": 0}),
    ("Graded, not risen", State("rgba(125, 135, 144, 0.38)", "."),
     {"rose": False, "least_grade": 1}),
    *(
        (words, State(*style), {"rose": True, "least_grade": grade, "most_grade": grade})
        for grade, words, style in (
            (1, "Rose to grade 1", ("#c9d9ee",)),
            (2, "Grade 2", ("#8fb0d9", "/")),
            (3, "Grade 3", ("#4c6fa5",)),
            (4, "Grade 4", ("#26406e", "x")),
        )
    ),
)  # fmt: skip
LABELS = {"name": "Measure", "term": "Graded as"}
# What a grading is called, and its place among those that anybody has.
NAMES = ("measure", "term", "place", "name", "side")
# The counts of rises, and how the columns of their estimates end.
ENDINGS = {"rose": "", "rose_to_3": "_3"}


def _graded_name(board: Board, grading: Grading) -> str:
    """The measure; where it is graded twice, the side, too."""
    label = board.trial.measures_by_name[grading.measure].label
    if len([item for item in board.trial.grades if item.measure == grading.measure]) == 1:
        return label
    return f"{label}, {'high' if grading.rises else 'low'}"


def _graded_side(board: Board, grading: Grading) -> str:
    """`Low lymphocytes`: what a higher grade is of, since a grade can rise where a value falls."""
    label = board.trial.measures_by_name[grading.measure].label
    first = label.split()[0]
    # An abbreviation stays as it is.
    plain = label[0].lower() + label[1:] if first.isalpha() and first[1:].islower() else label
    return f"{'High' if grading.rises else 'Low'} {plain}"


def _within_sentence(side: str) -> str:
    """`low lymphocytes`."""
    return side[:1].lower() + side[1:]


def _gradings(board: Board, rows: pl.DataFrame) -> list[Grading]:
    """The gradings that the rows have anybody for, in the order of the trial definition."""
    there = set(rows.select("measure", "term").rows())
    return [item for item in board.trial.grades if (item.measure, item.term) in there]


def _graded(board: Board, rows: pl.DataFrame, is_graded: pl.Expr) -> pl.DataFrame:
    """The rows that are graded, in the order of the gradings, with `place`, `name` and `side`."""
    rows = rows.filter(is_graded)
    names = pl.DataFrame(
        [
            (item.measure, item.term, place, _graded_name(board, item), _graded_side(board, item))
            for place, item in enumerate(_gradings(board, rows))
        ],
        schema={name: pl.Int64 if name == "place" else pl.String for name in NAMES},
        orient="row",
    )
    return rows.join(names, on=["measure", "term"], maintain_order="left").sort(
        "place", "position", maintain_order=True
    )


def _names(table: pl.DataFrame) -> list[str]:
    """What is graded, by place, in lines for an axis."""
    return [in_lines(name, 14) for name in table.unique("place", maintain_order=True)["name"]]


def _grading_notes(board: Board, table: pl.DataFrame) -> tuple[str, ...]:
    gradings = _gradings(board, table)
    sources = ", ".join(dict.fromkeys(grading.source for grading in gradings))
    measures = board.trial.measures_by_name
    beside = [measures[item.measure].label for item in gradings if item.baseline == "beside"]
    notes = [
        f"Grades by the numeric limits of {sources}, recomputed from result and limits of normal "
        "as recorded; what it grades by symptoms or treatment is not among them.",
    ]
    if beside:
        notes.append(
            f"{', '.join(beside)}: multiples of the baseline count beside those of the limit, so "
            "that a value within normal can have a grade."
        )
    return tuple(notes)


def _with_grades(board: Board, row: dict[str, Any], what: str, **chosen: Any) -> People:
    """Participants of a row's arm with grades of its measure, as a list."""
    anybody = dict.fromkeys(("baseline_grade", "least_grade", "most_grade", "rose"))
    graded = (row["measure"], row["term"])
    steps = [
        step for step in grading_steps(board.trial) if (step["measure"], step["term"]) == graded
    ]
    values = {"steps": steps, "arm": row["arm"]} | anybody | chosen
    title = row_name(board, f"{row['name']}: {what}", row["arm"])
    return People(title, "people/with_grades", tuple(values.items()))


@exhibit(
    page="board-laboratory",
    tab="Grades",
    title="Shifts from baseline",
    needs=("grades",),
    data=("LB",),
    filtered=True,
    method=GRADES_METHOD,
)
def shifts_from_baseline(board: Board) -> Exhibit:
    """The grade at baseline against the highest after it, by measure and arm."""
    rows = board.ask("laboratory/shifts")
    is_graded = pl.col("baseline_grade").is_not_null() & pl.col("worst_grade").is_not_null()
    graded = _graded(board, rows, is_graded)
    if graded.is_empty():
        return Exhibit(missing=_no_graded(board))
    table = graded.with_columns(
        of=pl.col("participants").sum().over("place", "position"),
        rise=pl.when("rose").then(pl.lit("yes")).otherwise(pl.lit("no")),
    )
    lists = [
        _with_grades(
            board,
            row,
            f"grade {row['baseline_grade']} at baseline, then {row['worst_grade']}",
            baseline_grade=row["baseline_grade"],
            least_grade=row["worst_grade"],
            most_grade=row["worst_grade"],
            rose=row["rose"],
        )
        for row in table.iter_rows(named=True)
    ]
    bars = _parts_of_bars(board, table).with_row_index("list", offset=len(lists))
    lists += [
        _with_grades(board, row, PARTS[row["part"]][0].lower(), **PARTS[row["part"]][2])
        for row in bars.iter_rows(named=True)
    ]
    risen = graded.filter("rose")
    answer = "No grade rose above that at baseline."
    if not risen.is_empty():
        by_grading = risen.group_by("place", "side", maintain_order=True)
        counts = by_grading.agg(pl.col("participants").sum())
        most = counts.sort("participants", descending=True, maintain_order=True)
        _, side, participants = most.row(0)
        severe = int(risen.filter(pl.col("worst_grade") >= 3)["participants"].sum())
        answer = (
            f"{side} worsened most often ({counted(participants, 'participant')}); the highest "
            f"grade that a rise reached is {max(risen['worst_grade'])}, and "
            f"{counted(severe, 'grade')} rose to 3 or 4."
        )
    without = int(rows.filter(~is_graded)["participants"].sum())
    everybody = int(rows["participants"].sum()) // rows.select("measure", "term").n_unique()
    return Exhibit(
        answer=answer + _without_limit(rows),
        denominator=f"N = {everybody:,}; graded at baseline and after it: as stated",
        picture=(lambda: _stacked_bars(board, _names(table), bars)) if bars.height else None,
        description="A stacked bar for each measure and arm of this view, in percent of those "
        "graded at baseline and after it: no grade, graded and not risen, risen to grade 1, 2, 3 "
        "or 4.",
        table=table.select(
            "name", "term", "arm", "baseline_grade", "worst_grade", "rise", "participants", "of"
        ),
        labels=LABELS
        | {
            "baseline_grade": "Grade at baseline",
            "worst_grade": "Highest after",
            "rise": "Risen",
            "participants": "n",
            "of": "Graded at both",
        },
        lists=tuple(lists),
        row_lists=tuple(range(table.height)),
        footnotes=(
            *_grading_notes(board, table),
            "Left out, since a result or its limit of normal is missing: "
            f"{counted(without, 'pair')} of a participant and a measure without a grade at "
            "baseline or after it.",
            *too_few_note(board, table["of"]),
        ),
        assumptions=board.trial.assumptions("grades"),
    )


def _without_limit(rows: pl.DataFrame) -> str:
    """How many pairs have no grade for the want of a limit, as a sentence; empty without any."""
    pairs = int(rows["without_limit"].sum())
    if not pairs:
        return ""
    return (
        " Not graded, for a result has no limit of normal: "
        f"{counted(pairs, 'pair')} of a participant and a measure."
    )


def _no_graded(board: Board) -> str:
    measures = board.trial.measures_by_name
    return (
        "Nobody has a result with a grade at baseline and after it. Grades need results of "
        f"{', '.join(measures[item.measure].label for item in board.trial.grades)} with units and "
        "limits of normal."
    )


def _parts_of_bars(board: Board, table: pl.DataFrame) -> pl.DataFrame:
    """One row a part of a bar that anybody is in: `part` of `PARTS`, whose, and `percent`.

    Of measures and arms with enough for an estimate.
    """
    grade = pl.col("worst_grade")
    part = pl.when("rose").then(1 + grade).otherwise((grade > 0).cast(pl.Int64))
    return (
        table.group_by("measure", "term", "name", "place", "arm", "position", "of", part=part)
        .agg(pl.col("participants").sum())
        .with_columns(percent=100 * pl.col("participants") / pl.col("of"))
        .with_columns(where_enough(board, "of", "percent"))
        .drop_nulls("percent")
        .sort("part", "place", "position")
    )


def _stacked_bars(board: Board, names: Sequence[str], parts: pl.DataFrame) -> "go.Figure":
    """Stacked bars; the mark before a bar says whose it is."""
    arms = len(board.arms)
    step = 0.8 / arms
    places = {
        key: key[0] + step * (key[1] - (arms + 1) / 2)
        for key in product(range(len(names)), range(1, arms + 1))
    }
    traces: list[go.Bar | go.Scatter] = []
    for (number,), of_part in parts.group_by("part", maintain_order=True):
        words, state, _ = PARTS[int(str(number))]
        traces.append(
            go.Bar(
                x=of_part["percent"].to_list(),
                y=[places[key] for key in of_part.select("place", "position").rows()],
                width=step * 0.86,
                orientation="h",
                name=words,
                marker=state_marker(state),
                text=[
                    f"{safe(row_name(board, name, arm))}: {share(participants, of)}"
                    for name, arm, participants, of in of_part.select(
                        "name", "arm", "participants", "of"
                    ).rows()
                ],
                textposition="none",
                customdata=of_part["list"].to_list(),
                hovertemplate="%{text} " + words.lower() + "<extra></extra>",
            )
        )
    for position, arm in enumerate(board.arms, start=1) if arms > 1 else ():
        style = arm_style(position)
        traces.append(
            go.Scatter(
                x=[-3.5] * len(names),
                y=[places[place, position] for place in range(len(names))],
                mode="markers",
                name=safe(arm),
                marker={"color": style.color, "symbol": style.symbol, "size": 9},
                hovertemplate=safe(arm) + "<extra></extra>",
            )
        )
    return figure(
        x_title="Participants graded at baseline and after it, %",
        y_title="",
        height=190 + len(names) * (22 + 20 * arms),
        traces=traces,
        layout={
            "barmode": "stack",
            "yaxis": rows_axis(names) | {"showgrid": False},
            "xaxis": {"range": [-6 if arms > 1 else 0, 103], "tickvals": [0, 25, 50, 75, 100]},
        },
    )


@exhibit(
    page="board-laboratory",
    tab="Grades",
    leads=52,
    adds=True,
    title="Grades that rose above baseline",
    needs=("grades",),
    data=("LB",),
    filtered=True,
    method=GRADES_METHOD,
)
def emergent_grades(board: Board) -> Exhibit:
    """Participants whose grade rose above that at baseline, to any and to 3 or 4, by arm."""
    rows = board.ask("laboratory/emergent_grades")
    there = pl.col("graded").sum().over("measure", "term") > 0
    table = _graded(board, rows, there)
    if table.is_empty():
        return Exhibit(missing=_no_graded(board))
    differences = []
    for count, ending in ENDINGS.items():
        table = with_percent(board, table, count, "graded", f"percent{ending}")
        table = with_difference(
            board,
            table,
            by=("measure", "term"),
            events=count,
            of="graded",
            name=f"difference{ending}",
        )
        differences += [f"difference{ending}{end}" for end in ("", "_low", "_high")]
    compared = differences if len(board.arms) > 1 and table["difference"].count() else []
    lists = tuple(
        _with_grades(
            board,
            row,
            f"rose to grade {'1 or higher' if least == 1 else '3 or 4'}",
            rose=True,
            least_grade=least,
        )
        for row in table.iter_rows(named=True)
        for least in (1, 3)
    )
    places = pl.int_range(pl.len())
    reference = f"minus {board.reference_arm}"
    return Exhibit(
        answer=f"{_worsened_in_words(board, table)} {_worsened_apart(board, table)}".rstrip()
        + _without_limit(rows),
        denominator="N: those with a grade at baseline and after it, by measure and arm",
        picture=interval_dots(
            board,
            table.with_columns(list=2 * places, list_3=2 * places + 1),
            _names(table),
            x_title="Participants, %",
            marks=(
                Mark("percent", "rose", "graded", "list", "any grade"),
                Mark("percent_3", "rose_to_3", "graded", "list_3", "grade 3 or 4", is_open=True),
            ),
            difference="difference",
            beside="Any grade: difference, % points",
        ),
        description="A filled mark for each measure and arm of this view, the percentage of "
        "participants whose grade rose, and an open one for those who rose to grade 3 or 4"
        + ("; beside it the difference to the reference arm with its interval." * bool(compared)
           or "."),
        table=table.select(
            "name", "term", "arm", "graded", "rose", "percent", "rose_to_3", "percent_3",
            *compared, "not_graded",
        ),
        labels=LABELS
        | {
            "graded": "Graded at both",
            "percent": "Rose, %",
            "rose_to_3": "Rose to 3 or 4",
            "percent_3": "Rose to 3 or 4, %",
            "difference": f"Rose, % points {reference}",
            "difference_3": f"To 3 or 4, % points {reference}",
        },
        lists=lists,
        row_lists=tuple(range(0, len(lists), 2)),
        footnotes=(
            *_grading_notes(board, table),
            *(
                (
                    "Differences in percentage points with 95 % intervals (Miettinen & Nurminen "
                    "1985), not adjusted for the number of measures: read the interval.",
                )
                if compared
                else ()
            ),
            *too_few_note(board, table["graded"]),
        ),
        assumptions=board.trial.assumptions("grades"),
    )  # fmt: skip


def _worsened_in_words(board: Board, table: pl.DataFrame) -> str:
    """Which measure worsened most often, and which of them to grade 3 or 4, by arm."""
    by_grading = table.partition_by("place", maintain_order=True)
    most = max(by_grading, key=lambda rows: int(rows["rose"].sum()))
    if not most["rose"].sum():
        return "No grade rose above that at baseline."
    severe = "; ".join(
        f"{_within_sentence(rows['side'][0])} "
        f"{of_all_and_by_arm(board, rows, 'rose_to_3', 'graded')}"
        for rows in by_grading
        if rows["rose_to_3"].sum()
    )
    return (
        f"{most['side'][0]} worsened most often: "
        f"{of_all_and_by_arm(board, most, 'rose', 'graded')}. "
        f"To grade 3 or 4: {severe or 'nobody'}."
    )


def _worsened_apart(board: Board, table: pl.DataFrame) -> str:
    """Every difference whose interval has no zero, of how many measures; empty without any."""
    apart = [
        apart_in_words(
            board,
            table.with_columns(worsened=pl.col("side") + f" worsened, {words}"),
            by="worsened",
            of="graded",
            events=count,
            difference=f"difference{ENDINGS[count]}",
        )
        for count, words in (("rose", "any grade"), ("rose_to_3", "grade 3 or 4"))
    ]
    if not any(apart):
        return ""
    looked_at = counted(table["place"].n_unique(), "measure")
    return (
        f"{' '.join(filter(None, apart))} Looked at: {looked_at}, for any grade and for grade 3 or "
        "4; some differ by chance."
    )
