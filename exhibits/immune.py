"""What do the immune markers do? Inflammation, lymphocytes, and what participants report."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from estimators.correlation import rank_correlation
from exhibits.exhibit import RANDOMIZED, Exhibit, People, exhibit
from exhibits.parts.comparison import (
    has_enough,
    minimum,
    share_of_arm,
    too_few_note,
    with_percent,
)
from exhibits.parts.medians_by_day import AT_A_LIMIT, LATER_DAYS, medians_by_day
from exhibits.parts.populations import row_name, size_of_all
from exhibits.parts.stacked_bars import FATES, shades, stacked_days
from exhibits.parts.theme import arm_style, error_bars, figure, in_lines, rows_axis, safe
from exhibits.parts.words import counted, rounded_column, sentence_case, signed
from queries import Board
from queries.bound import bands, planned_days
from trials import Immune, Measure


def _rules(board: Board) -> Immune:
    assert board.trial.immune is not None
    return board.trial.immune


# Markers over days


def _courses(board: Board, names: Sequence[str], *, fold: bool = False) -> Exhibit:
    """Medians and quartiles of markers by day on a log axis, or of their ratio to the baseline."""
    after = " both at baseline and after it" if fold else ""
    return medians_by_day(
        board,
        names,
        missing=f"None of these measures has a value at a visit{after}.",
        log=True,
        fold=fold,
        most=len(names),
        in_answer=4,
        sections=("immune", "schedule"),
    )


@exhibit(
    page="board-immune",
    tab="Markers",
    leads=71,
    title="Immune markers over time",
    needs=("immune",),
    data=("LB",),
    filtered=True,
    method=(LATER_DAYS, AT_A_LIMIT),
)
def immune_markers(board: Board) -> Exhibit:
    """Markers of inflammation by planned day on a log axis, detection limits honored."""
    return _courses(board, _rules(board).markers)


@exhibit(
    page="board-immune",
    tab="Markers",
    title="Immune markers against baseline",
    needs=("immune",),
    data=("LB",),
    filtered=True,
    method=(
        "Ratio of each value to the participant's own baseline; dotted: no change.",
        LATER_DAYS,
        AT_A_LIMIT,
    ),
)
def immune_fold_change(board: Board) -> Exhibit:
    """Markers of inflammation by planned day, as ratios to each participant's baseline."""
    return _courses(board, _rules(board).markers, fold=True)


@exhibit(
    page="board-immune",
    tab="Markers",
    title="Lymphocytes and their subsets",
    needs=("immune",),
    data=(("CP", "LB"),),
    filtered=True,
    method=(LATER_DAYS, AT_A_LIMIT),
)
def lymphocyte_subsets(board: Board) -> Exhibit:
    """Lymphocytes and their subsets by planned day on a log axis."""
    return _courses(board, _rules(board).cells)


# The relation to oxygenation

CORRELATION = ("correlation", "correlation_low", "correlation_high")


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
    rules = _rules(board)
    names = [*rules.markers, *rules.cells]
    changes = board.ask("immune/changes", measures=names, planned_day=rules.change_day)
    there = set(changes["measure"])
    labels = {name: board.trial.measures_by_name[name].label for name in names if name in there}
    population = f"{RANDOMIZED}, with both values at baseline and on day {rules.change_day}"
    if not labels:
        return Exhibit(
            population=population,
            missing=f"Nobody has a marker and PaO2/FiO2 both at baseline and on day "
            f"{rules.change_day}.",
        )
    rows: list[dict[str, Any]] = []
    for name, label in labels.items():
        for position, arm in enumerate(board.arms, start=1):
            part = changes.filter((pl.col("measure") == name) & (pl.col("position") == position))
            relation = rank_correlation(part["fold"].to_numpy(), part["change"].to_numpy())
            enough = has_enough(board, relation.n)
            rows.append(
                {
                    "measure": label,
                    "arm": arm,
                    "n": relation.n,
                    "correlation": relation.estimate if enough else None,
                    "correlation_low": relation.low if enough else None,
                    "correlation_high": relation.high if enough else None,
                    "reason": relation.reason
                    if enough
                    else f"fewer than {minimum(board)} participants",
                }
            )
    estimates = pl.DataFrame(rows, schema_overrides=dict.fromkeys(CORRELATION, pl.Float64()))
    # Words have fewer decimals than the table: each is rounded once.
    estimated = estimates.drop_nulls("correlation")
    table = estimates.with_columns(rounded_column(estimates[name], 3) for name in CORRELATION)
    answer = "Too few participants have both for any estimate."
    if not estimated.is_empty():
        most = estimated.sort(pl.col("correlation").abs(), descending=True).row(0, named=True)
        answer = (
            f"Strongest correlation: {row_name(board, most['measure'], most['arm'])}, "
            f"{_with_limits(most)}, n = {most['n']:,}."
        )
    return Exhibit(
        population=population,
        answer=answer,
        denominator=f"N = {size_of_all(board):,}; n by marker in the table",
        picture=(lambda: _correlations(board, list(labels.values()), estimated))
        if not estimated.is_empty()
        else None,
        description="A dot with its interval for each marker and arm of this view: the rank "
        "correlation between its change and that of PaO2/FiO2, from -1 to 1.",
        table=table,
        labels={"correlation": "Rank correlation", "reason": "Not estimated, because"},
        footnotes=(
            f"{counted(len(labels), 'marker')} are looked at: some correlate by chance alone.",
            *too_few_note(board, table["n"]),
        ),
        assumptions=board.trial.assumptions("immune"),
    )


def _with_limits(row: dict[str, Any]) -> str:
    """`−0.42 (−0.71 to +0.02)`."""
    estimate, low, high = (signed(row[name], 2) for name in CORRELATION)
    return f"{estimate} ({low} to {high})"


def _correlations(board: Board, names: Sequence[str], estimated: pl.DataFrame) -> "go.Figure":
    """Dots with intervals, a row for each marker, the arms of this view below each other."""
    arms, step = len(board.arms), 0.7 / len(board.arms)
    traces = []
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        part = estimated.filter(pl.col("arm") == arm)
        # Without limits, the ends of the interval are the dot itself.
        ends = (part[name].fill_null(part["correlation"]) for name in CORRELATION)
        traces.append(
            go.Scatter(
                x=part["correlation"].to_list(),
                y=[
                    names.index(name) + step * (position - (arms + 1) / 2)
                    for name in part["measure"]
                ],
                error_x=error_bars(*ends),
                mode="markers",
                name=safe(arm),
                showlegend=arms > 1,
                marker={"color": style.color, "symbol": style.symbol, "size": 10},
                text=[
                    f"{safe(row['measure'])}: {_with_limits(row)}, n = {row['n']:,}"
                    for row in part.iter_rows(named=True)
                ],
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    return figure(
        x_title="Rank correlation with the change of PaO2/FiO2",
        y_title="",
        height=150 + (30 + 14 * arms) * len(names),
        traces=traces,
        layout={
            "yaxis": rows_axis([in_lines(name, 14) for name in names]) | {"showgrid": False},
            "xaxis": {"range": [-1.05, 1.05], "tickvals": [-1, -0.5, 0, 0.5, 1], "zeroline": True},
        },
    )


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
    rules = _rules(board)
    measures = {name: board.trial.measures_by_name[name] for name in rules.symptoms}
    rows = board.ask(
        "immune/symptoms",
        measures=list(measures),
        bands=bands(rules.symptom_bands),
        days=_days_of_scores(board),
    )
    band_names = [band.name for band in rules.symptom_bands]
    scored = rows.filter(pl.col("state").is_in(band_names))
    if scored.is_empty():
        return Exhibit(missing="Nobody has a score of a symptom at a visit.")
    styles = [
        *(
            (band, band, shade)
            for band, shade in zip(band_names, shades(len(band_names)), strict=True)
        ),
        ("discharged", "Discharged, no score", FATES[0][2]),
        *FATES[1:],
    ]
    words = {state: name for state, name, _ in styles}
    places = {state: place for place, state in enumerate(words)}
    order = {name: place for place, name in enumerate(measures)}
    rows = (
        rows.sort(
            pl.col("measure").replace_strict(order),
            "planned_day",
            "position",
            pl.col("state").replace_strict(places),
        )
        .with_row_index("list")
        .with_columns(of=pl.col("participants").sum().over("measure", "planned_day", "position"))
    )
    lists = tuple(
        _with_symptom(board, measures[row["measure"]], row, words[row["state"]])
        for row in rows.iter_rows(named=True)
    )
    labels = {name: item.label for name, item in measures.items()}
    drawn = rows.filter(pl.col("of") >= minimum(board))
    table = with_percent(board, rows, "participants", "of").with_columns(
        pl.col("measure").replace_strict(labels), state=pl.col("state").replace_strict(words)
    )
    last = int(max(scored["planned_day"]))
    worst = band_names[-1]
    at_end = scored.filter(pl.col("planned_day") == last)
    parts = [
        f"{labels[name]}: {_in_arms(board, part, worst)}"
        for name in measures
        if not (part := at_end.filter(pl.col("measure") == name)).is_empty()
    ]
    return Exhibit(
        answer=f"{worst} on day {last}, of those with a score: {'; '.join(parts)}.",
        denominator=f"N = {size_of_all(board):,} on every day",
        picture=(lambda: stacked_days(board.arms, drawn, styles, labels)) if drawn.height else None,
        description="A panel for each symptom with a stacked bar for each study day and arm of "
        "this view, in percent of all participants: bands of the score, discharged without one, "
        "missing, left the study, died, and whose day is not reached.",
        table=table.select(
            "measure", "planned_day", "arm", "state", "participants", "of", "percent"
        ),
        labels={"measure": "Symptom", "participants": "n"},
        lists=lists,
        footnotes=too_few_note(board, table["of"]),
        assumptions=board.trial.assumptions("immune", "schedule"),
    )


def _in_arms(board: Board, scored: pl.DataFrame, worst: str) -> str:
    """How many of those with a score are in the worst band, of each arm."""
    parts = []
    for arm in board.arms:
        of_arm = scored.filter(pl.col("arm") == arm)
        in_worst = of_arm.filter(pl.col("state") == worst)["participants"].sum()
        words = share_of_arm(board, int(in_worst), int(of_arm["participants"].sum()))
        parts.append(words if len(board.arms) == 1 else f"{arm} {words}")
    return ", ".join(parts)


def _days_of_scores(board: Board) -> list[int]:
    """The planned days at which the schedule has the scores; all, where it does not say."""
    names = set(_rules(board).symptoms)
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
            ("bands", bands(_rules(board).symptom_bands)),
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
    rows = board.ask("immune/asked_symptoms")
    if rows.is_empty():
        return Exhibit(missing="Nobody has an answer to a symptom asked for.")
    total = rows.group_by("symptom").agg(pl.col("had", "asked").sum())
    symptom, had, asked = total.sort("had", "symptom", descending=[True, False]).row(0)
    return Exhibit(
        answer=f"Most frequent at entry: {str(symptom).capitalize()}, "
        f"{share_of_arm(board, had, asked)}.",
        denominator=f"N = {size_of_all(board):,}; asked by symptom in the table",
        table=with_percent(
            board, rows.with_columns(sentence_case("symptom")), "had", "asked"
        ).select("symptom", "arm", "asked", "had", "percent"),
        labels={"had": "Had it"},
        footnotes=too_few_note(board, rows["asked"]),
        assumptions=board.trial.assumptions("open.symptoms"),
    )
