"""What exhibits of laboratory results share: notes, and counts in words."""

import polars as pl

from exhibits.parts.comparison import counts_in_arms, share_of_arm
from queries import Board

SEALED_VISITS = (
    "Results of visits outside the common schedule are sealed: they count in views that have the "
    "sealed records."
)
AFTER = (
    "After baseline: after day 1, by the date of the sample, without one by the planned day of its "
    "visit."
)


def of_all_and_by_arm(board: Board, rows: pl.DataFrame, count: str, whole: str) -> str:
    """`19 of 36 (52.8 %), 6 of 18 in Arm A, 13 of 18 in Arm B`, of a row for each arm."""
    of_all = share_of_arm(board, int(rows[count].sum()), int(rows[whole].sum()))
    if len(board.arms) == 1 or not rows[count].sum():
        return of_all
    return f"{of_all}, {counts_in_arms(rows.iter_rows(named=True), whole, count)}"
