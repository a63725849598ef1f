"""Numbers in the words of the page, and texts as they can be read."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date

import polars as pl

MONTH_DAYS = 365.25 / 12
NOT_RECORDED = "not recorded"

# What CDISC writes in letters: micro before a unit, and powers.
_MICRO = re.compile(r"(?<![A-Za-z])u(?=(?:g|m|mol|s|V|L|U|IU|kat|Eq)(?![A-Za-z]))")
_POWER = re.compile(r"\^(-?\d+)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Characters that are not drawn, or that turn round what is drawn behind them.
_UNREADABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)


def readable(text: str) -> str:
    """Text of an extract, control characters and changes of direction replaced by marks."""
    return _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text)


# Of a tie that a binary fraction misses: 2.675 is 2.67499999999999982.
_NEARLY = 1e-9


# Whether tables are made as they are before rounding; words are rounded all the same.
_UNROUNDED: ContextVar[bool] = ContextVar("unrounded", default=False)


@contextmanager
def unrounded() -> Iterator[None]:
    """Within it `rounded` and `rounded_column` leave numbers as they are."""
    token = _UNROUNDED.set(True)
    try:
        yield
    finally:
        _UNROUNDED.reset(token)


def rounded(value: float, places: int) -> float:
    """A number rounded half away from zero, as SAS and readers do: 0.5 to 1, −2.5 to −3."""
    return value + 0.0 if _UNROUNDED.get() else _half_away(value, places)


def _half_away(value: float, places: int) -> float:
    if not math.isfinite(value):
        return value
    step = 10.0**places
    return math.copysign(math.floor(abs(value) * step + 0.5 + _NEARLY) / step, value) + 0.0


def rounded_column(values: pl.Series, places: int) -> pl.Series:
    """The same of a column of numbers; null stays null, and NaN NaN."""
    if _UNROUNDED.get():
        return values + 0.0
    step = 10.0**places
    away = (values.abs() * step + (0.5 + _NEARLY)).floor() * values.sign() / step
    # Divided by a constant, a number may be the next one to the decimal that is meant.
    return away.round(places) + 0.0


def with_rounded(table: pl.DataFrame, *columns: str, places: int = 1) -> pl.DataFrame:
    """The table with numbers of these columns rounded in the same way."""
    return table.with_columns(rounded_column(table[name], places) for name in columns)


def number(count: int) -> str:
    """`1,234`."""
    return f"{count:,}"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """`1 participant`, `3 participants`."""
    return f"{number(count)} {singular if count == 1 else plural or singular + 's'}"


def share(count: int, total: int) -> str:
    """`36 of 60 (60.0 %)`; no percentage of nobody."""
    if total == 0:
        return f"{count:,} of 0"
    return f"{count:,} of {total:,} ({decimal(100 * count / total)} %)"


def percent(probability: float, places: int = 1) -> str:
    """A probability as a percentage that never rounds to certainty."""
    least = 10.0**-places
    if 0 < 100 * probability < least:
        return f"under {least:.{places}f} %"
    if 100 - least < 100 * probability < 100:
        return f"over {100 - least:.{places}f} %"
    return f"{decimal(100 * probability, places)} %"


# Stands beside every p-value of efficacy.
NOT_ADJUSTED = "not adjusted for looks or for other endpoints"


def p_value(value: float) -> str:
    """`p = 0.034`, `p < 0.001`: two places that tell, never 0."""
    if value < 0.001:
        return "p < 0.001"
    return f"p = {decimal(value, 3 if value < 0.1 else 2)}"


def sentence_case(column: str) -> pl.Expr:
    """Texts of a column, those in upper case as `Lost to follow-up`."""
    text = pl.col(column)
    lowered = text.str.slice(0, 1) + text.str.slice(1).str.to_lowercase()
    return pl.when(text == text.str.to_uppercase()).then(lowered).otherwise(text).alias(column)


def day(value: date | None) -> str:
    """`31 Aug 2023`, as unambiguous for every reader."""
    return "not known" if value is None else f"{value.day} {value:%b %Y}"


def ago(days: int) -> str:
    """`12 days ago`, `over 3 years ago`: how old data is, as exactly as it matters."""
    years = int(days // 365.25)
    return f"over {counted(years, 'year')} ago" if years else f"{counted(days, 'day')} ago"


def unit(text: str) -> str:
    """`µg/L`, `10⁹/L`: a unit as it is read, where CDISC's text has `ug/L` and `10^9/L`."""
    raised = _POWER.sub(lambda power: power[1].translate(_RAISED), text)
    return _MICRO.sub("\N{MICRO SIGN}", raised)


def decimal(value: float | None, places: int = 1) -> str:
    """A number with a fixed number of places, or a dash."""
    return "–" if value is None else _with_minus(f"{_half_away(value, places):,.{places}f}")


def signed(value: float | None, places: int = 1) -> str:
    """`+66.7`, `−19.0`: a difference with a fixed number of places, or a dash."""
    return "–" if value is None else _with_minus(f"{_half_away(value, places):+,.{places}f}")


def _with_minus(written: str) -> str:
    """With the sign that is as wide as a plus, and no negative zero."""
    zero = not written.strip("+-0.")
    return written.lstrip("+-") if zero else written.replace("-", "\N{MINUS SIGN}")
