"""The closed session in the sidebar: entering, naming the arms, confirming, leaving.

Texts that somebody wrote are drawn by `st.text`, letter by letter.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from access import closed_session
from access.closed_session import NOTICE, REASONS, Request, Requests
from access.errors import AuditError
from access.identity import introduced
from access.policy import Action, Grant, rights_of, views_of
from access.session import Session
from access.trail import Trail
from access.view import View
from display.emergencies import emergency_control
from display.session import explained, rerun_by_clock
from display.state import VIEW_KEY, control, forget_control, set_control, window


@dataclass(frozen=True)
class LookedAt:
    """The snapshot that the controls are about.

    Attributes:
        persons: how many it takes to name the arms.
        emergencies_a_day: so many may be unblinded within 24 hours without a second person.
        arm_of: asks for one participant's arm with the grant it is given.
    """

    trial: str
    snapshot: str
    persons: int
    emergencies_a_day: int
    arm_of: Callable[[Grant, str], str | None]


def view_control(session: Session, requests: Requests, trail: Trail, at: LookedAt) -> View:
    """Draw what this person may do about views, and say which one is picked."""
    rights = rights_of(session.identity.role)
    if Action.ENTER_CLOSED_SESSION not in rights.acts:
        return View.POOLED
    closed = session.closed
    if closed is not None and (closed.trial, closed.snapshot) != (at.trial, at.snapshot):
        _leave(session, trail, "another snapshot")
        closed = None
    view = View.POOLED
    standing = requests.standing_of(session)
    others = requests.open_to(session.identity, at.trial, at.snapshot)
    emergencies = requests.about_participants(session)
    if closed is None:
        if st.button("Enter the closed session", icon=":material/lock_open:"):
            _enter(session, trail, at)
    else:
        if requests.collect(session):
            window().view = View.UNBLINDED
        view = _pick(session, requests, trail, at, standing)
    for request in others:
        _answer(session, requests, request)
    _follow(session, requests, at, _states(standing, *others, *emergencies))
    if Action.UNBLIND_PARTICIPANT in rights.acts:
        emergency_control(session, requests, trail, at, emergencies)
    return view


def _pick(
    session: Session, requests: Requests, trail: Trail, at: LookedAt, standing: Request | None
) -> View:
    closed = session.closed
    assert closed is not None
    offered = [view for view in views_of(session.identity.role) if view <= closed.view]
    wanted, window().view = window().view or control(VIEW_KEY), None
    set_control(VIEW_KEY, wanted if wanted in offered else View.CODED)
    picked = st.segmented_control(
        "View",
        offered,
        format_func=lambda view: view.word.capitalize(),
        key=VIEW_KEY,
        required=True,
        help="Every view that is opened is recorded.",
    )
    if closed.view is View.CODED:
        if standing is not None:
            st.caption(
                f"A second person has until {standing.expires:%H:%M} (UTC) to confirm that the "
                "arms are named."
            )
        elif st.button("Name the arms", icon=":material/visibility:"):
            _name_arms(session, requests, trail, at)
    # Before anything else of the run that the click asks for: whatever that waits for, this ends.
    st.button(
        "Leave the closed session", icon=":material/lock:", on_click=_leave,
        args=(session, trail, "left"),
    )  # fmt: skip
    st.caption("In the closed session, for this snapshot:")
    st.text(closed.reason)
    return picked or View.POOLED


@st.dialog("Enter the closed session")
def _enter(session: Session, trail: Trail, at: LookedAt) -> None:
    st.write(
        "The trial will be shown by arm, under letters drawn at random. " + NOTICE + " "
        "Who enters, when, why and on which snapshot is recorded."
    )
    with st.form("enter-closed-session", border=False):
        kind = st.selectbox("Reason", REASONS)
        text = st.text_input("In a few words", placeholder="for example: third scheduled meeting")
        if not st.form_submit_button("Enter", type="primary"):
            return
    with explained():
        closed_session.enter(
            session,
            trail,
            trial=at.trial,
            snapshot=at.snapshot,
            reason=f"{kind}: {text}" if text.strip() else "" if kind == "Other" else kind,
        )
        window().view = View.CODED
        st.rerun()


@st.dialog("Name the arms")
def _name_arms(session: Session, requests: Requests, trail: Trail, at: LookedAt) -> None:
    alone = at.persons == 1
    st.write(
        "The arms will be shown under their names, with all that dosing conditions. "
        + ("" if alone else "Another person has to confirm this from a session of their own. ")
        + "It is recorded."
    )
    with st.form("name-arms", border=False):
        reason = st.text_input("Why is it necessary?")
        if not st.form_submit_button("Name the arms" if alone else "Ask", type="primary"):
            return
    with explained():
        if alone:
            closed_session.name_arms(session, trail, persons=at.persons, reason=reason)
            window().view = View.UNBLINDED
        else:
            requests.ask(session, reason)
        st.rerun()


def _answer(session: Session, requests: Requests, request: Request) -> None:
    person = session.identity
    with st.container(border=True, key=f"request-{request.id}"):
        st.caption(
            "Somebody asks for your confirmation to "
            + (
                "unblind one participant in an emergency:"
                if request.participant
                else "see the arms under their names:"
            )
        )
        whom = f"{request.participant}\n" if request.participant else ""
        st.text(f"{request.asked_by}\n{whom}{request.reason}")
        st.caption("You answer as:")
        st.text(introduced(person.name, person.account, person.role.words))
        for label, confirm in (("Confirm", True), ("Decline", False)):
            if st.button(label, key=f"{label}-{request.id}"):
                with explained():
                    requests.answer(session.identity, request, confirm=confirm)
                    st.rerun()


def _leave(session: Session, trail: Trail, why: str) -> None:
    with suppress(AuditError):  # the dashboard says what is not recorded yet
        closed_session.leave(session, trail, why)
    forget_control(VIEW_KEY)


def _states(*requests: Request | None) -> tuple[tuple[str, str], ...]:
    """Which requests there are, and how far they are."""
    return tuple((request.id, request.answer) for request in requests if request is not None)


@st.fragment(run_every="4s")
def _follow(
    session: Session, requests: Requests, at: LookedAt, drawn: tuple[tuple[str, str], ...]
) -> None:
    """Draw the page again once somebody asks, or answers, or a request has expired."""
    now = _states(
        requests.standing_of(session),
        *requests.open_to(session.identity, at.trial, at.snapshot),
        *requests.about_participants(session),
    )
    if now != drawn:
        rerun_by_clock()
