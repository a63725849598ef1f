"""What can be read in what is sent to a browser, however it is packed, and what must not be."""

import base64
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pyarrow as pa
from google.protobuf.message import Message  # type: ignore[import-untyped]
from polars import selectors

from access import View
from data_validation.listed_texts import lists_of
from queries.board import Board
from snapshots import OPEN, SEALED, quote_identifier, read_private_key, unwrap
from tests.conftest import LoadedTrial, board_of

ARROW_STREAM = b"\xff\xff\xff\xff"
ZIP = b"PK\x03\x04"
SHEET_XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

# What `plain` and the figures put between letters, so that text is shown letter by letter.
_BETWEEN_LETTERS = re.compile(r"[\\\u2060]|<br>")


def texts_in(message: Message) -> Iterator[str]:
    """Every text, number and date in a message, tables and charts unpacked."""
    for _, value in message.ListFields():
        if isinstance(value, str | bytes | Message):
            parts: Iterable[Any] = [value]
        elif hasattr(value, "items"):
            parts = [part for pair in value.items() for part in pair]
        else:
            parts = value if isinstance(value, Iterable) else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from texts_in(part)
            elif isinstance(part, bytes):
                yield from texts_of_bytes(part)
            else:
                yield from _as_read(str(part))


def texts_of_bytes(content: bytes) -> Iterator[str]:
    """What stands in a table as it is sent, in a workbook, or in any other file."""
    if content.startswith(ARROW_STREAM):
        table = pa.ipc.open_stream(content).read_all()
        yield from table.schema.names
        yield str(table.schema.metadata)
        for column in table.columns:
            yield from (str(value) for value in column.unique().to_pylist())
    elif content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name
                yield html.unescape(archive.read(name).decode("utf-8", "replace"))
    else:
        yield content.decode("utf-8", "replace")


def sheets_of(workbook: bytes) -> dict[str, list[list[str]]]:
    """The cells of a workbook as text, sheet by sheet, read without the library that wrote it."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:

        def parsed(member: str) -> ElementTree.Element:
            return ElementTree.fromstring(archive.read(member))

        shared = [
            "".join(text.text or "" for text in item.iter(f"{SHEET_XML}t"))
            for item in parsed("xl/sharedStrings.xml")
        ]
        names = [
            sheet.attrib["name"] for sheet in parsed("xl/workbook.xml").iter(f"{SHEET_XML}sheet")
        ]
        sheets = {}
        for number, name in enumerate(names, 1):
            rows: list[list[str]] = []
            for row in parsed(f"xl/worksheets/sheet{number}.xml").iter(f"{SHEET_XML}row"):
                cells: list[str] = []
                for cell in row:
                    letters = re.sub(r"\d", "", cell.attrib["r"])
                    place = ord(letters) - ord("A")
                    cells.extend([""] * (place - len(cells)))
                    value = cell.findtext(f"{SHEET_XML}v") or ""
                    cells.append(shared[int(value)] if cell.get("t") == "s" else value)
                rows.append(cells + [""] * (len(rows[0]) - len(cells)) if rows else cells)
            sheets[name] = rows
        return sheets


def _as_read(text: str) -> Iterator[str]:
    yield text
    if text[:1] in {"{", "["}:
        try:
            yield from _texts_of_json(json.loads(text))
        except ValueError:
            pass
        else:
            return
    if (shown := html.unescape(_BETWEEN_LETTERS.sub("", text)).replace("\u00a0", " ")) != text:
        yield shown
        # A label in lines: between two of them a space was.
        yield html.unescape(text.replace("<br>", " "))


def _texts_of_json(value: Any) -> Iterator[str]:
    match value:
        case {"bdata": str(data), "dtype": str(kind)}:
            yield from map(str, np.frombuffer(base64.b64decode(data), np.dtype(kind)).tolist())
        case dict():
            for name, part in value.items():
                yield name
                yield from _texts_of_json(part)
        case list():
            for part in value:
                yield from _texts_of_json(part)
        case _:
            yield from _as_read(str(value))


def found(needles: Iterable[str], texts: Iterable[str], *, any_case: bool = False) -> set[str]:
    """Which of the needles stand in any of the texts."""
    wanted = set(needles)
    folded = _folded if any_case else str
    hay = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String}).unique()
    hits = hay.select(
        pl.col("text").str.extract_many(
            sorted({folded(needle) for needle in wanted}),
            ascii_case_insensitive=any_case,
            overlapping=True,
        )
    )
    met = {folded(hit) for hit in hits["text"].explode().drop_nulls().unique()}
    return {needle for needle in wanted if folded(needle) in met}


def _folded(text: str) -> str:
    """Lower case in ASCII alone, as the search has it: bytes that are no text stay as they are."""
    return text.encode().lower().decode()


# What must not be sent in a pooled session: from the sealed file and the board's key.

_CLINICAL = (
    *("participant", "allocation_list", "exposure", "adverse_event", "visit"),
    *("laboratory", "vital_sign", "procedure"),
)


# What these hold is a name that the trial definition or the program has for everybody.
_NAMES = ("_file", "test", "category", "received_PRCAT", "normal_indicator")


def sealed_needles(loaded: LoadedTrial) -> list[str]:
    """Texts of sealed cells that are no part of an open one: arms, lots, terms, clock times."""
    key = loaded.store.root, str(loaded.snapshot.id)
    if key not in _NEEDLES:
        _NEEDLES[key] = _sealed_needles(loaded)
    return _NEEDLES[key]


# Of each store and snapshot: a snapshot does not change.
_NEEDLES: dict[tuple[Path, str], list[str]] = {}


def _sealed_needles(loaded: LoadedTrial) -> list[str]:
    board = board_of(loaded, View.UNBLINDED)
    # What the definition and the dictionaries have stands on pages, whatever an extract has.
    listed = {text for texts in lists_of(loaded.trial).values() for text in texts}
    opened = "\n".join(listed | _texts_of_store(board, OPEN)).lower()
    sealed = _texts_of_store(board, SEALED, _CLINICAL)
    board.close()
    telling = (text for text in sealed if len(text) > 4 and re.search("[A-Za-z]", text))
    return sorted(text for text in telling if text.lower() not in opened)


def _texts_of_store(board: Board, database: str, tables: tuple[str, ...] = ()) -> set[str]:
    connection = board._connection.cursor()
    names = connection.execute(
        "select table_name from duckdb_tables() where database_name = ? order by all", [database]
    ).fetchall()
    texts: set[str] = set()
    for (name,) in names:
        if tables and name not in tables:
            continue
        frame = connection.execute(f"from {database}.{quote_identifier(name)}").pl()
        for column in frame.select(selectors.string() | selectors.temporal()).iter_columns():
            if column.name not in _NAMES:
                texts.update(map(str, column.drop_nulls().unique()))
    connection.close()
    return texts


def key_needles(loaded: LoadedTrial) -> list[str]:
    """The board's private key and the sealed file's key in every writing, and what each opens."""
    private = read_private_key(loaded.keys.private)
    manifest = loaded.snapshot.manifest
    inside = unwrap(private, manifest.wrapped_key)
    secrets = [bytes(private), base64.b64decode(json.loads(inside)["key"])]
    writings = [
        writing
        for secret in secrets
        for writing in (
            base64.b64encode(secret).decode().rstrip("="),
            base64.urlsafe_b64encode(secret).decode().rstrip("="),
            secret.hex(),
            secret.decode("latin-1"),  # as bytes are read that are no text
        )
    ]
    labels = unwrap(private, manifest.wrapped_labels).decode()
    wrapped = [manifest.wrapped_key, manifest.wrapped_labels]
    return [*writings, inside.decode(), labels, *wrapped]
