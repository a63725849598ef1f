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


class OpenValues(Model):
    """Values that the open store may hold, beyond what the field facts open.

    Attributes:
        deviations: categories of deviations.
        symptoms: symptoms that every participant is asked for.
        qualifiers: names of supplemental qualifiers of DM.
    """

    visits: Literal["schedule"] = "schedule"
    dispositions: tuple[Name, ...] = ()
    deviations: tuple[Name, ...] = ()
    symptoms: tuple[Name, ...] = ()
    qualifiers: tuple[Name, ...] = ()
    procedure_classes: tuple[ProcedureClass, ...] = ()
    medication_classes: tuple[MedicationClass, ...] = ()


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
        smallest_cell: roles that are limited see groups of fewer together with their neighbors.
        limited_outcomes: of which of the trial's outcomes roles that are limited see how many had
            them, all arms together.
    """

    unmasking_persons: Literal[1, 2] = 2
    smallest_cell: int = Field(default=5, ge=2)
    limited_outcomes: tuple[Outcome, ...] = ("adverse_events", "deviations", "leaving")
