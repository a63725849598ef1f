"""What a rule is: generated from field facts, or a function marked with `@check`.

Every rule has an id, a domain, a severity, a kind, a sentence, a reason and a text for the site.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

import polars as pl

from data_validation.facts import Severity
from data_validation.measures import measured
from data_validation.relations import relations
from data_validation.sealing import Tables
from trials import Trial


class Audience(StrEnum):
    """Who can act on a finding: the site that wrote a value, or whoever programs the export."""

    SITE = "site"
    EXPORT = "export"


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
        audience: who can act. What is for the export is one finding a cause, however many records.
        cause: the fields whose values together are one cause; none where the field itself is.
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
    audience: Audience = Audience.SITE
    cause: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stated:
    """A finding about an extract, or what is open of it, as a whole.

    Attributes:
        about: what is the same in the next extract.
        message: what was found, with its numbers.
    """

    rule: Rule
    about: str
    value: str | None
    message: str


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
        """Rows of a domain of measurements beside what they measure, see `measures.measured`."""
        return self.once(
            f"measured {domain}", lambda: measured(self.tables.frames[domain], domain, self.trial)
        )

    @cached_property
    def relations(self) -> dict[str, pl.DataFrame]:
        """What a snapshot would hold of this side, so that a check means the same by baseline."""
        return relations(self.tables, self.people, self.trial, self.measured)


Check = Callable[[Evidence], pl.DataFrame]


@dataclass(frozen=True)
class CheckFunction:
    """A rule and the function that selects its offending rows of the rule's domain."""

    rule: Rule
    needs: tuple[str, ...]
    select: Check


CHECKS: dict[str, CheckFunction] = {}


@dataclass(frozen=True)
class Heading:
    """How the catalogue lists a check; its domain is how the id begins.

    Attributes:
        field: the SDTM variable that a finding points at.
    """

    kind: RuleKind
    id: str
    field: str
    severity: Severity

    @property
    def domain(self) -> str:
        """The domain of the offending records."""
        return self.id.partition("-")[0]


def check(
    heading: Heading,
    *,
    sentence: str,
    why: str,
    query: str,
    needs: Iterable[str] = (),
    sealed: bool = False,
    audience: Audience = Audience.SITE,
    cause: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Register a function that returns the offending rows (none: the extract passes).

    The rows are rows of the heading's domain, with `record_key` and `USUBJID`; one about no single
    record has null keys and says under `_about` what it is about. `needs` names further domains
    without which the check cannot say anything and does not run.
    """

    def register(function: Check) -> Check:
        id, domain = heading.id, heading.domain
        if id in CHECKS:
            raise ValueError(f"two checks are called {id}")
        words = (sentence, why, query)
        rule = Rule(
            id,
            domain,
            heading.field,
            heading.severity,
            *words,
            sealed,
            heading.kind,
            audience,
            cause,
        )
        CHECKS[id] = CheckFunction(rule, (domain, *needs), function)
        return function

    return register
