"""Excel workbooks (``.xlsx``) with one dataset, on their first visible sheet that holds anything.

A workbook is a zip of XML. Before openpyxl reads the values, every part is gone through once for
what it does not guard against: parts that unpack to more than is allowed, cells so far out that the
sheet between them would fill the memory, document types. The same pass finds formulas whose value
was never computed, which would read as empty.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import polars as pl

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import OBJECT_BYTES, Table, mixed_text

if TYPE_CHECKING:
    from openpyxl import Workbook

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384  # of a sheet, as Excel has it
_CELL_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
# Password-protected workbooks and those of before 2007 are compound files.
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
_MIDNIGHT = time()
# How a workbook writes characters that XML has not, and an underscore that would look like one.
_ESCAPED = re.compile(r"_x(00[01][0-9A-Fa-f]|005[Ff]|007[Ff])_")


def read_xlsx(data: bytes, limits: Limits) -> Table:
    """Read one workbook; raises Refusal, or the error of a library for a damaged file.

    The first row of the sheet that holds anything names the columns. More than one visible sheet
    that holds anything is refused, because which of them is the dataset is not known. Numbers are
    what the cell holds and not what it shows; a formula gives the value it had when it was saved.
    """
    from openpyxl import load_workbook

    if not data:
        raise Refusal("is empty; send the file again.")
    if data.startswith(_COMPOUND_FILE):
        raise Refusal(
            "is protected by a password or of a version before Excel 2007; save it as .xlsx "
            "without a password."
        )
    has_merged_cells = _gone_through(data, limits)
    with warnings.catch_warnings():
        # They quote cells, and what they are about is noted below.
        warnings.simplefilter("ignore")
        workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet, notes = _data_sheet(workbook)
        rows = _rows(sheet)
    header, *values = rows.values
    names, columns = _columns(header, values)
    if has_merged_cells:
        notes += ("It has merged cells; only the first cell of each holds the value.",)
    if rows.errors:
        notes += (
            f"{rows.errors} cells hold an error (as #N/A) instead of a value; it is kept as text.",
        )
    return Table(names, columns, notes)


def _gone_through(data: bytes, limits: Limits) -> bool:
    """Refuse what no workbook should hold; return whether a sheet has merged cells."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise Refusal("is not a whole workbook; save it as .xlsx and send it again.") from None
    merged = False
    with archive:
        parts = archive.infolist()
        if len({part.filename for part in parts}) != len(parts):
            raise Refusal("has a part twice, so what it holds is not clear; save it again.")
        # zipfile reads no more of a part than the size it states.
        if sum(part.file_size for part in parts) > limits.total_bytes:
            raise Refusal(
                f"unpacks to more than the limit of {limits.total_bytes} bytes; send it in parts, "
                "as split datasets."
            )
        for part in parts:
            watcher = _PartWatcher(limits)
            with archive.open(part) as content:
                try:
                    watcher.parser.ParseFile(content)
                except expat.ExpatError:
                    if part.filename.lower().endswith((".xml", ".rels")):
                        raise Refusal(
                            "is damaged in one of its parts; save it and send it again."
                        ) from None
            merged |= watcher.has_merged_cells
    return merged


class _PartWatcher:
    """Follows one part of a workbook, cell by cell if it is a sheet."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.has_merged_cells = False
        self.row = self.column = self.width = self.cells = 0
        self.is_text_formula = False
        self.value: str | None = None  # of the formula in hand; None outside of one
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._document_type

    def _document_type(self, *_declared: object) -> None:
        raise Refusal("declares a document type, as no workbook does; save it again.")

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        name = element.rpartition(" ")[2]
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self.row = int(attributes.get("r", self.row + 1))
            self.column = 0
        elif name == "f":
            self._filled()
            self.value = ""
            self.parser.CharacterDataHandler = None
            self.parser.EndElementHandler = self._end
        elif name in {"v", "is"}:
            self._filled()
            if self.value is not None:
                self.parser.CharacterDataHandler = self._value
        elif name == "mergeCell":
            self.has_merged_cells = True

    def _cell(self, attributes: dict[str, str]) -> None:
        place, before = attributes.get("r"), self.column
        if place is None:
            self.column += 1
        else:
            cell = _CELL_PLACE.fullmatch(place)
            if cell is None:
                raise Refusal("has a cell at a place that no sheet has; save it again.")
            self.column = 0
            for letter in cell[1]:
                self.column = self.column * 26 + ord(letter) - ord("A") + 1
            self.row = int(cell[2])
        # A row reaches to its last cell, whether that holds anything or not.
        self.cells += max(self.column - before, 1)
        self.is_text_formula = attributes.get("t") == "str"
        if not 0 < self.row <= _MOST_ROWS or self.column > _MOST_COLUMNS:
            raise Refusal("has a cell at a place that no sheet has; save it again.")
        self._refuse_beyond(self.cells)

    def _filled(self) -> None:
        """Up to a cell that holds something every row and every column is read."""
        self.width = max(self.width, self.column)
        self._refuse_beyond(self.row * self.width)

    def _refuse_beyond(self, cells: int) -> None:
        if cells * OBJECT_BYTES > self.limits.total_bytes:
            raise Refusal(
                f"unpacks to more than the limit of {self.limits.total_bytes} bytes; check that "
                "no cell stands far from the data."
            )

    def _value(self, text: str) -> None:
        self.value = (self.value or "") + text

    def _end(self, element: str) -> None:
        if not element.endswith(" c"):
            return
        if not self.value and not self.is_text_formula:
            raise Refusal(
                f"has in row {self.row}, column {self.column} of a sheet a formula that was never "
                "computed; open it in a spreadsheet program, save it, and send it again."
            )
        self.value = None
        self.parser.CharacterDataHandler = None
        self.parser.EndElementHandler = None


def _data_sheet(workbook: "Workbook") -> tuple[Any, tuple[str, ...]]:
    filled = [sheet for sheet in workbook.worksheets if _holds_anything(sheet)]
    visible = [sheet for sheet in filled if sheet.sheet_state == "visible"]
    if not visible:
        raise Refusal("holds nothing on a sheet that is visible; send the one with the data.")
    if len(visible) > 1:
        raise Refusal(
            f"holds something on {len(visible)} sheets; save each dataset as a workbook of its "
            "own, named for the dataset."
        )
    hidden = len(filled) - 1
    if not hidden:
        return visible[0], ()
    sheets = "a hidden sheet" if hidden == 1 else f"{hidden} hidden sheets"
    return visible[0], (f"It has {sheets}, which no data is read from.",)


def _holds_anything(sheet: Any) -> bool:
    sheet.reset_dimensions()
    return any(value is not None for cells in sheet.iter_rows(values_only=True) for value in cells)


@dataclass(frozen=True)
class _Rows:
    """The rows of a sheet from the first to the last that hold anything; how many errors."""

    values: list[list[Any]]
    errors: int


def _rows(sheet: Any) -> _Rows:
    values: list[list[Any]] = []
    errors = filled = 0
    for cells in sheet.iter_rows():
        row = [_value(cell.value) for cell in cells]
        while row and row[-1] is None:  # a cell with a format and no value may stand far out
            row.pop()
        if not row and not values:
            continue
        values.append(row)
        errors += sum(cell.data_type == "e" for cell in cells)
        if row:
            filled = len(values)
    return _Rows(values[:filled], errors)


def _value(value: Any) -> Any:
    """A cell's value; of a date with a clock at midnight, which a date is kept as, the date."""
    if isinstance(value, datetime) and value.time() == _MIDNIGHT:
        return value.date()
    if isinstance(value, str) and "_x" in value:
        return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), value)
    return value


def _columns(
    header: list[Any], rows: list[list[Any]]
) -> tuple[tuple[str, ...], tuple[pl.Series, ...]]:
    """Names and texts; what has neither a name nor a value is no column."""
    made: dict[int, tuple[str, pl.Series]] = {}
    for place, (name, cells) in enumerate(_named_columns(header, rows)):
        column = mixed_text(cells)
        if name or column.null_count() < len(column):
            made[place] = name, column
    return tuple(name for name, _ in made.values()), tuple(column for _, column in made.values())


def _named_columns(
    header: list[Any], rows: list[list[Any]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, *cells in zip_longest(header, *rows):
        yield mixed_text((name,)).fill_null("").item(), tuple(cells)
