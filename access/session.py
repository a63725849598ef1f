"""What this session may use. A stand-in: the trail that the session was given."""

import streamlit as st

from access.trail import Trail

TRAIL_KEY = "_trail"


def session_trail() -> Trail:
    """The audit trail, for whoever may read it; for others the page ends here."""
    trail = st.session_state.get(TRAIL_KEY)
    if not isinstance(trail, Trail):
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    return trail
