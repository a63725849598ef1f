"""SAS datasets: dates by their format, encodings, special missing values, and damaged files."""

from datetime import date, datetime, time

import polars as pl
import pyreadstat
import pytest

from data_validation.readers import sas
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.sas7bdat import read_sas7bdat
from data_validation.readers.text import Table
from tests.data_validation.readers.sas7bdat_file import HEADER_BYTES, WINDOWS_1252, sas7bdat

LETTER_A_MISSING = bytes.fromhex("0000000000fdffff")
MISSING = bytes.fromhex("0000000000feffff")


def cells(table: Table) -> list[list[str | None]]:
    return [column.to_list() for column in table.columns]


def test_dates_and_times_by_their_format() -> None:
    frame = pl.DataFrame(
        {
            "DAY": [date(2023, 5, 17), None, date(1950, 1, 2)],
            "MOMENT": [datetime(2023, 5, 17, 8, 30), None, datetime(1950, 1, 2)],
            "CLOCK": [time(8, 30, 5), None, time(0)],
            "AGE": [63.0, None, -0.25],
        }
    )
    assert cells(read_sas7bdat(sas7bdat(frame), Limits())) == [
        ["2023-05-17", None, "1950-01-02"],
        ["2023-05-17T08:30:00", None, "1950-01-02T00:00:00"],
        ["08:30:05", None, "00:00:00"],
        ["63", None, "-0.25"],
    ]


def test_text_in_the_stated_encoding_and_in_another() -> None:
    frame = pl.DataFrame({"A": ["é café"]})
    stated = read_sas7bdat(sas7bdat(frame, encoding="cp1252", stated=WINDOWS_1252), Limits())
    assert (cells(stated), stated.notes) == ([["é café"]], ())
    guessed = read_sas7bdat(sas7bdat(frame, encoding="cp1252"), Limits())
    assert cells(guessed) == [["é café"]]
    assert guessed.notes[0].startswith("It is not in its stated encoding and was read as Windows")
    chinese = sas7bdat(pl.DataFrame({"A": ["咳嗽"]}), encoding="gb18030")
    declared = read_sas7bdat(chinese, Limits(declared_encoding="gb18030"))
    assert cells(declared) == [["咳嗽"]]
    assert declared.notes[0].endswith("was read in the declared encoding gb18030.")
    undeclared = read_sas7bdat(chinese, Limits())
    assert cells(undeclared) == [["咳嗽"]]
    assert "was read as GB18030" in undeclared.notes[0]
    with pytest.raises(Refusal, match="neither in its stated encoding nor GB18030 nor Windows"):
        read_sas7bdat(sas7bdat(pl.DataFrame({"A": ["\x81\xff"]}), encoding="latin-1"), Limits())


def test_special_missing_values_are_noted() -> None:
    frame = pl.DataFrame({"AGE": [1.0, None], "B": [1.0, 2.0]})
    table = read_sas7bdat(sas7bdat(frame).replace(MISSING, LETTER_A_MISSING), Limits())
    assert cells(table) == [["1", None], ["1", "2"]]
    assert table.notes == (
        "Column AGE has special missing values (.A to .Z or ._); they are read as missing.",
    )


def test_all_rows_are_read_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"A": [f"row {row}" for row in range(500)]})
    monkeypatch.setattr("data_validation.readers.sas7bdat.CELLS_AT_A_TIME", 7)
    assert sas.CELLS_AT_A_TIME > 7
    assert cells(read_sas7bdat(sas7bdat(frame), Limits())) == [frame["A"].to_list()]


def test_a_dataset_without_rows() -> None:
    assert cells(read_sas7bdat(sas7bdat(pl.DataFrame({"A": ["x"]}).clear()), Limits())) == [[]]


def test_a_header_that_promises_other_rows_is_refused() -> None:
    data = sas7bdat(pl.DataFrame({"A": ["x"] * 3, "B": [1.0] * 3}))
    at = data.index(bytes.fromhex("f7f7f7f7"), HEADER_BYTES) + 24
    assert data[at : at + 4] == (3).to_bytes(4, "little")
    promised = data[:at] + (9).to_bytes(4, "little") + data[at + 4 :]
    with pytest.raises(pyreadstat.ReadstatError, match="expected number of rows"):
        read_sas7bdat(promised, Limits())
    with pytest.raises(Refusal, match="unpacks to more than the limit"):
        read_sas7bdat(data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :], Limits())


@pytest.mark.parametrize(("data", "reason"), [(b"", "is empty"), (b"x" * 99, "is not a SAS data")])
def test_what_is_no_sas_dataset_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        read_sas7bdat(data, Limits())
