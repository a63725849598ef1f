"""Lists of participants: how one gets there, and back."""

import streamlit as st

from access.menu import MENU
from display.session import session_board
from display.state import window
from exhibits.exhibit import People
from queries import Board

PARTICIPANT_PAGE = "board-participant"


def ask_for(people: People, exhibit: str, person: str | None = None) -> None:
    """Go to the list of some participants; from a fragment, too.

    Args:
        exhibit: the exhibit to come back to.
        person: whom of them to look at first.
    """
    here = window()
    here.people = (looked_at(session_board()), people)
    here.people_from, here.participant = (here.address, exhibit), person
    here.go_to = PARTICIPANT_PAGE
    st.rerun(scope="app")


def go_on() -> None:
    """Show the page that somebody asked for, before anything is drawn that a clock draws again."""
    here = window()
    address, here.go_to = here.go_to, None
    if address is not None:
        st.switch_page(MENU[address].file)


def list_asked_for(board: Board) -> People | None:
    """The list that somebody asked for while looking at the same, in the same view.

    A list names an arm as its view does: in another view it is forgotten, and the way back with it.
    """
    asked = window().people
    if asked is not None and asked[0] == looked_at(board):
        return asked[1]
    if asked is not None:
        forget_list()
    return None


def forget_list() -> None:
    """Look at all participants again."""
    here = window()
    here.people = here.people_from = here.participant = None


def looked_at(board: Board) -> tuple[str, ...]:
    """By whom, of which trial and snapshot, in which view."""
    return board.grant.holder, board.trial.id, str(board.snapshot.id), board.view.word


def go_back() -> None:
    """Go to the page and the exhibit that the list came from."""
    here = window()
    assert here.people_from is not None
    here.go_to, here.come_back_to = here.people_from
    st.rerun(scope="app")


def come_back_to(exhibit: str) -> None:
    """Above an exhibit: where somebody comes back to it, it is brought into sight."""
    if window().come_back_to == exhibit:
        window().come_back_to = None
        with st.container(key="came-back-here"):
            st.html(
                "<script>document.querySelector('.st-key-came-back-here')?.scrollIntoView()</script>",
                unsafe_allow_javascript=True,
            )
