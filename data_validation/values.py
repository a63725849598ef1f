"""From text as received to typed values, and to the text that the open store may hold.

Every function is a polars expression over one text column. Nothing is lost on the way: the text
stays beside the typed value, and what could not be typed is null beside its text.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from data_validation.distinct import by_distinct, is_small
from data_validation.facts import Domain, Exposure, Field, Kind
from data_validation.written_dates import NO_YEAR, PLACEHOLDER, as_written, stated

# Stands for text in a field that has a form (date, number, code list) and lacks it: free text in
# such a place can name the arm, so the open store says only that something is there.
NOT_SHOWN = "[not shown]"

# Columns that say whether the text of a field, as received, has blanks around it.
BLANKS = "_blanks_"
# The text as received, where `read_of` has it beside the trimmed one.
_RECEIVED = "_received_"

# Digits are 0 to 9: `\d` would also take those of other scripts, which nothing here can read.
_NUMBER = (
    r"^(?:[<>]=?\s*)?"
    r"([+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?)$"
)
_DAY = r"^([1-9][0-9]{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?)(?:[T ].*)?$"
# What stands for "no value" in extracts: `.` of SAS, and abbreviations for not applicable, not
# done, not known. In a field that has a form they are no value, and no fault of its form.
_MARK = r"(?i)^(?:\.|-{1,3}|n/?a|nan|nd|not done|nk|unk?|null|none|missing)$"
_PARTIAL = rf"^(?:[1-9][0-9]{{3}}(?:-(?:0[1-9]|1[0-2]))?|{NO_YEAR})$"
# What a day has behind it: a clock time, of which parts may be unknown, and its offset from UTC.
_CLOCK_PART = r"(?:[0-5][0-9]|-|(?i:unk?|nk))"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
_CLOCK = (
    rf"(?:(?:[01]?[0-9]|2[0-3]|-|(?i:unk?|nk))(?::{_CLOCK_PART}(?::{_CLOCK_PART}(?:[.,][0-9]+)?)?)?"
    rf"|24(?::00(?::00(?:[.,]0+)?)?)?)(?: ?(?i:[ap]m))?{_OFFSET}?"
)
_DAY_PART = r"[0-9-]{4,10}"
_WITH_CLOCK = rf"^{_DAY_PART}(?:[T ]{_CLOCK})?(?:/{_DAY_PART}(?:[T ]{_CLOCK})?)?$"
_PLACEHOLDER = rf"^(?:{PLACEHOLDER})(?:-[0-9]{{2}}){{0,2}}(?:[T ].*)?$"


@cache
def trimmed(name: str) -> pl.Expr:
    """The text of a column without surrounding blanks; null where nothing is left."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text)


@cache
def is_mark(name: str) -> pl.Expr:
    """Whether a text only says that there is no value; null where there is no text."""
    return trimmed(name).str.contains(_MARK)


def _text(name: str, *, is_trimmed: bool) -> pl.Expr:
    return pl.col(name) if is_trimmed else trimmed(name)


@cache
def open_text(field: Field, *, is_trimmed: bool = False) -> pl.Expr:
    """What the open store may hold of a field's text, under the field's own name."""
    text = _text(field.name, is_trimmed=is_trimmed)
    if field.exposure is Exposure.DAY:
        # A date written in another way has its few forms; all else that is no date can be any text.
        allowed = pl.coalesce(text.map_batches(as_written, pl.String), text.str.extract(_DAY, 1))
    elif field.kind is Kind.CODE:
        allowed = pl.when(text.str.to_uppercase().is_in(list(field.codes))).then(text)
    elif field.typed:
        allowed = pl.when(text.str.contains(_NUMBER)).then(text)
    else:
        return text.alias(field.name)
    allowed = pl.when(text.str.contains(_MARK)).then(text.str.to_uppercase()).otherwise(allowed)
    return (
        pl.when(text.is_null()).then(None).otherwise(allowed.fill_null(NOT_SHOWN)).alias(field.name)
    )


# Of which type `typed` is, by the kind of the field.
TYPES: Mapping[Kind, pl.DataType] = {
    Kind.DATE: pl.Date(),
    Kind.CODE: pl.String(),
    Kind.NUMBER: pl.Float64(),
    Kind.INTEGER: pl.Int64(),
}


@cache
def typed(field: Field, *, is_trimmed: bool = False) -> pl.Expr:
    """The typed value of a field, under its word.

    DATE: complete calendar dates only, nothing imputed; 24:00 is the next day, and of a time with
    an offset from UTC the day is the local one. NUMBER: the number, of `<3.42` 3.42; the sign is
    read by `limit`. INTEGER: whole numbers, no limits. CODE: the code in upper case.
    """
    text = _text(field.name, is_trimmed=is_trimmed)
    if field.kind is Kind.DATE:
        day = stated_date(field.name, is_trimmed=is_trimmed).str.extract(_DAY, 1)
        value = day.str.to_date("%Y-%m-%d", strict=False)
    elif field.kind is Kind.CODE:
        code = text.str.to_uppercase()
        value = pl.when(code.is_in(list(field.codes))).then(code)
    else:
        number = text.str.extract(_NUMBER, 1).cast(pl.Float64, strict=False)
        if field.kind is Kind.INTEGER:
            whole = (number == number.round()) & limit(field.name, is_trimmed=is_trimmed).is_null()
            value = pl.when(whole).then(number).cast(pl.Int64, strict=False)
        else:
            # A number beyond what a double holds reads as infinite, and is none.
            value = pl.when(number.is_finite()).then(number)
    return value.alias(field.word)


@cache
def limit(name: str, *, is_trimmed: bool = False) -> pl.Expr:
    """`<` or `>` where a result is a detection limit, else null."""
    return _text(name, is_trimmed=is_trimmed).str.extract(r"^([<>])", 1)


@cache
def stated_date(name: str, *, is_trimmed: bool = False) -> pl.Expr:
    """The text of a date; of one in another form of SDTM, as ISO 8601 what it states."""
    text = _text(name, is_trimmed=is_trimmed)
    return pl.coalesce(text.map_batches(stated, pl.String), text)


@cache
def first_day(written: str) -> pl.Expr:
    """The first day that a date in part, as ISO 8601 has it, can be; null of a complete one."""
    text = pl.col(written)
    month = (text + "-01").str.to_date("%Y-%m-%d", strict=False)
    year = (text + "-01-01").str.to_date("%Y-%m-%d", strict=False)
    return pl.coalesce(month, year)


@cache
def last_day(written: str) -> pl.Expr:
    """The last day that a date in part, as ISO 8601 has it, can be; null of a complete one."""
    text = pl.col(written)
    month = (text + "-01").str.to_date("%Y-%m-%d", strict=False).dt.month_end()
    year = (text + "-12-31").str.to_date("%Y-%m-%d", strict=False)
    return pl.coalesce(month, year)


@cache
def is_partial_date(name: str) -> pl.Expr:
    """Whether a text is a date of which the year, the month or the day is not known."""
    return stated_date(name).str.contains(_PARTIAL)


@cache
def is_cut_date(name: str) -> pl.Expr:
    """Whether a date ends before the day, or the month, and does not say that it is not known."""
    is_part = trimmed(name).str.contains(_PARTIAL) & (trimmed(name) != NO_YEAR)
    return is_part & ~is_placeholder(name)


@cache
def is_no_time(name: str) -> pl.Expr:
    """Whether what stands behind a day is no time of a day: `T25:61`, or nothing after the T."""
    text = trimmed(name)
    return text.str.contains(rf"^{_DAY_PART}(?:[T ]|/.*[T ])") & ~text.str.contains(_WITH_CLOCK)


@cache
def has_offset(name: str) -> pl.Expr:
    """Whether a time has its offset from UTC."""
    return trimmed(name).str.contains(rf"[T ][0-9:.,]+{_OFFSET}(?:/|$)")


@cache
def is_placeholder(name: str) -> pl.Expr:
    """Whether a text is a date that stands for one that is not known: 1900, 9999 and their like."""
    return trimmed(name).str.contains(_PLACEHOLDER)


def with_typed_values(frame: pl.DataFrame, domain: Domain, *, open_only: bool) -> pl.DataFrame:
    """`frame` (text columns by SDTM name) with a typed column, by word, for each typed field."""
    fields = [
        field for field in (domain.open_fields if open_only else domain.fields) if field.typed
    ]
    filled = {field.name for field in fields if not is_empty(frame[field.name])}
    read = read_of(
        frame,
        {field.name: [typed(field, is_trimmed=True)] for field in fields if field.name in filled},
    )
    columns = {column.name: column for column in read}
    return frame.with_columns(
        columns[field.word] if field.name in filled else no_value(field, frame.height)
        for field in fields
    )


def is_empty(column: pl.Series) -> bool:
    """Whether a column has no value at all, so that there is nothing to read."""
    return column.null_count() == len(column)


def no_value(field: Field, height: int) -> pl.Series:
    """The typed column of a field that is empty."""
    return pl.Series(field.word, [None], TYPES[field.kind]).new_from_index(0, height)


def read_of(frame: pl.DataFrame, made: Mapping[str, Sequence[pl.Expr]]) -> list[pl.Series]:
    """The columns that expressions of one text column each make, by the name of that column.

    Under that name they find the text trimmed, once for all of them, and beside it as received.
    """

    def made_of(rows: pl.DataFrame, *names: str) -> pl.DataFrame:
        texts = rows.select(
            pl.col(names).name.prefix(_RECEIVED), *(trimmed(name) for name in names)
        )
        return texts.select(item for name in names for item in made[name])

    if not made:
        return []
    if is_small(frame):
        return made_of(frame, *made).get_columns()

    def one(name: str) -> pl.DataFrame:
        return by_distinct(frame, [name], lambda rows: made_of(rows, name))

    return [column for name in made for column in one(name)]


@cache
def has_blanks(name: str) -> pl.Expr:
    """Whether a text, of those of `read_of`, has blanks around it; only blanks are no value."""
    return (pl.col(_RECEIVED + name) != pl.col(name)).alias(BLANKS + name)


def looked_up(keys: pl.Expr, values: Mapping[str, Any], dtype: pl.DataType) -> pl.Expr:
    """The value of each key; null where there is none."""
    if not values:
        return pl.lit(None, dtype=dtype)
    return keys.replace_strict(values, default=None, return_dtype=dtype)
