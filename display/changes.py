"""What changed since an earlier snapshot, on a page."""

from collections.abc import Sequence

import streamlit as st
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from display.state import window
from display.tables import listed
from display.text import plain
from exhibits.changes import (
    LISTED,
    NOTHING_BEFORE,
    POINTS,
    RECORDS,
    before,
    changes_of_page,
    changes_of_person,
    which_records,
)
from exhibits.parts.words import day
from queries import Board


def compare_with(board: Board) -> bool:
    """Choose the earlier snapshot that changes are told against; whether there is one."""
    earlier = {str(snapshot.id): snapshot for snapshot in board.earlier()}
    if not earlier:
        st.info(plain(NOTHING_BEFORE), icon=":material/help:")
        return False
    last = before(board)
    names = list(earlier)
    first = names.index(str(last.snapshot.id)) if last is not None else 0
    words = {
        name: f"{name}, data cut-off {day(snapshot.manifest.cutoff)}"
        for name, snapshot in earlier.items()
    }
    board.compared_with = st.selectbox(
        "Changes since snapshot", names, index=first, format_func=words.__getitem__, width=420
    )
    return True


def changes_of_chosen_person(board: Board) -> None:
    """What changed about the chosen participant since the last review."""
    if not board.earlier():
        return
    place = _unfolded("What changed about them since the last review", "changes-of-person")
    if place is None:
        return
    rows, told = changes_of_person(board)
    with place:
        st.markdown(plain(told))
        if rows.height:
            listed(rows.drop("subject", "site", "arm"), LISTED, "What changed about this person")
        st.caption("Their study's course and their adverse events; filters do not apply.")


def changes_of_shown_page(board: Board, title: str, domains: Sequence[str]) -> None:
    """What changed in what the page is made of."""
    address = window().address
    unfolded = _unfolded(f"What changed here since the last review: {title}", f"changes-{address}")
    if unfolded is None or (changes := changes_of_page(board, address, domains)) is None:
        return
    with unfolded:
        st.markdown(plain(changes.told))
        if changes.records.height:
            listed(
                changes.records,
                RECORDS,
                "Records that changed, by dataset",
                widths={"values": "large"},
            )
        if changes.concluded:
            st.markdown(plain(changes.concluded))
        if changes.conclusions.height:
            listed(changes.conclusions, POINTS, "Estimates that moved")
        st.caption(
            plain(f"{which_records(board)} Each record, and another snapshot: on the overview.")
        )


def _unfolded(label: str, key: str) -> ExpanderContainer | None:
    """Where to say what changed, once somebody unfolds it: only then are two snapshots compared.

    Not a fragment: looking back can be refused and can fail, which is told where the page is drawn.
    """
    place = st.expander(label, key=key, icon=":material/update:", on_change="rerun")
    return place if place.open else None
