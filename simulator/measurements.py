"""From values to the rows of findings: recorded units, ranges, sequence, baseline flags."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, log10

import numpy as np
import polars as pl

from simulator.draws import Days, Floats, Integers, Mask
from simulator.listing import listing
from simulator.population import Population, limits_of
from simulator.records import (
    MINUTES,
    NEVER,
    Learned,
    Records,
    blank,
    constant,
    flag,
    iso_times,
    pick,
    repeated,
)
from simulator.reference import Test
from simulator.run import Run
from simulator.visits import Occasions
from trials import Measure, Trial


@dataclass(frozen=True)
class Samples:
    """What was measured when: one value per sample.

    Attributes:
        person: index of the person. occasion: index of the visit.
        minute: minutes since 1970-01-01T00:00.
        baseline: whether it lies at or before randomization, on a scheduled visit.
        timing: index of the time point's name, -1 for none.
        column: the column of the matrix it comes from.
    """

    person: Integers
    occasion: Integers
    minute: Integers
    baseline: Mask
    timing: Integers
    column: Integers

    @classmethod
    def of(
        cls,
        people: Population,
        occasions: Occasions,
        taken: Mask,
        *,
        minute: Integers,
        occasion: Integers,
        timing: Integers,
    ) -> "Samples":
        """The samples that were taken.

        `taken` and `minute` (of the day) are (persons, n); column i belongs to occasion
        `occasion[i]` at time point `timing[i]`.
        """
        person, column = np.nonzero(taken)
        visit = occasion[column]
        offset = occasions.offset[person, visit]
        return cls(
            person=person,
            occasion=visit,
            minute=(people.anchor[person] + offset) * MINUTES + minute[person, column],
            baseline=(visit < occasions.scheduled) & (offset <= 0) & (timing[column] < 0),
            timing=timing[column],
            column=column,
        )


# A test with the measure it means, its values, and which samples have it; both (persons, n).
Reading = tuple[Test, Measure | None, Floats, Mask]


@dataclass(frozen=True)
class _Recorded:
    """How a site records a test: (recorded + offset) * factor is the value in the own unit."""

    unit: str
    decimals: int
    own_decimals: int
    factor: float = 1.0
    offset: float = 0.0

    def of(self, values: Floats) -> Floats:
        return np.round(values / self.factor - self.offset, self.decimals)

    def standardized(self, recorded: Floats) -> Floats:
        return np.round((recorded + self.offset) * self.factor, self.own_decimals)

    def text(self, value: float | None) -> str | None:
        if value is None:
            return None
        return str(texts(self.of(np.array([value])), self.decimals)[0])


def texts(values: Floats, decimals: int) -> pl.Series:
    """Numbers as an EDC prints them: whole ones without a decimal point."""
    series = pl.Series(values)
    return (series.cast(pl.Int64) if decimals == 0 else series).cast(pl.String)


def in_measures_unit(test: Test, measure: Measure, values: Floats) -> tuple[Test, Floats]:
    """A test and its values turned into the unit of the measure it means."""
    if test.unit == measure.unit:
        return test, values
    factor, offset = measure.factors[test.unit], measure.offsets.get(test.unit, 0.0)

    def turned(value: float | None) -> float | None:
        return None if value is None else (value + offset) * factor

    turned_test = replace(
        test,
        unit=measure.unit,
        decimals=max(0, test.decimals + ceil(-log10(factor))),
        low=turned(test.low),
        high=turned(test.high),
        detection=turned(test.detection),
    )
    return turned_test, (values + offset) * factor


def within_measure(
    run: Run, test: Test, measure: Measure, values: Floats, offset: Days
) -> tuple[Test, Floats]:
    """A test and its values in the unit of its measure, eligible and plausible."""
    test, values = in_measures_unit(test, measure, values)
    values = hold_to_criteria(run.trial, run.people, measure.name, values, offset)
    return test, np.clip(values, measure.lower, measure.upper)


def hold_to_criteria(
    trial: Trial, people: Population, measure: str, values: Floats, offset: Days
) -> Floats:
    """Values until randomization, held within the criteria, or beyond one that screening failed on.

    `values` and `offset` are (persons, n). A margin of 3 % keeps rounding within the limits.
    """
    lower, upper = limits_of(trial, measure)
    if lower is None and upper is None:
        return values
    within = np.clip(
        values,
        -np.inf if lower is None else lower + 0.03 * abs(lower),
        np.inf if upper is None else upper - 0.03 * abs(upper),
    )
    forced = people.forced.get(measure, np.full(len(people), np.nan))[:, None]
    return np.where(offset > 0, values, np.where(np.isnan(forced), within, forced))


def _recorded(test: Test, measure: Measure | None) -> tuple[_Recorded, _Recorded]:
    """The unit of most sites, and that of every third where the measure knows another.

    Most sites give FiO2 in percent, as ventilators show it.
    """
    own = _Recorded(test.unit, test.decimals, test.decimals)
    others = [] if measure is None else [u for u in measure.factors if u not in ("", test.unit)]
    if measure is None or not others:
        return own, own
    factor = measure.factors[others[0]]
    other = _Recorded(
        unit=others[0],
        decimals=max(0, test.decimals + ceil(log10(factor))),
        own_decimals=test.decimals + 2,
        factor=factor,
        offset=measure.offsets.get(others[0], 0.0),
    )
    return (other, own) if test.unit == "fraction" else (own, other)


def results(
    run: Run, domain: str, samples: Samples, readings: Iterable[Reading], first: int = 0
) -> list[pl.DataFrame]:
    """The rows of each test; `first` ranks the first test among those of one sample."""
    return [
        _result(run, domain, samples, reading, order)
        for order, reading in enumerate(readings, start=first)
    ]


def _result(run: Run, domain: str, samples: Samples, reading: Reading, order: int) -> pl.DataFrame:
    """The rows of one test; the columns in lower case are for `assemble`."""
    test, measure, matrix, taken = reading
    kept = taken[samples.person, samples.column]
    person = samples.person[kept]
    values = matrix[person, samples.column[kept]]
    rows = len(values)
    if measure is not None:
        test, values = in_measures_unit(test, measure, values)
    usual, other = _recorded(test, measure)
    elsewhere = run.people.site[person] % 3 == 1

    def by_site(first: pl.Series, second: pl.Series) -> pl.Series:
        return second.zip_with(pl.Series(elsewhere), first)

    def named(first: str | None, second: str | None) -> pl.Series:
        return pick(pl.Series([first, second], dtype=pl.String), elsewhere.astype(np.int64))

    first, second = usual.of(values), other.of(values)
    first_own, second_own = usual.standardized(first), other.standardized(second)
    original = by_site(texts(first, usual.decimals), texts(second, other.decimals))
    standard = by_site(texts(first_own, usual.own_decimals), texts(second_own, other.own_decimals))
    numbers = np.where(elsewhere, second_own, first_own)
    number = pl.Series(numbers)
    if test.detection is not None:
        quantified = pl.Series(values >= test.detection)
        original = original.zip_with(
            quantified, named(f"<{usual.text(test.detection)}", f"<{other.text(test.detection)}")
        )
        standard = standard.zip_with(quantified, constant(f"<{test.detection:g}", rows))
        number = blank(number, values < test.detection)
    columns = {
        "person": pl.Series(person),
        "minute": pl.Series(samples.minute[kept]),
        "occasion": pl.Series(samples.occasion[kept]),
        "order": repeated(order, rows, pl.Int64),
        "baseline": pl.Series(samples.baseline[kept]),
        "timing": pl.Series(samples.timing[kept]),
        f"{domain}TESTCD": constant(test.code, rows),
        f"{domain}TEST": constant(test.name, rows),
        f"{domain}ORRES": original,
        f"{domain}ORRESU": named(usual.unit, other.unit),
        f"{domain}STRESC": standard,
        f"{domain}STRESN": number,
        f"{domain}STRESU": constant(test.unit, rows),
    }
    if test.category:
        columns[f"{domain}CAT"] = constant(test.category, rows)
    if test.specimen:
        columns[f"{domain}SPEC"] = constant(test.specimen, rows)
    if domain == "LB":
        low, high = test.low, test.high
        index = np.ones(rows, dtype=np.int64)
        if low is not None:
            index[numbers < low] = 0
        if high is not None:
            index[numbers > high] = 2
        if low is None and high is None:
            index[:] = -1
        columns |= {
            "LBORNRLO": named(usual.text(low), other.text(low)),
            "LBORNRHI": named(usual.text(high), other.text(high)),
            "LBSTNRLO": repeated(low, rows, pl.Float64),
            "LBSTNRHI": repeated(high, rows, pl.Float64),
            "LBNRIND": pick(["LOW", "NORMAL", "HIGH"], index),
        }
    return pl.DataFrame(columns)


def assemble(
    run: Run, domain: str, parts: list[pl.DataFrame], timings: list[str], names: list[str]
) -> Records | None:
    """All rows of a domain of findings in order, with sequence numbers and baseline flags.

    None where the trial has no test in the domain.
    """
    if not parts:
        return None
    frame = pl.concat(parts).sort("person", "minute", "order", "occasion", maintain_order=True)
    person, minute, occasion, order, timing = (
        frame[name].to_numpy() for name in ("person", "minute", "occasion", "order", "timing")
    )
    # SDTMIG's --BLFL: the last record before treatment; it is known once there is a day 1.
    candidates = np.flatnonzero(frame["baseline"].to_numpy())[::-1]
    key = person[candidates] * 1000 + order[candidates]
    baseline = np.zeros(frame.height, dtype=np.bool_)
    baseline[candidates[np.unique(key, return_index=True)[1]]] = True
    occasions = run.occasions
    columns = {name: frame[name] for name in frame.columns if name.startswith(domain)} | {
        f"{domain}BLFL": flag(baseline),
        "VISITNUM": pl.Series(np.round(occasions.number[person, occasion], 2)),
        "VISIT": pick(occasions.names, occasion),
        f"{domain}DTC": iso_times(minute),
        f"{domain}TPT": pick(timings, timing),
    }
    day_one = np.where(run.people.failed, NEVER, run.people.anchor)[person]
    learned = Learned(day_one, {f"{domain}BLFL": None})
    records = listing(run, domain, person, minute // MINUTES, columns, learned=[learned])
    return replace(records, frame=records.frame.select(names))
