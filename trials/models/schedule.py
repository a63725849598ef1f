"""The recruitment plan, the visits, what is assessed at them, and who is eligible."""

from datetime import date, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Identifier, Model, Name, require_range


class Accrual(Model):
    """The recruitment plan: `target` participants in `months` from `start`.

    Attributes:
        prior_weight: the weight of the plan against the data, as a share of the target
            (Gajewski, Simon & Carlson 2008).
    """

    target: int = Field(ge=1)
    start: date
    months: float = Field(gt=0)
    prior_weight: float = Field(default=0.5, gt=0, le=1)

    @property
    def end(self) -> date:
        """The planned date of the last randomization (months of 365.25 / 12 days)."""
        return self.start + timedelta(days=round(self.months * 365.25 / 12))


class Visit(Model):
    """One visit of the schedule common to all arms.

    Attributes:
        visit: its name, as VISIT carries it; `number` is its VISITNUM.
        day: the planned study day; randomization is day 1, and the day before it day -1.
        window_before, window_after: how many days the visit may be early or late.
        setting: a visit of the setting `hospital` is due only while the participant is there.
        expected: the measures that the visit has to have.
    """

    visit: Name
    number: float
    day: int
    window_before: int = Field(default=0, ge=0)
    window_after: int = Field(default=0, ge=0)
    setting: Literal["hospital", "any"] = "any"
    expected: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _has_a_day(self) -> Self:
        if self.day == 0:
            raise ValueError("is on day 0, which does not exist: day -1 is followed by day 1")
        return self


class Assessment(Model):
    """Measures that the schedule common to all arms plans at the same visits.

    Attributes:
        visits: where they are planned; without any, at every visit.
        in_hospital: whether they are planned only while the participant is in hospital.
    """

    measures: tuple[Identifier, ...] = Field(min_length=1)
    visits: tuple[Name, ...] = ()
    in_hospital: bool = False


class Chronic(Model):
    """A measure that excludes if it was below a value on two days this far apart."""

    measure: Identifier
    below: float
    days: int = Field(ge=1)


class Criterion(Model):
    """One inclusion or exclusion criterion, and what the data can be held to.

    Attributes:
        id: as IETESTCD carries it.
        label: in a few words; `text` has it as the protocol does.
        measure: what `lower` and `upper` limit, in its unit; also age, bmi and pao2_fio2.
        history: terms of the medical history that exclude.
        history_to_ask: terms that exclude at some stage or severity, so that the site is asked.
        medication: medications that exclude.
    """

    id: Name
    kind: Literal["inclusion", "exclusion"]
    label: Name
    text: Name
    measure: str | None = None
    lower: float | None = None
    upper: float | None = None
    history: tuple[Name, ...] = ()
    history_to_ask: tuple[Name, ...] = ()
    medication: tuple[Name, ...] = ()
    chronic: Chronic | None = None

    @model_validator(mode="after")
    def _limits_agree(self) -> Self:
        if self.measure is None and (self.lower, self.upper) != (None, None):
            raise ValueError("has limits but names no measure that they hold for")
        if self.lower is not None and self.upper is not None:
            require_range(self.lower, self.upper)
        return self
