"""The functional-unblinding check: what it finds, what it leaves out, and who learns of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import data_validation.__main__ as command
from access.audit_key import new_audit_key
from command_line import Exit
from data_validation.assess import WrittenSeparationError
from data_validation.domains import DOMAINS
from data_validation.findings import SCHEMA, stated
from data_validation.functional_unblinding import (
    EXTENT,
    NAMES,
    RULES,
    SEPARATES,
    unblinding_findings,
)
from data_validation.rules import Stated
from data_validation.structures import PARTICIPATION, structures_of
from data_validation.written_separations import written_separations
from simulator import write_extract
from snapshots import reader
from tests.conftest import KeyPair
from tests.data_validation.null_trials import (
    GIVE_AWAYS,
    TREATED,
    TRIAL,
    null_extract,
    opened,
    planted,
    with_class,
    without_sealed_terms,
)
from tests.data_validation.small_extracts import assess_rows, changed, clean_rows
from trials import TRIALS_FOLDER, Trial, TrialDefinitionError, load_trial, read_definition

PROVE = os.environ.get("DSMB_PROVE") == "1"
SEEDS = range(20) if PROVE else range(1)
PILOT = load_trial("cdiscpilot01")
DAY_ONE = date(2023, 3, 10)


def allocated(*arms: str) -> pl.DataFrame:
    subjects = [f"S-{number:03}" for number in range(len(arms))]
    return pl.DataFrame({"subject": subjects, "planned": list(arms)})


def visits(
    attended: Mapping[str, list[str]], extra: Mapping[str, list[str]] | None = None
) -> pl.DataFrame:
    """An open `visit` relation: the visits of each subject."""
    days = {visit.visit: visit.day for visit in TRIAL.schedule}
    rows = [
        {
            "record_key": f"SV-{subject}-{place}",
            "subject": subject,
            "visit": visit,
            "start_date": DAY_ONE + timedelta(days=place),
            "start_date_text": str(DAY_ONE + timedelta(days=place)),
            "study_day": days.get(visit),
            "planned_day": days.get(visit),
            **{name: values[place] for name, values in (extra or {}).items()},
        }
        for subject, named in attended.items()
        for place, visit in enumerate(named)
    ]
    return pl.DataFrame(rows)


def ids(found: list[Stated]) -> set[str]:
    return {item.rule.id for item in found}


def extent(found: list[Stated]) -> str:
    (item,) = [item for item in found if item.rule is EXTENT]
    return item.message


# Planted give-aways


# Few have a reaction, and in some trials only ones whose terms do not say what they are from.
IN_MOST_TRIALS = {"terms of the intervention": 0.8}


@pytest.mark.parametrize("name", GIVE_AWAYS)
def test_a_give_away_planted_alone_is_found(name: str) -> None:
    give_away = GIVE_AWAYS[name]
    expected = NAMES if name == "terms of the intervention" else SEPARATES
    times = 0
    for seed in SEEDS:
        found = planted(give_away, seed)
        assert len(found.people) == 60
        told = unblinding_findings(found.relations, found.allocation, give_away.trial(TRIAL))
        times += expected.id in ids(told)
    print(f"{name}: found in {times} of {len(SEEDS)} trials")
    assert times >= IN_MOST_TRIALS.get(name, 1.0) * len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_give_away_nothing_is_found(seed: int) -> None:
    found = opened(null_extract(seed))
    told = unblinding_findings(found.relations, found.allocation, TRIAL)
    assert ids(told) == {EXTENT.id}


def test_a_term_of_the_intervention_is_named_however_few_have_it() -> None:
    events = pl.DataFrame(
        {
            "record_key": ["AE-1", "AE-2", "AE-3", "AE-4"],
            "subject": ["S-000", "S-001", "S-001", "S-001"],
            "preferred_term": [
                "Instillation site reaction",
                "Pyrexia",
                "UC MSC intolerance",
                "Bronchoscopy complication",
            ],
            "body_system": ["General disorders and administration site conditions"] * 4,
        }
    )
    told = unblinding_findings({"adverse_event": events}, allocated("CONTROL", TREATED), TRIAL)
    assert [item.value for item in told if item.rule is NAMES] == [
        "Bronchoscopy complication",
        "Instillation site reaction",
        "UC MSC intolerance",
    ]


# What is told


def test_a_finding_names_the_structure_and_the_separation() -> None:
    visited = null_extract(0)["SV"].filter(pl.col("VISIT") == "INSTILLATION 2")
    attended = visited["USUBJID"].n_unique()
    found = planted(GIVE_AWAYS["instillation visits"], 0)
    told = unblinding_findings(found.relations, found.allocation, TRIAL)
    separating = [item for item in told if item.rule is SEPARATES]
    (item,) = [item for item in separating if item.about == "visit: visit INSTILLATION 2"]
    assert 25 < attended < 30
    assert item.value == (
        "CONTROL: 0 of 30 have any, 0.00 on average; "
        f"UCMSC: {attended} of 30 have any, {attended / 30:.2f} on average"
    )
    assert "separates UCMSC from the rest" in item.message
    assert item.value in item.message
    assert "after Holm over" in item.message


def test_the_extent_is_always_told() -> None:
    found = opened(null_extract(0))
    text = extent(unblinding_findings(found.relations, found.allocation, TRIAL))
    assert "60 participants (30 in CONTROL, 30 in UCMSC)" in text
    assert "family-wise error 5 %, Holm" in text
    assert "The smallest difference that is found for sure: what " in text
    assert "A clean result is no assurance" in text
    assert "no power" not in text


def test_who_is_called_what_does_not_matter() -> None:
    """Other names of subjects, another order of rows and the arms exchanged: the same findings."""
    found = planted(GIVE_AWAYS["bronchoscopy"], 0)
    before = unblinding_findings(found.relations, found.allocation, TRIAL)
    renamed = {name: f"X{900 - place}" for place, name in enumerate(found.people)}
    exchanged = {"CONTROL": TREATED, TREATED: "CONTROL"}
    relations = {
        name: frame.with_columns(pl.col("subject").replace(renamed)).sample(
            fraction=1, shuffle=True, seed=5
        )
        if "subject" in frame.columns
        else frame
        for name, frame in found.relations.items()
    }
    allocation = found.allocation.with_columns(
        pl.col("subject").replace(renamed), pl.col("planned").replace(exchanged)
    )
    after = unblinding_findings(relations, allocation, TRIAL)
    assert {item.about for item in after} == {item.about for item in before}
    assert SEPARATES.id in ids(before)
    assert ids(after) == ids(before)


# Few, many, one arm, three arms, nobody


@pytest.mark.parametrize(("each", "powerless"), [(9, True), (10, False)])
def test_below_ten_in_an_arm_it_says_that_it_has_no_power(each: int, powerless: bool) -> None:
    allocation = allocated(*["CONTROL"] * each, *[TREATED] * (each + 3))
    attended = {subject: ["BASELINE"] for subject in allocation["subject"]}
    told = unblinding_findings({"visit": visits(attended)}, allocation, TRIAL)
    assert ("Below 10 participants in an arm the check has no power." in extent(told)) is powerless
    assert "A clean result is no assurance" in extent(told)


def test_two_in_each_arm_could_not_be_told_apart() -> None:
    allocation = allocated("CONTROL", "CONTROL", TREATED, TREATED)
    told = unblinding_findings({"visit": visits({"S-002": ["DAY 2"]})}, allocation, TRIAL)
    assert "Not even what everybody in one arm has and nobody else would be found" in extent(told)


@pytest.mark.parametrize("arms", [(), ("CONTROL",) * 20])
def test_one_arm_and_nobody(arms: tuple[str, ...]) -> None:
    allocation = pl.DataFrame(allocated(*arms), schema={"subject": pl.String, "planned": pl.String})
    told = unblinding_findings({"visit": visits({"S-000": ["BASELINE"]})}, allocation, TRIAL)
    assert ids(told) == {EXTENT.id}
    assert extent(told).startswith("No two arms have participants")
    assert "A clean result is no assurance" in extent(told)


def test_what_one_of_three_arms_has_is_found() -> None:
    allocation = allocated(*["Pbo"] * 12, *["Xan_Lo"] * 12, *["Xan_Hi"] * 12)
    attended = {
        subject: ["BASELINE"] + ["PATCH CHECK"] * (arm == "Xan_Hi")
        for subject, arm in allocation.rows()
    }
    told = unblinding_findings({"visit": visits(attended)}, allocation, PILOT)
    (item,) = [item for item in told if item.rule is SEPARATES]
    assert item.about == "visit: records"
    assert "visit: visit PATCH CHECK" in item.message
    assert "separates Xan_Hi from the rest" in item.message


def test_an_arm_unknown_to_the_definition_and_people_without_one_are_left_out() -> None:
    arms = [*["CONTROL"] * 10, *[TREATED] * 10]
    allocation = allocated(*arms, "CONTROL").with_columns(
        pl.when(pl.col("subject") == "S-020").then(None).otherwise("planned").alias("planned")
    )
    told = unblinding_findings({"visit": visits({"S-000": ["BASELINE"]})}, allocation, TRIAL)
    assert "20 participants (10 in CONTROL, 10 in UCMSC)" in extent(told)


def test_many_participants_take_their_time_by_their_number_only() -> None:
    """Two thousand, the normal curve included; how long it takes is measured elsewhere."""
    rng = np.random.default_rng(1)
    allocation = allocated(*["CONTROL", TREATED] * 1000)
    attended = {
        subject: ["BASELINE", *["UNSCHEDULED"] * int(rng.poisson(3 + (arm == TREATED)))]
        for subject, arm in allocation.rows()
    }
    told = unblinding_findings({"visit": visits(attended)}, allocation, TRIAL)
    assert "visit: records" in {item.about for item in told if item.rule is SEPARATES}


# What is left out


def test_outcomes_are_left_out() -> None:
    """All treated participants live, without an event, with other results: no structure."""
    allocation = allocated(*["CONTROL"] * 20, *[TREATED] * 20)
    subjects = allocation["subject"]
    control = subjects[:20]
    relations = {
        "participant": pl.DataFrame(
            {
                "record_key": subjects,
                "subject": subjects,
                "death_flag": ["Y"] * 20 + [None] * 20,
                "death_flag_text": ["Y"] * 20 + [None] * 20,
                "died": [True] * 20 + [False] * 20,
            }
        ),
        "adverse_event": pl.DataFrame(
            {
                "record_key": control,
                "subject": control,
                "preferred_term": ["Sepsis"] * 20,
                "severity": ["SEVERE"] * 20,
                "severity_text": ["SEVERE"] * 20,
                "study_day": [5] * 20,
                "any_other_column": ["the same"] * 20,
            }
        ),
        "disposition": pl.DataFrame(
            {"subject": subjects, "became": ["DEATH"] * 20 + ["COMPLETED"] * 20}
        ),
        "procedure": pl.DataFrame(
            {"subject": control, "procedure_class": ["ECMO"] * 20, "support": [4] * 20}
        ),
        "laboratory": pl.DataFrame(
            {
                "subject": subjects,
                "test_code": ["CRP"] * 40,
                "result": [float(place) for place in range(40)],
                "result_text": [str(place) for place in range(40)],
                "value": [1.0] * 20 + [None] * 20,
                "value_limit": ["<"] * 20 + [None] * 20,
            }
        ),
    }
    told = unblinding_findings(relations, allocation, TRIAL)
    assert ids(told) == {EXTENT.id}
    assert "Outcomes are left out: results of measurements, death, adverse events" in extent(told)


def test_who_takes_part_for_less_long_is_one_finding_and_not_one_for_each_visit() -> None:
    """An effect on survival or stay moves the number of all records; that is said once."""
    allocation = allocated(*["CONTROL"] * 30, *[TREATED] * 30)
    names = [visit.visit for visit in TRIAL.schedule]
    attended = {
        subject: names[: 4 + place % 5 + 3 * (arm == TREATED)]
        for place, (subject, arm) in enumerate(allocation.rows())
    }
    told = unblinding_findings({"visit": visits(attended)}, allocation, TRIAL)
    (item,) = [item for item in told if item.rule is SEPARATES]
    assert item.about == PARTICIPATION
    assert (
        "An effect on survival or stay does that, and so does a visit of one arm." in item.message
    )


def test_structures_are_counted_once_and_only_where_participants_differ() -> None:
    attended = {"S-000": ["BASELINE", "DAY 2", "DAY 2"], "S-001": ["BASELINE"], "S-002": []}
    people = pl.Series("subject", ["S-000", "S-001", "S-002"])
    numbered = {"sequence": ["1", "4", "5"]}
    frame = visits(attended, numbered).with_columns(
        pl.when(pl.col("sequence") == "5")
        .then(pl.lit("2023-03-12T14:30"))
        .otherwise("start_date_text")
        .alias("start_date_text"),
        pl.lit("the same").alias("constant"),
    )
    structures = structures_of({"visit": frame}, people)
    counts = {name: item.counts.tolist() for item in structures for name in item.names}
    assert counts["visit: records"] == [3, 1, 0]
    assert counts["visit: visit BASELINE"] == [1, 1, 0]
    assert counts["visit: visit DAY 2"] == [2, 0, 0]
    assert counts["visit: gaps in sequence"] == [2, 0, 0]
    assert "visit: sequence 4" not in counts, "a numbering is no code"
    same = [set(item.names) for item in structures]
    assert any({"visit: records", "visit: constant the same"} <= names for names in same)
    # One record at 14 h and two of a visit part the participants alike.
    assert any({"visit: visit DAY 2", "visit: start_date at 14 h"} <= names for names in same)


# Who learns of it


def test_what_is_found_is_sealed_and_refuses_nothing() -> None:
    assert all(rule.sealed for rule in RULES)
    assert "critical" not in {rule.severity.value for rule in RULES}
    rows = changed(("AE", None, {"AEDECOD": "Infusion site extravasation"}))
    assessment = assess_rows(rows)
    sealed = set(assessment.sealed_findings["check"])
    assert {NAMES.id, EXTENT.id} <= sealed
    assert not {rule.id for rule in RULES} & set(assessment.open_findings["check"])
    assert assessment.critical == 0


@pytest.mark.usefixtures("assessed_once")
def test_nothing_open_depends_on_what_is_found(tmp_path: Path, key_pair: KeyPair) -> None:
    """The same records, once with a give-away by the arms and once with the arms drawn anew."""
    frames = dict(planted_extract())
    drawn = frames["RANDOMIZATION"]["ARMCD"].sample(fraction=1, shuffle=True, seed=4)
    shuffled = frames | {
        "RANDOMIZATION": frames["RANDOMIZATION"].with_columns(drawn.alias("ARMCD"))
    }
    seen = []
    for name, extract in (("told", frames), ("not-told", shuffled)):
        folder = tmp_path / name
        write_extract(extract, folder / "extract", format="parquet")
        sealed = assess_folder(folder / "extract")
        seen.append((sealed, run_load(folder, key_pair)))
    (told, open_told), (not_told, open_not_told) = seen
    assert SEPARATES.id in told
    assert SEPARATES.id not in not_told
    assert open_told == open_not_told
    assert "OPEN-10" not in json.dumps(open_told)


def planted_extract() -> dict[str, pl.DataFrame]:
    """Gases after instillation filed under visits of the schedule: no allow-list can see that."""
    return GIVE_AWAYS["gases after instillation under scheduled visits"].extract(null_extract(0))


def assess_folder(folder: Path) -> set[str]:
    from data_validation.assess import assess
    from data_validation.readers import read_extract

    return set(assess(read_extract(folder), TRIAL).sealed_findings["check"])


def with_a_trail(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Records of its own, without which nothing is loaded."""
    new_audit_key(folder / "audit.key")
    patch.setenv("DSMB_AUDIT_KEY_FILE", str(folder / "audit.key"))
    patch.setenv("DSMB_RECORDS_URL", f"sqlite:///{folder}/records.db")


def run_load(folder: Path, key_pair: KeyPair) -> tuple[int, str, list[str]]:
    """Exit code, the JSON written, and the texts of the open database, of a load without a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(key_pair.public))
        patch.delenv("DSMB_BOARD_PRIVATE_KEY_FILE", raising=False)
        with_a_trail(patch, folder)
        written = folder / "findings.json"
        code = command.main(
            [
                *("load", str(folder / "extract"), "--trial", TRIAL.id),
                *("--store", str(folder / "store"), "--json", str(written)),
            ]
        )
    (path,) = (folder / "store").rglob("open.duckdb")
    connection = reader(path)
    tables = connection.execute("select table_name from duckdb_tables() order by all").fetchall()
    shown = [
        str(connection.execute(f"from open_data.{name} order by all").fetchall())
        for (name,) in tables
    ]
    connection.close()
    return code, written.read_text("utf-8"), shown


def test_findings_have_the_schema_of_all_findings_and_last_from_extract_to_extract() -> None:
    told = [Stated(SEPARATES, "visit: records", "as found", "x"), Stated(EXTENT, "", "", "y")]
    frame = stated(told)
    assert frame.schema == pl.Schema(SCHEMA)
    assert frame["subject"].is_null().all()
    later = stated([replace(told[0], value="otherwise", message="z")])
    assert later["finding"].item() == frame["finding"][0]
    assert stated([]).schema == pl.Schema(SCHEMA)


# Written in the definition


def with_sealed(**values: tuple[str, ...]) -> Trial:
    return TRIAL.model_copy(update={"sealed": TRIAL.sealed.model_copy(update=values)})


def test_nothing_is_written_of_the_trials_that_are_there() -> None:
    for trial in (TRIAL, PILOT):
        assert written_separations(trial) == ()


@pytest.mark.parametrize(
    ("trial", "told"),
    [
        (with_sealed(visits=("Day  2",)), "Visits open with VISIT “Day  2”"),
        (with_sealed(tests=("crp",)), "LBTESTCD “crp”"),
        (with_sealed(tests=("OXYSAT",)), "Vital signs open with VSTESTCD “OXYSAT”"),
        (with_class("BRONCHOSCOPY")(TRIAL), "Procedures open with PRDECOD “BRONCHOSCOPY”"),
    ],
)
def test_what_one_arm_has_by_the_definition_refuses_every_load(trial: Trial, told: str) -> None:
    assert told in "\n".join(written_separations(trial))
    with pytest.raises(
        WrittenSeparationError, match="which the trial definition says that one arm"
    ):
        assess_rows(clean_rows(), trial)


def test_a_disposition_of_one_arm_opens_as_no_class() -> None:
    """Nothing has to be refused: also that somebody left, who left so, stays sealed."""
    rows = clean_rows()
    end = {"DSDECOD": "Physician Decision", "DSCAT": "DISPOSITION EVENT", "DSSTDTC": "2023-03-20"}
    rows["DS"].append({**rows["DS"][0], **end})
    became = {}
    for trial in (TRIAL, with_sealed(dispositions=("Physician decision",))):
        assert written_separations(trial) == ()
        opened = assess_rows(rows, trial).open_relations
        of_person = pl.col("subject") == rows["DS"][0]["USUBJID"]
        ends = opened["disposition"].filter(of_person)["became"].to_list()
        became[trial.sealed.dispositions] = ends, opened["leaving_reason"].height
    assert became == {
        TRIAL.sealed.dispositions: (["LEFT EARLY", "RANDOMIZED"], 1),
        ("Physician decision",): (["RANDOMIZED"], 0),
    }


@pytest.mark.parametrize(
    ("name", "told"), [("SV", "Visits"), ("LB", "Laboratory"), ("AE", "events")]
)
def test_a_rule_that_opens_what_one_arm_has_refuses_every_load(
    name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allow-list itself is asked, so a change of the program is found as well."""
    open_rows = replace(DOMAINS[name], open_rows=lambda _frame, _trial: pl.lit(value=True))
    monkeypatch.setitem(DOMAINS, name, open_rows)
    assert told in "\n".join(written_separations(TRIAL))


def test_a_definition_that_opens_what_one_arm_has_names_the_line(tmp_path: Path) -> None:
    text = (TRIALS_FOLDER / TRIAL.id / "trial.toml").read_text("utf-8")
    text = text.replace('"INSTILLATION 1", "INSTILLATION 2"', '"DAY 10", "INSTILLATION 1"')
    text = text.replace('terms = ["NASAL CANNULA"]', 'terms = ["NASAL CANNULA", "Bronchoscopy"]')
    path = tmp_path / TRIAL.id / "trial.toml"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    with pytest.raises(TrialDefinitionError) as error:
        read_definition(path)
    lines = text.splitlines()
    visit = lines.index('visit = "DAY 10"') + 1
    terms = lines.index('terms = ["NASAL CANNULA", "Bronchoscopy"]') + 1
    assert f"line {visit}: schedule.8.visit: 'DAY 10' is open here" in str(error.value)
    assert f"line {terms}: open.procedure_classes.0.terms: 'Bronchoscopy'" in str(error.value)
    assert "one arm only has it" in str(error.value)


def test_a_refused_load_says_why_and_changes_nothing(
    tmp_path: Path,
    key_pair: KeyPair,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(key_pair.public))
    with_a_trail(monkeypatch, tmp_path)
    trial = with_sealed(visits=("DAY 3",))
    monkeypatch.setattr(command, "load_trial", lambda _name: trial)
    write_extract(null_extract(0), tmp_path / "extract", format="parquet")
    store = tmp_path / "store"
    asked = ("--trial", TRIAL.id)
    for arguments in (["load", *asked, "--store", str(store)], ["check", *asked]):
        assert command.main([*arguments, str(tmp_path / "extract")]) == Exit.REFUSED
        said = capsys.readouterr().err
        assert "the open store would tell the arm" in said
        assert "Visits open with VISIT “DAY 3”" in said
    assert not list(store.rglob("open.duckdb"))


def test_a_term_forgotten_in_the_definition_is_no_contradiction() -> None:
    """Nothing is written of it, so finding it is left to the words of the terms themselves."""
    assert written_separations(without_sealed_terms(TRIAL)) == ()
