"""Writing datasets as an EDC system or a CRO would send them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args

import polars as pl
import pyarrow.parquet as pq

Format = Literal["csv", "parquet", "xpt"]
Append = Callable[[pl.DataFrame], None]
_UTF8: Mapping[str, str] = {}


def write_extract(
    frames: Mapping[str, pl.DataFrame], folder: Path, *, format: Format = "csv"
) -> list[Path]:
    """Write each dataset to `<folder>/<name>.<format>`; the folder is made if it is not there.

    Returns:
        The files written, in the order of the datasets.

    Raises:
        ValueError, OSError: as `write_blocks`.
    """
    return list(write_blocks([frames], folder, format=format))


def write_blocks(
    blocks: Iterable[Mapping[str, pl.DataFrame]],
    folder: Path,
    *,
    format: Format = "csv",
    encodings: Mapping[str, str] = _UTF8,
) -> dict[Path, int]:
    """Write datasets that come in parts, each part after the one before.

    CSV and Parquet hold two parts in memory. XPT is version 5, as regulators take it, where all
    column names have at most eight characters, else version 8; its header counts the rows, so the
    parts are collected first. Nulls become empty text where a format has no other. `encodings`
    names those of datasets that CSV shall have in another than UTF-8.

    Returns:
        The files written and their rows, in the order of the datasets.

    Raises:
        ValueError: the format is none of csv, parquet and xpt.
        OSError: the folder or a file cannot be written.
    """
    if format not in get_args(Format):
        raise ValueError(
            f"{format!r} is no format of an extract; choose one of {', '.join(get_args(Format))}."
        )
    rows: dict[Path, int] = {}
    appends: dict[Path, Append] = {}
    with ExitStack() as opened, ThreadPoolExecutor(1) as writer:

        def write(block: Mapping[str, pl.DataFrame]) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, frame in block.items():
                path = folder / f"{name}.{format}"
                if path not in rows:
                    encoding = encodings.get(name, "utf-8")
                    appends[path] = _APPENDING[format](path, frame, encoding, opened)
                appends[path](frame)
                rows[path] = rows.get(path, 0) + frame.height

        # One part is written while the next is made.
        written: Future[None] | None = None
        for block in blocks:
            if written is not None:
                written.result()
            written = writer.submit(write, block)
        if written is not None:
            written.result()
    return rows


def _csv(path: Path, first: pl.DataFrame, encoding: str, opened: ExitStack) -> Append:
    file = opened.enter_context(path.open("wb"))

    def append(frame: pl.DataFrame, *, include_header: bool = False) -> None:
        if encoding == "utf-8":
            frame.write_csv(file, include_header=include_header)
        else:
            file.write(frame.write_csv(include_header=include_header).encode(encoding))

    append(first.clear(), include_header=True)
    return append


def _parquet(path: Path, first: pl.DataFrame, _encoding: str, opened: ExitStack) -> Append:
    schema = first.clear().to_arrow().schema
    writer = opened.enter_context(pq.ParquetWriter(path, schema))
    return lambda frame: writer.write_table(frame.to_arrow())


def _xpt(path: Path, _first: pl.DataFrame, _encoding: str, opened: ExitStack) -> Append:
    parts: list[pl.DataFrame] = []
    opened.callback(lambda: _write_xpt(pl.concat(parts), path))
    return parts.append


_APPENDING = {"csv": _csv, "parquet": _parquet, "xpt": _xpt}


def _write_xpt(frame: pl.DataFrame, path: Path) -> None:
    import pyreadstat

    version: Literal[5, 8] = (
        5 if all(len(column) <= 8 for column in frame.columns) and len(path.stem) <= 8 else 8
    )
    text = [column for column, kind in frame.schema.items() if kind == pl.String]
    pyreadstat.write_xport(
        frame.with_columns(pl.col(text).fill_null("")),
        path,
        table_name=path.stem.upper(),
        file_format_version=version,
    )
