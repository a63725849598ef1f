"""Arms compared within what participants were allocated within: sites, or strata of the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from estimators.strata import Labels, pooled
from exhibits.parts.words import counted, number
from queries import Board


@dataclass(frozen=True)
class Within:
    """The strata of the participants of two arms; None where nothing is compared within them.

    Attributes:
        labels: of the first arm and of the second, a label for each participant.
        note: what was done, and why where it was not; empty where allocation knew no strata.
    """

    labels: tuple[Labels, Labels] | None = None
    note: str = ""


def stratum_of(board: Board) -> pl.Expr | None:
    """What each participant was allocated within, of rows with `site` and `stratum`.

    None where there was one list of allocation for the whole trial.
    """
    of_list = {"site": pl.col("site"), "stratum": pl.col("stratum")}
    column = of_list.get(board.trial.arms.lists)
    return None if column is None else column.fill_null("(not recorded)").alias("within")


def strata_by_arm(board: Board, rows: pl.DataFrame) -> dict[str, list[str]] | None:
    """Of each arm the stratum of each row, in their order."""
    column = stratum_of(board)
    if column is None:
        return None
    return {
        arm: rows.filter(pl.col("arm") == arm).select(column).to_series().to_list()
        for arm in board.arms
    }


def within(board: Board, strata: Mapping[str, Sequence[str]] | None, arm: str) -> Within:
    """What an arm and the reference arm are compared within, small strata together."""
    if strata is None:
        return Within()
    kind = {"site": "site", "stratum": "stratum"}[board.trial.arms.lists]
    plural = {"site": "sites", "stratum": "strata"}[kind]
    found = pooled(strata[arm], strata[board.reference_arm])
    if found.first is None or found.second is None:
        if not found.pooled:
            return Within()
        return Within(
            note=f"Not compared within {plural}, as participants were allocated: one {kind} is "
            "left once small ones are pooled."
        )
    small = f", {number(found.pooled)} small ones pooled" if found.pooled else ""
    return Within(
        (found.first, found.second),
        f"Compared within {plural}, as participants were allocated "
        f"({counted(found.strata, kind, plural)}{small}).",
    )
