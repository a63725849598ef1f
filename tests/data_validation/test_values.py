"""Typing and opening of values: nothing is lost, nothing is guessed, no free text gets out."""

import math
import re
from datetime import date, datetime, time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_validation.facts import Domain, Exposure, Field, Kind
from data_validation.values import (
    NOT_SHOWN,
    is_partial_date,
    limit,
    open_text,
    trimmed,
    typed,
    with_typed_values,
)
from data_validation.written_dates import as_written, seeming

CODES = ("MILD", "MODERATE", "SEVERE")
DATE = Field("XSTDTC", "start_date", "Start.", Kind.DATE, Exposure.DAY)
NUMBER = Field("XORRES", "result", "Result.", Kind.NUMBER, Exposure.OPEN)
INTEGER = Field("XGRADE", "grade", "Grade.", Kind.INTEGER, Exposure.OPEN)
CODE = Field("XSEV", "severity", "Severity.", Kind.CODE, Exposure.OPEN, CODES)
TEXT = Field("XTERM", "term", "Term.", exposure=Exposure.OPEN)
FIELDS = (DATE, NUMBER, INTEGER, CODE, TEXT)
DOMAIN = Domain("X", "example", "Examples", FIELDS, ("XTERM",))

MARKS = {".", "-", "--", "---", "NA", "N/A", "NAN", "ND", "NOT DONE", "NK", "UN", "UNK"}
MARKS |= {"NULL", "NONE", "MISSING"}
DAY_FORM = re.compile(r"[1-9][0-9]{3}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
NUMBER_FORM = re.compile(r"([<>]=?\s*)?[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# What is nearly a date, a number or a code, and anything else.
NEARLY = ["2023", "-", "05", "17", "T", " ", "08:30", "<", ">", "=", ".", "3", "e", "E5", "+", "\n"]
ODD = ["MILD", "severe", "UC-MSC", "٣", "\u00a0", "-02-30", "99", "Z", "１"]
FRAGMENTS = st.sampled_from([*NEARLY, *ODD])
ANYTHING = st.none() | st.text() | st.lists(FRAGMENTS, max_size=6).map("".join)


def column(field: Field, texts: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({field.name: texts}, schema={field.name: pl.String})


def opened(field: Field, *texts: str | None) -> list[str | None]:
    return column(field, list(texts)).select(open_text(field)).to_series().to_list()


def value(field: Field, *texts: str | None) -> list[object]:
    return column(field, list(texts)).select(typed(field)).to_series().to_list()


@given(st.lists(st.tuples(*[ANYTHING] * len(FIELDS)), max_size=6))
@settings(max_examples=100, deadline=None)
def test_typing_keeps_every_text_as_received(rows: list[tuple[str | None, ...]]) -> None:
    names = [field.name for field in FIELDS]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    whole = with_typed_values(frame, DOMAIN, open_only=False)
    assert whole.select(names).equals(frame)
    assert set(whole.columns) - set(names) == {field.word for field in FIELDS if field.typed}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.kind.value)
@given(texts=st.lists(ANYTHING, max_size=8))
@settings(max_examples=150, deadline=None)
def test_open_text_has_the_form_of_its_field_or_is_masked(
    field: Field, texts: list[str | None]
) -> None:
    blank = column(field, texts).select(trimmed(field.name)).to_series().is_null()
    for text, shown, is_blank in zip(texts, opened(field, *texts), blank, strict=True):
        assert (shown is None) is is_blank
        if shown is None or shown == NOT_SHOWN or text is None:
            continue
        if field.typed and shown in MARKS:
            assert text.strip().upper() == shown
            continue
        match field.kind:
            case Kind.DATE:
                assert DAY_FORM.fullmatch(shown) or as_written(pl.Series([shown]))[0] == shown
                assert shown in text
            case Kind.NUMBER | Kind.INTEGER:
                assert NUMBER_FORM.fullmatch(shown)
                assert shown in text
            case Kind.CODE:
                assert shown.upper() in CODES
                assert shown in text
            case _:
                assert shown in text


@pytest.mark.parametrize("field", FIELDS[:-1], ids=lambda field: field.kind.value)
@given(texts=st.lists(ANYTHING, max_size=8))
@settings(max_examples=100, deadline=None)
def test_the_open_text_gives_the_same_value_as_the_text(
    field: Field, texts: list[str | None]
) -> None:
    assert value(field, *opened(field, *texts)) == value(field, *texts)


@pytest.mark.parametrize("field", FIELDS[:-1], ids=lambda field: field.kind.value)
@given(texts=st.lists(ANYTHING, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_value_is_typed_only_where_its_text_may_be_shown(
    field: Field, texts: list[str | None]
) -> None:
    for shown, found in zip(opened(field, *texts), value(field, *texts), strict=True):
        if shown is None or shown == NOT_SHOWN:
            assert found is None
        if isinstance(found, float):
            assert math.isfinite(found)


@given(
    day=st.dates(min_value=date(1000, 1, 1)),
    clock=st.none() | st.times(),
    between=st.sampled_from(["T", " "]),
    blanks=st.sampled_from(["", " ", "\t "]),
)
@settings(max_examples=100, deadline=None)
def test_a_date_keeps_its_day_and_loses_its_clock_time(
    day: date, clock: time | None, between: str, blanks: str
) -> None:
    suffix = "" if clock is None else f"{between}{clock.isoformat()}"
    text = f"{blanks}{day.isoformat()}{suffix}{blanks}"
    assert value(DATE, text) == [day]
    assert opened(DATE, text) == [day.isoformat()]


def test_clock_times_of_every_iso_form_stay_sealed() -> None:
    moment = datetime(2023, 5, 17, 8, 30, 5)
    suffixes = ["", "Z", "+08:00", ".125"]
    texts = [f"{moment.isoformat()}{suffix}" for suffix in suffixes] + ["2023-05-17T08"]
    assert opened(DATE, *texts) == ["2023-05-17"] * 5


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from([4, 7]))
@settings(max_examples=50, deadline=None)
def test_a_partial_date_is_kept_and_never_completed(day: date, length: int) -> None:
    text = day.isoformat()[:length]
    assert value(DATE, text) == [None]
    assert opened(DATE, text) == [text]
    assert column(DATE, [text]).select(is_partial_date("XSTDTC")).to_series().to_list() == [True]


def test_only_a_year_or_a_month_is_a_partial_date() -> None:
    texts = ["2023", "2023-12", " 2023-05 ", "2023-13", "0000", "23", "2023-05-17", "UNK", "", None]
    found = column(DATE, texts).select(is_partial_date("XSTDTC")).to_series().to_list()
    assert [bool(is_partial) for is_partial in found] == [True] * 3 + [False] * 7


@pytest.mark.parametrize("text", ["2023-02-30", "2023-00-10", "0000-01-01", "17.05.2023", "UNK"])
def test_what_is_no_day_of_the_calendar_is_no_date(text: str) -> None:
    assert value(DATE, text) == [None]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(["", "<", ">="]))
@settings(max_examples=100, deadline=None)
def test_a_number_is_read_as_python_reads_it(number: float, sign: str) -> None:
    text = f"{number:.15g}"
    assert value(NUMBER, sign + text) == [float(text)]
    assert opened(NUMBER, sign + text) == [sign + text]


def test_a_detection_limit_keeps_its_sign() -> None:
    texts = ["<3.42", "> 90", "<= 3.42", ">=\u00a05", " <3.42 ", "3.42", "< ", None]
    assert value(NUMBER, *texts) == [3.42, 90.0, 3.42, 5.0, 3.42, 3.42, None, None]
    signs = column(NUMBER, list(texts)).select(limit("XORRES")).to_series().to_list()
    assert signs == ["<", ">", "<", ">", "<", None, "<", None]


@pytest.mark.parametrize(
    "text", ["NEGATIVE", "1,5", "3.4 mmHg", "1e999", "--3", "0x1F", "NaN", "inf", "٣", "1 000"]
)
def test_what_is_no_number_has_no_value(text: str) -> None:
    assert value(NUMBER, text) == [None]
    assert value(INTEGER, text) == [None]


def test_free_text_in_the_place_of_a_number_is_masked() -> None:
    assert opened(NUMBER, "after UC-MSC", "1,5", "٣") == [NOT_SHOWN] * 3


def test_an_integer_is_a_whole_number_without_a_limit() -> None:
    texts = ["3", "3.0", " 4 ", "3.5", "<3", "1e300", "grade 3"]
    assert value(INTEGER, *texts) == [3, 3, 4, None, None, None, None]


def test_a_code_is_read_in_any_case_and_shown_as_received() -> None:
    texts = ["Mild", " severe ", "MODERATE", "life-threatening", "", None]
    assert value(CODE, *texts) == ["MILD", "SEVERE", "MODERATE", None, None, None]
    assert opened(CODE, *texts) == ["Mild", "severe", "MODERATE", NOT_SHOWN, None, None]


@pytest.mark.parametrize("field", [field for field in FIELDS if field.typed])
def test_a_mark_for_no_value_is_none_and_is_shown(field: Field) -> None:
    texts = [".", "na", "N/A", "nd", "UNK", "Unknown to us"]
    assert value(field, *texts) == [None] * len(texts)
    assert opened(field, *texts) == [".", "NA", "N/A", "ND", "UNK", NOT_SHOWN]


def test_a_date_in_another_form_is_shown_without_its_time_and_is_no_date() -> None:
    """What it seems to be stands in the question to the site; nothing is read from it."""
    texts = {
        "15-MAI-2023": "2023-05-15",
        "2023年5月17日": "2023-05-17",
        "17 May 2023 08:30": "2023-05-17",
        "15. März 2023": "2023-03-15",
        "1-DÉC-2023": "2023-12-01",
        "15MAY2023:10:00:00": "2023-05-15",
        "20230517": "2023-05-17",
        "2023/5/7": "2023-05-07",
        "17/05/2023": "2023-05-17",
        "05/17/2023": "2023-05-17",
        "17.5.2023": "2023-05-17",
    }
    seems = [str(day) for day in seeming(pl.Series(list(texts)))]
    assert seems == list(texts.values())
    assert value(DATE, *texts) == [None] * len(texts)
    shown = opened(DATE, *texts)
    assert shown == [text.partition(" 08")[0].partition(":")[0] for text in texts]
    # Neither one day nor the other, no day at all, and words around a day.
    doubtful = ["05/06/2023", "31-FEB-2023", "dose 2 on 17 May 2023", "17 Maybe 2023"]
    assert seeming(pl.Series(doubtful)).null_count() == len(doubtful)
    assert opened(DATE, *doubtful) == [NOT_SHOWN] * len(doubtful)


def test_an_open_table_gets_no_value_of_a_sealed_field() -> None:
    sealed = Field("XDOSE", "dose", "Dose.", Kind.NUMBER)
    domain = Domain("X", "example", "Examples", (*FIELDS, sealed), ("XTERM",))
    frame = pl.DataFrame(schema=dict.fromkeys((field.name for field in domain.fields), pl.String))
    assert "dose" not in with_typed_values(frame, domain, open_only=True).columns
    assert "dose" in with_typed_values(frame, domain, open_only=False).columns
