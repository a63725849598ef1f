"""Signing in on the page: by an OpenID Connect provider, or by the demonstration's picker."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from access.clock import now
from access.entries import Actor
from access.errors import AuditError
from access.identity import DEMONSTRATION, Identity, demonstration_identities
from access.session import Session
from access.sign_in import (
    ENDED,
    LOCKED,
    NO_ROLE,
    NOT_PROVED,
    SignInSettings,
    end_sign_in,
    identified,
    is_still,
)
from access.takeover import WINDOWS
from access.trail import NOT_RECORDED_YET, Trail
from display.session import rerun_by_clock
from display.state import forget_window, window
from display.text import plain
from display.web_server import not_answered, this_browser, this_window


def sign_in(asked: SignInSettings, trail: Trail) -> Session | None:
    """The session of this window; if there is none, what there is to sign in with is drawn.

    Raises:
        AuditError: the sign-in cannot be recorded, so it does not happen.
    """
    session = window().session
    used_now, window().by_clock = not window().by_clock, False
    if session is not None and session.ended:
        forget_window()
        session = None
    if why := not_answered(asked.identity):
        st.error(why)
        return None
    match asked.identity:
        case "demonstration":
            session = _by_picker(session, asked, trail, used_now=used_now)
        case "oidc":
            session = _by_provider(session, asked, trail, used_now=used_now)
        case _:
            st.error("No way to sign in is set up (DSMB_IDENTITY). Nothing is shown without one.")
            return None
    if trail.is_behind:
        st.warning(plain(NOT_RECORDED_YET), icon=":material/pending:")
    if session is not None and asked.identity == "demonstration":
        st.sidebar.caption("Demonstration: whoever sits here chooses who they are.")
    return session


def sign_out(session: Session, trail: Trail) -> None:
    """End the session, and with it the sign-in at this browser; when the button is clicked."""
    by_provider = session.identity.issuer != DEMONSTRATION
    if by_provider:
        end_sign_in(st.user.to_dict())
    _end(session, trail, "signed out")
    forget_window()
    if by_provider:
        _log_out()


def _log_out() -> None:
    """Take the cookie from this browser, too, and end the sign-in at the provider."""
    end_sign_in(st.user.to_dict())
    st.logout()
    # A run could overtake the message that sends the browser to the provider.
    st.stop()


def _by_picker(
    session: Session | None, asked: SignInSettings, trail: Trail, *, used_now: bool
) -> Session | None:
    if session is not None and not session.holds():
        _end(session, trail, LOCKED.format(minutes=asked.idle_minutes))
        session = None
    if session is not None:
        if used_now:
            session.last_active = now()
        return session
    person, window().person = window().person, None
    if person is not None:
        started = _started(person, trail)
        started.entitled = lambda: not started.is_idle(asked.idle_minutes)
        return started
    _title("Demonstration with simulated participants. Choose who you are.")
    for person in demonstration_identities():
        st.button(
            person.name,
            key=f"sign-in-{person.subject}",
            width=420,
            on_click=partial(setattr, window(), "person", person),
        )
    return None


def _by_provider(
    session: Session | None, asked: SignInSettings, trail: Trail, *, used_now: bool
) -> Session | None:
    if not st.user.is_logged_in:
        if session is not None:
            _end(session, trail, "signed out")
        _title("Sign in with your organization's account.")
        st.button("Sign in", type="primary", on_click=st.login)
        return None
    claims = st.user.to_dict()
    refusal, identity = identified(claims, asked, used_now=used_now)
    if session is not None and session.identity != identity:
        _end(session, trail, refusal or "The role has changed.")
        session, window().refused = None, refusal
    if identity is None:
        _title(refusal)
        goes_on = refusal in {NO_ROLE, NOT_PROVED}
        label = "Sign out" if goes_on else "Sign in again"
        st.button(label, type="primary", on_click=_log_out)
        _record_refusal(claims, refusal, trail)
        return None
    if session is None:
        session = _started(identity, trail)
        session.entitled = partial(is_still, identity, claims, asked)
    return session


def _started(identity: Identity, trail: Trail) -> Session:
    trail.write("signed in", Actor.of(identity))
    session, here = Session(identity), window()
    here.session = session
    here.bound = WINDOWS.bind(this_window(), this_browser(), session, trail)
    return session


def _end(session: Session, trail: Trail, why: str) -> None:
    """End a session, and leave nothing of it in this window but why."""
    with suppress(AuditError):  # the dashboard says what is not recorded yet
        session.end(trail, why)
    forget_window(why)


def _record_refusal(claims: Mapping[str, Any], why: str, trail: Trail) -> None:
    if window().refused == why:
        return
    actor = Actor(
        str(claims.get("iss", "")), str(claims.get("sub", "")), str(claims.get("name", "")), ""
    )
    act = "ended sign-in used" if why == ENDED else "signed in"
    trail.write(act, actor, outcome="refused", reason=why)
    window().refused = why


def _title(text: str) -> None:
    st.title("Safety board dashboard", anchor=False)
    notice = window().notice
    if notice and notice != text:
        st.info(notice, icon=":material/lock:")
    st.write(text)


@st.fragment(run_every="5s")
def watch(session: Session) -> None:
    """Clear the window as soon as the session may not go on, though nobody touches it.

    Not to be drawn in a run that goes to another page: a browser that is slow could ask for it with
    the page of before, and then takes away what the other page has drawn.
    """
    if not session.holds():
        rerun_by_clock()
