"""Tables for other programs: CSV and XLSX in which no cell is a formula.

Text that begins with `=`, `+`, `-`, `@` or a control character could run as a formula in a
spreadsheet; it gets an apostrophe in front. Numbers are left as they are.
"""

import io

import polars as pl

from exhibits.exhibit import Exhibit

_FORMULA = r"^[=+\-@\x00-\x1f]"
_NUMBER = r"^[+-]?\d+([.,]\d+)?$"


def neutralized(table: pl.DataFrame) -> pl.DataFrame:
    """The table with text cells that a spreadsheet would run made harmless."""
    text = pl.col(pl.String)
    return table.with_columns(
        pl.when(text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER))
        .then(pl.concat_str(pl.lit("'"), text))
        .otherwise(text)
        .name.keep()
    )


def as_csv(shown: Exhibit) -> str:
    """The exhibit's table as CSV in machine names, provenance in the last columns of every row."""
    table = shown.table if shown.table is not None else pl.DataFrame()
    origin = [pl.lit(value).alias(f"_{name}") for name, value in shown.provenance.items()]
    return neutralized(table.with_columns(origin)).write_csv()


def as_xlsx(tables: dict[str, pl.DataFrame]) -> bytes:
    """Tables as the sheets of one workbook; sheet names are cut to what Excel takes."""
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        used: set[str] = set()
        for name, table in tables.items():
            sheet = _sheet_name(name, used)
            neutralized(table).write_excel(workbook, worksheet=sheet, autofit=True)
    return buffer.getvalue()


def _sheet_name(name: str, used: set[str]) -> str:
    plain = "".join("-" if character in "[]:*?/\\'" else character for character in name)
    candidate = plain[:31] or "Sheet"
    number = 2
    while candidate.lower() in used:
        suffix = f" ({number})"
        candidate = plain[: 31 - len(suffix)] + suffix
        number += 1
    used.add(candidate.lower())
    return candidate
