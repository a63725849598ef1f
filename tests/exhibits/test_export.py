"""Tables for other programs: what comes out is what went in, and no cell is a formula."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from access import View
from exhibits import Exhibit, make, offered
from exhibits.export import LONGEST_SHEET_NAME, as_csv, as_xlsx, neutralized, table_as_csv
from tests.conftest import FORMULA, HOSTILE, Troubled, board_of, examples

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
# What a spreadsheet begins a formula with, or drops so that the next character begins one.
BEGINS_FORMULA = tuple("=+-@＝＋－＠\t\r\n\0")

# Text as it can stand in an extract, with a formula more often than chance would have it.
text = st.text(st.characters(codec="utf-8"), max_size=12)
cell = st.one_of(
    text,
    st.builds(str.__add__, st.sampled_from(BEGINS_FORMULA), text),
    st.from_regex(PLAIN_NUMBER, fullmatch=True),
    st.none(),
)


def harmless(written: str) -> bool:
    return not written.startswith(BEGINS_FORMULA) or PLAIN_NUMBER.fullmatch(written) is not None


def is_text(written: str, received: str) -> bool:
    """Whether a cell is the text that was received, but for apostrophes before formulas."""
    return without_guards(written) == without_guards(received)


def without_guards(cell: str) -> str:
    """The cell without apostrophes where a spreadsheet may begin a cell."""
    return re.sub(r"(^|[;|\t\r\n]\"*)'+", r"\1", cell)


@given(st.lists(cell, min_size=1, max_size=5))
@example(["-１", "＝1", "-1\n=2", "-.5", "- 1", "1e5", "'=1"])
@example(["a;=1", "a,b;@c", "a|+1", "a\t-1", "a\n=1", "a\r\n=1", ";;=1", "a;\0=1", 'a;"=1;'])
def test_text_in_csv_is_harmless_and_all_there(cells: list[str | None]) -> None:
    written = table_as_csv(pl.DataFrame({"given": cells}, schema={"given": pl.String}))
    (_, *rows) = csv.reader(io.StringIO(written, newline=""))
    # A row of one missing value is an empty line, which this reader returns as no cell.
    found = [row[0] if row else "" for row in rows]
    assert all(harmless(one) for one in found)
    assert len(found) == len(cells)
    assert all(is_text(one, cell or "") for one, cell in zip(found, cells, strict=True))
    # Nor is it where another separator is expected: there quotation marks inside a cell are text.
    assert all(harmless(one.strip('"')) for one in re.split(r"[;|\t\r\n]", written))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
@example("=1")
@example("＋1")
def test_a_heading_is_harmless_too(name: str) -> None:
    (column,) = neutralized(pl.DataFrame({name: [1]})).columns
    assert column in {name, f"'{name}"}
    assert not column.startswith(BEGINS_FORMULA)


def test_numbers_stay_numbers() -> None:
    table = pl.DataFrame(
        {"whole": [-1, None], "part": [-0.5, 1e9], "day": [date(2023, 1, 5), None], "n": ["-3", ""]}
    )
    assert table_as_csv(table).splitlines() == [
        "whole,part,day,n",
        "-1,-0.5,2023-01-05,-3",
        ',1000000000.0,,""',
    ]


@pytest.mark.parametrize("name", [item.name for item in offered(View.CODED)])
def test_an_exhibit_for_other_programs_is_its_table(troubled: Troubled, name: str) -> None:
    board = board_of(troubled.loaded, View.CODED)
    shown = make(name, board)
    board.close()
    as_csv_it_is_its_table_with_provenance(shown)
    as_workbook_it_has_every_row_and_column(shown)


def words(arm: str) -> str:
    return re.sub("[^a-z0-9]+", "_", arm.lower())


def as_csv_it_is_its_table_with_provenance(shown: Exhibit) -> None:
    header, *rows = csv.reader(io.StringIO(as_csv(shown), newline=""))
    table = shown.table if shown.table is not None else pl.DataFrame({"missing": [shown.missing]})
    origin = [f"_{key}" for key in shown.provenance]
    # A column of one arm is called after it.
    named = [
        re.sub(r"_(\d+)$", lambda match: f"_{words(shown.arms[int(match[1]) - 1])}", column)
        if shown.arms
        else column
        for column in table.columns
    ]
    assert header == [*named, *origin]
    assert len(rows) == table.height
    for given_row, row in zip(table.rows(), rows, strict=True):
        assert all(harmless(one) for one in row)
        assert row[len(table.columns) :] == list(shown.provenance.values())
        for value, one in zip(given_row, row, strict=False):
            if isinstance(value, float):
                assert float(one) == value
            elif isinstance(value, bool):
                assert one == str(value).lower()
            else:
                assert is_text(one, "" if value is None else str(value))


def as_workbook_it_has_every_row_and_column(shown: Exhibit) -> None:
    tables = {"machine": shown.table, "reader": shown.rows()}
    written = {name: table for name, table in tables.items() if table is not None}
    book = load_workbook(io.BytesIO(as_xlsx(written)))
    for name, table in written.items():
        sheet = book[name]
        headings = [one.value for one in sheet[1]] if table.width else []
        assert headings == neutralized(table).columns
        assert sheet.max_row == table.height + 1
        for column, cells in zip(table, sheet.iter_cols(min_row=2, values_only=True), strict=False):
            # Empty text is an empty cell.
            filled = column.len() - column.null_count() - (column.cast(pl.String) == "").sum()
            assert sum(value is not None for value in cells) == filled, column.name


def test_text_of_an_extract_is_neutralized_in_a_download(troubled: Troubled) -> None:
    shown = make("enrollment_by_site", board_of(troubled.loaded, View.POOLED))
    sites = [row[0] for row in csv.reader(io.StringIO(as_csv(shown), newline=""))][1:]
    assert f"'{FORMULA}" in sites
    assert FORMULA not in sites
    assert HOSTILE in sites


def test_an_exhibit_without_a_table_says_what_is_missing() -> None:
    missing = Exhibit("Nothing", "Nobody", missing="Not there.", provenance={"trial": "T"})
    assert as_csv(missing).splitlines() == ["missing,_trial", "Not there.,T"]


# XLSX: read as what it is, a zip of XML

Sheets = dict[str, list[list[str | float | None]]]


def read_xlsx(content: bytes) -> Sheets:
    with zipfile.ZipFile(io.BytesIO(content)) as workbook:
        assert workbook.testzip() is None
        for name in workbook.namelist():
            if name.endswith(".xml"):
                ElementTree.fromstring(workbook.read(name))
        shared = list(strings_of(workbook))
        sheets = ElementTree.fromstring(workbook.read("xl/workbook.xml")).findall(".//{*}sheet")
        return {
            sheet.attrib["name"]: list(rows_of(workbook, place, shared))
            for place, sheet in enumerate(sheets, start=1)
        }


def strings_of(workbook: zipfile.ZipFile) -> Iterator[str]:
    if "xl/sharedStrings.xml" not in workbook.namelist():
        return
    for item in ElementTree.fromstring(workbook.read("xl/sharedStrings.xml")).findall(".//{*}si"):
        written = "".join(part.text or "" for part in item.findall(".//{*}t"))
        # Office Open XML writes a control character as _xHHHH_.
        yield re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), written)


def rows_of(
    workbook: zipfile.ZipFile, place: int, shared: list[str]
) -> Iterator[list[str | float | None]]:
    sheet = ElementTree.fromstring(workbook.read(f"xl/worksheets/sheet{place}.xml"))
    assert not list(sheet.findall(".//{*}f")), "a formula"
    assert not list(sheet.findall(".//{*}hyperlink")), "a link"
    for row in sheet.findall(".//{*}row"):
        values: list[str | float | None] = []
        for one in row.findall(".//{*}c"):
            value = one.find("{*}v")
            if value is None or value.text is None:
                values.append(None)
            elif one.attrib.get("t") == "s":
                values.append(shared[int(value.text)])
            else:
                values.append(float(value.text))
        yield values


def test_a_workbook_is_read_back() -> None:
    table = pl.DataFrame({"site": ["01", FORMULA, HOSTILE], "n": [3, -2, 5], "x": [0.5, -1.0, 2.0]})
    sheets = read_xlsx(as_xlsx({"01": table, "none": table.clear()}))
    assert sheets["01"] == [
        ["site", "n", "x"],
        ["01", 3.0, 0.5],
        [f"'{FORMULA}", -2.0, -1.0],
        [HOSTILE, 5.0, 2.0],
    ]
    assert sheets["none"][0] == ["site", "n", "x"]


def test_headings_that_differ_in_case_only_keep_their_columns() -> None:
    sheets = read_xlsx(as_xlsx({"one": pl.DataFrame({"n": [1, 2], "N": [3, 4]})}))
    assert sheets["one"] == [["n", "N"], [1.0, 3.0], [2.0, 4.0]]


def test_headings_stay_in_sight_and_dates_are_dates() -> None:
    table = pl.DataFrame({"day": [date(2023, 1, 5)], "n": [1]})
    sheet = load_workbook(io.BytesIO(as_xlsx({"one": table})))["one"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.tables) == ("A2", "A1:B2", {})
    assert sheet["A1"].font.bold
    assert sheet["A2"].is_date
    assert sheet["A2"].value.date() == date(2023, 1, 5)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(cell.filter(bool), min_size=1, max_size=4))
@example(["https://x.invalid", "mailto:a@x.invalid", "_x0041_"])
def test_text_in_a_workbook_is_harmless_and_all_there(cells: list[str | None]) -> None:
    table = pl.DataFrame({"given": cells}, schema={"given": pl.String})
    (_, *rows) = read_xlsx(as_xlsx({"sheet": table}))["sheet"]
    found = [str(row[0]) for row in rows]
    assert all(harmless(one) for one in found)
    assert len(found) == len(cells)
    # XML reads a carriage return as the end of a line.
    for one, received in zip(found, cells, strict=True):
        assert is_text(
            one.replace("\r\n", "\n").replace("\r", "\n"), re.sub("\r\n?", "\n", str(received))
        )


sheet_name = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.text("[]:*?/\\'aA", max_size=40),
    st.sampled_from(["History", "history", "Sheet", "SHEET", "", "x" * 31, "X" * 40, "😀" * 31]),
)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(sheet_name, min_size=1, max_size=6, unique=True))
@example(["x" * 31, "X" * 40, "x" * 32, "\x00", "\x01"])
def test_every_table_gets_a_sheet_of_a_name_that_excel_takes(names: list[str]) -> None:
    """At most 31 UTF-16 units, no apostrophe and none of []:*?/\\, unique but for case."""
    tables = {name: pl.DataFrame({"place": [place]}) for place, name in enumerate(names)}
    sheets = read_xlsx(as_xlsx(tables))
    assert [rows[1] for rows in sheets.values()] == [[float(n)] for n in range(len(names))]
    lowered = [name.lower() for name in sheets]
    assert len(set(lowered)) == len(names)
    assert "history" not in lowered
    for given_name, name in zip(names, sheets, strict=True):
        assert 1 <= len(name.encode("utf-16-le")) // 2 <= LONGEST_SHEET_NAME
        assert not re.search(r"[\[\]:*?/\\']", name)
        assert name.isprintable()
        if re.fullmatch(r"[a-z0-9 ]{1,31}", given_name) and given_name != "history":
            assert name.lower().startswith(given_name[: LONGEST_SHEET_NAME - 4])
