"""PaO2 and FiO2 are paired by sample, and the value of the day is chosen, before sealing.

Expected values are counted by hand from the rows of each test.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access import View
from data_validation.assess import Assessment
from exhibits import make
from tests.conftest import PROVE, KeyPair, board_of, examples
from tests.data_validation.readers.written import WRITERS
from tests.made_up import Row, assessed, frames, loaded_from, opened, subject

DAY = "2023-03-03"
# Time, PaO2 in mmHg, FiO2 in percent; ratios 55, 150 and 110.
THREE = (("T05:10", "55", "100"), ("T07:45", "90", "60"), ("T18:30", "66", "60"))


def gas(
    code: str,
    result: str,
    time: str = "",
    *,
    number: int = 1,
    unit: str = "",
    visit: str | None = "DAY 2",
    day: str = DAY,
    **cells: Any,
) -> Row:
    return {
        "USUBJID": subject(number),
        "LBTESTCD": code,
        "LBORRES": result,
        "LBORRESU": unit or {"PO2": "mmHg", "FIO2": "%"}[code],
        "LBSPEC": "ARTERIAL BLOOD",
        "VISIT": visit,
        "LBDTC": f"{day}{time}",
        **cells,
    }


def pair(time: str, pao2: str, fio2: str, number: int = 1, **cells: Any) -> list[Row]:
    return [
        gas("PO2", pao2, time, number=number, **cells),
        gas("FIO2", fio2, time, number=number, **cells),
    ]


def several_a_day(people: int = 10) -> list[Row]:
    return [
        row
        for number in range(1, people + 1)
        for time, pao2, fio2 in THREE
        for row in pair(time, pao2, fio2, number)
    ]


def ratios(rows: list[Row]) -> dict[float, str]:
    """The open ratios, and whether each is the value of the day, the worst, or both."""
    found = opened(rows)["blood_gas"]
    assert found["record_key"].is_unique().all()
    return {
        round(ratio, 1): "day " * is_day + "worst" * is_worst
        for ratio, is_day, is_worst in found.select("pao2_fio2", "is_day_value", "is_worst").rows()
    }


def queries_of(assessment: Assessment, check: str) -> list[str]:
    """What the open findings of a check say."""
    return assessment.open_findings.filter(pl.col("check") == check)["query"].to_list()


# Which are of one sample


def test_samples_are_those_of_one_minute() -> None:
    assert ratios([row for item in THREE for row in pair(*item)]) == {150: "day ", 55: "worst"}


def test_fractions_in_percent_and_as_a_fraction_are_the_same() -> None:
    rows = [*pair("T07:00", "90", "60"), *pair("T12:00", "50", "0.5", unit="")]
    rows[3]["LBORRESU"] = "fraction"
    assert ratios(rows) == {150: "day ", 100: "worst"}


@pytest.mark.parametrize("name", ["LBREFID", "LBSPID"])
def test_without_one_minute_samples_are_those_of_one_number(name: str) -> None:
    """The FiO2 has no time, or another; the time of the sample is that of the PaO2."""
    first: dict[str, Any] = {name: "G1"}
    second: dict[str, Any] = {name: "G2"}
    rows = [
        gas("PO2", "80", "T14:00", **second),
        gas("FIO2", "40", **first),
        gas("PO2", "60", "T06:30", **first),
        gas("FIO2", "80", "T14:05", **second),
    ]
    assert ratios(rows) == {150: "day ", 100: "worst"}


def test_one_minute_counts_before_the_number() -> None:
    rows = [
        *pair("T07:00", "90", "60", LBREFID="A"),
        gas("FIO2", "30", "T08:00", LBREFID="A"),
    ]
    assert ratios(rows) == {150: "day worst"}


def test_the_only_two_of_a_visit_and_day_are_of_one_sample() -> None:
    assert ratios([gas("PO2", "80"), gas("FIO2", "50", "T09:00")]) == {160: "day worst"}


@pytest.mark.parametrize(
    "rows",
    [
        [gas("PO2", "80", "T07:00"), gas("PO2", "90", "T07:00"), gas("FIO2", "50", "T07:00")],
        [gas("PO2", "80"), gas("PO2", "90"), gas("FIO2", "50"), gas("FIO2", "60")],
        [gas("PO2", "80", "T07:00"), gas("PO2", "90"), gas("FIO2", "50"), gas("FIO2", "60")],
    ],
    ids=["two of one minute", "no times", "one time"],
)
def test_what_may_belong_to_each_other_or_not_forms_no_ratio_and_is_counted(
    rows: list[Row],
) -> None:
    assert ratios(rows) == {}
    (query,) = queries_of(assessed(frames(rows)), "LB-115")
    assert query.startswith("2 of 2 PaO2 results without the FiO2 of the same sample")


def test_one_finding_says_how_many_and_none_where_all_are_paired() -> None:
    rows = several_a_day(4)
    assert queries_of(assessed(frames(rows)), "LB-115") == []
    rows = [row for row in rows if row["LBTESTCD"] == "PO2" or "T07" not in str(row["LBDTC"])]
    (query,) = queries_of(assessed(frames(rows)), "LB-115")
    assert query.startswith("4 of 12 PaO2 results")


def test_a_gas_of_another_visit_day_or_person_is_another_sample() -> None:
    for other in ({"visit": "DAY 3"}, {"day": "2023-03-04"}, {"number": 2}):
        assert ratios([gas("PO2", "80", "T07:00"), gas("FIO2", "50", "T07:00", **other)]) == {}


# The value of the day


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (("T05:59", "T10:01", "T12:00"), 0),
        (("T05:59", "T06:00", "T09:00"), 1),
        (("T05:59", "T10:00", "T10:01"), 1),
        (("T23:00", "T22:00", "T21:00"), 2),
        (("T11:00", "T00:00", "T12:00"), 1),
    ],
)
def test_the_value_of_the_day_is_the_first_from_6_to_10_else_the_first(
    times: tuple[str, ...], first: int
) -> None:
    rows = [
        row
        for time, pressure in zip(times, ("60", "70", "80"), strict=True)
        for row in pair(time, pressure, "50")
    ]
    of_day = [ratio for ratio, gas in ratios(rows).items() if "day" in gas]
    assert of_day == [(120, 140, 160)[first]]


def test_of_several_samples_without_any_clock_time_there_is_no_value_of_the_day() -> None:
    rows = [*pair("", "60", "50", LBREFID="A"), *pair("", "70", "50", LBREFID="B")]
    assert ratios(rows) == {120: "worst"}
    (query,) = queries_of(assessed(frames(rows)), "LB-115")
    assert "1 days with several samples and no clock time" in query


def test_an_impossible_ratio_is_neither_the_value_of_the_day_nor_the_worst() -> None:
    rows = [*pair("T07:00", "450", "30"), *pair("T08:00", "90", "60")]
    assert ratios(rows) == {150: "day worst"}


@given(st.permutations(range(6)))
@settings(max_examples=examples(8), deadline=None)
def test_nothing_depends_on_the_order_of_rows(order: list[int]) -> None:
    rows = [row for item in THREE for row in pair(*item)]
    found = opened([rows[place] for place in order])
    expected = opened(rows)
    for name in ("laboratory", "blood_gas"):
        assert found[name].equals(expected[name])


# What is open


def test_at_most_two_samples_of_a_day_open_however_many_were_taken() -> None:
    often = [
        row for minute in range(10, 50) for row in pair(f"T07:{minute}", str(80 + minute), "50")
    ]
    seldom = [*pair("T07:10", "90", "50", 2), *pair("T12:10", "95", "50", 2)]
    found = opened([*often, *seldom])["laboratory"]
    counts = dict(found.group_by("subject").len().rows())
    # The first is the lowest of both: one sample.
    assert counts == {subject(1): 2, subject(2): 2}


def test_of_gases_that_are_not_paired_one_of_a_test_and_day_opens() -> None:
    rows = [gas(code, "80") for code in ("PO2", "FIO2") for _ in range(5)]
    assert sorted(opened(rows)["laboratory"]["test_code"]) == ["FIO2", "PO2"]


def test_no_clock_time_and_no_number_of_a_sample_opens() -> None:
    rows = [row | {"LBREFID": "REF-77"} for row in several_a_day()]
    found = assessed(frames(rows))
    told = found.open_relations["laboratory"].write_csv()
    told += found.open_relations["blood_gas"].write_csv() + found.open_findings.write_csv()
    assert "07:45" not in told
    assert "REF-77" not in told


def test_a_sample_at_another_visit_does_not_change_what_opens() -> None:
    """An unscheduled sample, earlier and lower, of the same day."""
    rows = [row for item in THREE for row in pair(*item)]
    sealed = pair("T06:00", "40", "100", visit="UNSCHEDULED")
    alone, both = assessed(frames(rows)), assessed(frames([*rows, *sealed]))
    for name in ("laboratory", "blood_gas"):
        assert both.open_relations[name].equals(alone.open_relations[name])
    complete = both.complete_relations["blood_gas"]
    assert complete.height == 4
    assert complete.filter("is_day_value")["pao2_fio2"].to_list() == [150]


def test_what_an_extract_calls_by_the_names_of_what_is_made_here_does_not_open() -> None:
    rows = [row | {"LBGAS": "CANARY", "LBVISBY": "CANARY"} for row in several_a_day()]
    found = assessed(frames(rows))
    assert all("CANARY" not in frame.write_csv() for frame in found.open_relations.values())


# Pages, in every format and view


# In every format, in the long proof: how each is read has its own tests.
@pytest.mark.parametrize("suffix", sorted(WRITERS) if PROVE else [".csv", ".xlsx"])
def test_courses_show_the_value_of_the_day(suffix: str, key_pair: KeyPair, tmp_path: Path) -> None:
    loaded = loaded_from(frames(several_a_day()), key_pair, tmp_path, suffix)
    with closing(board_of(loaded, View.POOLED)) as board:
        shown = make("oxygenation_ratio", board)
    assert shown.table is not None
    assert shown.table.select("planned_day", "n", "median").rows() == [(2, 10, 150)]
    assert any("06:00 to 10:00" in note for note in shown.footnotes)


def test_the_values_of_the_day_are_the_same_in_every_view(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    before = {"visit": "BASELINE", "day": "2023-03-02"}
    rows = [*several_a_day()]
    for number in range(1, 11):
        rows += pair("T12:00", "100", "50", number, **before)
        rows += pair("T06:00", "80", "40", number, **before)
        rows += pair("T03:00", "50", "100", number, **before)
    loaded = loaded_from(frames(rows), key_pair, tmp_path)
    found = {}
    for view in View:
        with closing(board_of(loaded, view)) as board:
            medians = make("oxygenation_ratio", board).table
            change = make("oxygenation_change", board).table
        assert medians is not None
        assert change is not None
        found[view] = (
            set(medians.select("planned_day", "median").rows()),
            set(change.filter(pl.col("planned_day") == 2)["median"]),
        )
    assert found == dict.fromkeys(View, ({(1, 200), (2, 150)}, {-50}))
