"""When: cumulative incidence of the first event of each group."""

import math
from typing import Any

import polars as pl

from estimators.time_to_event import (
    aalen_johansen,
    incidence_on,
    kaplan_meier,
    log_rank,
)
from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.parts.comparison import TOO_FEW, has_enough, too_few_note
from exhibits.parts.event_times import (
    DEATH,
    EVENT,
    OBSERVED_TO,
    SAME_DAY,
    earliest_note,
    not_followed_note,
)
from exhibits.parts.events import list_of_interest, sealed_terms
from exhibits.parts.incidence_curves import (
    LEAST_EVENTS,
    days_apart,
    in_percent,
    incidence_curve,
    incidence_figure,
    milestones,
)
from exhibits.parts.populations import earliest_deaths
from exhibits.parts.words import counted, decimal, p_value, percent
from exhibits.special_interest.groups import (
    COUNTED,
    standard_queries,
)
from queries import Board


@exhibit(
    page="board-special-interest",
    title="Time to the first event of special interest",
    needs=("special_interest",),
    data=("AE.AESTDTC",),
    filtered=True,
    method=(
        COUNTED,
        "Aalen & Johansen's estimate (1978) with death as the competing event; 95 % limits on "
        "the log-log scale (Choudhury 2002), none where nobody had the event. "
        f"{OBSERVED_TO} {SAME_DAY}",
    ),
)
def special_interest_incidence(board: Board) -> Exhibit:
    """Cumulative incidence of the first event of each group, with death competing."""
    groups = board.trial.special_interest
    everybody = board.ask("special_interest/first_events")
    known = everybody.filter(pl.col("day").is_not_null())
    people = board.ask("safety/people")
    sizes = dict(people.select("arm", "participants").rows())
    estimated = [arm for arm in board.arms if has_enough(board, sizes[arm])]
    days = milestones(board, max(known["day"].to_list(), default=0))
    rows: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    had_any = set(known.filter(pl.col("outcome") == EVENT)["group"])
    # An empty panel says less than a sentence.
    drawn = [group for group in groups if group.id in had_any and estimated]
    traces: list[dict[str, Any]] = []
    for group in groups:
        for position, arm in enumerate(board.arms, start=1):
            of_arm = known.filter(pl.col("group") == group.id, pl.col("arm") == arm)
            time, outcome = of_arm["day"].to_numpy(), of_arm["outcome"].to_numpy()
            curves = aalen_johansen(time, outcome, codes=[EVENT, DEATH])
            on = incidence_on(curves, days)
            median = kaplan_meier(time, outcome == EVENT).median.days
            had, shown = int((outcome == EVENT).sum()), has_enough(board, of_arm.height)
            if had:
                lists.append(list_of_interest(board, group, arm))
            for row, day in enumerate(days):
                row_lists.append(len(lists) - 1 if had else None)
                until = (outcome == EVENT) & (time <= day)
                rows.append(
                    {
                        "name": group.name,
                        "arm": arm,
                        "day": day,
                        "participants": of_arm.height,
                        "at_risk": int(on.at_risk[row]),
                        "events": int(until.sum()),
                        "incidence_percent": in_percent([on.incidence[0, row]], shown=shown)[0],
                        "incidence_percent_low": in_percent([on.low[0, row]], shown=shown)[0],
                        "incidence_percent_high": in_percent([on.high[0, row]], shown=shown)[0],
                        "death_percent": in_percent([on.incidence[1, row]], shown=shown)[0],
                        "median_day": median if shown else None,
                    }
                )
            if group in drawn and shown:
                people_behind = len(lists) - 1 if had else None
                panel = drawn.index(group) + 1
                traces.append(
                    incidence_curve(board, panel, position, curves, days[-1], people=people_behind)
                )
    last = days[-1]
    total = int(people["participants"].sum())
    first = known.filter(pl.col("outcome") == EVENT).height
    left_out = everybody.filter(pl.col("day").is_null()).group_by("group").len()
    left_out_most = max(left_out["len"].to_list(), default=0)
    imputed = int(known["is_earliest"].sum())
    return Exhibit(
        answer=_incidence_answer(board, known, last),
        denominator=f"N = {total:,}; {counted(first, 'first event')} of "
        f"{counted(len(groups), 'group')}",
        picture=(
            lambda: incidence_figure(
                {group.name: "Participants, %" for group in drawn},
                traces,
                days_apart([1, *days], days[-1]),
            )
        )
        if drawn
        else None,
        description="A panel for each group that anybody had an event of: step curves of the share "
        "of participants who had a first event by each study day, one for each arm of this view.",
        table=pl.DataFrame(rows, schema=INCIDENCE_SCHEMA),
        labels=INCIDENCE_LABELS,
        footnotes=(
            *earliest_note(imputed),
            *earliest_deaths(board),
            *not_followed_note(left_out_most),
            *(_log_rank_words(board, known) if len(estimated) == len(board.arms) else ()),
            *too_few_note(board, sizes.values()),
            *standard_queries(board),
            *sealed_terms(board),
        ),
        assumptions=board.trial.assumptions("special_interest", "schedule"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


INCIDENCE_SCHEMA = {
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
    "median_day": pl.Float64,
}

INCIDENCE_LABELS = {
    "name": "Group",
    "events": "With a first event",
    "incidence_percent": "Cumulative incidence, %",
    "death_percent": "Died without one, %",
    "median_day": "Median day (Kaplan–Meier)",
}


def _incidence_answer(board: Board, known: pl.DataFrame, last: int) -> str:
    """By the last day, how many had an event of each group that anybody had, in each arm."""
    had = set(known.filter(pl.col("outcome") == EVENT)["group"])
    shares_by_group = []
    for group in board.trial.special_interest:
        shares = []
        for arm in board.arms if group.id in had else ():
            rows = known.filter(pl.col("group") == group.id, pl.col("arm") == arm)
            if not has_enough(board, rows.height):
                continue
            days, outcomes = rows["day"].to_numpy(), rows["outcome"].to_numpy()
            curves = aalen_johansen(days, outcomes, codes=[EVENT, DEATH])
            value = incidence_on(curves, [last]).incidence[0, 0]
            words = percent(value) if math.isfinite(value) else f"not known on day {last}"
            shares.append(words if len(board.arms) == 1 else f"{words} ({arm})")
        if shares:
            shares_by_group.append(f"{group.name} {', '.join(shares)}")
    if not had:
        return "Nobody had an event of special interest."
    if not shares_by_group:
        return TOO_FEW
    none = [group.name for group in board.trial.special_interest if group.id not in had]
    nobody = f" Nobody had an event of: {'; '.join(none)}." if none else ""
    return f"By study day {last}: {'; '.join(shares_by_group)}.{nobody}"


def _log_rank_words(board: Board, known: pl.DataFrame) -> tuple[str, ...]:
    """Tests and medians, where there are arms to compare and enough events; secondary."""
    if len(board.arms) < 2:
        return ()
    words = []
    for group in board.trial.special_interest:
        rows = known.filter(pl.col("group") == group.id)
        event = (rows["outcome"] == EVENT).to_numpy()
        if event.sum() < LEAST_EVENTS:
            continue
        test = log_rank(rows["day"].to_numpy(), event, rows["arm"].to_list())
        if test.chi_square is None or test.p is None:
            continue
        medians = []
        for arm in board.arms:
            of_arm = rows.filter(pl.col("arm") == arm)
            found = kaplan_meier(of_arm["day"].to_numpy(), (of_arm["outcome"] == EVENT).to_numpy())
            median = found.median.days
            medians.append(f"{arm} {'not reached' if median is None else decimal(median, 0)}")
        words.append(
            f"{group.name}, secondary: log-rank χ² {test.chi_square:.2f} on "
            f"{test.degrees_of_freedom} df, {p_value(test.p)}; median day (Kaplan–Meier): "
            f"{'; '.join(medians)}."
        )
    if not words:
        return ()
    return (
        "The log-rank test (Mantel 1966) and Kaplan–Meier medians censor deaths; no p-value is "
        f"adjusted, and none is shown under {LEAST_EVENTS} first events.",
        *words,
    )
