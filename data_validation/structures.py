"""What of the open store could tell the arm without telling an outcome: its structures.

A structure is a number of records or cells per participant: records of a relation, of a visit, a
test or a code; filled cells of a column; days, clock times, partial dates; gaps in a numbering.
What stands in the cells of a measurement is not looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.domains.participation import ENDS
from data_validation.separation import Counts, levels_of
from data_validation.values import NOT_SHOWN

# A column with more different values is text or a measurement, and no code.
CODES_AT_MOST = 100

# Outcomes may part the arms: that is what a trial is for. They are left out, and so is every
# structure that is the same as they are for everybody. By relation, words of columns.
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    domain.relation: domain.outcomes for domain in DOMAINS.values()
}
# Relations of which having a record at all is an outcome.
OCCURRENCE_IS_AN_OUTCOME = tuple(
    domain.relation for domain in DOMAINS.values() if domain.occurrence_is_an_outcome
)
# The name of how far a participant took part.
PARTICIPATION = "last scheduled visit with a record"

_IDENTITY = ("record_key", "subject")


@dataclass(frozen=True)
class Structure:
    """One number per participant, and what it counts.

    Attributes:
        names: what is counted; several where they are the same for everybody.
        counts: in the order of the participants. levels: the same as ranks without gaps.
    """

    names: tuple[str, ...]
    counts: Counts
    levels: Counts

    @property
    def relation(self) -> str:
        """The relation of the first name."""
        return self.names[0].partition(":")[0]


def structures_of(relations: Mapping[str, pl.DataFrame], people: pl.Series) -> list[Structure]:
    """Every structure in which two of the participants differ.

    Args:
        relations: open relations by name, as a snapshot would hold them.
        people: the subjects to count for, each once.
    """
    alike: dict[bytes, tuple[list[str], Counts, Counts]] = {}
    outcomes: set[bytes] = set()
    for name, frame in relations.items():
        if "subject" not in frame.columns or frame.is_empty():
            continue
        rows = _of_the_people(frame, people)
        if name in OCCURRENCE_IS_AN_OUTCOME:
            outcomes.add(_likeness(levels_of(rows.count())))
        for what, counts in _counted(rows, name):
            levels = levels_of(counts)
            if levels.max(initial=0):
                same = alike.setdefault(_likeness(levels), ([], counts, levels))
                same[0].append(f"{name}: {what}")
    return [
        Structure(tuple(names), counts, levels)
        for likeness, (names, counts, levels) in alike.items()
        if likeness not in outcomes
    ]


def participation(relations: Mapping[str, pl.DataFrame], people: pl.Series) -> Counts:
    """How far each took part: the last scheduled visit with a record, as levels from 0.

    That is an outcome (death, withdrawal, recovery), and most numbers of records follow from it.
    """
    days = [
        frame.select("subject", "planned_day")
        for frame in relations.values()
        if {"subject", "planned_day"} <= set(frame.columns)
    ]
    if not days:
        return np.zeros(len(people), dtype=np.int64)
    last = pl.concat(days).group_by("subject").agg(pl.col("planned_day").max())
    reached = people.to_frame("subject").join(
        last, on="subject", how="left", maintain_order="left"
    )["planned_day"]
    ranks = reached.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    return levels_of(ranks)


def _likeness(levels: Counts) -> bytes:
    """The same for structures that part the participants alike, be it the other way round."""
    turned = levels.max(initial=0) - levels
    one, other = (item.astype(np.int32).tobytes() for item in (levels, turned))
    return min(one, other)


@dataclass(frozen=True)
class _Rows:
    """Rows of the participants, and the position of the participant of each."""

    frame: pl.DataFrame
    person: Counts
    people: int

    def count(self, where: pl.Series | None = None) -> Counts:
        """Rows per participant, all or those where it holds."""
        person = self.person
        if where is not None:
            holds = where.fill_null(False) if where.has_nulls() else where
            person = person[holds.to_numpy()]
        return np.bincount(person, minlength=self.people).astype(np.int64)

    def different(self, column: str) -> Counts:
        """Different values per participant."""
        values = self.frame[column]
        there = values.is_not_null()
        codes = values.filter(there).rank("dense").cast(pl.Int64).to_numpy()
        pairs = pl.Series(codes * self.people + self.person[there.to_numpy()]).unique()
        return np.bincount(pairs.to_numpy() % self.people, minlength=self.people).astype(np.int64)


def _of_the_people(frame: pl.DataFrame, people: pl.Series) -> _Rows:
    places = pl.DataFrame({"subject": people, "_person": np.arange(len(people))})
    person = by_distinct(
        frame,
        ["subject"],
        lambda rows: rows.join(places, on="subject", how="left", maintain_order="left").select(
            "_person"
        ),
    ).to_series()
    is_one = person.is_not_null()
    rows = frame if is_one.all() else frame.filter(is_one)
    return _Rows(rows, person.drop_nulls().to_numpy(), len(people))


def _without_outcomes(rows: _Rows, relation: str) -> _Rows:
    """Rows that are no outcome themselves: not respiratory support, not an end."""
    if relation == "procedure" and "support" in rows.frame.columns:
        kept = rows.frame["support"].is_null()
    elif relation == "disposition":
        # How participation ended is an outcome; other dispositions are not.
        is_end = pl.col("became").is_in(ENDS).fill_null(value=False)
        kept = rows.frame.select(~is_end).to_series()
    else:
        return rows
    return _Rows(rows.frame.filter(kept), rows.person[kept.to_numpy()], rows.people)


def _counted(rows: _Rows, relation: str) -> Iterator[tuple[str, Counts]]:
    """What is counted of one relation, and the counts."""
    rows = _without_outcomes(rows, relation)
    outcomes = OUTCOMES.get(relation, ())
    columns = rows.frame.columns
    if relation not in OCCURRENCE_IS_AN_OUTCOME:
        yield "records", rows.count()
    if {"study_day", "planned_day"} <= set(columns):
        moved = rows.frame.select(pl.col("study_day") != pl.col("planned_day")).to_series()
        yield "records on another day than planned", rows.count(moved)
    for name, kind in rows.frame.schema.items():
        word = name.removesuffix("_text")
        column = rows.frame[name]
        # What is empty for everybody is the same for everybody.
        if name in _IDENTITY or column.null_count() == len(column):
            continue
        is_text_of_typed = name.endswith("_text") and word in columns
        if is_text_of_typed:
            yield from _forms(rows, column, word)
        if word in outcomes:
            continue
        if is_text_of_typed or f"{name}_text" not in columns:
            yield f"{word} filled", rows.count(column.is_not_null())
        if kind == pl.Date:
            yield f"different days of {name}", rows.different(name)
        elif kind == pl.Boolean:
            yield f"{name}", rows.count(column)
        elif kind == pl.String and not is_text_of_typed:
            yield from _codes(rows, column)
        elif kind == pl.Int64 and f"{name}_text" in columns:
            yield from _codes(rows, column.cast(pl.String))


def _forms(rows: _Rows, text: pl.Series, word: str) -> Iterator[tuple[str, Counts]]:
    """How a typed value is written: masked, a date in part, with which hour of the clock."""
    yield f"{word} not shown", rows.count(text == NOT_SHOWN)
    if rows.frame.schema[word] == pl.Date:
        yield f"{word} in part", rows.count(text.str.contains(r"^[0-9]{4}(-[0-9]{2})?$"))
        hour = text.str.extract(r"^.{10}[T ]([0-9]{2})", 1)
        if hour.null_count() < len(hour):
            for value, counts in _by_value(rows, hour):
                yield f"{word} at {value} h", counts


def _codes(rows: _Rows, column: pl.Series) -> Iterator[tuple[str, Counts]]:
    """Each value of a code, and how many different ones; the gaps of a numbering."""
    name = column.name
    if column.str.contains(r"^[0-9]{1,9}$").all() and not column.has_nulls():
        different = rows.different(name)
        if different.max(initial=0) > 1 and np.array_equal(different, rows.count()):
            highest = np.zeros(rows.people, dtype=np.int64)
            np.maximum.at(highest, rows.person, column.cast(pl.Int64).to_numpy())
            yield f"gaps in {name}", np.maximum(highest - different, 0)
            return
    by_value = dict(_by_value(rows, column))
    if len(by_value) > 1:
        has = np.stack(list(by_value.values())) > 0
        yield f"different values of {name}", has.sum(axis=0, dtype=np.int64)
    for value, counts in by_value.items():
        yield f"{name} {value}", counts


def _by_value(rows: _Rows, column: pl.Series) -> Iterator[tuple[str, Counts]]:
    name = pl.col(column.name)
    values = column.to_frame().select(name.drop_nulls().unique().sort()).to_series()
    if not 0 < len(values) <= CODES_AT_MOST:
        return
    codes = column.cast(pl.Enum(values)).to_physical().to_numpy()  # with nulls, of floats
    is_there = ~np.isnan(codes)
    flat = codes[is_there].astype(np.int64) * rows.people + rows.person[is_there]
    table = np.bincount(flat, minlength=len(values) * rows.people).reshape(len(values), -1)
    yield from zip(values, table.astype(np.int64), strict=True)
