"""Records that know when they came to be known, and the cut through them at a date.

The simulator makes every trial to its end. What an extract of an earlier day would have held is
then cut out of it: rows that began later are left out, and values learned later are taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from simulator.draws import Days, Integers, Mask

# A day that no calendar reaches: for what never happens. Days count from 1970-01-01.
NEVER = 10_000_000
MINUTES = 24 * 60
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Learned:
    """Values that become known after their record: on which day, and what stands until then.

    `before` maps a column to its earlier values; None stands for no value.
    """

    on: Days
    before: Mapping[str, pl.Series | None]


@dataclass(frozen=True)
class Records:
    """One dataset of the finished trial: a frame, and the day on which each row was recorded."""

    frame: pl.DataFrame
    recorded: Days
    learned: tuple[Learned, ...] = ()

    def until(self, cutoff: date) -> pl.DataFrame:
        """The rows and values known by the end of `cutoff`."""
        last = day_number(cutoff)
        frame = self.frame
        for item in self.learned:
            learned = pl.Series(item.on <= last)
            frame = frame.with_columns(
                frame[name].zip_with(
                    learned, blank(frame[name], everywhere(frame)) if earlier is None else earlier
                )
                for name, earlier in item.before.items()
            )
        return frame.filter(pl.Series(self.recorded <= last))


@dataclass(frozen=True)
class Rows:
    """Rows as arrays: each field of a subclass has one value per row."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, one part after the other; at least one part."""
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )

    def at(self, rows: Integers) -> Self:
        """These rows, in this order."""
        return replace(
            self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )


def day_number(day: date) -> int:
    """Days from 1970-01-01."""
    return day.toordinal() - _EPOCH


def calendar(anchor: Days, offset: Days) -> Days:
    """The days `offset` after `anchor`; what never happens stays at NEVER."""
    return np.where(offset >= NEVER, NEVER, anchor + offset)


def everywhere(frame: pl.DataFrame) -> Mask:
    """True for every row."""
    return np.ones(frame.height, dtype=np.bool_)


def blank(values: pl.Series, where: Mask) -> pl.Series:
    """`values` without those where the mask holds."""
    nothing = pl.Series([None], dtype=values.dtype).new_from_index(0, len(values))
    return values.zip_with(pl.Series(~where), nothing)


def iso_dates(days: Days) -> pl.Series:
    """ISO 8601 dates; NEVER becomes null."""
    never = days >= NEVER
    dates = pl.Series(np.where(never, 0, days)).cast(pl.Int32).cast(pl.Date)
    return blank(dates.cast(pl.String), never)


def iso_times(minutes: Days) -> pl.Series:
    """ISO 8601 dates with the time to the minute, of minutes since 1970-01-01T00:00."""
    never = minutes >= NEVER * MINUTES
    times = pl.Series(np.where(never, 0, minutes) * 60_000).cast(pl.Datetime("ms"))
    return blank(times.dt.strftime("%Y-%m-%dT%H:%M"), never)


def pick(names: list[str] | tuple[str, ...] | pl.Series, index: Integers) -> pl.Series:
    """The names at `index`; a negative index gives null."""
    values = names if isinstance(names, pl.Series) else pl.Series(list(names), dtype=pl.String)
    # Index -1 is then the last, which is null.
    values = pl.concat([values, pl.Series([None], dtype=values.dtype)])
    return values[np.maximum(index, -1)]


def flag(mask: Mask, yes: str = "Y", no: str | None = None) -> pl.Series:
    """`yes` where the mask holds, else `no`."""
    return pick([yes] if no is None else [yes, no], np.where(mask, 0, -1 if no is None else 1))


def sequence(participant: Integers) -> Integers:
    """1, 2, … within each participant, for rows sorted by participant."""
    if len(participant) == 0:
        return participant
    starts = np.flatnonzero(np.r_[True, participant[1:] != participant[:-1]])
    lengths = np.diff(np.r_[starts, len(participant)])
    return np.arange(len(participant), dtype=np.int64) - np.repeat(starts, lengths) + 1


def constant(value: str, rows: int) -> pl.Series:
    """The same text in every row."""
    return repeated(value, rows, pl.String)


def repeated(value: object, rows: int, kind: type[pl.DataType]) -> pl.Series:
    """The same value in every row; None gives nulls."""
    return pl.Series([value], dtype=kind).new_from_index(0, rows)
