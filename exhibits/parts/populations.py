"""Who is counted: the populations of exhibits, and what stands in their place without anybody."""

from dataclasses import dataclass

import polars as pl

from exhibits.exhibit import NOBODY, Exhibit, People
from exhibits.parts.together import any_of, members
from exhibits.parts.words import counted
from queries import Board, Filters

PAST = "Past a day: the window of its planned visit had closed by the data cut-off."

BY_WHICH = (
    "Deaths are those that demographics, dispositions, fatal events, death details or contacts "
    "record by the data cut-off, dated by the first of them that has a date from randomization on."
)


def earliest_deaths(board: Board, *, of_all: bool = False) -> tuple[str, ...]:
    """A footnote about deaths that are not dated to the day, where a day of death is used.

    Args:
        of_all: of everybody, whatever the filters.
    """
    everybody = {"filters": Filters().bound(board.trial)} if of_all else {}
    deaths = int(board.ask("survival/not_dated", **everybody).item())
    if not deaths:
        return ()
    return (
        f"{counted(deaths, 'death')} not dated to the day, on the earliest day possible: the last "
        "on which the participant is known to have been alive, or the first that the recorded part "
        "of the date allows.",
    )


def nobody_randomized(board: Board) -> Exhibit | None:
    """In place of an exhibit of everybody, whatever the filters, where nobody is randomized."""
    randomized = board.ask("arm_balance/allocation")["randomized"]
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


# How the study ended for a participant, in the order in which it is told.
ENDS = {
    "completed": "Completed",
    "in_follow_up": "In follow-up",
    "died": "Died",
    "left_study": "Left early",
    "not_recorded": "End not recorded",
}


@dataclass(frozen=True)
class End:
    """Participants by how the study ended for them.

    Attributes:
        ways: of `ENDS`; several where a limited role sees them together.
        counts: by arm.
    """

    ways: tuple[str, ...]
    counts: dict[str, int]

    @property
    def words(self) -> str:
        """`Completed`; `Died or left early`."""
        return any_of(ENDS[way] for way in self.ways)

    @property
    def total(self) -> int:
        """In all arms."""
        return sum(self.counts.values())


def ends(board: Board) -> list[End]:
    """Randomized participants of each arm by how the study ended, in the order of `ENDS`."""
    rows = board.ask("conduct/disposition")
    order = list(ENDS)
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for ways, (arm, participants) in zip(
        members(rows, "standing"), rows.select("arm", "participants").rows(), strict=True
    ):
        together = tuple(sorted((str(way) for way in ways), key=order.index))
        found.setdefault(together, {})[arm] = participants
    return [End(ways, found[ways]) for ways in sorted(found, key=lambda ways: order.index(ways[0]))]


def in_all(counts: pl.Series) -> int:
    """The sum of counts."""
    return int(counts.sum())


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
