"""Do labs or vital signs show organ harm? Grades, liver tests, and the course of every measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.proportions import miettinen_nurminen
from exhibits.exhibit import Exhibit, Number, People, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.day_courses import Panel, courses
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.theme import (
    LEFT_OF_AXIS_BESIDE,
    QUIET,
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
from exhibits.parts.words import counted, decimal, share, unit
from queries import Board
from trials.definition import Grading, Measure

SEALED_VISITS = (
    "Results of visits outside the common schedule are sealed: they count in views that have the "
    "sealed records."
)
AFTER = (
    "After baseline: after day 1, by the date of the sample, without one by the planned day of its "
    "visit."
)
GRADES_METHOD = (
    "Where the baseline is above normal, multiples of the baseline take the place of multiples of "
    "the upper limit of normal, so that every grade after it is a rise. The baseline itself is "
    "held against the limits of normal.",
    AFTER,
    SEALED_VISITS,
)
LIVER_METHOD = (
    "Multiples of the upper limit of normal that is recorded with the result; one without a limit "
    "does not count. " + AFTER.replace("After baseline: after", "Results after"),
    SEALED_VISITS,
)
TRENDS_METHOD = (
    "Medians with quartiles of those with a value at the visit; of several values of one visit "
    "their mean counts. Who is discharged, withdrawn or dead has no values later, so that later "
    "days are of other people: look at n.",
    SEALED_VISITS,
)
# A figure has at most this many measures: more would not be read on a telephone.
MOST_PANELS = 6

# The higher a grade that was reached, the darker; hatched so that they stay apart in print.
RISES = (
    ("none", "No grade", State("rgba(125, 135, 144, 0.12)")),
    ("not_risen", "Graded, not risen", State("rgba(125, 135, 144, 0.38)", ".")),
    ("rose_1", "Rose to grade 1", State("#c9d9ee")),
    ("rose_2", "Grade 2", State("#8fb0d9", "/")),
    ("rose_3", "Grade 3", State("#4c6fa5")),
    ("rose_4", "Grade 4", State("#26406e", "x")),
)

QUADRANTS = {
    "hys_law": "Hy's law range",
    "temple": "Temple's corollary",
    "cholestasis": "Cholestasis",
    "neither": "Neither",
}


# What is asked, and what is missing


def _steps(board: Board) -> list[dict[str, Any]]:
    """The gradings of the trial definition as questions bind them: a row for each step."""
    return [
        {"measure": grading.measure, "term": grading.term, "beside": grading.baseline == "beside"}
        | step.model_dump()
        for grading in board.trial.grades
        for step in grading.steps
    ]


def _measure(board: Board, name: str) -> Measure:
    return next(measure for measure in board.trial.measures if measure.name == name)


def _graded_name(board: Board, grading: Grading) -> str:
    """The measure; where it is graded twice, the side, too."""
    label = _measure(board, grading.measure).label
    if len([item for item in board.trial.grades if item.measure == grading.measure]) == 1:
        return label
    return f"{label}, {'high' if grading.rises else 'low'}"


def _graded_side(board: Board, grading: Grading) -> str:
    """`low lymphocytes`: what a higher grade is of, since a grade can rise where a value falls."""
    label = _measure(board, grading.measure).label
    first = label.split()[0]
    # An abbreviation stays as it is.
    plain = label[0].lower() + label[1:] if first.isalpha() and first[1:].islower() else label
    return f"{'high' if grading.rises else 'low'} {plain}"


def _capitalized(text: str) -> str:
    """The first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def _of_all_and_by_arm(board: Board, rows: pl.DataFrame, count: str, whole: str) -> str:
    """`19 of 36 (53 %), 6 of 18 in Arm A, 13 of 18 in Arm B`, of a row for each arm."""
    said = share(int(rows[count].sum()), int(rows[whole].sum()))
    if len(board.arms) == 1 or not rows[count].sum():
        return said
    by_arm = rows.select("arm", whole, participants=count).iter_rows(named=True)
    return f"{said}, {counts_in_arms(by_arm, whole)}"


def _gradings(board: Board, rows: pl.DataFrame) -> list[Grading]:
    """The gradings that the answer has anybody for, in the order of the trial definition."""
    there = set(rows.select("measure", "term").rows())
    return [item for item in board.trial.grades if (item.measure, item.term) in there]


def _by_arm(board: Board, words: dict[str, str]) -> str:
    """Words for each arm; the arm is named where there are several."""
    if len(board.arms) == 1:
        return next(iter(words.values()), "")
    return "; ".join(f"{arm}: {said}" for arm, said in words.items())


# Grades


def _grading_notes(board: Board, gradings: list[Grading]) -> tuple[str, ...]:
    sources = ", ".join(dict.fromkeys(grading.source for grading in gradings))
    beside = [_measure(board, item.measure).label for item in gradings if item.baseline == "beside"]
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
        f"{', '.join(_measure(board, item.measure).label for item in board.trial.grades)} with "
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
        f"{_of_all_and_by_arm(board, part, 'rose_to_3', 'graded')}"
        for place, part in rows.items()
        if part["rose_to_3"].sum()
    )
    return (
        f"{_capitalized(_graded_side(board, gradings[most]))} worsened most often: "
        f"{_of_all_and_by_arm(board, rows[most], 'rose', 'graded')}. To grade 3 or 4: "
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


# Liver


def _liver(board: Board) -> dict[str, Any]:
    assert board.trial.liver is not None
    return board.trial.liver.model_dump()


def _with_liver_signs(board: Board, title: str, **chosen: Any) -> People:
    values: dict[str, Any] = {
        "liver": _liver(board),
        "quadrant": None,
        "arm": None,
        "in_window": False,
        "under_limit": False,
        "unexplained": False,
    }
    return People(title, "people/with_liver_signs", tuple((values | chosen).items()))


def _liver_notes(board: Board) -> tuple[str, ...]:
    liver = board.trial.liver
    assert liver is not None
    notes = [
        f"Hy's law ({liver.source}): {_aminotransferases(board)} above "
        f"{liver.aminotransferase_above:g} × the upper limit of normal (ULN) and, on the day or up "
        f"to {liver.window_days} days later, bilirubin of at least {liver.bilirubin_at_least:g} × "
        f"ULN, alkaline phosphatase between the two under {liver.alkaline_phosphatase_below:g} × "
        "ULN, and no other cause. The last is for a physician to judge: no finding here is a "
        "diagnosis.",
    ]
    if liver.context:
        notes.append(
            f"Could explain it: {' or '.join(item.name for item in liver.context)} in the "
            f"{liver.context_days} days before the rise (hypoxic hepatitis)."
        )
    return tuple(notes)


def _aminotransferases(board: Board) -> str:
    assert board.trial.liver is not None
    return " or ".join(_measure(board, name).label for name in board.trial.liver.aminotransferases)


def _no_peaks(board: Board) -> str:
    return (
        f"Nobody has both {_aminotransferases(board)} and bilirubin with an upper limit of normal "
        "after day 1."
    )


@exhibit(
    page="board-laboratory",
    tab="Liver",
    leads=51,
    title="Liver: highest aminotransferase against highest bilirubin (eDISH)",
    needs=("liver",),
    data=("LB",),
    filtered=True,
    method=(
        *LIVER_METHOD,
        "ALP: alkaline phosphatase. Peaks may be of different days; the course (rise, days to "
        "bilirubin, R) is there where bilirubin followed within the window. R: the "
        "aminotransferase over ALP on the day of the rise, both × ULN; at least 5 is "
        "hepatocellular, at most 2 cholestatic. Larger marks: ALP was under its limit.",
    ),
)
def liver(board: Board) -> Exhibit:
    """Each participant's highest aminotransferase against the highest bilirubin (eDISH)."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("laboratory/liver", liver=_liver(board))
    shown = rows.drop_nulls("quadrant")
    if shown.is_empty():
        return Exhibit(missing=_no_peaks(board))
    boxes = [
        (quadrant, arm)
        for arm in board.arms
        for quadrant in QUADRANTS
        if shown.filter((pl.col("quadrant") == quadrant) & (pl.col("arm") == arm)).height
    ]
    lists = tuple(
        _with_liver_signs(
            board, row_name(board, QUADRANTS[quadrant], arm), quadrant=quadrant, arm=arm
        )
        for quadrant, arm in boxes
    )
    shown = shown.with_columns(
        pl.Series("list", [boxes.index(key) for key in shown.select("quadrant", "arm").rows()])
    ).sort(
        pl.col("quadrant").replace_strict({key: i for i, key in enumerate(QUADRANTS)}),
        maintain_order=True,
    )
    by_arm = {
        quadrant: shown.group_by("arm", "position")
        .agg(participants=(pl.col("quadrant") == quadrant).sum(), tested=pl.len())
        .sort("position")
        for quadrant in QUADRANTS
    }
    said = {
        quadrant: _of_all_and_by_arm(board, rows, "participants", "tested")
        for quadrant, rows in by_arm.items()
    }
    in_range = int(by_arm["hys_law"]["participants"].sum())
    return Exhibit(
        answer=f"In Hy's law range by their peaks: {said['hys_law']}; in that of Temple's "
        f"corollary: {said['temple']}.",
        attention=f"In Hy's law range: {said['hys_law']}." if in_range else "",
        denominator=f"n = {shown.height:,} of {rows.height:,} with both tests after day 1",
        picture=lambda: _edish(board, shown),
        description="A mark for each participant, the highest aminotransferase to the right and "
        "the highest bilirubin upwards, both as multiples of the upper limit of normal on log "
        f"axes; lines divide four boxes. {counted(in_range, 'mark')} in Hy's law range.",
        table=shown.select(
            pl.col("quadrant").replace_strict(QUADRANTS),
            "arm",
            pl.col(
                "aminotransferase",
                "bilirubin",
                "alkaline_phosphatase",
                "alkaline_phosphatase_between",
                "r_ratio",
            ).round(2),
            "rise_day",
            "days_after",
            "context",
        ),
        labels={
            "quadrant": "Box",
            "arm": "Arm",
            "aminotransferase": f"Peak {_aminotransferases(board)}, × ULN",
            "bilirubin": "Peak bilirubin, × ULN",
            "alkaline_phosphatase": "Peak ALP, × ULN",
            "alkaline_phosphatase_between": "ALP in the course, × ULN",
            "r_ratio": "R ratio",
            "rise_day": "Rise on day",
            "days_after": "Days to bilirubin",
            "context": "May explain it",
        },
        lists=lists,
        row_lists=tuple(shown["list"].to_list()),
        footnotes=(*_liver_notes(board),),
        assumptions=board.trial.assumptions("liver"),
    )


# Lower values are drawn here: a log axis has no zero.
LOWEST_DRAWN = 0.1


def _edish(board: Board, shown: pl.DataFrame) -> go.Figure:
    assert board.trial.liver is not None
    limits = board.trial.liver
    drawn = figure(
        x_title=f"{_aminotransferases(board)}, highest × ULN",
        y_title="Bilirubin, highest × ULN",
        height=520,
    )
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        rows = shown.filter(pl.col("position") == position)
        drawn.add_trace(
            go.Scatter(
                x=rows["aminotransferase"].clip(LOWEST_DRAWN).to_list(),
                y=rows["bilirubin"].clip(LOWEST_DRAWN).to_list(),
                mode="markers",
                marker={
                    "color": style.color,
                    "symbol": style.symbol,
                    "size": [15 if under else 9 for under in rows["is_under_limit"]],
                    "opacity": 0.8,
                    "line": {"width": 1, "color": "white"},
                },
                name=safe(arm),
                showlegend=len(board.arms) > 1,
                text=[_course(row) for row in rows.iter_rows(named=True)],
                customdata=rows["list"].to_list(),
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    line = {"color": QUIET, "width": 1.5, "dash": "dash"}
    drawn.add_vline(x=limits.aminotransferase_above, line=line)
    drawn.add_hline(y=limits.bilirubin_at_least, line=line)
    for name, x, y in (("hys_law", 1, 1), ("temple", 1, 0), ("cholestasis", 0, 1)):
        drawn.add_annotation(
            text=in_lines(QUADRANTS[name], 11),
            x=x,
            y=y,
            xref="paper",
            yref="paper",
            xanchor="right" if x else "left",
            yanchor="top" if y else "bottom",
            align="right" if x else "left",
            showarrow=False,
        )
    axes = {
        "type": "log",
        "rangemode": "normal",
        "tickvals": [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100],
    }
    right, top = shown["aminotransferase"].max(), shown["bilirubin"].max()
    drawn.update_layout(
        xaxis=axes | {"range": _log_range(right, 20)}, yaxis=axes | {"range": _log_range(top, 10)}
    )
    return drawn


def _log_range(largest: Any, least: float) -> list[float]:
    return [float(np.log10(LOWEST_DRAWN * 0.85)), float(np.log10(max(largest * 1.3, least)))]


def _course(row: dict[str, Any]) -> str:
    parts = [
        QUADRANTS[row["quadrant"]],
        f"aminotransferase {row['aminotransferase']:.1f} × ULN",
        f"bilirubin {row['bilirubin']:.1f} × ULN",
    ]
    if row["days_after"] is not None:
        parts.append(f"bilirubin {counted(row['days_after'], 'day')} after the rise")
        between = row["alkaline_phosphatase_between"]
        parts.append(
            "alkaline phosphatase not known"
            if between is None
            else f"alkaline phosphatase {between:.1f} × ULN"
        )
        if row["r_ratio"] is not None:
            parts.append(f"R {row['r_ratio']:.1f}")
        if row["context"]:
            parts.append(row["context"])
    return "<br>".join(safe(part) for part in parts)


@exhibit(
    page="board-laboratory",
    tab="Liver",
    title="Liver: candidates for Hy's law",
    needs=("liver",),
    data=("LB",),
    filtered=True,
    method=LIVER_METHOD,
)
def liver_injury_signs(board: Board) -> Exhibit:
    """Participants with signs of severe liver injury, from peaks down to Hy's law, by arm."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    limits = board.trial.liver
    assert limits is not None
    rows = board.ask("laboratory/liver", liver=_liver(board))
    tested = rows.drop_nulls("quadrant")
    if tested.is_empty():
        return Exhibit(missing=_no_peaks(board))
    in_window = pl.col("days_after").is_not_null()
    under = pl.col("is_under_limit").fill_null(value=False)
    below = f"{limits.alkaline_phosphatase_below:g} × ULN"
    signs: tuple[tuple[str, pl.Expr, dict[str, Any]], ...] = (
        ("Hy's law range by peaks", pl.col("quadrant") == "hys_law", {"quadrant": "hys_law"}),
        (f"Bilirubin within {limits.window_days} days of the rise", in_window, {"in_window": True}),
        (
            f"… and alkaline phosphatase under {below}",
            in_window & under,
            {"in_window": True, "under_limit": True},
        ),
        (
            "… and nothing recorded that could explain it",
            in_window & under & pl.col("context").is_null(),
            {"in_window": True, "under_limit": True, "unexplained": True},
        ),
        ("Temple's corollary", pl.col("quadrant") == "temple", {"quadrant": "temple"}),
        ("Cholestasis", pl.col("quadrant") == "cholestasis", {"quadrant": "cholestasis"}),
    )
    counted_rows, lists = [], []
    for words, chosen, values in signs:
        for arm in board.arms:
            of_arm = tested.filter(pl.col("arm") == arm)
            counted_rows.append((words, arm, of_arm.filter(chosen).height, of_arm.height))
            title_of_list = row_name(board, words.removeprefix("… and ").capitalize(), arm)
            lists.append(_with_liver_signs(board, title_of_list, arm=arm, **values))
    table = pl.DataFrame(
        counted_rows,
        schema={"sign": pl.String, "arm": pl.String, "participants": pl.Int64, "of": pl.Int64},
        orient="row",
    )
    in_all = [tested.filter(chosen).height for _, chosen, _ in signs]

    def by_arm(place: int) -> str:
        part = table[place * len(board.arms) : (place + 1) * len(board.arms)]
        words = {arm: share(count, of) for _, arm, count, of in part.rows()}
        return "" if len(board.arms) == 1 else _by_arm(board, words)

    def list_of(place: int) -> People | None:
        return lists[place] if len(board.arms) == 1 and in_all[place] else None

    return Exhibit(
        answer=f"Bilirubin followed a rise of {_aminotransferases(board)} within the window in "
        f"{share(in_all[1], tested.height)}; with alkaline phosphatase under {below}: "
        f"{in_all[2]:,}.",
        denominator=f"n = {tested.height:,} of {rows.height:,} with both tests after day 1",
        numbers=tuple(
            Number(words, f"{in_all[place]:,}", by_arm(place), list_of(place))
            for words, place in (
                ("Hy's law range by peaks", 0),
                ("Bilirubin within the window", 1),
                (f"… and ALP under {below}", 2),
            )
        ),
        table=table,
        labels={"sign": "Sign", "arm": "Arm", "participants": "Participants", "of": "With tests"},
        lists=tuple(lists),
        row_lists=tuple(
            place if count else None for place, count in enumerate(table["participants"])
        ),
        footnotes=_liver_notes(board),
        assumptions=board.trial.assumptions("liver"),
    )


# Trends


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Liver and kidney tests over time",
    data=("LB",),
    filtered=True,
    method=TRENDS_METHOD,
)
def laboratory_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is high, such as liver tests."""
    measures = [item.measure for item in board.trial.grades if item.rises]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Blood counts over time",
    data=("LB",),
    filtered=True,
    method=TRENDS_METHOD,
)
def blood_count_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is low, such as blood cells."""
    measures = [item.measure for item in board.trial.grades if not item.rises]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Vital signs over time",
    data=("VS",),
    filtered=True,
    method=TRENDS_METHOD,
)
def vital_sign_trends(board: Board) -> Exhibit:
    """Medians and quartiles of vital signs over time, by arm."""
    measures = [item.name for item in board.trial.measures if item.domain == "VS"]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Electrocardiogram over time",
    data=("EG",),
    filtered=True,
    method=TRENDS_METHOD,
)
def ecg_trends(board: Board) -> Exhibit:
    """Medians and quartiles of the electrocardiogram's measures over time, by arm."""
    measures = [item.name for item in board.trial.measures if item.domain == "EG"]
    return _trends(board, measures)


def _trends(board: Board, measures: list[str]) -> Exhibit:
    """Medians, quartiles and n by planned day and arm, a panel for each measure."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("laboratory/trends", measures=measures)
    # What is measured at one visit only, such as height, has no course.
    days = dict(rows.group_by("measure").agg(pl.col("planned_day").n_unique()).rows())
    several = [name for name in dict.fromkeys(measures) if days.get(name, 0) > 1]
    shown, left_out = several[:MOST_PANELS], several[MOST_PANELS:]
    if not shown:
        return Exhibit(
            missing="No measure has values at two or more visits of the schedule. Results need a "
            "unit that the trial definition knows.",
        )
    known = {name: _measure(board, name) for name in shown}
    order = {name: place for place, name in enumerate(shown)}
    rows = (
        rows.filter(pl.col("measure").is_in(shown))
        .sort(pl.col("measure").replace_strict(order), "planned_day", "visit_number", "position")
        .with_row_index("list")
    )
    limits = board.ask("laboratory/limits_of_normal", measures=shown)
    of_normal = limits.select("measure", "low", "high").rows()
    normal = {name: (low, high) for name, low, high in of_normal}
    lists = tuple(
        People(
            row_name(board, f"{known[row['measure']].label}, day {row['planned_day']}", row["arm"]),
            "people/with_results",
            (
                ("measure", row["measure"]),
                ("unit", known[row["measure"]].unit),
                ("visit_number", row["visit_number"]),
                ("arm", row["arm"]),
            ),
        )
        for row in rows.iter_rows(named=True)
    )
    total = int(board.ask("safety/people")["participants"].sum())
    table = rows.join(limits.select("measure", "low", "high"), on="measure", how="left").select(
        pl.col("measure").replace_strict({name: item.label for name, item in known.items()}),
        pl.col("measure")
        .replace_strict({name: item.unit for name, item in known.items()})
        .alias("unit"),
        "planned_day",
        "arm",
        "n",
        pl.col("median", "lower_quartile", "upper_quartile", "low", "high").round(3),
    )
    notes = []
    if table["low"].count() + table["high"].count():
        notes.append(
            "Dotted: limits of normal as recorded; where they differ by sex, age or laboratory, "
            "their median."
        )
    if left_out:
        labels = ", ".join(_measure(board, name).label for name in left_out)
        notes.append(f"Not shown for want of room: {labels}.")
    absent = [name for name in measures if name not in days]
    if absent:
        labels = ", ".join(_measure(board, name).label for name in dict.fromkeys(absent))
        notes.append(f"No usable value in the extract: {labels}.")
    return Exhibit(
        answer=_last_medians(board, rows, known),
        denominator=f"N = {total:,}; n by day in the table",
        picture=lambda: courses(
            board.arms,
            rows,
            [
                Panel(name, item.label, unit(item.unit), *normal.get(name, (None, None)))
                for name, item in known.items()
            ],
        ),
        description=f"A panel for each of {counted(len(shown), 'measure')}, with a line of medians "
        "over study days and a band of quartiles for each arm of this view.",
        table=table,
        labels={
            "measure": "Measure",
            "unit": "Unit",
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n",
            "median": "Median",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "low": "Lower limit of normal",
            "high": "Upper limit of normal",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=tuple(notes),
        assumptions=board.trial.assumptions("schedule"),
    )


def _last_medians(board: Board, rows: pl.DataFrame, known: dict[str, Measure]) -> str:
    """The medians on the last planned day that has values."""
    last = max(rows["planned_day"])
    parts = []
    for name, measure in known.items():
        found = dict(
            rows.filter((pl.col("measure") == name) & (pl.col("planned_day") == last))
            .select("arm", "median")
            .rows()
        )
        if found:
            medians = " / ".join(decimal(found.get(arm), _places(found)) for arm in board.arms)
            parts.append(f"{measure.label} {medians} {unit(measure.unit)}")
    arms = "" if len(board.arms) == 1 else f" ({' / '.join(board.arms)})"
    return f"Medians on day {last}{arms}: {'; '.join(parts)}."


def _places(values: dict[str, float]) -> int:
    return 0 if min(values.values()) >= 100 else 1
