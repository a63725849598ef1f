"""SAS datasets (SAS7BDAT), as SAS itself keeps them; pages may be compressed.

SAS does not publish the format. pyreadstat reads it, from memory; a file that is cut or damaged
fails there, or gives another number of rows than its header promises, and is refused.
"""

import io
import re

import polars as pl
import pyreadstat

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.sas import (
    CELLS_AT_A_TIME,
    SasColumn,
    decoded,
    sas_table,
    special_missing,
)
from data_validation.readers.text import CELL_BYTES, Table

# The first 32 bytes of every file.
_MAGIC = bytes.fromhex("0000000000000000 00000000c2ea8160 b31411cfbd920800 09c7318c181f1011")
_WIDTH = re.compile(r"[0-9]+(\.[0-9]*)?$")


def read_sas7bdat(data: bytes, limits: Limits) -> Table:
    """Read one SAS dataset; raises Refusal, or the error of the library for a damaged file."""
    if not data:
        raise Refusal("is empty; send the file again.")
    if not data.startswith(_MAGIC):
        raise Refusal("is not a SAS dataset; make it again, or as CSV.")
    _, header = pyreadstat.read_sas7bdat(io.BytesIO(data), metadataonly=True)
    rows, names = header.number_rows or 0, list(header.column_names)
    if not names:
        raise Refusal("has no columns; send it with one column per SDTM variable.")
    # A compressed page repeats a blank thousands of times in a few bytes.
    observation_bytes = sum(header.variable_storage_width.values()) + CELL_BYTES * len(names)
    if rows * observation_bytes > limits.total_bytes:
        raise Refusal(
            f"unpacks to more than the limit of {limits.total_bytes} bytes; send it in parts, "
            "as split datasets."
        )
    variables = tuple(
        SasColumn(
            name,
            header.readstat_variable_types[name] == "string",
            _WIDTH.sub("", (header.original_variable_types[name] or "").upper()),
        )
        for name in names
    )
    special: set[str] = set()  # the columns that have special missing values
    frame, notes = decoded(
        lambda encoding: _decode(encoding, data, variables, rows, special),
        variables,
        "in its stated encoding",
        limits,
    )
    notes += [special_missing(variable.name) for variable in variables if variable.name in special]
    return sas_table(variables, frame, tuple(notes))


def _decode(
    encoding: str | None,
    data: bytes,
    variables: tuple[SasColumn, ...],
    rows: int,
    special: set[str],
) -> pl.DataFrame:
    step = max(1, CELLS_AT_A_TIME // len(variables))
    slices = []
    for first in range(0, max(rows, 1), step):
        frame, header = pyreadstat.read_sas7bdat(
            io.BytesIO(data),
            output_format="polars",
            encoding=encoding,
            disable_datetime_conversion=True,
            user_missing=True,
            row_offset=first,
            row_limit=step,
        )
        special |= set(header.missing_user_values)
        slices.append(
            frame.select(
                _column(column, variable).alias(str(place))
                for place, (variable, column) in enumerate(
                    zip(variables, frame.get_columns(), strict=True)
                )
            )
        )
    whole = pl.concat(slices)
    if whole.height != rows:
        raise Refusal(
            f"promises {rows} rows in its header and holds {whole.height}; send the file again."
        )
    return whole


def _column(column: pl.Series, variable: SasColumn) -> pl.Series:
    if variable.is_text:
        return column.cast(pl.String)
    if column.dtype == pl.Object:  # with the letters of special missing values in it
        numbers = [value if isinstance(value, float) else None for value in column]
        return pl.Series(numbers, dtype=pl.Float64)
    return column.cast(pl.Float64)
