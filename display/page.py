"""The frame of a page: its head, its tabs, and what a browser has to be told."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from access.menu import MENU
from access.view import View
from display.changes import changes_of_shown_page
from display.filters import filter_controls
from display.lists import PARTICIPANT_PAGE
from display.session import session_board
from display.state import control, pick_key, set_control, window
from display.text import kept_together, plain
from exhibits.exhibit import make
from exhibits.overview import Line
from exhibits.parts.words import ago, counted, day
from queries import Board

VIEW_COLORS = {View.POOLED: "blue", View.CODED: "violet", View.UNBLINDED: "orange"}

VIEW_MEANINGS = {
    View.POOLED: "All participants together. Nothing on this page is by arm.",
    View.CODED: "By arm, under letters drawn at random. Unequal procedures may disclose the arms.",
    View.UNBLINDED: "By arm, under the arms' names.",
}

SEALED_RECORDS = (
    "Sealed records are shown, too. They can tell a participant's arm: keep them from everybody "
    "who is blinded."
)


def prepare_charts() -> None:
    """Have the browser fetch the program that draws charts, while somebody is signing in."""
    with st.container(height=1, border=False, key="prepare-charts"):
        st.plotly_chart(go.Figure(), height=1, config={"staticPlot": True})


def prepare_page() -> None:
    """Take the download out of every table's own menu; and on paper leave out what is clicked.

    That download would hand out cells as they are, formulas too, and nobody would record it. What
    is written in a chart has the color of the page's text, in light and in dark: Streamlit's own
    gray is too faint on white. The menu's rows stand close, so that below them the view and the
    closed session are on the screen, too. A chart is as wide on paper as it was on the screen, so
    everything is smaller.
    """
    st.html("""<style>
        .stPlotlyChart .main-svg text:not(.bartext-inside, .heatmap-label text, .hovertext .name) {
            fill: currentColor !important;
        }
        [data-testid='stSidebarHeader'] { height: 2.75rem; margin-bottom: 0; }
        [data-testid='stSidebarNavItems'] :is(li, a) { margin-block: 0; }
        [data-testid='stSidebarNavSeparator'] { padding-top: 0.5rem; }
        [data-testid='stSidebarUserContent'] { padding-top: 0.5rem; }
        [data-testid='stMainBlockContainer'] { padding-top: 4rem; }
        [data-testid='stElementToolbar'] button[aria-label^='Download as CSV'] { display: none; }
        @media print {
            @page { margin: 12mm; }
            [data-testid='stSidebar'], [data-testid='stHeader'], [data-testid='stMain'] button,
            [data-testid='stExpander'] { display: none !important; }
            [data-testid='stMainBlockContainer'] { padding: 0 !important; zoom: 0.62; }
            [class*='st-key-exhibit-'], tr { break-inside: avoid; }
        }
    </style>""")


def header(
    title: str, question: str, *, domains: Sequence[str] = (), filtered: bool = False
) -> Board:
    """The head of every page: question, view badge, data cut-off, findings that touch the page.

    Args:
        domains: the datasets that the page's numbers come from.
        filtered: whether the page has exhibits that follow filters; then there they are chosen.
    """
    board = session_board()
    _arrive()
    prepare_page()
    manifest = board.snapshot.manifest
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(
            f"**{board.view.name}**",
            color=VIEW_COLORS[board.view],  # type: ignore[arg-type]
            icon=":material/visibility:",
            help=VIEW_MEANINGS[board.view],
        )
        if manifest.simulated:
            st.badge("SIMULATED PARTICIPANTS", color="gray", icon=":material/science:")
        if board.has_sealed_records and board.view is View.POOLED:
            st.badge("**SEALED RECORDS**", color="orange", icon=":material/lock_open:")
        st.caption(
            plain(f"{board.trial.study} – data cut-off {day(manifest.cutoff)} – snapshot ")
            + plain(str(board.snapshot.id)),
            width="content",
        )
    if board.view is not View.POOLED:
        st.warning(plain(VIEW_MEANINGS[board.view]), icon=":material/visibility:")
    elif board.has_sealed_records:
        st.warning(plain(SEALED_RECORDS), icon=":material/lock_open:")
    st.title(title, anchor=False)
    st.markdown(f"**{plain(question)}**")
    if domains and not board.is_limited:
        touching = board.ask("findings/touching", domains=list(domains)).row(0, named=True)
        if touching["findings"]:
            st.warning(
                plain(
                    f"{counted(touching['findings'], 'major finding')} "
                    f"{'affects' if touching['findings'] == 1 else 'affect'} "
                    f"{counted(touching['records'], 'record')} of "
                    f"{counted(touching['participants'], 'participant')} behind this page."
                ),
                icon=":material/rule:",
            )
    if not board.is_limited:
        filter_controls(board, shown=filtered, page=window().address)
        if board.filters:
            said = f"Only {board.filters.in_words()}."
            nothing = "The chosen filters change nothing on this page."
            st.info(plain(said if filtered else nothing), icon=":material/filter_list:")
        # What became of one person is not what became of everybody's records.
        if domains and window().address != PARTICIPANT_PAGE and board.earlier():
            changes_of_shown_page(board, title, domains)
    return board


def _arrive() -> None:
    """Begin a page at its top: a browser stays as far down as it was on the page before."""
    here = window()
    if here.arrived_at != here.address:
        here.arrived_at, here.first_tab = here.address, here.tab_of.get(here.address)
    # It runs once for each page, as it is the same in every run; at the end of the menu it takes no
    # place of the page.
    with st.sidebar.container(key=f"arrived-{here.address}"):
        st.html(
            "<script>document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)</script>",
            unsafe_allow_javascript=True,
        )


def tabs(*names: str) -> Sequence[TabContainer]:
    """Tabs of a page, drawn once they are open; who comes back finds the one that was open."""
    here = window()
    first = here.first_tab if here.first_tab in names else None
    drawn = st.tabs(names, default=first, key=f"tabs-{here.address}", on_change="rerun")
    for name, tab in zip(names, drawn, strict=True):
        if tab.open:
            here.tab_of[here.address] = name
    return drawn


def say_how_old(timezone: str, cutoff: date, *, is_current: bool) -> None:
    """Say until when the data go that are looked at.

    Args:
        timezone: of the trial, in whose days their age is counted.
        cutoff: the data cut-off.
        is_current: whether there is no later snapshot.
    """
    age = (datetime.now(ZoneInfo(timezone)).date() - cutoff).days
    older = "" if is_current else " Not the current snapshot."
    st.caption(f"Data cut-off {day(cutoff)}, {ago(age)}.{older}")


def picked(label: str, name: str, options: Mapping[str, str]) -> str:
    """A selectbox over options and their words; `?name=option` in the address picks one, too."""
    key, asked = pick_key(name), st.query_params.get(name)
    if asked in options and window().asked.get(name) != asked:
        set_control(key, asked)
    window().asked[name] = asked
    if control(key) not in options:
        set_control(key, next(iter(options)))
    return str(st.selectbox(label, list(options), format_func=options.__getitem__, key=key))


def link_to(line: Line) -> None:
    """What a page says, as a line that leads to it; what needs attention is marked by word."""
    page = MENU[line.address]
    with st.container(key=f"line-{line.address}"):
        left, right = st.columns([1, 4])
        with left:
            st.page_link(page.file, label=page.title, icon=page.icon)
        with right:
            st.markdown(
                f":orange-badge[:material/priority_high: Needs attention] "
                f"**{kept_together(line.attention)}** {kept_together(line.sentence)}"
                if line.attention
                else kept_together(line.sentence)
            )


def warn_of(name: str) -> None:
    """Why an exhibit needs attention, above all that follows; nothing where it does not."""
    if attention := make(name, session_board()).attention:
        st.warning(kept_together(attention), icon=":material/priority_high:")
