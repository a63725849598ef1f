"""The session of a browser window, and what was opened in it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import streamlit as st

from access.entries import Actor
from access.errors import ClosedSessionError, RecordsError
from access.identity import Identity
from access.policy import Action, Denied, decide, pages_of
from access.session import Session
from access.trail import Trail
from display.state import window
from display.text import plain
from queries import Board


def session_board() -> Board:
    """The Board that the dashboard opened for this session; without one the page ends here.

    Raises:
        Denied: the right to it has ended.
    """
    board = window().board
    if board is None:
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    board.check()
    return board


def rerun_by_clock() -> None:
    """Draw the whole page again though nobody asked for it, which is no use of the session."""
    window().by_clock = True
    st.rerun(scope="app")


def session_trail() -> tuple[Session, Trail]:
    """Who reads, and the audit trail; without a session the page ends here.

    Raises:
        Denied: this session may not read it.
    """
    session, trail = window().session, window().trail
    if session is None or trail is None:
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    return session, readable(trail, session)


def readable(trail: Trail, session: Session) -> Trail:
    """The trail, as long as this session may read it; a click on a download comes without a page.

    Raises:
        Denied: it may not.
    """
    if not session.holds():
        raise Denied("Your session has ended. Sign in again.")
    decide(session.identity, Action.READ_TRAIL)
    return trail


@contextmanager
def explained() -> Iterator[None]:
    """What cannot be done is said where it was asked for."""
    try:
        yield
    except (ClosedSessionError, Denied, RecordsError) as error:
        st.error(plain(str(error)))


def note_denied(error: Denied) -> None:
    """Record that somebody asked for what they may not have; once, though it is drawn again."""
    session, trail = window().session, window().trail
    if session is None or trail is None:
        return
    if window().denied != str(error):
        trail.write("denied", Actor.of(session.identity), outcome="refused", reason=str(error))
    window().denied = str(error)


def note_refused_address(identity: Identity, trail: Trail, known: Collection[str]) -> None:
    """Record that this window's address is that of a page that the role does not have.

    The menu has the role's pages only, so Streamlit takes such an address for the start page.
    """
    address = urlsplit(st.context.url or "").path.strip("/")
    if address in known and address not in pages_of(identity.role):
        trail.write("open page", Actor.of(identity), outcome="refused", resource=address)
        st.toast("That page is not part of your role.")
