"""Findings: the same fault has the same name in the next extract, and sealed ones stay apart."""

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_validation.assess import Assessment, assess
from data_validation.facts import Severity
from data_validation.findings import (
    SCHEMA,
    SEVERITIES,
    RecordsOf,
    counts,
    only_sealed,
    with_status,
)
from data_validation.generated import FORMS
from data_validation.readers import read_extract
from data_validation.readers.text import FILE_COLUMN, ROW_COLUMN
from data_validation.received import as_received
from simulator import simulate, write_extract
from tests.conftest import examples
from tests.data_validation.small_extracts import (
    Change,
    Row,
    Rows,
    Sides,
    assess_frames,
    assess_rows,
    changed,
    clean_rows,
    frame_of,
    frames_of,
    sides_of,
)
from trials import load_trial

FAULTS: tuple[Change, ...] = (
    ("AE", None, {"USUBJID": "S-009"}),  # AE-subject, critical
    ("AE", 0, {"AEENDTC": "2023-03-11"}),  # AE-AEENDTC-order, major
    ("LB", 0, {"LBORRESU": "torr"}),  # LB-101, major
    ("SV", 1, {"SVSTDTC": "2023-03-11"}),  # SV-101, minor
    ("EX", 1, {"EXSTDTC": "2023-03-16"}),  # EX-102, major and sealed
)


def made(*names: str, severity: str = "major", status: str | None = None) -> pl.DataFrame:
    """Findings of invented identity, of which only what a test asks for differs."""
    columns: dict[str, list[object]] = {name: ["x"] * len(names) for name in SCHEMA}
    columns |= {"finding": list(names), "severity": [severity] * len(names)}
    columns["records"] = [1] * len(names)
    frame = pl.DataFrame(columns, schema=SCHEMA)
    return frame if status is None else frame.with_columns(pl.lit(status).alias("status"))


@cache
def faulty() -> Sides:
    """Both sides of the extract with all of the faults."""
    return sides_of(changed(*FAULTS))


def by_status(findings: pl.DataFrame) -> dict[str, list[str]]:
    return {
        str(status): sorted(group["finding"])
        for (status,), group in findings.group_by("status", maintain_order=True)
    }


# Identity


def test_findings_have_one_schema_and_one_row_a_fault() -> None:
    for sides in (sides_of(clean_rows()), faulty()):
        for findings in (sides.open_findings, sides.all_findings):
            assert findings.schema == pl.Schema(SCHEMA)
            assert findings["finding"].is_unique().all()


def test_a_fault_has_the_same_identity_in_the_next_extract() -> None:
    before = faulty().open_findings
    rows = changed(
        *FAULTS,
        ("AE", None, {"AEDECOD": "Nausea", "AEENDTC": None, "AEOUT": "UNKNOWN"}),  # a new event
        ("AE", 0, {"AEOUT": "UNKNOWN"}),  # other news of the old one
    )
    rows["AE"].reverse()
    rows["LB"].reverse()
    after = sides_of(rows).open_findings
    assert set(before["finding"]) == set(after["finding"])


def test_another_record_field_or_check_is_another_finding() -> None:
    one = sides_of(changed(("AE", 0, {"AESER": None, "AEOUT": "FATAL"}))).all_findings
    faults = one.filter(pl.col("severity") != "note")
    # One record, one field; three checks.
    assert set(faults["check"]) == {"AE-AESER-present", "AE-104", "AE-105"}
    assert faults["record_key"].n_unique() == 1
    assert faults["finding"].n_unique() == 3
    both = sides_of(changed(("AE", 0, {"AESER": None}), ("AE", 1, {"AESER": None}))).all_findings
    assert both.filter(pl.col("check") == "AE-AESER-present")["finding"].n_unique() == 2


def test_the_value_is_as_received() -> None:
    found = sides_of(changed(("AE", 0, {"AESER": " maybe "}))).all_findings
    assert found.filter(pl.col("check") == "AE-AESER-code")["value"].to_list() == [" maybe "]


def test_a_query_keeps_the_braces_of_a_value() -> None:
    """A value is put into the text, never read as a part of it."""
    found = sides_of(changed(("LB", 0, {"LBORRESU": "{USUBJID}"}))).all_findings
    query = found.filter(pl.col("check") == "LB-101")["query"].item()
    assert query == "The unit of PO2 is {USUBJID} in 1 of its results. Which is it?"


# Order


@given(st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None)
def test_findings_do_not_depend_on_the_order_of_rows(random: object) -> None:
    rows = changed(*FAULTS)
    for records in rows.values():
        random.shuffle(records)  # type: ignore[attr-defined]
    assert_frame_equal(sides_of(rows).open_findings, faulty().open_findings)


def test_findings_stand_by_severity_check_subject_and_record() -> None:
    findings = faulty().all_findings
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    order = [
        (rank[severity], check, subject is None, subject or "", key or "", field)
        for severity, check, subject, key, field in findings.select(
            "severity", "check", "subject", "record_key", "field"
        ).rows()
    ]
    assert order == sorted(order)
    assert findings["check"][0] == "AE-subject"
    assert SEVERITIES == ("critical", "major", "minor", "note")


# Status


def test_without_a_snapshot_before_every_finding_is_new() -> None:
    found = with_status(made("a", "b"), None)
    assert by_status(found) == {"new": ["a", "b"]}


def test_findings_are_new_persisting_or_resolved() -> None:
    before = with_status(made("a", "b", "c"), None)
    after = with_status(made("b", "d"), before)
    assert by_status(after) == {"new": ["d"], "persisting": ["b"], "resolved": ["a", "c"]}
    # Resolved ones are said once, and are new if they come back.
    third = with_status(made("a", "b", "d"), after)
    assert by_status(third) == {"new": ["a"], "persisting": ["b", "d"]}


def test_a_resolved_finding_keeps_the_words_in_which_it_stood() -> None:
    before = with_status(made("a").with_columns(pl.lit("as it was").alias("value")), None)
    after = with_status(made("b"), before)
    gone = after.filter(pl.col("status") == "resolved")
    assert gone["value"].to_list() == ["as it was"]
    assert after.columns == before.columns


@given(
    before=st.sets(st.sampled_from("abcdef")),
    resolved=st.sets(st.sampled_from("ghij")),
    now=st.sets(st.sampled_from("abcdefghij")),
)
@settings(max_examples=examples(60), deadline=None)
def test_no_finding_is_lost_between_two_snapshots(
    before: set[str], resolved: set[str], now: set[str]
) -> None:
    last = pl.concat(
        [made(*sorted(before), status="persisting"), made(*sorted(resolved), status="resolved")]
    )
    found = by_status(with_status(made(*sorted(now)), last))
    expected = {
        "new": sorted(now - before),
        "persisting": sorted(now & before),
        "resolved": sorted(before - now),
    }
    assert found == {status: names for status, names in expected.items() if names}


def status_after(before: Rows, now: Rows) -> pl.DataFrame:
    """Findings of an extract against those of the one before, with the open records of both."""
    then, here = assess_rows(before), assess_rows(now)

    def records_of(assessment: Assessment) -> RecordsOf:
        return lambda relation, keys: assessment.open_relations[relation].filter(
            pl.col("record_key").is_in(keys)
        )

    return with_status(
        here.open_findings,
        with_status(then.open_findings, None),
        records_of(here),
        records_of(then),
    )


ENDED_EARLY: Row = {"AEENDTC": "2023-03-01"}


def test_a_query_persists_though_its_record_moved() -> None:
    """An event that ends before it starts, whose start was corrected to another day."""
    before = changed(("AE", 0, ENDED_EARLY))
    now = changed(("AE", 0, ENDED_EARLY | {"AESTDTC": "2023-03-14"}))
    found = status_after(before, now).filter(check="AE-AEENDTC-order")
    (first,) = assess_rows(before).open_findings.filter(check="AE-AEENDTC-order")["finding"]
    assert found.select("status", "known_as").rows() == [("moved", first)]
    assert found["finding"].to_list() != [first]
    # And in the one after that, though it moved once more.
    again = with_status(
        assess_rows(changed(("AE", 0, ENDED_EARLY | {"AESTDTC": "2023-03-14"}))).open_findings,
        status_after(before, now),
    ).filter(check="AE-AEENDTC-order")
    assert again.select("status", "known_as").rows() == [("persisting", first)]


def test_a_query_about_another_record_is_new() -> None:
    """One of another participant, one of an event that has little in common."""
    before = changed(("AE", 0, ENDED_EARLY))
    subject = before["AE"][1]["USUBJID"]
    assert subject != before["AE"][0]["USUBJID"]
    other = changed(("AE", 1, ENDED_EARLY | {"AESTDTC": "2023-03-14"}))
    assert set(status_after(before, other).filter(check="AE-AEENDTC-order")["status"]) == {
        "new",
        "resolved",
    }
    unlike = {name: "Z" for name in before["AE"][0] if name not in {"USUBJID", "STUDYID", "DOMAIN"}}
    changed_wholly = changed(("AE", 0, unlike | ENDED_EARLY | {"AESTDTC": "2023-03-14"}))
    found = status_after(before, changed_wholly).filter(check="AE-AEENDTC-order")
    assert set(found["status"]) == {"new", "resolved"}


def test_findings_of_a_snapshot_of_before_are_known_by_their_own_name() -> None:
    before = made("a", "b", status="new")  # of a format without `known_as`
    found = with_status(made("b", "c"), before)
    assert dict(found.select("finding", "known_as").rows()) == {"a": "a", "b": "b", "c": "c"}


def test_resolved_findings_are_not_counted() -> None:
    standing = made("a", "b", severity="major", status="new")
    gone = made("c", severity="critical", status="resolved")
    assert counts(pl.concat([standing, gone])) == {
        "critical": 0,
        "major": 2,
        "minor": 0,
        "note": 0,
    }
    assert counts(made()) == dict.fromkeys((severity.value for severity in Severity), 0)


def test_counts_of_an_assessment() -> None:
    assessment = assess_rows(changed(*FAULTS))
    found = counts(assessment.open_findings)
    # Beside SV-101, LB-108 is minor: the unit that nobody knows is another one than mmHg.
    assert (found["critical"], found["major"], found["minor"]) == (1, 2, 2)
    assert counts(assessment.sealed_findings)["major"] == 1
    assert assessment.critical == 1


# For whom


@pytest.mark.parametrize(
    ("check", "changes", "value", "records"),
    [
        ("LB-101", (("LB", 0, {"LBORRESU": "torr"}), ("LB", 1, {"LBORRESU": "torr"})), None, 2),
        ("AE-AESEV-code", (("AE", 0, {"AESEV": "bad"}), ("AE", 1, {"AESEV": "bad"})), "bad", 2),
        ("DM-case", (("DM", 0, {"SEX": "m"}), ("DM", 1, {"SEX": "m"})), "m", 2),
        ("AE-decimals", (("AE", 0, {"AETOXGR": "2.0"}), ("AE", 1, {"AETOXGR": "1.0"})), None, 2),
        ("AE-blanks", (("AE", 0, {"AESEV": " MILD"}), ("AE", 1, {"AESEV": "MILD "})), None, 2),
    ],
)
def test_one_cause_of_the_export_is_one_finding_with_a_count(
    check: str, changes: tuple[Change, ...], value: str | None, records: int
) -> None:
    cause = {"LB-101": "LB", "DM-case": "DM"}.get(check, "AE")
    rows = changed(*changes)
    if check == "LB-101":  # of one test
        rows["LB"][1] = rows["LB"][0] | {"USUBJID": rows["LB"][1]["USUBJID"]}
    (found,) = sides_of(rows).all_findings.filter(check=check).to_dicts()
    assert (found["audience"], found["records"], found["domain"]) == ("export", records, cause)
    assert (found["subject"], found["record_key"]) == (None, None)
    if value is not None:
        assert found["value"] == value
    # Of one record it names the record, under the same name.
    (one,) = sides_of(changed(changes[0])).all_findings.filter(check=check).to_dicts()
    assert (one["finding"], one["records"]) == (found["finding"], 1)
    assert one["record_key"] is not None


def test_different_spellings_are_different_causes() -> None:
    rows = changed(("AE", 0, {"AESEV": "bad"}), ("AE", 1, {"AESEV": "worse"}))
    found = sides_of(rows).all_findings.filter(check="AE-AESEV-code")
    assert sorted(found["value"]) == ["bad", "worse"]
    # What is spelled otherwise is not open, so that there it is one.
    (opened,) = sides_of(rows).open_findings.filter(check="AE-AESEV-code").to_dicts()
    assert (opened["records"], opened["value"]) == (2, "(not shown here)")


def test_a_column_that_is_wrong_throughout_is_one_finding() -> None:
    rows = clean_rows()
    record = rows["AE"][0]
    rows["AE"] = [record | {"AETERM": f"event {n}", "AESER": None} for n in range(10)]
    (found,) = sides_of(rows).all_findings.filter(check="AE-AESER-present").to_dicts()
    assert (found["audience"], found["records"], found["subject"]) == ("export", 10, None)
    # Of what is there and wrong, one value stands for all, and not that it is empty.
    for texts, said in (
        (["45123"] * 10, "AESTDTC is “45123”, which seems to be 2023-07-16. Expected"),
        ([f"4512{n}" for n in range(10)], "AESTDTC is “45120, …”, which seems to be 2023-07-13. "),
    ):
        dated = [record | {"AESEQ": str(n), "AESTDTC": text} for n, text in enumerate(texts)]
        sides = sides_of(rows | {"AE": dated})
        (asked,) = sides.all_findings.filter(check="AE-AESTDTC-date")["query"]
        assert asked.startswith(said)
        (opened,) = sides.open_findings.filter(check="AE-AESTDTC-date").to_dicts()
        assert opened["query"].startswith("AESTDTC is “…”. Expected")
        assert "45" not in str(opened["value"])
    rows["AE"][0] = record
    found_of_each = sides_of(rows).all_findings.filter(check="AE-AESER-present")
    assert set(found_of_each.select("audience", "records").rows()) == {("site", 1)}
    assert found_of_each.height == 9


def test_a_question_names_the_record_where_its_value_is_not_open() -> None:
    rows = changed(("AE", 0, {"AESTDTC": "after UC-MSC"}))
    sides = sides_of(rows)
    (asked,) = sides.open_findings.filter(check="AE-AESTDTC-date")["query"]
    term = rows["AE"][0]["AEDECOD"]
    assert asked.startswith("AESTDTC is “…”. Expected a date as ISO 8601 writes it")
    assert (
        f"What stands in AESTDTC is not shown here; it is of the AE record with AEDECOD {term}"
        in asked
    )
    (complete,) = sides.all_findings.filter(check="AE-AESTDTC-date")["query"]
    assert complete.startswith("AESTDTC is “after UC-MSC”. Expected")
    assert "not shown" not in complete
    for text in sides.open_findings.select("query", "value").to_series():
        assert "[not shown]" not in (text or "")


# Sealed findings


def test_only_what_the_open_side_does_not_say_is_sealed() -> None:
    sides = faulty()
    sealed = only_sealed(sides.all_findings, sides.open_findings)
    assert not set(sealed["finding"]) & set(sides.open_findings["finding"])
    assert set(sealed["finding"]) | set(sides.open_findings["finding"]) == set(
        sides.all_findings["finding"]
    )
    faults = sealed.filter(pl.col("severity") != "note")
    assert faults["check"].to_list() == ["EX-102"]


def test_sealed_findings_name_file_and_row_and_open_ones_do_not() -> None:
    assessment = assess_rows(changed(*FAULTS))
    assert assessment.open_findings.columns == list(SCHEMA)
    sealed = assessment.sealed_findings
    assert sealed.columns == [*SCHEMA, "file", "row"]
    dose = sealed.filter(pl.col("check") == "EX-102")
    assert dose.select("file", "row").rows() == [("ex.csv", 2)]
    (key,) = dose["record_key"]
    (record,) = assessment.complete_relations["exposure"].filter(record_key=key).to_dicts()
    assert (record["_file"], record["_row"]) == ("ex.csv", 2)
    # A finding about a field as a whole is about no row.
    columns = sealed.filter(pl.col("check").str.ends_with("-columns"))
    assert columns["row"].null_count() == columns.height > 0


def test_a_sealed_finding_about_an_open_record_is_located() -> None:
    sealed = assess_rows(changed(("DM", 0, {"ARMCD": "CONTROL"}))).sealed_findings
    faults = sealed.filter(pl.col("check").is_in(["DM-108", "EX-101"]))
    assert faults.select("check", "file", "row").rows() == [
        ("DM-108", "dm.csv", 1),
        ("EX-101", "ex.csv", 1),
        ("EX-101", "ex.csv", 2),
    ]


def test_a_fault_in_a_sealed_record_is_sealed() -> None:
    record: Row = {"VISIT": "UNSCHEDULED", "LBDTC": "soon", "LBORRESU": "torr"}
    assessment = assess_rows(changed(("LB", None, record)))
    checks = {"LB-LBDTC-date", "LB-101"}
    assert not checks & set(assessment.open_findings["check"])
    sealed = assessment.sealed_findings.filter(pl.col("check").is_in(list(checks)))
    assert set(sealed.select("check", "row").rows()) == {(check, 5) for check in checks}


def test_findings_of_rows_from_two_files_name_theirs() -> None:
    frames = frames_of(clean_rows())
    record = clean_rows()["EX"][1] | {"EXSTDTC": "2023-03-20"}
    frames["EX"] = pl.concat(
        [frames["EX"], frame_of([record], "ex2.csv").select(frames["EX"].columns)]
    )
    sealed = assess_frames(frames).sealed_findings
    outside = sealed.filter(pl.col("check") == "EX-102")
    assert outside.select("file", "row").rows() == [("ex2.csv", 1)]
    assert {FILE_COLUMN, ROW_COLUMN} <= set(frames["EX"].columns)


def test_what_cannot_be_placed_is_critical_and_no_crash() -> None:
    """Each fault is found at its record, and as nothing else that is critical."""
    rows = changed(
        ("DM", None, {"USUBJID": "S-004"}),
        ("DM", None, {"USUBJID": "S-004"}),
        ("DM", None, {"USUBJID": None}),
        ("DM", 1, {"STUDYID": "OTHER"}),
        ("RANDOMIZATION", None, {"ARMCD": "CONTROL"}),
        ("RANDOMIZATION", None, {"USUBJID": "S-007"}),
        ("LB", None, {"USUBJID": "S-008"}),
        ("EX", None, {"USUBJID": "S-009"}),
    )
    assessment = assess_rows(rows)
    found = [
        findings.filter(pl.col("severity") == "critical").select("check", "subject").rows()
        for findings in (assessment.open_findings, assessment.sealed_findings)
    ]
    assert [sorted(of_side, key=str) for of_side in found] == [
        [
            ("DM-101", "S-002"),
            ("DM-USUBJID-present", None),
            ("DM-duplicate", "S-004"),
            ("DM-duplicate", "S-004"),
            ("LB-subject", "S-008"),
        ],
        [
            ("EX-subject", "S-009"),
            ("RANDOMIZATION-duplicate", "S-001"),
            ("RANDOMIZATION-duplicate", "S-001"),
            ("RANDOMIZATION-subject", "S-007"),
        ],
    ]
    assert assessment.critical == sum(map(len, found))


def test_a_form_that_every_subject_breaks_is_stated_once(tmp_path: Path) -> None:
    """The subject stands in every finding, and is the field here."""
    trial = load_trial("nct05689008")
    frames = simulate(trial, participants=2 * max(entry.listed for entry in FORMS))
    hostile = pl.concat_str(pl.lit("<b>"), "USUBJID")
    write_extract(
        {
            name: frame.with_columns(hostile.alias("USUBJID"))
            if "USUBJID" in frame.columns
            else frame
            for name, frame in frames.items()
        },
        tmp_path,
        format="parquet",
    )
    found = assess(read_extract(tmp_path), trial).open_findings
    stated_once = found.filter(pl.col("check") == "DM-text", pl.col("field") == "USUBJID")
    assert stated_once.select("subject", "record_key").rows() == [(None, None)]


def test_the_text_for_the_site_names_the_record_where_the_value_is_not_open() -> None:
    rows = changed(("AE", 0, {"AESTDTC": "after lunch"}), ("DM", 2, {"AGE": "old"}))
    findings = sides_of(rows).open_findings
    assert not findings["query"].str.contains("[not shown]", literal=True).any()
    queries = dict(findings.select("check", "query").rows())
    event = queries["AE-AESTDTC-date"]
    assert event.startswith("AESTDTC is “…”. Expected a date as ISO 8601 writes it")
    assert event.endswith(
        " What stands in AESTDTC is not shown here; it is of the AE record with AEDECOD Pyrexia,"
        " AEENDTC 2023-03-14."
    )
    assert queries["DM-AGE-number"].startswith("AGE is “…”. Expected a number.")
    assert queries["DM-AGE-number"].endswith("is not shown here; it is of the DM record.")
    # Of whom it is stands in the finding itself.
    subjects = dict(findings.select("check", "subject").rows())
    assert subjects["AE-AESTDTC-date"] == "S-001"
    assert subjects["DM-AGE-number"] == "S-003"


def test_a_date_that_sdtm_knows_in_part_is_no_finding_and_reads_as_what_is_known() -> None:
    written = ["2023---05", "2023-03-UN", "2023-03-12/2023-03-14", "2023-03-12T24:00", "--03-05"]
    terms = [f"Term {place}" for place in range(len(written))]
    events: list[Change] = [
        ("AE", None, {"AEDECOD": term, "AESTDTC": text, "AEENDTC": ""})
        for term, text in zip(terms, written, strict=True)
    ]
    rows = changed(*events)
    sides = sides_of(rows)
    for side, findings in (
        (sides.opened, sides.open_findings),
        (sides.complete, sides.all_findings),
    ):
        assert not findings.filter(pl.col("field") == "AESTDTC").height
        held = side.relations["adverse_event"].filter(pl.col("preferred_term").is_in(terms))
        held = held.sort("preferred_term")
        known = [text[:10] for text in held["start_date_text"]]
        assert known == ["2023", "2023-03", "2023-03", "2023-03-13", "-----"]
        assert held["start_date"].to_list() == [None, None, None, date(2023, 3, 13), None]
        assert held["study_day"].to_list() == [None, None, None, 4, None]
    # How they were written is kept, and shown where a record is shown as it was received.
    record = sides.complete.relations["adverse_event"].filter(pl.col("preferred_term") == "Term 1")
    shown = dict(as_received("AE", record.row(0, named=True)).select("field", "received").rows())
    assert shown["AESTDTC"] == "2023-03-UN"


def test_offsets_from_utc_are_noted_once_and_impossible_times_one_by_one() -> None:
    rows = changed(
        ("VS", 0, {"VSDTC": "2023-03-10T23:30-05:00"}),
        ("VS", 1, {"VSDTC": "2023-03-10T23:30Z"}),
        ("AE", 0, {"AESTDTC": "2023-03-12T25:61"}),
        ("AE", 1, {"AESTDTC": "2023-03-24T"}),
    )
    sides = sides_of(rows)
    found = sides.all_findings.filter(pl.col("check").is_in(["VS-offset", "AE-time"]))
    assert found.select("check", "severity", "field", "value").rows() == [
        ("AE-time", "minor", "AESTDTC", "2023-03-12T25:61"),
        ("AE-time", "minor", "AESTDTC", "2023-03-24T"),
        ("VS-offset", "note", "VSDTC", "2 records"),
    ]
    assert not set(found["check"]) & set(sides.open_findings["check"])
    assert all("“2023-03-" in query for query in found["query"][:2])


@pytest.mark.parametrize("text", ["9999-12-31", "1900-01-01", "2203-03-12"])
def test_a_date_that_stands_for_none_is_told_and_has_no_study_day(text: str) -> None:
    sides = sides_of(changed(("AE", 0, {"AESTDTC": text, "AEENDTC": ""})))
    for side, findings in (
        (sides.opened, sides.open_findings),
        (sides.complete, sides.all_findings),
    ):
        (query,) = findings.filter(pl.col("check") == "AE-placeholder")["query"]
        assert text in query
        events = side.relations["adverse_event"].filter(pl.col("preferred_term") == "Pyrexia")
        assert events.select("start_date", "study_day").row(0) == (None, None)
