"""Who is counted: the populations of exhibits, and what stands in their place without anybody."""

import polars as pl

from exhibits.exhibit import NOBODY, Exhibit, People, too_few
from queries import Board

PAST = "Past a day: the window of its planned visit had closed by the data cut-off."

BY_WHICH = (
    "Deaths are those that demographics, dispositions, fatal events, death details or contacts "
    "record by the data cut-off, dated by the first of them that has a date."
)


def nobody_randomized(board: Board) -> Exhibit | None:
    """In place of an exhibit of everybody, whatever the filters, where nobody is randomized."""
    randomized = board.ask("arm_balance/allocation")["randomized"]
    if randomized.null_count():
        return too_few(board)
    return None if randomized.sum() else Exhibit(missing=NOBODY)


def all_randomized(board: Board) -> int:
    """How many participants are randomized, whatever the filters."""
    return int(board.ask("arm_balance/allocation")["randomized"].sum())


def size_of_arms(board: Board) -> dict[str, int]:
    """How many participants of each arm the filters leave."""
    return dict(board.ask("safety/people").select("arm", "participants").rows())


def size_of_all(board: Board) -> int:
    """How many participants the filters leave, of all arms together."""
    return int(board.ask("safety/people")["participants"].sum())


def in_all(counts: pl.Series) -> int | None:
    """The sum of counts; None where one of them is not shown."""
    return None if counts.null_count() else int(counts.sum())


def row_name(board: Board, what: str, arm: str | None) -> str:
    """What a row or a list is of; the arm is named where there are several, and one is meant."""
    return what if arm is None or len(board.arms) == 1 else f"{what}, {arm}"


def by_arm(board: Board, words: dict[str, str]) -> str:
    """`Arm A: words; Arm B: words`; of one arm its words alone."""
    if len(board.arms) == 1:
        return next(iter(words.values()), "")
    return "; ".join(f"{arm}: {said}" for arm, said in words.items())


def who_died(arm: str | None, board: Board | None = None) -> People:
    """Participants who died, of an arm; None for all."""
    title = row_name(board, "Died", arm) if arm and board else "Died"
    return People(title, "people/who_died", (("arm", arm),))
