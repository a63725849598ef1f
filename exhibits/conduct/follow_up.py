"""How much follow-up there is."""

from typing import Any

import polars as pl

from exhibits.conduct.due import NOT_OPENED
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.comparison import share_of_arm
from exhibits.parts.populations import all_randomized, in_all, nobody_randomized, row_name
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.theme import STATES
from queries import Board, Filters

KNOWN = (
    ("reached", "Reached alive", STATES.as_planned),
    ("died", "Died by then", STATES.died),
    ("left_study", "Left before", STATES.left),
    ("not_recorded", "Not known", STATES.not_known),
    ("not_due", "Not due yet", STATES.to_come),
    ("undated", "No date of randomization", STATES.undated),
)


@exhibit(
    page="board-conduct",
    title="Follow-up maturity",
    method=(
        "Past a day: its visit's window had closed by the data cut-off. Reached alive: seen at "
        "a scheduled visit, measured, contacted, discharged or completed on that day or later, "
        "or died later. Who came to its visit, or completed, in the window before the day "
        "reached it, unless they left the study. Not known: past it, and none of these is "
        "recorded. Vital status known is counted in the same way; there those who left before "
        "are among the not known.",
        NOT_OPENED,
    ),
)
def follow_up_maturity(board: Board) -> Exhibit:
    """How many of the randomized are past each day of the schedule, and what is known of them."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    total = all_randomized(board)
    schedule = [visit.model_dump() for visit in board.trial.schedule if visit.day > 1]
    # Everybody, whatever is chosen; a limited role has no choice of filters.
    everybody: dict[str, Any] = (
        {} if board.is_limited else {"filters": Filters().bound(board.trial)}
    )
    days = board.ask("conduct/follow_up", schedule=schedule, **everybody).with_columns(
        due=pl.sum_horizontal(["reached", "died", "left_study", "not_recorded"], ignore_nulls=False)
    )
    numbers = []
    for day in _milestones(board):
        rows = days.filter(pl.col("planned_day") == day)
        if rows.is_empty():
            continue
        due, reached = in_all(rows["due"]), in_all(rows["reached"])
        numbers += [
            Number(f"Past day {day}", share_of_arm(board, due, total), "of those randomized"),
            Number(
                f"Known alive on day {day}", share_of_arm(board, reached, due), "of those past it"
            ),
        ]
    last = numbers[-2:]
    return Exhibit(
        answer=f"{last[0].label}: {last[0].value}; of these known to have been alive then: "
        f"{last[1].value}.",
        denominator=f"N = {total:,}",
        numbers=tuple(numbers),
        picture=lambda: stacked(
            [
                (row_name(board, f"Day {row['planned_day']}", row["arm"]), row)
                for row in days.iter_rows(named=True)
            ],
            KNOWN,
            "Randomized participants",
            height=28,
            longest=18,
        ),
        description="A stacked bar for each day of the schedule and arm of this view: reached "
        "alive, died by then, left before, not known, not due yet.",
        table=days.select(
            "visit", "planned_day", "arm", "due", *(column for column, _, _ in KNOWN)
        ),
        labels={"due": "Past this day"} | {column: words for column, words, _ in KNOWN},
        assumptions=board.trial.assumptions("schedule", "primary.day"),
    )


def _milestones(board: Board) -> list[int]:
    """The day of the primary endpoint and the last day of the schedule."""
    days = {visit.day for visit in board.trial.schedule}
    primary = {board.trial.primary.day} & days if board.trial.primary else set()
    return sorted(primary | {board.trial.schedule[-1].day})
