"""The session of a browser window, and what was opened in it."""

from collections.abc import Collection
from urllib.parse import urlsplit

import streamlit as st

from access.entries import Actor
from access.identity import Identity
from access.policy import Action, Denied, decide, pages_of
from access.session import Session
from access.trail import Trail
from display.state import BOARD_KEY, BY_CLOCK_KEY, DENIED_KEY, SESSION_KEY, TRAIL_KEY
from queries import Board


def session_board() -> Board:
    """The Board that the dashboard opened for this session; without one the page ends here.

    Raises:
        Denied: the right to it has ended.
    """
    board = st.session_state.get(BOARD_KEY)
    if not isinstance(board, Board):
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    board.check()
    return board


def browser_session() -> Session | None:
    """The session of this browser window."""
    session = st.session_state.get(SESSION_KEY)
    return session if isinstance(session, Session) else None


def rerun_by_clock() -> None:
    """Draw the whole page again though nobody asked for it, which is no use of the session."""
    st.session_state[BY_CLOCK_KEY] = True
    st.rerun(scope="app")


def session_trail() -> Trail:
    """The audit trail, for a page whose reader may read it; without a session the page ends here.

    Raises:
        Denied: this session may not.
    """
    session, trail = browser_session(), st.session_state.get(TRAIL_KEY)
    if session is None or not isinstance(trail, Trail):
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    if not session.holds():
        raise Denied("Your session has ended. Sign in again.")
    decide(session.identity, Action.READ_TRAIL)
    return trail


def note_denied(error: Denied) -> None:
    """Record that somebody asked for what they may not have; once, though it is drawn again."""
    session, trail = browser_session(), st.session_state.get(TRAIL_KEY)
    if session is None or not isinstance(trail, Trail):
        return
    if st.session_state.get(DENIED_KEY) != str(error):
        trail.write("denied", Actor.of(session.identity), outcome="refused", reason=str(error))
    st.session_state[DENIED_KEY] = str(error)


def note_refused_address(identity: Identity, trail: Trail, known: Collection[str]) -> None:
    """Record that this window's address is that of a page that the role does not have.

    The menu has the role's pages only, so Streamlit takes such an address for the start page.
    """
    address = urlsplit(st.context.url or "").path.strip("/")
    if address in known and address not in pages_of(identity.role):
        trail.write("open page", Actor.of(identity), outcome="refused", resource=address)
        st.toast("That page is not part of your role.")
