"""Emergency unblinding: asking for it in the sidebar, and telling the board of it."""

from typing import TYPE_CHECKING

import streamlit as st

from access.clock import now
from access.closed_session import Request, Requests
from access.emergencies import (
    DAY,
    REASON_LENGTH,
    Emergency,
    SecondPersonError,
    ask_second_person,
    board_members,
    participants,
    unblind_confirmed,
    unblind_participant,
    unblinded,
)
from access.policy import Action, rights_of
from access.session import Session
from access.trail import Trail
from display.session import explained
from display.state import window
from display.text import plain
from exhibits.parts.words import counted, day
from queries import Board

if TYPE_CHECKING:
    from display.closed_session import LookedAt

_MOMENTS = 10


def tell_emergencies(board: Board) -> None:
    """How many were unblinded in an emergency, and when; to who may enter the closed session."""
    trail = window().trail
    if trail is None or Action.ENTER_CLOSED_SESSION not in rights_of(board.grant.role).acts:
        return
    found = unblinded(trail, board.trial.id)
    if not found:
        return
    recent = [one for one in found if now() - one.at < DAY]
    last = [f"{day(one.at.date())}, {one.at:%H:%M}" for one in reversed(found[-_MOMENTS:])]
    more = f"; and {len(found) - _MOMENTS} times before" if len(found) > _MOMENTS else ""
    said = (
        f"Emergency unblinding: the arms of {counted(participants(found), 'participant')} were "
        f"seen one by one, of {participants(recent)} within the last 24 hours. When (UTC): "
        f"{'; '.join(last)}{more}."
    )
    (st.warning if recent else st.info)(plain(said), icon=":material/emergency:")


def emergency_control(
    session: Session, requests: Requests, trail: Trail, at: "LookedAt", asked: list[Request]
) -> None:
    """Draw what a statistician may do in an emergency.

    Args:
        asked: this session's requests to unblind one, that wait or are confirmed.
    """
    if st.button("Emergency unblinding", icon=":material/emergency:"):
        _ask(session, requests, trail, at)
    for request in asked:
        if request.trial != at.trial:
            continue
        with st.container(border=True, key=f"emergency-{request.id}"):
            is_confirmed = bool(request.answer)
            st.caption(
                "A second person has confirmed the unblinding of:"
                if is_confirmed
                else f"A second person has until {request.expires:%H:%M} (UTC) to confirm the "
                "unblinding of:"
            )
            st.text(request.participant)
            if is_confirmed and st.button("Show the arm", key=f"arm-{request.id}"):
                _show_confirmed(session, requests, trail, at, request)


@st.dialog("Emergency unblinding")
def _ask(session: Session, requests: Requests, trail: Trail, at: "LookedAt") -> None:
    earlier = participants(unblinded(trail, at.trial, within=DAY))
    st.write(
        "Shows the arm of one participant, for an emergency in their care. It is recorded with "
        "your name, the participant and the reason, and the board is told when it was."
    )
    if earlier:
        second = " Another one has to be confirmed by a second person." * (
            earlier >= at.emergencies_a_day
        )
        st.write(f"Within 24 hours, {counted(earlier, 'participant')} had it before.{second}")
    with st.form("emergency", border=False):
        participant = st.text_input("Participant", placeholder="as in the extract (USUBJID)")
        reason = st.text_input(
            "Why is it necessary?", placeholder=f"a sentence, {REASON_LENGTH} characters or more"
        )
        told = None
        if earlier:
            told = st.selectbox(
                "Member of the board who is told", board_members(trail), index=None,
                accept_new_options=True, placeholder="name or e-mail",
            )  # fmt: skip
        if not st.form_submit_button("Unblind this participant", type="primary"):
            return
    asked = Emergency(at.trial, at.snapshot, participant, reason, told or "")
    with explained():
        try:
            arm = unblind_participant(
                session, trail, asked, a_day=at.emergencies_a_day, arm_of=at.arm_of
            )
        except SecondPersonError:
            ask_second_person(session, trail, requests, asked)
            st.rerun()
        _show(asked.participant, arm)


@st.dialog("Emergency unblinding")
def _show_confirmed(
    session: Session, requests: Requests, trail: Trail, at: "LookedAt", request: Request
) -> None:
    with explained():
        arm = unblind_confirmed(session, trail, requests, request, arm_of=at.arm_of)
        _show(request.participant, arm)


def _show(participant: str, arm: str | None) -> None:
    if arm is None:
        st.warning("Nobody of this name is randomized in this snapshot.")
    else:
        st.text(f"{participant}\n{arm}")
