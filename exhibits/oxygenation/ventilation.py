"""How long do participants need a ventilator? Ventilator-free days and what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.ventilation import FreeDays, ventilator_free_days
from exhibits.exhibit import DEATHS, RANDOMIZED, Conclusion, Estimand, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import definition
from exhibits.parts.comparison import has_enough, share_of_arm, too_few_note, with_percent
from exhibits.parts.day_courses import medians, medians_in_words
from exhibits.parts.populations import PAST, by_arm, earliest_deaths, row_name
from exhibits.parts.ranks import WIN_LABELS, rank_notes, ranked, with_wins
from exhibits.parts.stacked_bars import SHADES, stacked, state_counts
from exhibits.parts.strata import strata_by_arm
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
    """What participants are to be free of: its least rank of support, and in words."""

    least_support: int
    title: str
    support: str


VENTILATOR = FreeOf(INVASIVE, "Ventilator-free days", "invasive ventilation or ECMO")
HIGHER_SUPPORT = FreeOf(
    HIGH_FLOW,
    "Days free of high-flow and any ventilation",
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
    data=("PR", DEATHS),
    conclusions=(Conclusion("win_percent", ("arm",), "doing better than"),),
    filtered=True,
    method=FREE_DAYS_METHOD,
    estimand=Estimand(
        endpoint="days from 0 to the day without invasive ventilation",
        events="death by then is 0 days",
        summary="win probability, medians",
        population="those past the day whose status is known",
    ),
)
def ventilator_free(board: Board) -> Exhibit:
    """Ventilator-free days: distribution, components, and the arms compared by rank."""
    return _free_days(board, VENTILATOR)


@exhibit(
    page="board-oxygenation",
    tab="Ventilator-free days",
    title="Days free of high-flow and any ventilation",
    needs=("oxygenation",),
    data=("PR", DEATHS),
    filtered=True,
    method=FREE_DAYS_METHOD,
    estimand=Estimand(
        endpoint="days from 0 to the day without high-flow oxygen or any ventilation",
        events="death by then is 0 days",
        summary="win probability, medians",
        population="those past the day whose status is known",
    ),
)
def higher_support_free(board: Board) -> Exhibit:
    """Days free of high-flow oxygen and of any ventilation, in the same way."""
    return _free_days(board, HIGHER_SUPPORT)


def _free_days(board: Board, of: FreeOf) -> Exhibit:
    until = definition(board).ventilator_free_days
    title = f"{of.title} to day {until}"
    people = board.ask(
        "oxygenation/free_days",
        until=until,
        least_support=of.least_support,
        completed_from=_window_opens(board, until),
    )
    of_each = [_days_of(row, until) for row in people.iter_rows(named=True)]
    people = people.select("arm", "site", "stratum", "death_day").with_columns(
        pl.Series("days", [item.days for item in of_each], pl.Int64),
        pl.Series("reason", [item.reason for item in of_each], pl.String),
    )
    rows = medians(board, _components(board, people, until))
    observed = int(rows["n"].sum())
    if not observed:
        return Exhibit(title, missing=f"Nobody is past day {until} yet.")
    with_days = people.filter(pl.col("days").is_not_null())
    days = {arm: with_days.filter(pl.col("arm") == arm)["days"].to_list() for arm in board.arms}
    pairs = ranked(board, days, strata_by_arm(board, with_days))
    return Exhibit(
        title=title,
        population=f"{RANDOMIZED}, past day {until} and observed to it",
        answer=" ".join(
            [
                *(pair.sentence for pair in pairs),
                f"Median {of.title.lower()} of those past day {until}: "
                f"{medians_in_words(board, rows, lambda median: f'{median:g}')}.",
            ]
        ),
        denominator=f"n = {observed:,} of N = {people.height:,}",
        numbers=tuple(pair.number for pair in pairs),
        picture=(lambda: _at_least(board, days, until)) if rows["median"].count() else None,
        description="A falling step curve for each arm of this view: the share of participants "
        "with at least so many free days. The higher the curve, the better.",
        table=with_wins(board, rows, pairs),
        labels=LABELS | WIN_LABELS | {"full": f"{until} days: never supported"},
        footnotes=(
            f"0 for a death by day {until} and for {of.support} on that day; {until} without any "
            f"from day 1 on; else {until} less the last day of it before {LIBERATION_DAYS} whole "
            "days without (48 hours); support again within these days begins the count anew. Days, "
            "not hours (Yehya et al. 2019).",
            f"No number: who is not past day {until}, dead or not; who left before it or of whom "
            "it is not known whether they lived on it; whose start or end of support is not known "
            "to the day. Who completed the study within the window of that visit counts as "
            "observed. Support without an end goes on.",
            *earliest_deaths(board),
            *rank_notes(board, pairs, days),
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
    free = ventilator_free_days(spans, death, last, until, LIBERATION_DAYS)
    if free.days == 0 and death is not None and death <= until:
        return free
    if row["is_undated"] or any(first is None for first, _ in spans):
        return FreeDays(None, "undated")
    return free if free.days is not None else FreeDays(None, "not_observed")


UNDEFINED = ("to_come", "not_observed", "undated")
LABELS = {
    "n": "n with a number of days",
    "to_come": "Not past the day",
    "not_observed": "Not observed so long",
    "undated": "Start or end not known",
    "died": "0 days: died",
    "supported": "0 days: not liberated",
    "between": "Days between",
}


def _components(board: Board, people: pl.DataFrame, until: int) -> pl.DataFrame:
    """One row an arm: its components, which add up to everybody of it, median and quartiles.

    Args:
        people: `arm`, `death_day`, `days`, `reason`; one row a participant.
        until: the last day that counts.
    """
    days = pl.col("days")
    died = days.is_not_null() & (pl.col("death_day") <= until).fill_null(value=False)
    counts = {
        "of": pl.col("is_there").count(),
        "n": days.count(),
        **{name: (pl.col("reason") == name).sum() for name in UNDEFINED},
        "died": died.sum(),
        "supported": ((days == 0) & ~died).sum(),
        "between": days.is_between(1, until - 1).sum(),
        "full": (days == until).sum(),
    }
    arms = pl.DataFrame({"arm": board.arms})
    of_arms = arms.join(
        people.with_columns(is_there=True), on="arm", how="left", maintain_order="left"
    ).group_by("arm", maintain_order=True)
    return of_arms.agg(
        *(count.cast(pl.Int64).alias(name) for name, count in counts.items()),
        days.median().alias("median"),
        days.quantile(0.25, "linear").alias("lower_quartile"),
        days.quantile(0.75, "linear").alias("upper_quartile"),
    )


def _at_least(board: Board, days: Mapping[str, Sequence[int]], until: int) -> "go.Figure":
    values = np.arange(until + 1)
    traces = []
    for position, arm in enumerate(board.arms, start=1):
        of_arm, style = np.array(days[arm]), arm_style(position)
        if not has_enough(board, of_arm.size):
            continue
        with_as_many = [int((of_arm >= value).sum()) for value in values]
        traces.append(
            {
                "x": values.tolist(),
                "y": [100 * count / of_arm.size for count in with_as_many],
                "mode": "lines",
                # The share holds up to the number of days and falls after it.
                "line": {"color": style.color, "dash": style.dash, "width": 2.5, "shape": "vh"},
                "name": safe(arm),
                "showlegend": len(board.arms) > 1,
                "text": [
                    f"At least {value} days: {share(count, of_arm.size)}"
                    for value, count in zip(values, with_as_many, strict=True)
                ],
                "hovertemplate": "%{text}<extra>" + safe(arm) + "</extra>",
            }
        )
    return figure(
        x_title="Free days",
        y_title="Participants with at least so many, %",
        height=380,
        traces=traces,
        layout={
            "yaxis": {"range": [0, 102]},
            "xaxis": {"range": [-0.5, until + 0.5], "dtick": 7},
        },
    )


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
# Past the day, and it is known of them.
OBSERVED = ("died", "still_on", "off", "never")


@exhibit(
    page="board-oxygenation",
    tab="Ventilator-free days",
    title="Invasive ventilation",
    needs=("oxygenation",),
    data=("PR", DEATHS),
    filtered=True,
    method=(f"{PAST} {LATER_DEATHS}",),
)
def invasive_ventilation(board: Board) -> Exhibit:
    """The components of ventilator-free days: died, still ventilated, no longer, never."""
    until = definition(board).ventilator_free_days
    words = {state: name for state, name, _ in VENTILATION}
    counts = state_counts(board.arms, board.ask("oxygenation/ventilation", until=until), words)
    rows = pl.DataFrame(
        [
            {"arm": arm, "state": state, "participants": count, "of": sum(of_arm.values())}
            for arm, of_arm in counts.items()
            for state, count in of_arm.items()
        ]
    )
    observed, in_words = {}, {}
    for arm, of_arm in counts.items():
        observed[arm] = sum(of_arm[state] for state in OBSERVED)
        in_words[arm] = (
            f"died {share_of_arm(board, of_arm['died'], observed[arm])}, still ventilated "
            f"{of_arm['still_on']:,}, never ventilated {of_arm['never']:,}"
        )
    return Exhibit(
        title=f"Invasive ventilation up to day {until}",
        population=f"{RANDOMIZED}; shares of those past day {until}",
        answer=f"Of those past day {until}: {by_arm(board, in_words)}.",
        denominator=f"n = {sum(observed.values()):,} past day {until} of whom it is known of N = "
        f"{rows['participants'].sum():,}",
        picture=lambda: stacked(list(counts.items()), VENTILATION, "Participants"),
        description="A stacked bar for each arm of this view: died, still ventilated, ventilated "
        "and no longer, never ventilated, and of whom it is not known.",
        table=with_percent(board, rows, "participants", "of").with_columns(
            pl.col("state").replace_strict(words)
        ),
        labels={"state": f"By day {until}", "participants": "n"},
        lists=tuple(
            People(
                row_name(board, f"{words[state]}, day {until}", arm),
                "people/by_ventilation",
                (
                    ("until", until),
                    ("state", state),
                    ("label", f"{words[state]} by day {until}"),
                    ("arm", arm),
                ),
            )
            for arm, state in rows.select("arm", "state").rows()
        ),
        row_lists=tuple(
            place if count else None for place, count in enumerate(rows["participants"])
        ),
        footnotes=(
            "Invasive ventilation and ECMO as procedures with start and end, from day 1 on; one "
            f"without an end goes on. Of those past day {until}, who died by it counts as died, "
            "ventilated or not; not known: whether they lived on it, or from when to when they "
            "were ventilated.",
            f"Still ventilated: on the calendar date of day {until}.",
            *earliest_deaths(board),
            *too_few_note(board, observed.values()),
        ),
        assumptions=board.trial.assumptions("oxygenation"),
    )
