"""Writing datasets as an EDC system or a CRO would send them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import polars as pl

Format = Literal["csv", "parquet", "xpt"]


def write_extract(
    frames: Mapping[str, pl.DataFrame], folder: Path, *, format: Format = "csv"
) -> list[Path]:
    """Write each dataset to `<folder>/<name>.<format>`; the folder is made if it is not there.

    XPT is version 5, as regulators take it, where all column names have at most eight characters,
    else version 8. Nulls become empty text, as these formats have no other.

    Returns:
        The files written, in the order of the datasets.

    Raises:
        ValueError: the format is none of csv, parquet and xpt.
        OSError: the folder or a file cannot be written.
    """
    if format not in get_args(Format):
        raise ValueError(
            f"{format!r} is no format of an extract; choose one of {', '.join(get_args(Format))}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames.items():
        path = folder / f"{name}.{format}"
        if format == "csv":
            frame.write_csv(path)
        elif format == "parquet":
            frame.write_parquet(path)
        else:
            _write_xpt(name, frame, path)
        written.append(path)
    return written


def _write_xpt(name: str, frame: pl.DataFrame, path: Path) -> None:
    import pyreadstat

    version: Literal[5, 8] = (
        5 if all(len(column) <= 8 for column in frame.columns) and len(name) <= 8 else 8
    )
    text = [column for column, kind in frame.schema.items() if kind == pl.String]
    pyreadstat.write_xport(
        frame.with_columns(pl.col(text).fill_null("")),
        path,
        table_name=name.upper(),
        file_format_version=version,
    )
