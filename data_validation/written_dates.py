"""Dates that are written otherwise than as a calendar day: what they say, or seem to say.

What SDTM allows (SDTMIG 4.4) says how much of the date is known: `2023---05`, an interval; so do
`2023-03-UN`, as collected, and 24:00. What is in another form seems to be a date: nothing is stored
from that, it stands in the question to the site, who has to say what is meant.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import lru_cache

import polars as pl

from data_validation.distinct import is_small

# Months as extracts name them, in English, German, French, Spanish, Italian and Portuguese; accents
# are folded away.
_MONTHS: tuple[str, ...] = (
    "jan january januar janv janvier ene enero gen gennaio janeiro",
    "feb february februar fev fevr fevrier febrero febbraio fevereiro",
    "mar march mrz marz maerz mars marzo marco",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august aou aout ago agosto",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre dic diciembre dicembre dezembro",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_ACCENTS = str.maketrans("äáâàãéèêëíîïóôöõúûüùçñ", "aaaaaeeeeiiioooouuuucn")
_Y, _D, _N = r"(?P<y>[12][0-9]{3})", r"(?P<d>[0-9]{1,2})", r"(?P<m>[a-z]{3,10})"
_M, _S = r"(?P<m>[0-9]{1,2})", r"[-./, ]{0,2}"
_CLOCK = re.compile(r"[T: ]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?$")
_WRITTEN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_D}\.?{_S}{_N}\.?{_S}{_Y}",
        rf"{_N}\.?{_S}{_D}(st|nd|rd|th)?{_S}{_Y}",
        rf"{_Y}{_S}{_N}\.?{_S}{_D}",
        rf"{_Y} ?年 ?{_M} ?月 ?{_D} ?日",
        rf"{_Y}[-/.]{_M}[-/.]{_D}",
        r"(?P<y>[12][0-9]{3})(?P<m>[01][0-9])(?P<d>[0-3][0-9])",
        # Of two numbers before the year one is the day for sure if it is above 12, or before a dot.
        rf"(?P<d>1[3-9]|2[0-9]|3[01])[-/]{_M}[-/]{_Y}",
        rf"{_M}[-/](?P<d>1[3-9]|2[0-9]|3[01])[-/]{_Y}",
        rf"{_D}\.{_M}\.{_Y}",
    )
)


@lru_cache(maxsize=100_000)
def _read(text: str) -> tuple[str, date] | None:
    """The text without its clock time, and the date that it seems to be."""
    day = _CLOCK.sub("", text)
    plain = day.lower().translate(_ACCENTS)
    for pattern in _WRITTEN:
        if match := pattern.fullmatch(plain):
            month = _MONTH.get(match["m"]) or (int(match["m"]) if match["m"].isdigit() else 0)
            try:
                return day, date(int(match["y"]), month, int(match["d"]))
            except ValueError:
                continue
    return None


# What is known of a date that has its form, and of which not even the year is.
NO_YEAR = "-----"
# Years that stand for a date that is not known, and those that nobody of today will see.
PLACEHOLDER = "1900|2[2-9][0-9]{2}|[3-9][0-9]{3}"

# A day or a part of one, with a clock time of its own or none: it is what it says.
_PLAIN = (
    r"^(1[0-8][0-9]{2}|19(0[1-9]|[1-9][0-9])|2[01][0-9]{2})(-[0-9]{2}){0,2}"
    r"([T ]([01]|2[0-3])[^/]*)?$"
)
_IS_PLAIN = re.compile(_PLAIN).fullmatch
_ISO, _TIME = r"([1-9][0-9]{3}(?:-[0-9]{2}){0,2})", r"(?:[T ][^/]*)?"
_STANDS_FOR_NONE = re.compile(rf"((?:{PLACEHOLDER})(?:-[0-9]{{2}}){{0,2}}){_TIME}")
_INTERVAL = re.compile(rf"{_ISO}{_TIME}/{_ISO}{_TIME}")
_MIDNIGHT = re.compile(
    r"([1-9][0-9]{3}-[0-9]{2}-[0-9]{2})[T ]24(?::00){0,2}(?:\.0+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
# In SDTM a hyphen stands for each part that is not known, before one that is.
_HYPHENS = re.compile(rf"(([1-9][0-9]{{3}}|-)-([0-9]{{2}}|-)(?:-([0-9]{{2}}|-))?){_TIME}")
_UN = r"(?:unkn?|un|nk|xx)"
_UN_CLOCK = re.compile(r"[T ]([0-9]{1,2}|unk?|nk)(:([0-9]{2}|unk?|nk)){1,2}$", re.IGNORECASE)
_WITH_UN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<y>[12][0-9]{{3}}|{_UN}){_S}(?P<m>[0-9]{{2}}|{_UN}|[a-z]{{3,10}})"
        rf"({_S}(?P<d>[0-9]{{1,2}}|{_UN}))?",
        rf"(?P<d>[0-9]{{1,2}}|{_UN}){_S}(?P<m>{_UN}|[a-z]{{3,10}}){_S}(?P<y>[12][0-9]{{3}}|{_UN})",
        rf"(?P<d>{_UN}){_S}(?P<m>[0-9]{{1,2}}){_S}(?P<y>[12][0-9]{{3}})",
    )
)


@lru_cache(maxsize=100_000)
def _stated(text: str) -> tuple[str, str] | None:
    """The text without clock time, and as ISO 8601 what it states: `2023-03` of `2023-03-UN`."""
    if match := _STANDS_FOR_NONE.fullmatch(text):
        return match[1], NO_YEAR
    if match := _MIDNIGHT.fullmatch(text):
        day = _day(match[1])
        following = (day + timedelta(days=1)).isoformat() if day else ""
        return (following, f"{following}T00:00") if day else None
    if match := _INTERVAL.fullmatch(text):
        return _of_interval(match[1], match[2])
    if (match := _HYPHENS.fullmatch(text)) and text != "---":
        known = _of_parts(match[2], match[3], match[4])
        return (match[1], known) if known else None
    day_text = _UN_CLOCK.sub("", text)
    plain = day_text.lower().translate(_ACCENTS)
    for pattern in _WITH_UN:
        if match := pattern.fullmatch(plain):
            known = _of_parts(match["y"], match["m"], match["d"])
            if known:
                return day_text, known
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _of_interval(first: str, last: str) -> tuple[str, str] | None:
    """The day, month or year that both ends share; none of ends that are turned or no dates."""
    whole = [_day(end + "-01-01"[len(end) - 4 :]) for end in (first, last)]
    if None in whole or last < first[: len(last)]:
        return None
    shared = [length for length in (10, 7, 4) if len(first) >= length <= len(last)]
    known = [first[:length] for length in shared if first[:length] == last[:length]]
    return f"{first}/{last}", known[0] if known else NO_YEAR


def _of_parts(year: str, month: str, day: str | None) -> str | None:
    """What is known of a date by its parts; None where each is known, or one is none at all."""
    number = _MONTH.get(month) or (int(month) if month.isdigit() else None)
    if number is None and not re.fullmatch(rf"-|{_UN}", month):
        return None
    is_known = year.isdigit() and number is not None and day is not None and day.isdigit()
    if is_known or not 1 <= (number or 1) <= 12 or not 1 <= int(_digits(day)) <= 31:
        return None
    if not year.isdigit():
        return NO_YEAR
    return year if number is None else f"{year}-{number:02}"


def _digits(day: str | None) -> str:
    return day if day is not None and day.isdigit() else "1"


def _others(texts: pl.Series) -> Iterable[str]:
    """The texts that are no plain date of ISO 8601, each once."""
    if is_small(texts.to_frame()):
        # To ask polars takes longer than to look at them.
        there = set(texts.to_list()) - {None}
        return [text for text in there if not _IS_PLAIN(text)]
    others = texts.drop_nulls().unique()
    return others.filter(~others.str.contains(_PLAIN))


def _of_others(
    texts: pl.Series, dtype: type[pl.DataType], say: Callable[[str], str | date | None]
) -> pl.Series:
    """What is said of each text that is no plain date of ISO 8601. Few differ."""
    match = {text: said for text in _others(texts) if (said := say(text)) is not None}
    if not match:
        return pl.Series(texts.name, [None], dtype=dtype).new_from_index(0, len(texts))
    return texts.replace_strict(match, default=None, return_dtype=dtype)


def stated(texts: pl.Series) -> pl.Series:
    """As ISO 8601 what texts in the other forms of SDTM state; null for all others."""
    return _of_others(texts, pl.String, lambda text: (said := _stated(text)) and said[1])


def as_written(texts: pl.Series) -> pl.Series:
    """Texts that are or seem to be dates, without their clock time; null for all others."""
    return _of_others(
        texts, pl.String, lambda text: (said := _stated(text) or _read(text)) and said[0]
    )


def seeming(texts: pl.Series) -> pl.Series:
    """The dates that texts seem to be; null where they seem to be none, or are ISO dates."""
    return _of_others(
        texts, pl.Date, lambda text: said[1] if (said := _read(text)) else _counted(text)
    )


# What programs count the days of a date from, and the years in which a trial may be.
_COUNTED_FROM = (date(1899, 12, 30), date(1960, 1, 1))
_YEARS = range(2000, 2040)
_NUMBER_OF_DAYS = re.compile(r"\d{5}(?:\.\d*)?")


def _counted(text: str) -> date | None:
    """The date that a number of days is, as spreadsheets or SAS count them: 45123, 23208."""
    if not _NUMBER_OF_DAYS.fullmatch(text):
        return None
    days = timedelta(days=int(text[:5]))
    return next((start + days for start in _COUNTED_FROM if (start + days).year in _YEARS), None)
