"""Identifiers that differ in their form only: case, blanks, hyphens, leading zeros, a last `.0`.

They are compared as they are written, so each spelling is a subject, a site, a visit or an arm of
its own. One finding a pair of spellings, and not one a record.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

import polars as pl

from data_validation.facts import Severity, folded
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import looked_up, trimmed

_SPELLED = (
    "{_spelled} (in {_where}) and {_usual} differ only in form (case, blanks, hyphens, zeros). "
)


_BLANKS = re.compile(r"[\s_]+")
_HYPHENS = re.compile(r"[\u2010-\u2015\u2212]")
_CHANGED_BY_EXPORTS = (
    re.compile(r"(?<![0-9]) | (?![0-9])"),
    re.compile(r"(?<=[0-9])\.0+(?![0-9.])"),
    re.compile(r"(?<![0-9.])0+(?=[0-9])"),
)
_BEFORE_A_NUMBER = re.compile(r"(?<=[A-Z]) ?- ?(?=[0-9])")
_WORD_FOR_SITE = re.compile(r"(SITE|CENT(ER|RE))? ?(NUMBER|NO\.?|NR\.?|#)?[-: ]*(?=[0-9])")


def _form(text: str) -> str:
    """What is left of an identifier without what exports change. Two numbers stay two."""
    return _without_changes(_plain(text))


def _form_of_code(text: str) -> str:
    """The form of what has no sign: a hyphen between letter and number is none."""
    return _without_changes(_BEFORE_A_NUMBER.sub("", _plain(text)))


def _form_of_site(text: str) -> str:
    """The form of a site: a number is the same with the word for site before it."""
    return _form_of_code(_WORD_FOR_SITE.sub("", _plain(text), count=1))


def _plain(text: str) -> str:
    if not text.isascii():
        text = _HYPHENS.sub("-", unicodedata.normalize("NFKC", text))
    return _BLANKS.sub(" ", text).strip().upper()


def _without_changes(text: str) -> str:
    for pattern in _CHANGED_BY_EXPORTS:
        text = pattern.sub("", text)
    return text


def _spellings(
    evidence: Evidence,
    first: str,
    fields: Iterable[str],
    form: Callable[[str], str],
    named: Iterable[str] = (),
) -> pl.DataFrame:
    """Pairs of spellings of one form in some fields of all datasets; one row a pair.

    Args:
        first: the dataset whose spelling the others are held against.
        form: what two spellings of one thing have in common.
        named: as the trial definition has them, which are compared in any case and with any blanks;
            the one spelling of a form is held against them.
    """
    frames = evidence.tables.frames
    parts = [
        frames[name]
        .lazy()
        .select(pl.col(field).alias("_spelled"))
        .group_by("_spelled")
        .len()
        .select(trimmed("_spelled").alias("_spelled"), "len", pl.lit(name).alias("_where"))
        for name in sorted(frames, key=lambda name: (name != first, name))
        for field in fields
        if field in frames[name].columns and name in evidence.tables.present
    ]
    if not parts:
        parts = [
            pl.LazyFrame(schema={"_spelled": pl.String, "len": pl.UInt32, "_where": pl.String})
        ]
    found = pl.concat(parts).drop_nulls("_spelled").collect()
    spelled = found["_spelled"].unique()
    forms = pl.Series("_form", [form(text) for text in spelled], dtype=pl.String)
    known = {form(text): text for text in named}
    if forms.n_unique() == len(spelled) and not known:
        found = found.clear()
    found = found.join(pl.DataFrame([spelled, forms]), on="_spelled").sort(
        pl.col("_where") != first, -pl.col("len").cast(pl.Int64), "_spelled"
    )
    usual = pl.col("_spelled").first().over("_form")
    is_alone = pl.col("_spelled").n_unique().over("_form") == 1
    found = found.with_columns(looked_up(pl.col("_form"), known, pl.String()).alias("_named"))
    other_name = pl.when(is_alone & (folded("_spelled") != folded("_named"))).then("_named")
    pairs = found.with_columns(pl.coalesce(other_name, usual).alias("_usual")).filter(
        pl.col("_spelled") != pl.col("_usual")
    )
    both = pl.concat_list("_spelled", "_usual").list.sort().list.join("\x1f")
    return (
        pairs.group_by("_spelled", "_usual", maintain_order=True)
        .agg(pl.col("_where").unique().sort().str.join(", "))
        .with_columns(
            pl.lit(None, dtype=pl.String).alias("record_key"),
            pl.lit(None, dtype=pl.String).alias("USUBJID"),
            both.alias("_about"),
        )
    )


@check(
    Heading(RuleKind.AGREEMENT, "DM-141", "USUBJID", Severity.MAJOR),
    sentence="One subject seems to be written in two ways, which differ in their form only.",
    why="Records under another spelling belong to nobody, or one participant counts as two.",
    query="The subjects " + _SPELLED + "If they are one, please send them written alike.",
)
def subjects_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of a subject that have the form of another one, of DM where that has it."""
    return _spellings(evidence, "DM", ["USUBJID"], _form_of_code)


@check(
    Heading(RuleKind.AGREEMENT, "DM-142", "SITEID", Severity.MINOR),
    sentence="One site seems to be written in two ways, which differ in their form only.",
    why="Each spelling counts as a site of its own.",
    query="The sites " + _SPELLED + "If they are one, please send them written alike.",
)
def sites_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of a site that have the form of another one."""
    pairs = _spellings(evidence, "DM", ["SITEID"], _form_of_site)
    return pairs.with_columns(pl.col("_spelled").alias("SITEID"))


@check(
    Heading(RuleKind.AGREEMENT, "DM-143", "VISIT", Severity.MINOR),
    sentence="One visit seems to be written in two ways, which differ in their form only.",
    why="A visit that is not written as the schedule has it is not one of the schedule.",
    query="The visits " + _SPELLED + "If they are one, please send them written alike.",
)
def visits_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of a visit that have the form of another one, of SV, or of the schedule."""
    pairs = _spellings(
        evidence, "SV", ["VISIT"], _form, [visit.visit for visit in evidence.trial.schedule]
    )
    return pairs.with_columns(pl.col("_spelled").alias("VISIT"))


@check(
    Heading(RuleKind.AGREEMENT, "DM-144", "ARMCD", Severity.MINOR),
    sentence="One arm seems to be written in two ways, which differ in their form only.",
    why="Arms are told by their codes, in the allocation list and in DM.",
    query="The arm codes " + _SPELLED + "If they are one, please send them written alike.",
    sealed=True,
)
def arms_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of an arm code that have the form of another one."""
    pairs = _spellings(evidence, "DM", ["ARMCD", "ACTARMCD"], _form_of_code)
    return pairs.with_columns(pl.col("_spelled").alias("ARMCD"))
