"""No open text names an arm: the attack is a name in a text that a pooled table would list.

The refusal names the column, and neither a record nor an arm, and it is the same whoever is in
which arm.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import data_validation.__main__ as command
from command_line import Exit
from data_validation.assess import NamedArmError
from data_validation.domains import DOMAINS
from data_validation.facts import Kind
from data_validation.named_arms import ALLOWED, columns_that_name_an_arm, names_of
from data_validation.released import released
from data_validation.sealing import split
from simulator import write_extract
from tests.conftest import KeyPair, examples
from tests.data_validation.small_extracts import (
    SIMULATED,
    TRIAL,
    Rows,
    assess_rows,
    changed,
    clean_rows,
    frames_of,
    whole_rows,
)
from trials import Arm, Trial, load_trial
from trials.models.blinding import AllowedText

PILOT = load_trial("cdiscpilot01")


def of_arms(*arms: Arm, ordinary: tuple[str, ...] = ()) -> Trial:
    """The trial with other arms, and nothing sealed by name."""
    listed = TRIAL.arms.model_copy(update={"list": arms})
    blinding = TRIAL.blinding.model_copy(update={"ordinary_words": ordinary})
    sealed = type(TRIAL.sealed)()
    return TRIAL.model_copy(update={"arms": listed, "blinding": blinding, "sealed": sealed})


CARE = of_arms(
    Arm(code="A", name="Standard care", phrases=("standard care as given",), control=True),
    Arm(code="2", name="Dexamethasone", synonyms=("Decadron", "Fortecortin")),
)
CHINESE = of_arms(Arm(code="DZ", name="对照组", control=True), Arm(code="SY", name="试验组"))
WORDS = of_arms(
    Arm(code="CTL", name="Nursing", control=True), Arm(code="ACT", name="Physiotherapy")
)


def names(text: str, trial: Trial = TRIAL) -> bool:
    return names_of(trial).any_in(pl.Series([text]))


NAMING = [
    # Name and code, whatever their case, width, accents, blanks and punctuation.
    *("UC-MSC", "uc msc", "General disorders (UC-MSC)", "UCMSC", "u c m s c", "U.C.-M.S.C."),
    *("ＵＣ－ＭＳＣ", "ＵＣＭＳＣ", "Üc-Mšc", "UC\u200b-MSC", "UC\tMSC", "UC_MSC_01"),
    *("uc\u2011msc", "UC—MSC"),
    # Parts of words, at their boundaries.
    *("UCMSCs", "ucmsc2", "UC-MSCs given", "preUCMSC", "UCMSCplus", "fever,UC-MSC"),
    # A name that is an ordinary word: whole, in brackets, between punctuation, beside arm or group.
    *("Control", " control ", "CONTROL 01", "ｃｏｎｔｒｏｌ", "Contról", "C-o-n-t-r-o-l"),
    *("c o n t r o l", "Fever (c-o-n-t-r-o-l)"),
    *("General disorders (Control)", "General disorders [control]", "General disorders（Control）"),
    *("General disorders - Control", "General disorders – Control", "Disorders-Control"),
    *("Control: fever", "Control/fever", "ControlGroup"),
    *("Control group", "control-arm", "stratum Control", "Controls", "Fever\nControl\n"),
    # What one arm only has, by the definition.
    *("Cytokine release syndrome", "before instillation 1", "BRONCHOSCOPY (planned)"),
    *("Cytokine-release  syndromes", "STUDY TREATMENT"),
]  # fmt: skip


@pytest.mark.parametrize("text", NAMING)
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert names(text)


@pytest.mark.parametrize(
    ("text", "trial"),
    [
        *(
            (text, PILOT)
            for text in ("Placebo", "placebo-like", "XAN_HI", "xan hi", "Pbo", "p b o")
        ),
        *((text, PILOT) for text in ("Xanomeline High Dose", "xanomelinehighdose", "Xan-Lo2")),
        *(
            (text, CARE)
            for text in ("arm A", "Group 2", "a treatment", "ARM 2", "ArmA", "group (A)")
        ),
        *((text, CARE) for text in ("Standard care", "Fever (standard-care)", "standardcare")),
        *(
            (text, CARE)
            for text in ("Rash after standard care as given", "decadron", "Fortecortin®")
        ),
        *((text, CHINESE) for text in ("对照组", "发热对照组", "试 验 组", "SY group")),
        *((text, WORDS) for text in ("ACT", "(act)", "ctl 3", "Physiotherapy (other)")),
    ],
)
def test_names_of_other_trials_are_found(text: str, trial: Trial) -> None:
    assert names(text, trial)


# Preferred terms of MedDRA with words of arms, and what an extract says beside terms.
ORDINARY = [
    *("Loss of control of legs", "Impulse-control disorder", "Self-control decreased"),
    *("Glycaemic control inadequate", "Diabetes mellitus inadequate control", "Birth control"),
    *("Weight control", "Pain management", "Treatment noncompliance", "Drug eruption"),
    *("Treatment failure", "Wound treatment", "Care home resident", "Intensive care"),
    *("Standard deviation", "Activated partial thromboplastin time prolonged", "Group therapy"),
    *("Streptococcal infection", "Group A streptococcal infection", "Blood group A", "Hepatitis A"),
    *("Vitamin B12 deficiency", "Type 2 diabetes mellitus", "Pain in arm", "Arm fracture"),
    *("Factor VIII deficiency", "Grade 2", "Stage 1", "Respiratory failure", "Pyrexia"),
    *("Mesenchymal neoplasm", "White blood cell count decreased", "MSCRAMM", "Ucluelet"),
    *("Infusion site pain", "Action tremor"),
    *("General disorders and administration site conditions", "Controlled substance use"),
    *("ARTERIAL BLOOD", "SERUM", "CHN", "01", "SITE 01", "mmHg", "10^9/L", "SEVERE"),
]  # fmt: skip


@pytest.mark.parametrize("trial", [TRIAL, PILOT, CARE, CHINESE])
def test_ordinary_terms_pass(trial: Trial) -> None:
    named = [text for text in ORDINARY if names(text, trial)]
    assert named == []


def test_a_code_that_is_a_word_passes_within_others() -> None:
    assert not names("Actinic keratosis", WORDS)
    assert not names(
        "Nursing home", of_arms(*WORDS.arms.list, ordinary=("nursing", "physiotherapy"))
    )
    assert names("Nursing home", WORDS)


SEPARATORS = st.sampled_from(["", " ", "-", "  ", ".", "_", " / ", "\u00a0", "\u2011"])


@given(st.data())
def test_letters_of_a_name_may_stand_apart(data: st.DataObject) -> None:
    """A long name is found whatever stands between its letters, in either case and width."""
    name = data.draw(st.sampled_from(["UCMSC", "Bronchoscopy", "Cytokine release syndrome"]))
    between = data.draw(SEPARATORS)
    written = between.join(
        chr(ord(sign) + 0xFEE0)
        if data.draw(st.booleans())
        else data.draw(st.sampled_from([sign, sign.upper()]))
        for sign in name.replace(" ", "").lower()
    )
    before, after = (data.draw(st.sampled_from(["", "Fever ", "(", "x, "])) for _ in range(2))
    assert names(f"{before}{written}{' ' if after else ''}{after}")


# --- In an extract ---------------------------------------------------------------------------


def open_texts() -> Iterator[tuple[str, str]]:
    for domain in DOMAINS.values():
        for field in domain.open_fields:
            if field.kind is Kind.TEXT and domain.opens:
                yield domain.name, field.name
    yield "RANDOMIZATION", "STRATUM"


def refused(rows: Rows, trial: Trial = TRIAL) -> list[str]:
    """The columns that are refused."""
    opened, complete = split(frames_of(rows), trial)
    return columns_that_name_an_arm(opened, released(complete, trial, None), trial)


def planted(names: list[tuple[str, str]], text: str) -> Rows:
    """The first row of datasets says a text in some columns, its own text before it."""
    rows = whole_rows()
    for name, field in names:
        row = rows[name][0]
        row[field] = f"{row.get(field) or ''} ({text})" if field != "USUBJID" else f"{text}-001"
    return rows


# Of these the rule that opens a record takes what is on a list only, or they are made here.
HELD = re.compile(r"VISIT|IETESTCD|..(TESTCD|CLASS|VISBY|GAS)|RDOMAIN|QNAM|[RQ]SCAT|QVAL")
# The trial opens no qualifier.
SEARCHED = [item for item in open_texts() if HELD.fullmatch(item[1]) is None and item[0] != "SUPP"]
HELD_TEXTS = [item for item in open_texts() if item not in SEARCHED]


@pytest.mark.parametrize("text", ["UC-MSC", "Control", "ＵＣＭＳＣ"])
def test_every_open_text_of_every_dataset_is_searched(text: str) -> None:
    columns = [item for item in SEARCHED if item[1] != "USUBJID"]
    assert len(columns) > 15
    assert sorted(refused(planted(columns, text))) == sorted(
        f"{name}.{field}" for name, field in columns
    )


@given(
    st.sampled_from(SEARCHED),
    st.sampled_from(["UC-MSC", "ucmsc", "U C M S C", "control", "ＣＯＮＴＲＯＬ", "Bronchoscopy"]),
)
@settings(max_examples=examples(25), deadline=None, phases=[Phase.explicit, Phase.generate])
def test_a_name_in_any_open_text_is_refused(column: tuple[str, str], text: str) -> None:
    name, field = column
    rows = planted([column], text)
    assert refused({name: rows[name]}) == [f"{name}.{field}"]


@pytest.mark.parametrize("text", ["UC-MSC", "Control"])
def test_of_what_is_held_against_a_list_a_name_does_not_open(text: str) -> None:
    """One column of each dataset at a time: it seals its record."""
    by_dataset: dict[str, list[str]] = {}
    for name, field in HELD_TEXTS:
        by_dataset.setdefault(name, []).append(field)
    for place in range(max(map(len, by_dataset.values()))):
        columns = [(name, listed[place]) for name, listed in by_dataset.items() if listed[place:]]
        rows = planted(columns, text)
        opened, _ = split(frames_of(rows), TRIAL)
        for name, field in columns:
            shown = opened.frames[name][field]
            assert not shown.is_in([rows[name][0][field]]).any(), (name, field)


def test_a_body_system_of_the_dictionary_is_not_searched() -> None:
    """One has the words of a sealed term, and everybody can have its events."""
    system = "INJURY, POISONING AND PROCEDURAL COMPLICATIONS"
    assert refused(changed(("AE", 0, {"AEBODSYS": system}))) == []
    assert names(system)


def test_faultless_extracts_pass() -> None:
    assert refused(clean_rows()) == refused(whole_rows()) == []


def test_why_somebody_failed_screening_is_searched() -> None:
    rows = changed(("DS", 3, {"DSTERM": "Refused the UC-MSC arm"}))
    assert refused(rows) == ["DS.DSTERM or DM.ARMNRS"]


def test_sealed_tables_are_never_searched() -> None:
    opened, complete = split(frames_of(clean_rows()), TRIAL)
    given = released(complete, TRIAL, None)
    with pytest.raises(ValueError, match="sealed texts are not searched"):
        columns_that_name_an_arm(complete, given, TRIAL)
    assert columns_that_name_an_arm(opened, given, TRIAL) == []


def attack() -> Rows:
    """Arms in body systems and strata, as an export might add them."""
    return changed(
        ("AE", 0, {"AEBODSYS": "General disorders (UC-MSC)"}),
        ("AE", 1, {"AEBODSYS": "General disorders (Control)"}),
        ("RANDOMIZATION", 0, {"STRATUM": "stratum ＵＣ－ＭＳＣ"}),
        ("RANDOMIZATION", 1, {"STRATUM": "stratum Control"}),
    )


@given(st.permutations(["UCMSC", "CONTROL"]), st.text(max_size=8), st.booleans())
@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_a_refusal_depends_on_nothing_sealed(arms: list[str], text: str, dosed: bool) -> None:
    told: list[str] = []
    for rows in (attack(), attack()):
        if told:
            for place, arm in enumerate(arms):
                rows["RANDOMIZATION"][place]["ARMCD"] = arm
                rows["DM"][place]["ARMCD"] = arm
            rows["AE"][0]["AETERM"] = f"{text} UC-MSC"
            if not dosed:
                del rows["EX"]
        with pytest.raises(NamedArmError) as error:
            assess_rows(rows)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert "AE.AEBODSYS, RANDOMIZATION.STRATUM" in told[0]


def test_sealed_texts_may_name_an_arm() -> None:
    rows = changed(("AE", 0, {"AETERM": "Fever after UC-MSC", "AEREL": "UC-MSC"}))
    rows["AE"].append(
        rows["AE"][0] | {"AEDECOD": "Infusion related reaction", "AEBODSYS": "UC-MSC"}
    )
    assert refused(rows) == []


@pytest.mark.parametrize("format", ["csv", "parquet", "xpt"])
def test_check_and_load_refuse_alike(
    format: Literal["csv", "parquet", "xpt"],
    tmp_path: Path,
    key_pair: KeyPair,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from access.audit_key import new_audit_key

    rows = attack() | SIMULATED
    if format == "xpt":
        # A transport file has no letters of full width.
        rows["RANDOMIZATION"][0]["STRATUM"] = "stratum UC-MSC"
    frames = {name: frame.drop("_file", "_row") for name, frame in frames_of(rows).items()}
    write_extract(frames, tmp_path / "extract", format=format)
    new_audit_key(tmp_path / "audit.key")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DSMB_STORE": tmp_path / "store",
        "DSMB_RECORDS_URL": f"sqlite:///{tmp_path / 'records.db'}",
        "DSMB_BOARD_PUBLIC_KEY_FILE": key_pair.public,
        "DSMB_AUDIT_KEY_FILE": tmp_path / "audit.key",
    }.items():
        monkeypatch.setenv(name, str(value))
    told = []
    for verb in ("check", "load"):
        written = tmp_path / f"{verb}.json"
        code = command.main([verb, "extract", "--trial", TRIAL.id, "--json", str(written)])
        said = capsys.readouterr()
        found = json.loads(written.read_text("utf-8"))
        assert code == Exit.REFUSED
        assert said.out == ""
        assert found["findings"] == []
        assert "".join(found["refused"]) == said.err.strip()
        told.append(said.err)
    assert told[0] == told[1]
    assert "AE.AEBODSYS, RANDOMIZATION.STRATUM" in told[0]
    for telling in ("UC-MSC", "UCMSC", "Control", "S-001", "S-002"):
        assert telling not in told[0]
    assert list((tmp_path / "store").rglob("open.duckdb")) == []


def allowing(column: str, text: str) -> Trial:
    item = AllowedText(column=column, text=text, reason="Of a pest, and no arm.")
    return TRIAL.model_copy(update={"open": TRIAL.open.model_copy(update={"texts": (item,)})})


def test_the_definition_allows_one_text_of_one_column_and_it_is_shown() -> None:
    rows = whole_rows()
    rows["MH"][0]["MHDECOD"] = "Control"
    allowed = allowing("MH.MHDECOD", "control")
    assert refused(rows) == ["MH.MHDECOD"]
    assert refused(rows, allowing("AE.AEDECOD", "control")) == ["MH.MHDECOD"]
    assert refused(rows, allowing("MH.MHDECOD", "control of pests")) == ["MH.MHDECOD"]
    assert refused(rows, allowed) == []
    for shown in (assess_rows(rows, allowed), assess_rows(whole_rows(), allowed)):
        (message,) = shown.open_findings.filter(check=ALLOWED.id)["message"]
        assert message.endswith("allows “control” in MH.MHDECOD: Of a pest, and no arm.")


def test_identifiers_may_begin_with_the_study_whatever_it_is_called() -> None:
    called = TRIAL.model_copy(update={"study": "UC-MSC-01"})
    rows = clean_rows()
    for records in rows.values():
        for row in records:
            row["USUBJID"] = f"UC-MSC-01-{row['USUBJID']}"
            if "STUDYID" in row:
                row["STUDYID"] = "UC-MSC-01"
    assert refused(rows, called) == []
    rows["DM"][0]["USUBJID"] = "UC-MSC-01-UCMSC-001"
    assert refused(rows, called) == ["DM.USUBJID"]
