"""One record of a snapshot as a site would know it again: its fields' own names and texts."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from data_validation.domains import DOMAINS

_RECEIVED = "received_"  # how a snapshot calls fields that no fact names


def relation_of(domain: str) -> str | None:
    """The relation that holds a dataset's records; None for one that is in none."""
    return DOMAINS[domain].relation if domain in DOMAINS else None


def as_received(domain: str, record: Mapping[str, Any]) -> pl.DataFrame:
    """A record beside what its fields are.

    Args:
        domain: the dataset, `AE`.
        record: the record by the columns of its relation.

    Returns:
        `field`, `received` (null where it was empty) and `description`; one row a field that the
        view of the record has, in the order of the facts, then fields that no fact names.
    """
    rows = []
    for field in DOMAINS[domain].fields:
        column = f"{field.word}_text" if field.typed else field.word
        if column in record:
            # A date that was written in another form stands there as it was.
            received = record.get(_RECEIVED + field.name, record[column])
            rows.append((field.name, received, field.description))
    known = {_RECEIVED + field.name for field in DOMAINS[domain].fields}
    for column, value in record.items():
        if column.startswith(_RECEIVED) and column not in known:
            rows.append((column.removeprefix(_RECEIVED), value, "No fact names this field."))
    return pl.DataFrame(
        rows,
        schema={"field": pl.String, "received": pl.String, "description": pl.String},
        orient="row",
    )
