"""Signing in on the page: by an OpenID Connect provider, or by the demonstration's picker.

Streamlit keeps a provider's sign-in in a cookie for weeks and asks nobody again. So whatever it
says is looked at in every run: until when the provider vouches, when the sign-in was last used, and
which role the person has by the role file as it is now.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import streamlit as st

from access.entries import Actor
from access.identity import Identity, demonstration_identities
from access.roles import RolesError, read_roles
from access.session import (
    ACTIVITY,
    BY_CLOCK_KEY,
    SESSION_KEY,
    Session,
    SignIn,
    browser_session,
    rerun_by_clock,
)
from access.trail import Trail

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PERSON_KEY = "_person"  # whom the picker was told
NOTICE_KEY = "_notice"  # why the last session of this window ended
REFUSED_KEY = "_refused"  # what was refused and recorded already

EXPIRED = "Your sign-in has expired. Sign in again."
LOCKED = "Locked after {minutes:g} minutes without activity. Sign in again."
NO_ROLE = (
    "You are signed in, but have no role here, or more than one. "
    "Ask who looks after the dashboard to put you into the group of your role."
)


class SignInSettings(Protocol):
    """What signing in needs of `settings.Settings`."""

    @property
    def identity(self) -> Literal["none", "demonstration", "oidc"]:
        """How people sign in."""

    @property
    def roles_file(self) -> Path | None:
        """Which group of the provider has which role."""

    @property
    def idle_minutes(self) -> float:
        """A session in which nothing is done for so long is locked."""


def sign_in(asked: SignInSettings, trail: Trail) -> Session | None:
    """The session of this window; if there is none, what there is to sign in with is drawn.

    Raises:
        AuditError: the sign-in cannot be recorded, so it does not happen.
        RolesError: there is no role file that could be used.
    """
    session = browser_session()
    used_now = not st.session_state.pop(BY_CLOCK_KEY, False)
    if session is not None and session.ended:
        st.session_state.clear()
        session = None
    match asked.identity:
        case "demonstration":
            session = _by_picker(session, asked, trail, used_now=used_now)
        case "oidc":
            session = _by_provider(session, asked, trail, used_now=used_now)
        case _:
            st.error("No way to sign in is set up (DSMB_IDENTITY). Nothing is shown without one.")
            return None
    if session is not None:
        if asked.identity == "demonstration":
            st.sidebar.caption("Demonstration: whoever sits here chooses who they are.")
        _watch(session, asked.idle_minutes)
    return session


def sign_out(session: Session, trail: Trail) -> None:
    """End the session, and with it the sign-in at this browser."""
    by_provider = session.identity.issuer != "demonstration"
    if by_provider and (found := _sign_in_of(st.user.to_dict())) is not None:
        ACTIVITY.end(found)
    try:
        session.end(trail, "signed out")
    finally:
        st.session_state.clear()
    if by_provider:
        st.logout()
        # A rerun could overtake the message that sends the browser to the provider.
        st.stop()
    st.rerun()


def _by_picker(
    session: Session | None, asked: SignInSettings, trail: Trail, *, used_now: bool
) -> Session | None:
    if st.get_option("server.address") not in LOOPBACK:
        st.error("The demonstration sign-in works on this machine's loopback address only.")
        return None
    if session is not None and session.is_idle(asked.idle_minutes):
        _end(session, trail, LOCKED.format(minutes=asked.idle_minutes))
        session = None
    if session is not None:
        if used_now:
            session.last_active = datetime.now(UTC)
        return session
    person = st.session_state.pop(PERSON_KEY, None)
    if isinstance(person, Identity):
        return _started(person, trail)
    _title("Demonstration with simulated participants. Choose who you are.")
    for person in demonstration_identities():
        st.button(
            person.name,
            key=f"sign-in-{person.subject}",
            width=420,
            on_click=st.session_state.__setitem__,
            args=(PERSON_KEY, person),
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
    refusal, identity, last_use = _identified(claims, asked, used_now=used_now)
    if session is not None and session.identity != identity:
        _end(session, trail, refusal or "The role has changed.")
        session = None
    if identity is None:
        _title(refusal)
        _record_refusal(claims, refusal, trail)
        st.button("Sign in again", type="primary", on_click=st.logout)
        return None
    if session is None:
        session = _started(identity, trail, entitled=partial(_is_still, identity, claims, asked))
    session.last_active = last_use
    return session


def _identified(
    claims: Mapping[str, Any], asked: SignInSettings, *, used_now: bool
) -> tuple[str, Identity | None, datetime]:
    """Who the claims say it is, and the last use; or a sentence that says why it is nobody."""
    never = datetime.min.replace(tzinfo=UTC)
    found = _sign_in_of(claims)
    expires = claims.get("exp")
    if found is None or not isinstance(expires, int | float):
        return (
            "The provider did not say who you are, or until when (iss, sub, iat, exp).",
            None,
            never,
        )
    if datetime.now(UTC) >= _moment(expires):
        return EXPIRED, None, never
    idle = timedelta(minutes=asked.idle_minutes)
    last_use = ACTIVITY.last_use(found, _moment(found[2]), idle, used_now=used_now)
    if last_use is None:
        return LOCKED.format(minutes=asked.idle_minutes), None, never
    held = read_roles(asked.roles_file).of(claims)
    if held is None:
        return NO_ROLE, None, last_use
    role, trials = held
    name = str(claims.get("name") or claims.get("email") or claims["sub"])
    return "", Identity(found[0], found[1], name, role, trials, _moment(expires)), last_use


def _is_still(identity: Identity, claims: Mapping[str, Any], asked: SignInSettings) -> bool:
    try:
        return read_roles(asked.roles_file).of(claims) == (identity.role, identity.trials)
    except RolesError:
        return False


def _sign_in_of(claims: Mapping[str, Any]) -> SignIn | None:
    match (claims.get("iss"), claims.get("sub"), claims.get("iat")):
        case (str(issuer), str(subject), int() | float() as issued) if issuer and subject:
            return issuer, subject, int(issued)
        case _:
            return None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _started(identity: Identity, trail: Trail, **more: Any) -> Session:
    trail.write("signed in", Actor.of(identity))
    session = Session(identity, **more)
    st.session_state[SESSION_KEY] = session
    return session


def _end(session: Session, trail: Trail, why: str) -> None:
    """End a session that may not go on, and leave nothing of it in this window."""
    try:
        session.end(trail, why)
    finally:
        st.session_state.clear()
        st.session_state[NOTICE_KEY] = why


def _record_refusal(claims: Mapping[str, Any], why: str, trail: Trail) -> None:
    if st.session_state.get(REFUSED_KEY) == why:
        return
    actor = Actor(
        str(claims.get("iss", "")), str(claims.get("sub", "")), str(claims.get("name", "")), ""
    )
    trail.write("signed in", actor, outcome="refused", reason=why)
    st.session_state[REFUSED_KEY] = why


def _title(text: str) -> None:
    st.title("Safety board dashboard", anchor=False)
    notice = st.session_state.get(NOTICE_KEY)
    if notice and notice != text:
        st.info(notice, icon=":material/lock:")
    st.write(text)


@st.fragment(run_every="5s")
def _watch(session: Session, idle_minutes: float) -> None:
    """Clear the window as soon as the session may not go on, though nobody touches it."""
    if not session.holds() or session.is_idle(idle_minutes):
        rerun_by_clock()
