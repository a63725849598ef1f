"""Text as received: numbers, dates and blanks of every type, and the names of columns."""

import datetime as dt
import decimal
import zoneinfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import Table, as_text, blank_as_null, text_frame


def table(**columns: list[str | None]) -> Table:
    return Table(
        tuple(columns), tuple(pl.Series(values, dtype=pl.String) for values in columns.values())
    )


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=30))
def test_text_of_a_float_is_its_shortest_that_reads_back(values: list[float]) -> None:
    texts = as_text(pl.Series(values, dtype=pl.Float64)).to_list()
    for value, text in zip(values, texts, strict=True):
        if value != value:
            assert text is None
        else:
            assert float(text) == value
            assert not text.endswith(".0")
            assert text != "-0"
            digits = text.lower().split("e")[0].strip("-").replace(".", "").strip("0")
            shortest = repr(value).lower().split("e")[0].strip("-").replace(".", "").strip("0")
            assert digits == shortest


@settings(deadline=None)
@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=30))
def test_text_of_a_whole_float_is_the_integer(values: list[int]) -> None:
    column = pl.Series([float(value) for value in values])
    assert as_text(column).to_list() == [str(value) for value in values]


def test_single_precision_does_not_show_digits_that_were_never_there() -> None:
    assert as_text(pl.Series([0.1, 63.0, None], dtype=pl.Float32)).to_list() == ["0.1", "63", None]


@settings(deadline=None)
@given(st.lists(st.none() | st.datetimes(), max_size=20))
def test_text_of_a_datetime_is_iso_8601(values: list[dt.datetime | None]) -> None:
    texts = as_text(pl.Series(values, dtype=pl.Datetime("us"))).to_list()
    assert [text and dt.datetime.fromisoformat(text) for text in texts] == values
    assert all(text is None or text[10] == "T" for text in texts)


def test_text_of_every_other_type() -> None:
    shanghai = zoneinfo.ZoneInfo("Asia/Shanghai")
    moment = dt.datetime(2023, 1, 2, 3, 4, 5)
    cases: list[tuple[pl.Series, list[str | None]]] = [
        (pl.Series([True, False, None]), ["Y", "N", None]),
        (pl.Series([2**62, -1, None], dtype=pl.Int64), [str(2**62), "-1", None]),
        (pl.Series([255], dtype=pl.UInt8), ["255"]),
        (pl.Series([decimal.Decimal("63.00")]), ["63.00"]),
        (pl.Series([dt.date(2023, 1, 2), None]), ["2023-01-02", None]),
        (pl.Series([dt.time(7, 5), dt.time(7, 5, 0, 500)]), ["07:05:00", "07:05:00.000500"]),
        (pl.Series([moment], dtype=pl.Datetime("ms")), ["2023-01-02T03:04:05"]),
        (pl.Series([moment.replace(tzinfo=shanghai)]), ["2023-01-02T03:04:05+08:00"]),
        (pl.Series([dt.timedelta(days=1, hours=2)]), ["P1DT2H"]),
        (pl.Series(["M", "F", None], dtype=pl.Categorical), ["M", "F", None]),
        (pl.Series(["M"], dtype=pl.Enum(["F", "M"])), ["M"]),
        (pl.Series(["咳嗽".encode(), None], dtype=pl.Binary), ["咳嗽", None]),
        (pl.Series([None, None], dtype=pl.Null), [None, None]),
        (pl.Series([float("inf"), -0.0]), ["inf", "0"]),
    ]
    for column, expected in cases:
        text = as_text(column)
        assert text.dtype == pl.String
        assert text.to_list() == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=4)))
def test_only_a_wholly_blank_value_becomes_null(values: list[str | None]) -> None:
    read = blank_as_null(pl.Series(values, dtype=pl.String)).to_list()
    assert read == [value if value and value.strip() else None for value in values]


@pytest.mark.parametrize("blank", ["", " ", "\t", "\n", "\r\n", "\u3000", "\u00a0 ", " \u2003"])
def test_every_kind_of_blank_is_null_beside_values_that_keep_theirs(blank: str) -> None:
    column = pl.Series([blank, f" a{blank}", None, "~", "咳"])
    assert blank_as_null(column).to_list() == [None, f" a{blank}", None, "~", "咳"]


def test_names_are_upper_cased_and_stripped_and_rows_are_numbered() -> None:
    received = Table((" usubjid ", "Aeterm"), (pl.Series(["1", "2"]), pl.Series(["a", "b"])))
    frame, notes = text_frame(received, "ae.csv", Limits())
    assert frame.rows(named=True) == [
        {"USUBJID": "1", "AETERM": "a", "_file": "ae.csv", "_row": 1},
        {"USUBJID": "2", "AETERM": "b", "_file": "ae.csv", "_row": 2},
    ]
    assert frame.schema == {
        "USUBJID": pl.String,
        "AETERM": pl.String,
        "_file": pl.String,
        "_row": pl.Int64,
    }
    assert notes == ()


def test_an_unnamed_column_is_named_and_noted() -> None:
    column = pl.Series(["1"])
    frame, notes = text_frame(Table(("A", " ", ""), (column, column, column)), "ae.csv", Limits())
    assert frame.columns == ["A", "UNNAMED_1", "UNNAMED_2", "_file", "_row"]
    assert notes == (
        "Column 2 has no name and is read as UNNAMED_1.",
        "Column 3 has no name and is read as UNNAMED_2.",
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("AETERM", "X", "aeterm "), "gives columns 1 and 3 the same name"),
        (("A", "_row", "B"), "names its column 2 _ROW, which is reserved"),
    ],
)
def test_names_that_can_not_be_told_apart_are_refused(names: tuple[str, ...], said: str) -> None:
    column = pl.Series(["1"])
    with pytest.raises(Refusal, match=said):
        text_frame(Table(names, (column, column, column)), "ae.csv", Limits())


@pytest.mark.parametrize(
    ("count", "said"), [(0, "has no columns"), (10_001, "has 10001 columns, more than the 10000")]
)
def test_no_columns_and_absurdly_many_are_refused(count: int, said: str) -> None:
    column = pl.Series(["1"])
    names = tuple(f"C{position}" for position in range(count))
    with pytest.raises(Refusal, match=said):
        text_frame(Table(names, (column,) * count), "ae.csv", Limits())


def test_a_value_over_the_limit_is_refused_by_row_and_column() -> None:
    limits = Limits(field_bytes=6)
    text_frame(table(A=["咳嗽"]), "ae.parquet", limits)
    with pytest.raises(Refusal, match="data row 2, column B, a value of more than 6 bytes"):
        text_frame(table(A=["1", "2"], B=[None, "咳嗽x"]), "ae.parquet", limits)


@pytest.mark.parametrize("encoding", ["no-such", "hex", "", "undefined"])
def test_a_declared_encoding_must_exist(encoding: str) -> None:
    with pytest.raises(ValueError, match="is not a text encoding"):
        Limits(declared_encoding=encoding)


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Limits(total_bytes=0)
    with pytest.raises(ValueError, match="at least one byte"):
        Limits(field_bytes=0)
