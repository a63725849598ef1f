"""Who is randomized, who died, and until when everybody was observed: known, or said not to be."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from data_validation.assess import Assessment
from tests.data_validation.small_extracts import (
    TRIAL,
    Row,
    Rows,
    assess_frames,
    assess_rows,
    changed,
    clean_rows,
    frames_of,
)
from trials import Trial
from trials.models.arms import Randomization
from trials.models.participation import FollowUp, Screening, ScreeningReason

LATE = date(2023, 8, 31)


def of(assessment: Assessment, subject: str, *, sealed: bool = False) -> dict[str, Any]:
    """Where a subject stands, as the open or the sealed part has it."""
    relations = assessment.complete_relations if sealed else assessment.open_relations
    return relations["standing"].filter(pl.col("subject") == subject).row(0, named=True)


def checks(findings: pl.DataFrame) -> set[str]:
    return set(findings["check"])


def without(*datasets: str) -> Rows:
    return {name: rows for name, rows in clean_rows().items() if name not in datasets}


def trial_with(**parts: Any) -> Trial:
    return TRIAL.model_copy(update=parts)


def with_copies(*cases: str) -> Rows:
    """The faultless extract with a participant for each case, like S-001 and called by the case."""
    rows = clean_rows()
    for listed in rows.values():
        first = [row for row in listed if row["USUBJID"] == "S-001"]
        listed += [row | {"USUBJID": case} for case in cases for row in first]
    return rows


# How participation ended


def test_who_left_is_open_with_the_day_and_why_is_not() -> None:
    reasons = ("ADVERSE EVENT", "LACK OF EFFICACY", "PROTOCOL DEVIATION", "WITHDRAWAL BY SUBJECT")
    people = {reason: f"S-9{place}" for place, reason in enumerate(reasons)}
    rows = with_copies(*people.values())
    rows["DS"] += [
        {"USUBJID": person, "DSDECOD": reason, "DSSTDTC": "2023-03-20"}
        for reason, person in people.items()
    ]
    found = assess_rows(rows)
    opened = {
        name: frame for name, frame in found.open_relations.items() if name != "leaving_reason"
    }
    text = " ".join(str(frame.rows()) for frame in opened.values())
    for reason, person in people.items():
        standing = of(found, person)
        assert (standing["ended"], standing["leaving_date"]) == ("left", date(2023, 3, 20))
        assert (standing["observed_until"], standing["observed_by"]) == (
            date(2023, 3, 20),
            "recorded end",
        )
        assert of(found, person, sealed=True)["reason"] == reason
        assert reason not in text
    # All together are fewer than the smallest cell.
    assert len(people) < TRIAL.blinding.smallest_cell
    assert found.open_relations["leaving_reason"].rows() == [("OTHER REASON", None)]


def test_the_end_of_a_drug_ends_no_participation() -> None:
    cases = {
        None: True,
        "STUDY PARTICIPATION": True,
        "Study Drug": False,
        "STUDY TREATMENT": False,
        "REMDESIVIR": False,
    }
    people = {subcategory: f"S-9{place}" for place, subcategory in enumerate(cases)}
    rows = with_copies(*people.values())
    stopped: Row = {"DSDECOD": "PHYSICIAN DECISION", "DSCAT": "DISPOSITION EVENT"}
    rows["DS"] += [
        stopped | {"USUBJID": person, "DSSCAT": subcategory, "DSSTDTC": "2023-03-20"}
        for subcategory, person in people.items()
    ]
    found = assess_rows(rows)
    for subcategory, ends in cases.items():
        assert (of(found, people[subcategory])["ended"] == "left") is ends, subcategory
    (asked,) = found.sealed_findings.filter(pl.col("check") == "DS-109")["query"]
    assert "REMDESIVIR" in asked
    assert "DS-109" not in checks(found.open_findings)


def test_a_subcategory_that_the_definition_does_not_name_is_asked_about_once() -> None:
    rows = clean_rows()
    rows["DS"] += [
        {"USUBJID": who, "DSDECOD": "OTHER", "DSSCAT": "REMDESIVIR"}
        for who in ("S-001", "S-002", "S-003")
    ]
    asked = assess_rows(rows).sealed_findings.filter(pl.col("check") == "DS-109")
    assert asked.height == 1


def test_of_several_ends_the_latest_counts() -> None:
    rows = changed(
        ("DS", None, {"USUBJID": "S-001", "DSDECOD": "COMPLETED", "DSSTDTC": "2023-03-28"}),
        ("DS", None, {"USUBJID": "S-001", "DSDECOD": "OTHER", "DSSTDTC": "2023-03-20"}),
    )
    standing = of(assess_rows(rows), "S-001")
    assert (standing["ended"], standing["observed_until"]) == ("completed", date(2023, 3, 28))


def test_reasons_of_the_whole_trial_open_none_under_the_smallest_cell() -> None:
    smallest = TRIAL.blinding.smallest_cell
    rows = clean_rows()
    for reason, many in (("WITHDRAWAL BY SUBJECT", smallest), ("LOST TO FOLLOW-UP", 2)):
        for place in range(many):
            who = f"{reason[0]}-{place}"
            rows["DM"].append(rows["DM"][0] | {"USUBJID": who})
            rows["RANDOMIZATION"].append(rows["RANDOMIZATION"][0] | {"USUBJID": who})
            rows["DS"].append({"USUBJID": who, "DSDECOD": reason, "DSSTDTC": "2023-03-20"})
    # What is left over would tell how many the others are.
    found = assess_rows(rows).open_relations["leaving_reason"]
    # In steps: of seven, five.
    assert found.rows() == [("OTHER REASON", smallest)]


# Until when somebody was observed


def test_without_a_recorded_end_the_last_contact_counts_once_a_visit_is_overdue() -> None:
    found = assess_rows(without("DS"), cutoff=LATE)
    standing = of(found, "S-001")
    last = max(
        date.fromisoformat(str(row["AEENDTC"]))
        for row in clean_rows()["AE"]
        if row["USUBJID"] == "S-001"
    )
    assert standing["ended"] is None
    assert (standing["observed_until"], standing["observed_by"]) == (last, "last contact")
    # The dead are observed to their death, whatever records it.
    assert of(found, "S-002")["observed_until"] == date(2023, 3, 25)
    assert "FACT-102" in checks(found.open_findings)


def test_while_no_visit_is_overdue_observation_goes_on_to_the_cutoff() -> None:
    soon = date(2023, 3, 16)
    standing = of(assess_rows(without("DS"), cutoff=soon), "S-001")
    assert (standing["observed_until"], standing["observed_by"]) == (soon, "cut-off")


def test_who_has_no_record_since_randomization_is_not_followed() -> None:
    rows = {
        name: [row for row in part if name in ("DM", "RANDOMIZATION") or row["USUBJID"] != "S-001"]
        for name, part in clean_rows().items()
    }
    standing = of(assess_rows(rows, cutoff=LATE), "S-001")
    assert standing["observed_by"] == "not followed"
    assert standing["observed_until"] == date(2023, 3, 10)


def test_a_named_end_is_used_of_all_or_of_nobody() -> None:
    trial = trial_with(follow_up=FollowUp(end="DM.RFENDTC"))
    rows = without("DS")
    rows["DM"][0] = rows["DM"][0] | {"RFENDTC": "2023-03-22"}
    found = assess_rows(rows, trial, cutoff=date(2023, 3, 31))
    standing = of(found, "S-001")
    assert (standing["observed_until"], standing["observed_by"]) == (
        date(2023, 3, 22),
        "recorded end",
    )
    # Once follow-up is over, one of two without it closes it for both.
    late = assess_rows(rows, trial, cutoff=date(2024, 3, 31))
    assert of(late, "S-001")["observed_by"] == "last contact"
    assert "FACT-103" in checks(late.open_findings)
    # Without the key it stays sealed.
    assert of(assess_rows(rows), "S-001")["observed_by"] != "recorded end"


# Death and life


def test_whoever_any_source_calls_dead_is_dead() -> None:
    sources: dict[str, tuple[str, Row]] = {
        "disposition": ("DS", {"DSDECOD": "DEATH", "DSSTDTC": "2023-03-20"}),
        "outcome": ("AE", {"AEDECOD": "Sepsis", "AEOUT": "FATAL", "AEENDTC": "2023-03-20"}),
        "result": ("AE", {"AEDECOD": "Sepsis", "AESDTH": "Y", "AEENDTC": "2023-03-20"}),
        "grade": ("AE", {"AEDECOD": "Sepsis", "AETOXGR": "5", "AEENDTC": "2023-03-20"}),
        "details": ("DD", {"DDTESTCD": "PRCDTH", "DDDTC": "2023-03-20"}),
        "contact": ("SS", {"SSTESTCD": "SURVSTAT", "SSSTRESC": "DEAD", "SSDTC": "2023-03-20"}),
    }
    rows = with_copies(*sources)
    for person, (dataset, row) in sources.items():
        rows.setdefault(dataset, []).append({"USUBJID": person, **row})
    found = assess_rows(rows)
    for person, (dataset, _) in sources.items():
        standing = of(found, person)
        assert (standing["ended"], standing["death_source"]) == ("died", dataset), person
        # Death details and a contact say by when, and not when.
        dated = None if dataset in ("DD", "SS") else date(2023, 3, 20)
        assert standing["death_date"] == dated, person


def test_a_leaver_later_known_to_have_died_counts_so_and_not_at_risk() -> None:
    rows = changed(
        ("DS", None, {"USUBJID": "S-001", "DSDECOD": "OTHER", "DSSTDTC": "2023-03-15"}),
        ("DM", 0, {"DTHDTC": "2023-03-28", "DTHFL": "Y"}),
    )
    standing = of(assess_rows(rows), "S-001")
    assert (standing["ended"], standing["death_date"]) == ("died", date(2023, 3, 28))
    assert (standing["observed_until"], standing["observed_by"]) == (
        date(2023, 3, 15),
        "recorded end",
    )


def test_a_leaver_later_known_to_live_is_alive_until_then() -> None:
    rows = changed(
        ("DS", None, {"USUBJID": "S-001", "DSDECOD": "OTHER", "DSSTDTC": "2023-03-15"}),
    )
    contact: Row = {"USUBJID": "S-001", "SSTESTCD": "SURVSTAT", "SSSTRESC": "ALIVE"}
    rows["SS"] = [contact | {"SSDTC": "2023-03-30"}]
    standing = of(assess_rows(rows), "S-001")
    assert (standing["alive_until"], standing["observed_until"]) == (
        date(2023, 3, 30),
        date(2023, 3, 15),
    )


def test_a_death_after_the_cutoff_is_none_by_it() -> None:
    rows = changed(("DM", 0, {"DTHDTC": "2023-04-20", "DTHFL": "Y"}))
    assert of(assess_rows(rows), "S-001")["ended"] is None
    assert of(assess_rows(rows, cutoff=LATE), "S-001")["ended"] == "died"


def test_what_is_told_of_a_death_after_the_cutoff_is_none_by_it() -> None:
    told: dict[str, Row] = {
        "SS": {"SSTESTCD": "SURVSTAT", "SSSTRESC": "DEAD", "SSDTC": "2023-04-20"},
        "DD": {"DDTESTCD": "PRCDTH", "DDDTC": "2023-04-20"},
        "AE": {"AEDECOD": "Sepsis", "AEOUT": "FATAL", "AESTDTC": "2023-04-18"},
        "DS": {"DSDECOD": "DEATH", "DSSTDTC": "2023-04-20"},
    }
    people = {dataset: f"by {dataset}" for dataset in told}
    rows = with_copies(*people.values())
    for dataset, row in told.items():
        rows.setdefault(dataset, []).append({"USUBJID": people[dataset], **row})
    by_then, later = assess_rows(rows), assess_rows(rows, cutoff=LATE)
    for person in people.values():
        assert of(by_then, person)["ended"] is None, person
        assert of(later, person)["ended"] == "died", person


def test_a_date_before_randomization_is_none_and_nobody_is_followed_backwards() -> None:
    """A year that is wrong loses to a source with another date, and gives no day of its own."""
    contact: Row = {"SSTESTCD": "SURVSTAT", "SSSTRESC": "DEAD"}
    early: dict[str, list[tuple[str, Row]]] = {
        "alone": [("DM", {"DTHDTC": "2022-03-20"})],
        "in part": [("DM", {"DTHDTC": "2022-03"})],
        "by event": [("AE", {"AEDECOD": "Sepsis", "AEOUT": "FATAL", "AEENDTC": "2022-03-20"})],
        "by contact": [("SS", contact | {"SSDTC": "2022-03-20"})],
        "other source": [
            ("DM", {"DTHDTC": "2022-03-20"}),
            ("DS", {"DSDECOD": "DEATH", "DSSTDTC": "2023-03-20"}),
        ],
        "left": [("DS", {"DSDECOD": "WITHDRAWAL BY SUBJECT", "DSSTDTC": "2022-03-15"})],
        "completed": [("DS", {"DSDECOD": "COMPLETED", "DSSTDTC": "2022-03-15"})],
        # The other way round: by one source dead, by another later than anybody can know.
        "late": [
            ("DM", {"DTHDTC": "2024-03-20"}),
            ("DS", {"DSDECOD": "DEATH", "DSSTDTC": "2023-03-20"}),
        ],
        "late and found dead": [
            ("DM", {"DTHDTC": "2024-03"}),
            ("SS", contact | {"SSDTC": "2023-03-20"}),
        ],
    }
    rows = with_copies(*early)
    for person, records in early.items():
        for dataset, cells in records:
            if dataset == "DM":
                next(row for row in rows["DM"] if row["USUBJID"] == person).update(cells)
            else:
                rows.setdefault(dataset, []).append({"USUBJID": person, **cells})
    rows["DM"].append(rows["DM"][2] | {"USUBJID": "screened", "DTHDTC": "2022-03", "DTHFL": "Y"})
    found = assess_rows(rows)
    last_contact = date(2023, 3, 14)
    for person in early:
        standing = of(found, person)
        other_date = date(2023, 3, 20) if person in ("other source", "late") else None
        ended = person if person in ("left", "completed") else "died"
        dates = [standing[name] for name in ("death_date", "leaving_date", "completion_date")]
        assert (standing["ended"], dates) == (ended, [other_date, None, None]), person
        assert standing["death_date_text"] is None, person
        assert standing["observed_until"] == (other_date or last_contact), person
        assert standing["alive_until"] == last_contact, person
    assert (of(found, "screened")["ended"], of(found, "screened")["death_date_text"]) == (
        "died",
        None,
    )
    said = {
        check: set(found.open_findings.filter(pl.col("check") == check)["subject"])
        for check in ("DM-106", "DS-111", "DS-103")
    }
    assert said["DM-106"] == {"alone", "in part", "other source", "screened"}
    assert said["DS-111"] == {"left", "completed"}
    assert said["DS-103"] >= {"other source", "late"}


# Who is randomized


def test_arms_without_randomization_are_refused_with_what_to_send() -> None:
    found = assess_rows(without("RANDOMIZATION", "DS", "SV"))
    told = found.open_findings.filter(pl.col("check") == "FACT-101")
    assert found.critical
    assert told["message"].item().startswith("2 participants have an arm in DM, and nothing in")
    assert "RANDDTC" in told["message"].item()


def test_dates_of_randomization_that_cannot_be_read_are_told_with_their_column() -> None:
    """As one finding: by numbers of a spreadsheet nobody would have a study day, and no page."""
    unreadable: Row = {"RANDDTC": "45123"}
    all_of_list = changed(("RANDOMIZATION", 0, unreadable), ("RANDOMIZATION", 1, unreadable))
    of_ds = without("RANDOMIZATION") | {
        "DS": [row | {"DSSTDTC": "10/03/2023"} for row in clean_rows()["DS"]]
    }
    for rows, field in ((all_of_list, "RANDOMIZATION.RANDDTC"), (of_ds, "DS.DSSTDTC")):
        found = assess_rows(rows)
        told = found.open_findings.filter(check="FACT-107")
        assert found.critical == 1
        (message,) = told["message"]
        assert message.startswith(f"{field} has a text for 2 of 2 randomized participants")
        assert f"Send {field} of everybody as ISO 8601" in message
        assert "DM-102" not in checks(found.open_findings)
    of_some: list[tuple[Row, str | None]] = [
        (unreadable, "1 have a text in RANDOMIZATION.RANDDTC that is not read as a date, and 0"),
        ({"RANDDTC": "2023-03"}, None),
    ]
    for cells, said in of_some:
        found = assess_rows(changed(("RANDOMIZATION", 0, cells)))
        messages = found.open_findings.filter(check="FACT-108")["message"].to_list()
        assert [said in message for message in messages if said] == [True] * len(messages)
        assert bool(messages) is (said is not None)
        assert "DM-102" in checks(found.open_findings)
        assert not found.critical


def test_a_list_without_arms_says_so_and_not_that_nobody_is_randomized() -> None:
    rows = without("DS", "SV")
    for row in (*rows["RANDOMIZATION"], *rows["DM"]):
        del row["ARMCD"]
    found = assess_rows(rows)
    (message,) = found.open_findings.filter(check="FACT-101")["message"]
    assert message.startswith("The allocation list (RANDOMIZATION) has 2 records and no arm")
    assert found.critical


def test_demographics_are_a_source_where_the_definition_names_them() -> None:
    trial = trial_with(randomization=Randomization(source="DM.RFSTDTC"))
    rows = without("RANDOMIZATION", "DS", "SV")
    for row in rows["DM"][:2]:
        row["RFSTDTC"] = "2023-03-11"
    people = assess_rows(rows, trial).open_relations["participant"]
    assert people.filter("randomized")["randomization_date"].to_list() == [date(2023, 3, 11)] * 2
    # A date that one arm only has could tell it.
    rows["DM"][1]["RFSTDTC"] = None
    refused = assess_rows(rows, trial)
    assert "FACT-101" in checks(refused.open_findings)
    assert (
        "1 of 2 participants"
        in refused.open_findings.filter(pl.col("check") == "FACT-101")["message"].item()
    )


def test_a_list_that_was_cut_off_is_no_source_for_the_whole_trial() -> None:
    rows = clean_rows()
    for place in range(40):
        who = f"T-{place:02}"
        rows["DM"].append(rows["DM"][0] | {"USUBJID": who})
        rows["DS"].append({"USUBJID": who, "DSDECOD": "RANDOMIZED", "DSSTDTC": "2023-03-10"})
    people = assess_rows(rows).open_relations["participant"]
    assert people["randomized"].sum() == 42
    # Where no source has nearly all, nobody is chosen.
    for place in range(40):
        who = f"L-{place:02}"
        rows["DM"].append(rows["DM"][0] | {"USUBJID": who})
        rows["RANDOMIZATION"].append(rows["RANDOMIZATION"][0] | {"USUBJID": who})
    refused = assess_rows(rows).open_findings.filter(pl.col("check") == "FACT-101")
    assert "allocation list 42, DS 42, " in refused["message"].item()
    assert "of 82 in all of them together" in refused["message"].item()


def test_randomization_has_more_than_one_wording() -> None:
    wordings = ("RANDOMIZED", "Randomised", "RANDOMIZATION", "ENTERED INTO TREATMENT GROUP")
    rows = with_copies(*wordings)
    del rows["RANDOMIZATION"], rows["SV"]
    for row in rows["DS"]:
        if row["USUBJID"] in wordings:
            row["DSDECOD"] = row["USUBJID"]
    people = assess_rows(rows).open_relations["participant"]
    assert set(people.filter("randomized")["subject"]) == {"S-001", "S-002", *wordings}


# Why somebody is not randomized


def test_screen_failures_are_told_by_arm_code_disposition_and_other_spellings() -> None:
    trial = trial_with(
        screening=Screening(
            reasons=(ScreeningReason(name="Body mass index too high", terms=("BMI OVER 30",)),)
        )
    )
    rows = clean_rows()
    failed = rows["DM"][2]
    rows["IE"] = []
    rows["DM"][2:] = [
        failed | {"USUBJID": "S-003", "ARMCD": "SCRNFAIL"},
        failed | {"USUBJID": "S-004"},
        failed | {"USUBJID": "S-005"},
        failed | {"USUBJID": "S-006", "ARMCD": "NOTASSGN"},
    ]
    rows["DS"][3:] = [
        {"USUBJID": "S-004", "DSDECOD": "SCREENING FAILURE", "DSTERM": "BMI over 30"},
        {"USUBJID": "S-005", "DSDECOD": "SCREEN FAILURE", "DSTERM": "No time"},
    ]
    found = assess_rows(rows, trial)
    states = found.open_relations["standing"].filter(pl.col("screening").is_not_null())
    assert states.select("subject", "screening", "screening_reason").rows() == [
        ("S-003", "failed", None),
        ("S-004", "failed", "Body mass index too high"),
        ("S-005", "failed", "No time"),
        ("S-006", "not assigned", None),
    ]
    assert "DS-110" in checks(found.sealed_findings)


def test_screening_does_not_last_for_ever() -> None:
    rows = clean_rows()
    rows["DS"], rows["IE"] = rows["DS"][:3], []
    assert of(assess_rows(rows), "S-003")["screening"] == "in screening"
    assert of(assess_rows(rows, cutoff=LATE), "S-003")["screening"] == "not known"
    # Of somebody with an arm nothing is said of it: the reason opens of those without one alone.
    assert of(assess_rows(rows), "S-001")["screening"] is None


def test_a_date_known_to_the_month_counts_in_the_month() -> None:
    found = assess_rows(changed(("RANDOMIZATION", 0, {"RANDDTC": "2023-03"})))
    person = found.open_relations["participant"].filter(pl.col("subject") == "S-001")
    assert person["randomization_date"].to_list() == [None]
    assert of(found, "S-001")["randomized_month"] == date(2023, 3, 1)


# What is recorded


@pytest.mark.parametrize(
    ("left_out", "fact"),
    [
        (("AESER", "AESDTH", "AESHOSP"), "Seriousness of events"),
        (("AESTDTC",), "Onset of events"),
        (("AEOUT", "AESDTH"), "Fatal outcome of events"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_recorded_nowhere_has_no_source(
    left_out: tuple[str, ...], fact: str, is_there: bool
) -> None:
    rows = clean_rows()
    for row in rows["AE"]:
        for name in left_out:
            row[name] = None
            if not is_there:
                del row[name]
    facts = assess_rows(rows).open_relations["known_fact"]
    said = facts.filter(pl.col("fact") == fact)
    assert said.select("source", "known").row(0) == (None, None)


def test_a_loss_never_makes_a_fact_better_known() -> None:
    whole = assess_rows(clean_rows(), cutoff=LATE).open_relations["known_fact"]
    for name in ("AE", "DS", "SV", "LB"):
        lost = assess_rows(without(name), cutoff=LATE).open_relations["known_fact"]
        for fact in ("Deaths", "End of participation"):
            before, after = (
                frame.filter(pl.col("fact") == fact)["known"].item() or 0 for frame in (whole, lost)
            )
            assert after <= before


def test_a_dataset_that_was_delivered_twice_is_refused() -> None:
    """Its events would count twice; of a few records all may well be alike."""
    events: list[dict[str, str | None]] = [
        {"USUBJID": "S-001", "AEDECOD": f"Term {number}", "AESTDTC": "2023-03-02", "AESEV": "MILD"}
        for number in range(12)
    ]
    for times, refused in ((1, False), (2, True), (3, True)):
        found = assess_rows(clean_rows() | {"AE": events * times}).open_findings
        told = found.filter(pl.col("check") == "FACT-105")
        assert (not told.is_empty()) is refused
        assert not refused or told["severity"].item() == "critical"
    few = assess_rows(clean_rows() | {"AE": events[:3] * 2})
    one_more = assess_rows(clean_rows() | {"AE": [*events * 2, events[0] | {"AESEV": "SEVERE"}]})
    for assessed in (few, one_more):
        assert "FACT-105" not in checks(assessed.open_findings)


def test_columns_of_events_and_no_event_are_told() -> None:
    frames = frames_of(clean_rows())
    without = frames | {"AE": frames["AE"].head(0)}
    assert "FACT-106" in checks(assess_frames(without).open_findings)
    assert "FACT-106" not in checks(assess_frames(frames).open_findings)
