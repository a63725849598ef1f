"""SAS transport files: values as pyreadstat wrote them, and no cut file taken for a whole one."""

import contextlib
import datetime as dt
import re
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_validation.readers import UnreadableExtract, read_extract, xport
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import Table, as_text, text_frame
from data_validation.readers.xport import read_xport
from tests.conftest import examples

SECRET = "SECRET-0815"
VERSIONS: tuple[Literal[5], Literal[8]] = (5, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xport")


def written(folder: Path, frame: pl.DataFrame, version: Literal[5, 8] = 5, **options: Any) -> bytes:
    path = folder / "written.xpt"
    pyreadstat.write_xport(frame, path, file_format_version=version, **options)
    return path.read_bytes()


def rows(table: Table) -> list[tuple[str | None, ...]]:
    frame, _ = text_frame(table, "ae.xpt", Limits())
    return frame.drop("_file", "_row").rows()


def read(data: bytes) -> list[tuple[str | None, ...]]:
    return rows(read_xport(data, Limits()))


def data_start(data: bytes) -> int:
    found = re.search(rb"HEADER RECORD\*{7}OBS(  |V8)   HEADER RECORD!{7}.{32}", data, re.DOTALL)
    assert found is not None
    return found.end()


# SAS holds numbers from about 5.4e-79 to 7.2e75 with at least the 53 bits of a double.
numbers = (
    st.floats(1e-70, 1e70) | st.floats(-1e70, -1e-70) | st.integers(-(2**53), 2**53).map(float)
)
letters = st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(list(" 咳é\t\n"))


@settings(max_examples=examples(60), deadline=None)
@given(
    texts=st.lists(st.text(letters, max_size=30), min_size=1, max_size=8),
    values=st.lists(st.none() | numbers, min_size=8, max_size=8),
    version=st.sampled_from([5, 8]),
)
def test_text_and_numbers_are_read_back(
    folder: Path, texts: list[str], values: list[float | None], version: Literal[5, 8]
) -> None:
    frame = pl.DataFrame(
        {"USUBJID": [f"S{i}" for i in range(len(texts))], "N": values[: len(texts)], "TERM": texts},
        schema={"USUBJID": pl.String, "N": pl.Float64, "TERM": pl.String},
    )
    # The format pads texts with blanks, so that blanks at the end of a text are not held.
    held = [text.rstrip(" ") for text in texts]
    expected_texts = [text if text.strip() else None for text in held]
    expected = zip(frame["USUBJID"], as_text(frame["N"]), expected_texts, strict=True)
    assert read(written(folder, frame, version)) == list(expected)


@settings(max_examples=examples(40), deadline=None)
@given(
    texts=st.lists(st.sampled_from([None, "a", "bc"]), min_size=1, max_size=60),
    width=st.integers(2, 90),
)
def test_blank_observations_are_rows(folder: Path, texts: list[str | None], width: int) -> None:
    frame = pl.DataFrame({"A": [*texts[:-1], "x" * width, *texts]}, schema={"A": pl.String})
    expected = [(text,) for text in frame["A"]]
    assert read(written(folder, frame, 8)) == expected
    # In version 5 blank observations at the end are not told from up to 79 bytes of padding.
    found = read(written(folder, frame, 5))
    assert found == expected[: len(found)]
    left_out = expected[len(found) :]
    assert set(left_out) <= {(None,)}
    assert len(left_out) * width < 80


def test_slices_of_a_long_file_are_put_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xport, "CELLS_AT_A_TIME", 10)
    texts = [None if i % 5 == 4 else f"é{i}" for i in range(43)]
    frame = pl.DataFrame({"A": texts, "B": texts})
    for version in VERSIONS:
        assert read(written(folder, frame, version)) == frame.rows()
    numbers = pl.DataFrame({"A": [None if i < 20 else float(i) for i in range(43)]})
    assert read(written(folder, numbers)) == [(None if i < 20 else str(i),) for i in range(43)]


def test_long_names_and_labels_of_version_8_are_read(folder: Path) -> None:
    frame = pl.DataFrame({"A_NAME_OF_MORE_THAN_8": ["a" * 300], "OTHER": [1.5]})
    labels = ["HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!" + "l" * 100, None]
    table = read_xport(written(folder, frame, 8, column_labels=labels), Limits())
    assert table.names == ("A_NAME_OF_MORE_THAN_8", "OTHER")
    assert rows(table) == [("a" * 300, "1.5")]


@pytest.mark.parametrize("version", [5, 8])
def test_a_file_without_rows_keeps_its_columns(folder: Path, version: Literal[5, 8]) -> None:
    frame = pl.DataFrame({"A": ["x"], "N": [1.0]}).clear()
    table = read_xport(written(folder, frame, version), Limits())
    assert table.names == ("A", "N")
    assert rows(table) == []


def test_dates_and_times_become_iso_8601_and_keep_what_does_not_fit(folder: Path) -> None:
    day = dt.date(1960, 1, 1)
    moment = dt.datetime(2023, 1, 6, 8, 24, 5, 250_000) - dt.datetime(1960, 1, 1)
    frame = pl.DataFrame(
        {
            "D": [float((dt.date(2023, 1, 2) - day).days), -3590.0, None, 1.5, 1e9],
            "T": [moment.total_seconds(), -310176000.0, None, 0.0, 1e15],
            "C": [3723.0, 86399.0, None, 0.5, 90000.0],
        }
    )
    formats = {"D": "DATE9", "T": "DATETIME20", "C": "TIME8"}
    table = read_xport(written(folder, frame, variable_format=formats), Limits())
    assert rows(table) == [
        ("2023-01-02", "2023-01-06T08:24:05.250", "01:02:03"),
        ("1950-03-04", "1950-03-04T00:00:00", "23:59:59"),
        (None, None, None),
        ("1.5", "1960-01-01T00:00:00", "00:00:00.500"),
        ("1000000000", "1000000000000000", "90000"),
    ]
    assert [note.split(",")[0] for note in table.notes] == [
        "Column D has the SAS format DATE",
        "Column T has the SAS format DATETIME",
        "Column C has the SAS format TIME",
    ]


def test_special_missing_values_are_null_and_noted(folder: Path) -> None:
    data = written(folder, pl.DataFrame({"A": [1.5, None, 1.0], "B": [1.0, None, 2.0]}))
    at = data.index(b".\0\0\0\0\0\0\0", data_start(data))
    table = read_xport(data[:at] + b"R" + data[at + 1 :], Limits())
    assert rows(table) == [("1.5", "1"), (None, None), ("1", "2")]
    (note,) = table.notes
    assert note.startswith("Column A has special missing values")


def test_text_that_is_not_utf_8_is_retried_and_noted(folder: Path) -> None:
    data = written(folder, pl.DataFrame({"A": ["ABCD", "x"]}))
    western = data.replace(b"ABCD", "été ".encode("cp1252"))
    table = read_xport(western, Limits())
    assert rows(table) == [("été",), ("x",)]
    assert "was read as Windows-1252" in table.notes[0]

    chinese = data.replace(b"ABCD", "咳嗽".encode("gb18030"))
    for declared in ("gb18030", "GBK", "cp936"):
        table = read_xport(chinese, Limits(declared_encoding=declared))
        assert rows(table) == [("咳嗽",), ("x",)]
        assert table.notes == (
            f"It is not UTF-8 and was read in the declared encoding {declared}.",
        )

    undeclared = read_xport(chinese, Limits())
    assert rows(undeclared) == [("咳嗽",), ("x",)]
    assert "was read as GB18030" in undeclared.notes[0]

    undefined = data.replace(b"ABCD", b"\x81\xff\x8f\xff")
    with pytest.raises(Refusal, match="neither UTF-8 nor ascii nor GB18030 nor Windows-1252; sa"):
        read_xport(undefined, Limits(declared_encoding="ascii"))


def test_a_letter_that_is_cut_at_the_length_of_the_column_is_named_by_its_place(
    folder: Path,
) -> None:
    data = written(folder, pl.DataFrame({"N": [1.0, 2.0], "A": ["ABCDEF", "XXXXXXX"]}))
    table = read_xport(
        data.replace(b"ABCDEF", "咳嗽".encode()).replace(b"XXXXXXX", "咳嗽热".encode()[:7]),
        Limits(),
    )
    assert rows(table) == [("1", "咳嗽"), ("2", "咳嗽\ufffd")]
    (note,) = table.notes
    assert note.startswith("A value is cut within a letter, at data row 2, column A; what is left")


def test_a_nul_byte_within_a_text_is_refused_and_as_padding_it_is_not(folder: Path) -> None:
    data = written(folder, pl.DataFrame({"A": ["x", "ABCDE"]}))
    assert read(data.replace(b"ABCDE", b"AB\0\0 ")) == [("x",), ("AB",)]
    with pytest.raises(Refusal, match="NUL byte within the text of data row 2, column A"):
        read(data.replace(b"ABCDE", b"AB\0DE"))


def a_file(folder: Path, version: Literal[5, 8], widths: list[int], count: int) -> bytes:
    """A file whose every observation begins and ends with a letter."""
    columns = {f"C{i}": ["x" * width] * count for i, width in enumerate(widths)}
    return written(folder, pl.DataFrame(columns), version)


@settings(max_examples=examples(12), deadline=None)
@given(widths=st.lists(st.integers(1, 120), min_size=1, max_size=3), count=st.integers(1, 9))
def test_a_cut_file_is_never_taken_for_a_shorter_one(
    folder: Path, widths: list[int], count: int
) -> None:
    """At every single byte; only one kind of cut in version 5 leaves no trace."""
    for version in VERSIONS:
        data = a_file(folder, version, widths, count)
        start = data_start(data)
        whole = read(data)
        assert len(whole) == count
        for cut in range(len(data)):
            leaves_no_trace = (
                version == 5 and cut >= start and cut % 80 == 0 and (cut - start) % sum(widths) == 0
            )
            if leaves_no_trace:
                assert read(data[:cut]) == whole[: (cut - start) // sum(widths)]
            else:
                with pytest.raises(Refusal):
                    read(data[:cut])


@settings(max_examples=examples(12), deadline=None)
@given(widths=st.lists(st.integers(1, 120), min_size=1, max_size=3), count=st.integers(1, 9))
def test_a_version_8_file_that_promises_nothing_is_checked_like_version_5(
    folder: Path, widths: list[int], count: int
) -> None:
    data = a_file(folder, 8, widths, count)
    start = data_start(data)
    data = data[: start - 32] + b"0" * 30 + b"  " + data[start:]
    assert len(read(data)) == count
    for cut in range(start, len(data), 80):
        if (cut - start) % sum(widths):
            with pytest.raises(Refusal, match="is cut off"):
                read(data[:cut])


def test_blanks_of_a_record_or_more_are_no_padding(folder: Path) -> None:
    # The second observation begins with 200 blanks: what is left of it after a cut is blank.
    blank_first = pl.DataFrame({"A": ["x" * 200, None, "y" * 200], "B": ["x" * 40] * 3})
    data = written(folder, blank_first)
    start = data_start(data)
    assert len(read(data)) == 3
    with pytest.raises(Refusal, match="is cut off: it ends within an observation"):
        read(data[: start + 320])


def test_variables_that_overlap_or_leave_a_gap_are_refused(folder: Path) -> None:
    data = bytearray(written(folder, pl.DataFrame({"A": ["abc"], "B": ["def"]})))
    offset_of_b = 640 + 140 + 84 + 3
    assert data[offset_of_b] == 3
    for offset in (2, 4):
        data[offset_of_b] = offset
        with pytest.raises(Refusal, match="is not laid out as a SAS transport file"):
            read(bytes(data))


@pytest.mark.parametrize("name", [b" ", b"A"])
def test_variables_without_a_name_of_their_own_are_refused(folder: Path, name: bytes) -> None:
    data = bytearray(written(folder, pl.DataFrame({"A": ["abc"], "B": ["def"]})))
    name_of_b = 640 + 140 + 8
    assert data[name_of_b : name_of_b + 1] == b"B"
    data[name_of_b : name_of_b + 1] = name
    with pytest.raises(Refusal, match="is not laid out as a SAS transport file"):
        read(bytes(data))


def test_a_cut_file_says_that_it_is_cut(folder: Path) -> None:
    data = a_file(folder, 5, [100], 9)
    for cut, how in [
        (len(data) - 1, "not a whole number of 80-byte records"),
        (len(data) - 80, "within an observation"),
        (720, "within the description of its variables"),
        (80, "within its header"),
        (data_start(data) - 80, "before its first observation"),
    ]:
        with pytest.raises(Refusal, match=f"is cut off: .*{how}"):
            read(data[:cut])
    v8 = a_file(folder, 8, [80], 9)
    with pytest.raises(Refusal, match="before the last observation that its header promises"):
        read(v8[:-80])


def test_more_than_was_promised_is_refused(folder: Path) -> None:
    data = a_file(folder, 8, [80], 3)
    assert len(read(data + b" " * 80)) == 3
    with pytest.raises(Refusal, match="holds more than the observations"):
        read(data + b"x" * 80)


def test_two_datasets_in_one_file_are_refused(folder: Path) -> None:
    for version in VERSIONS:
        first = a_file(folder, version, [80], 2)
        second = a_file(folder, version, [40], 4)
        with pytest.raises(Refusal, match="holds more than one dataset"):
            read(first + second[240:])


def test_the_mark_of_a_second_dataset_as_a_value_is_a_value(folder: Path) -> None:
    mark = "HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!"
    assert read(written(folder, pl.DataFrame({"A": ["x" + mark, "y"]})))[0] == ("x" + mark,)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"**COMPRESSED** **COMPRESSED**" + SECRET.encode(), "made by PROC CPORT"),
        (SECRET.encode() * 80, "is not a SAS transport file"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!".ljust(80) * 30, "not laid out as"),
    ],
)
def test_other_content_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        read(data)
    assert SECRET not in caught.value.reason


@settings(max_examples=examples(150), deadline=None)
@given(at=st.integers(240, 1079), byte=st.integers(0, 255))
def test_a_damaged_header_fails_cleanly_if_it_fails(folder: Path, at: int, byte: int) -> None:
    data = bytearray(written(folder, pl.DataFrame({"A": ["abc", "d"], "N": [1.0, 2.0]})))
    data[at] = byte
    (folder / "damaged").mkdir(exist_ok=True)
    (folder / "damaged" / "ae.xpt").write_bytes(data)
    with contextlib.suppress(UnreadableExtract):
        read_extract(folder / "damaged")
