"""Spellings of an identifier: what exports change is one, and two numbers stay two."""

import pytest

from data_validation.checks.identifiers import _form, _form_of_code, _form_of_site
from tests.data_validation.small_extracts import changed, sides_of


@pytest.mark.parametrize(
    "spelled",
    [
        ("S-001", "s-001", " S-001 ", "S - 001", "S-1", "S-01", "S-001.0"),
        ("101", "0101", "101.0", "101.00", " 101"),
        ("DAY 5", "Day 05", "day5", "DAY  5", "DAY_5", "DAY 5.0", "\uff24\uff21\uff39 \uff15"),
        ("DAY -5", "Day \u22125", "Day \u20135"),
    ],
)
def test_case_blanks_and_zeros_are_form(spelled: tuple[str, ...]) -> None:
    assert len(set(map(_form, spelled))) == 1
    assert len(set(map(_form_of_code, spelled))) == 1
    assert len(set(map(_form_of_site, spelled))) == 1


def test_of_a_code_the_hyphen_and_of_a_site_the_word_is_form() -> None:
    assert len(set(map(_form_of_code, ("S-001", "S001", "S_001", "s - 1")))) == 1
    sites = ("Site 1", "SITE-01", "site no. 1", "Centre 01", "CENTER_1", "01", "1", "1.0", " #1")
    assert len(set(map(_form_of_site, sites))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("S-001", "S-010"),
        ("DAY -5", "DAY 5"),
        ("DAY 1 1", "DAY 11"),
        ("1.5", "15"),
        ("1.05", "1.5"),
        ("V1.0.2", "V1.2"),
        ("1-01", "10-1"),
        ("0", ""),
        ("Site 1", "Site 11"),
        ("Site 1-1", "Site 11"),
        ("1", "11"),
        ("A1", "B1"),
        ("East 1", "1"),
    ],
)
def test_two_numbers_are_two(one: str, other: str) -> None:
    assert _form(one) != _form(other)
    if "DAY" not in one:
        assert _form_of_code(one) != _form_of_code(other)
        assert _form_of_site(one) != _form_of_site(other)


def test_a_subject_of_sealed_records_alone_is_told_sealed() -> None:
    sides = sides_of(changed(("EX", 0, {"USUBJID": "s-001"})))
    assert "DM-141" in sides.all_findings["check"].to_list()
    assert "DM-141" not in sides.open_findings["check"].to_list()


def test_an_unknown_subject_is_told_once_and_not_with_each_record() -> None:
    rows = changed(("VS", 0, {"USUBJID": "s-001"}), ("VS", 1, {"USUBJID": "s-001"}))
    for findings in (sides_of(rows).all_findings, sides_of(rows).open_findings):
        checks = findings["check"].to_list()
        assert (checks.count("VS-subject"), checks.count("DM-141")) == (1, 1)


def test_a_visit_in_one_spelling_that_is_none_of_the_schedule_is_told() -> None:
    """Sealed, as everything is at a visit of another name."""
    told = {
        visit: sides_of(changed(("LB", 0, {"VISIT": visit}))).all_findings.filter(check="DM-143")
        for visit in ("Day 07", "day 7", "DAY 70")
    }
    assert [findings.height for findings in told.values()] == [1, 0, 0]
    assert "Day 07 (in LB) and DAY 7 differ" in told["Day 07"]["query"].item()
