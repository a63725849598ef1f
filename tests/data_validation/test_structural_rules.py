"""Every rule generated from a field's facts, on one cell of a faultless row made wrong."""

from dataclasses import dataclass, replace
from functools import cache

import polars as pl
import pytest
from pandera.errors import SchemaErrors

from data_validation.catalogue import catalogue
from data_validation.domains import DOMAINS
from data_validation.domains.measurements import MEASUREMENTS
from data_validation.facts import Domain, Exposure, Field, Kind
from data_validation.findings import find
from data_validation.generated import absent_field, generated_rules, value_rules
from data_validation.rules import CHECKS, Rule, RuleKind
from data_validation.schemas import BrokenCheckError, exported, schema, structural_failures
from data_validation.values import with_typed_values
from tests.data_validation.small_extracts import Row, Rows, Sides, sides_of, whole_rows

# Text that opens a row; any other text field may hold anything.
OPENING = {
    "AEDECOD": "Pyrexia",
    "DSDECOD": "RANDOMIZED",
    "IETESTCD": "INCL01",
    "VISIT": "BASELINE",
    "PRTRT": "NASAL CANNULA",
    "PRDECOD": "NASAL CANNULA",
    "STUDYID": "NCT05689008",
    "DVCAT": "VISIT SCHEDULE",
    "HODECOD": "HOSPITAL",
    "SSTESTCD": "SURVSTAT",
    "DDTESTCD": "PRCDTH",
    "CMDECOD": "DEXAMETHASONE",
    "MHDECOD": "Hypertension",
    "CEDECOD": "COUGH",
    "CEPRESP": "Y",
    "FAOBJ": "COUGH",
    "FATESTCD": "SEV",
    "RSCAT": "WHO CLINICAL PROGRESSION SCALE 0-10",
    "QSCAT": "SYMPTOM QUESTIONNAIRE",
    # Tests that the trial names as measures.
    **{
        f"{domain.name}TESTCD": str(whole_rows()[domain.name][0][f"{domain.name}TESTCD"])
        for domain in MEASUREMENTS
    },
}
# Domains of which nothing is open, and SUPP--, of which the trial opens nothing.
SEALED = ("EX", "EC", "DA", "RANDOMIZATION", "SUPP")
# What a rule must find, by the last part of its id.
WRONG = {
    "present": "  ",
    "date": "after lunch",
    "partial": "2023-05",
    "number": "about three",
    "code": "PERHAPS",
    "cutoff": "2023-05-01",
    "past": "1899-12-31",
    "early": "2022-12-01",
    "death": "2023-03-11",
    "order": "2023-03-07",
}
# Rules about the form of any field, and which kinds of field they can be about.
FORMS: dict[str, tuple[Kind, ...]] = {
    "blanks": (Kind.TEXT,),
    "text": (Kind.TEXT,),
    "long": (Kind.TEXT,),
    "marks": (Kind.DATE, Kind.NUMBER, Kind.INTEGER, Kind.CODE),
    "case": (Kind.CODE,),
    "decimals": (Kind.INTEGER,),
    "placeholder": (Kind.DATE,),
    "time": (Kind.DATE,),
}


def generated(domain: Domain) -> list[Rule]:
    """Every rule about records that the facts of a domain imply, and not about whole columns."""
    return [
        rule
        for rule in generated_rules(domain)
        if rule != absent_field(domain) and not rule.id.endswith("-offset")
    ]


RULES = [
    pytest.param(domain, rule, id=rule.id)
    for domain in DOMAINS.values()
    for rule in generated(domain)
]
TIME_POINT = ("TPT", "TPTNUM", "TPTREF", "ELTM", "RFTDTC")
GENERATED = {rule.id for domain in DOMAINS.values() for rule in generated(domain)}


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


def faultless_record(domain: Domain, subject: str) -> Row:
    """One record with every field filled."""
    record: Row = {field.name: faultless(field) for field in domain.received_fields}
    # Records of a time point that the trial does not name are sealed.
    record |= dict.fromkeys(
        (name for suffix in TIME_POINT if (name := f"{domain.name}{suffix}") in record), ""
    )
    # A day of a medication is sealed, see the allow-list; a course is not.
    course = {"CMSTDTC": "2023-03-08"} if domain.name == "CM" else {}
    return record | {"USUBJID": subject} | course


def faultless_rows(domain: Domain) -> Rows:
    """Two subjects with one record each in `domain`."""
    return {
        name: [faultless_record(DOMAINS[name], subject) for subject in ("S-001", "S-002")]
        for name in dict.fromkeys(("DM", domain.name))
    }


def wrong_value(rule: Rule, domain: Domain) -> str:
    """What a rule about one cell must find in it."""
    suffix = rule.id.rsplit("-", 1)[-1]
    if suffix == "range":
        field = domain.by_name[rule.field]
        beyond = field.upper + 1 if field.upper is not None else (field.lower or 0) - 1
        return f"{beyond:g}"
    return WRONG[suffix]


def field_of(rule: Rule, domain: Domain) -> Field:
    """The field that is made wrong: the rule's own, or one that a rule about form can be about.

    A field that decides about the openness of its record, or identifies it, is not taken.
    """
    if rule.field:
        return domain.by_name[rule.field]
    suffix = rule.id.rsplit("-", 1)[-1]
    deciding = {*OPENING, *domain.keys, *(domain.classes.columns[:1] if domain.classes else ())}
    return next(
        field
        for field in domain.received_fields
        if field.kind in FORMS[suffix]
        and (suffix != "marks" or field.missing is None)
        and (field.name not in deciding or field.kind is Kind.DATE)
    )


def malformed(rule: Rule, field: Field) -> str:
    """What a rule about form must find in a field."""
    match rule.id.rsplit("-", 1)[-1]:
        case "blanks":
            return f" {faultless(field)}"
        case "text":
            return "=1+1"
        case "long":
            return "x" * 201
        case "marks":
            return "NA"
        case "case":
            return faultless(field).lower()
        case "placeholder":
            return "9999-12-31"
        case "time":
            return "2023-03-10T25:61"
        case _:
            return f"{faultless(field)}.0"


@dataclass(frozen=True)
class Spoiled:
    """An extract in which every rule of a domain is broken once, each in records of its own.

    `positions` are those of the records that a rule must find; record 0 is faultless.
    """

    sides: Sides
    records: list[Row]
    positions: dict[str, list[int]]

    def keys(self, rule: Rule) -> set[str]:
        """The keys of the records that a rule must find."""
        return {self.sides.record_key(rule.domain, place) for place in self.positions[rule.id]}


def spoil(record: Row, person: Row, rule: Rule, domain: Domain) -> None:
    """Make one cell wrong, and let nothing else of the record or the person contradict it."""
    suffix = rule.id.rsplit("-", 1)[-1]
    if suffix in FORMS:
        field = field_of(rule, domain)
        record[field.name] = malformed(rule, field)
        return
    record[rule.field] = wrong_value(rule, domain)
    if suffix not in ("cutoff", "past", "early", "death", "order"):
        return
    if suffix != "death":
        person |= {"DTHDTC": None, "DTHFL": None}
    if (end := domain.by_word.get("end_date")) and end.name != rule.field:
        record[end.name] = "" if suffix in ("cutoff", "death") else record[end.name]
    start = domain.by_word.get("start_date")
    if start and end and suffix == "past" and rule.field in (start.name, end.name):
        # An end in the past is one before its start as well; none of both is before the other.
        record[start.name] = record[end.name] = WRONG["past"]


@cache
def spoiled(name: str) -> Spoiled:
    """Every rule has its subject, whose only record in the domain has one wrong cell."""
    domain = DOMAINS[name]
    records = [faultless_record(domain, "S-000")]
    people = [faultless_record(DOMAINS["DM"], "S-000")]
    positions: dict[str, list[int]] = {}
    for number, rule in enumerate(generated(domain), start=1):
        subject = f"S-{number:03}"
        record = faultless_record(domain, subject)
        person = faultless_record(DOMAINS["DM"], subject)
        positions[rule.id] = [len(records)]
        match rule.id.rsplit("-", 1)[-1]:
            case "subject":
                pass  # left out of DM
            case "duplicate" | "unique" as suffix:
                positions[rule.id].append(len(records) + 1)
                another = dict(record)
                if suffix == "duplicate":
                    another[f"{name}SEQ"] = "2"
                else:
                    key = domain.by_name[domain.keys[-1]]
                    another[key.name] = "2023-03-09" if key.kind is Kind.DATE else "INCL02"
                records.append(another)
                people.append(person)
            case _:
                spoil(record, person, rule, domain)
                people.append(person)
        records.append(record)
    if name == "DM":
        return Spoiled(sides_of({"DM": records}), records, positions)
    return Spoiled(sides_of({"DM": people, name: records}), records, positions)


def not_by_functions(findings: pl.DataFrame) -> pl.DataFrame:
    """What generated rules found; the functions have tests of their own."""
    return findings.filter(~pl.col("check").is_in(list(CHECKS)))


def found_in(keys: set[str], findings: pl.DataFrame) -> set[tuple[str, str, str]]:
    """Rule, record and severity of what generated rules found in some records."""
    found = not_by_functions(findings).filter(pl.col("record_key").is_in(list(keys)))
    return set(found.select("check", "record_key", "severity").rows())


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_a_faultless_record_breaks_no_rule(domain: Domain) -> None:
    sides = sides_of(faultless_rows(domain))
    for findings in (sides.all_findings, sides.open_findings):
        assert not_by_functions(findings).is_empty()
    beside_others = spoiled(domain.name).sides
    key = {beside_others.record_key(domain.name, 0)}
    assert found_in(key, beside_others.all_findings) == set()
    frames = sides.opened.tables.frames
    open_rows = frames[domain.name].height if domain.name in frames else 0
    assert open_rows == (0 if domain.name in SEALED else 2)


@pytest.mark.parametrize(("domain", "rule"), RULES)
def test_one_wrong_cell_breaks_exactly_its_rule(domain: Domain, rule: Rule) -> None:
    extract = spoiled(domain.name)
    keys = extract.keys(rule)
    findings = extract.sides.all_findings
    expected = {(rule.id, key, rule.severity.value) for key in keys}
    if rule.id.endswith("-past") and {"start_date", "end_date"} <= set(domain.by_word):
        # Start and end are in the past together, see `spoil`.
        both = {domain.by_word["start_date"].name, domain.by_word["end_date"].name}
        if rule.field in both:
            expected = {
                (f"{domain.name}-{name}-past", key, rule.severity.value)
                for name in both
                for key in keys
            }
    assert found_in(keys, findings) == expected
    field = rule.field or field_of(rule, domain).name
    by_rule = findings.filter(pl.col("check") == rule.id, pl.col("record_key").is_in(list(keys)))
    assert set(by_rule["record_key"]) == keys
    assert set(by_rule["field"]) == {field}
    if f"{{{field}}}" in rule.query or "{_value}" in rule.query:
        wrong = extract.records[extract.positions[rule.id][0]][field]
        assert all(str(wrong) in query for query in by_rule["query"])
    assert not by_rule["query"].str.contains(r"\{").any()
    its_finding_is_open_where_rule_and_record_are(domain, rule)


def its_finding_is_open_where_rule_and_record_are(domain: Domain, rule: Rule) -> None:
    extract = spoiled(domain.name)
    frames = extract.sides.opened.tables.frames
    open_keys = set(frames[domain.name]["record_key"]) if domain.name in frames else set()
    is_form = rule.id.rsplit("-", 1)[-1] in FORMS
    field = field_of(rule, domain) if rule.field or is_form else None
    sealed = rule.sealed or (is_form and field is not None and field.exposure is Exposure.SEALED)
    keys = set() if sealed else extract.keys(rule) & open_keys
    by_rule = extract.sides.open_findings.filter(
        pl.col("check") == rule.id, pl.col("record_key").is_in(list(extract.keys(rule)))
    )
    assert set(by_rule["record_key"]) == keys
    for text in (*by_rule["value"].drop_nulls(), *by_rule["query"]):
        assert not any(wrong in text for wrong in ("PERHAPS", "after lunch", "about three"))


def test_there_are_rules_of_every_form() -> None:
    suffixes = {rule_id.rsplit("-", 1)[-1] for rule_id in GENERATED}
    assert suffixes == {*WRONG, *FORMS, "range", "duplicate", "subject", "unique"}
    assert len(GENERATED) == len(RULES) > 500


def test_rules_about_sealed_fields_are_sealed() -> None:
    for domain in DOMAINS.values():
        for rule in generated(domain):
            if rule.id.rsplit("-", 1)[-1] not in ("duplicate", "subject", *FORMS):
                is_sealed = domain.by_name[rule.field].exposure is Exposure.SEALED
                assert rule.sealed is is_sealed, rule.id


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_a_field_that_the_extract_lacks_is_said_once(domain: Domain) -> None:
    deciding = {*OPENING, *domain.keys}
    optional = next(
        field
        for field in reversed(domain.received_fields)
        if field.missing is None and field.name not in deciding
    )
    rows = faultless_rows(domain)
    for row in rows[domain.name]:
        del row[optional.name]
    found = not_by_functions(sides_of(rows).all_findings)
    assert found.select("check", "severity", "field", "record_key", "value").rows() == [
        (f"{domain.name}-columns", "note", optional.name, None, None)
    ]
    assert found["message"].item() == absent_field(domain).sentence


def test_a_missing_column_is_not_also_said_of_every_row() -> None:
    rows = faultless_rows(DOMAINS["AE"])
    for row in rows["AE"]:
        del row["AESER"]  # a field that must not be empty
    found = not_by_functions(sides_of(rows).all_findings)
    assert found["check"].to_list() == ["AE-columns"]


@pytest.mark.parametrize("name", ["AE", "DM", "LB"])
def test_a_whole_schema_says_of_an_extract_what_the_checks_say(name: str) -> None:
    domain, frame = DOMAINS[name], spoiled(name).sides.complete[name]
    with pytest.raises(SchemaErrors) as raised:
        schema(domain).validate(frame, lazy=True)
    cases = raised.value.failure_cases.select(rule="check", index=pl.col("index").cast(pl.UInt32))
    failures = structural_failures(frame, domain, domain.received_fields)
    assert set(cases.rows()) == set(failures.rows())
    assert len(set(failures["rule"])) > 8


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_an_exported_schema_has_every_check_of_values_in_the_words_of_the_catalogue(
    domain: Domain,
) -> None:
    columns = exported(domain)["columns"]
    assert list(columns) == [field.name for field in domain.received_fields]
    checks = [check for column in columns.values() for check in column["checks"]]
    made = {check["id"]: (check["sentence"], check["query"], check["severity"]) for check in checks}
    assert made == {
        item.rule.id: (item.rule.sentence, item.rule.query, item.rule.severity.value)
        for item in value_rules(domain)
    }
    assert all(catalogue()[rule].sentence == words[0] for rule, words in made.items())


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
    function = CHECKS["AE-102"]
    monkeypatch.setattr(
        "data_validation.findings.CHECKS", {"AE-102": replace(function, select=failing)}
    )
    with pytest.raises(BrokenCheckError) as raised:
        find(sides_of(faultless_rows(DOMAINS["AE"])).complete)
    assert str(raised.value) == "The check AE-102 did not run (ValueError)."


def test_every_line_of_the_catalogue_can_be_read() -> None:
    for rule_id, rule in catalogue().items():
        assert rule.id == rule_id
        if rule.domain == "OPEN" or rule.id in {"FACT-104", "FACT-105", "FACT-106"}:
            assert rule.field == ""
        elif rule.kind is RuleKind.FORM or rule.id.endswith("-columns"):
            assert rule.field == ""  # each finding names its own
        else:
            # Spellings of visits are compared in SV.
            of = "SV" if rule.id == "DM-143" else rule.domain
            assert rule.field in DOMAINS[of].by_name
        for text in (rule.sentence, rule.why, rule.query):
            assert text[0].isupper() or text[0] == "{"
            assert text.rstrip()[-1] in ".?", (rule_id, text)
