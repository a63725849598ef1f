"""What is known of whether participants live, and what is said of it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from estimators.proportions import clopper_pearson
from estimators.time_to_event import difference_at, kaplan_meier, survival_on
from exhibits.exhibit import People
from exhibits.parts.comparison import (
    contrast,
    counts_in_arms,
    has_enough,
    in_limits,
    minimum,
)
from exhibits.parts.populations import row_name
from exhibits.parts.theme import STATES
from exhibits.parts.words import counted, decimal, number, rounded, signed
from queries import Board

OBSERVED = (
    "Day 1 is the day of randomization. A participant is observed up to death, or up to the last "
    "day on which they are known to have been alive, whether they had left the study or not: at a "
    "planned visit, by a measurement of one, by a contact, by a stay in hospital, by an adverse "
    "event or by completing the study; at the latest up to the data cut-off. Who came "
    "to a planned visit, or completed the study, in the window before the planned day is observed "
    "to that day, unless they left the study."
)


ALL = "In all"

VITAL = (
    ("died", "Died", STATES.died),
    ("alive", "Known alive", STATES.as_planned),
    ("not_known", "Not known", STATES.not_known),
    ("not_due", "Not due yet", STATES.to_come),
    ("undated", "No date of randomization", STATES.undated),
)

KNOWN = ("died", "alive")


def by_vital_status(
    board: Board, words: str, arm: str | None, *, state: str, day: int, only_past: bool = False
) -> People:
    """Participants with a vital status on a day, of an arm; of those past the day, if asked."""
    return People(
        row_name(board, words, arm) if arm else words,
        "people/by_vital_status",
        (
            ("asked_day", day),
            ("state", state),
            ("only_past", only_past),
            ("arm", arm),
        ),
    )


def status_by_day(board: Board, days: list[int]) -> pl.DataFrame:
    """Participants by day, arm and what is known of them.

    A column a state, `past` how many of them could be followed to the day, `died_past` of these who
    died by it.
    """
    rows = board.ask("survival/vital_status", days=days)
    counts = {
        (day, arm, state): (participants, past)
        for day, arm, state, participants, past in rows.select(
            "asked_day", "arm", "state", "participants", "past"
        ).rows()
    }
    return pl.DataFrame(
        [
            {"asked_day": day, "arm": arm, "position": position}
            | {state: counts.get((day, arm, state), (0, 0))[0] for state, _, _ in VITAL}
            | {
                "past": sum(counts.get((day, arm, state), (0, 0))[1] for state, _, _ in VITAL),
                "died_past": counts.get((day, arm, "died"), (0, 0))[1],
                "known_past": sum(counts.get((day, arm, state), (0, 0))[1] for state in KNOWN),
            }
            for day in days
            for position, arm in enumerate(board.arms, start=1)
        ]
    ).with_columns(randomized=pl.sum_horizontal([state for state, _, _ in VITAL]))


def enough_known(board: Board) -> pl.Expr:
    """Whether the status of so many of those past a day is known that something is estimated."""
    least = board.trial.survival.least_known
    return pl.col("known_past") >= least * pl.col("past")


def range_in_words(board: Board, rows: pl.DataFrame, day: int) -> str:
    """How many can have died where too few are known: from those who did to all who may have."""
    parts = []
    for row in rows.filter(~enough_known(board)).iter_rows(named=True):
        died, unknown = row["died_past"], row["past"] - row["known_past"]
        parts.append(
            f"{row['arm'] + ': ' if len(board.arms) > 1 else ''}{counted(died, 'death')}, status "
            f"of {number(unknown)} not known, so {number(died)} to {number(died + unknown)} of "
            f"{number(row['past'])}"
        )
    if not parts:
        return ""
    return (
        f"Too few are known on day {day} to estimate how many died. Those past it: "
        f"{'; '.join(parts)}."
    )


Observed = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def observed_rows(board: Board) -> pl.DataFrame:
    """One row a participant who is on a study day: arm, site, stratum, the last day, who died."""
    return board.ask("survival/observed").filter(pl.col("day").is_not_null())


def observed_by_arm(board: Board) -> dict[str, Observed]:
    """Of each arm the days on which participants died or were last known alive, and who died."""
    known = observed_rows(board)
    return {
        arm: (part["day"].to_numpy(), part["is_dead"].to_numpy())
        for arm in board.arms
        for part in [known.filter(pl.col("arm") == arm)]
    }


def died_by(board: Board, known: pl.DataFrame, day: int) -> pl.DataFrame:
    """One row an arm: those past a day, the `percent` who died by it, the `difference` of arms.

    By Kaplan & Meier of all randomized: who is not past the day counts while they are followed, and
    where deaths are reported before lives nobody's life is left out. Null where too few are known
    of those past the day, in either arm, or nobody was observed to it.

    Args:
        known: of the day, as `status_by_day` returns it.
    """
    arms = observed_by_arm(board)
    sure = known.filter(enough_known(board) & (pl.col("past") >= minimum(board)))["arm"].to_list()
    found = []
    for arm in board.arms:
        row: dict[str, float | None] = dict.fromkeys((*PERCENT, *DIFFERENCE))
        if arm in sure:
            row |= dict(zip(PERCENT, _died_percent(arms[arm], day), strict=True))
        if arm in sure and board.reference_arm in sure and arm != board.reference_arm:
            apart = difference_at(arms[arm], arms[board.reference_arm], day)
            # More deaths is less survival.
            turned = (apart.estimate, apart.high, apart.low)
            row |= dict(zip(DIFFERENCE, (_percent(value, -100) for value in turned), strict=True))
        found.append({"arm": arm, **row})
    schema = {"arm": pl.String} | dict.fromkeys((*PERCENT, *DIFFERENCE), pl.Float64)
    made = known.select(
        "arm",
        pl.col("died_past").alias("participants"),
        pl.col("past").alias("randomized"),
        (pl.col("past") - pl.col("known_past")).alias("not_known"),
    ).join(pl.DataFrame(found, schema=schema), on="arm", maintain_order="left")
    return made if len(board.arms) > 1 else made.drop(DIFFERENCE)


def _died_percent(observed: Observed, day: int) -> tuple[float | None, ...]:
    """The percentage of an arm who died by a day, and its limits."""
    times, events = observed
    on = survival_on(kaplan_meier(times, events), [day])
    alive, low, high = float(on.survival[0]), float(on.low[0]), float(on.high[0])
    if not math.isnan(alive) and math.isnan(low):
        # Nobody has died, or everybody: exact limits of those who are known of.
        known = int(((times >= day) | events).sum())
        died = clopper_pearson(known if alive == 0.0 else 0, known)
        low, high = 1.0 - float(died.high), 1.0 - float(died.low)
    return tuple(_percent(1.0 - value) for value in (alive, high, low))


def _percent(share: float | None, by: int = 100) -> float | None:
    return None if share is None or math.isnan(share) else rounded(by * share, 1)


PERCENT = ("percent", "percent_low", "percent_high")
DIFFERENCE = ("difference", "difference_low", "difference_high")


def died_in_words(board: Board, rows: pl.DataFrame, day: int) -> str:
    """The share who died by a day, by arm, how far they are apart, and what is not known of.

    Args:
        rows: as `died_by` returns them.
    """
    several = len(board.arms) > 1
    parts = []
    for row in rows.iter_rows(named=True):
        counts = f"{number(row['participants'])} of {number(row['randomized'])}"
        who = row["arm"] if several else "participants"
        if row["percent"] is None:
            parts.append(f"{counts} past it {f'in {who} ' if several else ''}died")
            continue
        limits = in_limits(row["percent_low"], row["percent_high"], 1)
        parts.append(
            f"{decimal(row['percent'])} % of {who} died by Kaplan–Meier ({limits}; "
            f"{counts} past it)"
        )
    apart = differences_in_words(board, rows.iter_rows(named=True), "deaths")
    return f"By day {day}, {'; '.join(parts)}{apart}.{_if_unknown(board, rows)}"


def _if_unknown(board: Board, rows: pl.DataFrame) -> str:
    """How far apart arms could be, if all who are unknown were dead in one and alive in the other.

    Of one arm: how many can have died.
    """
    by_arm = {row["arm"]: row for row in rows.iter_rows(named=True) if row["randomized"]}
    if not any(row["not_known"] for row in by_arm.values()):
        return ""
    if len(board.arms) == 1:
        (row,) = by_arm.values()
        most = row["participants"] + row["not_known"]
        of = number(row["randomized"])
        return f" Of those past it {number(row['participants'])} to {number(most)} of {of} died."
    if board.reference_arm not in by_arm:
        return ""

    def shares(row: Mapping[str, Any]) -> tuple[float, float]:
        died, of = row["participants"], row["randomized"]
        return 100 * died / of, 100 * (died + row["not_known"]) / of

    least, most = shares(by_arm[board.reference_arm])
    parts = [
        f"{contrast(board, arm)}: {signed(shares(row)[0] - most)} to "
        f"{signed(shares(row)[1] - least)} percentage points"
        for arm, row in by_arm.items()
        if arm != board.reference_arm
        and has_enough(board, row["randomized"])
        and has_enough(board, by_arm[board.reference_arm]["randomized"])
    ]
    unknown = ", ".join(
        f"{number(row['not_known'])} of {number(row['randomized'])} in {arm}"
        for arm, row in by_arm.items()
    )
    said = f" Of those past it the status is not known of {unknown}."
    if not parts:
        return said
    return (
        f"{said} Counted among those past it alone, with all of these dead in one arm and alive in "
        f"the other, or the reverse: {'; '.join(parts)}."
    )


def counts_by_arm(board: Board, rows: pl.DataFrame) -> str:
    """`: 7 of 14 in Arm A, 2 of 14 in Arm B`; nothing where there is one arm."""
    if len(board.arms) == 1:
        return ""
    return f": {counts_in_arms(rows.iter_rows(named=True), 'randomized')}"


def differences_in_words(board: Board, rows: Iterable[Mapping[str, Any]], of: str) -> str:
    """What arms differ by, and of what: more deaths is less survival, so that signs turn round."""
    return "".join(
        f"; {contrast(board, row['arm'])}: {signed(row['difference'])} percentage points of {of} "
        f"({in_limits(row['difference_low'], row['difference_high'], 1)})"
        for row in rows
        if row.get("difference") is not None
    )


def undated_note(undated: int) -> tuple[str, ...]:
    """A footnote about participants without a date of randomization."""
    if not undated:
        return ()
    return (
        f"Not on any study day: {counted(undated, 'participant')} without a date of randomization.",
    )


def too_little_known(board: Board, rows: pl.DataFrame, day: int) -> str:
    """A warning where the vital status of too few of those past a day is known, in any arm.

    Args:
        rows: of one day, as `status_by_day` returns them.
    """
    short = [
        f"{number(known)} of {number(past)} past it" + (f" in {arm}" if len(board.arms) > 1 else "")
        for arm, known, past in rows.filter(~enough_known(board))
        .select("arm", "known_past", "past")
        .rows()
    ]
    if not short:
        return ""
    least = 100 * board.trial.survival.least_known
    return (
        f"Warning: vital status on day {day} is known for only {', '.join(short)} (below "
        f"{decimal(least, 0)} %)."
    )
