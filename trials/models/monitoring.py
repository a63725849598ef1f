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


class SequentialRule(Model):
    """A group-sequential rule: a result so extreme that the trial may end early.

    Attributes:
        statement: the rule as the protocol has it.
        endpoint: `primary`, the mean of the primary measure on its day by a t statistic, or
            `death`, deaths by the day of [survival] by Fisher's exact test.
        method: how the error is divided among looks.
        alpha: the error of all looks and both sides.
        sided: 1 tests only for the experimental arm having more of the endpoint.
        planned: participants with the endpoint at full information.
        effect: the mean of the score at full information under the planned effect; none where
            none is stated.
    """

    id: Identifier
    status: RuleStatus
    statement: Name
    endpoint: Literal["primary", "death"]
    method: Literal[
        "O'Brien-Fleming", "Pocock", "Lan-DeMets O'Brien-Fleming", "Lan-DeMets Pocock",
        "Haybittle-Peto",
    ]  # fmt: skip
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    sided: Literal[1, 2] = 2
    planned: int = Field(ge=2)
    effect: float | None = None


class Monitoring(Model):
    """When the board looks at the trial, and what counts as a change since it last did.

    Attributes:
        reviews: data cut-offs of its reviews, held and planned.
        moved_points: an estimated share that moved by so many percentage points is a change.
        least_on_time: a smaller probability of reaching the target on time needs attention.
    """

    reviews: tuple[date, ...] = ()
    moved_points: float = Field(default=5, gt=0)
    least_on_time: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.reviews)):
            raise ValueError("has reviews out of order: each is later than the one before")
        return self


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
