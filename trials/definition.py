"""The models of a trial definition and their reader.

A definition is one TOML file. Reading it either gives a frozen, consistent `Trial`, or raises
`TrialDefinitionError` with one sentence per problem, each naming the line to look at.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import ErrorDetails

TRIALS_FOLDER = Path(__file__).parent

Name = Annotated[str, Field(min_length=1, max_length=400)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]


class TrialDefinitionError(Exception):
    """A trial definition that cannot be used; the text has one line per problem."""


class _ContradictionError(ValueError):
    """Parts of a definition that contradict each other: each problem with the key it is about."""

    def __init__(self, problems: list[tuple[tuple[int | str, ...], str]]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = problems


class Model(BaseModel):
    """Frozen, and strict about names: an unknown key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Arm(Model):
    """One arm as planned: `code` as the extract's ARMCD carries it."""

    code: Name
    name: Name
    description: str = ""
    ratio: int = Field(default=1, ge=1)
    control: bool = False


class Arms(Model):
    """The arms in their order, and how participants are allocated to them.

    Attributes:
        allocation: in words.
        method: of randomization; None where it is not known.
        largest_block: allocations in the largest permuted block, of all arms together.
        lists: what has a list of blocks of its own.
    """

    allocation: str = ""
    method: Literal["permuted blocks", "simple"] | None = None
    largest_block: int | None = Field(default=None, ge=2)
    lists: Literal["trial", "site", "stratum"] = "trial"
    list: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _blocks_hold_the_ratio(self) -> Self:
        if (self.method == "permuted blocks") != (self.largest_block is not None):
            raise ValueError("has largest_block if, and only if, method is permuted blocks")
        unit = sum(arm.ratio for arm in self.list)
        if self.largest_block is not None and self.largest_block % unit:
            raise ValueError(f"largest_block {self.largest_block} is no multiple of {unit}")
        return self


class Accrual(Model):
    """The recruitment plan: `target` participants in `months` from `start`.

    `prior_weight` is the weight of the plan against the data, as a share of the target
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


class Randomization(Model):
    """Where the date of randomization comes from when list and DS do not carry it."""

    fallback_visit: str | None = None


class Dosing(Model):
    """The planned administrations of the experimental arm; sealed data is held against it.

    `dose` within `dose_tolerance` (a share) is a full one; `viability_test` is the DATESTCD of the
    share of living cells, in percent.
    """

    planned: int = Field(ge=1)
    day_one: Literal["assignment", "day after assignment"] = "assignment"
    days: tuple[int, ...]
    window_days: int = Field(ge=0)
    minimum_interval_days: int = Field(ge=0)
    route: str = "not stated"
    dose: float | None = Field(default=None, gt=0)
    dose_unit: str = ""
    dose_tolerance: float = Field(default=0, ge=0, lt=1)
    viability_test: str | None = None
    viability_minimum: float | None = Field(default=None, gt=0, le=100)

    @model_validator(mode="after")
    def _one_day_per_dose(self) -> Self:
        if len(self.days) != self.planned:
            raise ValueError(f"planned = {self.planned} but days names {len(self.days)}")
        return self


class Visit(Model):
    """One visit of the schedule common to all arms; `day` counts randomization as day 1.

    One of the setting `hospital` is due only while the participant is there. `expected` are
    measures that the visit has to have.
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


class Chronic(Model):
    """A measure that excludes if it was below a value on two days this far apart."""

    measure: Identifier
    below: float
    days: int = Field(ge=1)


class Criterion(Model):
    """One inclusion or exclusion criterion, and what the data can be held to.

    `history` and `medication` are terms that exclude, `history_to_ask` such that do at some stage.
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
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower {self.lower} is not below upper {self.upper}")
        return self


class Measure(Model):
    """What a test means: which code in which domain, and how its units convert.

    A value in a recorded unit u becomes (value + offsets[u]) * factors[u] in `unit`.
    `lower` and `upper` bound what is plausible, in `unit`. Of `specimens` and `categories`, where
    there are any, only these count: arterial blood, the version of a scale.
    """

    name: Identifier
    label: Name
    domain: Literal["LB", "VS", "RE", "RS", "CP", "EG", "QS"]
    code: Name
    unit: Name
    factors: dict[str, float]
    offsets: dict[str, float] = {}
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
        if self.lower >= self.upper:
            raise ValueError(f"lower {self.lower} is not below upper {self.upper}")
        return self


class Assessment(Model):
    """Measures that the schedule common to all arms plans at `visits`; without any, at every one.

    `in_hospital`: planned while the participant is in hospital, and not after discharge.
    """

    measures: tuple[Identifier, ...] = Field(min_length=1)
    visits: tuple[Name, ...] = ()
    in_hospital: bool = False


class ProcedureClass(Model):
    """Procedures that open as one class; `support` ranks respiratory support, 4 the highest."""

    name: Name
    terms: tuple[Name, ...] = Field(min_length=1)
    support: int | None = Field(default=None, ge=1, le=4)


class MedicationClass(Model):
    """Medications that open as one class."""

    name: Name
    terms: tuple[Name, ...] = Field(min_length=1)


class OpenValues(Model):
    """Values that the open store may hold, beyond what the field facts open.

    `deviations` are categories, `symptoms` what everybody is asked for, and `qualifiers` names of
    supplemental qualifiers of DM.
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


class Support(Model):
    """A result that supports a case: `measure` beyond a value, in days around the onset."""

    measure: Identifier
    at_least: float | None = None
    at_most: float | None = None
    days_before: int = Field(default=1, ge=0)
    days_after: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("needs one limit: name at_least or at_most")
        return self


Category = Literal["A", "B", "C", "D"]
Scope = Literal["narrow", "broad"]


class StandardTerm(Model):
    """A preferred term of a standardized MedDRA query, as a licensed file has it."""

    term: Name
    category: Category | None = None
    scope: Scope


class SpecialInterest(Model):
    """A study-defined group of preferred terms; not one of MedDRA's licensed queries.

    Attributes:
        terms: what counts, where no licensed file is given that has `smq`.
        smq: the name of the standardized MedDRA query that stands in for the terms then.
        scope: which of its terms count, those of narrow scope or all.
        algorithm_days: for a query with the algorithm of the anaphylactic reaction, how many days
            the onsets of a combination may lie apart; without it every term counts alone.
        standard_terms: the terms of the query, not part of a definition.
        supports: what supports a case, beside its term.
        asked_for: what reviewers will ask for and no extract of this trial records.
    """

    id: Identifier
    name: Name
    why: Name
    meddra_version: str
    terms: tuple[Name, ...] = Field(min_length=1)
    smq: Name | None = None
    scope: Scope = "narrow"
    algorithm_days: int | None = Field(default=None, ge=0)
    standard_terms: tuple[StandardTerm, ...] = Field(default=(), max_length=0)
    supports: tuple[Support, ...] = ()
    asked_for: tuple[Name, ...] = ()

    @property
    def counted_terms(self) -> tuple[tuple[str, str | None], ...]:
        """Each term that counts, and its category where it counts in a combination only."""
        if not self.standard_terms:
            return tuple((term, None) for term in self.terms)
        if self.algorithm_days is None:
            return tuple(
                (item.term, None)
                for item in self.standard_terms
                if self.scope == "broad" or item.scope == "narrow"
            )
        # Terms of category A, and narrow ones without a category, count alone.
        return tuple(
            (item.term, None if item.category in (None, "A") else item.category)
            for item in self.standard_terms
            if item.category is not None or item.scope == "narrow"
        )


class Worsening(Model):
    """What counts as worsening after a dose, and for how many hours.

    Attributes:
        hours: for how long after a dose it counts; `arrest_hours` for arrest and death.
        vasopressors: the class of medication, of which any start counts.
        peep, fio2: measures of the ventilator's settings, and what rise of them counts.
        arrhythmias, arrests: preferred terms.
        not_recorded: what belongs to it and no extract of this trial records.
    """

    hours: int = Field(ge=1)
    arrest_hours: int = Field(ge=1)
    vasopressors: Name
    peep: Identifier
    peep_increase: float = Field(gt=0)
    fio2: Identifier
    fio2_increase: float = Field(gt=0)
    arrhythmias: tuple[Name, ...] = ()
    arrests: tuple[Name, ...] = ()
    not_recorded: tuple[Name, ...] = ()


class Band(Model):
    """A range of values under a name, `at_least` or `above` and `below` or `at_most` its limits."""

    name: Name
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if self.at_least is not None and self.above is not None:
            raise ValueError("has both at_least and above: name one of the two")
        if self.below is not None and self.at_most is not None:
            raise ValueError("has both below and at_most: name one of the two")
        if (self.at_least, self.above, self.below, self.at_most) == (None,) * 4:
            raise ValueError("has no limit: name at_least, above, below or at_most")
        return self


class Subgroups(Model):
    """By what the board may look at a part of the participants.

    Attributes:
        minimum_per_arm: where an arm has fewer participants, there are counts and no estimates.
        ages: age groups, in years.
        severity_measure: the measure of which the baseline value says how ill somebody was; `pao2`
            over `fio2` of one sample is called `pao2_fio2`.
        severity: its bands.
    """

    minimum_per_arm: int = Field(default=5, ge=1)
    ages: tuple[Band, ...] = ()
    severity_measure: Identifier | None = None
    severity: tuple[Band, ...] = ()

    @model_validator(mode="after")
    def _severity_is_of_a_measure(self) -> Self:
        if self.severity and self.severity_measure is None:
            raise ValueError("has bands of severity and no severity_measure that they are of")
        for bands in (self.ages, self.severity):
            names = [band.name for band in bands]
            if len(set(names)) < len(names):
                raise ValueError("names two bands alike")
        return self


class OxygenBand(Band):
    """A band of PaO2/FiO2; `berlin` is what the Berlin definition calls it, given enough PEEP."""

    berlin: Name | None = None


Rung = Literal[
    "died", "support_4", "support_3", "support_2", "support_1", "ratio", "discharged_without_oxygen"
]


class Oxygenation(Model):
    """What the questions about oxygenation are asked with.

    Attributes:
        peep: the measure of PEEP or CPAP; from `berlin_peep` on a band has its Berlin name.
        bands: of PaO2/FiO2, the best first.
        scale: the measure of clinical progression; `scale_bands` its values, the best first.
        saturation, saturation_fio2: the measures of SpO2/FiO2; a saturation above
            `saturation_at_most`, in percent, says nothing of it.
        composite: the rank-based composite of the primary day, the worst first; `support_3` is
            respiratory support of rank 3, `ratio` PaO2/FiO2 within which the value ranks.
        ventilator_free_days: up to which day days without invasive ventilation are counted.
        around_dose_days: how many days before and after a dose are looked at.
        deltas: shifts of PaO2/FiO2, in mmHg, of those without a gas on the primary day, by which
            the difference between arms is tried; 0 is among them.
    """

    peep: Identifier
    berlin_peep: float = Field(default=5, gt=0)
    bands: tuple[OxygenBand, ...] = Field(min_length=1)
    scale: Identifier
    scale_bands: tuple[Band, ...] = Field(min_length=1)
    saturation: Identifier
    saturation_fio2: Identifier
    saturation_at_most: float = Field(default=97, gt=0, le=100)
    composite: tuple[Rung, ...] = Field(min_length=2)
    ventilator_free_days: int = Field(default=28, ge=1)
    around_dose_days: int = Field(default=3, ge=1)
    deltas: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _shifts_by_nothing_too(self) -> Self:
        if self.deltas and 0 not in self.deltas:
            raise ValueError("has deltas without 0, with which the others are compared")
        return self

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        if len(set(self.composite)) < len(self.composite):
            raise ValueError("names a part of composite twice")
        for bands in (self.bands, self.scale_bands):
            names = [band.name for band in bands]
            if len(set(names)) < len(names):
                raise ValueError("names two bands alike")
        return self


class Immune(Model):
    """What the questions about immune markers are asked with.

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
            raise ValueError("has symptoms and no symptom_bands that their scores are in")
        return self


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
            raise ValueError("has limits above and below: a step is about one of the two")
        if self.above_baseline is not None and self.at_least_baseline is not None:
            raise ValueError("has both above_baseline and at_least_baseline: name one of the two")
        return self


class Grading(Model):
    """How results of one measure are graded, and by which source.

    Attributes:
        baseline: whether multiples of the baseline count beside those of the limit of normal, or
            take their place where the baseline was above that limit.
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
            raise ValueError("grades what is too high and what is too low: make two of it")
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
        aminotransferases, alkaline_phosphatase, bilirubin: the measures.
        aminotransferase_above: multiple of the upper limit of normal.
        bilirubin_at_least: multiple of it, reached within `window_days` after that rise.
        alkaline_phosphatase_below: multiple of it, under which cholestasis does not explain it.
        context: what the case is held against, in the `context_days` before the rise.
    """

    aminotransferases: tuple[Identifier, ...] = Field(min_length=1)
    alkaline_phosphatase: Identifier
    bilirubin: Identifier
    aminotransferase_above: float = Field(default=3, gt=1)
    bilirubin_at_least: float = Field(default=2, gt=1)
    alkaline_phosphatase_below: float = Field(default=2, gt=1)
    window_days: int = Field(default=30, ge=0)
    context_days: int = Field(default=3, ge=0)
    context: tuple[LiverContext, ...] = ()
    source: Name = "FDA 2009"


RuleStatus = Literal["protocol", "demonstration"]


class StoppingRule(Model):
    """A Bayesian safety rule for one arm; `demonstration` rules may run on simulated extracts only.

    It stops when the posterior probability of a rate above `background_rate`, or where no such rate
    is known of a rate above the control arm's by more than `margin`, exceeds `probability`.

    Attributes:
        id: how it is called.
        statement: the rule as the protocol has it.
        group: of special interest, by its id.
        arm: by its code.
        window_days: an event counts up to so many days after randomization or the first dose.
        prior: the beta prior of a rate.
        minimum_participants: with fewer it does not stop.
        true_rates: for which the chance to stop is told.
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
            raise ValueError("has either background_rate or margin")
        return self


class SequentialRule(Model):
    """A group-sequential rule: a result so extreme that the trial may end early.

    Attributes:
        id: how it is called.
        statement: the rule as the protocol has it.
        endpoint: `primary`, the mean of the primary measure on its day by a t statistic, or
            `death`, deaths by the day of [survival] by Fisher's exact test.
        method: how the error is divided among looks.
        alpha: the error of all looks and both sides.
        sided: 1 tests only for the experimental arm having more of the endpoint.
        planned: participants with the endpoint at full information.
        effect: the mean of the score at full information under the planned effect; None where
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
            raise ValueError("reviews stand in the order of their dates")
        return self


class Blinding(Model):
    """How much it takes to see more than a role sees at first.

    Attributes:
        unmasking_persons: 1, or 2 where a second person has to confirm that arms are named.
        smallest_cell: counts below it are not shown to roles that are limited.
    """

    unmasking_persons: Literal[1, 2] = 2
    smallest_cell: int = Field(default=5, ge=2)


class Survival(Model):
    """How deaths are looked at.

    Attributes:
        day: up to which study day deaths are counted, and on which arms are compared.
        known_days: on which study days, beside the planned end, it is said whose vital status is
            known.
        least_known: the share of an arm with a known status below which a warning is shown.
    """

    day: int = Field(default=28, ge=2)
    known_days: tuple[int, ...] = (14, 28)
    least_known: float = Field(default=0.8, gt=0, le=1)

    @model_validator(mode="after")
    def _days_rise(self) -> Self:
        if list(self.known_days) != sorted({day for day in self.known_days if day > 1}):
            raise ValueError("names known_days that are not after day 1, each after the one before")
        return self


class Plausibility(Model):
    """From which point on a value is asked about that could be right.

    Attributes:
        days_before_screening: a record of the trial is dated no earlier than this.
    """

    days_before_screening: int = Field(ge=0)


class Primary(Model):
    """The primary endpoint: which measure on which study day."""

    day: int
    measure: Identifier


class Trial(Model):
    """One trial as its definition file states it."""

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
    worsening: Worsening | None = None
    stopping_rules: tuple[StoppingRule, ...] = ()
    sequential_rules: tuple[SequentialRule, ...] = ()
    monitoring: Monitoring = Monitoring()
    primary: Primary | None = None
    assumed: dict[str, str] = {}

    _definition: bytes = PrivateAttr(default=b"")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[tuple[tuple[int | str, ...], str]] = []

        def wrong(text: str, *loc: int | str) -> None:
            problems.append((loc, f"{'.'.join(str(part) for part in loc)}: {text}"))

        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            wrong(f"{self.timezone!r} is no time zone of the tz database", "timezone")
        codes = [arm.code.casefold() for arm in self.arms.list]
        for path, key, names in (
            (("arms", "list"), "code", codes),
            (("arms", "list"), "name", [arm.name.casefold() for arm in self.arms.list]),
            (("schedule",), "visit", [visit.visit.casefold() for visit in self.schedule]),
            (("schedule",), "number", [f"{visit.number:g}" for visit in self.schedule]),
            (("criteria",), "id", [criterion.id for criterion in self.criteria]),
            (("measures",), "name", [measure.name for measure in self.measures]),
            (("grades",), "measure", [f"{item.measure}, {item.term}" for item in self.grades]),
            (("special_interest",), "id", [group.id for group in self.special_interest]),
            (("stopping_rules",), "id", [rule.id for rule in self.stopping_rules]),
            (("sequential_rules",), "id", [rule.id for rule in self.sequential_rules]),
        ):
            for index, name in enumerate(names):
                if name in names[:index]:
                    wrong(f"{name!r} is there before", *path, index, key)
        for index, (earlier, later) in enumerate(pairwise(self.schedule), start=1):
            if later.day < earlier.day:
                wrong(
                    f"{later.visit} on day {later.day} follows {earlier.visit} on day "
                    f"{earlier.day}; visits stand in the order of their days",
                    *("schedule", index, "day"),
                )
        fallback = self.randomization.fallback_visit
        visits = {visit.visit.casefold() for visit in self.schedule}
        if fallback is not None and fallback.casefold() not in visits:
            wrong(f"{fallback!r} is no visit of the schedule", "randomization", "fallback_visit")
        for loc, value, kind in self._open_values():
            if _plain(value) in {_plain(name) for name in getattr(self.sealed, kind)}:
                wrong(
                    f"{value!r} is open here, and [sealed] {kind} says that one arm only has it: "
                    "who has it would tell the arm. Take it out of one of the two",
                    *loc,
                )
        measured = {measure.name for measure in self.measures}
        for index, assessment in enumerate(self.assessments):
            for name in assessment.measures:
                if name not in measured:
                    wrong(f"{name!r} is no measure", "assessments", index, "measures")
            for name in assessment.visits:
                if name.casefold() not in visits:
                    wrong(f"{name!r} is no visit of the schedule", "assessments", index, "visits")
        known = measured | {"age", "bmi", "pao2_fio2"}
        for index, criterion in enumerate(self.criteria):
            if criterion.measure is not None and criterion.measure not in known:
                wrong(f"{criterion.measure!r} is no measure", "criteria", index, "measure")
        measures = {measure.name for measure in self.measures}
        standard = {_plain(name) for name in self.standard_care}
        for index, criterion in enumerate(self.criteria):
            if criterion.chronic is not None and criterion.chronic.measure not in measures:
                wrong(f"{criterion.chronic.measure!r} is no measure", "criteria", index, "chronic")
            for term in criterion.medication:
                if _plain(term) in standard:
                    wrong(
                        f"{term!r} excludes here and is standard care. Take it out of one",
                        *("criteria", index, "medication"),
                    )
        for index, visit in enumerate(self.schedule):
            for name in visit.expected:
                if name not in measures:
                    wrong(f"{name!r} is no measure", "schedule", index, "expected")
        for loc, text in (*self._strangers_of_interest(measures), *self._beyond_the_schedule()):
            wrong(text, *loc)
        for loc, name in self._measures_named():
            if name not in known - {"age", "bmi"}:
                wrong(f"{name!r} is no measure", *loc)
        if self.primary is not None and self.primary.measure not in known:
            wrong(f"{self.primary.measure!r} is no measure", "primary", "measure")
        groups = {group.id for group in self.special_interest}
        for index, rule in enumerate(self.stopping_rules):
            if rule.group not in groups:
                wrong(
                    f"{rule.group!r} is no special-interest group", "stopping_rules", index, "group"
                )
            if rule.arm.casefold() not in codes:
                wrong(f"{rule.arm!r} is the code of no arm", "stopping_rules", index, "arm")
        for place, planned in enumerate(self.sequential_rules):
            if planned.endpoint == "primary" and self.primary is None:
                wrong("needs [primary]", "sequential_rules", place, "endpoint")
        for key in self.assumed:
            if not _exists(self, key):
                wrong("is no value of this definition", "assumed", key)
        if problems:
            raise _ContradictionError(problems)
        return self

    def _beyond_the_schedule(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """A day of deaths that the schedule, where it is in order, does not reach."""
        days = [visit.day for visit in self.schedule]
        if days == sorted(days) and self.survival.day > days[-1]:
            text = f"day {self.survival.day} is after the last day of the schedule"
            yield ("survival", "day"), text

    def _measures_named(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """The measures that severity, grades and what pages show are of: where, and which."""
        if self.subgroups.severity_measure is not None:
            yield ("subgroups", "severity_measure"), self.subgroups.severity_measure
        for index, grading in enumerate(self.grades):
            yield ("grades", index, "measure"), grading.measure
        if self.liver is not None:
            for name in self.liver.aminotransferases:
                yield ("liver", "aminotransferases"), name
            yield ("liver", "alkaline_phosphatase"), self.liver.alkaline_phosphatase
            yield ("liver", "bilirubin"), self.liver.bilirubin
            for item in self.liver.context:
                yield ("liver", "context"), item.measure
        if self.oxygenation is not None:
            for key in ("peep", "scale", "saturation", "saturation_fio2"):
                yield ("oxygenation", key), getattr(self.oxygenation, key)
        if self.immune is not None:
            for key in ("markers", "cells", "symptoms"):
                for name in getattr(self.immune, key):
                    yield ("immune", key), name

    def _strangers_of_interest(
        self, measures: set[str]
    ) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """What groups of special interest, worsening and markers name that is not there."""
        days = {visit.day for visit in self.schedule}
        if self.immune is not None and self.immune.change_day not in days:
            text = f"day {self.immune.change_day} is no day of the schedule"
            yield ("immune", "change_day"), text
        for index, group in enumerate(self.special_interest):
            for place, support in enumerate(group.supports):
                if support.measure not in measures:
                    loc = ("special_interest", index, "supports", place, "measure")
                    yield loc, f"{support.measure!r} is no measure"
        if self.worsening is None:
            return
        for key in ("peep", "fio2"):
            if (name := getattr(self.worsening, key)) not in measures:
                yield ("worsening", key), f"{name!r} is no measure"
        name = self.worsening.vasopressors
        if name not in {item.name for item in self.open.medication_classes}:
            yield ("worsening", "vasopressors"), f"{name!r} is no class of medication"

    def _open_values(self) -> Iterator[tuple[tuple[int | str, ...], str, str]]:
        """What the definition opens: where, the value, and which list of [sealed] it is held to."""
        for index, visit in enumerate(self.schedule):
            yield ("schedule", index, "visit"), visit.visit, "visits"
        for index, measure in enumerate(self.measures):
            yield ("measures", index, "code"), measure.code, "tests"
        for index, item in enumerate(self.open.procedure_classes):
            for term in item.terms:
                yield ("open", "procedure_classes", index, "terms"), term, "procedures"
        for index, medication in enumerate(self.open.medication_classes):
            for term in medication.terms:
                yield ("open", "medication_classes", index, "terms"), term, "medications"
        for disposition in self.open.dispositions:
            yield ("open", "dispositions"), disposition, "dispositions"
        for deviation in self.open.deviations:
            yield ("open", "deviations"), deviation, "deviations"
        for symptom in self.open.symptoms:
            yield ("open", "symptoms"), symptom, "preferred_terms"

    @property
    def definition(self) -> bytes:
        """The bytes of the definition file, for recognising a changed definition."""
        return self._definition

    @cached_property
    def arm_codes(self) -> tuple[str, ...]:
        """The arms' codes in the definition's order."""
        return tuple(arm.code for arm in self.arms.list)

    @cached_property
    def measures_by_code(self) -> dict[tuple[str, str], Measure]:
        """Measures by (domain, code in upper case)."""
        return {(measure.domain, measure.code.upper()): measure for measure in self.measures}

    def assumptions(self, *prefixes: str) -> tuple[tuple[str, str], ...]:
        """Assumed values whose key is or begins with one of `prefixes`: what, and why."""
        return tuple(
            (key.replace(".", " ").replace("_", " "), reason)
            for key, reason in self.assumed.items()
            if any(key == prefix or key.startswith(prefix + ".") for prefix in prefixes)
        )


def _plain(text: str) -> str:
    """A text as it is compared here; what differs by punctuation only is found at load."""
    return " ".join(text.casefold().split())


def _exists(model: BaseModel, key: str) -> bool:
    value: Any = model
    for part in key.split("."):
        if not isinstance(value, BaseModel) or part not in type(value).model_fields:
            return False
        value = getattr(value, part)
    return True


def available_trials(folder: Path = TRIALS_FOLDER) -> list[str]:
    """The trials that have a definition, in alphabetical order."""
    return sorted(path.parent.name for path in folder.glob("*/trial.toml"))


@cache
def load_trial(name: str, folder: Path = TRIALS_FOLDER) -> Trial:
    """The definition of trial `name`.

    Raises:
        TrialDefinitionError: the trial has no definition, or the definition has problems.
    """
    known = available_trials(folder)
    if name not in known:
        raise TrialDefinitionError(
            f"There is no definition of trial {name!r}; there are: {', '.join(known)}."
        )
    return read_definition(folder / name / "trial.toml")


def read_definition(path: Path) -> Trial:
    """Read and check one definition file.

    Raises:
        TrialDefinitionError: one line per problem, each with the line of the file.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        values = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrialDefinitionError(f"{path.name}: not valid TOML: {error}") from None
    try:
        trial = Trial.model_validate(values)
    except ValidationError as error:
        lines = _Lines(text)
        raise TrialDefinitionError(
            "\n".join(
                sentence
                for problem in error.errors(include_url=False)
                for sentence in _sentences(path.name, lines, problem)
            )
        ) from None
    if trial.id != path.parent.name:
        raise TrialDefinitionError(
            f"{path.name}, line {_Lines(text).of(('id',))}: id is {trial.id!r}, "
            f"but the folder is {path.parent.name!r}"
        )
    trial._definition = content
    return trial


def _sentences(file: str, lines: "_Lines", problem: ErrorDetails) -> list[str]:
    """The sentences about one problem: file, line, key, and what is wrong with it."""
    contradiction = problem.get("ctx", {}).get("error")
    if isinstance(contradiction, _ContradictionError):
        return [f"{file}, line {lines.of(loc)}: {text}" for loc, text in contradiction.problems]
    match problem["type"]:
        case "extra_forbidden":
            message = " is not a key of a trial definition"
        case "missing":
            message = " is missing"
        case "value_error":
            message = " " + problem["msg"].removeprefix("Value error, ")
        case _:
            message = f": {problem['msg']}, found {problem['input']!r}"
    key = ".".join(str(part) for part in problem["loc"])
    return [f"{file}, line {lines.of(problem['loc'])}: {key}{message}"]


class _Lines:
    """Finds the line of a key in a TOML text: tomllib reports no positions."""

    _table = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"]+)\s*\]\]?")
    _key = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]+\")\s*=")

    def __init__(self, text: str) -> None:
        self.positions: dict[tuple[int | str, ...], int] = {}
        counts: Counter[tuple[str, ...]] = Counter()
        here: tuple[int | str, ...] = ()
        for number, line in enumerate(text.split("\n"), start=1):
            if table := self._table.match(line):
                path = tuple(table[2].replace('"', "").split("."))
                here = (*path, counts[path]) if table[1] == "[[" else path
                counts[path] += table[1] == "[["
                self.positions.setdefault(path, number)
                self.positions[here] = number
            elif key := self._key.match(line):
                self.positions.setdefault((*here, key[1].strip('"')), number)

    def of(self, loc: tuple[int | str, ...]) -> int:
        """The line of `loc`, or of the nearest thing around it."""
        while loc and loc not in self.positions:
            loc = loc[:-1]
        return self.positions.get(loc, 1)
