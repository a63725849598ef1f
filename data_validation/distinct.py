"""What depends on a few texts of a row is worked out once for each combination of them.

A column of an extract says the same few hundred things a million times. To read a date, a number or
a unit out of a text costs far more than to find out which text it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

# Below this many rows, to find the distinct ones costs more than it saves.
FEW = 5_000


def is_small(frame: pl.DataFrame) -> bool:
    """Whether a frame has so few rows that each is better looked at."""
    return frame.height < FEW


@dataclass(frozen=True)
class Distinct:
    """The distinct combinations of some columns.

    Attributes:
        rows: the place of the first row of each.
        which: for every row the place in `rows` of the combination that it has.
    """

    rows: npt.NDArray[np.int64]
    which: npt.NDArray[np.int64]


def distinct(frame: pl.DataFrame, names: Sequence[str]) -> Distinct:
    """Find the distinct combinations of columns of text, null among them."""
    combinations = _distinct_numbers(_numbers(frame[names[0]]))
    for name in names[1:]:
        numbers = _numbers(frame[name])
        pairs = combinations.which * (int(numbers.max(initial=0)) + 1) + numbers
        combinations = _distinct_numbers(pairs)
    return combinations


def _numbers(text: pl.Series) -> npt.NDArray[np.int64]:
    """A small number for each text, 0 for null."""
    if text.null_count() == len(text):
        return np.zeros(len(text), dtype=np.int64)
    codes = text.cast(pl.Categorical(pl.Categories.random())).to_physical()
    return (codes.cast(pl.Int64) + 1).fill_null(0).to_numpy()


def _distinct_numbers(numbers: npt.NDArray[np.int64]) -> Distinct:
    rows = pl.Series(numbers).arg_unique().cast(pl.Int64).to_numpy()
    values = numbers[rows]
    most = int(values.max(initial=0)) + 1
    if most <= 2 * len(numbers):
        places = np.zeros(most, dtype=np.int64)
        places[values] = np.arange(len(values))
        return Distinct(rows, places[numbers])
    order = np.argsort(values)
    return Distinct(rows, order[np.searchsorted(values[order], numbers)])


def by_distinct(
    frame: pl.DataFrame, names: Sequence[str], make: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """`make(frame)`, for a `make` whose rows depend on the columns `names` of their row alone.

    Args:
        make: given rows with the columns `names`, returns as many rows.
    """
    if is_small(frame):
        return make(frame[list(names)])
    combinations = distinct(frame, names)
    return make(frame.select(names)[combinations.rows])[combinations.which]


def representatives(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Some rows of `frame`, among which every text of each column occurs that occurs at all."""
    if is_small(frame):
        return frame
    return frame.filter(pl.any_horizontal(pl.col(name).is_first_distinct() for name in names))


def repeated(frame: pl.DataFrame, by: Sequence[pl.Expr]) -> pl.DataFrame:
    """The rows that are equal to another one in what `by` makes of them."""
    made = frame.select(item.alias(str(place)) for place, item in enumerate(by))
    # Rows with the hash of another one are few; only among them is it worth to compare.
    alike = made.hash_rows().is_duplicated()
    if not alike.any():
        return frame.clear()
    return frame.filter(alike).filter(made.filter(alike).is_duplicated())
