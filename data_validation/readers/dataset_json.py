"""CDISC Dataset-JSON, version 1.1: one object (``.json``) or one line a row (``.ndjson``).

An object with a dataset's metadata and its `columns`; then `rows`, arrays of cells in the order of
the columns. Metadata that nothing here needs may be wrong, as labels often are; what says how many
columns and rows there are may not.
"""

import io
import json
import re
from typing import Any

import polars as pl

from data_validation.readers.encoding import as_utf8
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import OBJECT_BYTES, Table, mixed_text

# As SAS names datasets; an OID has such a name behind its last full stop, `IG.DM`.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_MARKS = ("datasetJSONVersion", "columns")


def read_dataset_json(data: bytes, limits: Limits) -> Table:
    """Read one Dataset-JSON object; raises Refusal."""
    text, notes = _text(data, limits)
    head = _parsed(text)
    _refuse_other_json(head)
    rows = head.get("rows")
    if not isinstance(rows, list):
        raise Refusal("has no rows; send it with `rows`, an empty list where there is none.")
    return _table(head, rows, notes, first_line=None)


def read_dataset_ndjson(data: bytes, limits: Limits) -> Table:
    """Read Dataset-JSON of one line for the metadata and one for each row; raises Refusal."""
    text, notes = _text(data, limits)
    lines = io.BytesIO(text.rstrip())
    head = _parsed(lines.readline(), line=1)
    _refuse_other_json(head, line=1)
    rows = [_parsed(line, line=number) for number, line in enumerate(lines, start=2)]
    return _table(head, rows, notes, first_line=2)


def _text(data: bytes, limits: Limits) -> tuple[bytes, tuple[str, ...]]:
    if not data:
        raise Refusal("is empty; send the file again.")
    text, notes = as_utf8(data, limits)
    # Every value but the first of a list or an object stands behind a comma.
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) * OBJECT_BYTES > limits.total_bytes:
        raise Refusal(
            f"unpacks to more than the limit of {limits.total_bytes} bytes; send it in parts, "
            "as split datasets."
        )
    return text, notes


def _parsed(text: bytes, line: int | None = None) -> Any:
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise Refusal(
            f"is not whole JSON ({error.msg}); make it again, and name it .ndjson if every row "
            "is a line of its own.",
            line=line or error.lineno,
        ) from None
    except RecursionError:
        raise Refusal("is nested too deeply to be a dataset; make it again.", line=line) from None
    except Refusal as refusal:
        raise Refusal(refusal.reason, line=line) from None
    except ValueError:
        raise Refusal("holds a number of thousands of digits; correct it.", line=line) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refusal("gives a key twice in one object, so what it says is not clear; correct it.")
    return made


def _no_number(_text: str) -> None:
    raise Refusal("holds NaN or an infinite number, which JSON has not; write null.")


def _refuse_other_json(head: Any, line: int | None = None) -> None:
    missing = [key for key in _MARKS if not isinstance(head, dict) or key not in head]
    if missing:
        raise Refusal(
            f"is JSON, but no Dataset-JSON 1.1: it lacks {' and '.join(missing)}. Make it as "
            "Dataset-JSON 1.1, or take it out of the extract.",
            line=line,
        )


def _table(
    head: dict[str, Any], rows: list[Any], notes: tuple[str, ...], first_line: int | None
) -> Table:
    names = _column_names(head["columns"])
    for place, row in enumerate(rows):
        if type(row) is not list or len(row) != len(names):
            found = f"has {len(row)} values" if type(row) is list else "is no list of values"
            raise Refusal(
                f"{found} in data row {place + 1}, where {len(names)} columns are named; "
                "make the file again.",
                line=None if first_line is None else first_line + place,
            )
    _check_promise(head.get("records"), len(rows))
    columns = [
        _column(name, cells) for name, cells in zip(names, _turned(rows, len(names)), strict=True)
    ]
    dataset = _dataset_name(head)
    if dataset is None:
        notes += ("It does not name its dataset; it is taken by the name of the file.",)
    return Table(names, tuple(columns), notes, dataset)


def _turned(rows: list[list[Any]], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _column_names(columns: Any) -> tuple[str, ...]:
    if not isinstance(columns, list) or not columns:
        raise Refusal("names no columns; send it with one for each SDTM variable.")
    names = []
    for place, column in enumerate(columns, start=1):
        name = column.get("name") if isinstance(column, dict) else None
        if not isinstance(name, str):
            raise Refusal(f"gives column {place} no name; make the file again.")
        names.append(name)
    return tuple(names)


def _check_promise(records: Any, found: int) -> None:
    promised = str(records).strip()
    if records is not None and promised != str(found):
        number = promised if promised.isdecimal() else "another number of"
        raise Refusal(
            f"promises {number} records and holds {found}; it may be cut, so send it again."
        )


def _column(name: str, cells: tuple[Any, ...]) -> pl.Series:
    if {list, dict} & set(map(type, cells)):
        row = next(place for place, cell in enumerate(cells, 1) if isinstance(cell, list | dict))
        raise Refusal(
            f"has a list or an object in data row {row}, column {name}; send one value per cell, "
            "as SDTM asks for."
        )
    return mixed_text(cells)


def _dataset_name(head: dict[str, Any]) -> str | None:
    """Return what `name`, else the last part of the OID, calls the dataset; None if neither."""
    for stated in (head.get("name"), str(head.get("itemGroupOID")).rpartition(".")[2]):
        if isinstance(stated, str) and stated != "None" and _NAME.fullmatch(stated.strip()):
            return stated.strip().upper()
    return None
