"""Downloads: each is recorded before it is handed out."""

from collections.abc import Callable

import polars as pl
import streamlit as st

from display.session import session_board
from display.state import window
from exhibits.exhibit import Exhibit
from exhibits.export import as_csv, as_xlsx, table_as_csv

_MIME = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _button(label: str, file_name: str, content: Callable[[], bytes], key: str) -> None:
    """A file that is made when it is clicked, and recorded before that."""
    board, record = session_board(), window().record
    assert record is not None

    def hand_out() -> bytes:
        board.check()
        record(file_name)
        return content()

    st.download_button(
        label,
        data=hand_out,
        file_name=file_name,
        mime=_MIME[file_name.rpartition(".")[2]],
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def download(shown: Exhibit) -> None:
    """The button for the numbers as CSV."""
    origin = shown.provenance
    file_name = f"{shown.name}-{origin['snapshot']}-{origin['view']}.csv"
    _button(
        "Download CSV",
        file_name,
        lambda: as_csv(shown).encode("utf-8-sig"),
        f"csv-{shown.name}",
    )


def table_download(
    label: str, tables: Callable[[], dict[str, pl.DataFrame]], *, file_name: str, key: str
) -> None:
    """Buttons for the same tables as CSV (all in one) and as XLSX (a sheet each).

    Each file is made, and its tables asked for, when its button is pressed.
    """
    with st.container(horizontal=True):
        _button(
            f"{label} as CSV",
            f"{file_name}.csv",
            lambda: table_as_csv(pl.concat(tables().values())).encode("utf-8-sig"),
            f"{key}-csv",
        )
        _button(
            f"{label} as Excel, a sheet for each site",
            f"{file_name}.xlsx",
            lambda: as_xlsx(tables()),
            f"{key}-xlsx",
        )
