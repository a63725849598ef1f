"""What is known of whether participants live, and what is said of it."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from exhibits.exhibit import People
from exhibits.parts.comparison import (
    contrast,
    counts_in_arms,
    in_limits,
)
from exhibits.parts.populations import row_name
from exhibits.parts.theme import STATES
from exhibits.parts.words import counted, decimal, number, signed
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


def too_little_known(board: Board, known: dict[str, float | None], day: int) -> str:
    """A warning where the vital status of too small a share of an arm is known on a day."""
    least = 100 * board.trial.survival.least_known
    short = [
        f"{decimal(value)} % of {arm if len(board.arms) > 1 else 'participants'}"
        for arm, value in known.items()
        if value is not None and value < least
    ]
    if not short:
        return ""
    return (
        f"Warning: vital status on day {day} is known for only {', '.join(short)} (below "
        f"{decimal(least, 0)} %)."
    )
