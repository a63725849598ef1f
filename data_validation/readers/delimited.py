"""Delimited text: CSV with comma, semicolon, tab or bar.

A file is read twice, by two parsers that do not know of each other. The quotation marks are checked
against RFC 4180 and Python's strict csv module counts records and fields; polars then reads the
values. Where they disagree, the file is refused: a row that one of them sees and the other does
not is a row that might be lost.
"""

import csv
import io
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import numpy as np
import polars as pl

from data_validation.readers.encoding import as_utf8
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import Table

DELIMITERS = (",", ";", "\t", "|")

_CHUNK = 4 * 1024**2
_QUOTE = ord('"')
_LINE_ENDS = (ord("\n"), ord("\r"))
_HEADER = re.compile(rb'(?:[^"\r\n]+|"[^"]*")*')
_QUOTED = re.compile(rb'"[^"]*"')

# csv.field_size_limit is one number for the whole process.
_field_size_lock = threading.Lock()


def read_delimited(data: bytes, limits: Limits) -> Table:
    """Read one delimited file; raises Refusal.

    The first line names the columns. A file with this line alone is a dataset without rows.
    """
    if not data:
        raise Refusal("is empty; send it with at least the line that names the columns.")
    text, notes = as_utf8(data, limits)
    _refuse_nul(text)
    text = _without_blank_end(text)
    delimiter = _delimiter(text, limits)
    _check_quotation_marks(text, delimiter)
    records, width = _count(text, delimiter, limits)
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            separator=delimiter,
            schema={str(position): pl.String for position in range(width)},
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        raise _disagreement() from None
    if frame.shape != (records, width):
        raise _disagreement()
    _refuse_oversized(frame, text, delimiter, limits)
    return Table(
        names=tuple(name or "" for name in frame.row(0)),
        columns=tuple(column.slice(1) for column in frame.get_columns()),
        notes=notes,
    )


def _disagreement() -> Refusal:
    return Refusal(
        "is read in two ways that disagree on its rows; write every line end as a line feed, with "
        "or without a carriage return before it, and quote fields that hold a line end."
    )


def _refuse_nul(text: bytes) -> None:
    position = text.find(b"\0")
    if position >= 0:
        raise Refusal(
            "holds a NUL byte, so it is damaged or not plain text; save it as CSV in UTF-8.",
            line=_line_at(text, position),
        )


def _without_blank_end(text: bytes) -> bytes:
    """Return the text without blank lines after the last record: they hold no row."""
    if text.endswith((b"\n\n", b"\n\r\n")):
        text = text.rstrip(b"\r\n")
    if not text or text.isspace():
        raise Refusal("is empty; send it with at least the line that names the columns.")
    if text.startswith((b"\n", b"\r")):
        raise Refusal("is blank; the first line should name the columns.", line=1)
    return text


def _delimiter(text: bytes, limits: Limits) -> str:
    """Return the delimiter that occurs most often in the first line, outside quotation marks."""
    header = _HEADER.match(text, 0, limits.field_bytes + 1)
    line = header.group() if header else b""
    if len(line) > limits.field_bytes:
        raise Refusal(
            f"has a first line of more than {limits.field_bytes} bytes; "
            "the first line should name the columns.",
            line=1,
        )
    bare = _QUOTED.sub(b"", line)
    return max(DELIMITERS, key=lambda delimiter: bare.count(delimiter.encode()))


def _check_quotation_marks(text: bytes, delimiter: str) -> None:
    """Refuse a quotation mark that neither opens nor closes a field nor is doubled in one.

    Of the marks in a well-formed file every second one closes; so the first stands at the begin of
    a field, the next before the end of one, or both stand side by side and are a mark in the text.
    """
    content = np.frombuffer(text, dtype=np.uint8)
    beside = np.zeros(256, dtype=bool)
    beside[[ord(delimiter), *_LINE_ENDS, _QUOTE]] = True
    before = 0
    for start in range(0, len(content), _CHUNK):
        marks = np.flatnonzero(content[start : start + _CHUNK] == _QUOTE) + start
        opening, closing = marks[before % 2 :: 2], marks[(before + 1) % 2 :: 2]
        misplaced = np.concatenate(
            [
                opening[(opening > 0) & ~beside[content[opening - 1]]],
                closing[
                    (closing < len(content) - 1)
                    & ~beside[content[np.minimum(closing + 1, len(content) - 1)]]
                ],
            ]
        )
        if len(misplaced):
            position = int(misplaced.min())
            is_closing = position in closing
            _refuse_mark(text, position, is_closing=is_closing)
        before += len(marks)
    if before % 2:
        raise Refusal(
            "opens a quotation mark that is never closed, so that all that follows is one field; "
            "close it, and double every mark inside a quoted field.",
            line=_line_at(text, text.rfind(b'"')),
        )


def _refuse_mark(text: bytes, position: int, *, is_closing: bool) -> None:
    if not is_closing:
        raise Refusal(
            "has a quotation mark inside a field that does not begin with one; "
            "put the whole field in quotation marks and double the one inside.",
            line=_line_at(text, position),
        )
    raise Refusal(
        "opens a quotation mark whose field does not end at the next one; "
        "close it, and double every mark inside a quoted field.",
        line=_line_at(text, text.rfind(b'"', 0, position)),
    )


def _count(text: bytes, delimiter: str, limits: Limits) -> tuple[int, int]:
    """Return the number of records, header and blank lines included, and of fields in each."""
    with _field_size(limits.field_bytes):
        try:
            widths = Counter(map(len, csv.reader(_lines(text), delimiter=delimiter, strict=True)))
        except csv.Error:
            widths = Counter()
    width = next(iter(widths), 0)
    if set(widths) - {width, 0} or not width:
        _explain(text, delimiter, limits)
    return widths.total(), width


def _explain(text: bytes, delimiter: str, limits: Limits) -> NoReturn:
    """Find the first record that is not like the header or has too long a field, and refuse it."""
    records = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    expected: int | None = None
    line = 1
    # A limit far beyond the allowed one, so that the field can be counted, yet still a limit.
    with _field_size(limits.field_bytes * 64):
        try:
            for record in records:
                expected = len(record) if expected is None else expected
                for column, field in enumerate(record, start=1):
                    if len(field.encode("utf-8")) > limits.field_bytes:
                        raise Refusal(
                            f"holds in column {column} a field of more than {limits.field_bytes} "
                            "bytes; correct the value or leave it out.",
                            line=line,
                        )
                if record and len(record) != expected:
                    raise Refusal(
                        f"has {_fields(len(record))} where the first line names "
                        f"{_fields(expected)}; write one record per line, and quote fields that "
                        "hold the delimiter.",
                        line=line,
                    )
                line = records.line_num + 1
        except csv.Error:
            raise Refusal(
                f"begins a record with a field that does not end within {limits.field_bytes * 64} "
                "bytes or has a broken quotation mark; correct it.",
                line=line,
            ) from None
    raise _disagreement()


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _refuse_oversized(frame: pl.DataFrame, text: bytes, delimiter: str, limits: Limits) -> None:
    # The csv module counts characters; in bytes a field may still be beyond the limit.
    longest = frame.select(pl.all().str.len_bytes().max()).row(0)
    if max(length or 0 for length in longest) > limits.field_bytes:
        _explain(text, delimiter, limits)


def _lines(text: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")


@contextmanager
def _field_size(characters: int) -> Iterator[None]:
    with _field_size_lock:
        before = csv.field_size_limit(characters)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _line_at(text: bytes, position: int) -> int:
    return text.count(b"\n", 0, position) + 1
