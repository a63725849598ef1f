"""What of a participant's day is looked at, and how: the value, its bands, and who has none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from exhibits.exhibit import People
from exhibits.parts.populations import row_name
from queries import Board
from trials.definition import Band, Oxygenation

RATIO = "PaO2/FiO2, mmHg"

BY_THE_VISIT = (
    "A day is a visit of the schedule; of several values of one visit the first by date counts."
)

WHO_IS_DEAD = (
    "Each day has those whose day was reached by the cut-off; of them, who died on it or before "
    "counts as died, whatever was measured; who has no value and was in hospital, or of whom it is "
    "not known, as missing."
)

ARTERIAL = (
    "PaO2 and FiO2 of the same arterial sample; other specimens, and ratios outside 20 to 700 "
    "mmHg, are not used. Clock times are sealed: where a visit has two blood gases of one date, "
    "which pressure belongs to which FiO2 is not known, and the day has no value. On a cannula or "
    "mask FiO2 is an estimate."
)

COURSE_METHOD = (
    "Medians and quartiles of those with a value. Who is discharged, dead or better has no values "
    "later, so that later days are of other people: look at n, and at the bands.",
    BY_THE_VISIT,
)

STATES_METHOD = (
    WHO_IS_DEAD,
    "Each day adds up to all participants. Day not reached: its date is after the data cut-off, "
    "dead or not; of these deaths would count, but not lives.",
    BY_THE_VISIT,
)

NO_STAYS = "The extract has no hospital stays (HO): who is discharged is not known, and is missing."


@dataclass(frozen=True)
class Looked:
    """What of a person's day an exhibit looks at.

    Attributes:
        what: the value, as questions know it.
        label: what a value is called, with its unit behind a comma.
        bands: into which values fall.
        has: what is said of those who have a value.
        discharged: what those are called who are discharged and have none.
        told: the band that the sentence counts, too.
    """

    what: str
    label: str
    bands: Sequence[Band] = ()
    has: str = "have a value"
    discharged: str = "Discharged"
    told: str = ""

    @property
    def name(self) -> str:
        """The label without its unit."""
        return self.label.partition(", ")[0]


def asked(board: Board) -> Oxygenation:
    """What the trial definition says of oxygenation, where an exhibit needs it."""
    assert board.trial.oxygenation is not None
    return board.trial.oxygenation


def planned_days(board: Board) -> list[int]:
    """The days of the schedule from the day before randomization on, once each."""
    return sorted({visit.day for visit in board.trial.schedule if visit.day >= 1})


def rules_of(board: Board) -> dict[str, Any]:
    """The measures that a person's day is told by, as questions bind them."""
    rules = board.trial.oxygenation
    if rules is None:
        # What became of people is told without any measure.
        return {
            "scale": "",
            "peep": "",
            "saturation": "",
            "saturation_fio2": "",
            "saturation_at_most": 0.0,
        }
    return {
        "scale": rules.scale,
        "peep": rules.peep,
        "saturation": rules.saturation,
        "saturation_fio2": rules.saturation_fio2,
        "saturation_at_most": rules.saturation_at_most,
    }


def bound(bands: Sequence[Band]) -> list[dict[str, Any]]:
    """Bands as questions bind them; a number in each limit, so that an empty one has a type."""
    return [
        {
            "name": band.name,
            "at_least": band.at_least,
            "above": band.above,
            "below": band.below,
            "at_most": band.at_most,
        }
        for band in bands
    ]


def in_state(board: Board, looked: Looked, row: dict[str, Any], words: str) -> People:
    """The participants of a row: in a state on a day, or with any value where it has no state."""
    day = row["planned_day"]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/in_state",
        (
            ("what", looked.what),
            ("bands", bound(looked.bands)),
            ("days", [day]),
            ("rules", rules_of(board)),
            ("planned_day", day),
            ("state", row.get("state")),
            ("label", looked.name),
            ("arm", row["arm"]),
        ),
    )


def stays_note(board: Board) -> tuple[str, ...]:
    """A footnote where discharge is not known."""
    return () if board.has("HO") else (NO_STAYS,)


def told_day(board: Board, rows: pl.DataFrame) -> int:
    """The primary day, where there are values; else the last day that has any."""
    days = set(rows["planned_day"])
    primary = board.trial.primary
    return primary.day if primary is not None and primary.day in days else int(max(days))


def no_value(looked: Looked) -> str:
    """In place of an exhibit of a value that nobody has."""
    return f"Nobody has a usable {looked.name} on a planned day."


def support_bands(board: Board) -> list[Band]:
    """The ranks of respiratory support, the least first, under the names of their classes."""
    of_rank: dict[int, list[str]] = {}
    for item in board.trial.open.procedure_classes:
        if item.support is not None:
            of_rank.setdefault(item.support, []).append(item.name)
    found = [Band(name="No support recorded", at_most=0)]
    for rank, names in sorted(of_rank.items()):
        said = " or ".join([names[0], *(name.lower() for name in names[1:])])
        found.append(Band(name=said, at_least=rank, at_most=rank))
    return found


NO_TREATMENT_EFFECT = (
    "Among participants with a blood gas: not a treatment effect if missingness differs. Death, "
    "extubation and recovery all stop the blood gases; look at why they are missing, by arm."
)
