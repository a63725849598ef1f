"""Ventilator-free days: stated cases, and a count of single days by other code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.ventilation import FreeDays, Span, ventilator_free_days

SPANS = st.lists(
    st.tuples(st.integers(-5, 40), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=4,
)


@pytest.mark.parametrize(
    ("spans", "death", "known", "expected"),
    [
        ([], None, 28, 28),
        ([(1, 10)], None, 28, 18),
        ([(-3, 0)], None, 28, 28),
        ([(1, 28)], None, 28, 0),
        ([(1, None)], None, 30, 0),
        ([(30, None)], None, 40, 28),
        ([(1, 5), (7, 10)], None, 28, 18),
        ([(1, 5), (20, 22)], None, 28, 6),
        # Back on the second day after: not 48 hours for certain.
        ([(1, 27), (29, 30)], None, 40, 0),
        ([(1, 26), (29, 30)], None, 40, 2),
        ([(1, 10)], 28, 28, 0),
        ([(1, 10)], 29, 29, 18),
        ([(1, 27)], 29, 29, 0),
        ([], 5, None, 0),
    ],
)
def test_stated_cases(
    spans: list[Span], death: int | None, known: int | None, expected: int
) -> None:
    assert ventilator_free_days(spans, death, known) == FreeDays(expected)


@pytest.mark.parametrize(
    ("spans", "known", "says"),
    [
        ([], None, "last day with known status is missing"),
        ([], 27, "Day 28 is not observed"),
        ([(1, 27)], 28, "Liberation on day 27 needs day 29"),
        ([(None, 4)], 28, "first day of a ventilation is missing"),
        ([(8, 4)], 28, "ends before it begins"),
    ],
)
def test_what_is_not_known_is_no_number(spans: list[Span], known: int | None, says: str) -> None:
    found = ventilator_free_days(spans, None, known)
    assert found.days is None
    assert found.reason is not None
    assert says in found.reason


@given(SPANS, st.none() | st.integers(1, 60))
def test_as_counted_day_by_day(spans: list[Span], death: int | None) -> None:
    on = {d for first, last in spans for d in range(first or 0, (last or 0) + 1)}
    free = 0
    while free < 28 and 28 - free not in on:
        free += 1
    if free < 28:
        last = 28 - free
        # Two days after the last one with ventilation, none again, none dead.
        if {last + 1, last + 2} & on or (death is not None and death <= last + 2):
            free = 0
    if death is not None and death <= 28:
        free = 0
    assert ventilator_free_days(spans, death, 100).days == free
    assert ventilator_free_days(spans[::-1], death, 100).days == free


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="horizon"):
        ventilator_free_days([], None, 28, days=0)
    with pytest.raises(ValueError, match="liberation"):
        ventilator_free_days([], None, 28, liberation_hours_as_days=-1)
