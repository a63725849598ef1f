"""What one browser window remembers from run to run. Nothing else touches Streamlit's own store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from access.identity import Identity
from access.session import Session
from access.trail import Trail
from access.view import View
from exhibits.exhibit import People
from queries import Board, Filters

WINDOW_KEY = "_window"
# Controls whose value is set and not only drawn.
VIEW_KEY = "pick-view"
AUDIT_PAGE_KEY = "audit-page"


@dataclass
class Window:
    """One browser window, from its first page until its session ends.

    Attributes:
        person: whom the demonstration's picker was told, until the session has begun.
        bound: binds the window to its browser while it is kept.
        by_clock: that the next run is asked for by nobody.
        notice: why the last session of this window ended.
        refused, denied: what was refused, at sign-in and later, and is recorded already.
        board: what is looked at.
        looked_at: the trial, snapshot and view that were recorded last as opened.
        record: records that what it is told was downloaded.
        address: of the page that is shown.
        arrived_at: the page that was last begun at its top.
        tab_of: the tab that was open last, by page.
        first_tab: the tab that the page begins with.
        asked: what an address asked for and was given, by name.
        view: to be picked next; what is drawn cannot be set.
        filters: chosen by this person, for every page.
        filters_of_address: what the address said of them.
        filters_of_page: the page, trial and snapshot whose controls are drawn.
        people: a list of participants that was asked for, and what was looked at then.
        people_from: the page and the exhibit that it was asked for from.
        participant: whom of them.
        row: the row of the list that is selected.
        go_to: the address of the page to be shown next.
        come_back_to: the exhibit to be brought into sight.
    """

    person: Identity | None = None
    session: Session | None = None
    bound: object = None
    trail: Trail | None = None
    by_clock: bool = False
    notice: str = ""
    refused: str = ""
    denied: str = ""
    board: Board | None = None
    looked_at: object = None
    record: Callable[[str], object] | None = None
    address: str = ""
    arrived_at: str | None = None
    tab_of: dict[str, str] = field(default_factory=dict)
    first_tab: str | None = None
    asked: dict[str, str | None] = field(default_factory=dict)
    view: View | None = None
    filters: Filters = field(default_factory=Filters)
    filters_of_address: dict[str, list[str]] = field(default_factory=dict)
    filters_of_page: tuple[str, ...] = ()
    people: tuple[tuple[str, ...], People] | None = None
    people_from: tuple[str, str] | None = None
    participant: str | None = None
    row: int | None = None
    go_to: str | None = None
    come_back_to: str | None = None


def window() -> Window:
    """This browser window."""
    if WINDOW_KEY not in st.session_state:
        st.session_state[WINDOW_KEY] = Window()
    kept: Window = st.session_state[WINDOW_KEY]
    return kept


def forget_window(notice: str = "") -> None:
    """Leave nothing of a session, nor of its controls, but why it ended."""
    st.session_state.clear()
    if notice:
        window().notice = notice


def pick_key(name: str) -> str:
    """The control that picks a trial or a snapshot."""
    return f"pick-{name}"


def filter_key(field: str) -> str:
    """The control of a filter."""
    return f"filter-{field}"


def control(key: str, default: Any = None) -> Any:
    """The value of a control."""
    return st.session_state.get(key, default)


def set_control(key: str, value: object) -> None:
    """Set the value of a control before it is drawn."""
    st.session_state[key] = value


def start_control(key: str, value: object) -> str:
    """The key of a control that starts from a value, unless it has one."""
    st.session_state.setdefault(key, value)
    return key


def forget_control(key: str) -> None:
    """Have a control begin anew."""
    st.session_state.pop(key, None)
