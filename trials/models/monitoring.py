"""Reviews of the board, rules for stopping, and how deaths are counted."""

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Identifier, Model, Name

RuleStatus = Literal["protocol", "demonstration"]


class StoppingRule(Model):
    """A Bayesian safety rule for one arm; `demonstration` rules may run on simulated extracts only.

    It stops when the posterior probability of a rate above `background_rate`, or where no such rate
    is known of a rate above the control arm's by more than `margin`, exceeds `probability`.

    Attributes:
        statement: the rule as the protocol has it.
        group: of special interest, by its id.
        arm: by its code.
        window_days: an event counts up to so many days after randomization or the first dose.
        prior: the beta prior of a rate.
        minimum_participants: with fewer it does not stop.
        true_rates: rates for which the probability of stopping is computed.
    """

    id: Identifier
    status: RuleStatus
    statement: Name
    group: Identifier
    arm: Name
    window_days: int = Field(ge=1)
    background_rate: float | None = Field(default=None, gt=0, lt=1)
    margin: float | None = Field(default=None, ge=0, lt=1)
    prior: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    probability: float = Field(gt=0.5, lt=1)
    minimum_participants: int = Field(ge=1)
    true_rates: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.05, 0.1, 0.2, 0.3)

    @model_validator(mode="after")
    def _against_one_limit(self) -> Self:
        if (self.background_rate is None) == (self.margin is None):
            raise ValueError("needs one limit: name background_rate or margin")
        return self


Spending = Literal["Lan-DeMets O'Brien-Fleming", "Lan-DeMets Pocock", "Hwang-Shih-DeCani"]


class Futility(Model):
    """From which result on the board may consider to stop, as benefit is not to be expected.

    It is non-binding: not to stop costs no error.

    Attributes:
        beta: the probability of stopping so although there is the effect.
        method: how it is divided among looks.
        parameter: of Hwang, Shih and DeCani's method.
    """

    beta: float = Field(gt=0, lt=0.5)
    method: Spending = "Hwang-Shih-DeCani"
    parameter: float | None = Field(default=None, ge=-40, le=40)

    @model_validator(mode="after")
    def _has_its_parameter(self) -> Self:
        _require_parameter(self.method, self.parameter)
        return self


class SequentialRule(Model):
    """A group-sequential rule: a result so extreme that the trial may end early.

    Attributes:
        statement: the rule as the protocol has it.
        endpoint: `composite`, the rank-based composite of the primary day; `primary`, the primary
            measure on its day at equal baseline; or `death`, deaths by the day of [survival].
        better: which values of the primary measure are better for participants.
        method: how the error is divided among looks.
        parameter: of Hwang, Shih and DeCani's method.
        planned_fractions: of O'Brien and Fleming's and Pocock's methods, the shares of the planned
            information at the looks that were planned; the last is 1.
        alpha: the error of all looks and both sides.
        sided: 1 tests only for the experimental arm doing better.
        planned: participants of both arms with the endpoint at full information.
        effect: the mean of the score at full information under the planned effect, above 0 towards
            benefit; none where none is stated.
        futility: none where none is stated.
    """

    id: Identifier
    status: RuleStatus
    statement: Name
    endpoint: Literal["composite", "primary", "death"]
    better: Literal["higher", "lower"] = "higher"
    method: Literal["O'Brien-Fleming", "Pocock", "Haybittle-Peto"] | Spending
    parameter: float | None = Field(default=None, ge=-40, le=40)
    planned_fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    sided: Literal[1, 2] = 2
    planned: int = Field(ge=2)
    effect: float | None = Field(default=None, gt=0)
    futility: Futility | None = None

    @model_validator(mode="after")
    def _can_be_spent(self) -> Self:
        _require_parameter(self.method, self.parameter)
        looks = self.planned_fractions
        if (self.method in ("O'Brien-Fleming", "Pocock")) != bool(looks):
            raise ValueError(
                "has planned_fractions if, and only if, method is O'Brien-Fleming or Pocock"
            )
        if looks and (looks[-1] != 1 or any(b <= a for a, b in pairwise(looks))):
            raise ValueError("has planned_fractions that do not grow to 1")
        if self.method == "Haybittle-Peto" and self.alpha / self.sided <= 0.00135:
            raise ValueError("has an alpha that three standard errors at one look would spend")
        if self.better == "lower" and self.endpoint != "primary":
            raise ValueError("has better only where the endpoint is primary: others are fixed")
        return self


def _require_parameter(method: str, parameter: float | None) -> None:
    if (method == "Hwang-Shih-DeCani") != (parameter is not None):
        raise ValueError("has parameter if, and only if, method is Hwang-Shih-DeCani")


class Monitoring(Model):
    """When the board looks at the trial, and what counts as a change since it last did.

    Attributes:
        reviews: data cut-offs of its reviews, held and planned.
        declared: further data cut-offs at which the statistician declared a look at the efficacy
            rules, before it was held.
        final: the data cut-off after which no look is planned, where it is not the last review.
        moved_points: an estimated share that moved by so many percentage points is a change.
        least_on_time: a smaller probability of reaching the target on time needs attention.
    """

    reviews: tuple[date, ...] = ()
    declared: tuple[date, ...] = ()
    final: date | None = None
    moved_points: float = Field(default=5, gt=0)
    least_on_time: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, days in (("reviews", self.reviews), ("declared", self.declared)):
            if any(later <= earlier for earlier, later in pairwise(days)):
                raise ValueError(f"has {name} out of order: each is later than the one before")
        if set(self.declared) & set(self.reviews):
            raise ValueError("has a declared look that is a review")
        if self.final is not None and self.final not in self.looks:
            raise ValueError("has a final look that is neither a review nor declared")
        return self

    @property
    def looks(self) -> tuple[date, ...]:
        """Data cut-offs of all looks that were fixed beforehand, the earliest first."""
        return tuple(sorted({*self.reviews, *self.declared}))

    @property
    def last_look(self) -> date | None:
        """After it no look is planned."""
        return self.final or (self.looks[-1] if self.looks else None)


class Survival(Model):
    """How deaths are counted.

    Attributes:
        day: the study day up to which deaths are counted, and on which arms are compared.
        known_days: the study days, beside the planned end, for which the page gives how many have
            a known vital status.
        least_known: the share of an arm with a known status below which a warning is shown.
    """

    day: int = Field(default=28, ge=2)
    known_days: tuple[int, ...] = (14, 28)
    least_known: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _days_rise(self) -> Self:
        if list(self.known_days) != sorted({day for day in self.known_days if day > 1}):
            raise ValueError("has known_days out of order: each is after day 1 and the one before")
        return self
