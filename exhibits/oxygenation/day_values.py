"""What of a participant's day is looked at, and how: the value, its bands, and who has none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from exhibits.exhibit import People
from exhibits.parts.populations import row_name
from queries import Board
from queries.bound import bands
from trials import Band, Oxygenation

BY_THE_VISIT = (
    "A day is a visit of the schedule; of several values of one visit the first by date counts."
)
WHO_IS_DEAD = (
    "Each day has those whose day was reached by the cut-off; of them, who died on it or before "
    "counts as died, whatever was measured; who has no value and was in hospital, or of whom it is "
    "not known, as missing."
)
PAIRED = (
    "PaO2 and FiO2 of the same arterial sample: of one minute, else of one sample number, else the "
    "only ones of the visit and day. Other specimens, and ratios outside 20 to 700 mmHg, are not "
    "used."
)
ARTERIAL = (
    f"{PAIRED} The value of a day is the first sample taken from 06:00 to 10:00, else the first of "
    "the day; it is chosen before clock times are sealed. Where several samples of a day have no "
    "clock time, the day has no value. The lowest of a day stands in the participant's profile. On "
    "a cannula or mask FiO2 is an estimate."
)
NO_TREATMENT_EFFECT = (
    "Among participants with a blood gas: not a treatment effect if missingness differs. Death, "
    "extubation and recovery all stop the blood gases; look at why they are missing, by arm."
)
RATIO = "PaO2/FiO2, mmHg"


@dataclass(frozen=True)
class DayValue:
    """What of a participant's day an exhibit looks at.

    Attributes:
        what: the value, as questions know it.
        label: what a value is called, with its unit behind a comma.
        bands: into which values fall.
        has: what is said of those who have a value.
        discharged: what those are called who are discharged and have none.
        best: the band that the sentence counts, too.
    """

    what: str
    label: str
    bands: Sequence[Band] = ()
    has: str = "have a value"
    discharged: str = "Discharged"
    best: str = ""

    @property
    def name(self) -> str:
        """The label without its unit."""
        return self.label.partition(", ")[0]

    @property
    def nobody_has_it(self) -> str:
        """What is missing where nobody has a value."""
        return f"Nobody has a usable {self.name} on a planned day."


def definition(board: Board) -> Oxygenation:
    """What the trial definition says of oxygenation, where an exhibit needs it."""
    assert board.trial.oxygenation is not None
    return board.trial.oxygenation


def main_day(board: Board, days: Iterable[int]) -> int:
    """The primary day, where it is among the days; else the last of them."""
    primary, days = board.trial.primary, set(days)
    return primary.day if primary is not None and primary.day in days else max(days)


def support_bands(board: Board) -> list[Band]:
    """The ranks of respiratory support, the least first, under the names of their classes."""
    of_rank: dict[int, list[str]] = {}
    for item in board.trial.open.procedure_classes:
        if item.support is not None:
            of_rank.setdefault(item.support, []).append(item.name)
    ranks = [Band(name="No support recorded", at_most=0)]
    for rank, names in sorted(of_rank.items()):
        words = " or ".join([names[0], *(name.lower() for name in names[1:])])
        ranks.append(Band(name=words, at_least=rank, at_most=rank))
    return ranks


def in_state(board: Board, value: DayValue, row: dict[str, Any], words: str) -> People:
    """The participants of a row: in a state on a day, or with any value where it has no state."""
    day = row["planned_day"]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/in_state",
        (
            ("what", value.what),
            ("bands", bands(value.bands)),
            ("days", [day]),
            ("planned_day", day),
            ("state", row.get("state")),
            ("label", value.name),
            ("arm", row["arm"]),
        ),
    )


def stays_note(board: Board) -> tuple[str, ...]:
    """A footnote where discharge is not known."""
    if board.has("HO"):
        return ()
    return (
        "The extract has no hospital stays (HO): who is discharged is not known, and is missing.",
    )
