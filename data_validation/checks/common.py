"""What several checks ask of a table."""

import polars as pl

from data_validation.rules import Evidence
from data_validation.values import trimmed


def with_person(evidence: Evidence, domain: str) -> pl.DataFrame:
    """Rows of `domain` beside what is known of their subject (unknown subjects left out)."""
    known = evidence.people.select(
        pl.col("subject").alias("_subject"),
        "randomized",
        "randomization_date",
        pl.col("death_date").alias("_death_date"),
        "died",
        "screen_failure",
        pl.col("site").alias("_site"),
    )
    return (
        evidence[domain]
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .join(known, on="_subject", how="inner", maintain_order="left")
    )


def after_cutoff(evidence: Evidence, domain: str, date: str) -> pl.DataFrame:
    """Rows whose `date` lies after the data cut-off."""
    if evidence.cutoff is None:
        return evidence[domain].clear()
    return evidence[domain].filter(pl.col(date) > evidence.cutoff)


def after_death(evidence: Evidence, domain: str, date: str) -> pl.DataFrame:
    """Rows whose `date` lies after the subject's death."""
    return with_person(evidence, domain).filter(pl.col(date) > pl.col("_death_date"))
