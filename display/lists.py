"""Lists of participants: how one gets there, and back."""

import streamlit as st

from access.menu import MENU
from display.session import session_board
from display.state import ADDRESS_KEY, GO_KEY, LIST_KEY, ORIGIN_KEY, PERSON_KEY, PLACE_KEY
from exhibits.exhibit import People
from queries import Board

PARTICIPANT_PAGE = "board-participant"


def ask_for(people: People, exhibit: str, person: str | None = None) -> None:
    """Go to the list of some participants; from a fragment, too.

    Args:
        exhibit: the exhibit to come back to.
        person: whom of them to look at first.
    """
    st.session_state[LIST_KEY] = (_looked_at(session_board()), people)
    st.session_state[ORIGIN_KEY] = (st.session_state.get(ADDRESS_KEY, ""), exhibit)
    st.session_state[PERSON_KEY] = person
    st.session_state[GO_KEY] = True
    st.rerun(scope="app")


def list_asked_for(board: Board) -> People | None:
    """The list that somebody asked for while looking at the same, in the same view.

    A list names an arm as its view does: in another view it is forgotten, and the way back with it.
    """
    looked_at, people = st.session_state.get(LIST_KEY, (None, None))
    if looked_at == _looked_at(board) and isinstance(people, People):
        return people
    forget_list()
    return None


def forget_list() -> None:
    """Look at all participants again."""
    for key in (LIST_KEY, ORIGIN_KEY, PERSON_KEY):
        st.session_state.pop(key, None)


def _looked_at(board: Board) -> tuple[str, ...]:
    return board.grant.holder, board.trial.id, str(board.snapshot.id), board.view.word


def go_back() -> None:
    """Go to the page and the exhibit that the list came from."""
    address, exhibit = st.session_state[ORIGIN_KEY]
    st.session_state[PLACE_KEY] = exhibit
    st.switch_page(MENU[address].file)


def come_back_to(exhibit: str) -> None:
    """Above an exhibit: where somebody comes back to it, it is brought into sight."""
    if st.session_state.get(PLACE_KEY) == exhibit:
        del st.session_state[PLACE_KEY]
        with st.container(key="came-back-here"):
            st.html(
                "<script>document.querySelector('.st-key-came-back-here')?.scrollIntoView()</script>",
                unsafe_allow_javascript=True,
            )
