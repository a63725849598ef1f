"""What is worked out for each distinct text is what each row would have got."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_validation import distinct
from data_validation.assess import assess
from data_validation.distinct import by_distinct, repeated, representatives
from data_validation.readers import read_extract
from simulator.defects import Level
from simulator.simulated import write_simulated
from tests.data_validation.small_extracts import TRIAL

texts = st.one_of(st.none(), st.sampled_from(["", " ", "a", "b", "A", "咳", "a\x1f"]), st.text())
tables = st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=30).map(
    lambda rows: pl.DataFrame(rows, schema=dict.fromkeys("xyz", pl.String), orient="row")
)


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "FEW", 0)


def described(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.concat_str(pl.all().fill_null("-"), separator="|").alias("joined"),
        pl.col("x").is_null().alias("no_x"),
        pl.col("x").str.len_bytes().alias("length"),
    )


@given(tables, st.sampled_from([["x"], ["x", "y"], ["z", "x", "y"]]))
def test_each_row_gets_what_it_would_have_got(table: pl.DataFrame, names: list[str]) -> None:
    assert_frame_equal(by_distinct(table, names, described), described(table.select(names)))


@given(tables)
def test_each_combination_is_worked_out_once(table: pl.DataFrame) -> None:
    given_rows: list[pl.DataFrame] = []

    def seen(rows: pl.DataFrame) -> pl.DataFrame:
        given_rows.append(rows)
        return rows

    assert_frame_equal(by_distinct(table, ["x", "y"], seen), table.select("x", "y"))
    assert [rows.height for rows in given_rows] == [table.select("x", "y").n_unique()]


@given(tables)
def test_every_text_is_represented(table: pl.DataFrame) -> None:
    few = representatives(table, ["x", "y"])
    for name in ("x", "y"):
        assert set(few[name]) == set(table[name])


@given(tables)
def test_repeated_rows_are_those_that_are_there_twice(table: pl.DataFrame) -> None:
    by = [pl.col("x"), pl.col("y").str.to_uppercase()]
    expected = table.filter(pl.struct(table.select(by)).is_duplicated())
    assert_frame_equal(repeated(table, by), expected)


@pytest.mark.parametrize("defects", ["typical", "hostile"])
def test_an_assessment_does_not_depend_on_what_is_small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, defects: Level
) -> None:
    write_simulated(TRIAL, tmp_path / "x", participants=12, seed=5, defects=defects)
    extract = read_extract(tmp_path / "x")
    large = assess(extract, TRIAL)
    monkeypatch.setattr(distinct, "FEW", 1_000_000)
    small = assess(extract, TRIAL)
    assert_frame_equal(large.open_findings, small.open_findings)
    assert_frame_equal(large.sealed_findings, small.sealed_findings)
    for name, frame in small.complete_relations.items():
        assert_frame_equal(large.complete_relations[name], frame)
    for name, frame in small.open_relations.items():
        assert_frame_equal(large.open_relations[name], frame)
