"""Study days, baselines, units, specimens and gas pairs, as a snapshot would hold them."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_validation.measures import measured
from data_validation.relations import relations
from data_validation.released import arm_code
from tests.conftest import examples
from tests.data_validation.small_extracts import (
    TRIAL,
    Row,
    Rows,
    changed,
    clean_rows,
    sides_of,
    whole_rows,
)
from trials import Trial, load_trial

RANDOMIZED = date(2023, 3, 10)


def open_relations(rows: Rows, trial: Trial = TRIAL) -> dict[str, pl.DataFrame]:
    return sides_of(rows, trial).opened.relations


def measurement(domain: str, code: str, result: str, unit: str | None, **cells: str | None) -> Row:
    row: Row = {"USUBJID": "S-001", "VISIT": "BASELINE", f"{domain}DTC": "2023-03-10"}
    row |= {f"{domain}TESTCD": code, f"{domain}ORRES": result, f"{domain}ORRESU": unit}
    if domain == "LB":
        row["LBSPEC"] = "ARTERIAL BLOOD"
    return row | cells


def with_measurements(domain: str, *records: Row) -> Rows:
    rows = clean_rows()
    rows[domain] = list(records)
    return rows


def values(domain: str, *records: Row, trial: Trial = TRIAL) -> list[float | None]:
    """The usable values of some records, in their order."""
    complete = sides_of(with_measurements(domain, *records), trial).complete
    return measured(complete[domain].sort("_row"), domain, trial)["value"].to_list()


# Study days


@given(st.integers(min_value=-400, max_value=400))
@settings(max_examples=examples(15), deadline=None)
def test_day_one_is_the_day_of_randomization_and_there_is_no_day_zero(offset: int) -> None:
    day = RANDOMIZED + timedelta(days=offset)
    rows = changed(("AE", 0, {"AESTDTC": f"{day.isoformat()}T23:59"}))
    events = open_relations(rows)["adverse_event"]
    study_day = events.filter(pl.col("subject") == "S-001")["study_day"].item()
    assert study_day == (offset + 1 if offset >= 0 else offset)
    assert study_day != 0


def test_without_both_dates_there_is_no_study_day() -> None:
    rows = changed(
        ("AE", 0, {"AESTDTC": "2023-03"}),
        ("AE", None, {"USUBJID": "S-003", "AESTDTC": "2023-03-12"}),
        ("AE", None, {"USUBJID": "S-009", "AESTDTC": "2023-03-12"}),
    )
    events = open_relations(rows)["adverse_event"].select("subject", "study_day")
    assert set(events.rows()) == {("S-001", None), ("S-002", 15), ("S-003", None), ("S-009", None)}


def test_every_dated_relation_has_study_days() -> None:
    made = sides_of(whole_rows()).complete.relations
    days = {
        name: frame["study_day"].to_list()
        for name, frame in made.items()
        if "study_day" in frame.columns
    }
    assert {name: sorted(found, key=str) for name, found in days.items()} == {
        "disposition": [1, 1, 16, None],
        "criterion_exception": [None],
        "visit": [-1, 1, 1],
        "exposure": [1, 4],
        "adverse_event": [15, 3],
        "laboratory": [1, 1, 1, 1],
        "vital_sign": [1, 1, 1],
        "procedure": [-1, 11],
        "blood_gas": [1],
        "allocation_list": [1, 1],
        "deviation": [11],
        "hospital_stay": [-3, 15],
        "vital_status_contact": [19, 19],
        "death_detail": [16],
        "exposure_as_collected": [1, 4],
        "drug_accountability": [1],
        "medication": [-2, 4],
        "medical_history": [None],
        "clinical_event": [-5],
        "finding_about": [3],
        "respiratory_measurement": [14],
        "clinical_scale": [1, 1, 14],
        "cell_phenotype": [1],
        "ecg": [1],
        "questionnaire": [7],
    }


def test_a_subject_that_is_twice_in_demographics_multiplies_no_record() -> None:
    """Such an extract is refused, but by a finding and not by a failure on the way to it."""
    rows = changed(("DM", None, {}))
    made = sides_of(rows).complete.relations
    assert made["adverse_event"].height == 2
    assert made["laboratory"].height == 4
    assert made["participant"].height == 4


# Participants


def test_participants_have_what_is_known_of_screening_randomization_and_death() -> None:
    rows = changed(
        ("DM", 0, {"RFICDTC": "2023-03-07", "DMDTC": "2023-03-08"}),
        ("DM", 2, {"RFICDTC": None, "DMDTC": "2023-03-09"}),
        ("DM", None, {"USUBJID": "S-004", "DTHDTC": "2023-04", "DTHFL": None, "DMDTC": None}),
        ("DM", None, {"USUBJID": "S-005", "DTHDTC": None, "DTHFL": "y", "RFICDTC": None}),
        ("DM", None, {"USUBJID": "S-006", "DTHDTC": "unknown", "DTHFL": None}),
        ("DS", None, {"USUBJID": "S-003", "DSDECOD": "Screen failure", "DSSTDTC": "2023-03-08"}),
    )
    people = open_relations(rows)["participant"].sort("subject")
    known = people.select(
        "subject", "randomized", "randomization_date", "stratum", "screening_date",
        "screen_failure", "screen_failure_date", "died",
    )  # fmt: skip
    march = {day: date(2023, 3, day) for day in range(1, 32)}
    assert known.rows() == [
        ("S-001", True, march[10], "SEVERE", march[7], False, None, False),
        ("S-002", True, march[10], "CRITICAL", march[8], False, None, True),
        ("S-003", False, None, None, march[9], True, march[8], False),
        ("S-004", False, None, None, march[7], False, None, True),
        ("S-005", False, None, None, march[8], False, None, True),
        ("S-006", False, None, None, march[7], False, None, False),
    ]


def test_an_arm_is_known_by_code_or_name_in_any_case() -> None:
    texts = ["UCMSC", " uc-msc ", "Control", "CONTROL", "Placebo", None]
    frame = pl.DataFrame({"arm": texts}).select(arm_code(pl.col("arm"), TRIAL))
    assert frame["arm"].to_list() == ["UCMSC", "UCMSC", "CONTROL", "CONTROL", None, None]


# Units


@pytest.mark.parametrize(
    ("domain", "code", "result", "unit", "expected"),
    [
        ("LB", "PO2", "75", "mmHg", 75.0),
        ("LB", "PO2", "10", "kPa", 75.0062),
        ("LB", "po2", "10", " KPA ", 75.0062),
        ("LB", "PCO2", "5", "kPa", 37.5031),
        ("LB", "FIO2", "40", "%", 0.4),
        ("LB", "FIO2", "0.4", "fraction", 0.4),
        ("LB", "PH", "7.35", None, 7.35),
        ("LB", "PH", "7.35", "1", 7.35),
        ("LB", "CRP", "1.2", "mg/dL", 12.0),
        ("LB", "CREAT", "1.0", "mg/dL", 88.42),
        ("LB", "HGB", "13.5", "g/dL", 135.0),
        ("LB", "CRP", "<3.42", "mg/L", 3.42),
        ("VS", "TEMP", "98.6", "F", 37.0),
        ("VS", "TEMP", "37", "C", 37.0),
        ("VS", "HEIGHT", "65", "in", 165.1),
        ("VS", "HEIGHT", "1.65", "m", 165.0),
        ("VS", "WEIGHT", "150", "LB", 68.0388555),
        ("VS", "WEIGHT", "150", "lb", 68.0388555),
    ],
)
def test_a_value_is_converted_to_the_unit_of_its_measure(
    domain: str, code: str, result: str, unit: str | None, expected: float
) -> None:
    assert values(domain, measurement(domain, code, result, unit)) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("domain", "code", "result", "unit"),
    [
        ("LB", "PO2", "75", None),  # a missing unit can be wrong by a factor of seven
        ("LB", "PO2", "75", "torr"),
        ("LB", "PO2", "10", "mmHg"),  # kPa, by its size
        ("LB", "FIO2", "40", "fraction"),
        ("LB", "FIO2", "0.4", "%"),
        ("LB", "FIO2", "20", "%"),  # less than air
        ("LB", "PO2", "high", "mmHg"),
        ("LB", "HLAAB", "7", "mmHg"),  # no measure of the trial
        ("VS", "TEMP", "98.6", "C"),
        ("VS", "HEIGHT", "1.65", "cm"),
        ("VS", "PO2", "75", "mmHg"),  # a measure of another domain
    ],
)
def test_a_doubtful_value_is_not_used_and_not_lost(
    domain: str, code: str, result: str, unit: str | None
) -> None:
    rows = with_measurements(domain, measurement(domain, code, result, unit))
    relation = {"LB": "laboratory", "VS": "vital_sign"}[domain]
    record = sides_of(rows).complete.relations[relation].row(0, named=True)
    assert record["value"] is None
    assert not record["is_baseline"]
    assert (record["result_text"], record["unit"]) == (result, unit)


def test_bounds_of_what_is_plausible_are_plausible() -> None:
    records = [
        measurement("LB", "PO2", number, "mmHg", VISIT=f"DAY {day}")
        for day, number in enumerate(["19.9", "20", "700", "700.1"], start=2)
    ]
    assert values("LB", *records) == [None, 20.0, 700.0, None]


@given(st.floats(min_value=25, max_value=95), st.booleans())
@settings(max_examples=examples(10), deadline=None)
def test_kilopascals_and_millimeters_of_mercury_agree(pressure: float, percent: bool) -> None:
    record = measurement("LB", "PO2", f"{pressure / 7.50062:.10f}", "kPa")
    same = measurement("LB", "PO2", f"{pressure:.10f}", "mmHg", VISIT="DAY 2")
    first, second = values("LB", record, same)
    assert first == pytest.approx(second)


@pytest.mark.parametrize(
    ("specimen", "counts"),
    [
        ("ARTERIAL BLOOD", True),
        ("Arterial blood", True),
        ("BLOOD, ARTERIAL", True),
        ("VENOUS BLOOD", False),
        ("MIXED VENOUS BLOOD", False),
        ("BLOOD", False),
        (None, False),
    ],
)
def test_only_arterial_specimens_enter_the_gases(specimen: str | None, counts: bool) -> None:
    gas = measurement("LB", "PO2", "75", "mmHg", LBSPEC=specimen)
    other = measurement("LB", "CRP", "40", "mg/L", LBSPEC=specimen)
    assert values("LB", gas, other) == [75.0 if counts else None, 40.0]


def test_the_sign_of_a_detection_limit_stands_beside_the_value() -> None:
    rows = with_measurements("LB", measurement("LB", "CRP", "<3.42", "mg/L"))
    record = open_relations(rows)["laboratory"].row(0, named=True)
    assert (record["value"], record["value_limit"]) == (3.42, "<")
    assert (record["result"], record["result_text"]) == (3.42, "<3.42")


# Baseline


def baseline(*records: Row) -> list[tuple[object, ...]]:
    opened = open_relations(with_measurements("LB", *records))["laboratory"]
    marked = opened.filter("is_baseline").sort("subject", "measure")
    return marked.select("subject", "measure", "visit", "value").rows()


def crp(result: str, day: str | None, visit: str = "SCREENING", **cells: str | None) -> Row:
    return measurement("LB", "CRP", result, "mg/L", VISIT=visit, LBDTC=day, **cells)


def test_baseline_is_the_last_value_up_to_the_day_of_randomization() -> None:
    records = [
        crp("10", "2023-03-08"),
        crp("20", "2023-03-10T23:00", "BASELINE"),
        crp("30", "2023-03-11", "DAY 2"),
        crp("40", "2023-03-09", USUBJID="S-002"),
        crp("50", "2023-03-12", "DAY 3", USUBJID="S-002"),
        crp("60", "2023-03-09", USUBJID="S-003"),  # never randomized
    ]
    assert baseline(*records) == [
        ("S-001", "crp", "BASELINE", 20.0),
        ("S-002", "crp", "SCREENING", 40.0),
    ]


def test_an_unusable_or_undated_value_is_no_baseline() -> None:
    records = [
        crp("10", "2023-03-08"),
        crp("20", "2023-03-10", "BASELINE", LBORRESU=None),
        crp("9999", "2023-03-09", "BASELINE"),
        crp("30", "2023-03", "DAY 2"),
        crp("40", None, "DAY 3"),
    ]
    assert baseline(*records) == [("S-001", "crp", "SCREENING", 10.0)]


@pytest.mark.parametrize(("earlier", "later"), [("SCREENING", "BASELINE"), ("DAY 2", "DAY 10")])
def test_of_two_visits_on_one_day_the_later_of_the_schedule_is_baseline(
    earlier: str, later: str
) -> None:
    records = [crp("10", "2023-03-10", earlier), crp("20", "2023-03-10", later)]
    assert baseline(*records) == [("S-001", "crp", later, 20.0)]
    assert baseline(*reversed(records)) == [("S-001", "crp", later, 20.0)]


def test_the_later_visit_is_so_by_its_number_and_not_by_its_name() -> None:
    weights = [
        measurement("VS", "WEIGHT", weight, "kg", VISIT=visit)
        for weight, visit in (("60", "SCREENING 2"), ("70", "SCREENING 1"))
    ]
    signs = open_relations(with_measurements("VS", *weights), load_trial("cdiscpilot01"))
    assert signs["vital_sign"].filter("is_baseline")["visit"].to_list() == ["SCREENING 2"]


@given(st.permutations(range(5)))
@settings(max_examples=examples(8), deadline=None)
def test_baseline_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    records = [
        crp("10", "2023-03-10", "BASELINE"),
        crp("20", "2023-03-10", "BASELINE"),
        crp("30", "2023-03-10", "BASELINE", LBSPEC="SERUM"),
        crp("40", "2023-03-10", "SCREENING"),
        crp("50", "2023-03-09", "BASELINE"),
    ]
    found = baseline(*(records[place] for place in order))
    assert found == baseline(*records)
    assert len(found) == 1


def test_there_is_one_baseline_a_subject_and_measure() -> None:
    records = [
        measurement("LB", code, "50", unit)
        for code, unit in (("PO2", "mmHg"), ("CRP", "mg/L"), ("FIO2", "%"))
    ]
    assert [row[1] for row in baseline(*records, *records)] == ["crp", "fio2", "pao2"]


# Gas pairs


def gases(*records: Row) -> list[tuple[object, ...]]:
    found = open_relations(with_measurements("LB", *records))["blood_gas"]
    return found.select("subject", "visit", "pao2", "fio2", "pao2_fio2", "is_baseline").rows()


def po2(result: str, **cells: str | None) -> Row:
    return measurement("LB", "PO2", result, "mmHg", **cells)


def fio2(result: str, **cells: str | None) -> Row:
    return measurement("LB", "FIO2", result, "fraction", **cells)


def test_the_ratio_is_of_the_same_sample_only() -> None:
    assert gases(po2("80"), fio2("0.5")) == [("S-001", "BASELINE", 80.0, 0.5, 160.0, True)]
    assert gases(po2("80"), fio2("0.5", USUBJID="S-002")) == []
    assert gases(po2("80"), fio2("0.5", VISIT="DAY 2")) == []
    assert gases(po2("80"), fio2("0.5", LBDTC="2023-03-11")) == []
    assert gases(po2("80")) == gases(fio2("0.5")) == []


def test_gases_that_may_belong_to_each_other_or_not_form_no_ratio() -> None:
    assert gases(po2("80"), fio2("0.5"), fio2("0.6")) == []
    assert gases(po2("80"), po2("90"), fio2("0.5")) == []
    # An unusable second one leaves no doubt.
    usable = ("S-001", "BASELINE", 80.0, 0.5, 160.0, True)
    assert gases(po2("80"), fio2("0.5"), fio2("60")) == [usable]
    assert gases(po2("80"), po2("90", LBSPEC="VENOUS BLOOD"), fio2("0.5")) == [usable]


@pytest.mark.parametrize(
    ("pressure", "fraction", "ratio"),
    [("20", "1.0", 20.0), ("21", "1.0", 21.0), ("147", "0.21", 700.0), ("148", "0.21", None)],
)
def test_a_ratio_outside_20_to_700_is_not_used(
    pressure: str, fraction: str, ratio: float | None
) -> None:
    expected = [] if ratio is None else [pytest.approx(ratio)]
    assert [row[4] for row in gases(po2(pressure), fio2(fraction))] == expected


def test_a_ratio_below_20_is_not_used() -> None:
    """Not to be had with plausible gases, so with wider bounds than the trial's."""
    wider = tuple(
        measure.model_copy(update={"lower": 1.0}) if measure.name == "pao2" else measure
        for measure in TRIAL.measures
    )
    trial = TRIAL.model_copy(update={"measures": wider})
    rows = with_measurements("LB", po2("19"), fio2("1.0"))
    assert open_relations(rows, trial)["blood_gas"].is_empty()
    rows = with_measurements("LB", po2("20"), fio2("1.0"))
    assert open_relations(rows, trial)["blood_gas"].height == 1


def test_the_baseline_ratio_is_the_last_plausible_one() -> None:
    records = [
        po2("60", VISIT="SCREENING", LBDTC="2023-03-09"),
        fio2("0.6", VISIT="SCREENING", LBDTC="2023-03-09"),
        po2("400"),
        fio2("0.5"),
        po2("90", VISIT="DAY 2", LBDTC="2023-03-11"),
        fio2("0.5", VISIT="DAY 2", LBDTC="2023-03-11"),
    ]
    assert sorted((row[1], row[5]) for row in gases(*records)) == [
        ("DAY 2", False),
        ("SCREENING", True),
    ]


# The rest


def test_visits_get_their_place_in_the_schedule() -> None:
    rows = changed(("SV", None, {"VISIT": "day 28"}), ("SV", None, {"VISIT": "UNSCHEDULED"}))
    visits = sides_of(rows).complete.relations["visit"]
    assert set(visits.select("visit", "visit_number", "planned_day").rows()) == {
        ("SCREENING", 1.0, -1),
        ("BASELINE", 2.0, 1),
        ("day 28", 12.0, 28),
        ("UNSCHEDULED", None, None),
    }


def test_procedures_get_their_class_and_rank_of_support() -> None:
    rows = changed(
        ("PR", None, {"PRTRT": "tube", "PRDECOD": "Invasive mechanical ventilation"}),
        ("PR", None, {"PRTRT": "ECMO", "PRDECOD": "EXTRACORPOREAL MEMBRANE OXYGENATION"}),
        ("PR", None, {"PRTRT": "Hemodialysis"}),
        ("PR", None, {"PRTRT": "BRONCHOSCOPY"}),
    )
    made = sides_of(rows).complete.relations["procedure"]
    assert sorted(made.select("procedure_class", "support").rows(), key=str) == [
        ("ECMO", 4),
        ("Invasive ventilation", 3),
        ("Invasive ventilation", 3),
        ("Nasal cannula", 1),
        ("Renal replacement", None),
        (None, None),
    ]
    opened = open_relations(rows)["procedure"]
    assert opened.height == 5
    assert "reported_name" not in opened.columns


def test_a_trial_without_classes_opens_no_procedure() -> None:
    pilot = load_trial("cdiscpilot01")
    sides = sides_of(clean_rows(), pilot)
    assert sides.opened.relations["procedure"].is_empty()
    assert sides.complete.relations["procedure"]["support"].to_list() == [None, None]


def test_both_sides_are_made_by_the_same_function() -> None:
    sides = sides_of(clean_rows())
    of = sides.complete
    again = relations(of.tables, of.people, TRIAL, of.measured)
    assert set(again) == set(sides.complete.relations)
    for name, frame in sides.opened.relations.items():
        if name not in ("dataset",):
            shared = sides.complete.relations[name].select(frame.columns)
            assert shared.sort("record_key").equals(frame.sort("record_key")), name
