"""Grades of laboratory results, signs of liver injury, and immune markers."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Band, Identifier, Model, Name


class GradeStep(Model):
    """From where on a result has a grade of severity; any one of the limits is enough.

    Attributes:
        above_normal: multiple of the upper limit of normal that the result is above.
        above_baseline, at_least_baseline: multiple of the baseline that it is above, or reaches.
        below_normal: multiple of the lower limit of normal that it is below.
        below: value, in the measure's unit, that it is below.
    """

    grade: int = Field(ge=1, le=4)
    above_normal: float | None = Field(default=None, ge=1)
    above_baseline: float | None = Field(default=None, ge=1)
    at_least_baseline: float | None = Field(default=None, gt=1)
    below_normal: float | None = Field(default=None, gt=0, le=1)
    below: float | None = Field(default=None, gt=0)

    @property
    def rises(self) -> bool:
        """Whether it grades what is too high."""
        return self.below is None and self.below_normal is None

    @model_validator(mode="after")
    def _has_limits_of_one_side(self) -> Self:
        high = (self.above_normal, self.above_baseline, self.at_least_baseline)
        low = (self.below_normal, self.below)
        if high == (None,) * 3 and low == (None,) * 2:
            raise ValueError("has no limit: name above_normal, above_baseline, below_normal, …")
        if high != (None,) * 3 and low != (None,) * 2:
            raise ValueError("has limits above and below: a step grades in one direction only")
        if self.above_baseline is not None and self.at_least_baseline is not None:
            raise ValueError("has both above_baseline and at_least_baseline: name one of the two")
        return self


class Grading(Model):
    """How results of one measure are graded, and by which source.

    Attributes:
        term: the name of the finding.
        baseline: whether multiples of the baseline count beside those of the limit of normal, or
            take their place where the baseline was above that limit.
        steps: the grades, the mildest first.
    """

    measure: Identifier
    term: Name
    source: Name
    baseline: Literal["beside", "where above normal"] = "where above normal"
    steps: tuple[GradeStep, ...] = Field(min_length=1)

    @property
    def rises(self) -> bool:
        """Whether it grades what is too high."""
        return self.steps[0].rises

    @model_validator(mode="after")
    def _steps_follow_each_other(self) -> Self:
        if len({step.rises for step in self.steps}) > 1:
            raise ValueError("grades both high and low results: write two gradings")
        for earlier, later in pairwise(self.steps):
            if later.grade <= earlier.grade:
                raise ValueError(f"grade {later.grade} follows grade {earlier.grade}")
            for name in ("above_normal", "above_baseline", "below_normal", "below"):
                first, second = getattr(earlier, name), getattr(later, name)
                if first is None or second is None:
                    continue
                if (second <= first) if self.rises else (second >= first):
                    raise ValueError(
                        f"{name} {second:g} of grade {later.grade} is no further than {first:g} of "
                        f"grade {earlier.grade}"
                    )
        return self


class LiverContext(Model):
    """What can raise liver tests by itself: a measure below a value in the days before."""

    name: Name
    measure: Identifier
    below: float


class Liver(Model):
    """Signs of severe drug-induced liver injury, and what else to look at.

    Attributes:
        aminotransferases, alkaline_phosphatase, bilirubin: the measures. Without alkaline
            phosphatase cholestasis cannot be excluded, and pages say so.
        aminotransferase_at_least: multiple of the upper limit of normal.
        bilirubin_at_least: multiple of it, reached within `window_days` after that rise.
        alkaline_phosphatase_below: multiple of it, under which cholestasis does not explain it.
        context: what the case is held against, in the `context_days` before the rise.
    """

    aminotransferases: tuple[Identifier, ...] = Field(min_length=1)
    alkaline_phosphatase: Identifier | None = None
    bilirubin: Identifier
    aminotransferase_at_least: float = Field(default=3, gt=1)
    bilirubin_at_least: float = Field(default=2, gt=1)
    alkaline_phosphatase_below: float = Field(default=2, gt=1)
    window_days: int = Field(default=30, ge=0)
    context_days: int = Field(default=3, ge=0)
    context: tuple[LiverContext, ...] = ()
    source: Name = "FDA 2009"


class Immune(Model):
    """The measures of the immune response.

    Attributes:
        markers: measures of inflammation, in the order of the page.
        cells: measures of lymphocytes and their subsets.
        symptoms: scores that participants report; `symptom_bands` their values, the least first.
        change_day: the planned day whose change from baseline is held against that of PaO2/FiO2.
    """

    markers: tuple[Identifier, ...] = Field(min_length=1)
    cells: tuple[Identifier, ...] = ()
    symptoms: tuple[Identifier, ...] = ()
    symptom_bands: tuple[Band, ...] = ()
    change_day: int = Field(ge=2)

    @model_validator(mode="after")
    def _symptoms_have_bands(self) -> Self:
        if self.symptoms and not self.symptom_bands:
            raise ValueError("has symptoms but no symptom_bands")
        return self
