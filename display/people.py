"""A list of participants, and whom of them one looks at: by click, by name, one after the other."""

import polars as pl
import streamlit as st

from display.lists import forget_list, go_back, list_asked_for
from display.state import window
from display.tables import listed
from display.text import plain
from exhibits.exhibit import People
from exhibits.parts.words import counted
from queries import Board

EVERYBODY = People("All randomized participants", "people/all", (("arm", None),))


def choose_participant(board: Board) -> bool:
    """Show the list that somebody came with, and have one of it chosen; whether there is one."""
    people = list_asked_for(board) or EVERYBODY
    rows = board.ask(people.question, **dict(people.values))
    came = window().people_from
    with st.container(horizontal=True, vertical_alignment="center"):
        back = bool(came and came[0])
        if back and st.button("Back", icon=":material/arrow_back:", key="back-to-exhibit"):
            go_back()
        if people != EVERYBODY and st.button("All participants", type="tertiary", key="everybody"):
            forget_list()
            st.rerun()
    st.subheader(plain(people.title), anchor=False)
    if rows.is_empty():
        st.info(
            "Nobody is in this list. Filters may leave nobody; clear them."
            if board.filters
            else "Nobody is in this list."
        )
        return False
    subjects = rows["subject"].to_list()
    chosen = _asked_for(subjects)
    picked = listed(
        rows.drop("arm") if len(board.arms) == 1 else rows,
        {"why": "Why in this list"},
        f"{counted(rows.height, 'participant')}: {people.title}",
        widths={"why": "large"},
        on_select="rerun",
        selection_mode="single-row",
        height="content" if rows.height <= 6 else 260,
        key=f"list-{people.question}-{rows.height}",
    ).selection.rows
    if picked and picked[0] < len(subjects) and picked[0] != window().row:
        chosen = subjects[picked[0]]
    window().row = picked[0] if picked else None
    chosen = _stepped(subjects, chosen)
    window().participant = board.subject = chosen
    why = rows.filter(pl.col("subject") == chosen)["why"].item(0)
    st.markdown(f"### {plain(chosen)}")
    st.caption(plain(str(why)))
    return True


def _asked_for(subjects: list[str]) -> str:
    """Whom the address or an earlier click names, if they are in the list; else the first."""
    asked = st.query_params.get("participant")
    if asked in subjects and window().asked.get("participant") != asked:
        window().asked["participant"] = asked
        return str(asked)
    kept = window().participant
    return kept if kept in subjects else subjects[0]


def _stepped(subjects: list[str], chosen: str) -> str:
    place = subjects.index(chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        before = st.button(
            "Previous", icon=":material/chevron_left:", disabled=place == 0, key="previous-person"
        )
        after = st.button(
            "Next", icon=":material/chevron_right:", disabled=place == len(subjects) - 1,
            key="next-person",
        )  # fmt: skip
        st.caption(f"{place + 1:,} of {counted(len(subjects), 'participant')}")
    if before or after:
        # Drawn anew, so that the buttons know where they stand.
        window().participant = subjects[place + (1 if after else -1)]
        st.rerun()
    return chosen
