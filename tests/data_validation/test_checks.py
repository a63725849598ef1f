"""Every check function on a record that it must find and on the nearest one that it must not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
import pytest

import data_validation.checks  # noqa: F401 – importing it registers the functions
from data_validation import findings
from data_validation.catalogue import catalogue
from data_validation.findings import find
from data_validation.rules import CHECKS, CheckFunction, Evidence
from data_validation.schemas import BrokenCheckError
from tests.data_validation.small_extracts import (
    CUTOFF,
    TRIAL,
    Change,
    Sides,
    changed,
    clean_rows,
    sides_of,
)
from trials import Trial


@dataclass(frozen=True)
class Case:
    """Changes of the faultless extract.

    Attributes:
        fails: after these the check finds the record at position `found` of its domain alone.
        passes: after these, which come as close as can be, it finds nothing.
        query: the text to the site, filled.
    """

    fails: tuple[Change, ...]
    passes: tuple[Change, ...]
    found: int
    query: str


CASES: dict[str, tuple[Case, ...]] = {
    "DM-101": (
        Case(
            (("DM", 0, {"STUDYID": "NCT05689009"}),),
            (("DM", 0, {"STUDYID": " nct05689008 "}),),
            0,
            "STUDYID is “NCT05689009”. Please send the data of the study that was asked for.",
        ),
    ),
    "DM-102": (
        Case(
            (("RANDOMIZATION", 0, {"RANDDTC": "2023-03"}),),
            (("RANDOMIZATION", 0, {"RANDDTC": "2023-03-10T09:30"}),),
            0,
            "Please provide the date of randomization of S-001.",
        ),
    ),
    "DM-103": (
        Case(
            (("DM", 0, {"RFICDTC": "2023-03-11"}),),
            (("DM", 0, {"RFICDTC": "2023-03-10"}),),
            0,
            "Consent is dated 2023-03-11, randomization 2023-03-10. Please check both.",
        ),
    ),
    "DM-104": (
        Case(
            (("DM", 1, {"DTHFL": None}),),
            (("DM", 1, {"DTHDTC": "2023-03"}),),
            1,
            "Death flag is (empty), date of death is 2023-03-25. Please provide what is missing.",
        ),
        Case(
            (("DM", 1, {"DTHDTC": None}),),
            (("DM", 1, {"DTHDTC": None, "DTHFL": None}),),
            1,
            "Death flag is Y, date of death is (empty). Please provide what is missing.",
        ),
    ),
    "DM-105": (
        Case(
            (("DS", 2, None),),
            (("DS", 2, {"DSDECOD": "Death"}),),
            1,
            "S-002 died on 2023-03-25 by demographics; disposition has no death. Please check.",
        ),
        Case(
            (("DS", 2, None), ("DM", 1, {"DTHDTC": "2023-03", "DTHFL": None})),
            (("DS", 2, None), ("DM", 1, {"DTHDTC": None, "DTHFL": None})),
            1,
            "S-002 died on 2023-03 by demographics; disposition has no death. Please check.",
        ),
    ),
    "DM-106": (
        Case(
            (("DM", 1, {"DTHDTC": "2023-03-09"}),),
            (("DM", 1, {"DTHDTC": "2023-03-10"}),),
            1,
            "Date of death is 2023-03-09, randomization 2023-03-10. Please check both.",
        ),
        Case(
            (("DM", 2, {"DTHDTC": "2023-05-01"}),),
            (("DM", 2, {"DTHDTC": "2023-04-30"}),),
            2,
            "Date of death is 2023-05-01, randomization (empty). Please check both.",
        ),
    ),
    "DM-107": (
        Case(
            (("DM", 0, {"ARMCD": "UCMSC2"}),),
            (("DM", 0, {"ARMCD": "uc-msc"}), ("DM", 2, {"ARMCD": "SCRNFAIL"})),
            0,
            "Please check the planned arm of S-001.",
        ),
    ),
    "DM-108": (
        Case(
            (("DM", 0, {"ARMCD": "CONTROL"}),),
            (("DM", 0, {"ARMCD": "uc-msc"}),),
            0,
            "Please check the planned arm of S-001 against the allocation list.",
        ),
    ),
    "DM-111": (
        Case(
            (("DM", 0, {"AGE": "86"}),),
            (("DM", 0, {"AGE": "85"}), ("DM", 2, {"AGE": "86"})),
            0,
            "S-001 is randomized at age 86. Please check the age, or report a deviation.",
        ),
        Case(
            (("DM", 1, {"AGE": "17"}),),
            (("DM", 1, {"AGE": "18"}),),
            1,
            "S-002 is randomized at age 17. Please check the age, or report a deviation.",
        ),
    ),
    "DM-112": (
        # 85 kg / (1.65 m)² = 31.2 kg/m²; 81 kg are 29.8.
        Case(
            (("VS", 1, {"VSORRES": "85"}),),
            (("VS", 1, {"VSORRES": "81"}),),
            0,
            "S-001 is randomized with a BMI of 31.2 kg/m². Please check height and weight.",
        ),
        # Weighed again on the day of randomization: the later visit is the baseline.
        Case(
            (
                ("VS", 1, {"VSORRES": "85"}),
                ("VS", None, {"VSTESTCD": "WEIGHT", "VSORRES": "65", "VSORRESU": "kg"}),
                ("VS", 3, {"VISIT": "SCREENING"}),
            ),
            (
                ("VS", 1, {"VSORRES": "85", "VISIT": "SCREENING"}),
                ("VS", None, {"VSTESTCD": "WEIGHT", "VSORRES": "65", "VSORRESU": "kg"}),
            ),
            0,
            "S-001 is randomized with a BMI of 31.2 kg/m². Please check height and weight.",
        ),
    ),
    "DM-113": (
        # 80 mmHg / 0.25 = 320 mmHg; of 0.27 it is 296.
        Case(
            (("LB", 1, {"LBORRES": "25"}),),
            (("LB", 1, {"LBORRES": "27"}),),
            0,
            "S-001 is randomized with PaO2/FiO2 of 320 mmHg. Please check the gas.",
        ),
        # A sample of each of two visits on the day of randomization: the later visit counts.
        Case(
            (
                ("LB", 1, {"LBORRES": "25"}),
                ("LB", None, {"LBORRES": "80", "VISIT": "SCREENING"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "0.5", "LBORRESU": "fraction"}),
                ("LB", 5, {"VISIT": "SCREENING"}),
            ),
            (
                ("LB", None, {"LBORRES": "80", "VISIT": "SCREENING"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "0.25", "LBORRESU": "fraction"}),
                ("LB", 5, {"VISIT": "SCREENING"}),
            ),
            0,
            "S-001 is randomized with PaO2/FiO2 of 320 mmHg. Please check the gas.",
        ),
    ),
    "DM-114": (
        Case(
            (("DS", 3, None), ("DM", 2, {"RFICDTC": "2023-03-30", "DMDTC": "2023-04-20"})),
            (("DS", 3, None), ("DM", 2, {"RFICDTC": "2023-03-31", "DMDTC": "2023-04-20"})),
            2,
            "S-003 was screened and neither randomized nor recorded as a screen failure. Which?",
        ),
    ),
    "DS-101": (
        Case(
            (("DS", 0, {"DSSTDTC": "2023-03-11"}),),
            (("DS", 0, {"DSSTDTC": "2023-03-10T23:59"}),),
            0,
            "Randomization is dated 2023-03-11 here and 2023-03-10 in the list. Which one?",
        ),
    ),
    "DS-102": (
        Case(
            (("DS", 3, {"USUBJID": "S-001"}),),
            (("DS", 3, {"DSDECOD": "Screening failure"}),),
            3,
            "S-001 is recorded as SCREEN FAILURE and as randomized. Please check.",
        ),
    ),
    "DS-103": (
        Case(
            (("DS", 2, {"DSSTDTC": "2023-03-26"}),),
            (("DS", 2, {"DSSTDTC": "2023-03"}),),
            2,
            "Disposition has a death on 2023-03-26; "
            "please check the date of death in demographics.",
        ),
        Case(
            (("DM", 1, {"DTHDTC": None, "DTHFL": None}),),
            (("DM", 1, {"DTHDTC": None}),),
            2,
            "Disposition has a death on 2023-03-25; "
            "please check the date of death in demographics.",
        ),
    ),
    "IE-101": (
        Case(
            (("IE", None, {"USUBJID": "S-001"}),),
            (("IE", None, {"USUBJID": "S-003", "IETESTCD": "EXCL01"}),),
            1,
            "S-001 is randomized although INCL03 was recorded as not met. Please comment.",
        ),
    ),
    "SV-101": (
        Case(
            (("SV", 1, {"SVSTDTC": "2023-03-11"}),),
            (("SV", 1, {"SVSTDTC": "2023-03-10T22:15"}),),
            1,
            "Visit BASELINE took place on 2023-03-11, outside its window. Please confirm the date.",
        ),
        # DAY 10, one day early or late: 2023-03-18 to 2023-03-20.
        Case(
            (("SV", None, {"VISIT": "Day 10", "SVSTDTC": "2023-03-21"}),),
            (("SV", None, {"VISIT": "Day 10", "SVSTDTC": "2023-03-20"}),),
            3,
            "Visit Day 10 took place on 2023-03-21, outside its window. Please confirm the date.",
        ),
        # Screening, 13 days before day -1 to one day after it, which is day 1.
        Case(
            (("SV", 0, {"SVSTDTC": "2023-02-23"}),),
            (("SV", 0, {"SVSTDTC": "2023-02-24"}),),
            0,
            "Visit SCREENING took place on 2023-02-23, outside its window. "
            "Please confirm the date.",
        ),
        Case(
            (("SV", 0, {"SVSTDTC": "2023-03-11"}),),
            (("SV", 0, {"SVSTDTC": "2023-03-10"}),),
            0,
            "Visit SCREENING took place on 2023-03-11, outside its window. "
            "Please confirm the date.",
        ),
    ),
    "EX-101": (
        Case(
            (("EX", None, {"USUBJID": "S-002"}),),
            (("EX", None, {"USUBJID": "S-002", "EXDOSE": "0"}),),
            2,
            "Please confirm the administration on 2023-03-10.",
        ),
    ),
    "EX-102": (
        # Planned on days 1 and 4, a day early or late: 2023-03-12 to 2023-03-14 for the second.
        Case(
            (("EX", 1, {"EXSTDTC": "2023-03-15"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-14"}),),
            1,
            "The instillation on 2023-03-15 is outside every planned window. Please comment.",
        ),
    ),
    "EX-103": (
        Case(
            (("EX", 1, {"EXSTDTC": "2023-03-11"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-12"}),),
            1,
            "Please check the instillation on 2023-03-11 against the one before.",
        ),
        Case(
            (("EX", None, {"EXSTDTC": "2023-03-20"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-20"}),),
            2,
            "Please check the instillation on 2023-03-20 against the one before.",
        ),
    ),
    "AE-102": (
        Case(
            (("AE", 0, {"AESER": "Y"}),),
            (("AE", 0, {"AESER": "Y", "AESHOSP": "y"}),),
            0,
            "The event is serious. Please say by which criterion.",
        ),
    ),
    "AE-103": (
        Case(
            (("AE", 0, {"AESHOSP": "Y"}),),
            (("AE", 0, {"AESHOSP": "Y", "AESER": "y"}),),
            0,
            "A seriousness criterion is given, but AESER is N. Please correct one of them.",
        ),
    ),
    "AE-104": (
        Case(
            (("AE", 0, {"AEOUT": "FATAL"}),),
            (("DM", 1, {"DTHDTC": None}),),
            0,
            "The outcome is FATAL; demographics has no death of S-001. Please check.",
        ),
    ),
    "AE-105": (
        Case(
            (("AE", 1, {"AESER": None}),),
            (("AE", 1, {"AESER": "Y", "AESDTH": None}),),
            1,
            "The outcome is FATAL, but AESER is (empty). Please correct AESER or the outcome.",
        ),
    ),
    "LB-101": (
        Case(
            (("LB", 0, {"LBORRESU": "torr"}),),
            (("LB", 0, {"LBORRESU": " MMHG "}),),
            0,
            "The result 80 of PO2 has the unit torr. Which unit was it?",
        ),
        Case(
            (("LB", 1, {"LBORRESU": None}),),
            (("LB", 1, {"LBORRES": None, "LBORRESU": None}),),
            1,
            "The result 50 of FIO2 has the unit (empty). Which unit was it?",
        ),
    ),
    "LB-102": (
        Case(
            (("LB", 3, {"LBORRES": "94"}),),
            (("LB", 3, {"LBORRES": "93.3"}),),
            3,
            "The result of PO2 is 94 kPa. Please check value and unit.",
        ),
        Case(
            (("LB", 1, {"LBORRES": "0.5"}),),
            (("LB", 1, {"LBORRES": "0.5", "LBORRESU": "fraction"}),),
            1,
            "The result of FIO2 is 0.5 %. Please check value and unit.",
        ),
    ),
    "LB-103": (
        Case(
            (("LB", 0, {"LBSPEC": "VENOUS BLOOD"}),),
            (("LB", 0, {"LBSPEC": "Blood, arterial"}),),
            0,
            "The specimen of PO2 is VENOUS BLOOD. Was it arterial blood?",
        ),
        Case(
            (("LB", 1, {"LBSPEC": None}),),
            (("LB", 2, {"LBSPEC": None}),),
            1,
            "The specimen of FIO2 is (empty). Was it arterial blood?",
        ),
    ),
    "LB-104": (
        # 360 mmHg / 0.5 = 720 mmHg; 350 mmHg / 0.5 = 700 mmHg, the limit.
        Case(
            (("LB", 0, {"LBORRES": "360"}),),
            (("LB", 0, {"LBORRES": "350"}),),
            0,
            "PaO2 is 360 mmHg; with FiO2 of the same sample the ratio is impossible.",
        ),
        # An unusable second FiO2 leaves no doubt which belongs to the PaO2; a usable one does.
        Case(
            (
                ("LB", 0, {"LBORRES": "360"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "50", "LBORRESU": "Torr"}),
            ),
            (
                ("LB", 0, {"LBORRES": "360"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "40", "LBORRESU": "%"}),
            ),
            0,
            "PaO2 is 360 mmHg; with FiO2 of the same sample the ratio is impossible.",
        ),
    ),
    "VS-101": (
        Case(
            (("VS", 1, {"VSORRESU": "stone"}),),
            (("VS", 1, {"VSORRESU": "lb", "VSORRES": "143"}),),
            1,
            "The result 65 of WEIGHT has the unit stone. Which unit was it?",
        ),
    ),
    "VS-102": (
        Case(
            (("VS", 0, {"VSORRES": "1.65"}),),
            (("VS", 0, {"VSORRES": "1.65", "VSORRESU": "m"}),),
            0,
            "The result of HEIGHT is 1.65 cm. Please check value and unit.",
        ),
        Case(
            (("VS", 2, {"VSORRES": "101.1"}),),
            (("VS", 2, {"VSORRES": "101.1", "VSORRESU": "F"}),),
            2,
            "The result of TEMP is 101.1 C. Please check value and unit.",
        ),
    ),
}

EACH = [
    pytest.param(check, case, id=f"{check}-{number}")
    for check, cases in CASES.items()
    for number, case in enumerate(cases, start=1)
]


def found_by(check: str, found: pl.DataFrame) -> pl.DataFrame:
    return found.filter(pl.col("check") == check)


@pytest.fixture
def run_alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[CheckFunction], None]:
    """Leaves one function of all checks, to save time."""

    def nothing(*_arguments: object) -> pl.DataFrame:
        return pl.DataFrame(schema={"rule": pl.String, "index": pl.UInt32})

    def leave(function: CheckFunction) -> None:
        monkeypatch.setattr(findings, "CHECKS", {function.rule.id: function})
        monkeypatch.setattr(findings, "structural_failures", nothing)

    return leave


def test_every_check_has_its_cases() -> None:
    assert set(CASES) == set(CHECKS)
    assert all(CASES.values())


def test_a_faultless_extract_has_no_findings() -> None:
    sides = sides_of(clean_rows())
    for found in (sides.open_findings, sides.all_findings):
        assert set(found["severity"]) == {"note"}
        assert all(check.endswith("-columns") for check in found["check"])


@pytest.mark.parametrize(("check", "case"), EACH)
def test_a_faulty_record_is_found(
    check: str, case: Case, run_alone: Callable[[CheckFunction], None]
) -> None:
    run_alone(CHECKS[check])
    sides = sides_of(changed(*case.fails))
    rule = catalogue()[check]
    expected = {
        "check": check,
        "severity": rule.severity.value,
        "domain": rule.domain,
        "record_key": sides.record_key(rule.domain, case.found),
        "field": rule.field,
        "message": rule.sentence,
        "query": case.query,
    }
    found = found_by(check, sides.all_findings)
    assert found.select(list(expected)).to_dicts() == [expected]
    row = sides.complete[rule.domain].filter(pl.col("record_key") == expected["record_key"])
    assert found["subject"].item() == row["USUBJID"].item()
    assert found["value"].item() == row[rule.field].item()
    seen_open = found_by(check, sides.open_findings)
    assert seen_open.to_dicts() == ([] if rule.sealed else found.to_dicts())


@pytest.mark.parametrize(("check", "case"), EACH)
def test_the_nearest_record_passes(check: str, case: Case) -> None:
    sides = sides_of(changed(*case.passes))
    select = CHECKS[check].select
    assert select(sides.complete).is_empty()
    assert CHECKS[check].rule.sealed or select(sides.opened).is_empty()


def test_a_check_runs_on_open_tables_unless_its_rule_is_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: dict[bool, list[str]] = {True: [], False: []}

    def watched(check: str) -> None:
        select = CHECKS[check].select

        def watching(evidence: Evidence) -> pl.DataFrame:
            ran[evidence.tables.is_open].append(check)
            return select(evidence)

        monkeypatch.setitem(CHECKS, check, replace(CHECKS[check], select=watching))

    for check in list(CHECKS):
        watched(check)
    sides = sides_of(clean_rows())
    find(sides.opened)
    find(sides.complete)
    sealed = {check for check, function in CHECKS.items() if function.rule.sealed}
    assert sealed == {"DM-107", "DM-108", "EX-101", "EX-102", "EX-103"}
    assert set(ran[True]) == set(CHECKS) - sealed
    assert set(ran[False]) == set(CHECKS)


def test_a_check_without_its_datasets_does_not_run(
    run_alone: Callable[[CheckFunction], None],
) -> None:
    def broken(_evidence: Evidence) -> pl.DataFrame:
        raise AssertionError

    whole = sides_of(clean_rows())
    for check, function in CHECKS.items():
        run_alone(replace(function, select=broken))
        with pytest.raises(BrokenCheckError, match=f"{check} did not run"):
            find(whole.complete)
        for missing in function.needs:
            present = whole.complete.tables.present - {missing}
            without = replace(whole.complete.tables, present=present)
            find(replace(whole.complete, tables=without))


def test_no_check_fails_on_empty_datasets() -> None:
    rows = {name: listed if name == "DM" else [] for name, listed in clean_rows().items()}
    sides = sides_of(rows)
    checks = set(sides.all_findings.filter(pl.col("severity") != "note")["check"])
    # The death of S-002 is in DM alone, and nobody's screening has an outcome.
    assert checks == {"DM-105", "DM-114"}


def test_no_check_needs_a_cutoff() -> None:
    sides = sides_of(clean_rows(), cutoff=None)
    assert set(sides.all_findings["severity"]) == {"note"}


def test_no_check_fails_where_the_trial_defines_little() -> None:
    little = TRIAL.model_copy(update={"criteria": (), "measures": (), "dosing": None})
    sides = sides_of(clean_rows(), little)
    # Without criteria or measures IE and LB rows are sealed, and nothing holds them to a limit.
    for found in (sides.open_findings, sides.all_findings):
        assert set(found["severity"]) == {"note"}


def test_seriousness_is_not_asked_for_where_the_extract_has_no_criterion() -> None:
    rows = changed(("AE", 0, {"AESER": "Y"}))
    for row in rows["AE"]:
        del row["AESDTH"], row["AESHOSP"]
    assert found_by("AE-102", sides_of(rows).all_findings).is_empty()


@pytest.mark.parametrize("missing", ["DTHFL", "DTHDTC"])
def test_death_is_not_asked_for_in_a_field_that_the_extract_lacks(missing: str) -> None:
    rows = clean_rows()
    for row in rows["DM"]:
        del row[missing]
    assert found_by("DM-104", sides_of(rows).all_findings).is_empty()


def test_dosing_days_can_count_from_the_day_after_assignment() -> None:
    assert TRIAL.dosing is not None
    later = TRIAL.dosing.model_copy(update={"day_one": "day after assignment"})
    trial = TRIAL.model_copy(update={"dosing": later})

    def outside(day: date, trial: Trial) -> bool:
        rows = changed(("EX", 1, {"EXSTDTC": day.isoformat()}))
        return not found_by("EX-102", sides_of(rows, trial).all_findings).is_empty()

    fifth, sixth = date(2023, 3, 14), date(2023, 3, 15)
    assert [outside(fifth, TRIAL), outside(sixth, TRIAL)] == [False, True]
    assert [outside(fifth, trial), outside(sixth, trial)] == [False, False]


def test_a_finding_names_the_record_and_not_its_subject_alone() -> None:
    rows = changed(
        ("AE", 0, {"AEENDTC": "2023-03-11"}),
        ("AE", None, {"AEDECOD": "Nausea", "AEENDTC": "2023-03-11"}),
        ("AE", None, {"AEDECOD": "Rash", "AEENDTC": "2023-03-14"}),
    )
    sides: Sides = sides_of(rows, cutoff=CUTOFF)
    keys = {sides.record_key("AE", 0), sides.record_key("AE", 2)}
    assert set(found_by("AE-101", sides.all_findings)["record_key"]) == keys
