"""Parquet files."""

import polars as pl

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import CELL_BYTES, Table


def read_parquet(data: bytes, limits: Limits) -> Table:
    """Read one Parquet file; raises Refusal, or the error of the library for a damaged file."""
    if not data:
        raise Refusal("is empty; send the file again.")
    promised = pl.scan_parquet(data)
    schema = promised.collect_schema()
    for name, dtype in schema.items():
        if dtype.is_nested() or isinstance(dtype, pl.Object):
            raise Refusal(
                f"has lists or records in the cells of column {name}; "
                "send one value per cell, as SDTM asks for."
            )
    # A column that repeats one value takes a few bytes in the file for any number of rows, so the
    # size of the file does not bound what it unpacks to.
    rows = promised.select(pl.len()).collect().item()
    if rows * len(schema) * CELL_BYTES > limits.total_bytes:
        raise Refusal(
            f"unpacks to more than the limit of {limits.total_bytes} bytes; send it in parts, "
            "as split datasets."
        )
    frame = pl.read_parquet(data)
    return Table(names=tuple(frame.columns), columns=tuple(frame.get_columns()))
