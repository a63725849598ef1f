"""How long do participants need a ventilator? Ventilator-free days and what they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.ventilation import FreeDays, ventilator_free_days
from exhibits.conduct import planned_visits
from exhibits.exhibit import RANDOMIZED, Conclusion, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import asked
from exhibits.parts.comparison import arms_to_compare, too_few_to_compare
from exhibits.parts.populations import PAST, nobody_to_show, row_name
from exhibits.parts.ranks import WIN_LABELS, WIN_METHOD, Ranked, wins
from exhibits.parts.stacked_bars import SHADES, stacked
from exhibits.parts.theme import STATES, arm_style, figure, safe
from exhibits.parts.words import share
from queries import Board

# Respiratory support by rank, as the trial definition gives it to classes of procedures.
HIGH_FLOW, INVASIVE = 2, 3
LIBERATION_DAYS = 2
LATER_DEATHS = (
    "Of those randomized later deaths would count, but not lives, so they are left out: as in the "
    "deaths by that day."
)


@dataclass(frozen=True)
class FreeOf:
    """What participants are to be free of: its least rank of support, and how it is said."""

    least_support: int
    title: str
    said: str
    support: str


VENTILATOR = FreeOf(
    INVASIVE, "Ventilator-free days", "ventilator-free days", "invasive ventilation or ECMO"
)
HIGHER_SUPPORT = FreeOf(
    HIGH_FLOW,
    "Days free of high-flow and any ventilation",
    "days free of high-flow and any ventilation",
    "high-flow oxygen, non-invasive or invasive ventilation or ECMO",
)


FREE_DAYS_METHOD = (
    f"{PAST} {LATER_DEATHS}",
    "A mean of these days would mix death with days on a ventilator: compare by rank, and look at "
    "the components.",
)


@exhibit(
    page="board-oxygenation",
    tab="Ventilator-free days",
    title="Ventilator-free days",
    needs=("oxygenation",),
    data=("PR",),
    conclusions=(Conclusion("win_percent", ("arm",), "doing better than"),),
    filtered=True,
    method=FREE_DAYS_METHOD,
)
def ventilator_free(board: Board) -> Exhibit:
    """Ventilator-free days: distribution, components, and the arms compared by rank."""
    return _free_days(board, VENTILATOR)


@exhibit(
    page="board-oxygenation",
    tab="Ventilator-free days",
    title="Days free of high-flow and any ventilation",
    needs=("oxygenation",),
    data=("PR",),
    filtered=True,
    method=FREE_DAYS_METHOD,
)
def higher_support_free(board: Board) -> Exhibit:
    """Days free of high-flow oxygen and of any ventilation, in the same way."""
    return _free_days(board, HIGHER_SUPPORT)


def _free_days(board: Board, of: FreeOf) -> Exhibit:
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    until = asked(board).ventilator_free_days
    title = f"{of.title} to day {until}"
    people = board.ask(
        "oxygenation/free_days",
        until=until,
        least_support=of.least_support,
        schedule=planned_visits(board.trial.schedule),
        completed_from=_window_opens(board, until),
    )
    found = [_days_of(row, until) for row in people.iter_rows(named=True)]
    known = people.select("arm", "death_day").with_columns(
        pl.Series("days", [item.days for item in found], pl.Int64),
        pl.Series("reason", [item.reason for item in found], pl.String),
    )
    days = {
        arm: known.filter((pl.col("arm") == arm) & pl.col("days").is_not_null())["days"].to_numpy()
        for arm in board.arms
    }
    observed = sum(values.size for values in days.values())
    if not observed:
        return Exhibit(title, missing=f"Nobody is past day {until} yet.")
    compared = arms_to_compare(board, {arm: values.size for arm, values in days.items()})
    reference = board.reference_arm
    ranked = [Ranked(arm, reference, days[arm], days[reference]) for arm in compared]
    medians = [
        ("" if len(board.arms) == 1 else f"{arm} ") + f"{np.median(values):g} (n = {values.size:,})"
        for arm, values in days.items()
        if values.size
    ]
    table = pl.DataFrame(
        [_row(arm, known.filter(pl.col("arm") == arm), until) for arm in board.arms],
        schema=ROW_SCHEMA,
    )
    if len(board.arms) > 1:
        table = table.join(wins(ranked), on="arm", how="left", maintain_order="left")
    return Exhibit(
        title=title,
        population=f"{RANDOMIZED}, past day {until} and observed to it",
        answer=" ".join(
            [
                *(item.sentence for item in ranked),
                f"Median {of.said} of those past day {until}: {'; '.join(medians)}.",
            ]
        ),
        denominator=f"n = {observed:,} of N = {people.height:,}",
        numbers=tuple(item.number for item in ranked),
        picture=lambda: _at_least(board, days, until),
        description="A falling step curve for each arm of this view: the share of participants "
        "with at least so many free days. The higher the curve, the better.",
        table=table,
        labels=LABELS | {"full": f"{until} days: never supported"},
        footnotes=(
            f"0 for a death by day {until} and for {of.support} on that day; {until} without any "
            f"from day 1 on; else {until} less the last day of it before {LIBERATION_DAYS} whole "
            "days without (48 hours); support again within these days begins the count anew. Days, "
            "not hours (Yehya et al. 2019).",
            f"No number: who is not past day {until}, dead or not; who left before it or of whom "
            "it is not known whether they lived on it; whose start or end of support is not known "
            "to the day. Who completed the study within the window of that visit counts as "
            "observed. Support without an end goes on.",
            *((WIN_METHOD,) if ranked else ()),
            *(item.footnote for item in ranked),
            *too_few_to_compare(board, compared),
        ),
        assumptions=board.trial.assumptions("oxygenation"),
    )


def _window_opens(board: Board, day: int) -> int:
    """The first day on which the visit of a planned day may be; the day itself without a visit."""
    before = [visit.window_before for visit in board.trial.schedule if visit.day == day]
    return day - max(before, default=0)


def _days_of(row: Mapping[str, Any], until: int) -> FreeDays:
    """The free days of one participant; without any the reason, as a column of the table."""
    if not row["is_past"]:
        return FreeDays(None, "to_come")
    death, last = row["death_day"], row["last_known_day"]
    spans = [(span["first_day"], span["last_day"]) for span in row["spans"]]
    found = ventilator_free_days(spans, death, last, until, LIBERATION_DAYS)
    if found.days == 0 and death is not None and death <= until:
        return found
    if row["is_undated"] or any(first is None for first, _ in spans):
        return FreeDays(None, "undated")
    return found if found.days is not None else FreeDays(None, "not_observed")


UNDEFINED = ("to_come", "not_observed", "undated")
ROW_SCHEMA = {
    "arm": pl.String,
    "of": pl.Int64,
    "n": pl.Int64,
    "to_come": pl.Int64,
    "not_observed": pl.Int64,
    "undated": pl.Int64,
    "died": pl.Int64,
    "supported": pl.Int64,
    "between": pl.Int64,
    "full": pl.Int64,
    "median": pl.Float64,
    "lower_quartile": pl.Float64,
    "upper_quartile": pl.Float64,
}
LABELS = {
    "arm": "Arm",
    "of": "N",
    "n": "n with a number of days",
    "to_come": "Not past the day",
    "not_observed": "Not observed so long",
    "undated": "Start or end not known",
    "died": "0 days: died",
    "supported": "0 days: not liberated",
    "between": "Days between",
    "median": "Median",
    "lower_quartile": "Lower quartile",
    "upper_quartile": "Upper quartile",
} | WIN_LABELS


def _row(arm: str, people: pl.DataFrame, until: int) -> dict[str, object]:
    """The components of an arm, which add up to everybody of it."""
    known = people.filter(pl.col("days").is_not_null())
    died = known.filter(pl.col("death_day") <= until).height
    at = {
        name: known.filter(pl.col("days") == value).height
        for name, value in (("zero", 0), ("full", until))
    }
    days = known["days"]
    return {
        "arm": arm,
        "of": people.height,
        "n": known.height,
        **{name: people.filter(pl.col("reason") == name).height for name in UNDEFINED},
        "died": died,
        "supported": at["zero"] - died,
        "between": known.height - at["zero"] - at["full"],
        "full": at["full"],
        "median": days.median(),
        "lower_quartile": days.quantile(0.25, "linear"),
        "upper_quartile": days.quantile(0.75, "linear"),
    }


def _at_least(
    board: Board,
    days: Mapping[str, np.ndarray[tuple[int], np.dtype[np.int64]]],
    until: int,
) -> go.Figure:
    drawn = figure(x_title="Free days", y_title="Participants with at least so many, %", height=380)
    values = np.arange(until + 1)
    for position, arm in enumerate(board.arms, start=1):
        if not days[arm].size:
            continue
        style = arm_style(position)
        with_as_many = [int((days[arm] >= value).sum()) for value in values]
        drawn.add_trace(
            go.Scatter(
                x=values,
                y=[100 * count / days[arm].size for count in with_as_many],
                mode="lines",
                # The share holds up to the number of days and falls after it.
                line={"color": style.color, "dash": style.dash, "width": 2.5, "shape": "vh"},
                name=safe(arm),
                showlegend=len(board.arms) > 1,
                text=[
                    f"At least {value} days: {share(count, days[arm].size)}"
                    for value, count in zip(values, with_as_many, strict=True)
                ],
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    drawn.update_yaxes(range=[0, 102])
    drawn.update_xaxes(range=[-0.5, until + 0.5], dtick=7)
    return drawn


# What they are made of


VENTILATION = (
    ("died", "Died", STATES.died),
    ("still_on", "Still ventilated", SHADES[4]),
    ("off", "Ventilated, no longer", SHADES[2]),
    ("never", "Never ventilated", SHADES[0]),
    ("not_known", "Not known", STATES.not_known),
    ("left", "Left the study", STATES.left),
    ("to_come", "Not past the day", STATES.to_come),
)


@exhibit(
    page="board-oxygenation",
    tab="Ventilator-free days",
    title="Invasive ventilation",
    needs=("oxygenation",),
    data=("PR",),
    filtered=True,
    method=(f"{PAST} {LATER_DEATHS}",),
)
def invasive_ventilation(board: Board) -> Exhibit:
    """The components of ventilator-free days: died, still ventilated, no longer, never."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    until = asked(board).ventilator_free_days
    schedule = planned_visits(board.trial.schedule)
    rows = board.ask("oxygenation/ventilation", until=until, schedule=schedule)
    counts = {
        (arm, state): n for arm, state, n in rows.select("arm", "state", "participants").rows()
    }
    words = {state: name for state, name, _ in VENTILATION}
    table = pl.DataFrame(
        [
            {"arm": arm, "state": state, "participants": counts.get((arm, state), 0)}
            for arm in board.arms
            for state in words
        ]
    ).with_columns(of=pl.col("participants").sum().over("arm"))
    lists = tuple(
        People(
            row_name(board, f"{words[row['state']]}, day {until}", row["arm"]),
            "people/by_ventilation",
            (
                ("until", until),
                ("state", row["state"]),
                ("label", f"{words[row['state']]} by day {until}"),
                ("arm", row["arm"]),
                ("schedule", schedule),
            ),
        )
        for row in table.iter_rows(named=True)
    )
    known = ("died", "still_on", "off", "never")
    parts = []
    for arm in board.arms:
        observed = sum(counts.get((arm, state), 0) for state in known)
        said = (
            f"died {share(counts.get((arm, 'died'), 0), observed)}, still ventilated "
            f"{counts.get((arm, 'still_on'), 0):,}, never ventilated "
            f"{counts.get((arm, 'never'), 0):,}"
        )
        parts.append(said if len(board.arms) == 1 else f"{arm}: {said}")
    observed = sum(n for (_, state), n in counts.items() if state in known)
    return Exhibit(
        title=f"Invasive ventilation up to day {until}",
        population=f"{RANDOMIZED}; shares of those past day {until}",
        answer=f"Of those past day {until}: {'; '.join(parts)}.",
        denominator=f"n = {observed:,} past day {until} of whom it is known of N = "
        f"{sum(counts.values()):,}",
        picture=lambda: stacked(
            [(arm, {state: counts.get((arm, state), 0) for state in words}) for arm in board.arms],
            VENTILATION,
            "Participants",
        ),
        description="A stacked bar for each arm of this view: died, still ventilated, ventilated "
        "and no longer, never ventilated, and of whom it is not known.",
        table=table.with_columns(
            pl.col("state").replace_strict(words),
            percent=(100 * pl.col("participants") / pl.col("of")).fill_nan(None).round(1),
        ),
        labels={
            "arm": "Arm",
            "state": f"By day {until}",
            "participants": "n",
            "of": "N",
            "percent": "%",
        },
        lists=lists,
        row_lists=tuple(
            place if count else None for place, count in enumerate(table["participants"])
        ),
        footnotes=(
            "Invasive ventilation and ECMO as procedures with start and end, from day 1 on; one "
            f"without an end goes on. Of those past day {until}, who died by it counts as died, "
            "ventilated or not; not known: whether they lived on it, or from when to when they "
            "were ventilated.",
            f"Still ventilated: on the calendar date of day {until}.",
        ),
        assumptions=board.trial.assumptions("oxygenation"),
    )
