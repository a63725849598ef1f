"""From what a format holds to text: one column of text per column, exactly as received.

Validation needs the text a site sent, not what a parser made of it, so every format ends here:
numbers as their shortest text, dates as ISO 8601, a wholly blank value as null.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import NoneType

import polars as pl

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal

FILE_COLUMN = "_file"
ROW_COLUMN = "_row"

# What one cell takes at least, whatever it takes in the file: in a column, and as an object.
CELL_BYTES = 16
OBJECT_BYTES = 64

# A transport file can have 9,999 variables, an SDTM dataset has fewer than 300.
_MOST_COLUMNS = 10_000

# What pandas calls the index of a frame that it has written and read again, or kept in Parquet.
_ROW_INDEX = re.compile(r"UNNAMED: 0|__INDEX_LEVEL_0__")


@dataclass(frozen=True, eq=False)
class Table:
    """What a reader returns: the columns of one file in their order, in any type, and notes.

    Names are as received; they may repeat or be blank. All columns have the same length.
    ``dataset`` is what the file itself, not its name, calls the dataset, in upper case.
    """

    names: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    notes: tuple[str, ...] = ()
    dataset: str | None = None


def as_text(column: pl.Series) -> pl.Series:
    """Return ``column`` as text, nulls kept.

    Floats in their shortest form that reads back as the same number, whole ones without ".0", NaN
    as null; dates, times and durations as ISO 8601; booleans as Y and N. The type must not be a
    nested one. Raises a polars error for bytes that are not UTF-8.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Boolean):
        return column.replace_strict({True: "Y", False: "N"}, return_dtype=pl.String)
    if dtype.is_float():
        text = column.fill_nan(None).cast(pl.String).str.strip_suffix(".0")
        # The negative zero is an artifact of arithmetic: no one measured it.
        return text.replace("-0", "0")
    if isinstance(dtype, pl.Date):
        return column.dt.to_string("%Y-%m-%d")
    if isinstance(dtype, pl.Time):
        return column.dt.to_string("%H:%M:%S%.f")
    if isinstance(dtype, pl.Datetime):
        zone = "" if dtype.time_zone is None else "%:z"
        return column.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if isinstance(dtype, pl.Duration):
        return column.dt.to_string("iso")
    return column.cast(pl.String)


_TYPES: dict[type, type[pl.DataType]] = {
    str: pl.String,
    float: pl.Float64,
    bool: pl.Boolean,
    date: pl.Date,
    datetime: pl.Datetime,
    time: pl.Time,
    timedelta: pl.Duration,
}


def mixed_text(values: Sequence[object]) -> pl.Series:
    """Return values that came one by one, each of a type of its own, as ``as_text`` shows them."""
    text = pl.Series([None] * len(values), dtype=pl.String)
    for kind in set(map(type, values)) - {NoneType}:
        if kind is int:  # of any size, in Python
            part = pl.Series([str(value) if type(value) is int else None for value in values])
        else:
            own = [value if type(value) is kind else None for value in values]
            part = as_text(pl.Series(own, dtype=_TYPES[kind]))
        text = text.zip_with(text.is_not_null(), part)
    return text


def blank_as_null(column: pl.Series) -> pl.Series:
    """Return a text column with null for each value that is empty or only white space."""
    # Every white space character sorts before "!" or after "~". To compare is much cheaper than to
    # strip, and most columns then have nothing left to look at.
    candidate = (column < "!") | (column > "~")
    if not candidate.any():
        return column
    blank = candidate & (column.str.strip_chars() == "")
    if not blank.any():
        return column
    return pl.select(pl.when(~blank).then(column)).to_series()


def text_frame(table: Table, file: str, limits: Limits) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the table as a frame of text with its origin, and notes on its columns and rows.

    Columns are upper-cased names of type String, then ``_file`` (String) and ``_row`` (Int64, the
    data row in the file, the first being 1). Columns with neither a name nor a value are left out.
    Raises Refusal for names that repeat or are reserved and for a value beyond
    ``limits.field_bytes``.
    """
    received = {}
    blank = 0
    for position, (name, column) in enumerate(zip(table.names, table.columns, strict=True), 1):
        text = blank_as_null(as_text(column))
        if name.strip() or text.null_count() < len(text):
            received[position] = name, text
        else:
            blank += 1
    names, notes = _column_names({position: name for position, (name, _) in received.items()})
    if blank:
        columns = "1 column has" if blank == 1 else f"{blank} columns have"
        notes += (f"{columns} neither a name nor a value; passed over.",)
    frame = pl.DataFrame(
        [text.alias(name) for name, (_, text) in zip(names, received.values(), strict=True)]
    )
    _refuse_oversized(frame, limits)
    frame = frame.with_columns(
        pl.lit(file, dtype=pl.String).alias(FILE_COLUMN),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_COLUMN),
    )
    return frame, notes


def without_blank_rows(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return a frame as ``text_frame`` makes it without rows that have no value, and how many."""
    values = frame.drop(FILE_COLUMN, ROW_COLUMN)
    if not all(column.null_count() for column in values.iter_columns()):
        return frame, ()
    has_value = values.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    blank = len(has_value) - has_value.sum()
    if not blank:
        return frame, ()
    rows = "1 row has" if blank == 1 else f"{blank} rows have"
    return frame.filter(has_value), (f"{rows} no value at all; passed over.",)


def _column_names(received: Mapping[int, str]) -> tuple[list[str], tuple[str, ...]]:
    """Return names that are upper-cased and unique, and a note for each that had to be made up.

    Args:
        received: by position, the first being 1.
    """
    if not received:
        raise Refusal("has no columns; send it with one column per SDTM variable.")
    if len(received) > _MOST_COLUMNS:
        raise Refusal(
            f"has {len(received)} columns, more than the {_MOST_COLUMNS} of any dataset; "
            "check that its first line names the columns."
        )
    positions: dict[str, int] = {}
    notes: list[str] = []
    unnamed = 0
    for position, raw in received.items():
        name = raw.strip().upper()
        if not name:
            unnamed += 1
            name = f"UNNAMED_{unnamed}"
            notes.append(f"Column {position} has no name and is read as {name}.")
        elif _ROW_INDEX.fullmatch(name):
            notes.append(
                f"Column {position}, {name}, looks like the row numbers of the program that wrote "
                "the file; it is kept, sealed."
            )
        if name in {FILE_COLUMN.upper(), ROW_COLUMN.upper()}:
            raise Refusal(f"names its column {position} {name}, which is reserved; rename it.")
        if name in positions:
            # By number only: in a file without a header line these names are data.
            raise Refusal(
                f"gives columns {positions[name]} and {position} the same name (upper and "
                "lower case are one); give every column a name of its own in the first line."
            )
        positions[name] = position
    return list(positions), tuple(notes)


def _refuse_oversized(frame: pl.DataFrame, limits: Limits) -> None:
    longest = frame.select(pl.all().str.len_bytes().max().fill_null(0)).row(0)
    for name, length in zip(frame.columns, longest, strict=True):
        if length > limits.field_bytes:
            row = (frame[name].str.len_bytes() > limits.field_bytes).arg_max() or 0
            raise Refusal(
                f"holds in data row {row + 1}, column {name}, a value of more than "
                f"{limits.field_bytes} bytes; correct the value or leave it out."
            )
