"""Spellings of an identifier: what exports change is one, and two numbers stay two."""

import pytest

from data_validation.checks.identifiers import _form
from tests.data_validation.small_extracts import changed, sides_of


@pytest.mark.parametrize(
    "spelled",
    [
        ("S-001", "s-001", " S-001 ", "S - 001", "S-1", "S-01", "S-001.0"),
        ("101", "0101", "101.0", "101.00", " 101"),
        ("DAY 5", "Day 05", "day5", "DAY  5", "DAY 5.0"),
    ],
)
def test_case_blanks_and_zeros_are_form(spelled: tuple[str, ...]) -> None:
    assert len(set(map(_form, spelled))) == 1


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
    ],
)
def test_two_numbers_are_two(one: str, other: str) -> None:
    assert _form(one) != _form(other)


def test_a_subject_of_sealed_records_alone_is_told_sealed() -> None:
    sides = sides_of(changed(("EX", 0, {"USUBJID": "s-001"})))
    assert "DM-141" in sides.all_findings["check"].to_list()
    assert "DM-141" not in sides.open_findings["check"].to_list()


def test_an_unknown_subject_is_told_once_and_not_with_each_record() -> None:
    rows = changed(("VS", 0, {"USUBJID": "s-001"}), ("VS", 1, {"USUBJID": "s-001"}))
    for findings in (sides_of(rows).all_findings, sides_of(rows).open_findings):
        checks = findings["check"].to_list()
        assert (checks.count("VS-subject"), checks.count("DM-141")) == (1, 1)
