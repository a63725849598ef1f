"""Downloads: recorded before they are handed out."""

from collections.abc import Callable

import polars as pl
import streamlit as st

from display.session import session_board
from display.state import RECORD_KEY
from exhibits.exhibit import Exhibit
from exhibits.export import as_csv, as_xlsx, table_as_csv


def _recorded(name: str, content: Callable[[], bytes]) -> Callable[[], bytes]:
    """What a download button hands out: made, and recorded before that, when it is clicked."""
    board, record = session_board(), st.session_state[RECORD_KEY]

    def hand_out() -> bytes:
        board.check()
        record(name)
        return content()

    return hand_out


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
