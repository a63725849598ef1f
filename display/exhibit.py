"""An exhibit on a page: numbers, picture, table, how it was made."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from display.downloads import download
from display.lists import ask_for, come_back_to
from display.session import session_board
from display.tables import decimals, listed
from display.text import JOINER, kept_together, plain
from exhibits.exhibit import EXHIBITS, Exhibit, make
from exhibits.parts.words import day, decimal

MOST_ROWS = 1_000  # of a table on a page

CHART = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "scale": 1},
}

# So many numbers stand side by side on any wide screen; of more each has so many pixels.
MOST_IN_A_ROW, TILE = 4, 140


def show(name: str, body: Callable[[Exhibit], None] | None = None) -> None:
    """One exhibit: what is known, the picture, the table behind it, how it was made.

    One that the view does not offer is left out.

    Args:
        body: draws what stands between answer and footnotes, in place of picture and table.
    """
    board = session_board()
    if not EXHIBITS[name].is_offered(board):
        return
    shown = make(name, board)
    come_back_to(name)
    with st.container(border=True, key=f"exhibit-{name}"):
        st.subheader(shown.title, anchor=False)
        whom = "; ".join(part for part in (shown.population, shown.denominator) if part)
        st.caption(kept_together(whom))
        if shown.missing:
            st.info(plain(shown.missing), icon=":material/help:")
            return
        if shown.answer:
            st.markdown(kept_together(shown.answer))
        (body or _body)(shown)
        _footnotes(shown)


def _body(shown: Exhibit) -> None:
    _numbers(shown)
    if shown.has_figure:
        _chart(shown)
    if shown.table is None:
        return
    if shown.has_figure or shown.numbers:
        _behind(shown)
    else:
        _whole_table(shown, _table if shown.row_lists else _printed_table)


def _whole_table(shown: Exhibit, draw: Callable[[Exhibit], None]) -> None:
    draw(shown)
    download(shown)
    for what, reason in shown.assumptions:
        st.caption(plain(f"Assumed, {what}: {reason}"))


def _chart(shown: Exhibit) -> None:
    """The picture; a click on a mark that stands for participants leads to them."""
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
            _whole_table(shown, _table)


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
    if not shown.total:
        return
    table = shown.rows()
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
    return [None if value is None else decimal(value, places) for value in values]


def _cell(text: str) -> str:
    """A cell of a printed table; a short one that begins with a digit stays on one line."""
    if len(text) > 24 or not text[:1].isdigit():
        return plain(text)
    return plain(text).replace(" ", "\u00a0").replace("-", f"-{JOINER}")


def _table(shown: Exhibit) -> None:
    if not shown.total:
        return
    # Nobody reads on, and a browser with a million rows stands still.
    table = shown.rows(0, MOST_ROWS)
    if shown.total > MOST_ROWS:
        st.caption(
            f"The first {MOST_ROWS:,} of {shown.total:,} rows; the download has all of them."
        )
    options: dict[str, Any] = {}
    if shown.row_lists:
        of_one = shown.table is not None and "subject" in shown.table.columns
        st.caption(f"Select a row to see {'the participant' if of_one else 'who is behind it'}.")
        options = {"on_select": "rerun", "selection_mode": "single-row"}
    chosen = listed(
        table,
        {},
        f"{shown.title}, as a table",
        height="content" if table.height <= 40 else 600,
        key=f"rows-{shown.name}",
        **options,
    )
    if shown.row_lists and (rows := chosen.selection.rows) and rows[0] < len(shown.row_lists):
        place = shown.row_lists[rows[0]]
        if place is not None and shown.table is not None:
            person = shown.table.row(rows[0], named=True).get("subject")
            ask_for(shown.lists[place], shown.name, person)


def _footnotes(shown: Exhibit) -> None:
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
        f"{day(date.fromisoformat(origin['data_cutoff']))}, {origin['view']} view{people}; "
        f"software {origin['software']}.",
    ]
    st.caption("  \n".join(map(kept_together, lines)))
