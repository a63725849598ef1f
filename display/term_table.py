"""The table of body systems and preferred terms: searched, sorted, unfolded system by system."""

from typing import Any

import polars as pl
import streamlit as st

from display.downloads import download
from display.exhibit import show
from display.lists import ask_for
from display.session import session_board
from display.tables import listed
from display.text import plain
from exhibits.exhibit import Exhibit
from exhibits.parts.comparison import contrast
from exhibits.parts.words import counted, share
from queries import Board

_NAME = "adverse_events_by_term"
_MOST_SYSTEMS = 40


@st.fragment
def show_terms() -> None:
    """The exhibit of adverse events by term, as somebody looks through it."""
    show(_NAME, _searched)


def _searched(shown: Exhibit) -> None:
    board = session_board()
    assert shown.table is not None
    table = shown.table.with_row_index("_row")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sought = st.text_input("Search terms", key="term-search", width=260)
        orders = _orders(shown, board)
        order = st.selectbox("Sort by", list(orders), key="term-order", width=320)
    _systems(shown, _sought(table, sought), orders[str(order)], board, unfold=bool(sought))
    download(shown)


def _orders(shown: Exhibit, board: Board) -> dict[str, str]:
    """What the table can be sorted by: words, and the column."""
    assert shown.table is not None
    orders = {
        f"Participants, {arm}" if len(board.arms) > 1 else "Participants": f"participants_{place}"
        for place, arm in enumerate(board.arms, start=1)
    }
    for place, arm in enumerate(board.arms, start=1):
        if f"difference_{place}" in shown.table.columns:
            orders[f"Difference, {contrast(board, arm)}"] = f"difference_{place}"
    return orders | {"Name": ""}


def _sought(table: pl.DataFrame, text: str) -> pl.DataFrame:
    """The rows of which term or body system has the text; of such a term the body system, too."""
    if not text.strip():
        return table
    has = pl.concat_str(pl.col("preferred_term").fill_null(""), "body_system", separator=" ")
    found = table.filter(has.str.to_lowercase().str.contains(text.strip().lower(), literal=True))
    systems = found["body_system"].unique().implode()
    whole = pl.col("preferred_term").is_null() & pl.col("body_system").is_in(systems)
    return pl.concat([found, table.filter(whole)]).unique("_row").sort("_row")


def _systems(
    shown: Exhibit, table: pl.DataFrame, order: str, board: Board, *, unfold: bool
) -> None:
    descending = bool(order)
    by = order or "preferred_term"
    systems = table.filter(pl.col("preferred_term").is_null()).sort(
        order or "body_system", descending=descending, nulls_last=True, maintain_order=True
    )
    if systems.is_empty():
        st.caption("No term has this text.")
    for system in systems.head(_MOST_SYSTEMS).iter_rows(named=True):
        terms = table.filter(
            pl.col("body_system") == system["body_system"], pl.col("preferred_term").is_not_null()
        ).sort(by, descending=descending, nulls_last=True, maintain_order=True)
        folded = st.expander(
            _in_words(system, shown, board),
            expanded=unfold,
            key=f"system-{system['_row']}-{unfold}",
            on_change="rerun",
        )
        if folded.open:
            with folded:
                _terms(shown, pl.concat([pl.DataFrame([system], schema=table.schema), terms]))
    if systems.height > _MOST_SYSTEMS:
        st.caption(
            f"The first {_MOST_SYSTEMS} of {systems.height:,} body systems; search for others."
        )


def _in_words(system: dict[str, Any], shown: Exhibit, board: Board) -> str:
    """`Cardiac disorders – Arm A 5 of 30 (17 %), Arm B 3 of 30 (10 %)`."""
    several = len(board.arms) > 1
    parts = [
        f"{arm} " * several + share(system[f"participants_{place}"], size)
        for place, (arm, size) in enumerate(zip(board.arms, shown.sizes, strict=True), start=1)
    ]
    return f"**{plain(str(system['body_system']))}** – {plain(', '.join(parts))}"


def _terms(shown: Exhibit, rows: pl.DataFrame) -> None:
    """The terms of one body system, all of it first; a row leads to its participants."""
    name = pl.coalesce("preferred_term", pl.lit("All of this body system"))
    table = rows.drop("_row", "body_system").with_columns(name.alias("preferred_term"))
    chosen = listed(
        table,
        shown.labels,
        f"{counted(table.height - 1, 'preferred term')} of {rows['body_system'][0]}",
        height="content" if table.height <= 20 else 560,
        on_select="rerun",
        selection_mode="single-row",
        key=f"terms-{rows['_row'][0]}-{table.height}",
    )
    picked = chosen.selection.rows
    if shown.row_lists and picked and picked[0] < rows.height:
        place = shown.row_lists[rows["_row"][picked[0]]]
        if place is not None:
            ask_for(shown.lists[place], _NAME)
