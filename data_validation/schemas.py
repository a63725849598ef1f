"""Pandera schemas made from field facts, and what they find.

Pandera reports a check by its `error` text; that text is the rule's id, and the rule's own words
stand in the catalogue. Any CHECK_ERROR is a fault of ours and is raised, never reported as data.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from data_validation.facts import Domain, Field, Kind
from data_validation.values import is_mark, is_partial_date, trimmed


class BrokenCheckError(Exception):
    """A check that failed to run. A fault of this program, not of the extract."""


def structural_failures(
    frame: pl.DataFrame, domain: Domain, fields: tuple[Field, ...]
) -> pl.DataFrame:
    """Rows of `frame` that break a generated rule.

    Args:
        frame: a table with text and typed columns for `fields`.
        fields: the fields to hold against their facts; absent ones are left out by the caller.

    Returns:
        `rule` and `index`, the position of the row in `frame`.
    """
    import pandera.polars as pandera
    from pandera.errors import SchemaErrors

    empty = pl.DataFrame(schema={"rule": pl.String, "index": pl.UInt32})
    if frame.is_empty() or not fields:
        return empty
    checks = {field.name: _checks(pandera, domain, field) for field in fields}
    columns = {
        name: pandera.Column(pl.String, made, nullable=True, required=True)
        for name, made in checks.items()
        if made
    }
    try:
        pandera.DataFrameSchema(columns, strict=False).validate(frame, lazy=True)
    except SchemaErrors as error:
        failed = error
    else:
        return empty
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


def _checks(pandera: Any, domain: Domain, field: Field) -> list[Any]:
    rule = f"{domain.name}-{field.name}"
    text = trimmed(field.name)
    typed = pl.col(field.word)
    made: list[Any] = []

    def add(name: str, passes: pl.Expr) -> None:
        made.append(pandera.Check(_selects(passes), error=f"{rule}-{name}", ignore_na=False))

    nothing = text.is_null() if field.name == "USUBJID" else text.is_null() | is_mark(field.name)
    if field.missing is not None:
        add("present", ~nothing)
    if field.invalid is None:
        return made
    if field.kind is Kind.DATE:
        partial = is_partial_date(field.name)
        add("date", nothing | typed.is_not_null() | partial)
        if field.missing is not None:
            add("partial", nothing | ~partial)
    elif field.kind is Kind.CODE:
        add("code", nothing | typed.is_not_null())
    elif field.typed:
        add("number", nothing | typed.is_not_null())
    if field.lower is not None:
        inside = typed >= field.lower
        if field.upper is not None:
            inside &= typed <= field.upper
        add("range", typed.is_null() | inside)
    elif field.upper is not None:
        add("range", typed.is_null() | (typed <= field.upper))
    return made


def _selects(passes: pl.Expr) -> Callable[[Any], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(passes)
