"""Workbooks: dates, sheets, formulas and errors as people send them; and hostile ones."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import datetime, time
from typing import Any

import pytest
import xlsxwriter

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import Table, as_text
from data_validation.readers.xlsx import read_xlsx

SHEET = "xl/worksheets/sheet1.xml"


def workbook(fill: Callable[[Any], None]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        fill(book)
    return content.getvalue()


def sheet_of(*rows: list[Any]) -> Callable[[Any], None]:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)

    return fill


def with_part(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(content, "w", 8) as new:
        for part in old.infolist():
            body = old.read(part)
            new.writestr(part.filename, change(body) if part.filename == name else body)
    return content.getvalue()


def rows_of(table: Table) -> list[tuple[str | None, ...]]:
    return list(zip(*(as_text(column) for column in table.columns), strict=True))


def refusal(data: bytes, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(Refusal) as caught:
        read_xlsx(data, limits)
    return caught.value.reason


def test_dates_times_and_numbers_are_what_the_cell_means() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        formats = ["yyyy-mm-dd", "dd/mm/yyyy hh:mm", "hh:mm:ss", "[hh]:mm", "yyyy-mm-dd"]
        sheet.write_row(0, 0, ["DAY", "MOMENT", "CLOCK", "SPAN", "FAR", "N", "M", "B", "T"])
        moment = datetime(2023, 5, 17, 8, 30)
        for column, value in enumerate([datetime(2023, 5, 17), moment, time(8, 30), 1.5, 1e9]):
            kind = book.add_format({"num_format": formats[column]})
            if isinstance(value, float):
                sheet.write_number(1, column, value, kind)
            else:
                sheet.write_datetime(1, column, value, kind)
        sheet.write_row(1, 5, [63.0, 0.25, True, " 007"])

    table = read_xlsx(workbook(fill), Limits())
    assert rows_of(table) == [
        (
            "2023-05-17",
            "2023-05-17T08:30:00",
            "08:30:00",
            "P1DT12H",
            "#VALUE!",
            "63",
            "0.25",
            "Y",
            " 007",
        )
    ]
    assert table.notes == (
        "1 cells hold an error (as #N/A) instead of a value; it is kept as text.",
    )


def test_errors_of_formulas_are_kept_as_text() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["A", "B", "C"])
        sheet.write_formula(1, 0, "=1/0", value="#DIV/0!")
        sheet.write_formula(1, 1, "=1+1", value=2)
        sheet.write_formula(1, 2, '=""', value="")

    # As Excel writes a formula whose value is an empty text.
    data = with_part(
        workbook(fill), SHEET, lambda part: part.replace(b'<c r="C2"', b'<c r="C2" t="str"')
    )
    assert rows_of(read_xlsx(data, Limits())) == [("#DIV/0!", "2", None)]


def test_a_formula_that_was_never_computed_is_refused() -> None:
    data = workbook(sheet_of(["A", "B"], [1, "=A2+1"]))
    with_empty = with_part(data, SHEET, lambda part: part.replace(b"<v>0</v>", b"<v></v>"))
    without = with_part(data, SHEET, lambda part: part.replace(b"<v>0</v>", b""))
    for never in (with_empty, without):
        assert refusal(never).startswith("has in row 2, column 2 of a sheet a formula that was")


def test_the_data_may_stand_anywhere_on_the_sheet() -> None:
    def fill(book: Any) -> None:
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("AE")
        sheet.write_row(3, 2, ["A", None, "B"])
        sheet.write_row(4, 2, ["1", None, None, "x"])
        sheet.write_row(6, 2, ["2"])
        sheet.set_row(9, None, book.add_format({"bold": True}))
        sheet.write_blank(11, 2, None, book.add_format({"bold": True}))

    table = read_xlsx(workbook(fill), Limits())
    assert table.names == ("A", "B", "")
    assert rows_of(table) == [("1", None, "x"), (None, None, None), ("2", None, None)]


def test_hidden_sheets_are_noted_and_several_visible_ones_refused() -> None:
    def fill(book: Any, *, hide: bool) -> None:
        book.add_worksheet("AE").write_row(0, 0, ["A"])
        codes = book.add_worksheet("Codes")
        codes.write(0, 0, "Y")
        if hide:
            codes.hide()

    table = read_xlsx(workbook(lambda book: fill(book, hide=True)), Limits())
    assert table.names == ("A",)
    assert rows_of(table) == []
    assert table.notes == ("It has a hidden sheet, which no data is read from.",)
    said = refusal(workbook(lambda book: fill(book, hide=False)))
    assert said.startswith("holds something on 2 sheets; save each dataset as a workbook")


def test_merged_cells_are_noted() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["A", "B"])
        sheet.merge_range(1, 0, 1, 1, "x")

    table = read_xlsx(workbook(fill), Limits())
    assert rows_of(table) == [("x", None)]
    assert table.notes == ("It has merged cells; only the first cell of each holds the value.",)


def test_control_characters_come_back_as_they_were() -> None:
    hostile = ["a\x07b", "_x000_", "<b>&amp;</b>", "=1+1", "line\nbreak"]

    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list("ABCDE"))
        for column, text in enumerate(hostile):
            sheet.write_string(1, column, text)

    assert rows_of(read_xlsx(workbook(fill), Limits())) == [tuple(hostile)]


def test_nothing_to_read_is_refused() -> None:
    assert refusal(b"").startswith("is empty")
    assert refusal(b"PK\x03\x04").startswith("is not a whole workbook")
    assert refusal(bytes.fromhex("d0cf11e0a1b11ae1") * 9).startswith("is protected by a password")
    nothing = workbook(lambda book: book.add_worksheet())
    assert refusal(nothing).startswith("holds nothing on a sheet that is visible")


@pytest.mark.parametrize("place", ["XFE1", "ZZZ1", "ZZZZZZZ1", "A1048577", "A0", "A99999999", "1A"])
def test_a_cell_where_no_sheet_has_one_is_refused(place: str) -> None:
    data = workbook(sheet_of(["A"], [1]))
    out = with_part(data, SHEET, lambda part: part.replace(b'r="A2"', f'r="{place}"'.encode()))
    assert refusal(out) == "has a cell at a place that no sheet has; save it again."


def test_a_cell_far_out_does_not_fill_the_memory() -> None:
    data = workbook(lambda book: book.add_worksheet().write(1_048_575, 16_383, 1))
    assert "check that no cell stands far from the data" in refusal(data)


def test_a_cell_far_out_without_a_value_is_no_row_and_no_column() -> None:
    def fill(book: Any) -> None:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.write_row(0, 0, ["A", "B"])
        sheet.write_row(1, 0, ["1", "x"])
        for row, column in ((1, 16_383), (40_000, 16_383), (1_048_575, 0), (1_048_575, 16_383)):
            sheet.write_blank(row, column, None, bold)

    table = read_xlsx(workbook(fill), Limits())
    assert (table.names, rows_of(table)) == (("A", "B"), [("1", "x")])


def test_many_cells_far_out_without_a_value_do_not_fill_the_memory() -> None:
    def fill(book: Any) -> None:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        for row in range(200):
            sheet.write_blank(row, 16_383, None, bold)

    assert "no cell stands far from the data" in refusal(
        workbook(fill), Limits(total_bytes=200_000_000)
    )


def test_entities_are_not_expanded() -> None:
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><'
    data = workbook(sheet_of(["A"], ["x"]))
    for part in (SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"):
        out = with_part(data, part, lambda body: re.sub(rb"(?<=\n)<", laughs, body, count=1))
        assert refusal(out).startswith("declares a document type")


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    data = workbook(sheet_of(["A"], ["x"]))
    bomb = with_part(data, "xl/sharedStrings.xml", lambda part: part + b" " * 50_000_000)
    assert len(bomb) < 200_000
    limits = Limits(total_bytes=20_000_000)
    assert refusal(bomb, limits).startswith("unpacks to more than the limit of 20000000 bytes")


def test_a_damaged_part_is_refused() -> None:
    data = workbook(sheet_of(["A"], ["x"]))
    for part in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"):
        out = with_part(data, part, lambda body: body[: len(body) // 2])
        assert refusal(out).startswith("is damaged in one of its parts")


def test_a_part_that_is_there_twice_is_refused() -> None:
    content = io.BytesIO(workbook(sheet_of(["A"], ["x"])))
    with zipfile.ZipFile(content, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SHEET, "<worksheet/>")
    assert refusal(content.getvalue()).startswith("has a part twice")
