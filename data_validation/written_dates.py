"""Dates that are not written as ISO 8601 asks: what they seem to say.

Nothing is stored from it: it stands in the question to the site, who has to say what is meant.
"""

import re
from datetime import date
from functools import lru_cache

import polars as pl

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


def _of_others(texts: pl.Series, place: int, dtype: type[pl.DataType]) -> pl.Series:
    """Of texts that are no ISO dates: one part of what each seems to say. Few differ."""
    others = texts.filter(~texts.str.contains(r"^[1-9][0-9]{3}(-[0-9]{2}){0,2}([T ]|$)")).unique()
    match = {text: read[place] for text in others.drop_nulls() if (read := _read(text))}
    if not match:
        return pl.Series(texts.name, [None], dtype=dtype).new_from_index(0, len(texts))
    return texts.replace_strict(match, default=None, return_dtype=dtype)


def as_written(texts: pl.Series) -> pl.Series:
    """Texts that seem to be dates, without their clock time; null for all others."""
    return _of_others(texts, 0, pl.String)


def seeming(texts: pl.Series) -> pl.Series:
    """The dates that texts seem to be; null where they seem to be none, or are ISO dates."""
    return _of_others(texts, 1, pl.Date)
