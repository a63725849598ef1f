"""The dashboard's entry point: sign-in, choice of trial, snapshot and view, the menu by role."""

from display.warm_up import warm_up

warm_up()  # before anything else is imported, by whichever session comes first

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from access import Action, Denied, Grant, Identity, decide, log_incident, pages_of, rights_of
from access.audit_key import manifest_key
from access.closed_session import Requests
from access.entries import Actor
from access.errors import ClosedSessionError, RecordsError
from access.menu import MENU
from access.policy import check_people
from access.releases import offered_snapshots, released
from access.session import Session
from access.trail import Trail, open_trail
from display.closed_session import LookedAt, view_control
from display.lists import go_on
from display.menu import menu
from display.page import picked, prepare_charts, say_how_old
from display.session import note_denied, note_refused_address
from display.sign_in import sign_in, sign_out, watch
from display.state import window
from display.text import plain
from queries import Board, BoardError, arm_of_participant, open_board
from settings import Settings, SettingsError, read_settings
from snapshots import Snapshot, SnapshotsError, Store
from trials import Trial, TrialDefinitionError, load_trial, told_apart, with_standard_queries

# Their text is a sentence for the person who can act; of all others only a number is shown.
SAYS_WHAT_TO_DO = (
    BoardError, ClosedSessionError, RecordsError, SnapshotsError, SettingsError,
    TrialDefinitionError,
)  # fmt: skip


def looked_at(
    store: Store, identity: Identity, trail: Trail, place: DeltaGenerator
) -> tuple[Trial, Snapshot] | None:
    """What the sidebar says is looked at; `?trial=` and `?snapshot=` in an address say it too."""
    offered = offered_snapshots(identity, trail, stored := store.snapshots_by_trial())
    if not offered:
        to_do = "No extract is loaded yet: python -m data_validation load EXTRACT --trial TRIAL"
        if stored and rights_of(identity.role).limited:
            to_do = "No snapshot is released to your role yet. Ask the trial's statistician."
        st.info(to_do)
        return None
    with place:
        labels = told_apart(load_trial(name) for name in offered)
        trial = load_trial(picked("Trial", "trial", labels))
        chosen = picked("Snapshot", "snapshot", {name: name for name in offered[trial.id]})
        kept = store.trial(trial.id)
        are_simulated = (kept.snapshot(name).manifest.simulated for name in stored[trial.id])
        check_people(identity, are_simulated)
        snapshot, current = kept.snapshot(chosen), chosen == offered[trial.id][0]
        say_how_old(trial.timezone, snapshot.manifest.cutoff, is_current=current)
    return trial, snapshot


def open_for(
    session: Session, settings: Settings, trail: Trail, views: DeltaGenerator,
    choices: DeltaGenerator,
) -> bool:  # fmt: skip
    """Open the Board of this session, anew when trial, snapshot or view change; if there is one.

    `views` and `choices` are where the sidebar has the view, and trial and snapshot.
    """
    identity = session.identity
    store = Store(settings.store, manifest_key(settings.audit_key_file))
    if (chosen := looked_at(store, identity, trail, choices)) is None:
        return False
    trial, snapshot = with_standard_queries(chosen[0], settings.smq_file), chosen[1]
    key = settings.board_private_key_file
    arm_of = partial(arm_of_participant, trial, snapshot, key)
    limits = trial.blinding.unmasking_persons, trial.blinding.emergencies_per_day
    at = LookedAt(trial.id, str(snapshot.id), *limits, arm_of)
    with views:
        view = view_control(session, Requests(trail), trail, at)
    wanted = (trial.id, snapshot, view)
    if isinstance(board := session.opened, Board):
        if (board.trial.id, board.snapshot, board.view) == wanted and board.holds():
            return True
        session.close_opened()
    trail.check_continues(store.last_mark())
    grant = decide(
        identity, Action.OPEN_VIEW, trial=trial.id, snapshot=str(snapshot.id), view=view,
        minutes=settings.grant_minutes, closed=session.closed, released=released(trail, trial.id),
        holds=partial(session.holds_in, trial.id, str(snapshot.id), view),
    )  # fmt: skip
    assert isinstance(grant, Grant)
    # Recorded before it opens, and once for a choice: a view that cannot open is tried every rerun.
    actor, name = Actor.of(identity), str(snapshot.id)
    write = partial(trail.write, actor=actor, trial=trial.id, snapshot=name, view=view.word)
    here = window()
    if here.looked_at != wanted:
        write(act="view opened", resource="sealed records" if grant.sealed_records else "")
    here.looked_at = wanted
    here.record = lambda what: write(act="download", resource=what)
    session.opened = here.board = open_board(
        trial, snapshot, grant, key, lambda earlier: write(act="view opened", snapshot=earlier)
    )
    return True


def main() -> None:
    """Draw the page that the address asks for, if this person may have it."""
    st.set_page_config(page_title="Safety board dashboard", page_icon="🩺", layout="wide")
    page_name, role = "start", "none"
    try:
        settings = read_settings()
        trail = open_trail(settings.records_url, settings.audit_key_file)
        session = sign_in(settings, trail)
        page = menu(session.identity if session else None)
        if session is None:
            return prepare_charts()
        identity, page_name, role = session.identity, page.url_path, session.identity.role.value
        window().trail, window().address = trail, page_name
        if not page_name:
            note_refused_address(identity, trail, MENU)
            first = MENU[pages_of(identity.role)[0]].file
            st.switch_page(first, query_params=dict(st.query_params))
        go_on()
        watch(session)
        with st.sidebar:
            st.caption(plain(identity.name))
            # What is used most comes first; the way out is there whatever follows.
            views, choices = st.container(gap="xsmall"), st.container(gap="xsmall")
            leave = partial(sign_out, session, trail)
            st.button("Sign out", icon=":material/logout:", on_click=leave)
        decide(identity, Action.OPEN_PAGE, page=page_name)
        opened = partial(open_for, session, settings, trail, views, choices)
        if rights_of(identity.role).view is None or opened():
            page.run()
    except Denied as error:
        note_denied(error)
        st.error(plain(str(error)))
    except SAYS_WHAT_TO_DO as error:
        st.error(plain(str(error)))
    except Exception as error:
        number = log_incident(error, page=page_name, role=role)
        st.error(f"This page could not be drawn. Please report incident {number}.")


main()
