"""By when: the first event of each kind and body system, and how many events a participant had."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.recurrent import EVENT as HAPPENED
from estimators.recurrent import MeanCount, mean_count, mean_count_difference
from estimators.time_to_event import (
    CumulativeIncidence,
    aalen_johansen,
    incidence_difference_at,
    incidence_on,
)
from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.parts.comparison import (
    TOO_FEW,
    contrast,
    difference_labels,
    has_enough,
    in_limits,
    points,
    rate_labels,
    too_few_note,
    with_first_rate,
    without_estimate,
)
from exhibits.parts.event_times import (
    DEATH,
    EVENT,
    OBSERVED_TO,
    SAME_DAY,
    earliest_note,
    not_followed_note,
)
from exhibits.parts.events import (
    SINCE,
    list_of_events,
    not_recorded_of_events,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.incidence_curves import (
    band_of_steps,
    days_apart,
    in_percent,
    incidence_curve,
    incidence_figure,
    milestones,
)
from exhibits.parts.populations import earliest_deaths, row_name, size_of_all
from exhibits.parts.theme import arm_style, figure, safe
from exhibits.parts.words import counted, decimal, percent, rounded, signed
from exhibits.safety.overview import KINDS, list_of_kind
from queries import Board

NO_EVENT = "No event with a day of onset has begun since randomization."
# A fatal event is a death, and deaths have their page.
DRAWN = ("any", "serious", "grade_3")
COUNT_PLACES = 2


def _of_all_days(board: Board, question: str) -> pl.DataFrame:
    """The answer for whom the filters leave, whatever study days are chosen."""
    return board.ask(question, filters=board.filters.of_people.bound(board.trial))


@exhibit(
    page="board-safety",
    tab="Onset",
    title="First adverse events, with death competing",
    data=("AE.AESTDTC",),
    filtered=True,
    by_day=False,
    method=(
        SINCE + " One without a day of onset counts only where no other of the row has one, on the "
        "earliest day that it can have begun.",
        "Aalen & Johansen's estimate (1978) with death without such an event as the competing "
        "event; 95 % limits on the log-log scale (Choudhury 2002), none where nobody had the "
        f"event. {OBSERVED_TO} {SAME_DAY}",
        "Rates are of first events per 100 patient-days until them, over all follow-up, with exact "
        "Poisson limits (Garwood 1936). Of fatal events see deaths.",
    ),
)
def event_incidence(board: Board) -> Exhibit:
    """Who had a first event by a day, of each kind and body system, with death competing."""
    day = board.trial.survival.day
    outcomes = _of_all_days(board, "safety/first_events")
    if outcomes.filter(outcome=EVENT).is_empty():
        return Exhibit(missing=NO_EVENT)
    recorded = recorded_of_events(board)
    kinds = [kind for kind in DRAWN if recorded.get(kind, True)]
    outcomes = outcomes.with_columns(what=pl.concat_str("kind", "body_system", ignore_nulls=True))
    systems = (
        outcomes.filter(kind="system", outcome=EVENT)
        .group_by("what", "body_system")
        .agg(pl.sum("participants"))
        .sort(-pl.col("participants"), "body_system")
    )
    names = {kind: KINDS[kind] for kind in kinds}
    names |= dict(systems.select("what", "body_system").rows())
    parts = outcomes.drop_nulls("outcome").partition_by("what", "arm", as_dict=True)
    found = {
        (what, arm): _observed(parts.get((what, arm), outcomes.clear()))
        for what in names
        for arm in board.arms
    }
    rows = [
        {"what": what, "name": name, "arm": arm, "day": day}
        | _incidence_row(board, found[what, arm], day)
        | _apart(board, found[what, arm], found[what, board.reference_arm], arm, day)
        for what, name in names.items()
        for arm in board.arms
    ]
    schema = {
        name: kind
        for name, kind in INCIDENCE_SCHEMA.items()
        if len(board.arms) > 1 or not name.startswith("difference")
    }
    table = with_first_rate(board, pl.DataFrame(rows, schema=schema), by=["what"])
    had = table["first_events"] > 0
    lists = tuple(
        _list_of(board, what, name, arm)
        for what, name, arm in table.filter(had).select("what", "name", "arm").rows()
    )
    places = had.cum_sum().cast(pl.Int64) - 1
    row_lists = tuple(place if some else None for place, some in zip(places, had, strict=True))
    of_any = outcomes.filter(kind="any")
    return Exhibit(
        answer=_incidence_answer(board, table, kinds, day),
        denominator=f"N = {int(of_any['participants'].sum()):,}; "
        f"{counted(int(table.filter(what='any')['first_events'].sum()), 'participant')} with a "
        "first event",
        picture=_incidence_picture(board, table, found, row_lists, day),
        description="A panel for each kind of event: step curves of the share of participants who "
        "had a first one by each study day, one for each arm of this view.",
        table=table.drop("what"),
        labels=INCIDENCE_LABELS | difference_labels(board) | rate_labels(board),
        footnotes=(
            *(
                (
                    f"Difference on day {day}: of two such estimates, with limits from Wilson's "
                    "by Newcombe's method (1998; Zou & Donner 2008); of two rates from Garwood's "
                    "by the same. None is adjusted for the number of rows.",
                )
                if len(board.arms) > 1
                else ()
            ),
            *earliest_note(int(of_any["earliest"].sum())),
            *earliest_deaths(board),
            *not_followed_note(
                int(of_any.filter(pl.col("outcome").is_null())["participants"].sum())
            ),
            *not_recorded_of_events(board),
            *too_few_note(board, table["participants"]),
            *sealed_events(board),
        ),
        assumptions=board.trial.assumptions("survival"),
        lists=lists,
        row_lists=row_lists,
    )


INCIDENCE_SCHEMA = {
    "what": pl.String,
    "name": pl.String,
    "arm": pl.String,
    "day": pl.Int64,
    "participants": pl.Int64,
    "at_risk": pl.Int64,
    "events": pl.Int64,
    "incidence_percent": pl.Float64,
    "incidence_percent_low": pl.Float64,
    "incidence_percent_high": pl.Float64,
    "death_percent": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "first_events": pl.Int64,
    "first_days": pl.Int64,
}

INCIDENCE_LABELS = {
    "name": "Event, or body system",
    "events": "With a first event by the day",
    "incidence_percent": "Cumulative incidence, %",
    "death_percent": "Died without one, %",
    "first_events": "With a first event, all follow-up",
    "first_days": "Patient-days until it",
    "rate": "First events per 100 patient-days",
}

# Study days, what came first on them, and to how many participants.
Observed = tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]


def _observed(outcomes: pl.DataFrame) -> Observed:
    days, what, people = (outcomes[name] for name in ("day", "outcome", "participants"))
    return days.to_numpy(), what.to_numpy(), people.to_numpy()


def _curves(observed: Observed) -> CumulativeIncidence:
    days, outcomes, people = observed
    return aalen_johansen(days, outcomes, codes=[EVENT, DEATH], people=people)


def _size(observed: Observed) -> int:
    return int(observed[2].sum())


def _incidence_row(board: Board, observed: Observed, day: int) -> dict[str, Any]:
    """Of an arm: who had a first event by the day, and how long all were without one."""
    days, outcomes, people = observed
    on = incidence_on(_curves(observed), [day])
    shown = has_enough(board, _size(observed))
    event = outcomes == EVENT
    return {
        "participants": _size(observed),
        "at_risk": int(on.at_risk[0]),
        "events": int(people[event & (days <= day)].sum()),
        "incidence_percent": in_percent(on.incidence[0], shown=shown)[0],
        "incidence_percent_low": in_percent(on.low[0], shown=shown)[0],
        "incidence_percent_high": in_percent(on.high[0], shown=shown)[0],
        "death_percent": in_percent(on.incidence[1], shown=shown)[0],
        "first_events": int(people[event].sum()),
        "first_days": int((days * people).sum()),
    }


def _apart(
    board: Board, own: Observed, reference: Observed, arm: str, day: int
) -> dict[str, float | None]:
    """The difference to the reference arm on the day; nothing of the reference arm itself."""
    enough = has_enough(board, _size(own)) and has_enough(board, _size(reference))
    if len(board.arms) < 2 or arm == board.reference_arm or not enough:
        return {}
    found = incidence_difference_at(own, reference, day, EVENT)
    values = (found.estimate, found.low, found.high)
    return {
        name: None if value is None else rounded(100 * value, 1)
        for name, value in zip(
            ("difference", "difference_low", "difference_high"), values, strict=True
        )
    }


def _list_of(board: Board, what: str, name: str, arm: str) -> People:
    if what in KINDS:
        return list_of_kind(board, what, arm)
    return list_of_events(row_name(board, name, arm), arm=arm, body_system=name)


def _incidence_answer(board: Board, table: pl.DataFrame, kinds: Sequence[str], day: int) -> str:
    """By the day, who had a first event of each kind in each arm, and how far arms are apart."""
    several = len(board.arms) > 1
    said = []
    for kind in kinds:
        shares, differences = [], []
        for row in table.filter(what=kind).iter_rows(named=True):
            words = _share_in_words(board, row)
            shares.append(f"{words} in {row['arm']}" if several else words)
            if row.get("difference") is not None:
                differences.append(f"{contrast(board, row['arm'])} {points(row)}")
        name = table.filter(what=kind).item(0, "name")
        apart = f"; {', '.join(differences)}" if differences else ""
        said.append(f"{name}: {', '.join(shares)}{apart}.")
    return f"By study day {day}, with death competing. {' '.join(said)}"


def _share_in_words(board: Board, row: dict[str, Any]) -> str:
    """`61.6 % (95 % 44.4 to 74.8; died without one 5.0 %)`; limits of one arm alone."""
    if row["incidence_percent"] is None:
        of = f"{row['events']} of {row['participants']}"
        return f"{without_estimate(board, row['participants'])} ({of} had one)"
    beside = []
    if len(board.arms) == 1 and row["incidence_percent_low"] is not None:
        limits = (row["incidence_percent_low"], row["incidence_percent_high"])
        beside.append(in_limits(*limits, 1))
    if row["death_percent"]:
        beside.append(f"died without one {percent(row['death_percent'] / 100)}")
    words = percent(row["incidence_percent"] / 100)
    return f"{words} ({'; '.join(beside)})" if beside else words


def _incidence_picture(
    board: Board,
    table: pl.DataFrame,
    found: dict[tuple[str, str], Observed],
    row_lists: Sequence[int | None],
    day: int,
) -> Any:
    """Draws a panel for each kind that anybody had; None where nobody is estimated."""
    rows = table.with_columns(pl.Series("list", row_lists, pl.Int64))
    rows = rows.filter(pl.col("what").is_in(DRAWN))
    had = rows.filter(pl.col("first_events") > 0)
    titles = dict(had.unique("what", maintain_order=True).select("what", "name").rows())
    panels = {what: place for place, what in enumerate(titles, start=1)}
    traces = []
    for row in rows.iter_rows(named=True):
        if row["what"] not in panels or not has_enough(board, row["participants"]):
            continue
        curves = _curves(found[row["what"], row["arm"]])
        position = board.arms.index(row["arm"]) + 1
        traces.append(
            incidence_curve(board, panels[row["what"]], position, curves, day, people=row["list"])
        )
    if not traces:
        return None
    days = sorted({1, day, *milestones(board, day)})
    return lambda: incidence_figure(
        dict.fromkeys(titles.values(), "Participants, %"), traces, days_apart(days, day)
    )


@exhibit(
    page="board-safety",
    tab="Onset",
    title="How many adverse events a participant has",
    data=("AE.AESTDTC",),
    filtered=True,
    by_day=False,
    method=(
        SINCE + " One without a day of onset is on the earliest day that it can have begun.",
        "Events of a participant by each day, on average, the dead having none any more (Ghosh & "
        "Lin 2000; without deaths Nelson's estimate, 1995). 95 % limits take each participant as "
        "one observation (by influence; t distribution), those of the average on its logarithm, "
        "those of a difference by Welch (1947); none where participants of an arm do not differ, "
        f"as where nobody has an event. {OBSERVED_TO}",
        "An average does not say how events are spread: ten of one participant count as one of "
        "each of ten.",
    ),
)
def mean_event_count(board: Board) -> Exhibit:
    """How many events a participant has had on average by each day, in each arm."""
    day = board.trial.survival.day
    parts = _of_all_days(board, "safety/recurrences")
    began = parts.filter(kind=HAPPENED)
    if began.is_empty():
        return Exhibit(missing=NO_EVENT)
    days = sorted({day, *milestones(board, day)})
    # For the picture at each day with an event, too.
    at = sorted({*days, *began.filter(pl.col("stop") <= day)["stop"]})
    counts = {arm: _mean_count(parts.filter(arm=arm), at) for arm in board.arms}
    estimated = {
        arm: found for arm, found in counts.items() if has_enough(board, found.participants)
    }
    rows = [
        {
            "arm": arm,
            "day": on,
            "participants": counts[arm].participants,
            "at_risk": int(counts[arm].at_risk[at.index(on)]),
            "events": began.filter(pl.col("arm") == arm, pl.col("stop") <= on).height,
        }
        | _mean_row(board, estimated, arm, at.index(on))
        for arm in board.arms
        for on in days
    ]
    schema = {
        name: kind
        for name, kind in COUNT_SCHEMA.items()
        if len(board.arms) > 1 or not name.startswith("difference")
    }
    table = pl.DataFrame(rows, schema=schema)
    lists = tuple(list_of_kind(board, "any", arm) for arm in board.arms)
    everybody, followed = size_of_all(board), parts["person"].n_unique()
    return Exhibit(
        answer=_count_answer(board, table.filter(day=day), day),
        denominator=f"N = {everybody:,}; {counted(began.height, 'event')}",
        picture=(lambda: _counts_drawn(board, estimated, days_apart([1, *days], day)))
        if estimated
        else None,
        description="A step curve of the mean number of events of a participant by study day for "
        "each arm of this view, with a band of its 95 % limits.",
        table=table,
        labels=COUNT_LABELS | _count_difference_label(board),
        footnotes=(
            *earliest_note(int(parts["is_earliest"].sum()), "event"),
            *earliest_deaths(board),
            *not_followed_note(everybody - followed),
            *too_few_note(board, table["participants"]),
            *sealed_events(board),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
        row_lists=tuple(
            board.arms.index(row["arm"]) if row["events"] else None
            for row in table.iter_rows(named=True)
        ),
    )


COUNT_SCHEMA = {
    "arm": pl.String,
    "day": pl.Int64,
    "participants": pl.Int64,
    "at_risk": pl.Int64,
    "events": pl.Int64,
    "mean_count": pl.Float64,
    "mean_count_low": pl.Float64,
    "mean_count_high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}

COUNT_LABELS = {"events": "Events by then", "mean_count": "Events of a participant, mean"}


def _count_difference_label(board: Board) -> dict[str, str]:
    if len(board.arms) < 2:
        return {}
    return {"difference": f"Difference to {board.reference_arm}, events of a participant"}


def _mean_count(parts: pl.DataFrame, days: Sequence[int]) -> MeanCount:
    start, stop, kind, person = (
        parts[name].to_numpy() for name in ("start", "stop", "kind", "person")
    )
    return mean_count(start, stop, kind, person, days)


def _mean_row(
    board: Board, estimated: dict[str, MeanCount], arm: str, place: int
) -> dict[str, float | None]:
    """The mean count of an arm on a day, and its difference to the reference arm, for a table."""
    if arm not in estimated:
        return {}
    own, reference = estimated[arm], estimated.get(board.reference_arm)
    values = {"mean_count": (own.mean, own.low, own.high)}
    if arm != board.reference_arm and reference is not None:
        apart = mean_count_difference(own, reference)
        values["difference"] = (apart.estimate, apart.low, apart.high)
    return {
        f"{name}{end}": rounded(float(part[place]), COUNT_PLACES)
        if math.isfinite(part[place])
        else None
        for name, parts in values.items()
        for end, part in zip(("", "_low", "_high"), parts, strict=True)
    }


def _count_answer(board: Board, rows: pl.DataFrame, day: int) -> str:
    """On the day: `2.1 events in Arm A and 3.4 in Arm B (Arm B minus Arm A +1.3, 95 % …)`, said."""
    several = len(board.arms) > 1
    means: list[str] = []
    apart: list[str] = []
    without: list[str] = []
    for row in rows.iter_rows(named=True):
        if row["mean_count"] is None:
            without.append(f"{row['arm']}: {without_estimate(board, row['participants'])}")
            continue
        words = decimal(row["mean_count"]) + ("" if means else " events")
        means.append(f"{words} in {row['arm']}" if several else words)
        if not several:
            apart.append(in_limits(row["mean_count_low"], row["mean_count_high"], 1))
        elif row["difference"] is not None:
            limits = in_limits(row["difference_low"], row["difference_high"], 1)
            apart.append(f"{contrast(board, row['arm'])} {signed(row['difference'])}, {limits}")
    if not means:
        enough = any(has_enough(board, count) for count in rows["participants"])
        return (
            f"How many events a participant had by day {day} is not known." if enough else TOO_FEW
        )
    *others, last = means
    said = f"{', '.join(others)} and {last}" if others else last
    beside = f" ({'; '.join(apart)})" if apart else ""
    rest = f" {'; '.join(without)}." if without else ""
    return f"By day {day} a participant had on average {said}{beside}.{rest}"


def _counts_drawn(board: Board, counts: dict[str, MeanCount], days: Sequence[int]) -> "go.Figure":
    """Step curves from day 1 on with bands of limits, up to where an arm is observed."""
    bands, lines = [], []
    for arm, found in counts.items():
        position = board.arms.index(arm) + 1
        style, known = arm_style(position), np.isfinite(found.mean)
        at, mean = found.days[known].tolist(), found.mean[known].tolist()
        limits = np.isfinite(found.low)
        if limits.sum() > 1:
            low, high = (part[limits][:-1].tolist() for part in (found.low, found.high))
            bands.append(band_of_steps(position, found.days[limits].tolist(), low, high))
        lines.append(
            {
                "x": [1.0, *at],
                "y": [0.0, *mean],
                "mode": "lines",
                "line": {"color": style.color, "dash": style.dash, "shape": "hv", "width": 3},
                "customdata": [position - 1] * (len(at) + 1),
                "name": safe(arm),
                "showlegend": len(board.arms) > 1,
                "hovertemplate": f"{safe(arm)}: " + "%{y:.2f} by day %{x}<extra></extra>",
            }
        )
    return figure(
        x_title="Study day",
        y_title="Events of a participant, mean",
        traces=[*bands, *lines],
        layout={"xaxis": {"tickvals": list(days)}},
    )
