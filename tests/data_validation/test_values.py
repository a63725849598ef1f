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
    has_offset,
    is_cut_date,
    is_no_time,
    is_partial_date,
    limit,
    open_text,
    stated_date,
    trimmed,
    typed,
    with_typed_values,
)
from data_validation.written_dates import NO_YEAR, as_written, seeming
from tests.conftest import examples

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
# Days that may be: 1900, 9999 and their like stand for none.
DAYS = st.dates(min_value=date(1000, 1, 1), max_value=date(2199, 12, 31)).filter(
    lambda day: day.year != 1900
)
ANYTHING = st.none() | st.text() | st.lists(FRAGMENTS, max_size=6).map("".join)


def column(field: Field, texts: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({field.name: texts}, schema={field.name: pl.String})


def opened(field: Field, *texts: str | None) -> list[str | None]:
    return column(field, list(texts)).select(open_text(field)).to_series().to_list()


def value(field: Field, *texts: str | None) -> list[object]:
    return column(field, list(texts)).select(typed(field)).to_series().to_list()


@given(st.lists(st.tuples(*[ANYTHING] * len(FIELDS)), max_size=6))
@settings(max_examples=examples(100), deadline=None)
def test_typing_keeps_every_text_as_received(rows: list[tuple[str | None, ...]]) -> None:
    names = [field.name for field in FIELDS]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    whole = with_typed_values(frame, DOMAIN, open_only=False)
    assert whole.select(names).equals(frame)
    assert set(whole.columns) - set(names) == {field.word for field in FIELDS if field.typed}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.kind.value)
@given(texts=st.lists(ANYTHING, max_size=8))
@settings(max_examples=examples(150), deadline=None)
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
                # Of an interval and of midnight only days are shown, with no clock between them.
                assert shown in text or "/" in text or " 24:" in text.replace("T", " ")
                assert ":" not in shown
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
@settings(max_examples=examples(100), deadline=None)
def test_the_open_text_gives_the_same_value_as_the_text(
    field: Field, texts: list[str | None]
) -> None:
    assert value(field, *opened(field, *texts)) == value(field, *texts)


@pytest.mark.parametrize("field", FIELDS[:-1], ids=lambda field: field.kind.value)
@given(texts=st.lists(ANYTHING, max_size=8))
@settings(max_examples=examples(100), deadline=None)
def test_a_value_is_typed_only_where_its_text_may_be_shown(
    field: Field, texts: list[str | None]
) -> None:
    for shown, found in zip(opened(field, *texts), value(field, *texts), strict=True):
        if shown is None or shown == NOT_SHOWN:
            assert found is None
        if isinstance(found, float):
            assert math.isfinite(found)


@given(
    day=DAYS,
    clock=st.none() | st.times(),
    between=st.sampled_from(["T", " "]),
    blanks=st.sampled_from(["", " ", "\t "]),
)
@settings(max_examples=examples(100), deadline=None)
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


@given(DAYS, st.sampled_from([4, 7]))
@settings(max_examples=examples(50), deadline=None)
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
@settings(max_examples=examples(100), deadline=None)
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
    doubtful = ["05/06/2023", "31-FEB-2023", "dose 2 on 17 May 2023", "17 Maybe 2023", "99999"]
    assert seeming(pl.Series(doubtful)).null_count() == len(doubtful)
    assert opened(DATE, *doubtful) == [NOT_SHOWN] * len(doubtful)
    # Numbers of days, as spreadsheets and SAS have them: what it seems to be, and never shown.
    numbers = ["45063", "45063.0", "23147"]
    assert seeming(pl.Series(numbers)).to_list() == [date(2023, 5, 17)] * 3
    assert opened(DATE, *numbers) == [NOT_SHOWN] * 3


@pytest.mark.parametrize(
    ("text", "known", "shown"),
    [
        # SDTMIG 4.4, 4.4.2: dates of which parts are not known, and intervals.
        ("2023---05", "2023", "2023---05"),
        ("--03-05", NO_YEAR, "--03-05"),
        ("-----T07:15", NO_YEAR, "-----"),
        ("2023-03-04/2023-03-06", "2023-03", "2023-03-04/2023-03-06"),
        ("2023-03-30/2023-04-02", "2023", "2023-03-30/2023-04-02"),
        ("2022-12-30T07:00/2023-01-02T08:00", NO_YEAR, "2022-12-30/2023-01-02"),
        ("2023-03/2023-03-06", "2023-03", "2023-03/2023-03-06"),
        # As collected, by CDASH.
        ("2023-03-UN", "2023-03", "2023-03-UN"),
        ("UN-MAR-2023", "2023-03", "UN-MAR-2023"),
        ("unk mär 2023", "2023-03", "unk mär 2023"),
        ("UNMAR2023", "2023-03", "UNMAR2023"),
        ("UN/03/2023", "2023-03", "UN/03/2023"),
        ("UN-UNK-2023 UN:UN", "2023", "UN-UNK-2023"),
        # Whether 5 is the day or the month is not known.
        ("05-UN-2023", "2023", "05-UN-2023"),
    ],
)
def test_a_date_of_which_sdtm_says_what_is_not_known_is_partial(
    text: str, known: str, shown: str
) -> None:
    frame = column(DATE, [text])
    assert value(DATE, text) == [None]
    assert frame.select(is_partial_date("XSTDTC")).item()
    assert not frame.select(is_cut_date("XSTDTC")).item()
    assert frame.select(stated_date("XSTDTC")).item() == known
    assert opened(DATE, text) == [shown]


@pytest.mark.parametrize(
    "text", ["2023-13-UN", "2023---40", "UN-FOO-2023", "2023-03-06/2023-03-04", "---", "UN", "1/2"]
)
def test_what_only_looks_like_such_a_date_is_none(text: str) -> None:
    assert value(DATE, text) == [None]
    assert not column(DATE, [text]).select(is_partial_date("XSTDTC")).item()


def test_an_interval_within_a_day_is_that_day_and_24_hours_are_the_next() -> None:
    texts = ["2023-03-04T07:00/2023-03-04T09:00", "2023-03-05T24:00", "2023-12-31 24:00:00Z"]
    days = [date(2023, 3, 4), date(2023, 3, 6), date(2024, 1, 1)]
    assert value(DATE, *texts) == days
    assert opened(DATE, *texts) == ["2023-03-04/2023-03-04", "2023-03-06", "2024-01-01"]


@pytest.mark.parametrize(
    "text", ["9999-12-31", "1900-01-01T00:00", "2203-03-05", "9999", "1900-01"]
)
def test_a_date_that_stands_for_none_has_no_day_no_month_and_no_year(text: str) -> None:
    assert value(DATE, text) == [None]
    assert column(DATE, [text]).select(stated_date("XSTDTC")).item() == NO_YEAR
    assert opened(DATE, text) == [text.removesuffix("T00:00")]


def test_times_that_no_day_has_are_found_and_others_are_not() -> None:
    wrong = ["T25:61", "T", "T07:61", "T24:30", " after lunch", "T0715", "T07:15+25:00"]
    right = ["", "T07", "T07:15", " 7:15", "T07:15:30.125", "T24:00", "TUN:UN", "T-:15", "T07:15Z"]
    texts = [f"2023-03-05{clock}" for clock in (*wrong, *right)]
    found = column(DATE, [*texts]).select(is_no_time("XSTDTC")).to_series().to_list()
    assert found == [True] * len(wrong) + [False] * len(right)
    assert value(DATE, *texts)[: len(wrong)] == [date(2023, 3, 5)] * len(wrong)


def test_of_a_time_with_an_offset_the_local_day_stands() -> None:
    texts = ["2023-03-05T23:30-05:00", "2023-03-05T23:30Z", "2023-03-05T23:30", "2023-03-05"]
    assert value(DATE, *texts) == [date(2023, 3, 5)] * 4
    found = column(DATE, list(texts)).select(has_offset("XSTDTC")).to_series().to_list()
    assert found == [True, True, False, False]


def test_an_open_table_gets_no_value_of_a_sealed_field() -> None:
    sealed = Field("XDOSE", "dose", "Dose.", Kind.NUMBER)
    domain = Domain("X", "example", "Examples", (*FIELDS, sealed), ("XTERM",))
    frame = pl.DataFrame(schema=dict.fromkeys((field.name for field in domain.fields), pl.String))
    assert "dose" not in with_typed_values(frame, domain, open_only=True).columns
    assert "dose" in with_typed_values(frame, domain, open_only=False).columns
