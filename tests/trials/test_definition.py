"""Reading trial definitions: what is frozen, and what is refused with its line."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from trials import (
    TRIALS_FOLDER,
    GradeStep,
    Grading,
    Trial,
    TrialDefinitionError,
    available_trials,
    load_trial,
    read_definition,
    told_apart,
)

TEXT = (TRIALS_FOLDER / "nct05689008" / "trial.toml").read_text(encoding="utf-8")


def problems_of(folder: Path, text: str, trial: str = "nct05689008") -> list[str]:
    """The sentences that a definition with this text is refused with."""
    path = folder / trial / "trial.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TrialDefinitionError) as refusal:
        read_definition(path)
    return str(refusal.value).splitlines()


def line_of(text: str, marker: str) -> int:
    """The number of the only line that holds the marker."""
    found = [number for number, line in enumerate(text.splitlines(), 1) if marker in line]
    assert len(found) == 1, (marker, found)
    return found[0]


def changed(old: str, new: str) -> str:
    """The shipped definition with the first `old` replaced."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def test_both_definitions_load_and_are_found() -> None:
    assert available_trials() == ["cdiscpilot01", "nct05689008"]
    covid, pilot = load_trial("nct05689008"), load_trial("cdiscpilot01")
    assert covid.arm_codes == ("CONTROL", "UCMSC")
    assert (covid.accrual.target, covid.accrual.end) == (60, date(2024, 1, 15))
    assert [arm.name for arm in covid.arms.list if arm.control] == ["Control"]
    assert covid.dosing is not None
    assert covid.dosing.days == (1, 4)
    assert pilot.arm_codes == ("Pbo", "Xan_Lo", "Xan_Hi")
    assert (pilot.accrual.target, pilot.dosing, pilot.primary) == (254, None, None)
    assert covid.measures_by_code["LB", "PO2"].factors["kPa"] == pytest.approx(7.50062)


@pytest.mark.parametrize("name", ["cdiscpilot01", "nct05689008"])
def test_every_assumed_key_is_a_value_of_the_definition_with_a_reason(name: str) -> None:
    trial = load_trial(name)
    assert trial.assumed
    for key, reason in trial.assumed.items():
        value: object = trial
        for part in key.split("."):
            assert isinstance(value, BaseModel)
            value = getattr(value, part)
        assert value not in (None, (), ""), key
        assert reason.endswith(".")


def test_assumptions_are_told_by_what_they_are_about() -> None:
    trial = load_trial("nct05689008")
    assert len(trial.assumptions("accrual")) == 3
    assert len(trial.assumptions("accrual.start", "schedule")) == 2
    assert not trial.assumptions("accr")


def test_a_trial_is_frozen() -> None:
    trial = load_trial("nct05689008")
    with pytest.raises(ValidationError, match="frozen"):
        trial.accrual.target = 61  # type: ignore[misc]


def test_the_definition_keeps_its_bytes() -> None:
    assert load_trial("nct05689008").definition == TEXT.encode("utf-8")


def test_a_trial_without_definition_names_those_that_have_one() -> None:
    with pytest.raises(TrialDefinitionError, match=r"'elsewhere'.*cdiscpilot01, nct05689008"):
        load_trial("elsewhere")


# Each case: what is replaced by what, the marker of the line to be named, and what is said of it.
REFUSED = {
    "unknown key": (
        "prior_weight = 0.5  ",
        'pace = "quick"\nprior_weight = 0.5  ',
        'pace = "quick"',
        "accrual.pace is not a key",
    ),
    "unknown key in a list": (
        'id = "EXCL03"',
        'colour = "red"\nid = "EXCL03"',
        'colour = "red"',
        r"criteria\.6\.colour is not a key",
    ),
    "unknown table": (
        "[primary]",
        "[secondary]\n[primary]",
        "[secondary]",
        "secondary is not a key",
    ),
    "wrong type": (
        "target = 60",
        'target = "sixty"',
        'target = "sixty"',
        "accrual.target: .*integer.*found 'sixty'",
    ),
    "wrong type in a list": (
        "days = [1, 4]",
        'days = [1, "x"]',
        'days = [1, "x"]',
        "dosing.days.1: .*found 'x'",
    ),
    "out of range": (
        "window_days = 1\n",
        "window_days = -1\n",
        "window_days = -1",
        "dosing.window_days: .*found -1",
    ),
    "missing key of a table": ("target = 60\n", "", "[accrual]", "accrual.target is missing"),
    "duplicate arm name": ('name = "UC-MSC"', 'name = "control"', 'name = "control"', "'control'"),
    "duplicate visit": (
        "[blinding]",
        '[[schedule]]\nvisit = "Day 2"\nnumber = 99\nday = 29\n[blinding]',
        'visit = "Day 2"',
        "'day 2'",
    ),
    "duplicate criterion": ('id = "EXCL09"', 'id = "EXCL01" #', 'id = "EXCL01" #', "'EXCL01'"),
    "visits out of order": ("day = 21", "day = 13", "day = 13", "DAY 21 on day 13 follows DAY 14"),
    "fallback visit": (
        'fallback_visit = "BASELINE"',
        'fallback_visit = "DAY 0"',
        'fallback_visit = "DAY 0"',
        "'DAY 0' is no visit",
    ),
    "criterion on no measure": (
        'measure = "bmi"',
        'measure = "waist"',
        'measure = "waist"',
        "'waist' is no measure",
    ),
    "rule on no group": ('group = "allergic"', 'group = "joy"', 'group = "joy"', "'joy' is no"),
    "rule on no arm": ('arm = "UCMSC"', 'arm = "PLACEBO"', 'arm = "PLACEBO"', "'PLACEBO'.*no arm"),
    "graded measure": (
        '[[grades]]\nmeasure = "alt"',
        '[[grades]]\nmeasure = "enzyme"',
        'measure = "enzyme"',
        "grades.0.measure: 'enzyme' is no measure",
    ),
    "graded twice": (
        'measure = "ast"\nterm = "Aspartate aminotransferase increased"',
        'measure = "alt" #\nterm = "Alanine aminotransferase increased"',
        'measure = "alt" #',
        "appears twice",
    ),
    "measure of liver": (
        'bilirubin = "bilirubin"',
        'bilirubin = "bile"',
        'bilirubin = "bile"',
        "liver.bilirubin: 'bile' is no measure",
    ),
    "measure of oxygenation": (
        'scale = "who_progression"',
        'scale = "who_scale"',
        'scale = "who_scale"',
        "oxygenation.scale: 'who_scale' is no measure",
    ),
    "place of the composite": (
        '"ratio", "discharged_without_oxygen"]',
        '"ratio", "home"]',
        '"ratio", "home"]',
        "found 'home'",
    ),
    "composite twice": (
        '"ratio", "discharged_without_oxygen"]',
        '"ratio", "ratio"]',
        "[oxygenation]",
        "names a part of composite twice",
    ),
    "immune marker": (
        '"crp", "interleukin_6", "ferritin", "tumor_necrosis_factor", "interleukin_1_beta",',
        '"crp", "interleukin_7", "ferritin", "tumor_necrosis_factor", "interleukin_1_beta",',
        "markers = [",
        "immune.markers: 'interleukin_7' is no measure",
    ),
    "day of change": (
        "change_day = 7",
        "change_day = 8",
        "change_day = 8",
        "immune.change_day: day 8 is no day of the schedule",
    ),
    "day of deaths": (
        "[survival]\nday = 28",
        "[survival]\nday = 29",
        "day = 29",
        "survival.day: day 29 is after the last day of the schedule",
    ),
    "days of vital status": (
        "known_days = [14, 28]",
        "known_days = [28, 14]",
        "[survival]",
        "has known_days out of order: each is after day 1 and the one before",
    ),
    "primary measure that no look compares": (
        'measure = "pao2_fio2"\n\n[assumed]',
        'measure = "pao2"\n\n[assumed]',
        'endpoint = "primary"',
        "compares pao2_fio2 alone, but .primary. names 'pao2'",
    ),
    "final look that is none": (
        "[monitoring]\n",
        "[monitoring]\nfinal = 2023-07-01\n",
        "[monitoring]",
        "has a final look that is neither a review nor declared",
    ),
    "declared review": (
        "[monitoring]\n",
        "[monitoring]\ndeclared = [2023-06-30]\n",
        "[monitoring]",
        "has a declared look that is a review",
    ),
    "time zone": ('"Asia/Shanghai"', '"Asia/Atlantis"', "Asia/Atlantis", "no time zone"),
    "assumed value that is none": (
        '"accrual.months" =',
        '"accrual.pace" =',
        '"accrual.pace" =',
        "assumed.accrual.pace: is no value",
    ),
    "another trial's folder": (
        'id = "nct05689008"',
        'id = "nct00000000"',
        'id = "nct00000000"',
        "'nct00000000', but the folder is 'nct05689008'",
    ),
    "syntax": ("target = 60", "target = = 60", "target = = 60", "not valid TOML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named_with_its_line(case: str, tmp_path: Path) -> None:
    old, new, marker, sentence = REFUSED[case]
    text = changed(old, new)
    problems = problems_of(tmp_path, text)
    assert len(problems) == 1, problems
    assert problems[0].startswith("trial.toml")
    assert re.search(rf"line {line_of(text, marker)}\b", problems[0]), problems[0]
    assert re.search(sentence, problems[0]), problems[0]


# Contradictions inside one part are named with the line where the part begins.
INSIDE = {
    "looks of a classical design": (
        'method = "Haybittle-Peto"',
        'method = "Pocock"',
        None,
        "has planned_fractions if, and only if, method is O'Brien-Fleming or Pocock",
    ),
    "fractions that do not grow": (
        'method = "Haybittle-Peto"',
        'method = "Pocock"\nplanned_fractions = [0.5, 0.9]',
        None,
        "has planned_fractions that do not grow to 1",
    ),
    "spending without its parameter": (
        'method = "Haybittle-Peto"',
        'method = "Hwang-Shih-DeCani"',
        None,
        "has parameter if, and only if, method is Hwang-Shih-DeCani",
    ),
    "less error than three standard errors spend": (
        'method = "Haybittle-Peto"',
        'method = "Haybittle-Peto"\nalpha = 0.002',
        None,
        "has an alpha that three standard errors at one look would spend",
    ),
    "direction of deaths": (
        'method = "Haybittle-Peto"',
        'method = "Haybittle-Peto"\nbetter = "lower"',
        None,
        "has better only where the endpoint is primary",
    ),
    "missing key": (
        'name = "UC-MSC"\ndescription',
        "description",
        None,
        "arms.list.1.name is missing",
    ),
    "doses and days": ("days = [1, 4]", "days = [1]", "[dosing]", "planned = 2 but days names 1"),
    "day zero": ("day = 28", "day = 0", None, "day 0, which does not exist"),
    "own unit": (
        'factors = { "mmHg" = 1.0, "kPa" = 7.50062 }',
        'factors = { "kPa" = 7.50062 }',
        None,
        "measure's own unit 'mmHg' as 1.0",
    ),
    "offset without factor": (
        'offsets = { "F" = -32.0 }',
        'offsets = { "K" = -273.15 }',
        None,
        "units without a factor: K",
    ),
    "plausible range": ("lower = 30\nupper = 43", "lower = 43\nupper = 30", None, "not below"),
    "limits turned around": ("lower = 18\nupper = 85", "lower = 85\nupper = 18", None, "not below"),
    "limits of nothing": ('measure = "age"\n', "", None, "names no measure"),
}
HEADERS = {
    "looks of a classical design": ("[[sequential_rules]]", 'id = "mortality"'),
    "fractions that do not grow": ("[[sequential_rules]]", 'id = "mortality"'),
    "spending without its parameter": ("[[sequential_rules]]", 'id = "mortality"'),
    "less error than three standard errors spend": ("[[sequential_rules]]", 'id = "mortality"'),
    "direction of deaths": ("[[sequential_rules]]", 'id = "mortality"'),
    "missing key": ("[[arms.list]]", 'code = "UCMSC"'),
    "day zero": ("[[schedule]]", 'visit = "DAY 28"'),
    "own unit": ("[[measures]]", 'name = "pao2"'),
    "offset without factor": ("[[measures]]", 'name = "temperature"'),
    "plausible range": ("[[measures]]", 'name = "temperature"'),
    "limits turned around": ("[[criteria]]", 'id = "INCL01"'),
    "limits of nothing": ("[[criteria]]", 'id = "INCL01"'),
}


@pytest.mark.parametrize("case", INSIDE)
def test_a_contradiction_inside_a_part_is_named_where_it_begins(case: str, tmp_path: Path) -> None:
    old, new, marker, sentence = INSIDE[case]
    text = changed(old, new)
    problems = problems_of(tmp_path, text)
    if marker is not None:
        line = line_of(text, marker)
    else:
        header, first = HEADERS[case]
        line = line_of(text, first) - 1
        assert text.splitlines()[line - 1] == header
    assert len(problems) == 1, problems
    assert f"line {line}:" in problems[0], problems[0]
    assert sentence in problems[0]


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    text = changed("target = 60", 'target = "sixty"').replace(
        'sponsor = "Tongji', 'payer = "Tongji'
    )
    sentences = " ".join(problems_of(tmp_path, text))
    for part in ("accrual.target", "payer is not a key", "sponsor is missing"):
        assert part in sentences


def test_a_second_arm_of_the_same_code_is_named_with_its_line(tmp_path: Path) -> None:
    text = changed('code = "UCMSC"', 'code = "Control"')
    duplicate, rule = problems_of(tmp_path, text)
    line = line_of(text, 'code = "Control"')
    assert duplicate == f"trial.toml, line {line}: arms.list.1.code: 'control' appears twice"
    assert "stopping_rules.0.arm: 'UCMSC'" in rule


def test_contradictions_are_named_one_by_one(tmp_path: Path) -> None:
    text = changed('arm = "UCMSC"', 'arm = "PLACEBO"').replace('"Asia/Shanghai"', '"Asia/Atlantis"')
    problems = problems_of(tmp_path, text)
    lines = [line_of(text, "Asia/Atlantis"), line_of(text, 'arm = "PLACEBO"')]
    assert [f"line {line}:" in problem for line, problem in zip(lines, problems, strict=True)] == [
        True,
        True,
    ]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nct05689008" / "trial.toml"
    path.parent.mkdir()
    path.write_bytes(b'id = "\xff"')
    with pytest.raises(TrialDefinitionError, match="not valid TOML"):
        read_definition(path)


def test_a_trial_of_another_folder_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "trial.toml"
    path.parent.mkdir()
    path.write_text(changed('id = "nct05689008"', 'id = "mine"'), encoding="utf-8")
    trial = load_trial("mine", tmp_path)
    assert isinstance(trial, Trial)
    assert trial.id == "mine"


# Grades and liver


def step(**limits: float) -> GradeStep:
    return GradeStep.model_validate(limits)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "has no limit"),
        ({"above_normal": 2, "below": 3}, "above and below"),
        ({"above_baseline": 2, "at_least_baseline": 2}, "both above_baseline and"),
    ],
)
def test_a_grade_has_limits_of_one_side(limits: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        step(grade=1, **limits)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((step(grade=1, above_normal=1), step(grade=2, below=3)), "write two gradings"),
        ((step(grade=2, above_normal=1), step(grade=2, above_normal=3)), "2 follows grade 2"),
        ((step(grade=1, above_normal=3), step(grade=2, above_normal=3)), "no further than 3"),
        ((step(grade=1, below=3), step(grade=2, below=4)), "no further than 3"),
    ],
)
def test_grades_go_on_in_one_direction(steps: tuple[GradeStep, ...], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Grading(measure="alt", term="ALT increased", source="CTCAE", steps=steps)


@pytest.mark.parametrize("name", ["cdiscpilot01", "nct05689008"])
def test_the_shipped_grades_are_those_of_ctcae_5(name: str) -> None:
    """Typed from the publication (NCI 2017), by limit of normal, or in the measure's unit."""
    trial = load_trial(name)
    published = {
        "alt": [1, 3, 5, 20],
        "ast": [1, 3, 5, 20],
        "alp": [1, 2.5, 5, 20],
        "bilirubin": [1, 1.5, 3, 10],
        "creatinine": [1, 1.5, 3, 6],
        "hemoglobin": [100, 80],
        "platelets": [75, 50, 25],
        "leukocytes": [3, 2, 1],
        "lymphocytes": [0.8, 0.5, 0.2],
    }
    found = {
        item.measure: [one.above_normal for one in item.steps]
        if item.rises
        else [one.below for one in item.steps[1:]]
        for item in trial.grades
    }
    assert found == published
    assert {item.measure for item in trial.grades if item.baseline == "beside"} == {"creatinine"}
    assert all(item.steps[0].below_normal == 1 for item in trial.grades if not item.rises)
    assert trial.liver is not None
    limits = trial.liver.aminotransferase_at_least, trial.liver.bilirubin_at_least
    assert (*limits, trial.liver.alkaline_phosphatase_below) == (3, 2, 2)


def test_two_definitions_of_one_study_are_told_apart() -> None:
    one, other = load_trial("nct05689008"), load_trial("cdiscpilot01")
    assert told_apart([one, other]) == {one.id: one.study, other.id: other.study}
    again = one.model_copy(update={"id": "amended", "short_title": "The same, amended"})
    assert told_apart([one, again, other]) == {
        one.id: "NCT05689008 (nct05689008)",
        "amended": "NCT05689008 (amended)",
        other.id: other.study,
    }
    namesake = other.model_copy(update={"id": "namesake", "study": "OTHER"})
    assert told_apart([other, namesake])["namesake"] == "OTHER (namesake)"
