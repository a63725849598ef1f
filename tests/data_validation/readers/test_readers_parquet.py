"""Parquet: every type as text, and what has no text or no bounds is refused."""

import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_validation.readers.limits import Limits
from data_validation.readers.parquet import read_parquet
from data_validation.readers.problems import Refusal


def parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def test_columns_come_in_the_order_and_the_names_of_the_file() -> None:
    table = read_parquet(parquet(pa.table({"usubjid": ["1", None], "AGE": [63.0, None]})), Limits())
    assert table.names == ("usubjid", "AGE")
    assert [column.to_list() for column in table.columns] == [["1", None], [63.0, None]]


def test_a_file_without_rows_keeps_its_columns() -> None:
    table = read_parquet(parquet(pa.table({"A": pa.array([], pa.string())})), Limits())
    assert table.names == ("A",)
    assert len(table.columns[0]) == 0


@pytest.mark.parametrize(
    "values",
    [pa.array([["x"], ["y", "z"]]), pa.array([{"a": 1}, {"a": 2}])],
    ids=["lists", "records"],
)
def test_nested_cells_are_refused_by_column(values: pa.Array) -> None:
    with pytest.raises(Refusal, match="has lists or records in the cells of column AETERM"):
        read_parquet(parquet(pa.table({"USUBJID": ["1", "2"], "AETERM": values})), Limits())


def test_a_small_file_that_unpacks_to_very_much_is_refused_unread() -> None:
    content = io.BytesIO()
    rows = 200_000
    pl.DataFrame({"A": pl.repeat("x", rows, eager=True)}).write_parquet(content)
    data = content.getvalue()
    assert len(data) < 100_000
    assert len(read_parquet(data, Limits(total_bytes=16 * rows)).columns[0]) == rows
    with pytest.raises(Refusal, match="unpacks to more than the limit"):
        read_parquet(data, Limits(total_bytes=16 * rows - 1))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(Refusal, match="is empty"):
        read_parquet(b"", Limits())
