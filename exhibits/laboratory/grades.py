"""How many got worse? Grades at baseline and the highest after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.proportions import miettinen_nurminen
from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.laboratory.results import AFTER, SEALED_VISITS, measure_of, of_all_and_by_arm
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.theme import (
    LEFT_OF_AXIS_BESIDE,
    State,
    arm_style,
    axis_beside,
    error_bars,
    figure,
    in_lines,
    rows_axis,
    safe,
    state_marker,
)
from exhibits.parts.words import counted, share
from queries import Board
from trials.definition import Grading

GRADES_METHOD = (
    "Where the baseline is above normal, multiples of the baseline take the place of multiples of "
    "the upper limit of normal, so that every grade after it is a rise. The baseline itself is "
    "held against the limits of normal.",
    AFTER,
    SEALED_VISITS,
)

# The higher a grade that was reached, the darker; hatched so that they stay apart in print.
RISES = (
    ("none", "No grade", State("rgba(125, 135, 144, 0.12)")),
    ("not_risen", "Graded, not risen", State("rgba(125, 135, 144, 0.38)", ".")),
    ("rose_1", "Rose to grade 1", State("#c9d9ee")),
    ("rose_2", "Grade 2", State("#8fb0d9", "/")),
    ("rose_3", "Grade 3", State("#4c6fa5")),
    ("rose_4", "Grade 4", State("#26406e", "x")),
)


def _steps(board: Board) -> list[dict[str, Any]]:
    """The gradings of the trial definition as questions bind them: a row for each step."""
    return [
        {"measure": grading.measure, "term": grading.term, "beside": grading.baseline == "beside"}
        | step.model_dump()
        for grading in board.trial.grades
        for step in grading.steps
    ]


def _graded_name(board: Board, grading: Grading) -> str:
    """The measure; where it is graded twice, the side, too."""
    label = measure_of(board, grading.measure).label
    if len([item for item in board.trial.grades if item.measure == grading.measure]) == 1:
        return label
    return f"{label}, {'high' if grading.rises else 'low'}"


def _graded_side(board: Board, grading: Grading) -> str:
    """`low lymphocytes`: what a higher grade is of, since a grade can rise where a value falls."""
    label = measure_of(board, grading.measure).label
    first = label.split()[0]
    # An abbreviation stays as it is.
    plain = label[0].lower() + label[1:] if first.isalpha() and first[1:].islower() else label
    return f"{'high' if grading.rises else 'low'} {plain}"


def _capitalized(text: str) -> str:
    """The first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def _gradings(board: Board, rows: pl.DataFrame) -> list[Grading]:
    """The gradings that the answer has anybody for, in the order of the trial definition."""
    there = set(rows.select("measure", "term").rows())
    return [item for item in board.trial.grades if (item.measure, item.term) in there]


def _grading_notes(board: Board, gradings: list[Grading]) -> tuple[str, ...]:
    sources = ", ".join(dict.fromkeys(grading.source for grading in gradings))
    beside = [
        measure_of(board, item.measure).label for item in gradings if item.baseline == "beside"
    ]
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


def _with_grades(board: Board, grading: Grading, arm: str, what: str, **chosen: Any) -> People:
    """Participants with grades of one measure in one arm, as a list."""
    nothing = dict.fromkeys(("baseline_grade", "least_grade", "most_grade", "rose"))
    of_grading = [step for step in _steps(board) if step["term"] == grading.term]
    steps = [step for step in of_grading if step["measure"] == grading.measure]
    values = {"steps": steps, "arm": arm} | nothing | chosen
    title = row_name(board, f"{_graded_name(board, grading)}: {what}", arm)
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
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("laboratory/shifts", steps=_steps(board))
    graded = rows.drop_nulls(["baseline_grade", "worst_grade"])
    gradings = _gradings(board, graded)
    if not gradings:
        return Exhibit(missing=_no_graded(board))
    lists: list[People] = []
    row_lists, parts = [], []
    for grading in gradings:
        of_grading = graded.filter(
            (pl.col("term") == grading.term) & (pl.col("measure") == grading.measure)
        )
        for row in of_grading.sort("position", maintain_order=True).iter_rows(named=True):
            row_lists.append(len(lists))
            what = f"grade {row['baseline_grade']} at baseline, then {row['worst_grade']}"
            lists.append(
                _with_grades(
                    board,
                    grading,
                    row["arm"],
                    what,
                    baseline_grade=row["baseline_grade"],
                    least_grade=row["worst_grade"],
                    most_grade=row["worst_grade"],
                    rose=row["rose"],
                )
            )
            parts.append(row | {"name": _graded_name(board, grading)})
    table = pl.DataFrame(parts).with_columns(
        of=pl.col("participants").sum().over("name", "position"),
        rise=pl.when("rose").then(pl.lit("yes")).otherwise(pl.lit("no")),
    )
    names = [_graded_name(board, grading) for grading in gradings]
    bars = _parts_of_bars(board, gradings, table, lists)
    risen = graded.filter("rose")
    highest = max(risen["worst_grade"], default=0)
    severe = int(graded.filter(pl.col("rose") & (pl.col("worst_grade") >= 3))["participants"].sum())
    answer = "No grade rose above that at baseline."
    if not risen.is_empty():
        most = risen.group_by("measure", "term").agg(pl.col("participants").sum())
        counts = {(m, t): n for m, t, n in most.rows()}
        first = max(gradings, key=lambda item: counts.get((item.measure, item.term), 0))
        answer = (
            f"{_capitalized(_graded_side(board, first))} worsened most often "
            f"({counted(counts[first.measure, first.term], 'participant')}); the highest grade "
            f"that a rise reached is {highest}, and {counted(severe, 'grade')} rose to 3 or 4."
        )
    without = int(rows.filter(_is_ungraded())["participants"].sum())
    everybody = int(rows["participants"].sum()) // len(_gradings(board, rows))
    return Exhibit(
        answer=answer,
        denominator=f"N = {everybody:,}; graded at baseline and after it: as stated",
        picture=lambda: _stacked_rises(board, names, bars),
        description="A stacked bar for each measure and arm of this view, in percent of those "
        "graded at baseline and after it: no grade, graded and not risen, risen to grade 1, 2, 3 "
        "or 4.",
        table=table.select(
            "name", "term", "arm", "baseline_grade", "worst_grade", "rise", "participants", "of"
        ),
        labels={
            "name": "Measure",
            "term": "Graded as",
            "arm": "Arm",
            "baseline_grade": "Grade at baseline",
            "worst_grade": "Highest after",
            "rise": "Risen",
            "participants": "n",
            "of": "Graded at both",
        },
        lists=tuple(lists),
        row_lists=tuple(row_lists),
        footnotes=(
            *_grading_notes(board, gradings),
            "Left out, since a result or its limit of normal is missing: "
            f"{counted(without, 'pair')} of a participant and a measure without a grade at "
            "baseline or after it.",
        ),
        assumptions=board.trial.assumptions("grades"),
    )


def _is_ungraded() -> pl.Expr:
    return pl.col("baseline_grade").is_null() | pl.col("worst_grade").is_null()


def _no_graded(board: Board) -> str:
    return (
        "Nobody has a result with a grade at baseline and after it. Grades need results of "
        f"{', '.join(measure_of(board, item.measure).label for item in board.trial.grades)} with "
        "units and limits of normal."
    )


@dataclass(frozen=True)
class _Part:
    """A part of the bar of a measure and an arm, and the place of its list of participants."""

    rise: str
    row: int
    position: int
    percent: float
    text: str
    list: int


def _parts_of_bars(
    board: Board, gradings: list[Grading], table: pl.DataFrame, lists: list[People]
) -> list[_Part]:
    """The parts of every bar that anybody is in. Appends their lists of participants."""
    names = [_graded_name(board, grading) for grading in gradings]
    bars = {
        (names.index(str(name)), int(position)): part
        for (name, position), part in table.group_by("name", "position", maintain_order=True)
    }
    parts = []
    for rise, words, _ in RISES:
        chosen, values = _chosen_part(rise)
        for (row, position), rows in bars.items():
            people, total = int(rows.filter(chosen)["participants"].sum()), int(rows["of"][0])
            if not people:
                continue
            arm = board.arms[position - 1]
            text = f"{safe(row_name(board, names[row], arm))}: {share(people, total)}"
            parts.append(_Part(rise, row, position, 100 * people / total, text, len(lists)))
            lists.append(_with_grades(board, gradings[row], arm, words.lower(), **values))
    return parts


def _stacked_rises(board: Board, names: Sequence[str], parts: Sequence[_Part]) -> go.Figure:
    """Stacked bars; the mark before a bar says whose it is."""
    arms = len(board.arms)
    drawn = figure(
        x_title="Participants graded at baseline and after it, %",
        y_title="",
        height=190 + len(names) * (22 + 20 * arms),
    )
    step = 0.8 / arms
    places = {
        key: key[0] + step * (key[1] - (arms + 1) / 2)
        for key in product(range(len(names)), range(1, arms + 1))
    }
    for rise, words, state in RISES:
        if not (of_rise := [part for part in parts if part.rise == rise]):
            continue
        drawn.add_trace(
            go.Bar(
                x=[part.percent for part in of_rise],
                y=[places[part.row, part.position] for part in of_rise],
                width=step * 0.86,
                orientation="h",
                name=words,
                marker=state_marker(state),
                text=[part.text for part in of_rise],
                textposition="none",
                customdata=[part.list for part in of_rise],
                hovertemplate="%{text} " + words.lower() + "<extra></extra>",
            )
        )
    if arms > 1:
        for position, arm in enumerate(board.arms, start=1):
            style = arm_style(position)
            drawn.add_trace(
                go.Scatter(
                    x=[-3.5] * len(names),
                    y=[places[place, position] for place in range(len(names))],
                    mode="markers",
                    name=safe(arm),
                    marker={"color": style.color, "symbol": style.symbol, "size": 9},
                    hovertemplate=safe(arm) + "<extra></extra>",
                )
            )
    drawn.update_layout(
        barmode="stack",
        yaxis=rows_axis([in_lines(name, 14) for name in names]) | {"showgrid": False},
        xaxis={"range": [-6 if arms > 1 else 0, 103], "tickvals": [0, 25, 50, 75, 100]},
    )
    return drawn


def _chosen_part(part: str) -> tuple[pl.Expr, dict[str, Any]]:
    """Which rows of the table are a part of a bar, and what its list of participants asks for."""
    if part == "none":
        return ~pl.col("rose") & (pl.col("worst_grade") == 0), {"rose": False, "most_grade": 0}
    if part == "not_risen":
        return ~pl.col("rose") & (pl.col("worst_grade") > 0), {"rose": False, "least_grade": 1}
    grade = int(part.rpartition("_")[2])
    return (
        pl.col("rose") & (pl.col("worst_grade") == grade),
        {"rose": True, "least_grade": grade, "most_grade": grade},
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
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("laboratory/emergent_grades", steps=_steps(board))
    gradings = _gradings(board, rows.filter(pl.col("graded") > 0))
    if not gradings:
        return Exhibit(missing=_no_graded(board))
    order = pl.DataFrame(
        {
            "measure": [item.measure for item in gradings],
            "term": [item.term for item in gradings],
            "name": [_graded_name(board, item) for item in gradings],
            "place": list(range(len(gradings))),
        }
    )
    rows = rows.join(order, on=["measure", "term"], how="inner").sort("place", "position")
    table = rows.with_columns(
        percent=_percent("rose"), percent_3=_percent("rose_to_3")
    ).with_columns(_differences(board, rows))
    lists = [
        _with_grades(
            board,
            gradings[row["place"]],
            row["arm"],
            f"rose to grade {'1 or higher' if least == 1 else '3 or 4'}",
            rose=True,
            least_grade=least,
        )
        for row in table.iter_rows(named=True)
        for least in (1, 3)
    ]
    compared = table["low"].null_count() < table.height
    columns = ["name", "term", "arm", "graded", "rose", "percent", "rose_to_3", "percent_3"]
    differences = ["difference", "low", "high", "difference_3", "low_3", "high_3"]
    reference = f"minus {board.reference_arm}"
    return Exhibit(
        answer=f"{_worsened_in_words(board, gradings, table)} "
        f"{_worsened_apart(board, gradings, table)}".rstrip(),
        denominator="N: those with a grade at baseline and after it, by measure and arm",
        picture=lambda: _rise_dots(board, table, order["name"].to_list(), compared=compared),
        description="A filled mark for each measure and arm of this view, the percentage of "
        "participants whose grade rose, and an open one for those who rose to grade 3 or 4"
        + ("; beside it the difference to the reference arm with its interval." * compared or "."),
        table=table.select(*columns, *(differences if compared else ()), "not_graded"),
        labels={
            "name": "Measure",
            "term": "Graded as",
            "arm": "Arm",
            "graded": "Graded at both",
            "rose": "Rose",
            "percent": "Rose, %",
            "rose_to_3": "Rose to 3 or 4",
            "percent_3": "Rose to 3 or 4, %",
            "not_graded": "Not graded",
            "difference": f"Rose, % points {reference}",
            "low": "95 % from",
            "high": "to",
            "difference_3": f"To 3 or 4, % points {reference}",
            "low_3": "95 % from (3 or 4)",
            "high_3": "to (3 or 4)",
        },
        lists=tuple(lists),
        row_lists=tuple(range(0, len(lists), 2)),
        footnotes=(
            *_grading_notes(board, gradings),
            *_comparison_notes(board, compared=compared),
        ),
        assumptions=board.trial.assumptions("grades"),
    )


def _worsened_in_words(board: Board, gradings: list[Grading], table: pl.DataFrame) -> str:
    """Which measure worsened most often, and which of them to grade 3 or 4, by arm."""
    rows = {place: table.filter(pl.col("place") == place) for place in range(len(gradings))}
    most = max(rows, key=lambda place: int(rows[place]["rose"].sum()))
    if not rows[most]["rose"].sum():
        return "No grade rose above that at baseline."
    severe = "; ".join(
        f"{_graded_side(board, gradings[place])} "
        f"{of_all_and_by_arm(board, part, 'rose_to_3', 'graded')}"
        for place, part in rows.items()
        if part["rose_to_3"].sum()
    )
    return (
        f"{_capitalized(_graded_side(board, gradings[most]))} worsened most often: "
        f"{of_all_and_by_arm(board, rows[most], 'rose', 'graded')}. To grade 3 or 4: "
        f"{severe or 'nobody'}."
    )


def _worsened_apart(board: Board, gradings: list[Grading], table: pl.DataFrame) -> str:
    """Every difference whose interval has no zero, of how many measures; empty without any."""
    found = []
    for count, ending, words in (("rose", "", "any grade"), ("rose_to_3", "_3", "grade 3 or 4")):
        difference, low, high = (f"{name}{ending}" for name in ("difference", "low", "high"))
        apart = table.filter((pl.col(low) > 0) | (pl.col(high) < 0))
        for row in apart.iter_rows(named=True):
            both = table.filter(
                pl.col("place") == row["place"],
                pl.col("arm").is_in([row["arm"], board.reference_arm]),
            ).select("arm", "graded", participants=count)
            found.append(
                f"{_capitalized(_graded_side(board, gradings[row['place']]))} worsened, {words}: "
                f"{counts_in_arms(both.iter_rows(named=True), 'graded')}; "
                f"{contrast(board, row['arm'])} {points(row, difference, low, high)}."
            )
    if not found:
        return ""
    looked_at = counted(len(gradings), "measure")
    return (
        f"{' '.join(found)} Looked at: {looked_at}, for any grade and for grade 3 or 4; some "
        "differ by chance."
    )


def _percent(column: str) -> pl.Expr:
    share_ = 100 * pl.col(column) / pl.col("graded")
    return pl.when(pl.col("graded") > 0).then(share_).round(1)


def _comparison_notes(board: Board, *, compared: bool) -> tuple[str, ...]:
    if len(board.arms) == 1:
        return ()
    least = board.trial.subgroups.minimum_per_arm
    of_few = f"Where an arm has fewer than {least} graded participants there are counts only."
    if not compared:
        return (of_few,)
    return (
        "Differences in percentage points with 95 % intervals (Miettinen & Nurminen 1985), not "
        f"adjusted for the number of measures: read the interval. {of_few}",
    )


def _differences(board: Board, rows: pl.DataFrame) -> list[pl.Series]:
    """Differences to the reference arm in percentage points with limits, for both kinds of rise."""
    reference = rows.filter(pl.col("arm") == board.reference_arm).select(
        "measure", "term", "graded", "rose", "rose_to_3"
    )
    both = rows.join(reference, on=["measure", "term"], how="left", suffix="_of_reference")
    least = board.trial.subgroups.minimum_per_arm
    compared = both.select(
        (pl.col("arm") != board.reference_arm)
        & (pl.col("graded") >= least)
        & (pl.col("graded_of_reference") >= least)
    ).to_series()
    known = compared.fill_null(value=False).to_numpy()
    found = []
    for kind, ending in (("rose", ""), ("rose_to_3", "_3")):
        events, people, reference_events, reference_people = (
            both[name].fill_null(0).to_numpy()
            for name in (kind, "graded", f"{kind}_of_reference", "graded_of_reference")
        )
        difference = miettinen_nurminen(events, people, reference_events, reference_people)
        found += [
            pl.Series(name, np.where(known, 100 * values, np.nan)).fill_nan(None).round(1)
            for name, values in (
                (f"difference{ending}", difference.estimate),
                (f"low{ending}", difference.low),
                (f"high{ending}", difference.high),
            )
        ]
    return found


def _rise_dots(board: Board, table: pl.DataFrame, names: list[str], *, compared: bool) -> go.Figure:
    """Dots by arm, filled for any rise, open for one to grade 3 or 4; differences beside."""
    arms = len(board.arms)
    drawn = figure(
        x_title="Participants, %", y_title="", height=190 + len(names) * (24 + 14 * arms)
    )
    shown = table.with_row_index("row")
    most = max(table["percent"].drop_nulls(), default=0) or 1
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        rows = shown.filter((pl.col("position") == position) & pl.col("percent").is_not_null())
        apart = 0.2 * (position - (arms + 1) / 2)
        y = [place + apart for place in rows["place"]]
        for column, percent, opened, step, words in (
            ("rose", "percent", "", 0, "any grade"),
            ("rose_to_3", "percent_3", "-open", 1, "grade 3 or 4"),
        ):
            texts = [
                f"{safe(name)}: {share(count, of)}"
                for name, count, of in rows.select("name", column, "graded").rows()
            ]
            drawn.add_trace(
                go.Scatter(
                    x=rows[percent].to_list(),
                    y=y,
                    mode="markers",
                    marker={"color": style.color, "symbol": style.symbol + opened, "size": 11},
                    name=words.capitalize() if arms == 1 else f"{safe(arm)}, {words}",
                    text=texts,
                    customdata=[2 * row + step for row in rows["row"]],
                    hovertemplate="%{text} rose to " + words + f"<extra>{safe(arm)}</extra>",
                )
            )
        beside = rows.filter(pl.col("low").is_not_null())
        if beside.is_empty():
            continue
        drawn.add_trace(
            go.Scatter(
                x=beside["difference"].to_list(),
                y=[place + apart for place in beside["place"]],
                xaxis="x2",
                error_x=error_bars(*(beside[name] for name in ("difference", "low", "high"))),
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 9},
                showlegend=False,
                customdata=[2 * row for row in beside["row"]],
                hovertemplate="%{x:+.1f} % points<extra>" + safe(arm) + "</extra>",
            )
        )
    drawn.update_layout(
        yaxis=rows_axis([in_lines(name, 14) for name in names]),
        xaxis={
            "domain": LEFT_OF_AXIS_BESIDE if compared else [0, 1],
            "range": [-0.05 * most, 1.08 * most],
        },
    )
    if compared:
        drawn.update_layout(xaxis2=axis_beside("Any grade: difference, % points"))
    return drawn
