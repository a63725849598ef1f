"""Every rule generated from a field's facts, on one cell of a faultless row made wrong."""

from dataclasses import replace

import polars as pl
import pytest

from data_validation.domains import DOMAINS
from data_validation.facts import Domain, Exposure, Field, Kind
from data_validation.findings import find
from data_validation.rules import CHECKS, Rule, catalogue, column_rule, structural_rules
from data_validation.schemas import BrokenCheckError, structural_failures
from data_validation.values import with_typed_values
from tests.data_validation.small_extracts import Row, Rows, Sides, sides_of

# Text that opens a row; any other text field may hold anything.
OPENING = {
    "AEDECOD": "Pyrexia",
    "DSDECOD": "COMPLETED",
    "IETESTCD": "INCL01",
    "LBTESTCD": "CRP",
    "VSTESTCD": "PULSE",
    "VISIT": "BASELINE",
    "PRTRT": "NASAL CANNULA",
    "PRDECOD": "NASAL CANNULA",
    "STUDYID": "NCT05689008",
}
# What a rule must find, by the last part of its id.
WRONG = {"present": "  ", "date": "17 May 2023", "partial": "2023-05", "number": "about three"}
RULES = [
    pytest.param(domain, rule, id=rule.id)
    for domain in DOMAINS.values()
    for rule in structural_rules(domain)
]
GENERATED = {rule.id for domain in DOMAINS.values() for rule in structural_rules(domain)}


def faultless(field: Field) -> str:
    """A value that no rule minds."""
    match field.kind:
        case Kind.DATE:
            return "2023-03-10"
        case Kind.CODE:
            return field.codes[0]
        case Kind.NUMBER | Kind.INTEGER:
            return f"{field.lower or 0:g}"
        case _:
            return OPENING.get(field.name, "text")


def faultless_rows(domain: Domain) -> Rows:
    """Two subjects with one record each in `domain`, every field filled."""
    rows: Rows = {}
    for name in dict.fromkeys(("DM", domain.name)):
        fields = [field for field in DOMAINS[name].fields if field.name != "PRCLASS"]
        record: Row = {field.name: faultless(field) for field in fields}
        rows[name] = [record | {"USUBJID": subject} for subject in ("S-001", "S-002")]
    return rows


def spoil(rule: Rule, domain: Domain, row: Row) -> set[int]:
    """Make one cell of the second record wrong; returns the positions of the rows at fault."""
    suffix = rule.id.rsplit("-", 1)[-1]
    if suffix == "duplicate":
        row["USUBJID"] = "S-001"
        return {0, 1}
    if suffix == "subject":
        row["USUBJID"] = "S-009"
    elif suffix == "code":
        row[rule.field] = "PERHAPS"
    elif suffix == "range":
        field = domain.by_name[rule.field]
        beyond = field.upper + 1 if field.upper is not None else (field.lower or 0) - 1
        row[rule.field] = f"{beyond:g}"
    else:
        row[rule.field] = WRONG[suffix]
    return {1}


def generated_findings(found: pl.DataFrame) -> pl.DataFrame:
    return found.filter(pl.col("check").is_in(list(GENERATED)))


@pytest.fixture(autouse=True)
def no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the generated rules alone; the functions have their own tests."""
    monkeypatch.setattr("data_validation.findings.CHECKS", {})


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_a_faultless_row_breaks_no_rule(domain: Domain) -> None:
    sides = sides_of(faultless_rows(domain))
    assert sides.all_findings.is_empty()
    assert sides.open_findings.is_empty()
    open_rows = sides.opened[domain.name].height if domain.name in sides.opened.tables.frames else 0
    assert open_rows == (0 if domain.name in ("EX", "RANDOMIZATION") else 2)


@pytest.mark.parametrize(("domain", "rule"), RULES)
def test_one_wrong_cell_breaks_exactly_its_rule(domain: Domain, rule: Rule) -> None:
    rows = faultless_rows(domain)
    positions = spoil(rule, domain, rows[domain.name][1])
    sides = sides_of(rows)
    keys = {sides.record_key(domain.name, position) for position in positions}
    found = sides.all_findings
    assert set(found.select("check", "record_key").rows()) == {(rule.id, key) for key in keys}
    assert set(found["severity"]) == {rule.severity.value}
    if "{" in rule.query:
        assert str(rows[domain.name][1][rule.field]) in found["query"].item()
    check_open_side(sides, domain, rule, keys)


def check_open_side(sides: Sides, domain: Domain, rule: Rule, keys: set[str]) -> None:
    """A finding is open where its rule and its record are; free text is masked in it."""
    frames = sides.opened.tables.frames
    open_keys = set(frames[domain.name]["record_key"]) if domain.name in frames else set()
    expected = set() if rule.sealed else {(rule.id, key) for key in keys & open_keys}
    found = sides.open_findings
    assert set(found.select("check", "record_key").rows()) == expected
    assert not {"PERHAPS", "17 May 2023", "about three"} & set(found["value"])
    for query in found["query"]:
        assert not any(text in query for text in ("PERHAPS", "17 May", "about three"))


def test_there_are_rules_of_every_form() -> None:
    suffixes = {rule_id.rsplit("-", 1)[-1] for rule_id in GENERATED}
    assert suffixes == {*WRONG, "code", "range", "duplicate", "subject"}
    assert len(GENERATED) == len(RULES) > 80


def test_rules_about_sealed_fields_are_sealed() -> None:
    for domain in DOMAINS.values():
        for rule in structural_rules(domain):
            if rule.id.rsplit("-", 1)[-1] not in ("duplicate", "subject"):
                is_sealed = domain.by_name[rule.field].exposure is Exposure.SEALED
                assert rule.sealed is is_sealed, rule.id


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_a_field_that_the_extract_lacks_is_said_once(domain: Domain) -> None:
    optional = next(field for field in domain.fields if field.missing is None)
    rows = faultless_rows(domain)
    for row in rows[domain.name]:
        del row[optional.name]
    found = sides_of(rows).all_findings
    assert found.select("check", "severity", "field", "record_key", "value").rows() == [
        (f"{domain.name}-columns", "note", optional.name, None, None)
    ]
    assert found["message"].item() == column_rule(domain).sentence


def test_a_missing_column_is_not_also_said_of_every_row() -> None:
    rows = faultless_rows(DOMAINS["AE"])
    for row in rows["AE"]:
        del row["AESER"]  # a field that must not be empty
    found = sides_of(rows).all_findings
    assert found["check"].to_list() == ["AE-columns"]


def test_upper_and_lower_limits_belong_to_the_range() -> None:
    age = DOMAINS["DM"].by_name["AGE"]
    assert (age.lower, age.upper) == (0, 120)
    for value, breaks in (("0", False), ("120", False), ("-0.5", True), ("120.5", True)):
        rows = faultless_rows(DOMAINS["DM"])
        rows["DM"][0]["AGE"] = value
        assert ("DM-AGE-range" in set(sides_of(rows).all_findings["check"])) is breaks, value


def test_a_check_that_fails_to_run_is_raised_and_not_reported() -> None:
    field = Field("AGE", "age", "Age.", Kind.NUMBER, lower=0, upper=120)
    domain = Domain("DM", "participant", "Demographics", (field,), ("AGE",))
    frame = pl.DataFrame({"AGE": ["44"]})
    typed = with_typed_values(frame, domain, open_only=False)
    assert structural_failures(typed, domain, domain.fields).is_empty()
    with pytest.raises(BrokenCheckError, match="DM did not run"):
        structural_failures(typed.drop("age"), domain, domain.fields)
    with pytest.raises(BrokenCheckError, match="DM did not run"):
        structural_failures(typed.drop("AGE"), domain, domain.fields)


def test_one_broken_check_stops_even_where_others_found_something() -> None:
    good = Field("SEX", "sex", "Sex.", Kind.CODE, codes=("F", "M"))
    broken = Field("AGE", "age", "Age.", Kind.NUMBER, lower=0)
    domain = Domain("DM", "participant", "Demographics", (good, broken), ("SEX",))
    frame = pl.DataFrame({"SEX": ["X"], "AGE": ["44"]})
    typed = with_typed_values(frame, domain, open_only=False).drop("age")
    with pytest.raises(BrokenCheckError):
        structural_failures(typed, domain, domain.fields)


def test_a_function_that_fails_is_raised_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_evidence: object) -> pl.DataFrame:
        raise ValueError("S-001 received UC-MSC")

    catalogue()
    function = CHECKS["AE-101"]
    monkeypatch.setattr(
        "data_validation.findings.CHECKS", {"AE-101": replace(function, select=failing)}
    )
    with pytest.raises(BrokenCheckError) as raised:
        find(sides_of(faultless_rows(DOMAINS["AE"])).complete)
    assert str(raised.value) == "The check AE-101 did not run (ValueError)."


def test_every_line_of_the_catalogue_can_be_read() -> None:
    for rule_id, rule in catalogue().items():
        assert rule.id == rule_id
        assert rule.domain in DOMAINS
        assert rule.field in DOMAINS[rule.domain].by_name or rule.id.endswith("-columns")
        for text in (rule.sentence, rule.why, rule.query):
            assert text[0].isupper() or text[0] == "{"
            assert text.rstrip()[-1] in ".?", (rule_id, text)
