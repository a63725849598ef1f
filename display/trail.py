"""Rows of the audit trail as a page shows them."""

from collections.abc import Sequence

import polars as pl
import streamlit as st

from access.entries import Entry
from access.trail_table import trail_table
from display.tables import listed

_COLUMNS = {
    "sequence": st.column_config.NumberColumn("Row", format="localized", width="small"),
    "at": st.column_config.TextColumn("When (UTC)"),
    "act": st.column_config.TextColumn("Act"),
    "outcome": st.column_config.TextColumn("Outcome", width="small"),
    "name": st.column_config.TextColumn("Who"),
    "role": st.column_config.TextColumn("Role", width="small"),
    "holder": st.column_config.TextColumn("Signed in as"),
    "trial": st.column_config.TextColumn("Trial"),
    "snapshot": st.column_config.TextColumn("Snapshot"),
    "view": st.column_config.TextColumn("View", width="small"),
    "resource": st.column_config.TextColumn("What"),
    "reason": st.column_config.TextColumn("Why", width="large"),
    "intent": st.column_config.NumberColumn(
        "Ends row", format="localized", help="The row that says that this was intended"
    ),
}
_HIGH_AT_MOST = 15


def moment(at: str) -> str:
    """A row's time to the second, as people read it."""
    return at[:19].replace("T", " ")


def show_entries(entries: Sequence[Entry], label: str) -> None:
    """Draw rows as a table; `label` says what they are to who cannot see them."""
    shown = trail_table(entries).with_columns(
        pl.col("at").map_elements(moment, return_dtype=pl.String),
        pl.Series("holder", [entry.holder for entry in entries], pl.String),
    )
    height = "content" if shown.height <= _HIGH_AT_MOST else 560
    listed(shown.select(list(_COLUMNS)), {}, label, height=height, column_config=_COLUMNS)
