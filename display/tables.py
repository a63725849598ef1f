"""Tables on a page: how each column is drawn."""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import polars as pl
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from exhibits.exhibit import label_of

_OF_PERCENT = re.compile(r"%|percentage points")

Width: TypeAlias = Literal["small", "medium", "large"]


def columns_of(
    table: pl.DataFrame,
    labels: Mapping[str, str] | None = None,
    widths: Mapping[str, Width] | None = None,
) -> dict[str, ColumnConfig]:
    """How the columns of a table are shown: each number as it needs, each heading whole.

    The first says what a row is about and stays in sight, unless it would take most of a narrow
    screen.
    """
    labels, widths = labels or {}, widths or {}
    columns: dict[str, ColumnConfig] = {}
    for name, kind in table.schema.items():
        label = labels.get(name) or label_of(name)
        same: dict[str, Any] = {
            "label": label,
            "pinned": not columns,
            "width": widths.get(name) or _width(table[name], label, 48 if not columns else 34),
        }
        if kind.is_numeric():
            columns[name] = st.column_config.NumberColumn(format=_format(table[name]), **same)
        elif kind == pl.Date:
            columns[name] = st.column_config.DateColumn(format="YYYY-MM-DD", **same)
        else:
            columns[name] = st.column_config.Column(**same)
    return columns


def decimals(values: pl.Series) -> int:
    """Decimals that a column needs: at most two, or four where all is at most 1, as p is.

    Percentages, differences of them and their limits have one, as everywhere else.
    """
    sizes = values.drop_nulls().abs()
    most = 4 if (sizes <= 1).all() else 2
    least = 1 if values.dtype.is_float() and _OF_PERCENT.search(values.name) else 0
    for places in range(least, most):
        if ((sizes - sizes.round(places)).abs() < 0.00005).all():
            return places
    return most


def _format(values: pl.Series) -> str:
    """With its decimals; a p that they would make zero has as many as show it."""
    sizes = values.drop_nulls().abs()
    if (sizes <= 1).all() and ((sizes > 1e-12) & (sizes < 0.00005)).any():
        return "%.2g"
    return f"%,.{decimals(values)}f"


def _width(values: pl.Series, label: str, most: int) -> int:
    """Pixels for a column, so that its heading is whole, and what has at most so many letters."""
    if values.dtype.is_float():
        values = values.round(decimals(values))
    longest = values.cast(pl.String).str.len_chars().max()
    shown = min(most, longest) if isinstance(longest, int) else 0
    return 28 + int(6.7 * max(len(label), shown))


def listed(
    rows: pl.DataFrame,
    labels: Mapping[str, str],
    alt: str,
    *,
    widths: Mapping[str, Width] | None = None,
    **options: Any,
) -> Any:
    """Rows as they are, under the labels of their columns; what `st.dataframe` returns.

    Args:
        labels: what each column is called for a reader.
        alt: what the table is, for who cannot see it.
        widths: of columns that need another width than they would take.
        options: of `st.dataframe`.
    """
    defaults = {
        "height": "content" if rows.height <= 20 else 420,
        "column_config": columns_of(rows, labels, widths),
    }
    return st.dataframe(rows, hide_index=True, placeholder="", alt=alt, **(defaults | options))
