"""What exhibits of laboratory results share: notes, measures and counts in words."""

import polars as pl

from exhibits.parts.comparison import counts_in_arms
from exhibits.parts.words import share
from queries import Board
from trials.definition import Measure

SEALED_VISITS = (
    "Results of visits outside the common schedule are sealed: they count in views that have the "
    "sealed records."
)

AFTER = (
    "After baseline: after day 1, by the date of the sample, without one by the planned day of its "
    "visit."
)


def measure_of(board: Board, name: str) -> Measure:
    """The measure of this name."""
    return next(measure for measure in board.trial.measures if measure.name == name)


def of_all_and_by_arm(board: Board, rows: pl.DataFrame, count: str, whole: str) -> str:
    """`19 of 36 (53 %), 6 of 18 in Arm A, 13 of 18 in Arm B`, of a row for each arm."""
    said = share(int(rows[count].sum()), int(rows[whole].sum()))
    if len(board.arms) == 1 or not rows[count].sum():
        return said
    by_arm = rows.select("arm", whole, participants=count).iter_rows(named=True)
    return f"{said}, {counts_in_arms(by_arm, whole)}"


def by_arm(board: Board, words: dict[str, str]) -> str:
    """Words for each arm; the arm is named where there are several."""
    if len(board.arms) == 1:
        return next(iter(words.values()), "")
    return "; ".join(f"{arm}: {said}" for arm, said in words.items())
