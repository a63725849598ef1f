"""What the schedule common to both arms asks for, and is not there although it is due.

Due means: alive and taking part, in hospital unless the visit is one of the follow-up, and the
window closed by the cut-off. A visit in hospital is asked for only where a stay is recorded: of who
is not known to be there it is not known whether they should have been seen.
"""

import polars as pl

from data_validation.checks.common import taking_part
from data_validation.facts import Severity, folded, folded_terms
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed


def _schedule(evidence: Evidence) -> pl.DataFrame:
    """Visits after screening: offset of the planned day from randomization, and their windows."""
    visits = [item for item in evidence.trial.schedule if item.day > 0]
    return pl.DataFrame(
        {
            "_visit": folded_terms(tuple(item.visit for item in visits)),
            "_name": [item.visit for item in visits],
            "_planned": [item.day - 1 for item in visits],
            "_closes": [item.day - 1 + item.window_after for item in visits],
            "_inpatient": [item.setting == "hospital" for item in visits],
            "_expected": [list(item.expected) for item in visits],
        },
        schema_overrides={"_expected": pl.List(pl.String)},
    )


def _due(evidence: Evidence) -> pl.DataFrame:
    """Participant and visit for every visit that is due."""
    # Without a cut-off no window is known to be closed.
    cutoff = pl.lit(evidence.cutoff, dtype=pl.Date)
    people = (
        taking_part(evidence)
        .filter(pl.col("randomization_date").is_not_null())
        .select("record_key", "_subject", "randomization_date", "_death_date", "_ended")
        .unique("_subject", keep="first", maintain_order=True)
    )
    each = people.join(_schedule(evidence), how="cross").with_columns(
        (pl.col("randomization_date") + pl.duration(days="_closes")).alias("_until"),
        (pl.col("randomization_date") + pl.duration(days="_planned")).alias("_on"),
    )
    last = pl.min_horizontal("_death_date", "_ended")
    due = each.filter(pl.col("_until") <= cutoff, last.is_null() | (pl.col("_until") < last))
    return due.filter(~pl.col("_inpatient") | _in_hospital(evidence, due))


def _in_hospital(evidence: Evidence, due: pl.DataFrame) -> pl.Series:
    """Whether a stay in hospital covers the window of each visit."""
    stays = evidence["HO"].filter(pl.col("start_date").is_not_null())
    stays = stays.select(
        trimmed("USUBJID").alias("_subject"),
        pl.col("start_date").alias("_from"),
        pl.col("end_date").alias("_to"),
        trimmed("HOENDTC").is_null().alias("_lasts"),
    )
    covered = (
        due.select("_subject", "_visit", "_on", "_until")
        .join(stays, on="_subject")
        .filter(
            pl.col("_from") <= pl.col("_on"), pl.col("_lasts") | (pl.col("_to") > pl.col("_until"))
        )
        .select("_subject", "_visit")
        .unique()
        .with_columns(pl.lit(value=True).alias("_there"))
    )
    return due.join(covered, on=["_subject", "_visit"], how="left", maintain_order="left")[
        "_there"
    ].fill_null(value=False)


@check(
    Heading(RuleKind.COMPLETENESS, "DM-131", "USUBJID", Severity.MINOR),
    sentence="Visits of the schedule are due and not recorded.",
    why="Protocol: the schedule common to all arms; what is not recorded cannot be followed.",
    query="These visits of {USUBJID} are due and not recorded: {_missing}. Did they take place?",
    needs=("SV",),
)
def missing_visits(evidence: Evidence) -> pl.DataFrame:
    """Randomized participants with due visits that SV does not have; one row a participant."""
    held = evidence["SV"].select(
        trimmed("USUBJID").alias("_subject"), folded("VISIT").alias("_visit")
    )
    missing = (
        _due(evidence)
        .join(held.unique(), on=["_subject", "_visit"], how="anti", maintain_order="left")
        .group_by("record_key", maintain_order=True)
        .agg(pl.col("_name").str.join(", ").alias("_missing"))
    )
    return evidence["DM"].join(missing, on="record_key", how="inner", maintain_order="left")


@check(
    Heading(RuleKind.COMPLETENESS, "SV-105", "VISIT", Severity.MINOR),
    sentence="The visit took place and results that the schedule asks for are missing.",
    why="Protocol: samples and measurements of the schedule common to all arms.",
    query="Visit {VISIT} of {USUBJID} took place on {SVSTDTC}; no result is recorded of: "
    "{_missing}. "
    "Were they done?",
)
def missing_results(evidence: Evidence) -> pl.DataFrame:
    """Visits that were due and held, without a row for each measure that they are expected to have.

    A measure is asked for only where the extract has its dataset. NOT DONE is a row, too.
    """
    wanted = {name for visit in evidence.trial.schedule for name in visit.expected}
    measures = {
        item.name: item
        for item in evidence.trial.measures
        if item.name in wanted and item.domain in evidence.tables.present
    }
    domains = {item.domain for item in measures.values()}
    names = list(measures)
    if not names:
        return evidence["SV"].clear()
    due = _due(evidence)
    visits = evidence["SV"].with_columns(
        trimmed("USUBJID").alias("_subject"), folded("VISIT").alias("_visit")
    )
    expected = (
        visits.select("record_key", "_subject", "_visit")
        .join(due.select("_subject", "_visit", "_expected"), on=["_subject", "_visit"])
        .explode("_expected")
        .filter(pl.col("_expected").is_in(names))
    )
    parts = [
        evidence.measured(domain)
        .select("USUBJID", "VISIT", "measure")
        .filter(pl.col("measure").is_in(names))
        .unique()
        .select(
            trimmed("USUBJID").alias("_subject"),
            folded("VISIT").alias("_visit"),
            pl.col("measure").alias("_expected"),
        )
        for domain in sorted(domains)
    ]
    labels = {name: item.label for name, item in measures.items()}
    missing = (
        expected.join(pl.concat(parts).unique(), on=["_subject", "_visit", "_expected"], how="anti")
        .with_columns(pl.col("_expected").replace_strict(labels, return_dtype=pl.String))
        .group_by("record_key")
        .agg(pl.col("_expected").sort().str.join(", ").alias("_missing"))
    )
    return visits.join(missing, on="record_key", how="inner", maintain_order="left")
