"""Identifiers that differ in their form only: case, blanks, leading zeros, the `.0` of an export.

They are compared as they are written, so each spelling is a subject, a site, a visit or an arm of
its own. One finding a pair of spellings, and not one a record.
"""

import re
from collections.abc import Iterable

import polars as pl

from data_validation.facts import Severity
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed

_SPELLED = "{_spelled} (in {_where}) and {_usual} differ only in case, blanks or zeros. "


_BLANKS = re.compile(r"\s+")
_CHANGED_BY_EXPORTS = (
    re.compile(r"(?<![0-9]) | (?![0-9])"),
    re.compile(r"(?<=[0-9])\.0+(?![0-9.])"),
    re.compile(r"(?<![0-9.])0+(?=[0-9])"),
)


def _form(text: str) -> str:
    """What is left of an identifier without what exports change. Two numbers stay two."""
    text = _BLANKS.sub(" ", text.strip()).upper()
    for pattern in _CHANGED_BY_EXPORTS:
        text = pattern.sub("", text)
    return text


def _spellings(evidence: Evidence, first: str, fields: Iterable[str]) -> pl.DataFrame:
    """Pairs of spellings of one form in some fields of all datasets; one row a pair.

    Args:
        first: the dataset whose spelling the others are held against.
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
    forms = pl.Series("_form", [_form(text) for text in spelled], dtype=pl.String)
    if forms.n_unique() == len(spelled):
        found = found.clear()
    found = found.join(pl.DataFrame([spelled, forms]), on="_spelled").sort(
        pl.col("_where") != first, -pl.col("len").cast(pl.Int64), "_spelled"
    )
    usual = pl.col("_spelled").first().over("_form").alias("_usual")
    pairs = found.with_columns(usual).filter(pl.col("_spelled") != pl.col("_usual"))
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
    return _spellings(evidence, "DM", ["USUBJID"])


@check(
    Heading(RuleKind.AGREEMENT, "DM-142", "SITEID", Severity.MINOR),
    sentence="One site seems to be written in two ways, which differ in their form only.",
    why="Each spelling counts as a site of its own.",
    query="The sites " + _SPELLED + "If they are one, please send them written alike.",
)
def sites_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of a site that have the form of another one."""
    pairs = _spellings(evidence, "DM", ["SITEID"])
    return pairs.with_columns(pl.col("_spelled").alias("SITEID"))


@check(
    Heading(RuleKind.AGREEMENT, "DM-143", "VISIT", Severity.MINOR),
    sentence="One visit seems to be written in two ways, which differ in their form only.",
    why="A visit that is not written as the schedule has it is not one of the schedule.",
    query="The visits " + _SPELLED + "If they are one, please send them written alike.",
)
def visits_spelled_in_two_ways(evidence: Evidence) -> pl.DataFrame:
    """Spellings of a visit that have the form of another one, of SV where that has it."""
    pairs = _spellings(evidence, "SV", ["VISIT"])
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
    pairs = _spellings(evidence, "DM", ["ARMCD", "ACTARMCD"])
    return pairs.with_columns(pl.col("_spelled").alias("ARMCD"))
