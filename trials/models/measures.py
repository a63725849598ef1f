"""What tests mean, the primary endpoint, subgroups, and limits of the plausible."""

from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import (
    Band,
    Identifier,
    Model,
    Name,
    require_distinct_names,
    require_range,
)


class Measure(Model):
    """What a test means: which code in which domain, and how its units convert.

    Attributes:
        name: as the rest of the definition calls it; `label` as pages do.
        code: the --TESTCD.
        unit: the unit of limits, figures and tables.
        factors, offsets: by recorded unit u: (value + offsets[u]) * factors[u] is in `unit`.
        lower, upper: the limits of what is plausible, in `unit`.
        specimens, categories: where there are any, only these count: arterial blood, the version
            of a scale.
    """

    name: Identifier
    label: Name
    domain: Literal["LB", "VS", "RE", "RS", "CP", "EG", "QS"]
    code: Name
    unit: Name
    factors: dict[str, float]
    offsets: dict[str, float] = Field(default_factory=dict)
    lower: float
    upper: float
    specimens: tuple[str, ...] = ()
    categories: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _units_agree(self) -> Self:
        if self.factors.get(self.unit) != 1.0:
            raise ValueError(f"factors must give the measure's own unit {self.unit!r} as 1.0")
        strangers = set(self.offsets) - set(self.factors)
        if strangers:
            raise ValueError(f"offsets name units without a factor: {', '.join(sorted(strangers))}")
        require_range(self.lower, self.upper)
        return self


class Primary(Model):
    """The primary endpoint: which measure on which study day."""

    day: int
    measure: Identifier


class Subgroups(Model):
    """Subgroups of the participants, and how many participants an estimate takes.

    Attributes:
        minimum_per_arm: An arm with fewer participants than this in the denominator of an estimate
            has counts and no estimate; two arms are compared where both have the minimum; the other
            arms of a trial with three are not affected. Pooled, everybody is one arm. A median is
            an estimate.
        ages: age groups, in years.
        severity_measure: the measure whose baseline value says how ill a participant was; `pao2`
            over `fio2` of one sample is called `pao2_fio2`.
        severity: bands of that measure.
    """

    minimum_per_arm: int = Field(default=5, ge=1)
    ages: tuple[Band, ...] = ()
    severity_measure: Identifier | None = None
    severity: tuple[Band, ...] = ()

    @model_validator(mode="after")
    def _severity_is_of_a_measure(self) -> Self:
        if self.severity and self.severity_measure is None:
            raise ValueError("has severity bands but no severity_measure")
        require_distinct_names(self.ages, self.severity)
        return self


class Plausibility(Model):
    """From which point on a value is asked about that could be right.

    Attributes:
        days_before_screening: no record of the trial is dated earlier than this.
    """

    days_before_screening: int = Field(ge=0)
