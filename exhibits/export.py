"""Tables for other programs: CSV and XLSX in which no cell is a formula.

Text that begins with `=`, `+`, `-`, `@`, their full-width forms or a control character could run as
a formula in a spreadsheet; it gets an apostrophe in front. Numbers are left as they are. In CSV the
same is done behind a semicolon, tab, bar or line break, which may separate cells where it is read.
"""

import io
import re
from collections.abc import Sequence

import polars as pl

from exhibits.exhibit import Exhibit, positive_zero

_FORMULA = r"^[=+\-@＝＋－＠\x00-\x1f]"
# Where a spreadsheet that separates by semicolon, tab or bar, as many a country's does, would begin
# a cell in the midst of ours: quotation marks do not keep it together there.
_BEGINS_WITHIN = r'([;|\t\r\n]"*)([=+\-@＝＋－＠\x00-\x08\x0b\x0c\x0e-\x1f])'
_NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)?$"

LONGEST_SHEET_NAME = 31  # as Excel counts, in UTF-16
ROWS_OF_A_SHEET = 1_048_575  # below the line of headings


def neutralized(table: pl.DataFrame) -> pl.DataFrame:
    """The table with text and headings that a spreadsheet would run made harmless."""
    text = pl.col(pl.String)
    return table.with_columns(
        pl.when(text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER))
        .then(pl.lit("'") + text)
        .otherwise(text)
        .name.keep()
    ).rename(lambda name: f"'{name}" if re.match(_FORMULA, name) else name)


def table_as_csv(table: pl.DataFrame) -> str:
    """A table as harmless CSV; a missing value is empty, empty text is in quotes."""
    guarded = pl.col(pl.String).str.replace_all(_BEGINS_WITHIN, "${1}'${2}")
    return neutralized(table).with_columns(guarded).write_csv()


def as_csv(shown: Exhibit) -> str:
    """The exhibit's table as CSV in machine names, provenance in the last columns of every row.

    Where there is no table, one row says what is missing.
    """
    table = shown.table if shown.table is not None else pl.DataFrame({"missing": [shown.missing]})
    origin = [pl.lit(value).alias(f"_{name}") for name, value in shown.provenance.items()]
    named = table.rename(lambda column: _with_arm(column, shown.arms))
    return table_as_csv(positive_zero(named).with_columns(origin))


def _with_arm(column: str, arms: Sequence[str]) -> str:
    """`percent_1` as `percent_arm_a`."""
    name, _, place = column.rpartition("_")
    if not (name and place.isdecimal() and 1 <= int(place) <= len(arms)):
        return column
    arm = re.sub(r"\W+", "_", arms[int(place) - 1]).strip("_").lower()
    return f"{name}_{arm}"


def as_xlsx(tables: dict[str, pl.DataFrame]) -> bytes:
    """Tables as the sheets of one workbook; sheet names are made what Excel takes.

    Cells are plain: a table of Excel's own refuses headings that differ in case only. What a sheet
    does not hold goes on in the next one, `Findings 2`.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "in_memory": True,
        "default_date_format": "yyyy-mm-dd",
    }
    with xlsxwriter.Workbook(buffer, options) as workbook:
        heading = workbook.add_format({"bold": True})
        used = {"history"}  # Excel keeps this name to itself
        for name, table in tables.items():
            parts = table.iter_slices(ROWS_OF_A_SHEET) if table.height else [table]
            for number, part in enumerate(parts, start=1):
                title = name if number == 1 else f"{name} {number}"
                sheet = workbook.add_worksheet(_sheet_name(title, used))
                for place, column in enumerate(neutralized(part)):
                    sheet.write(0, place, column.name, heading)
                    sheet.write_column(1, place, column.to_list())
                sheet.freeze_panes(1, 0)
                if part.width:
                    sheet.autofilter(0, 0, part.height, part.width - 1)
                sheet.autofit()
    return buffer.getvalue()


def _sheet_name(name: str, used: set[str]) -> str:
    plain = "".join(
        "-" if character in "[]:*?/\\'" or not character.isprintable() else character
        for character in name
    )
    candidate = _cut(plain, LONGEST_SHEET_NAME) or "Sheet"
    number = 2
    while candidate.lower() in used:
        suffix = f" ({number})"
        candidate = _cut(plain or "Sheet", LONGEST_SHEET_NAME - len(suffix)) + suffix
        number += 1
    used.add(candidate.lower())
    return candidate


def _cut(text: str, length: int) -> str:
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")
