"""The allow-list: what an open table may hold, and that the rest leaves no trace in it."""

import json
import random
from collections.abc import Iterable
from copy import deepcopy
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_validation.assess import NOT_RECEIVED, Assessment
from data_validation.domains import DOMAINS
from data_validation.facts import Exposure, folded_terms
from data_validation.released import NotRandomizedError, released_randomization
from data_validation.sealing import split
from data_validation.values import NOT_SHOWN
from tests.conftest import PROVE, examples
from tests.data_validation.small_extracts import (
    TRIAL,
    Row,
    Rows,
    assess_frames,
    assess_rows,
    changed,
    clean_rows,
    frame_of,
    frames_of,
    whole_rows,
)
from trials import Trial

# The allow-list once more, by hand: opening a field must need a change here as well.
SERIOUSNESS = ["death", "life_threatening", "hospitalization", "disability", "congenital"]
SERIOUSNESS += ["medically_important"]
TYPED_DATE = {"start_date", "start_date_text"}
MEASURED = {"subject", "test_code", "result", "result_text", "unit", "visit", "study_day"}
MEASURED |= {"date", "date_text", "measure", "value", "value_limit", "is_baseline", "visit_number"}
MEASURED |= {"planned_day", "visit_by"}
OPEN_COLUMNS = {
    "participant": {"study", "subject", "site", "age", "age_text", "age_unit", "age_unit_text"}
    | {"sex", "sex_text", "race", "race_text", "ethnicity", "ethnicity_text", "country"}
    | {"consent_date", "consent_date_text", "collection_date", "collection_date_text"}
    | {"death_date", "death_date_text", "death_flag", "death_flag_text"}
    # Released from sealed input, or computed from what is open:
    | {"randomized", "randomization_date", "randomization_date_text", "stratum", "end_date"}
    | {"screening_date", "died", "screen_failure", "screen_failure_date", "screening_reason"}
    | {"not_assigned"},
    "disposition": {"subject", "became", "category", "category_text", "study_day"} | TYPED_DATE,
    "criterion_exception": {"subject", "criterion", "category", "category_text", "study_day"}
    | {"result", "result_text", "date", "date_text"},
    "visit": {"subject", "visit", "end_date", "end_date_text", "study_day", "visit_number"}
    | {"planned_day"}
    | TYPED_DATE,
    "adverse_event": {"subject", "preferred_term", "body_system", "severity", "severity_text"}
    | {"grade", "grade_text", "serious", "serious_text", "outcome", "outcome_text", "study_day"}
    | {"end_date", "end_date_text"}
    | TYPED_DATE
    | {f"serious_{criterion}{suffix}" for criterion in SERIOUSNESS for suffix in ("", "_text")},
    "laboratory": MEASURED
    | {"specimen", "normal_low", "normal_low_text", "normal_high", "normal_high_text", "gas"},
    "vital_sign": MEASURED,
    "procedure": {"subject", "procedure_class", "end_date", "end_date_text", "study_day", "support"}
    | TYPED_DATE,
    "deviation": {"subject", "category", "study_day"} | TYPED_DATE,
    "hospital_stay": {"subject", "place", "end_date", "end_date_text", "study_day"} | TYPED_DATE,
    "vital_status_contact": {"subject", "test_code", "status", "status_text", "visit", "date"}
    | {"date_text", "study_day", "visit_number", "planned_day"},
    "death_detail": {"subject", "test_code", "date", "date_text", "study_day"},
    "medication": {"subject", "medication_class", "end_date", "end_date_text", "study_day"}
    | TYPED_DATE,
    "medical_history": {"subject", "preferred_term", "body_system", "occurred", "occurred_text"}
    | {"end_date", "end_date_text", "study_day"}
    | TYPED_DATE,
    "clinical_event": {"subject", "symptom", "occurred", "occurred_text", "severity"}
    | {"severity_text", "collection_date", "collection_date_text", "end_date", "end_date_text"}
    | {"study_day"}
    | TYPED_DATE,
    "finding_about": {"subject", "symptom", "test_code", "result", "result_text", "visit", "date"}
    | {"date_text", "study_day", "visit_number", "planned_day"},
    "supplemental_qualifier": {"subject", "qualified_domain", "qualifier", "value"},
    "respiratory_measurement": MEASURED,
    "clinical_scale": MEASURED | {"category"},
    "cell_phenotype": MEASURED | {"specimen"},
    "ecg": MEASURED,
    "questionnaire": MEASURED | {"category"},
    "blood_gas": {"subject", "visit", "visit_number", "planned_day", "date", "study_day"}
    | {"pao2", "fio2", "pao2_fio2", "is_baseline", "is_day_value", "is_worst"},
}

# Columns that are sealed in every domain that has them, whatever a trial says; the design names
# them by their suffix.
SUFFIXES = ("SEQ", "DY", "STDY", "ENDY", "STRF", "ENRF", "STRTPT", "ENRTPT", "BLFL", "TPT")
MORE_SUFFIXES = ("TPTNUM", "ELTM", "RFTDTC", "SPID", "REFID", "GRPID")
ALWAYS_SEALED = ("ARM", "ARMCD", "ACTARM", "ACTARMCD", "ARMNRS", "ACTARMUD", "RFSTDTC", "RFENDTC")
MORE_SEALED = ("RFXSTDTC", "RFXENDTC", "RFPENDTC", "TAETORD", "VISITDY", "EPOCH", "AETRTEM")
AE_SEALED = ("AEREL", "AERELNST", "AEACN", "AEACNOTH", "AETERM", "AELLT", "NOTE")
# What says a time point seals the record, see `test_time_points`.
TIME_POINT = ("TPT", "TPTREF", "TPTNUM", "ELTM", "RFTDTC")
SEALED_DATASETS = ("SE", "TA", "CO", "RELREC", "SUPPAE", "SUPPDM", "XX")
# Sealed cells that decide about their row, or are released: these keep what they have.
DECIDING = {
    # What says that somebody failed screening, and why, opens; so does what became of participants.
    "DM": {"ARMCD", "ARM", "ACTARMCD", "ACTARM", "ARMNRS"},
    "DS": {"DSDECOD", "DSTERM", "DSSCAT"},
    "PR": {"PRTRT", "PRDECOD"},
    "CM": {"CMTRT", "CMDECOD"},
    "HO": {"HOTERM", "HODECOD"},
    "DV": {"DVCAT", "DVDECOD"},
    "CE": {"CETERM", "CEDECOD", "CEPRESP"},
    "FA": {"FAOBJ"},
    "RANDOMIZATION": {"STRATUM", "RANDDTC"},
}


def flooded() -> tuple[Rows, set[str]]:
    """The faultless extract with a mark of its own in every sealed cell; and the marks."""
    rows, marks = whole_rows(), set[str]()

    def mark() -> str:
        marks.add(text := f"SEALED-{len(marks) + 1}.")
        return text

    for name, records in rows.items():
        domain = DOMAINS[name]
        # What is made of the extract is not taken from it.
        received = [field for field in domain.fields if not field.made]
        names = {field.name for field in received if field.exposure is Exposure.SEALED}
        names |= {f"{name}{suffix}" for suffix in (*SUFFIXES, *MORE_SUFFIXES)}
        names |= {*ALWAYS_SEALED, *MORE_SEALED, *(AE_SEALED if name == "AE" else ())}
        names -= {f"{name}{suffix}" for suffix in TIME_POINT}
        for record in records:
            for column in sorted(names - DECIDING.get(name, set())):
                record[column] = mark()
    for name in SEALED_DATASETS:
        rows[name] = [{"USUBJID": "S-001", "QNAM": mark()}]
    return rows, marks


def texts_of(frames: dict[str, pl.DataFrame]) -> str:
    """Everything in some frames as one text, names of columns included."""
    return "\n".join(f"{frame.columns}\n{frame.write_csv()}" for frame in frames.values())


@cache
def clean() -> Assessment:
    """The assessment of the faultless extract."""
    return assess_rows(clean_rows())


@cache
def whole() -> Assessment:
    """The assessment of the faultless extract with every domain."""
    return assess_rows(whole_rows())


def open_side(assessment: Assessment) -> dict[str, pl.DataFrame]:
    return {**assessment.open_relations, "finding": assessment.open_findings}


def sealed_side(assessment: Assessment) -> dict[str, pl.DataFrame]:
    return {
        **assessment.complete_relations,
        "unknown": assessment.unknown,
        "finding": assessment.sealed_findings,
    }


def test_open_relations_have_the_columns_of_the_allow_list_and_no_other() -> None:
    opened = assess_rows(flooded()[0]).open_relations
    assert set(opened) == {*OPEN_COLUMNS, *NOT_RECEIVED}
    # Of what is sealed a number, in steps, of nobody.
    assert opened["sealed_event"].columns == ["at_least", "terms"]
    assert opened["sealed_event"]["at_least"].item() % 5 == 0
    for relation, columns in OPEN_COLUMNS.items():
        assert set(opened[relation].columns) == {"record_key", *columns}, relation


def test_no_sealed_cell_gets_into_the_open_and_none_is_lost() -> None:
    rows, marks = flooded()
    assessment = assess_rows(rows)
    assert len(marks) > 300
    assert "SEALED-" not in texts_of(open_side(assessment))
    kept = texts_of(sealed_side(assessment))
    assert {mark for mark in marks if mark not in kept} == set()
    # The rows themselves are open as before.
    before = whole().open_relations
    for relation, frame in assessment.open_relations.items():
        assert_frame_equal(frame, before[relation])


def test_free_text_in_open_fields_that_have_a_form_is_masked() -> None:
    rows = clean_rows()
    for name, records in rows.items():
        for record in records:
            for field in DOMAINS[name].open_fields:
                if field.typed and name != "RANDOMIZATION":
                    record[field.name] = "UC-MSC at 08:30"
    assessment = assess_rows(rows)
    opened = texts_of(open_side(assessment))
    assert "UC-MSC" not in opened
    assert "08:30" not in opened
    assert NOT_SHOWN in opened
    assert "UC-MSC at 08:30" in texts_of(sealed_side(assessment))


@given(st.times(), st.sampled_from(["", "Z", "+08:00"]))
@settings(max_examples=40 if PROVE else 2, deadline=None)
def test_clock_times_change_nothing_open(clock: object, zone: str) -> None:
    rows = clean_rows()
    for name, records in rows.items():
        for record in records:
            for field in DOMAINS[name].fields:
                if field.name.endswith("DTC") and record.get(field.name):
                    record[field.name] = f"{record[field.name]}T{clock}{zone}"
    timed = assess_rows(rows)
    for relation, frame in open_side(clean()).items():
        assert_frame_equal(open_side(timed)[relation], frame)


ADDED: dict[str, tuple[str, Row]] = {
    "AE under a sealed term": ("AE", {"AEDECOD": "Infusion related reaction"}),
    "AE under a sealed term in upper case": ("AE", {"AEDECOD": "CYTOKINE RELEASE SYNDROME"}),
    "AE under a sealed term with a hyphen": ("AE", {"AEDECOD": "infusion-related  reaction "}),
    "SV of an instillation": ("SV", {"VISIT": "INSTILLATION 1"}),
    "SV unscheduled": ("SV", {"VISIT": "UNSCHEDULED 2.1"}),
    "SV of another day": ("SV", {"VISIT": "DAY -2"}),
    "SV without a name": ("SV", {"VISIT": None}),
    "LB unscheduled": ("LB", {"VISIT": "UNSCHEDULED"}),
    "LB of an instillation": ("LB", {"VISIT": "INSTILLATION 2"}),
    "LB of a test that is no measure": ("LB", {"LBTESTCD": "HLAAB"}),
    "LB without a test": ("LB", {"LBTESTCD": None}),
    "VS unscheduled": ("VS", {"VISIT": "UNSCHEDULED"}),
    "VS after a dose": ("VS", {"VSTPT": "1 H POST-DOSE"}),
    "LB from an instillation": ("LB", {"LBTPT": "2 HOURS", "LBTPTREF": "INSTILLATION 1"}),
    "VS of a test that is no measure": ("VS", {"VSTESTCD": "INSTVOL"}),
    "DS about treatment": ("DS", {"DSDECOD": "STUDY TREATMENT DISCONTINUED"}),
    "DS of the drug": ("DS", {"DSDECOD": "OTHER", "DSSCAT": "STUDY DRUG"}),
    "DS without a term": ("DS", {"DSDECOD": None}),
    "PR in no class": ("PR", {"PRTRT": "BRONCHOSCOPY"}),
    "PR without a name": ("PR", {"PRTRT": None}),
    "IE of no criterion": ("IE", {"IETESTCD": "INCL99"}),
    "EX": ("EX", {"EXSTDTC": "2023-03-16"}),
    "EC": ("EC", {"ECSTDTC": "2023-03-16"}),
    "DA": ("DA", {"DADTC": "2023-03-16"}),
    "DV about treatment": ("DV", {"DVCAT": "STUDY TREATMENT"}),
    "DV about a dose by its words": ("DV", {"DVTERM": "Visit missed after instillation 2"}),
    "CM in no class": ("CM", {"CMDECOD": "DIPHENHYDRAMINE"}),
    "CM on one day": ("CM", {"CMSTDTC": "2023-03-13", "CMENDTC": "2023-03-13"}),
    "CM without an end": ("CM", {"CMENDTC": None}),
    "CM for a dose": ("CM", {"CMINDC": "Pre-medication, instillation"}),
    "MH not coded": ("MH", {"MHDECOD": None, "MHTERM": "cell therapy before"}),
    "MH under a sealed term": ("MH", {"MHDECOD": "Cytokine release syndrome"}),
    "CE of no symptom": ("CE", {"CEDECOD": "Injection site pain"}),
    "CE after a dose": ("CE", {"CETPTREF": "INSTILLATION 1"}),
    "CE that nobody asked for": ("CE", {"CEPRESP": None}),
    "FA of no symptom": ("FA", {"FAOBJ": "Instillation"}),
    "FA unscheduled": ("FA", {"VISIT": "UNSCHEDULED"}),
    "FA of another test": ("FA", {"FATESTCD": "DIAMETER"}),
    "HO elsewhere": ("HO", {"HODECOD": "INSTILLATION UNIT"}),
    "SS of a visit of one arm": ("SS", {"VISIT": "INSTILLATION 1"}),
    "SS of another question": ("SS", {"SSTESTCD": "TRTSTAT"}),
    "DD of another question": ("DD", {"DDTESTCD": "TRTREL"}),
    "RE unscheduled": ("RE", {"VISIT": "UNSCHEDULED"}),
    "RE of a test that is no measure": ("RE", {"RETESTCD": "INSTVOL"}),
    "RS of another version of the scale": ("RS", {"RSCAT": "WHO ORDINAL SCALE 0-8"}),
    "RS without its version": ("RS", {"RSCAT": None}),
    "CP after a dose": ("CP", {"CPTPT": "24 H POSTDOSE"}),
    "EG at a time point that names nothing": ("EG", {"EGTPT": "PRE"}),
    "QS by the number of a time point": ("QS", {"QSTPTNUM": "2"}),
    "RE by a time elapsed": ("RE", {"REELTM": "PT30M"}),
    "AE with a time point": ("AE", {"AETPT": "T+30MIN"}),
    "EG unscheduled": ("EG", {"VISIT": "UNSCHEDULED"}),
    "QS of another questionnaire": ("QS", {"QSCAT": "INSTILLATION DIARY"}),
    "SUPP": ("SUPP", {"QNAM": "AEINST"}),
}


@cache
def sealed_records() -> tuple[Rows, Assessment, Assessment]:
    """The rows with every added record, what is made of them, and of the same without these."""
    rows = whole_rows()
    before: Rows = {}
    for name, first in whole_rows().items():
        rows[name] += [first[0] | cells for domain, cells in ADDED.values() if domain == name]
        # With the same columns: that one is not there is a finding of its own.
        columns: Row = dict.fromkeys(column for row in rows[name] for column in row)
        before[name] = [columns | row for row in first]
    return rows, assess_rows(before), assess_rows(rows)


@pytest.mark.parametrize("name", sorted({name for name, _ in ADDED.values()}))
def test_sealed_records_leave_no_trace_in_the_open(name: str) -> None:
    """Records of every domain, each sealed for another reason, all of them added at once."""
    rows, before, after = sealed_records()
    relation = DOMAINS[name].relation
    if relation in before.open_relations:
        assert_frame_equal(after.open_relations[relation], before.open_relations[relation])
    added = [cells for domain, cells in ADDED.values() if domain == name]
    first = len(rows[name]) - len(added)
    heights = [side.complete_relations[relation].height for side in (before, after)]
    assert heights == [first, first + len(added)]
    # Open and sealed records of the faultless extract come before those that were added.
    sealed = after.complete_relations[relation].filter(~pl.col("_open"))
    places = set(sealed.select("_file", "_row").iter_rows())
    for position, cells in enumerate(added, start=first + 1):
        assert (f"{name.lower()}.csv", position) in places, cells
    assert sealed["record_key"].str.starts_with(f"{name}:").all()


def test_sealed_records_change_nothing_else_that_is_open() -> None:
    _, before, after = sealed_records()
    for relation, frame in open_side(before).items():
        assert frame.equals(open_side(after)[relation]), relation


def test_a_death_of_a_sealed_event_leaves_who_left_early_among_them() -> None:
    """The reasons of leaving are sealed, and of whom they are counted is not."""
    left = {"DSDECOD": "WITHDRAWAL BY SUBJECT", "DSCAT": "DISPOSITION EVENT"}
    before = changed(("DS", None, {**left, "DSSTDTC": "2023-03-20"}))
    fatal: Row = {
        "AEDECOD": "Infusion related reaction",
        "AEOUT": "FATAL",
        "AEENDTC": "2023-03-21",
    }
    after = deepcopy(before)
    after["AE"].append(after["AE"][0] | {"USUBJID": before["DS"][0]["USUBJID"]} | fatal)
    opened, expected = open_side(assess_rows(after)), open_side(assess_rows(before))
    assert expected["leaving_reason"].height == 1
    for relation, frame in expected.items():
        assert_frame_equal(opened[relation], frame)


def test_of_somebody_with_an_arm_no_reason_of_not_having_one_opens() -> None:
    """Though no list calls them randomized: what stands there may be about their arm."""
    rows = clean_rows()
    for column in ("none", "ARMCD", "ARM", "ACTARMCD", "ACTARM"):
        person: Row = {"USUBJID": column, "ARMNRS": "batch of cells too late"}
        arm: Row = {} if column == "none" else {column: TRIAL.arms.list[0].code}
        rows["DM"].append(rows["DM"][2] | person | arm)
        rows["DS"].append(rows["DS"][3] | {"USUBJID": column, "DSTERM": "no cells left"})
    standing = assess_rows(rows).open_relations["standing"]
    reasons = standing.filter(~pl.col("subject").str.starts_with("S-")).select(
        "subject", "screening", "screening_reason"
    )
    assert sorted(reasons.rows()) == [
        ("ACTARM", "failed", None),
        ("ACTARMCD", "failed", None),
        ("ARM", "failed", None),
        ("ARMCD", "failed", None),
        ("none", "failed", "no cells left"),
    ]


def test_a_sealed_record_has_the_same_key_wherever_it_stands() -> None:
    """What became of it is told from one extract to the next by its key."""
    rows = clean_rows()
    dose = rows["EX"][0]
    others = [{**dose, "EXSTDTC": "2023-02-25", "EXLOT": lot} for lot in ("L8", "L9")]
    keys = []
    for order in ([dose, *others], [*reversed(others), dose], [dose, dict(others[0]), others[1]]):
        made = assess_rows(rows | {"EX": [*order, *rows["EX"][1:]]}).complete_relations["exposure"]
        text = pl.struct(pl.exclude("record_key", "_file", "_row")).struct.json_encode()
        keys.append(dict(made.select("record_key", text.alias("text")).rows()))
        assert len(keys[-1]) == made.height
    assert keys[0] == keys[1] == keys[2]


@pytest.mark.parametrize(
    ("sealed_term", "recorded"),
    [
        ("Instillation site oedema", "Instillation site edema"),
        ("Instillation site edema", "INSTILLATION SITE OEDEMA"),
        ("Application site discolouration", "Application site discoloration"),
        ("Instillation site haematoma", "Instillation site hematoma"),
        ("Instillation site anaesthesia", "Instillation site anesthesia"),
        ("Instillation site paraesthesia", "Instillation-site paresthesia"),
        ("Hypoxaemia after instillation", "hypoxemia after instillation"),
        ("Immunisation reaction", "Immunization reaction"),
        ("Instillation site tumour", "Instillation site tumor"),
        ("Administration site pain", "Administration site pain."),
        ("Administration site pain", "Administration\u00a0site\u2011pain"),
    ],
)
def test_a_sealed_term_is_known_in_either_spelling(sealed_term: str, recorded: str) -> None:
    sealed = TRIAL.sealed.model_copy(update={"preferred_terms": (sealed_term,)})
    trial = TRIAL.model_copy(update={"sealed": sealed})
    frames = frames_of(changed(("AE", 0, {"AEDECOD": recorded})))
    opened, complete = split(frames, trial)
    assert opened.frames["AE"]["AEDECOD"].to_list() == ["Respiratory failure"]
    assert recorded in complete.frames["AE"]["AEDECOD"].to_list()
    # An event whose term only begins like it is another event.
    frames = frames_of(changed(("AE", 0, {"AEDECOD": f"{recorded} not"})))
    assert split(frames, trial)[0].frames["AE"].height == 2


def test_every_sealed_term_of_the_trial_is_sealed() -> None:
    trial_terms = TRIAL.sealed.preferred_terms
    records: list[Row] = [{"USUBJID": "S-001", "AEDECOD": term} for term in trial_terms]
    frames = frames_of(clean_rows()) | {"AE": frame_of(records, "ae.csv")}
    opened, complete = split(frames, TRIAL)
    assert opened.frames["AE"].is_empty()
    assert complete.frames["AE"].height == len(trial_terms) == len(set(folded_terms(trial_terms)))


def test_a_minus_before_a_day_is_not_a_hyphen() -> None:
    assert folded_terms(("DAY -2", "Day \u22122")) == ("day minus 2",) * 2
    assert folded_terms(("DAY 2", "day-2", "DAY - 2")) == ("day 2",) * 3


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "USUBJID": st.sampled_from(["S-001", "S-002"]),
            "AEDECOD": st.sampled_from(["Pyrexia", "Rash", "Bronchoscopy complication", None]),
            "AESTDTC": st.sampled_from(["2023-03-12", "2023-03-12T09:00", "2023-03", None]),
            "AEENDTC": st.sampled_from(["2023-03-14", None]),
            "AEREL": st.sampled_from(["RELATED", "NOT RELATED"]),
        }
    ),
    max_size=8,
)


def open_events(events: list[dict[str, str | None]]) -> pl.DataFrame:
    records: list[Row] = [event | {"AESEQ": str(n)} for n, event in enumerate(events, start=1)]
    frame = frame_of(records, "ae.csv")
    return split({"DM": frames_of(clean_rows())["DM"], "AE": frame}, TRIAL)[0].frames["AE"]


@given(events=EVENTS, seed=st.integers())
@settings(max_examples=examples(15), deadline=None)
def test_record_keys_do_not_depend_on_order_sequence_or_sealed_cells(
    events: list[dict[str, str | None]], seed: int
) -> None:
    first = open_events(events)
    rearranged = [dict(event) for event in events]
    random.Random(seed).shuffle(rearranged)
    for event in rearranged:
        event["AEREL"] = "UNKNOWN"
    assert_frame_equal(open_events(rearranged), first)
    assert first["record_key"].is_unique().all()
    assert first["record_key"].is_sorted()


@given(events=EVENTS)
@settings(max_examples=examples(15), deadline=None)
def test_a_sealed_event_moves_no_key(events: list[dict[str, str | None]]) -> None:
    """Without the sealed events the open ones are the same: no gap betrays what was taken out."""
    seen = [event for event in events if event["AEDECOD"] != "Bronchoscopy complication"]
    assert_frame_equal(open_events(events), open_events(seen))


def test_the_key_says_what_a_record_is_and_not_what_became_of_it() -> None:
    def key(**cells: str | None) -> str:
        event = {"USUBJID": "S-001", "AEDECOD": "Rash", "AESTDTC": "2023-03-12"} | cells
        return str(open_events([event])["record_key"].item())

    assert key() == key(AEENDTC="2023-03-14", AEOUT="FATAL", AESER="Y") == key(USUBJID=" S-001 ")
    others = {key(USUBJID="S-002"), key(AEDECOD="Pyrexia"), key(AESTDTC="2023-03-13")}
    assert len(others | {key()}) == 4
    # What stands in one field must not pass for the beginning of the next.
    assert key(USUBJID="S-001R", AEDECOD="ash") != key(USUBJID="S-001", AEDECOD="Rash")


def test_equal_records_are_numbered() -> None:
    event: dict[str, str | None] = {"USUBJID": "S-001", "AEDECOD": "Rash", "AESTDTC": "2023-03-12"}
    events = [event | {"AEENDTC": end} for end in ("2023-03-20", None, "2023-03-13")]
    found = open_events(events)
    key = found["record_key"][0]
    assert found["record_key"].to_list() == [key, f"{key}-2", f"{key}-3"]
    # By what is open of them, so that the order of the rows does not matter.
    assert found["AEENDTC"].to_list() == ["2023-03-13", "2023-03-20", None]


def test_open_records_have_one_key_on_both_sides() -> None:
    opened, complete = split(frames_of(whole_rows()), TRIAL)
    for name, frame in complete.frames.items():
        keys = frame.filter("_open")["record_key"]
        assert frame["record_key"].is_unique().all()
        assert set(keys) == set(opened.frames[name]["record_key"] if name in opened.frames else [])
    assert set(opened.frames) == set(DOMAINS) - {"EX", "EC", "DA", "RANDOMIZATION"}
    assert not opened.present & {"EX", "RANDOMIZATION"}


def test_unknown_fields_and_datasets_are_kept_sealed_and_listed() -> None:
    rows = clean_rows()
    rows["AE"][1] |= {"AEXYZ": "planned arm", "_FILE": "of the site", "NOTE": "x"}
    rows["AE"][1] |= {"AEREL": "NOT RELATED", "AEDY": "3", "EPOCH": "TREATMENT"}
    rows["XX"] = [{"USUBJID": "S-001", "XXTERM": "planned arm"}]
    rows["SE"] = [{"USUBJID": "S-001", "ETCD": "UCMSC"}]
    rows["SIMULATION"] = [{"SEED": "7"}]
    assessment = assess_rows(rows)
    assert assessment.simulated
    assert assessment.sealed_unexpectedly.rows() == [
        ("AE", "AEXYZ"),
        ("AE", "NOTE"),
        ("AE", "_FILE"),
        ("XX", "(whole dataset)"),
    ]
    events = assessment.complete_relations["adverse_event"]
    assert events["received_AEXYZ"].to_list().count("planned arm") == 1
    assert "of the site" in events["received__FILE"].to_list()
    assert set(events["_file"]) == {"ae.csv"}
    # Names that differ in case alone would be one column in the snapshot.
    assert len({column.lower() for column in events.columns}) == len(events.columns)
    records = assessment.unknown
    assert records.select("dataset", "file", "row").rows() == [
        ("SE", "se.csv", 1),
        ("SIMULATION", "simulation.csv", 1),
        ("XX", "xx.csv", 1),
    ]
    assert [json.loads(record) for record in records["record"]] == [
        {"USUBJID": "S-001", "ETCD": "UCMSC"},
        {"SEED": "7"},
        {"USUBJID": "S-001", "XXTERM": "planned arm"},
    ]


def test_qualifiers_of_all_domains_are_in_one_relation_and_sealed_unless_named() -> None:
    rows = clean_rows()
    rows["SUPPAE"] = [{"USUBJID": "S-001", "RDOMAIN": "AE", "QNAM": "RACE1", "QVAL": "x"}]
    rows["SUPPDM"] = [
        {"USUBJID": "S-001", "QNAM": "Race1", "QVAL": "HAN"},
        {"USUBJID": "S-002", "QNAM": "SITEARM", "QVAL": "UCMSC"},
    ]
    named = TRIAL.model_copy(
        update={"open": TRIAL.open.model_copy(update={"qualifiers": ("RACE1",)})}
    )
    for trial, opened in ((TRIAL, []), (named, [("DM", "Race1", "HAN")])):
        assessment = assess_rows(rows, trial)
        kept = assessment.complete_relations["supplemental_qualifier"]
        assert sorted(kept.select("_file", "_row", "qualified_domain").rows()) == [
            ("suppae.csv", 1, "AE"),
            ("suppdm.csv", 1, "DM"),
            ("suppdm.csv", 2, "DM"),
        ]
        shown = assessment.open_relations["supplemental_qualifier"]
        assert shown.select("qualified_domain", "qualifier", "value").rows() == opened


def test_a_field_of_another_domain_opens_no_row() -> None:
    """An unknown LBTESTCD among vital signs must not decide what is a measure there."""
    rows = changed(("VS", None, {"VSTESTCD": "INSTVOL", "LBTESTCD": "PO2"}))
    opened = split(frames_of(rows), TRIAL)[0].frames["VS"]
    assert opened["VSTESTCD"].to_list().count("INSTVOL") == 0
    assert opened.height == 3


def check_empty(assessment: Assessment, names: Iterable[str], *, present: bool) -> None:
    for name in names:
        relation = DOMAINS[name].relation
        assert assessment.complete_relations[relation].is_empty()
        if relation in OPEN_COLUMNS:
            opened = assessment.open_relations[relation]
            assert opened.is_empty()
            assert set(opened.columns) == {"record_key", *OPEN_COLUMNS[relation]}
            shown = assessment.open_relations["dataset"].filter(pl.col("dataset") == name)
            assert shown.select("relation", "present").rows() == [(relation, present)]


THERE = [name for name in clean_rows() if name != "DM"]
# Each is absent once, and each is there without half of the others; one alone in the long proof.
ABSENT = [THERE[::2], THERE[1::2], *([[name] for name in THERE] if PROVE else [])]


@pytest.mark.parametrize("names", ABSENT, ids=" ".join)
def test_an_absent_dataset_is_said_and_not_an_error(names: list[str]) -> None:
    without = {name: listed for name, listed in clean_rows().items() if name not in names}
    check_empty(assess_rows(without), names, present=False)
    check_empty(clean(), [name for name in DOMAINS if name not in clean_rows()], present=False)


@pytest.mark.parametrize("fields", [True, False], ids=["with fields", "without fields"])
def test_datasets_without_rows_are_there_and_empty(fields: bool) -> None:
    frames = frames_of(clean_rows())
    names = [name for name in frames if name != "DM"]
    frames |= {name: frames[name].clear() if fields else frame_of([], "x.csv") for name in names}
    check_empty(assess_frames(frames), names, present=True)


def people_randomized(rows: Rows, trial: Trial = TRIAL) -> list[tuple[object, ...]]:
    _, complete = split(frames_of(rows), trial)
    return [
        (subject, str(day) if day else None, stratum, source)
        for subject, day, _, stratum, source in released_randomization(complete, trial)
        .drop("unread")
        .rows()
    ]


def test_randomization_is_released_from_the_list_first() -> None:
    rows = changed(("DS", 0, {"DSSTDTC": "2023-03-11"}))
    assert people_randomized(rows) == [
        ("S-001", "2023-03-10", "SEVERE", "allocation list"),
        ("S-002", "2023-03-10", "CRITICAL", "allocation list"),
    ]


def test_who_is_on_the_list_without_an_arm_is_not_randomized() -> None:
    rows = changed(("RANDOMIZATION", None, {"USUBJID": "S-003", "ARMCD": None}))
    assert [row[0] for row in people_randomized(rows)] == ["S-001", "S-002"]


def test_randomization_is_released_from_the_disposition_next() -> None:
    rows = changed(
        ("DS", 0, {"DSDECOD": "randomised"}),
        ("DS", None, {"DSDECOD": "RANDOMIZED", "DSSTDTC": "2023-03-12"}),
        ("DS", 1, {"DSSTDTC": "2023-03"}),
    )
    del rows["RANDOMIZATION"]
    assert people_randomized(rows) == [
        ("S-001", "2023-03-10", None, "DS"),
        ("S-002", None, None, "DS"),
    ]


def test_randomization_is_released_from_the_named_visit_last() -> None:
    rows = clean_rows()
    del rows["RANDOMIZATION"]
    rows["DS"] = [row for row in rows["DS"] if row["DSDECOD"] != "RANDOMIZED"]
    assert people_randomized(rows) == [
        ("S-001", "2023-03-10", None, "SV"),
        ("S-002", "2023-03-10", None, "SV"),
    ]
    none_named = TRIAL.randomization.model_copy(update={"fallback_visit": None})
    trial = TRIAL.model_copy(update={"randomization": none_named})
    # Demographics have arms, so somebody is; who, nothing says.
    with pytest.raises(NotRandomizedError, match="2 participants have an arm in DM"):
        people_randomized(rows, trial)
    del rows["SV"], rows["DS"]
    with pytest.raises(NotRandomizedError, match="Send the allocation list"):
        people_randomized(rows)
    for row in rows["DM"]:
        row["ARMCD"] = None
    assert people_randomized(rows) == []
