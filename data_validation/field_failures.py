"""Rows that break a generated rule about how values are written, or about when things happened."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from data_validation.facts import Domain, Field
from data_validation.generated import LONGEST_TEXT, FieldRule, date_rules, form_rules
from data_validation.rules import Audience, Evidence
from data_validation.schemas import broken
from data_validation.values import trimmed

_OLDEST = 150

Failure = tuple[FieldRule, pl.DataFrame]


def form_failures(
    frame: pl.DataFrame, few: pl.DataFrame, fields: tuple[Field, ...], domain: Domain
) -> Iterator[Failure]:
    """The rows of a table in which values of some fields are not written as they should be.

    Args:
        few: rows of the table in which every text of these fields occurs.
    """
    rules = [item for item in form_rules(domain) if item.field in fields]
    for found in broken(few, rules, domain.name):
        item, name = found, found.field.name
        rows = frame.filter(item.breaks.fill_null(value=False))
        excerpt = pl.col(name).cast(pl.String).str.slice(0, LONGEST_TEXT).alias("_value")
        # A field that is written in some way throughout is said once, and not record by record.
        if rows.height > item.listed:
            if item.rule.audience is Audience.SITE:
                # No site writes so many.
                item = replace(found, rule=replace(found.rule, audience=Audience.EXPORT))
            # Of no record and no subject; where the field is the subject itself, of no value.
            count = f"{rows.height} record{'s' if rows.height > 1 else ''}"
            summary = {name: count, "record_key": None, "USUBJID": None}
            rows = rows.head(1).with_columns(
                *(pl.lit(value, dtype=pl.String).alias(key) for key, value in summary.items()),
                pl.lit(name).alias("_about"),
                pl.lit(rows.height, dtype=pl.Int64).alias("_records"),
            )
        yield item, rows.with_columns(excerpt)


def date_failures(
    evidence: Evidence, domain: Domain, fields: tuple[Field, ...]
) -> Iterator[Failure]:
    """The rows of a domain in which a date of some fields cannot be."""
    rules = [item for item in date_rules(domain) if item.field in fields]
    frame = evidence[domain.name]
    if not rules or frame.is_empty():
        return
    limits = evidence.once("limits of dates", lambda: _limits(evidence))
    rows = (
        frame.select(*{item.field.word for item in rules}, trimmed("USUBJID").alias("_subject"))
        .join(limits, on="_subject", how="left", maintain_order="left")
        .with_columns(
            pl.lit(evidence.cutoff, dtype=pl.Date).alias("_cutoff"),
            pl.lit(evidence.trial.plausibility.days_before_screening).alias(
                "_days_before_screening"
            ),
        )
    )
    for item in broken(rows, rules, domain.name):
        breaks = rows.select(item.breaks.fill_null(value=False)).to_series()
        beside = rows.filter(breaks).select(limits.columns)
        yield item, frame.filter(breaks).with_columns(beside.get_columns())


def _limits(evidence: Evidence) -> pl.DataFrame:
    """Per subject: death, first day of the screening, and a day before which nobody was born."""
    first = pl.min_horizontal("screening_date", "randomization_date")
    years = pl.col("age").clip(0, _OLDEST) + 1
    lived = pl.duration(days=(years * 365.25).ceil().cast(pl.Int64))
    return (
        evidence.people.select(
            pl.col("subject").alias("_subject"),
            pl.col("death_date").alias("_died"),
            pl.col("screening_date").alias("_screened"),
            (first - lived).alias("_born"),
        )
        .drop_nulls("_subject")
        .unique("_subject", keep="first", maintain_order=True)
    )
