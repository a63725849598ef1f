"""Pandera schemas made from field facts, and what they find.

Pandera reports a check by its `error` text; that text is the rule's id, and the rule's own words
stand in the catalogue. Any CHECK_ERROR is a fault of ours and is raised, never reported as data.
"""

from collections.abc import Callable, Mapping
from functools import cache
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
    empty = pl.DataFrame(schema={"rule": pl.String, "index": pl.UInt32})
    if frame.is_empty() or not fields:
        return empty
    checks = {field.name: _checks(domain, field) for field in fields}
    broken = _broken(frame, domain, checks)
    if not broken:
        return empty
    import pandera.polars as pandera
    from pandera.errors import SchemaErrors

    columns = {
        name: pandera.Column(
            pl.String,
            [
                pandera.Check(_selects(passes), error=rule, ignore_na=False)
                for rule, passes in made.items()
                if rule in broken
            ],
            nullable=True,
            required=True,
        )
        for name, made in checks.items()
        if broken & made.keys()
    }
    try:
        pandera.DataFrameSchema(columns, strict=False).validate(frame, lazy=True)
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


def _broken(
    frame: pl.DataFrame, domain: Domain, checks: Mapping[str, Mapping[str, pl.Expr]]
) -> set[str]:
    """The rules that any row breaks: nearly all hold, and to ask that of all at once takes less."""
    holds = [
        passes.fill_null(value=False).all().alias(rule)
        for made in checks.values()
        for rule, passes in made.items()
    ]
    if not holds:
        return set()
    try:
        held = frame.select(holds).row(0, named=True)
    except pl.exceptions.PolarsError as error:
        raise BrokenCheckError(
            f"A check of {domain.name} did not run ({type(error).__name__})."
        ) from error
    return {rule for rule, holds_for_all in held.items() if not holds_for_all}


@cache
def _checks(domain: Domain, field: Field) -> dict[str, pl.Expr]:
    """What has to hold of a field, by rule."""
    rule = f"{domain.name}-{field.name}"
    text = trimmed(field.name)
    typed = pl.col(field.word)
    made: dict[str, pl.Expr] = {}

    nothing = text.is_null() if field.name == "USUBJID" else text.is_null() | is_mark(field.name)
    if field.missing is not None:
        made[f"{rule}-present"] = ~nothing
    if field.invalid is None:
        return made
    if field.kind is Kind.DATE:
        partial = is_partial_date(field.name)
        made[f"{rule}-date"] = nothing | typed.is_not_null() | partial
        if field.missing is not None:
            made[f"{rule}-partial"] = nothing | ~partial
    elif field.kind is Kind.CODE:
        made[f"{rule}-code"] = nothing | typed.is_not_null()
    elif field.typed:
        made[f"{rule}-number"] = nothing | typed.is_not_null()
    if field.lower is not None:
        inside = typed >= field.lower
        if field.upper is not None:
            inside &= typed <= field.upper
        made[f"{rule}-range"] = typed.is_null() | inside
    elif field.upper is not None:
        made[f"{rule}-range"] = typed.is_null() | (typed <= field.upper)
    return made


def _selects(passes: pl.Expr) -> Callable[[Any], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(passes)
