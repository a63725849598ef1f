"""What do the immune markers do? Inflammation, lymphocytes, and what participants report."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from estimators.correlation import rank_correlation
from exhibits.exhibit import RANDOMIZED, Exhibit, People, exhibit
from exhibits.parts.day_courses import Panel, courses, with_enough
from exhibits.parts.populations import nobody_to_show, row_name, size_of_all
from exhibits.parts.stacked_bars import FATES, shades, stacked_days
from exhibits.parts.theme import arm_style, error_bars, figure, in_lines, rows_axis, safe
from exhibits.parts.words import counted, sentence_case, share, signed, unit
from queries import Board
from queries.bound import bands as bound
from queries.bound import planned_days
from trials.definition import Immune, Measure

AT_A_LIMIT = (
    "A result below or above a detection limit counts as a value at that limit; a day with any is "
    "an open mark, and the table says how many. A median or quartile among them is a bound."
)
OTHER_PEOPLE = (
    "Medians with quartiles of those with a value at the visit; of several values of one visit "
    "their mean counts. Who is discharged, withdrawn or dead has no values later, so that later "
    "days are of other people: look at n."
)


# What is asked, and what is missing


def _asked(board: Board) -> Immune:
    assert board.trial.immune is not None
    return board.trial.immune


def _measures(board: Board, names: Sequence[str]) -> dict[str, Measure]:
    """The measures of these names, in their order."""
    known = {measure.name: measure for measure in board.trial.measures}
    return {name: known[name] for name in names}


# Markers over days


def _courses(board: Board, names: Sequence[str], *, fold: bool = False) -> Exhibit:
    """Medians and quartiles of markers by day on a log axis, or of their ratio to the baseline."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("immune/courses", measures=list(names), fold=fold)
    measures = {
        name: item
        for name, item in _measures(board, names).items()
        if name in set(rows["measure"].to_list())
    }
    if not measures:
        after = " both at baseline and after it" if fold else ""
        return Exhibit(missing=f"None of these measures has a value at a visit{after}.")
    order = {name: place for place, name in enumerate(measures)}
    rows = rows.sort(
        pl.col("measure").replace_strict(order), "planned_day", "position", maintain_order=True
    ).with_row_index("list")
    # A log axis has no zero.
    positive = rows.filter((pl.col("median") > 0) & (pl.col("lower_quartile") > 0))
    drawn = with_enough(positive, least := board.trial.subgroups.minimum_per_arm)
    lists = tuple(_with_marker(board, measures[row["measure"]], row) for row in rows.to_dicts())
    labels = {name: item.label for name, item in measures.items()}
    units = {
        name: "ratio to baseline" if fold else unit(item.unit) for name, item in measures.items()
    }
    at_limit = int(rows["at_limit"].sum())
    notes = [f"Medians of fewer than {least} are in the table only."]
    if positive.height < rows.height:
        notes.append("A log axis has no zero: medians or quartiles of zero are in the table only.")
    absent = [item.label for name, item in _measures(board, names).items() if name not in measures]
    if absent:
        notes.append(f"No usable value in the extract: {', '.join(absent)}.")
    return Exhibit(
        answer=_last_medians(board, rows, measures, fold=fold),
        denominator=f"N = {size_of_all(board):,}; n by day in the table; at a detection limit: "
        f"{counted(at_limit, 'value')}",
        picture=(
            lambda: courses(
                board.arms,
                drawn,
                [Panel(name, labels[name], units[name]) for name in measures],
                log=True,
                reference=1.0 if fold else None,
            )
        )
        if drawn.height
        else None,
        description=f"A panel for each of {counted(len(measures), 'measure')} on a log axis, with "
        "a line of medians over study days and a band of quartiles for each arm of this view; days "
        "with a value at a detection limit have open marks.",
        table=rows.select(
            pl.col("measure").replace_strict(labels),
            pl.col("measure").replace_strict(units).alias("unit"),
            "planned_day",
            "arm",
            "n",
            "at_limit",
            pl.col("median", "lower_quartile", "upper_quartile").round(3),
        ),
        labels={
            "measure": "Measure",
            "unit": "Unit",
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n",
            "at_limit": "Of n: at a detection limit",
            "median": "Median",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=tuple(notes),
        assumptions=board.trial.assumptions("immune", "schedule"),
    )


def _with_marker(board: Board, measure: Measure, row: dict[str, Any]) -> People:
    """The participants with a value of a marker on a planned day."""
    return People(
        row_name(board, f"{measure.label}, day {row['planned_day']}", row["arm"]),
        "people/with_marker",
        (
            ("measure", measure.name),
            ("unit", unit(measure.unit)),
            ("planned_day", row["planned_day"]),
            ("arm", row["arm"]),
        ),
    )


def _last_medians(
    board: Board, rows: pl.DataFrame, measures: dict[str, Measure], *, fold: bool
) -> str:
    """The medians of the first markers on the last planned day that has values of them."""
    parts = []
    least = board.trial.subgroups.minimum_per_arm
    for name, measure in list(measures.items())[:4]:
        enough = with_enough(rows.filter(pl.col("measure") == name), least)
        if enough.is_empty():
            parts.append(f"{measure.label} of fewer than {least}")
            continue
        last = int(max(enough["planned_day"]))
        found = dict(enough.filter(pl.col("planned_day") == last).select("arm", "median").rows())
        medians = " / ".join(
            f"{found[arm]:,.{2 if fold else 1}f}" if arm in found else f"fewer than {least}"
            for arm in board.arms
        )
        # A power of ten behind a number is to be read as its factor.
        factor = "× " if measure.unit.startswith("10^") else ""
        said = "times the baseline" if fold else factor + unit(measure.unit)
        parts.append(f"{measure.label} {medians} {said} (day {last})")
    arms = "" if len(board.arms) == 1 else f" ({' / '.join(board.arms)})"
    return f"Last medians{arms}: {'; '.join(parts)}."


def _names(board: Board, which: str) -> tuple[str, ...]:
    return getattr(board.trial.immune, which) if board.trial.immune is not None else ()


@exhibit(
    page="board-immune",
    tab="Markers",
    leads=71,
    title="Immune markers over time",
    needs=("immune",),
    data=("LB",),
    filtered=True,
    method=(OTHER_PEOPLE, AT_A_LIMIT),
)
def immune_markers(board: Board) -> Exhibit:
    """Markers of inflammation by planned day on a log axis, detection limits honored."""
    return _courses(board, _names(board, "markers"))


@exhibit(
    page="board-immune",
    tab="Markers",
    title="Immune markers against baseline",
    needs=("immune",),
    data=("LB",),
    filtered=True,
    method=(
        "Ratio of each value to the participant's own baseline; dotted: no change.",
        OTHER_PEOPLE,
        AT_A_LIMIT,
    ),
)
def immune_fold_change(board: Board) -> Exhibit:
    """Markers of inflammation by planned day, as ratios to each participant's baseline."""
    return _courses(board, _names(board, "markers"), fold=True)


@exhibit(
    page="board-immune",
    tab="Markers",
    title="Lymphocytes and their subsets",
    needs=("immune",),
    data=(("CP", "LB"),),
    filtered=True,
    method=(OTHER_PEOPLE, AT_A_LIMIT),
)
def lymphocyte_subsets(board: Board) -> Exhibit:
    """Lymphocytes and their subsets by planned day on a log axis."""
    return _courses(board, _names(board, "cells"))


# The relation to oxygenation


@exhibit(
    page="board-immune",
    tab="Relation to oxygenation",
    title="Markers and oxygenation",
    needs=("immune",),
    data=("LB",),
    filtered=True,
    method=(
        "Spearman's rank correlation between the ratio of the marker to its baseline and the "
        "difference of PaO2/FiO2 to its baseline; interval by Fisher's z with the variance of "
        "Bonett & Wright (2000). Descriptive: both change with time and severity, and who died "
        "or is discharged has no blood gas.",
    ),
)
def immune_and_oxygenation(board: Board) -> Exhibit:
    """Each marker's change held against the change of PaO2/FiO2 of the same participants."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rules = _asked(board)
    names = [*rules.markers, *rules.cells]
    changes = board.ask("immune/changes", measures=names, planned_day=rules.change_day)
    measures = _measures(board, [name for name in names if name in set(changes["measure"])])
    population = f"{RANDOMIZED}, with both values at baseline and on day {rules.change_day}"
    if not measures:
        return Exhibit(
            population,
            missing=f"Nobody has a marker and PaO2/FiO2 both at baseline and on day "
            f"{rules.change_day}.",
        )
    least = board.trial.subgroups.minimum_per_arm
    rows: list[dict[str, Any]] = []
    for name, measure in measures.items():
        for position, arm in enumerate(board.arms, start=1):
            part = changes.filter((pl.col("measure") == name) & (pl.col("position") == position))
            found = rank_correlation(part["fold"].to_numpy(), part["change"].to_numpy())
            enough = part.height >= least
            rows.append(
                {
                    "measure": measure.label,
                    "arm": arm,
                    "n": found.n,
                    "correlation": found.estimate if enough else None,
                    "low": found.low if enough else None,
                    "high": found.high if enough else None,
                    "reason": found.reason if enough else f"fewer than {least} participants",
                }
            )
    numbers = pl.Float64()
    table = pl.DataFrame(
        rows, schema_overrides={"correlation": numbers, "low": numbers, "high": numbers}
    ).with_columns(pl.col("correlation", "low", "high").round(3))
    known = table.drop_nulls("correlation")
    answer = "Too few participants have both for any estimate."
    if not known.is_empty():
        most = known.sort(pl.col("correlation").abs(), descending=True).row(0, named=True)
        answer = (
            f"Strongest correlation: {row_name(board, most['measure'], most['arm'])}, "
            f"{signed(most['correlation'], 2)} ({signed(most['low'], 2)} to "
            f"{signed(most['high'], 2)}), n = {most['n']:,}."
        )
    return Exhibit(
        population=population,
        answer=answer,
        denominator=f"N = {size_of_all(board):,}; n by marker in the table",
        picture=(lambda: _correlations(board, [item.label for item in measures.values()], table))
        if not known.is_empty()
        else None,
        description="A dot with its interval for each marker and arm of this view: the rank "
        "correlation between its change and that of PaO2/FiO2, from -1 to 1.",
        table=table,
        labels={
            "measure": "Measure",
            "arm": "Arm",
            "n": "n",
            "correlation": "Rank correlation",
            "low": "95 % from",
            "high": "95 % to",
            "reason": "Not estimated, because",
        },
        footnotes=(
            f"{counted(len(measures), 'marker')} are looked at: some correlate by chance alone.",
        ),
        assumptions=board.trial.assumptions("immune"),
    )


def _correlations(board: Board, names: Sequence[str], table: pl.DataFrame) -> go.Figure:
    """Dots with intervals, a row for each marker, the arms of this view below each other."""
    arms, step = len(board.arms), 0.7 / len(board.arms)
    drawn = figure(
        x_title="Rank correlation with the change of PaO2/FiO2",
        y_title="",
        height=150 + (30 + 14 * arms) * len(names),
    )
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        part = table.filter(pl.col("arm") == arm).drop_nulls("correlation")
        middle = part["correlation"].to_list()
        low = [
            value if value is not None else at
            for at, value in zip(middle, part["low"], strict=True)
        ]
        high = [
            value if value is not None else at
            for at, value in zip(middle, part["high"], strict=True)
        ]
        drawn.add_trace(
            go.Scatter(
                x=middle,
                y=[
                    names.index(name) + step * (position - (arms + 1) / 2)
                    for name in part["measure"]
                ],
                error_x=error_bars(middle, low, high),
                mode="markers",
                name=safe(arm),
                showlegend=arms > 1,
                marker={"color": style.color, "symbol": style.symbol, "size": 10},
                text=[
                    f"{safe(row['measure'])}: {signed(row['correlation'], 2)} "
                    f"({signed(row['low'], 2)} to {signed(row['high'], 2)}), n = {row['n']:,}"
                    for row in part.iter_rows(named=True)
                ],
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    drawn.update_layout(
        yaxis=rows_axis([in_lines(name, 14) for name in names]) | {"showgrid": False},
        xaxis={"range": [-1.05, 1.05], "tickvals": [-1, -0.5, 0, 0.5, 1], "zeroline": True},
    )
    return drawn


# What participants report


@exhibit(
    page="board-immune",
    tab="Symptoms",
    title="Reported symptoms",
    needs=("immune",),
    data=("QS",),
    filtered=True,
    method=(
        "Scores of 0 to 10 as participants report them (QS), on the days on which somebody has "
        "one; the trial is open-label, so that who reports knows the treatment. Who is too ill "
        "to answer is missing. The yes or no that everybody is asked for at entry (CE) is "
        "another instrument, with its own names of symptoms.",
        "Each day has those whose day was reached by the cut-off; of them, who died on it or "
        "before counts as died. Each day adds up to all participants: the others, dead or not, "
        "are those whose day is not reached.",
    ),
)
def reported_symptoms(board: Board) -> Exhibit:
    """Scores of symptoms that participants report, by planned day as shares of everybody."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rules = _asked(board)
    measures = _measures(board, rules.symptoms)
    days = _days_asked(board)
    rows = board.ask(
        "immune/symptoms",
        measures=list(measures),
        bands=bound(rules.symptom_bands),
        days=days,
    )
    bands = [band.name for band in rules.symptom_bands]
    scored = rows.filter(pl.col("state").is_in(bands))
    if scored.is_empty():
        return Exhibit(missing="Nobody has a score of a symptom at a visit.")
    styles = [
        *((band, band, shade) for band, shade in zip(bands, shades(len(bands)), strict=True)),
        ("discharged", "Discharged, no score", FATES[0][2]),
        *FATES[1:],
    ]
    words = {state: name for state, name, _ in styles}
    places = {state: place for place, state in enumerate(words)}
    order = {name: place for place, name in enumerate(measures)}
    rows = rows.sort(
        pl.col("measure").replace_strict(order),
        "planned_day",
        "position",
        pl.col("state").replace_strict(places),
    ).with_row_index("list")
    lists = tuple(
        _with_symptom(board, measures[row["measure"]], row, words[row["state"]])
        for row in rows.iter_rows(named=True)
    )
    labels = {name: item.label for name, item in measures.items()}
    table = rows.with_columns(
        pl.col("measure").replace_strict(labels),
        state=pl.col("state").replace_strict(words),
        of=pl.col("participants").sum().over("measure", "planned_day", "position"),
    ).with_columns(percent=(100 * pl.col("participants") / pl.col("of")).round(1))
    last = int(max(scored["planned_day"]))
    worst = bands[-1]
    at_end = scored.filter(pl.col("planned_day") == last)
    parts = [
        f"{labels[name]}: {_in_arms(board, part, worst)}"
        for name in measures
        if not (part := at_end.filter(pl.col("measure") == name)).is_empty()
    ]
    return Exhibit(
        answer=f"{worst} on day {last}, of those with a score: {'; '.join(parts)}.",
        denominator=f"N = {size_of_all(board):,} on every day",
        picture=lambda: stacked_days(board.arms, rows, styles, labels),
        description="A panel for each symptom with a stacked bar for each study day and arm of "
        "this view, in percent of all participants: bands of the score, discharged without one, "
        "missing, left the study, died, and whose day is not reached.",
        table=table.select(
            "measure", "planned_day", "arm", "state", "participants", "of", "percent"
        ),
        labels={
            "measure": "Symptom",
            "planned_day": "Study day",
            "arm": "Arm",
            "state": "State",
            "participants": "n",
            "of": "N",
            "percent": "%",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        assumptions=board.trial.assumptions("immune", "schedule"),
    )


def _in_arms(board: Board, scored: pl.DataFrame, worst: str) -> str:
    """How many of those with a score are in the worst band, of each arm."""
    parts = []
    for arm in board.arms:
        of_arm = scored.filter(pl.col("arm") == arm)
        in_worst = of_arm.filter(pl.col("state") == worst)["participants"].sum()
        words = share(int(in_worst), int(of_arm["participants"].sum()))
        parts.append(words if len(board.arms) == 1 else f"{arm} {words}")
    return ", ".join(parts)


def _days_asked(board: Board) -> list[int]:
    """The planned days at which the schedule has the scores; all, where it does not say."""
    names = set(_asked(board).symptoms)
    visits = {
        visit
        for item in board.trial.assessments
        if names & set(item.measures)
        for visit in item.visits
    }
    days = {visit.day for visit in board.trial.schedule if visit.visit in visits and visit.day >= 1}
    return sorted(days) or planned_days(board.trial)


def _with_symptom(board: Board, measure: Measure, row: dict[str, Any], words: str) -> People:
    return People(
        row_name(board, f"{measure.label}: {words}, day {row['planned_day']}", row["arm"]),
        "people/with_symptom",
        (
            ("measure", measure.name),
            ("bands", bound(_asked(board).symptom_bands)),
            ("planned_day", row["planned_day"]),
            ("state", row["state"]),
            ("arm", row["arm"]),
        ),
    )


@exhibit(
    page="board-immune",
    tab="Symptoms",
    title="Symptoms at entry",
    needs=("immune",),
    data=("CE",),
    filtered=True,
    method=(
        "Clinical events (CE) under the symptoms that everybody is asked for, by the first "
        "answer of each participant up to the day of randomization. What was noted later of "
        "single participants is not among them: nobody else was asked. The scores that "
        "participants report over time (QS) are another instrument, with its own names of "
        "symptoms.",
    ),
)
def symptoms_asked_for(board: Board) -> Exhibit:
    """Symptoms that everybody was asked for up to randomization, and who had them."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("immune/asked_symptoms")
    if rows.is_empty():
        return Exhibit(missing="Nobody has an answer to a symptom asked for.")
    total = rows.group_by("symptom").agg(pl.col("had", "asked").sum())
    symptom, had, asked = total.sort("had", "symptom", descending=[True, False]).row(0)
    return Exhibit(
        answer=f"Most frequent at entry: {str(symptom).capitalize()}, {share(had, asked)}.",
        denominator=f"N = {size_of_all(board):,}; asked by symptom in the table",
        table=rows.with_columns(
            sentence_case("symptom"),
            percent=(100 * pl.col("had") / pl.col("asked")).round(1),
        ).select("symptom", "arm", "asked", "had", "percent"),
        labels={
            "symptom": "Symptom",
            "arm": "Arm",
            "asked": "Asked",
            "had": "Had it",
            "percent": "%",
        },
        assumptions=board.trial.assumptions("open.symptoms"),
    )
