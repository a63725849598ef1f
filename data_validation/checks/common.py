"""What several checks ask of a table."""

import polars as pl

from data_validation.domains.participation import ENDS
from data_validation.relations import takes_part_since
from data_validation.rules import Evidence
from data_validation.values import last_day, trimmed


def with_person(evidence: Evidence, domain: str) -> pl.DataFrame:
    """Rows of `domain` beside what is known of their subject (unknown subjects left out)."""
    return evidence.once(f"{domain} with person", lambda: _with_person(evidence, domain))


def _with_person(evidence: Evidence, domain: str) -> pl.DataFrame:
    people = evidence.people.select(
        pl.col("subject").alias("_subject"),
        "randomized",
        "randomization_date",
        pl.col("screening_date").alias("_screened"),
        pl.col("consent_date").alias("_consented"),
        takes_part_since().alias("_since"),
        pl.col("death_date").alias("_death_date"),
        pl.coalesce("death_date", last_day("death_date_text")).alias("_died_by"),
        "died",
        "screen_failure",
        pl.col("site").alias("_site"),
    )
    return (
        evidence[domain]
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .join(people, on="_subject", how="inner", maintain_order="left")
    )


def subjects_with(evidence: Evidence, domain: str, condition: pl.Expr) -> pl.Expr:
    """The subjects with a row of `domain` where a condition holds, for `is_in`."""
    rows = evidence[domain].filter(condition.fill_null(value=False))
    return pl.lit(rows.select(trimmed("USUBJID").unique())["USUBJID"].drop_nulls()).implode()


def taking_part(evidence: Evidence) -> pl.DataFrame:
    """DM rows of the randomized as `with_person`, with `_ended`, the first end of participation.

    Left out are those of whom an end or the death has no date: it can be any day.
    """
    ended = (
        evidence["DS"]
        .filter(pl.col("DSCLASS").is_in(ENDS))
        .group_by(trimmed("USUBJID").alias("_subject"))
        .agg(
            pl.col("start_date").min().alias("_ended"),
            pl.col("start_date").has_nulls().alias("_undated"),
        )
    )
    return (
        with_person(evidence, "DM")
        .join(ended, on="_subject", how="left", maintain_order="left")
        .filter(
            "randomized",
            ~pl.col("_undated").fill_null(value=False),
            ~pl.col("died") | pl.col("_death_date").is_not_null(),
        )
    )


def is_yes(name: str) -> pl.Expr:
    """Whether a field says Y, in any case; false where it is empty."""
    return (trimmed(name).str.to_uppercase() == "Y").fill_null(value=False)
