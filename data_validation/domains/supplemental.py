"""SUPP--: qualifiers that do not fit their domain, of all domains in one relation.

A qualifier of a record that is sealed would tell of it, so only those of DM, where every record is
open, can open at all.
"""

from collections.abc import Mapping

import polars as pl

from data_validation.facts import SUBJECT, Domain, Field, Severity, open_field
from data_validation.values import trimmed
from trials import Trial

PREFIX = "SUPP"


def listed_qualifiers(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Qualifiers of DM that the trial opens."""
    of_a_subject = trimmed("RDOMAIN").str.to_uppercase() == "DM"
    return of_a_subject & trimmed("QNAM").str.to_uppercase().is_in(
        [name.upper() for name in trial.open.qualifiers]
    )


def with_merged_qualifiers(datasets: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """All SUPP-- datasets as one, `SUPP`; RDOMAIN, or else the name, says what each row qualifies.

    Args:
        datasets: by upper-case name, all columns text, with `_file` and `_row`.
    """
    parts = {name: frame for name, frame in datasets.items() if name.startswith(PREFIX)}
    others = {name: frame for name, frame in datasets.items() if name not in parts}
    if not parts:
        return others
    named = []
    for name, frame in sorted(parts.items()):
        of = pl.lit(name.removeprefix(PREFIX)[:2] or None, dtype=pl.String)
        if "RDOMAIN" in frame.columns:
            of = pl.coalesce(trimmed("RDOMAIN"), of)
        named.append(frame.with_columns(of.alias("RDOMAIN")))
    return others | {PREFIX: pl.concat(named, how="diagonal")}


SUPP = Domain(
    name=PREFIX,
    relation="supplemental_qualifier",
    label="Supplemental qualifiers",
    keys=("USUBJID", "RDOMAIN", "QNAM"),
    open_rows=listed_qualifiers,
    fields=(
        SUBJECT,
        open_field(
            "RDOMAIN", "qualified_domain", "Domain of the qualified record.", missing=Severity.MINOR
        ),
        Field("IDVAR", "identifying_field", "Field that identifies the record."),
        Field("IDVARVAL", "identifying_value", "Its value in the record."),
        open_field("QNAM", "qualifier", "Name of the qualifier.", missing=Severity.MINOR),
        Field("QLABEL", "qualifier_label", "Label of the qualifier."),
        open_field("QVAL", "value", "Value.", missing=Severity.MINOR),
        Field("QORIG", "origin", "Origin."),
        Field("QEVAL", "evaluator", "Evaluator."),
    ),
)
