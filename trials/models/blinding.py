"""What the open store may hold, what is sealed, and what unmasking takes."""

from typing import Literal

from pydantic import Field

from trials.models.base import Model, Name

# What a limited role may be shown of what became of participants, in words.
Outcome = Literal["adverse_events", "deaths", "deviations", "leaving"]
OUTCOMES: dict[str, str] = {
    "adverse_events": "adverse events",
    "deaths": "deaths",
    "deviations": "deviations from the protocol",
    "leaving": "early ends of participation",
}


class MedicationClass(Model):
    """Medications that open as one class."""

    name: Name
    terms: tuple[Name, ...] = Field(min_length=1)


class ProcedureClass(Model):
    """Procedures that open as one class.

    Attributes:
        support: the rank of respiratory support, 4 the highest.
    """

    name: Name
    terms: tuple[Name, ...] = Field(min_length=1)
    support: int | None = Field(default=None, ge=1, le=4)


class TimePoint(Model):
    """A time point within a visit at which every arm is measured, treated or not.

    A record with anything else in one of these fields is sealed.

    Attributes:
        name: as --TPT carries it.
        reference: as --TPTREF carries what it counts from.
        number: as --TPTNUM carries it.
        elapsed: as --ELTM carries the time from the reference.
    """

    name: Name
    reference: Name | None = None
    number: float | None = None
    elapsed: Name | None = None


class AllowedText(Model):
    """An open text that may stand in one column though it has the name of an arm.

    Attributes:
        column: dataset and variable, as `MH.MHDECOD`.
        text: the whole text.
        reason: why it tells no arm; it is shown with the findings of every load.
    """

    column: str = Field(pattern=r"^[A-Z]+\.[A-Z0-9]+( or [A-Z]+\.[A-Z0-9]+)?$")
    text: Name
    reason: Name


class OpenValues(Model):
    """Values that the open store may hold, beyond what the field facts open.

    Attributes:
        deviations: categories of deviations.
        symptoms: symptoms that every participant is asked for.
        qualifiers: names of supplemental qualifiers of DM.
        time_points: common to all arms. Results at any other time point are sealed: samples around
            a dose would tell by their number who was treated.
        texts: that have the name of an arm, or of what one arm only has, and may be open.
    """

    visits: Literal["schedule"] = "schedule"
    dispositions: tuple[Name, ...] = ()
    deviations: tuple[Name, ...] = ()
    symptoms: tuple[Name, ...] = ()
    qualifiers: tuple[Name, ...] = ()
    procedure_classes: tuple[ProcedureClass, ...] = ()
    medication_classes: tuple[MedicationClass, ...] = ()
    time_points: tuple[TimePoint, ...] = ()
    texts: tuple[AllowedText, ...] = ()


class SealedValues(Model):
    """Values that name the intervention: their records leave the open store whole.

    Only preferred terms need to be named to be sealed. The others say what one arm only has, as the
    extract calls it: opening it anywhere is then a contradiction, and no load is published.
    """

    preferred_terms: tuple[Name, ...] = ()
    visits: tuple[Name, ...] = ()
    procedures: tuple[Name, ...] = ()
    medications: tuple[Name, ...] = ()
    tests: tuple[Name, ...] = ()
    dispositions: tuple[Name, ...] = ()
    deviations: tuple[Name, ...] = ()


class Blinding(Model):
    """How much it takes to see more than a role sees at first.

    Attributes:
        unmasking_persons: 1, or 2 where a second person has to confirm that arms are named.
        emergencies_per_day: how many participants may be unblinded in an emergency within 24 hours
            before a second person has to confirm each further one.
        smallest_cell: roles that are limited see groups of fewer together with their neighbors.
        limited_outcomes: of which of the trial's outcomes roles that are limited see how many had
            them, all arms together.
        ordinary_words: words that medical terms have, too, beyond those that the program knows, as
            control, standard, care or surgery: a name made of these alone is looked for as one.
    """

    unmasking_persons: Literal[1, 2] = 2
    emergencies_per_day: int = Field(default=3, ge=1)
    smallest_cell: int = Field(default=5, ge=2)
    ordinary_words: tuple[Name, ...] = ()
    limited_outcomes: tuple[Outcome, ...] = ("adverse_events", "deviations", "leaving")
