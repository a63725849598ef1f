"""The dashboard's entry point: sign-in, choice of trial, snapshot and view, the menu by role."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.navigation.page import Page

from access import (
    Action,
    AuditError,
    Denied,
    Grant,
    Identity,
    View,
    decide,
    log_incident,
    pages_of,
    record,
    views_of,
)
from access.sign_in import identity_of_session, sign_in
from exhibits.on_page import BOARD_KEY, plain
from queries import Board, BoardError, open_board
from settings import Settings, SettingsError, read_settings
from snapshots import Snapshot, SnapshotsError, Store
from trials import Trial, TrialDefinitionError, load_trial

RECORDED_KEY = "_recorded"

# Address, file, title and icon of every page; the policy says who has which.
PAGES = {
    "board-enrollment": ("pages/board/enrollment.py", "Enrollment", ":material/trending_up:"),
    "board-arm-balance": ("pages/board/arm_balance.py", "Arm balance", ":material/balance:"),
    "data-findings": ("pages/data/findings.py", "Findings", ":material/rule:"),
    "data-checks": ("pages/data/checks.py", "Checks", ":material/checklist:"),
    "data-intake": ("pages/data/intake.py", "Intake", ":material/database:"),
}
# Their text is a sentence for the person who can act; of all others only a number is shown.
SAYS_WHAT_TO_DO = (
    Denied, AuditError, BoardError, SnapshotsError, SettingsError, TrialDefinitionError,
)  # fmt: skip
GROUPS = {"board": "Board", "data": "Data"}


def menu(identity: Identity | None) -> Page:
    """The role's pages; before sign-in all addresses are known, and none is run."""
    # The default page has no address of its own; so it is none of these, and theirs can be linked.
    root = st.Page(lambda: None, title="Start", url_path="start", default=True, visibility="hidden")
    groups: dict[str, list[Page]] = {"": [root]}
    for address in pages_of(identity.role) if identity else PAGES:
        file, title, icon = PAGES[address]
        page = st.Page(file, title=title, icon=icon, url_path=address)
        groups.setdefault(GROUPS[address.partition("-")[0]], []).append(page)
    return st.navigation(groups, position="sidebar" if identity else "hidden")


def chosen_snapshot(settings: Settings) -> tuple[Trial, Snapshot] | None:
    """What the sidebar says is looked at; `?trial=` and `?snapshot=` in an address say it too."""
    store = Store(settings.store)
    trials = [trial.name for trial in store.trials() if trial.current_id() is not None]
    if not trials:
        st.info("No extract is loaded yet. Load one: python -m data_validation load EXTRACT")
        return None
    with st.sidebar:
        trial = load_trial(_picked("Trial", "trial", trials, lambda name: load_trial(name).study))
        kept = store.trial(trial.id)
        current = str(kept.current_id())
        names = [str(item.id) for item in reversed(kept.snapshots()) if str(item.id) != current]
        snapshot = kept.snapshot(_picked("Snapshot", "snapshot", [current, *names], str))
        today = datetime.now(UTC).astimezone(ZoneInfo(trial.timezone)).date()
        age = (today - snapshot.manifest.cutoff).days
        older = "" if str(snapshot.id) == current else " Not the current snapshot."
        st.caption(f"Data cut-off {snapshot.manifest.cutoff}, {age:,} days ago.{older}")
    return trial, snapshot


def _picked(label: str, name: str, options: list[str], words) -> str:  # type: ignore[no-untyped-def]
    asked = st.query_params.get(name)
    if asked in options and st.session_state.get(f"_asked_{name}") != asked:
        st.session_state[f"pick-{name}"] = asked
    st.session_state[f"_asked_{name}"] = asked
    if st.session_state.get(f"pick-{name}") not in options:
        st.session_state[f"pick-{name}"] = options[0]
    return st.selectbox(label, options, format_func=words, key=f"pick-{name}")


def opened_board(settings: Settings, identity: Identity, trial: Trial, snapshot: Snapshot) -> Board:
    """The Board of this session, opened anew when trial, snapshot or view change."""
    views = views_of(identity.role)
    if st.session_state.get("pick-view") not in views:
        st.session_state["pick-view"] = View.POOLED
    view = View.POOLED
    if len(views) > 1:
        view = st.sidebar.segmented_control(
            "View", views, format_func=lambda item: item.word.capitalize(), key="pick-view",
            required=True, help="Opening a comparative view is recorded.",
        ) or view  # fmt: skip
    if isinstance(board := st.session_state.get(BOARD_KEY), Board):
        wanted = (trial.id, snapshot, view, identity.holder)
        if (board.trial.id, board.snapshot, board.view, board.grant.holder) == wanted:
            return board
        board.close()
        st.session_state.pop(BOARD_KEY)
    grant = decide(
        identity, Action.OPEN_VIEW, trial=trial.id, snapshot=str(snapshot.id), view=view,
        minutes=settings.grant_minutes,
    )  # fmt: skip
    assert isinstance(grant, Grant)
    # Recorded before it opens, and once for a choice: a view that cannot open is tried every rerun.
    chosen = (trial.id, snapshot.id, view)
    if view is not View.POOLED and st.session_state.get(RECORDED_KEY) != chosen:
        record(settings.audit_log, "view opened", grant, "dashboard")
    st.session_state[RECORDED_KEY] = chosen
    board = open_board(trial, snapshot, grant, settings.board_private_key_file)
    st.session_state[BOARD_KEY] = board
    return board


def main() -> None:
    """Draw the page that the address asks for, if this person may have it."""
    st.set_page_config(page_title="Safety board dashboard", page_icon="🩺", layout="wide")
    page_name, role = "start", "none"
    try:
        settings = read_settings()
        page = menu(identity_of_session())
        if (identity := sign_in(settings.identity)) is None:
            return
        page_name, role = page.url_path, identity.role.value
        if not page_name:
            st.switch_page(PAGES[pages_of(identity.role)[0]][0], query_params=dict(st.query_params))
        with st.sidebar:
            st.caption(plain(identity.name))
            if st.button("Sign out", icon=":material/logout:"):
                if isinstance(board := st.session_state.get(BOARD_KEY), Board):
                    board.close()
                st.session_state.clear()
                st.rerun()
        if (chosen := chosen_snapshot(settings)) is not None:
            opened_board(settings, identity, *chosen)
            decide(identity, Action.OPEN_PAGE, page=page_name)
            page.run()
    except SAYS_WHAT_TO_DO as error:
        st.error(plain(str(error)))
    except Exception as error:
        number = log_incident(error, page=page_name, role=role)
        st.error(f"This page could not be drawn. Please report incident {number}.")


main()
