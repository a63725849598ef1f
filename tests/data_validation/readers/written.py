"""One frame written in every format, as the programs of senders would write it."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyreadstat
import xlsxwriter

from tests.data_validation.readers.sas7bdat_file import sas7bdat


def written(frame: pl.DataFrame, suffix: str, folder: Path, name: str = "dm") -> Path:
    """Write ``frame`` in the format of ``suffix`` to the folder; returns the file."""
    file = folder / f"{name}{suffix}"
    file.write_bytes(WRITERS[suffix](frame, name, folder))
    return file


def _csv(frame: pl.DataFrame, _name: str, _folder: Path) -> bytes:
    return frame.write_csv(quote_style="non_numeric").encode()


def _parquet(frame: pl.DataFrame, _name: str, _folder: Path) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def _xport(frame: pl.DataFrame, _name: str, folder: Path) -> bytes:
    file = folder / "written.tmp"
    pyreadstat.write_xport(frame, file, file_format_version=8)
    content = file.read_bytes()
    file.unlink()
    return content


def _xlsx(frame: pl.DataFrame, name: str, _folder: Path) -> bytes:
    content = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, plain) as workbook:
        sheet = workbook.add_worksheet(name.upper())
        sheet.write_row(0, 0, frame.columns)
        for row, cells in enumerate(frame.iter_rows(), start=1):
            for column, cell in enumerate(cells):
                if isinstance(cell, float | int):
                    sheet.write_number(row, column, cell)
                elif cell is not None:
                    sheet.write_string(row, column, cell)
    return content.getvalue()


def dataset_json(frame: pl.DataFrame, name: str = "DM") -> dict[str, object]:
    """The object of Dataset-JSON 1.1 for ``frame``, to be changed by a test."""
    return {
        "datasetJSONCreationDateTime": "2023-09-30T10:00:00",
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": f"IG.{name.upper()}",
        "records": frame.height,
        "name": name.upper(),
        "label": "A dataset",
        "columns": [
            {
                "itemOID": f"IT.{column}",
                "name": column,
                "label": column,
                "dataType": "double" if dtype.is_float() else "string",
            }
            for column, dtype in frame.schema.items()
        ],
        "rows": [list(row) for row in frame.iter_rows()],
    }


def _json(frame: pl.DataFrame, name: str, _folder: Path) -> bytes:
    return json.dumps(dataset_json(frame, name), ensure_ascii=False).encode()


def _ndjson(frame: pl.DataFrame, name: str, _folder: Path) -> bytes:
    head = dataset_json(frame, name)
    rows = head.pop("rows")
    assert isinstance(rows, list)
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in [head, *rows]).encode()


WRITERS: dict[str, Callable[[pl.DataFrame, str, Path], bytes]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xpt": _xport,
    ".sas7bdat": lambda frame, _name, _folder: sas7bdat(frame),
    ".xlsx": _xlsx,
    ".json": _json,
    ".ndjson": _ndjson,
}
