"""Time points: open are records of none, and of those that the definition names as common to all.

Samples around a dose are counted from it, and their number alone would tell who was treated,
however the time points are written. So none is taken for harmless by its words: what is not named
is sealed.
"""

from collections.abc import Iterator

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Severity
from data_validation.rules import Audience, Rule, RuleKind, Stated
from data_validation.sealing import Tables, not_at_common_time_points, time_point_columns
from data_validation.values import trimmed
from trials import Trial

NOT_COMMON = Rule(
    id="OPEN-104",
    domain="OPEN",
    field="",
    severity=Severity.NOTE,
    sentence="Records of a time point are sealed, for the definition does not name it.",
    why="Blinding: samples around a dose would tell by their number who was treated.",
    query="None for the site. If every arm has the time point, name it in the trial definition, "
    "under [[open.time_points]].",
    sealed=True,
    kind=RuleKind.BLINDING,
    audience=Audience.EXPORT,
)
RULES = (NOT_COMMON,)


def findings_of_time_points(complete: Tables, trial: Trial) -> Iterator[Stated]:
    """One finding for each time point that is sealed for its own sake, with its records.

    Args:
        complete: complete tables, so that the findings are sealed.
    """
    for name in sorted(complete.present):
        domain, frame = DOMAINS[name], complete.frames[name]
        if not domain.opens:
            continue
        columns = time_point_columns(frame, domain)
        if not columns:
            continue
        said = pl.concat_str(
            [trimmed(column) for column in columns], separator=", ", ignore_nulls=True
        )
        sealed = frame.filter(not_at_common_time_points(frame, domain, trial))
        counts = sealed.group_by(said.alias("point")).agg(pl.len().alias("records")).sort("point")
        for point, records in counts.rows():
            yield Stated(
                NOT_COMMON,
                f"{name}: {point}",
                point,
                f"{records:,} records of {name} at “{point}” are sealed: the trial definition does "
                "not name this time point as common to all arms.",
            )
