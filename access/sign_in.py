"""Signing in on the page. For now the demonstration's picker, on the machine itself only."""

import streamlit as st

from access.identity import Identity, demonstration_identities

IDENTITY_KEY = "_identity"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def identity_of_session() -> Identity | None:
    """Who is signed in in this session."""
    identity = st.session_state.get(IDENTITY_KEY)
    return identity if isinstance(identity, Identity) else None


def sign_in(way: str) -> Identity | None:
    """The person of this session; if there is none, what there is to sign in with is drawn.

    Args:
        way: the setting `identity`. The demonstration refuses a server that others can reach.
    """
    if way != "demonstration":
        st.error("No way to sign in is set up (DSMB_IDENTITY). Nothing is shown without sign-in.")
        return None
    if st.get_option("server.address") not in LOOPBACK:
        st.error("The demonstration sign-in works on this machine's loopback address only.")
        return None
    identity = identity_of_session()
    if identity is None:
        st.title("Safety board dashboard", anchor=False)
        st.write("Demonstration with simulated participants. Choose who you are.")
        for person in demonstration_identities():
            st.button(
                person.name,
                key=f"sign-in-{person.subject}",
                width=420,
                on_click=st.session_state.__setitem__,
                args=(IDENTITY_KEY, person),
            )
    return identity
