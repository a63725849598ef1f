"""A writer of small SAS datasets for the tests, as no library for Python has one.

The layout is that of M. S. Shotwell's description of SAS7BDAT (2013): 32 bits, little-endian, not
compressed; one page of metadata, then pages of rows.
"""

import math
import struct
from datetime import date, datetime, time

import polars as pl

MAGIC = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
HEADER_BYTES = 1024
DATA_PAGE_BYTES = 4096
UTF_8, WINDOWS_1252 = 20, 62
_META, _DATA = 0, 0x100
_PAGE_HEADER, _POINTER = 24, 12
_MISSING = bytes.fromhex("0000000000feffff")
_EPOCH = date(1960, 1, 1)
_FORMATS: dict[type[pl.DataType], str] = {
    pl.Date: "E8601DA",
    pl.Datetime: "E8601DT",
    pl.Time: "TIME",
}


def sas7bdat(frame: pl.DataFrame, *, encoding: str = "utf-8", stated: int = UTF_8) -> bytes:
    """The bytes of a dataset with the columns of ``frame``: text, numbers, dates and times.

    Args:
        encoding: of the text; ``stated`` is the encoding's number in the header.
    """
    is_text = [column.dtype == pl.String for column in frame.iter_columns()]
    cells = [
        [(value or "").encode(encoding) for value in column] if text else list(map(_number, column))
        for column, text in zip(frame.iter_columns(), is_text, strict=True)
    ]
    widths = [
        max([1, *map(len, values)]) if text else 8
        for values, text in zip(cells, is_text, strict=True)
    ]
    rows = [
        b"".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    formats = [_FORMATS.get(column.dtype.base_type(), "") for column in frame.iter_columns()]
    described = _subheaders(frame.columns, formats, widths, is_text, sum(widths), len(rows))
    metadata = _page_of_subheaders(described)
    page_bytes = max(len(metadata), DATA_PAGE_BYTES, _PAGE_HEADER + sum(widths))
    pages = [metadata.ljust(page_bytes, b"\0"), *_pages_of_rows(rows, page_bytes, sum(widths))]
    return _header(page_bytes, len(pages), stated) + b"".join(pages)


def _number(value: object) -> bytes:
    match value:
        case None:
            return _MISSING
        case datetime():
            number = (value - datetime(1960, 1, 1)).total_seconds()
        case date():
            number = float((value - _EPOCH).days)
        case time():
            number = value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
        case _:
            number = float(value)  # type: ignore[arg-type]
    return _MISSING if math.isnan(number) else struct.pack("<d", number)


def _header(page_bytes: int, pages: int, encoding: int) -> bytes:
    start = bytearray(164)
    start[:32] = MAGIC
    start[32], start[35], start[37], start[39], start[70] = 0x22, 0x22, 1, ord("1"), encoding
    start[84:92], start[92:124], start[156:164] = b"SAS FILE", b"TEST".ljust(32), b"DATA    "
    sizes = struct.pack("<4d3I8x", 0, 0, 0, 0, HEADER_BYTES, page_bytes, pages)
    return (bytes(start) + sizes + b"9.0401M6".ljust(120, b"\0")).ljust(HEADER_BYTES, b"\0")


def _subheaders(
    names: list[str],
    formats: list[str],
    widths: list[int],
    is_text: list[bool],
    row_bytes: int,
    rows: int,
) -> list[bytes]:
    row_size = bytearray(480)
    struct.pack_into("<I", row_size, 0, 0xF7F7F7F7)
    struct.pack_into("<II", row_size, 20, row_bytes, rows)
    column_size = struct.pack("<II4x", 0xF6F6F6F6, len(names))
    texts, places = b"\0" * 8, {}
    for name in [*names, *formats]:
        places[name] = (0, len(texts), len(name.encode()))
        texts += name.encode() + b"\0" * (-len(name.encode()) % 4)
    text = struct.pack("<IH", 0xFFFFFFFD, len(texts) - 8) + texts[2:]
    name_refs = b"".join(struct.pack("<3H2x", *places[name]) for name in names)
    attributes, offset = b"", 0
    for width, as_text in zip(widths, is_text, strict=True):
        attributes += struct.pack("<IIHBx", offset, width, 4, 2 if as_text else 1)
        offset += width
    return [
        bytes(row_size),
        column_size,
        text,
        _list_of_columns(0xFFFFFFFF, name_refs),
        _list_of_columns(0xFFFFFFFC, attributes),
        *(
            struct.pack("<I30x3H12x", 0xFFFFFBFE, *(places[name] if name else (0, 0, 0)))
            for name in formats
        ),
    ]


def _list_of_columns(signature: int, entries: bytes) -> bytes:
    return struct.pack("<IH6x", signature, len(entries) + 8) + entries + b"\0" * 8


def _page_of_subheaders(subheaders: list[bytes]) -> bytes:
    # As SAS does, from the end of the page; the pointers stand at its begin.
    count = len(subheaders)
    size = _PAGE_HEADER + count * _POINTER + sum(map(len, subheaders))
    pointers, body, end = b"", b"", size
    for subheader in subheaders:
        end -= len(subheader)
        pointers += struct.pack("<IIBBH", end, len(subheader), 0, 0, 0)
        body = subheader + body
    return struct.pack("<16x3H2x", _META, count, count) + pointers + body


def _pages_of_rows(rows: list[bytes], page_bytes: int, row_bytes: int) -> list[bytes]:
    a_page = (page_bytes - _PAGE_HEADER) // row_bytes
    pages = []
    for first in range(0, len(rows), a_page):
        these = rows[first : first + a_page]
        header = struct.pack("<16x3H2x", _DATA, len(these), 0)
        pages.append((header + b"".join(these)).ljust(page_bytes, b"\0"))
    return pages
