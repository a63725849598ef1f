"""Pandera schemas of datasets, made of the generated rules: to validate, to print and to export.

Pandera reports a check by its `error`; that is the rule's id, and the rule's own words stand beside
it as title and description. Any CHECK_ERROR is a fault of ours and is raised, never reported as
data.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from data_validation.facts import Domain, Field
from data_validation.generated import FieldRule, value_rules

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema


class BrokenCheckError(Exception):
    """A check that failed to run. A fault of this program, not of the extract."""


def schema(
    domain: Domain, fields: Sequence[Field] = (), rules: Collection[str] | None = None
) -> "DataFrameSchema":
    """What has to hold of the values of a dataset, as a Pandera schema of its text columns.

    Args:
        fields: the columns; without any, all that an extract can have.
        rules: the ids of the checks; all that there are where None.
    """
    _let_pandas_in()
    import pandera.polars as pandera

    def check(item: FieldRule) -> "pandera.Check":
        return pandera.Check(
            _selects(~item.breaks.fill_null(value=False)),
            name=item.rule.id.rpartition("-")[2],
            error=item.rule.id,
            title=item.rule.sentence,
            description=item.rule.query,
            ignore_na=False,
        )

    made = value_rules(domain)
    columns = {
        field.name: pandera.Column(
            pl.String,
            [
                check(item)
                for item in made
                if item.field is field and (rules is None or item.rule.id in rules)
            ],
            nullable=True,
            required=True,
            title=field.word,
            description=field.description,
            metadata={
                "kind": field.kind.value,
                "codes": list(field.codes),
                "lower": field.lower,
                "upper": field.upper,
                "unit": field.unit,
            },
        )
        for field in fields or domain.received_fields
    }
    return pandera.DataFrameSchema(columns, name=domain.name, title=domain.label, strict=False)


def structural_failures(
    frame: pl.DataFrame, domain: Domain, fields: tuple[Field, ...]
) -> pl.DataFrame:
    """Rows of `frame` that break a rule about values.

    Args:
        frame: a table with text and typed columns for `fields`.
        fields: the fields to hold against their facts; absent ones are left out by the caller.

    Returns:
        `rule` and `index`, the position of the row in `frame`.
    """
    made = [item for item in value_rules(domain) if item.field in fields]
    ids = {item.rule.id for item in broken(frame, made, domain.name)}
    if not ids:
        return pl.DataFrame(schema={"rule": pl.String, "index": pl.UInt32})
    _let_pandas_in()
    from pandera.errors import SchemaErrors

    try:
        schema(domain, fields, ids).validate(frame, lazy=True)
    except SchemaErrors as error:
        failed = error
    else:
        raise BrokenCheckError(f"Checks of {domain.name} fail, and name no row.")
    for problem in failed.schema_errors:
        reason = problem.reason_code.name if problem.reason_code else "no reason given"
        if reason != "DATAFRAME_CHECK":
            raise BrokenCheckError(
                f"The check {problem.check} of {domain.name} did not run ({reason})."
            )
    cases = failed.failure_cases
    if cases["index"].null_count() or cases["check"].null_count():
        raise BrokenCheckError(f"A check of {domain.name} failed without naming its row.")
    failures: pl.DataFrame = cases.select(
        pl.col("check").alias("rule"), pl.col("index").cast(pl.UInt32)
    )
    return failures


def broken(frame: pl.DataFrame, rules: Sequence[FieldRule], domain: str) -> list[FieldRule]:
    """The rules that any row breaks: nearly all hold, and to ask that of all at once takes less.

    Raises:
        BrokenCheckError: a rule could not be asked.
    """
    rules = [item for item in rules if not item.beside or item.beside in frame.columns]
    if not rules or frame.is_empty():
        return []
    try:
        is_broken = frame.select(
            item.breaks.any(ignore_nulls=True).alias(str(place)) for place, item in enumerate(rules)
        ).row(0)
    except pl.exceptions.PolarsError as error:
        raise BrokenCheckError(
            f"A check of {domain} did not run ({type(error).__name__})."
        ) from error
    return [item for item, any_row in zip(rules, is_broken, strict=True) if any_row]


def exported(domain: Domain) -> dict[str, Any]:
    """A dataset's schema as plain data: columns, and each check with its severity and words."""
    severities = {item.rule.id: item.rule.severity.value for item in value_rules(domain)}
    return {
        "dataset": domain.name,
        "label": domain.label,
        "columns": {
            name: {
                "meaning": column.description,
                **(column.metadata or {}),
                "checks": [
                    {
                        "id": check.error,
                        "severity": severities[str(check.error)],
                        "sentence": check.title,
                        "query": check.description,
                    }
                    for check in column.checks
                ],
            }
            for name, column in schema(domain).columns.items()
        },
    }


def _let_pandas_in() -> None:
    """Pandera needs pandas, which a command keeps out of its process until then."""
    if "pandas" in sys.modules and sys.modules["pandas"] is None:
        del sys.modules["pandas"]


def _selects(passes: pl.Expr) -> Callable[[Any], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(passes)
