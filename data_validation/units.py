"""Spellings of units: what is the same unit, written otherwise, has one folded form.

UCUM (`10*9/L`, `[IU]/L`, `mm[Hg]`, `Cel`), CDISC (`10^9/L`, `beats/min`) and laboratories (`K/uL`,
`x10E9/L`, `mcg/mL`) write one unit in many ways. Nothing is converted but powers of ten that the
unit itself names: what 10^3/uL counts is what 10^9/L counts. Which other units a measure has, and
by what factor, its definition says.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import polars as pl

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
# One after the other, on lower-case text without blanks.
_REWRITTEN = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"[\[\]{}°]", ""),
        (r"^deg(?=[cf]$)", ""),
        (r"×", "x"),
        (r"x?10(?:\*\*|\*|\^|e)\+?([0-9]+)", r"10^\1"),
        (r"(?<![0-9])(?:\^|\*\*|\*)(?=[0-9])", ""),  # m^2 is m2; of 10^9 the power stays
        (r"[.·⋅]?(d?l|ml|min|s|h)-1$", r"/\1"),
        (r"mcg\b", "ug"),
        (r"mc(?=mol|l\b)|micro(?=mol|l|g)", "u"),
        (r"(?<=mol)es?\b", ""),
        (r"\bgms?\b", "g"),
        (r"\bli?te?rs?\b|\blitres?\b", "l"),
        (r"\bui\b", "iu"),
        (r"mm\^?3\b|cumm\b", "ul"),
        (r"\bbpm$", "/min"),
        # Nouns of what is counted are remarks in UCUM.
        (r"(?:cells?|beats?|breaths?|counts?)(?=/|$)", ""),
        (r"^1/", "/"),
        (r"(.*)feu(.*)", r"\1\2 feu"),
        (r"^percent$", "%"),
        (r"^cel(?:sius)?$", "c"),
        (r"^fahrenheit$", "f"),
        (r"(?<=^in)_i$|(?<=^lb)_av$|_(?=m2$)", ""),
    )
)
# So many of something in a volume: the power of ten, by how it is written, and of the volume.
_COUNT = re.compile(
    r"(10\^[0-9]{1,2}|k|th|thou|thousands?|millions?|gi|giga|ti|t|tera|)/(l|ml|ul|nl|pl)"
)
_MANY = {"k": 3, "th": 3, "thou": 3, "thousand": 3, "thousands": 3, "million": 6, "millions": 6}
_MANY |= {"gi": 9, "giga": 9, "ti": 12, "t": 12, "tera": 12, "": 0}
_VOLUME = {"l": 0, "ml": 3, "ul": 6, "nl": 9, "pl": 12}
# `G/L` is 10^9/L where cells are counted, and g/L where all is written in upper case.
_G_PER_L, _GIGA, _GRAMS = "G/L", "10^9/l", "g/l"


@lru_cache(maxsize=10_000)
def folded_unit(unit: str) -> str:
    """The form that all spellings of a unit share."""
    text = _SUPERSCRIPT.sub(lambda power: "^" + power[0].translate(_SUPERSCRIPTS), unit)
    text = unicodedata.normalize("NFKC", text).replace("\u03bc", "u").replace("^-", "-")
    text = re.sub(r"\bper\b", "/", text)
    text = re.sub(r"\s+", "", text)
    if re.fullmatch("G/[Ll]", text):
        return _G_PER_L
    text = text.lower()
    for pattern, by in _REWRITTEN:
        text = pattern.sub(by, text)
    if count := _COUNT.fullmatch(text):
        many = count[1]
        power = int(many.removeprefix("10^")) if "^" in many else _MANY[many]
        return f"10^{power + _VOLUME[count[2]]}/l"
    return text


def by_unit(values: Mapping[str, float]) -> dict[str, float]:
    """Values by unit, as a definition writes it, under the folded form.

    Left out is a unit to which two spellings give different values: neither is known to be right.
    """
    made = {folded_unit(unit): value for unit, value in values.items()}
    for unit, value in values.items():
        if not math.isclose(made.get(folded_unit(unit), value), value):
            del made[folded_unit(unit)]
    for meant in (_GIGA, _GRAMS):
        if meant in made:
            made.setdefault(_G_PER_L, made[meant])
    return made


def folded_units(texts: pl.Series) -> pl.Series:
    """Units of a column as `folded_unit` has them; an empty one is one without a unit."""
    forms = {text: folded_unit(text or "") for text in texts.unique()}
    return texts.replace_strict(
        list(forms), pl.Series(list(forms.values()), dtype=pl.String), return_dtype=pl.String
    )
