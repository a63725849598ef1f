"""What the two SAS formats share: dates and times as numbers, and text in an unnamed encoding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyreadstat

from data_validation.readers.encoding import PLACES_SAID, cut_letters, encoding_of
from data_validation.readers.limits import Limits
from data_validation.readers.text import Table, as_text

# pyreadstat makes a Python object of every cell, several times the size of the cell in the file.
CELLS_AT_A_TIME = 2_000_000

# By the SAS format of a numeric variable: days or seconds since 1960-01-01, seconds of a day.
_DATE_FORMATS = frozenset(
    ["DATE", "E8601DA", "B8601DA", "IS8601DA", "WORDDATE", "WEEKDATE", "WORDDATX", "WEEKDATX"]
    + [stem + sep for stem in ("DDMMYY", "MMDDYY", "YYMMDD") for sep in ("", *"BCDNPS")]
)
_DATETIME_FORMATS = frozenset(["DATETIME", "DATEAMPM", "E8601DT", "B8601DT", "IS8601DT", "MDYAMPM"])
_TIME_FORMATS = frozenset(["TIME", "HHMM", "TOD", "TIMEAMPM", "E8601TM", "B8601TM", "IS8601TM"])
_DAYS_TO_1970 = 3653
_SECONDS_A_DAY = 86_400
_BYTES = "ISO-8859-1"
_FIRST_DAY, _LAST_DAY = -138_061, 2_936_547  # 1582-01-01 to 9999-12-31, as in SAS.


@dataclass(frozen=True)
class SasColumn:
    """A variable's name, whether it is text, and its SAS format without width, as ``DATE``."""

    name: str
    is_text: bool
    format: str


def special_missing(name: str) -> str:
    """The note on a column with values that SAS calls missing in a special way."""
    return f"Column {name} has special missing values (.A to .Z or ._); they are read as missing."


def sas_table(
    variables: tuple[SasColumn, ...], frame: pl.DataFrame, notes: tuple[str, ...]
) -> Table:
    """Return decoded columns, numbers as floats, as a table with dates and times in ISO 8601."""
    columns = []
    for variable, column in zip(variables, frame.get_columns(), strict=True):
        text, kept_numbers = _temporal_text(column, variable)
        columns.append(text)
        if kept_numbers:
            notes += (
                f"Column {variable.name} has the SAS format {variable.format}, but values that "
                "are not such a date or time; these stay numbers.",
            )
    return Table(tuple(variable.name for variable in variables), tuple(columns), notes)


def _temporal_text(column: pl.Series, variable: SasColumn) -> tuple[pl.Series, bool]:
    """Return the column with dates and times as ISO 8601, and whether numbers remained.

    A number stays as it is if the calendar or the clock has no place for it: pyreadstat and SAS
    round it or take it modulo a day, which would change what was received.
    """
    if variable.is_text:
        return column, False
    number = pl.col("number")
    if variable.format in _DATE_FORMATS:
        fits = number.is_between(_FIRST_DAY, _LAST_DAY) & (number == number.floor())
        moment = (number - _DAYS_TO_1970).cast(pl.Int32, strict=False).cast(pl.Date)
    elif variable.format in _DATETIME_FORMATS:
        fits = number.is_between(_FIRST_DAY * _SECONDS_A_DAY, (_LAST_DAY + 1) * _SECONDS_A_DAY - 1)
        since_1970 = number - _DAYS_TO_1970 * _SECONDS_A_DAY
        moment = (since_1970 * 1e6).round().cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    elif variable.format in _TIME_FORMATS:
        fits = number.is_between(0, _SECONDS_A_DAY - 1)
        moment = (number * 1e9).round().cast(pl.Int64, strict=False).cast(pl.Time)
    else:
        return as_text(column), False
    frame = pl.DataFrame({"number": column, "text": as_text(column)})
    iso = as_text(frame.select(pl.when(fits).then(moment)).to_series())
    text = iso.zip_with(iso.is_not_null(), frame["text"])
    return text, bool((iso.is_null() & column.is_not_null()).any())


def decoded(
    decode: Callable[[str | None], pl.DataFrame],
    variables: Sequence[SasColumn],
    stated: str,
    limits: Limits,
) -> tuple[pl.DataFrame, list[str]]:
    """Return what ``decode`` makes of the file in the first encoding that fits, with notes.

    Args:
        decode: given an encoding's name, or None for the one that the file should be in.
        stated: what that one is called in a sentence.
    """
    try:
        return decode(None), []
    except UnicodeDecodeError:
        pass
    except pyreadstat.ReadstatError as error:
        if "string" not in str(error):
            raise
    # A character for each byte: what the bytes say is asked of the values, and not of the layout.
    raw = decode(_BYTES)
    texts = [name for name, dtype in raw.schema.items() if dtype == pl.String]
    parts = [raw[name].drop_nulls().unique() for name in texts]
    written = [text for part in parts for text in part if not text.isascii()]
    found = encoding_of("\n".join(written).encode(_BYTES), limits, stated)
    meant = {text: found.decode(text.encode(_BYTES)) for text in written}
    frame = raw.with_columns(pl.col(texts).replace(meant))
    notes = [found.note] if found.note else []
    if found.cut:
        cut = [
            f"data row {row + 1}, column {variable.name}"
            for variable, name in zip(variables, raw.columns, strict=True)
            if name in texts
            for row in frame[name].str.contains("\ufffd", literal=True).arg_true()
        ]
        notes.append(cut_letters(cut[:PLACES_SAID], len(cut)))
    return frame, notes
