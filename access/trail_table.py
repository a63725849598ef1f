"""Rows of the audit trail for other programs and for tables on a page."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields

import polars as pl

from access.entries import Entry

_NUMBERS = {"sequence", "intent"}
_SCHEMA = {field.name: pl.Int64 if field.name in _NUMBERS else pl.String for field in fields(Entry)}


def trail_table(entries: Sequence[Entry]) -> pl.DataFrame:
    """The rows as they are stored, one column for each field."""
    rows = [
        {
            # In SQLite somebody could put text where a number is; `verify` names that row.
            name: (value if isinstance(value, int) else None) if name in _NUMBERS else str(value)
            for name, value in asdict(entry).items()
        }
        for entry in entries
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def trail_json(entries: Sequence[Entry]) -> str:
    """The rows as a list of objects, whole, so that the chain can be followed elsewhere."""
    return json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=1)
