"""Showing exhibits on a page. Text that may come from an extract is never read as markup."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeAlias

import plotly.graph_objects as go
import polars as pl
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer
from streamlit.elements.lib.mutable_tab_container import TabContainer

from access.view import View
from exhibits.changes import (
    LISTED,
    MOVED,
    NOTHING_BEFORE,
    RECORDS,
    before,
    changes_of_page,
    changes_of_person,
    which_records,
)
from exhibits.exhibit import EXHIBITS, Exhibit, People, make
from exhibits.export import as_csv, as_xlsx, table_as_csv
from exhibits.filters import filter_controls
from exhibits.overview import Line
from exhibits.parts.words import counted, day, readable
from queries import Board

Width: TypeAlias = Literal["small", "medium", "large"]

BOARD_KEY = "_board"
RECORD_KEY = "_record"  # a function of a text: records that it was downloaded
ADDRESS_KEY = "_address"  # of the page that is shown
# The participants that somebody asked for, from where, and whom of them; until a page is left.
LIST_KEY, ORIGIN_KEY, PERSON_KEY = "_list", "_list_origin", "_person"
_GO_KEY, _PLACE_KEY, _HERE_KEY, _FIRST_TAB_KEY = "_go", "_place", "_here", "_first_tab"
PARTICIPANT_PAGE = "board-participant"

# Address, title and icon of every page; the policy says who has which.
PAGES = {
    "board-overview": ("Overview", ":material/dashboard:"),
    "board-monitoring": ("Monitoring", ":material/gavel:"),
    "board-enrollment": ("Enrollment", ":material/trending_up:"),
    "board-conduct": ("Conduct", ":material/event_available:"),
    "board-safety": ("Safety", ":material/health_and_safety:"),
    "board-special-interest": ("Special interest", ":material/star:"),
    "board-laboratory": ("Laboratory", ":material/science:"),
    "board-oxygenation": ("Oxygenation", ":material/air:"),
    "board-immune": ("Immune markers", ":material/bloodtype:"),
    "board-survival": ("Survival", ":material/show_chart:"),
    "board-participant": ("Participant", ":material/person:"),
    "board-arm-balance": ("Arm balance", ":material/balance:"),
    "data-findings": ("Findings", ":material/rule:"),
    "data-checks": ("Checks", ":material/checklist:"),
    "data-intake": ("Intake", ":material/database:"),
    "governance-audit": ("Audit trail", ":material/history:"),
}

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

MOST_ROWS = 1_000  # of a table on a page

CHART = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "scale": 1},
}


# Where Streamlit turns text into more after it has read the Markdown, so that no escape helps:
# addresses into links, names between colons into icons, signs into arrows and dashes. An invisible
# word joiner in the place keeps the text what it is.
_JOINER = "\u2060"
_BECOMES_MORE = re.compile(
    r"(?<=:)(?=//|material/|[-+\w]+:)"
    r"|(?<=www)(?=\.)"
    r"|(?<=@)(?=[-\w]+\.)"
    r"|(?<=[<>~-])(?=[-=>](?!\S))",
    re.IGNORECASE,
)


def kept_together(text: str) -> str:
    """Plain text of which no line begins with a `%`; a browser copies a plain space."""
    return re.sub(r"(?<=\d) (?=%)", "\u00a0", plain(text))


def plain(text: str) -> str:
    """Text as Streamlit shows it letter by letter: Markdown, HTML and icons lose their meaning."""
    one_line = re.sub(r"[\t\n\r ]+", " ", readable(text)).removeprefix(" ")
    guarded = _BECOMES_MORE.sub(_JOINER, one_line)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=])", r"\\\1", guarded)


def session_board() -> Board:
    """The Board that the dashboard opened for this session; without one the page ends here.

    Raises:
        Denied: the right to it has ended.
    """
    board = st.session_state.get(BOARD_KEY)
    if not isinstance(board, Board):
        st.error("Nothing to show: please sign in at the start page.")
        st.stop()
    board.check()
    return board


def picked(label: str, name: str, options: Mapping[str, str]) -> str:
    """A selectbox over options and their words; `?name=option` in the address picks one, too."""
    asked = st.query_params.get(name)
    if asked in options and st.session_state.get(f"_asked_{name}") != asked:
        st.session_state[f"pick-{name}"] = asked
    st.session_state[f"_asked_{name}"] = asked
    if st.session_state.get(f"pick-{name}") not in options:
        st.session_state[f"pick-{name}"] = next(iter(options))
    return str(
        st.selectbox(label, list(options), format_func=options.__getitem__, key=f"pick-{name}")
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


def _recorded(name: str, content: Callable[[], bytes]) -> Callable[[], bytes]:
    """What a download button hands out: made, and recorded before that, when it is clicked."""
    board, record = session_board(), st.session_state[RECORD_KEY]

    def hand_out() -> bytes:
        board.check()
        record(name)
        return content()

    return hand_out


def ask_for(people: People, exhibit: str, person: str | None = None) -> None:
    """Go to the list of some participants; from a fragment, too.

    Args:
        exhibit: the exhibit to come back to.
        person: whom of them to look at first.
    """
    st.session_state[LIST_KEY] = (_looked_at(session_board()), people)
    st.session_state[ORIGIN_KEY] = (st.session_state.get(ADDRESS_KEY, ""), exhibit)
    st.session_state[PERSON_KEY] = person
    st.session_state[_GO_KEY] = True
    st.rerun(scope="app")


def list_asked_for(board: Board) -> People | None:
    """The list that somebody asked for while looking at the same, in the same view.

    A list names an arm as its view does: in another view it is forgotten, and the way back with it.
    """
    looked_at, people = st.session_state.get(LIST_KEY, (None, None))
    if looked_at == _looked_at(board) and isinstance(people, People):
        return people
    forget_list()
    return None


def forget_list() -> None:
    """Look at all participants again."""
    for key in (LIST_KEY, ORIGIN_KEY, PERSON_KEY):
        st.session_state.pop(key, None)


def _looked_at(board: Board) -> tuple[str, ...]:
    return board.grant.holder, board.trial.id, str(board.snapshot.id), board.view.word


def file_of(address: str) -> str:
    """The file of a page by its address: `board-arm-balance` is `pages/board/arm_balance.py`."""
    group, _, name = address.partition("-")
    return f"pages/{group}/{name.replace('-', '_')}.py"


def go_back() -> None:
    """Go to the page and the exhibit that the list came from."""
    address, exhibit = st.session_state[ORIGIN_KEY]
    st.session_state[_PLACE_KEY] = exhibit
    st.switch_page(file_of(address))


def come_back_to(exhibit: str) -> None:
    """Above an exhibit: where somebody comes back to it, it is brought into sight."""
    if st.session_state.get(_PLACE_KEY) == exhibit:
        del st.session_state[_PLACE_KEY]
        with st.container(key="came-back-here"):
            st.html(
                "<script>document.querySelector('.st-key-came-back-here')?.scrollIntoView()</script>",
                unsafe_allow_javascript=True,
            )


def header(
    title: str, question: str, *, domains: Sequence[str] = (), filtered: bool = False
) -> Board:
    """The head of every page: question, view badge, data cut-off, findings that touch the page.

    Args:
        domains: the datasets that the page's numbers come from.
        filtered: whether the page has exhibits that follow filters; then there they are chosen.
    """
    board = session_board()
    if st.session_state.pop(_GO_KEY, False):
        st.switch_page(file_of(PARTICIPANT_PAGE))
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
    if domains:
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
        filter_controls(board, shown=filtered, page=st.session_state.get(ADDRESS_KEY, ""))
        if board.filters:
            said = f"Only {board.filters.in_words()}."
            nothing = "The chosen filters change nothing on this page."
            st.info(plain(said if filtered else nothing), icon=":material/filter_list:")
        # What became of one person is not what became of everybody's records.
        about_one = st.session_state.get(ADDRESS_KEY, "") == PARTICIPANT_PAGE
        if domains and not about_one and board.earlier():
            _changes(board, title, domains)
    return board


def _unfolded(label: str, key: str) -> ExpanderContainer | None:
    """Where to say what changed, once somebody unfolds it: only then are two snapshots compared.

    Not a fragment: looking back can be refused and can fail, which is told where the page is drawn.
    """
    place = st.expander(label, key=key, icon=":material/update:", on_change="rerun")
    return place if place.open else None


def changes_of_chosen_person(board: Board) -> None:
    """What changed about the chosen participant since the last review."""
    if not board.earlier():
        return
    place = _unfolded("What changed about them since the last review", "changes-of-person")
    if place is None:
        return
    rows, told = changes_of_person(board)
    with place:
        st.markdown(plain(told))
        if rows.height:
            listed(rows.drop("subject", "site", "arm"), LISTED, "What changed about this person")
        st.caption("Their study's course and their adverse events; filters do not apply.")


def _changes(board: Board, title: str, domains: Sequence[str]) -> None:
    """What changed in what the page is made of."""
    address = st.session_state.get(ADDRESS_KEY, "")
    unfolded = _unfolded(f"What changed here since the last review: {title}", f"changes-{address}")
    if unfolded is None or (changes := changes_of_page(board, address, domains)) is None:
        return
    with unfolded:
        st.markdown(plain(changes.told))
        if changes.records.height:
            listed(
                changes.records,
                RECORDS,
                "Records that changed, by dataset",
                widths={"values": "large"},
            )
        if changes.concluded:
            st.markdown(plain(changes.concluded))
        if changes.conclusions.height:
            listed(changes.conclusions, MOVED, "Estimates that moved")
        st.caption(
            plain(f"{which_records(board)} Each record, and another snapshot: on the overview.")
        )


def _arrive() -> None:
    """Begin a page at its top: a browser stays as far down as it was on the page before."""
    address = st.session_state.get(ADDRESS_KEY, "")
    if st.session_state.get(_HERE_KEY) != address:
        st.session_state[_HERE_KEY] = address
        st.session_state[_FIRST_TAB_KEY] = st.session_state.get(f"_tab-{address}")
    # It runs once for each page, as it is the same in every run; at the end of the menu it takes no
    # place of the page.
    with st.sidebar.container(key=f"arrived-{address}"):
        st.html(
            "<script>document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)</script>",
            unsafe_allow_javascript=True,
        )


def link_to(line: Line) -> None:
    """What a page says, as a line that leads to it; what needs attention is marked by word."""
    title, icon = PAGES[line.address]
    with st.container(key=f"line-{line.address}"):
        left, right = st.columns([1, 4])
        with left:
            st.page_link(file_of(line.address), label=title, icon=icon)
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


def compare_with(board: Board) -> bool:
    """Choose the earlier snapshot that changes are told against; whether there is one."""
    earlier = {str(snapshot.id): snapshot for snapshot in board.earlier()}
    if not earlier:
        st.info(plain(NOTHING_BEFORE), icon=":material/help:")
        return False
    last = before(board)
    names = list(earlier)
    first = names.index(str(last.snapshot.id)) if last is not None else 0
    words = {
        name: f"{name}, data cut-off {day(snapshot.manifest.cutoff)}"
        for name, snapshot in earlier.items()
    }
    board.compared_with = st.selectbox(
        "Changes since snapshot", names, index=first, format_func=words.__getitem__, width=420
    )
    return True


def tabs(*names: str) -> Sequence[TabContainer]:
    """Tabs of a page, drawn once they are open; who comes back finds the one that was open."""
    address = st.session_state.get(ADDRESS_KEY, "")
    first = st.session_state.get(_FIRST_TAB_KEY)
    drawn = st.tabs(
        names, default=first if first in names else None, key=f"tabs-{address}", on_change="rerun"
    )
    for name, tab in zip(names, drawn, strict=True):
        if tab.open:
            st.session_state[f"_tab-{address}"] = name
    return drawn


def show(name: str, *, heading: bool = True) -> None:
    """One exhibit: what is known, the picture, the table behind it, how it was made.

    One that the view does not offer is left out.
    """
    board = session_board()
    if EXHIBITS[name].least_view > board.view:
        return
    shown = make(name, board)
    come_back_to(name)
    with st.container(border=True, key=f"exhibit-{name}"):
        if heading:
            st.subheader(shown.title, anchor=False)
        whom = "; ".join(part for part in (shown.population, shown.denominator) if part)
        st.caption(kept_together(whom))
        if shown.missing:
            st.info(plain(shown.missing), icon=":material/help:")
            return
        if shown.answer:
            st.markdown(kept_together(shown.answer))
        _numbers(shown)
        if shown.figure is not None:
            _chart(shown)
        if shown.table is not None:
            if shown.row_lists and shown.figure is None and not shown.numbers:
                _table(shown)
                download(shown)
                _assumptions(shown)
            elif shown.figure is None and not shown.numbers:
                _printed_table(shown)
                download(shown)
                _assumptions(shown)
            else:
                _behind(shown)
        footnotes(shown)


def _chart(shown: Exhibit) -> None:
    """The picture; a click on a mark that stands for participants leads to them."""
    assert shown.figure is not None
    key = f"chart-{shown.name}"
    if not shown.lists:
        st.plotly_chart(shown.figure, key=key, config=CHART, alt=shown.description)
        return
    clicked = st.plotly_chart(
        shown.figure,
        key=key,
        config=CHART,
        alt=shown.description,
        on_select="rerun",
        selection_mode="points",
    )
    points = clicked.selection.points
    # The place of its list stands in the mark itself: the place of the mark would not be enough.
    place = points[0].get("customdata") if points else None
    if isinstance(place, list):
        place = place[0] if place else None
    if isinstance(place, int) and 0 <= place < len(shown.lists):
        ask_for(shown.lists[place], shown.name)


@st.fragment
def _behind(shown: Exhibit) -> None:
    """The table behind a picture, drawn once somebody unfolds it."""
    session_board()
    unfolded = st.expander("Numbers as a table", key=f"table-{shown.name}", on_change="rerun")
    if unfolded.open:
        with unfolded:
            _table(shown)
            download(shown)
            _assumptions(shown)


# So many numbers stand side by side on any wide screen; of more each has so many pixels.
MOST_IN_A_ROW, TILE = 4, 140


def _numbers(shown: Exhibit) -> None:
    if not shown.numbers:
        return
    if len(shown.numbers) > MOST_IN_A_ROW:
        # They wrap where the screen is narrow, so that no word of them is cut off.
        with st.container(horizontal=True, gap="xsmall"):
            places = [st.container(width=TILE) for _ in shown.numbers]
    else:
        places = st.columns(len(shown.numbers))
    for place, (here, number) in enumerate(zip(places, shown.numbers, strict=True)):
        with here:
            st.metric(plain(number.label), kept_together(number.value))
            if number.remark:
                st.caption(kept_together(number.remark))
            if number.people is not None and st.button(
                "Show participants",
                type="tertiary",
                icon=":material/group:",
                key=f"people-{shown.name}-{place}",
            ):
                ask_for(number.people, shown.name)


def _printed_table(shown: Exhibit) -> None:
    """A table that is the exhibit: wrapped text, readable in print and by a screen reader."""
    table = shown.labelled_table()
    if table.is_empty():
        return
    cells = table.select(
        pl.Series(name, _written(table[name]), pl.String)
        if kind.is_float()
        else pl.col(name).cast(pl.String)
        for name, kind in table.schema.items()
    ).with_columns(
        pl.all().fill_null("").map_elements(_cell, return_dtype=pl.String, skip_nulls=False)
    )
    st.table(
        cells.rename(lambda name: plain(re.sub(r" (?=[=%])|(?<==) ", "\u00a0", name))),
        border="horizontal",
        hide_index=True,
        alt=f"{shown.title}, as a table",
    )


def _written(values: pl.Series) -> list[str | None]:
    places = decimals(values)
    return [None if value is None else f"{value:,.{places}f}" for value in values]


def _cell(text: str) -> str:
    """A cell of a printed table; a short one that begins with a digit stays on one line."""
    if len(text) > 24 or not text[:1].isdigit():
        return plain(text)
    return plain(text).replace(" ", "\u00a0").replace("-", f"-{_JOINER}")


def _table(shown: Exhibit) -> None:
    whole = shown.labelled_table()
    if whole.is_empty():
        return
    # Nobody reads on, and a browser with a million rows stands still.
    table = whole.head(MOST_ROWS)
    if whole.height > MOST_ROWS:
        st.caption(
            f"The first {MOST_ROWS:,} of {whole.height:,} rows; the download has all of them."
        )
    options: dict[str, Any] = {}
    if shown.row_lists:
        of_one = shown.table is not None and "subject" in shown.table.columns
        st.caption(f"Select a row to see {'the participant' if of_one else 'who is behind it'}.")
        options = {"on_select": "rerun", "selection_mode": "single-row"}
    chosen = st.dataframe(
        table,
        hide_index=True,
        height="content" if table.height <= 40 else 600,
        placeholder="",
        alt=f"{shown.title}, as a table",
        column_config=columns_of(table),
        key=f"rows-{shown.name}",
        **options,
    )
    if shown.row_lists and (rows := chosen.selection.rows) and rows[0] < len(shown.row_lists):
        place = shown.row_lists[rows[0]]
        if place is not None and shown.table is not None:
            person = shown.table.row(rows[0], named=True).get("subject")
            ask_for(shown.lists[place], shown.name, person)


def columns_of(
    table: pl.DataFrame,
    labels: Mapping[str, str] | None = None,
    widths: Mapping[str, Width] | None = None,
) -> dict[str, ColumnConfig]:
    """How the columns of a table are shown: each number as it needs, each heading whole.

    The first says what a row is about and stays in sight, unless it would take most of a narrow
    screen.
    """
    labels, widths = labels or {}, widths or {}
    columns: dict[str, ColumnConfig] = {}
    for name, kind in table.schema.items():
        label = labels.get(name, name)
        same: dict[str, Any] = {
            "label": label,
            "pinned": not columns,
            "width": widths.get(name) or _width(table[name], label, 48 if not columns else 34),
        }
        if kind.is_numeric():
            columns[name] = st.column_config.NumberColumn(format=_format(table[name]), **same)
        elif kind == pl.Date:
            columns[name] = st.column_config.DateColumn(format="YYYY-MM-DD", **same)
        else:
            columns[name] = st.column_config.Column(**same)
    return columns


def decimals(values: pl.Series) -> int:
    """Decimals that a column needs: at most two, or four where all is at most 1, as p is."""
    sizes = values.drop_nulls().abs()
    most = 4 if (sizes <= 1).all() else 2
    for places in range(most):
        if ((sizes - sizes.round(places)).abs() < 0.00005).all():
            return places
    return most


def _format(values: pl.Series) -> str:
    """With its decimals; a p that they would make zero has as many as show it."""
    sizes = values.drop_nulls().abs()
    if (sizes <= 1).all() and ((sizes > 1e-12) & (sizes < 0.00005)).any():
        return "%.2g"
    return f"%,.{decimals(values)}f"


def _width(values: pl.Series, label: str, most: int) -> int:
    """Pixels for a column, so that its heading is whole, and what has at most so many letters."""
    if values.dtype.is_float():
        values = values.round(decimals(values))
    longest = values.cast(pl.String).str.len_chars().max()
    shown = min(most, longest) if isinstance(longest, int) else 0
    return 28 + int(6.7 * max(len(label), shown))


def download(shown: Exhibit) -> None:
    """The button for the numbers as CSV."""
    origin = shown.provenance
    file_name = f"{shown.name}-{origin['snapshot']}-{origin['view']}.csv"
    st.download_button(
        "Download CSV",
        data=_recorded(file_name, lambda: as_csv(shown).encode("utf-8-sig")),
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{shown.name}",
    )


def _assumptions(shown: Exhibit) -> None:
    for what, reason in shown.assumptions:
        st.caption(plain(f"Assumed, {what}: {reason}"))


def footnotes(shown: Exhibit) -> None:
    """How the exhibit was made, and where from."""
    origin = shown.provenance
    people = "; simulated participants" if origin["participants"] == "simulated" else ""
    assumed = ", ".join(what for what, _ in shown.assumptions)
    lines = [
        *shown.footnotes,
        *(
            [f"Assumed, not in the registration: {assumed} (reasons with the table)."]
            * bool(assumed)
        ),
        f"Source: {origin['trial']}, snapshot {origin['snapshot']}, data cut-off "
        f"{day(date.fromisoformat(origin['data_cutoff']))}, {origin['view']} view{people}.",
    ]
    st.caption("  \n".join(map(kept_together, lines)))


def listed(
    rows: pl.DataFrame,
    labels: Mapping[str, str],
    alt: str,
    *,
    widths: Mapping[str, Width] | None = None,
    **options: Any,
) -> Any:
    """Rows as they are, under the labels of their columns; what `st.dataframe` returns.

    Args:
        labels: what each column is called for a reader.
        alt: what the table is, for who cannot see it.
        widths: of columns that need another width than they would take.
        options: of `st.dataframe`.
    """
    options = {"height": "content" if rows.height <= 20 else 420} | options
    return st.dataframe(
        rows,
        hide_index=True,
        placeholder="",
        alt=alt,
        column_config=columns_of(rows, labels, widths),
        **options,
    )


def table_download(
    label: str, tables: Callable[[], dict[str, pl.DataFrame]], *, file_name: str, key: str
) -> None:
    """Buttons for the same tables as CSV (all in one) and as XLSX (a sheet each).

    Each file is made, and its tables asked for, when its button is pressed.
    """
    with st.container(horizontal=True):
        st.download_button(
            f"{label} as CSV",
            data=_recorded(
                f"{file_name}.csv",
                lambda: table_as_csv(pl.concat(tables().values())).encode("utf-8-sig"),
            ),
            file_name=f"{file_name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"{key}-csv",
        )
        st.download_button(
            f"{label} as Excel, a sheet for each site",
            data=_recorded(f"{file_name}.xlsx", lambda: as_xlsx(tables())),
            file_name=f"{file_name}.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            icon=":material/download:",
            on_click="ignore",
            key=f"{key}-xlsx",
        )
