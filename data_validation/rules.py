"""What a rule is: generated from field facts, or a function marked with `@check`.

Every rule has an id, a domain, a severity, a kind, a sentence, a reason and a text for the site.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

import polars as pl

from data_validation.facts import Domain, Exposure, Field, Kind, Severity
from data_validation.relations import measured, relations
from data_validation.sealing import Tables
from trials import Trial


class RuleKind(StrEnum):
    """What a rule is about; the catalogue is grouped by it."""

    STRUCTURE = "structure"
    FORM = "form"
    PLAUSIBILITY = "plausibility"
    ORDER = "order"
    AGREEMENT = "agreement"
    ELIGIBILITY = "eligibility"
    DOSING = "dosing"
    COMPLETENESS = "completeness"
    BLINDING = "blinding"


@dataclass(frozen=True)
class Rule:
    """One line of the catalogue.

    Attributes:
        id: stable across versions, `AE-101` or, generated, `AE-AESTDTC-date`.
        field: the SDTM variable that a finding points at; empty where each finding names its own.
        why: protocol, SDTM or physiology.
        query: what to ask the site; `{NAME}` stands for the value of that field in the record,
            `{field}` for the name of the field that the finding points at.
        sealed: whether the rule touches sealed fields, so that its findings are sealed.
    """

    id: str
    domain: str
    field: str
    severity: Severity
    sentence: str
    why: str
    query: str
    sealed: bool = False
    kind: RuleKind = RuleKind.STRUCTURE


@dataclass(frozen=True)
class Evidence:
    """What a check may look at: the tables of one side, and what is known of each subject.

    `people` is the participant relation of the same side.
    """

    tables: Tables
    people: pl.DataFrame
    trial: Trial
    cutoff: date | None

    def __getitem__(self, domain: str) -> pl.DataFrame:
        return self.tables.frames[domain]

    @cached_property
    def _made(self) -> dict[str, pl.DataFrame]:
        return {}

    def once(self, name: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """What `make` returns, made once for all checks that ask for this name."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def measured(self, domain: str) -> pl.DataFrame:
        """Rows of a domain of measurements beside what they measure, see `relations.measured`."""
        return self.once(
            f"measured {domain}", lambda: measured(self.tables.frames[domain], domain, self.trial)
        )

    @cached_property
    def relations(self) -> dict[str, pl.DataFrame]:
        """What a snapshot would hold of this side, so that a check means the same by baseline."""
        return relations(self.tables, self.people, self.trial)


Check = Callable[[Evidence], pl.DataFrame]


@dataclass(frozen=True)
class CheckFunction:
    """A rule and the function that selects its offending rows of the rule's domain."""

    rule: Rule
    needs: tuple[str, ...]
    select: Check


CHECKS: dict[str, CheckFunction] = {}


def check(
    *,
    id: str,
    domain: str,
    field: str,
    severity: Severity,
    sentence: str,
    why: str,
    query: str,
    kind: RuleKind,
    needs: Iterable[str] = (),
    sealed: bool = False,
) -> Callable[[Check], Check]:
    """Register a function that returns the offending rows (none: the extract passes).

    The rows are rows of `domain`, with `record_key` and `USUBJID`; one about no single record has
    null keys and says under `_about` what it is about. `needs` names further domains
    without which the check cannot say anything and does not run.
    """

    def register(function: Check) -> Check:
        if id in CHECKS:
            raise ValueError(f"two checks are called {id}")
        rule = Rule(id, domain, field, severity, sentence, why, query, sealed, kind)
        CHECKS[id] = CheckFunction(rule, (domain, *needs), function)
        return function

    return register


def structural_rules(domain: Domain) -> list[Rule]:
    """The rules that the facts of a domain imply, in the order of its fields."""
    rules: list[Rule] = []
    for field in domain.fields:
        sealed = field.exposure is Exposure.SEALED
        if field.missing is not None:
            rules.append(
                Rule(
                    f"{domain.name}-{field.name}-present",
                    domain.name,
                    field.name,
                    field.missing,
                    f"{field.name} is empty.",
                    f"{_described(field)} Needed on every record of {domain.name}.",
                    f"{field.name} is empty. Please provide it.",
                    sealed,
                )
            )
        if field.typed and field.invalid is not None:
            seems = "{_seems}" if field.kind is Kind.DATE else ""
            rules.append(
                Rule(
                    f"{domain.name}-{field.name}-{_form_name(field)}",
                    domain.name,
                    field.name,
                    field.invalid,
                    f"{field.name} is not {_form(field)}.",
                    f"{_described(field)} Without its form the value cannot be used.",
                    f"{field.name} is “{{{field.name}}}”{seems}. Expected {_form(field)}. "
                    "Please correct.",
                    sealed,
                )
            )
        if field.kind is Kind.DATE and field.missing is not None:
            rules.append(
                Rule(
                    f"{domain.name}-{field.name}-partial",
                    domain.name,
                    field.name,
                    Severity.MINOR,
                    f"{field.name} lacks the month or the day.",
                    "A partial date is kept as it is; analyses that need the day say their rule.",
                    f"{field.name} is “{{{field.name}}}”. Please provide the full date if known.",
                    sealed,
                )
            )
        if field.invalid is not None and not field.lower is field.upper is None:
            rules.append(
                Rule(
                    f"{domain.name}-{field.name}-range",
                    domain.name,
                    field.name,
                    field.invalid,
                    f"{field.name} is {_beyond(field)}.",
                    f"{_described(field)} Values outside are not plausible.",
                    f"{field.name} is “{{{field.name}}}”, {_beyond(field)}. Please check.",
                    sealed,
                    RuleKind.PLAUSIBILITY,
                )
            )
    if domain.duplicate is not None:
        rules.append(
            Rule(
                f"{domain.name}-duplicate",
                domain.name,
                domain.keys[-1],
                domain.duplicate,
                f"Two {domain.name} records have the same {', '.join(domain.keys)}.",
                "Which of them counts is not known.",
                "This record is there more than once. Please say which is right.",
                not domain.opens or domain.name == "RANDOMIZATION",
            )
        )
    if (sequence := domain.by_name.get(f"{domain.name}SEQ")) is not None:
        rules.append(
            Rule(
                f"{domain.name}-{sequence.name}-unique",
                domain.name,
                sequence.name,
                Severity.MINOR,
                f"Two {domain.name} records of the participant have the same {sequence.name}.",
                "The number tells records of a participant apart, and others refer to it.",
                f"{sequence.name} {{{sequence.name}}} of {{USUBJID}} is there more than once. "
                "Please have the export numbered anew, or say which record is right.",
                sealed=True,
            )
        )
    if domain.name != "DM":
        rules.append(
            Rule(
                f"{domain.name}-subject",
                domain.name,
                "USUBJID",
                Severity.CRITICAL,
                "The subject is not in DM.",
                "A record of an unknown subject can be placed in no arm and in no denominator.",
                "Subject {USUBJID} has {domain} records but no demographics. Please check the "
                "subject identifier.".replace("{domain}", domain.name),
                kind=RuleKind.AGREEMENT,
            )
        )
    return rules


def column_rule(domain: Domain) -> Rule:
    """The rule for fields that an extract does not have at all."""
    return Rule(
        f"{domain.name}-columns",
        domain.name,
        "",
        Severity.NOTE,
        "The extract does not have this field.",
        "What would be shown from it is said to be missing, never drawn as zero.",
        "Please add the field to the next extract, if it is collected.",
    )


def _described(field: Field) -> str:
    return field.description if field.description.endswith(".") else f"{field.description}."


def _form_name(field: Field) -> str:
    return {Kind.CODE: "code", Kind.DATE: "date"}.get(field.kind, "number")


def _form(field: Field) -> str:
    match field.kind:
        case Kind.DATE:
            return "a date as ISO 8601 writes it (2023-05-17, or 2023-05 where the day is unknown)"
        case Kind.INTEGER:
            return "a whole number"
        case Kind.CODE:
            return f"one of {', '.join(field.codes)}"
        case _:
            return "a number"


def _beyond(field: Field) -> str:
    """`outside 0 to 100 %`, `above 5 g`, `below 1`."""
    unit = f" {field.unit}" if field.unit else ""
    if field.lower is None:
        return f"above {field.upper:g}{unit}"
    if field.upper is None:
        return f"below {field.lower:g}{unit}"
    return f"outside {field.lower:g} to {field.upper:g}{unit}"
