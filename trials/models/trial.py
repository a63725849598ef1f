"""One trial: all parts of its definition together."""

from functools import cached_property
from typing import Self

from pydantic import Field, PrivateAttr, model_validator

from trials.consistency import ContradictionError, contradictions
from trials.models.arms import Arms, Dosing, Randomization
from trials.models.base import Identifier, Model, Name
from trials.models.blinding import Blinding, OpenValues, SealedValues
from trials.models.laboratory import Grading, Immune, Liver
from trials.models.measures import Measure, Plausibility, Primary, Subgroups
from trials.models.monitoring import Monitoring, SequentialRule, StoppingRule, Survival
from trials.models.oxygenation import Oxygenation
from trials.models.participation import FollowUp, Participation, Screening
from trials.models.schedule import Accrual, Assessment, Criterion, Visit
from trials.models.special_interest import Safety, SpecialInterest, Worsening


class Trial(Model):
    """One trial as its definition file states it.

    Attributes:
        id: the name of the definition's folder.
        study: as STUDYID carries it.
        timezone: of the sites, by its name in the tz database.
        standard_care: medications that no arm is told by.
        assumed: keys whose values the protocol does not give, such as "accrual.start", each with
            the reason for its value; pages print both.
    """

    id: Identifier
    study: Name
    short_title: Name
    title: Name
    identifiers: tuple[str, ...] = ()
    sponsor: Name
    phase: str
    masking: str
    condition: str
    timezone: str
    planned_sites: int = Field(ge=1)
    arms: Arms
    accrual: Accrual
    randomization: Randomization
    participation: Participation = Participation()
    follow_up: FollowUp = FollowUp()
    screening: Screening = Screening()
    dosing: Dosing | None = None
    schedule: tuple[Visit, ...] = Field(min_length=1)
    criteria: tuple[Criterion, ...] = ()
    measures: tuple[Measure, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    open: OpenValues
    sealed: SealedValues = SealedValues()
    blinding: Blinding = Blinding()
    plausibility: Plausibility
    subgroups: Subgroups = Subgroups()
    standard_care: tuple[Name, ...] = ()
    grades: tuple[Grading, ...] = ()
    liver: Liver | None = None
    oxygenation: Oxygenation | None = None
    immune: Immune | None = None
    survival: Survival = Survival()
    special_interest: tuple[SpecialInterest, ...] = ()
    safety: Safety = Safety()
    worsening: Worsening | None = None
    stopping_rules: tuple[StoppingRule, ...] = ()
    sequential_rules: tuple[SequentialRule, ...] = ()
    monitoring: Monitoring = Monitoring()
    primary: Primary | None = None
    assumed: dict[str, str] = Field(default_factory=dict)

    _definition: bytes = PrivateAttr(default=b"")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := list(contradictions(self)):
            raise ContradictionError(problems)
        return self

    @property
    def definition(self) -> bytes:
        """The bytes of the definition file, for recognizing a changed definition."""
        return self._definition

    @cached_property
    def arm_codes(self) -> tuple[str, ...]:
        """The arms' codes in the definition's order."""
        return tuple(arm.code for arm in self.arms.list)

    @cached_property
    def measures_by_code(self) -> dict[tuple[str, str], Measure]:
        """Measures by (domain, code in upper case)."""
        return {(measure.domain, measure.code.upper()): measure for measure in self.measures}

    @cached_property
    def measures_by_name(self) -> dict[str, Measure]:
        """Measures by their name."""
        return {measure.name: measure for measure in self.measures}

    def assumptions(self, *prefixes: str) -> tuple[tuple[str, str], ...]:
        """Assumed values whose key is or begins with one of `prefixes`: what, and why."""
        return tuple(
            (key.replace(".", " ").replace("_", " "), reason)
            for key, reason in self.assumed.items()
            if any(key == prefix or key.startswith(prefix + ".") for prefix in prefixes)
        )
