"""The same frame, written in every format, reads back as the same text."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_validation.readers import Limits, UnreadableExtract, read_extract
from data_validation.readers.extract import READERS
from data_validation.readers.text import as_text, blank_as_null
from tests.conftest import examples
from tests.data_validation.readers.written import WRITERS, written

# What a transport file pads with, and what CSV ends a line with, cannot come back from each format.
_LETTERS = st.characters(
    codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u2028\u2029"
)
_TEXTS = st.text(_LETTERS, min_size=1, max_size=12).map(lambda text: text.rstrip())
_NUMBERS = st.one_of(
    st.integers(-(2**40), 2**40).map(float),
    # Transport files have IBM's floating point: 56 bits, exponents of 16.
    st.decimals(-10_000, 10_000, places=3).map(float),
)
# Senders' dirt: the text comes in as it is, and is for the checks to find.
_DIRT = st.sampled_from(
    [".", "  S-1", "1.0", "17 mai 2023", "MiXeD", "NA", "=1+1", "'", '"', "<3.4"]
)


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(1, 6))
    texts = st.lists(st.one_of(st.none(), _DIRT, _TEXTS), min_size=rows, max_size=rows)
    numbers = st.lists(st.one_of(st.none(), _NUMBERS), min_size=rows, max_size=rows)
    # A first column that is never blank: a workbook cannot tell a blank last row from none.
    columns = {"USUBJID": pl.Series([f"S-{row}" for row in range(rows)])}
    for place in range(draw(st.integers(0, 2))):
        columns[f"TEXT{place}"] = pl.Series(draw(texts), dtype=pl.String)
    for place in range(draw(st.integers(0, 2))):
        columns[f"NUM{place}"] = pl.Series(draw(numbers), dtype=pl.Float64)
    return pl.DataFrame(columns)


def test_there_is_a_writer_for_every_reader() -> None:
    assert set(WRITERS) == set(READERS) - {".tsv"}


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames())
def test_every_format_gives_the_same_text(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame
) -> None:
    expected = {
        column.name: blank_as_null(as_text(column)).to_list() for column in frame.iter_columns()
    }
    for suffix in WRITERS:
        folder = tmp_path_factory.mktemp("extract")
        written(_as_csv_needs(frame) if suffix == ".csv" else frame, suffix, folder)
        found = read_extract(folder)
        assert list(found.datasets) == ["DM"], suffix
        read = found.datasets["DM"].frame
        assert read["_row"].to_list() == list(range(1, frame.height + 1)), suffix
        got = {name: read[name].to_list() for name in read.columns if not name.startswith("_")}
        assert got == expected, suffix


def _as_csv_needs(frame: pl.DataFrame) -> pl.DataFrame:
    """Text only: how a sender writes a number in CSV is what is received."""
    return frame.select(as_text(column) for column in frame.iter_columns())


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_cut_file_reads_as_whole(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame(
        {
            "USUBJID": [f"S-{row}" for row in range(300)],
            "AGE": [float(row) for row in range(300)],
            "TERM": ["a term that fills some bytes"] * 300,
        }
    )
    whole = written(frame, suffix, tmp_path).read_bytes()
    for cut in [0, 1, 10, *range(0, len(whole), len(whole) // 25)]:
        file = tmp_path / f"dm{suffix}"
        file.write_bytes(whole[:cut])
        try:
            read = read_extract(tmp_path)
        except UnreadableExtract as refused:
            assert refused.problems[0].file == file.name
        else:
            # Nothing in a CSV file or a transport file of version 5 says where it should end.
            assert suffix == ".csv", cut
            assert read.datasets["DM"].frame.height < 300


@pytest.mark.parametrize("suffix", WRITERS)
def test_limits_hold_in_every_format(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"A": ["x" * 20] * 1000, "B": [1.0] * 1000})
    written(frame, suffix, tmp_path)
    assert read_extract(tmp_path, limits=Limits(field_bytes=20)).datasets["DM"].frame.height == 1000
    with pytest.raises(UnreadableExtract, match="more than 19 bytes"):
        read_extract(tmp_path, limits=Limits(field_bytes=19))
    size = (tmp_path / f"dm{suffix}").stat().st_size
    with pytest.raises(UnreadableExtract, match="limit of"):
        read_extract(tmp_path, limits=Limits(total_bytes=min(size + 100, 20_000)))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_row_number_without_a_name_is_kept_and_noted(tmp_path: Path, suffix: str) -> None:
    name = {".xpt": "_index", ".sas7bdat": "_index"}.get(suffix, "Unnamed: 0")
    frame = pl.DataFrame({name: ["0", "1"], "USUBJID": ["S-1", "S-2"]})
    written(frame, suffix, tmp_path)
    found = read_extract(tmp_path)
    assert found.datasets["DM"].frame[name.upper()].to_list() == ["0", "1"]
    is_noted = [note for note in found.notes if "looks like the row numbers" in note.text]
    assert bool(is_noted) == (name == "Unnamed: 0")
