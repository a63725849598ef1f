"""Who went home alive, with death competing."""

from typing import Any

import polars as pl

from estimators.time_to_event import (
    aalen_johansen,
    incidence_on,
)
from exhibits.exhibit import DEATHS, Estimand, Exhibit, People, exhibit
from exhibits.parts.comparison import (
    TOO_FEW,
    has_enough,
    too_few_note,
    without_estimate,
)
from exhibits.parts.incidence_curves import (
    days_apart,
    in_percent,
    incidence_curve,
    incidence_figure,
    milestones,
)
from exhibits.parts.populations import earliest_deaths, row_name
from exhibits.parts.words import decimal, percent
from queries import Board

DISCHARGED, DEAD = 1, 2


@exhibit(
    page="board-survival",
    title="Discharge from hospital alive",
    population="Randomized participants in hospital on day 1, as randomized",
    data=("HO", DEATHS),
    filtered=True,
    by_day=False,
    method=(
        "The first day on which a stay in hospital ended and no other went on; coming back "
        "later changes nothing. Who died on that day died in hospital. A stay in intensive "
        "care counts only for who has no stay in hospital on record.",
        "Aalen & Johansen's estimate (1978) with death as the competing event; 95 % limits on "
        "the log-log scale (Choudhury 2002), none where there was no such event. Who was "
        "still in hospital is observed up to the last day on which they are known to have "
        "been alive, at the latest up to the data cut-off.",
    ),
    estimand=Estimand(
        endpoint="time to discharge alive",
        events="death before it competes",
        summary="cumulative incidence, and its difference on the day",
        population="those in hospital on day 1",
    ),
)
def discharge(board: Board) -> Exhibit:
    """Discharge from hospital alive, with death before it as the competing event, in each arm."""
    day = board.trial.survival.day
    everybody = board.ask("survival/hospital")
    states = {"in_hospital": 0, "discharged": DISCHARGED, "died": DEAD}
    known = everybody.filter(pl.col("state").is_in(list(states))).with_columns(
        outcome=pl.col("state").replace_strict(states, return_dtype=pl.Int64)
    )
    if known.is_empty():
        return Exhibit(
            missing="No stay in hospital on day 1 is recorded of any of these participants.",
        )
    sizes = {arm: known.filter(pl.col("arm") == arm).height for arm in board.arms}
    estimated = [arm for arm in board.arms if has_enough(board, sizes[arm])]
    days = sorted({1, day, *milestones(board, int(str(known["day"].max())))})
    traces: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    for position, arm in enumerate(board.arms, start=1):
        of_arm = known.filter(pl.col("arm") == arm)
        time, outcome = of_arm["day"].to_numpy(), of_arm["outcome"].to_numpy()
        curves = aalen_johansen(time, outcome, codes=[DISCHARGED, DEAD])
        on = incidence_on(curves, days)
        places: list[int | None] = []
        for state, words in (("discharged", "Discharged alive"), ("died", "Died in hospital")):
            some = bool((outcome == states[state]).any())
            if some:
                lists.append(_by_discharge(board, words, arm, state))
            places.append(len(lists) - 1 if some else None)
        for place, on_day in enumerate(days):
            row_lists.append(places[0])
            rows.append(
                {"arm": arm, "day": on_day, "participants": of_arm.height}
                | {"at_risk": int(on.at_risk[place])}
                | {
                    name: int(((outcome == code) & (time <= on_day)).sum())
                    for name, code in (("discharged", DISCHARGED), ("died", DEAD))
                }
                | {
                    name: in_percent([values[place]], shown=arm in estimated)[0]
                    for name, values in (
                        ("discharged_percent", on.incidence[0]),
                        ("discharged_percent_low", on.low[0]),
                        ("discharged_percent_high", on.high[0]),
                        ("died_percent", on.incidence[1]),
                        ("died_percent_low", on.low[1]),
                        ("died_percent_high", on.high[1]),
                    )
                }
            )
        for cause, people in enumerate(places if arm in estimated else ()):
            traces.append(
                incidence_curve(
                    board, cause + 1, position, curves, days[-1], people=people, cause=cause
                )
            )
    went, died = (known.filter(pl.col("outcome") == code).height for code in (DISCHARGED, DEAD))
    return Exhibit(
        answer=_discharge_answer(board, rows, day) if estimated else TOO_FEW,
        denominator=f"n = {known.height:,} in hospital on day 1 of N = {everybody.height:,}; "
        f"{went:,} discharged alive, {died:,} died before",
        picture=None
        if not estimated
        else lambda: incidence_figure(
            {
                "Discharged alive": "Participants discharged alive, %",
                "Died before discharge": "Participants who died, %",
            },
            traces,
            days_apart(days, day),
        ),
        description="Two panels of step curves, one for each arm of this view: the share "
        "discharged alive by study day, and the share who died before.",
        table=pl.DataFrame(rows),
        labels=DISCHARGE_LABELS,
        footnotes=(
            *_left_out_of_discharge(everybody),
            *earliest_deaths(board),
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


DISCHARGE_LABELS = {
    "participants": "In hospital on day 1",
    "discharged": "Discharged alive",
    "died": "Died before",
    "discharged_percent": "Discharged alive, %",
    "died_percent": "Died before, %",
}


def _by_discharge(board: Board, words: str, arm: str, state: str) -> People:
    return People(
        row_name(board, words, arm),
        "people/by_discharge",
        (("state", state), ("arm", arm)),
    )


def _discharge_answer(board: Board, rows: list[dict[str, Any]], day: int) -> str:
    parts = []
    for row in rows:
        if row["day"] != day:
            continue
        if row["discharged_percent"] is None:
            words = without_estimate(board, row["participants"])
        else:
            words = percent(row["discharged_percent"] / 100)
            if row["discharged_percent_low"] is not None:
                low, high = row["discharged_percent_low"], row["discharged_percent_high"]
                words += f" ({decimal(low)} to {decimal(high)})"
            words += f", died before {percent(row['died_percent'] / 100)}"
        parts.append(f"{row['arm']} {words}" if len(board.arms) > 1 else words)
    return f"Discharged alive by day {day}: {'; '.join(parts)}."


def _left_out_of_discharge(everybody: pl.DataFrame) -> tuple[str, ...]:
    """Whom the curves leave out, and why; over all arms."""
    words = {
        "not_in_hospital": "without a stay on day 1 on record",
        "no_date": "without a full date of discharge",
        "undated": "without a date of randomization",
    }
    counts = dict(everybody.group_by("state").len().rows())
    said = [f"{counts[state]:,} {text}" for state, text in words.items() if counts.get(state)]
    return (f"Not counted here: {', '.join(said)}.",) if said else ()
