"""A result without a visit is of the visit that its date leaves, and else sealed; both are counted.

Randomization is on 2 March 2023. The schedule: screening up to 13 days early and a day late,
baseline and days 2 to 7 on the day, day 10 a day early or late, day 28 three.
"""

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from access import View
from data_validation.assess import Assessment
from exhibits import make
from tests.conftest import PROVE, KeyPair, board_of
from tests.data_validation.readers.written import WRITERS
from tests.made_up import TRIAL, Row, assessed, frames, loaded_from, subject

DAY_ONE = date(2023, 3, 2)


def alt(days: int | None, *, number: int = 1, **cells: Any) -> Row:
    """ALT so many days after randomization; None leaves the day of the month out."""
    on = "2023-03" if days is None else (DAY_ONE + timedelta(days)).isoformat()
    result: Row = {
        "USUBJID": subject(number),
        "LBTESTCD": "ALT",
        "LBORRES": "30",
        "LBORRESU": "U/L",
        "LBORNRHI": "50",
        "LBDTC": on,
    }
    return result | cells


def visits(found: Assessment) -> list[tuple[object, ...]]:
    rows = found.open_relations["laboratory"].sort("subject", "date", "visit")
    return rows.select("study_day", "visit", "visit_by").rows()


def told(found: Assessment, domain: str = "LB", number: int = 113) -> list[str]:
    """What the open findings say; none of them is sealed, too."""
    check = f"{domain}-{number}"
    assert found.sealed_findings.filter(pl.col("check") == check).is_empty()
    return found.open_findings.filter(pl.col("check") == check)["value"].to_list()


@pytest.mark.parametrize(
    "cells", [{}, {"VISIT": None}, {"VISIT": "  "}], ids=["no", "null", "blank"]
)
def test_results_are_placed_where_one_visit_holds_their_day(cells: dict[str, Any]) -> None:
    days = (-14, -1, 0, 1, 2, 7, 8, 9, 10, 24, 30, 31)
    found = assessed(frames([alt(days_after, **cells) for days_after in days], people=2))
    assert visits(found) == [
        (-14, "SCREENING", "DATE"),
        (-1, "SCREENING", "DATE"),
        # Planned on this day, though screening may be as late.
        (1, "BASELINE", "DATE"),
        (2, "DAY 2", "DATE"),
        (3, "DAY 3", "DATE"),
        (9, "DAY 10", "DATE"),
        (10, "DAY 10", "DATE"),
        (11, "DAY 10", "DATE"),
        (25, "DAY 28", "DATE"),
        (31, "DAY 28", "DATE"),
    ]
    assert told(found) == ["12 without a visit, 10 placed by date, 2 not shown"]


def test_a_day_that_the_windows_of_two_visits_hold_stays_sealed() -> None:
    wider = tuple(
        visit.model_copy(update={"window_after": 3}) if visit.visit == "DAY 7" else visit
        for visit in TRIAL.schedule
    )
    trial = TRIAL.model_copy(update={"schedule": wider})
    found = assessed(frames([alt(7), alt(8), alt(9)], people=2), trial)
    assert visits(found) == [(8, "DAY 7", "DATE"), (10, "DAY 10", "DATE")]


def test_of_several_results_of_a_day_one_opens_however_many_there_are() -> None:
    """More samples on the days of a dose would tell who was given it."""
    several = [
        alt(1, LBDTC=f"{(DAY_ONE + timedelta(1)).isoformat()}T{hour:02}:00", LBORRES=str(hour))
        for hour in (14, 9, 20)
    ]
    found = assessed(frames([*several, alt(2)], people=2))
    assert visits(found) == [(2, "DAY 2", "DATE"), (3, "DAY 3", "DATE")]
    opened = found.open_relations["laboratory"]
    assert opened.filter(pl.col("visit") == "DAY 2")["result_text"].to_list() == ["9"]
    assert told(found) == ["4 without a visit, 2 placed by date, 2 not shown"]


def test_what_has_no_complete_date_or_no_randomization_stays_sealed() -> None:
    rows = [alt(None), alt(1, LBDTC=None), alt(1, number=3), alt(1)]
    found = assessed(frames(rows, people=2, DM=people_and_one_more()))
    assert visits(found) == [(2, "DAY 2", "DATE")]
    assert told(found) == ["4 without a visit, 1 placed by date, 3 not shown"]


def people_and_one_more() -> list[Row]:
    people = frames([], people=3)["DM"].to_dicts()
    return [dict(row) for row in people]


def test_a_visit_that_is_named_is_never_changed() -> None:
    rows = [alt(1, VISIT="DAY 3"), alt(2, VISIT="UNSCHEDULED 1"), alt(3, VISIT=None)]
    found = assessed(frames(rows, people=2))
    assert visits(found) == [(2, "DAY 3", None), (4, "DAY 4", "DATE")]
    assert told(found) == ["1 without a visit, 1 placed by date, 0 not shown"]
    assert told(found, number=114) == []


def test_the_number_of_an_unscheduled_visit_keeps_a_result_sealed() -> None:
    found = assessed(frames([alt(1, VISITNUM="3"), alt(2, VISITNUM="3.01")], people=2))
    assert [row[1] for row in visits(found)] == ["DAY 2"]


def test_a_time_point_of_a_dose_keeps_a_result_sealed_and_out_of_the_numbers() -> None:
    found = assessed(frames([alt(1), alt(2, LBTPT="2 h after instillation")], people=2))
    assert [row[1] for row in visits(found)] == ["DAY 2"]
    assert told(found) == ["1 without a visit, 1 placed by date, 0 not shown"]


def test_a_dataset_at_no_visit_of_the_schedule_is_told_with_its_number() -> None:
    found = assessed(frames([alt(1, VISIT="WEEK 1"), alt(2, VISIT="WEEK 2")], people=2))
    assert visits(found) == []
    assert told(found, number=114) == ["2 at visits that are not of the schedule, none shown"]
    assert told(found) == []


def test_other_domains_of_measurements_are_placed_alike() -> None:
    weight: Row = {
        "USUBJID": subject(1),
        "VSTESTCD": "WEIGHT",
        "VSORRES": "60",
        "VSORRESU": "kg",
        "VSDTC": "2023-03-03",
    }
    found = assessed(frames([alt(1, VISIT="DAY 2")], people=2, VS=[weight]))
    assert found.open_relations["vital_sign"]["visit"].to_list() == ["DAY 2"]
    assert told(found, "VS") == ["1 without a visit, 1 placed by date, 0 not shown"]
    assert told(found) == []


def test_that_visits_are_missing_is_one_finding() -> None:
    found = assessed(frames([alt(1), alt(2)], people=2))
    of_visit = found.open_findings.filter(domain="LB", field="VISIT")
    assert of_visit["check"].to_list() == ["LB-113"]


def test_gases_without_a_visit_are_paired_at_the_visit_of_their_date() -> None:
    rows = [
        alt(1)
        | {"LBTESTCD": code, "LBORRES": result, "LBORRESU": unit}
        | {"LBSPEC": "ARTERIAL BLOOD"}
        for code, result, unit in (("PO2", "90", "mmHg"), ("FIO2", "60", "%"))
    ]
    gases = assessed(frames(rows, people=2)).open_relations["blood_gas"]
    assert gases.select("visit", "pao2_fio2").rows() == [("DAY 2", 150)]


def test_a_number_of_placed_results_that_tells_the_arm_is_found() -> None:
    """Of twenty an arm the same results, and of one arm without their visits."""
    rows = [
        alt(days, number=number, VISIT=f"DAY {days + 1}" if number % 2 else None)
        for number in range(1, 41)
        for days in (1, 2, 3)
    ]
    found = assessed(frames(rows, people=40)).sealed_findings
    separating = found.filter(pl.col("check") == "OPEN-101")["message"].to_list()
    assert any("laboratory: visit_by" in message for message in separating)


# In every format, in the long proof: how each is read has its own tests.
@pytest.mark.parametrize("suffix", sorted(WRITERS) if PROVE else [".csv", ".xlsx"])
def test_the_pages_show_them(suffix: str, key_pair: KeyPair, tmp_path: Path) -> None:
    rows = [alt(days, number=number) for number in range(1, 11) for days in (0, 1, 2)]
    loaded = loaded_from(frames(rows), key_pair, tmp_path, suffix)
    shown = {}
    for view in View if suffix == ".csv" else (View.POOLED,):
        with closing(board_of(loaded, view)) as board:
            table = make("laboratory_trends", board).table
        assert table is not None
        shown[view] = set(table["planned_day"])
    assert shown == {view: {1, 2, 3} for view in shown}
