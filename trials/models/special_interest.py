"""Events of special interest, and what counts as worsening after a dose."""

from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Identifier, Model, Name

Category = Literal["A", "B", "C", "D"]
Scope = Literal["narrow", "broad"]


class Support(Model):
    """A result that supports a case: `measure` beyond a value, in days around the onset."""

    measure: Identifier
    at_least: float | None = None
    at_most: float | None = None
    days_before: int = Field(default=1, ge=0)
    days_after: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("needs one limit: name at_least or at_most")
        return self


class StandardTerm(Model):
    """A preferred term of a standardized MedDRA query, as a licensed file has it."""

    term: Name
    category: Category | None = None
    scope: Scope


class SpecialInterest(Model):
    """A study-defined group of preferred terms; not one of MedDRA's licensed queries.

    Attributes:
        terms: what counts, where no licensed file is given that has `smq`.
        smq: the name of the standardized MedDRA query that stands in for the terms then.
        scope: which of its terms count, those of narrow scope or all.
        algorithm_days: for a query with the algorithm of the anaphylactic reaction, how many days
            the onsets of a combination may lie apart; without it every term counts alone.
        standard_terms: the terms of the query, not part of a definition.
        supports: what supports a case, beside its term.
        asked_for: what reviewers will ask for and no extract of this trial records.
    """

    id: Identifier
    name: Name
    why: Name
    meddra_version: str
    terms: tuple[Name, ...] = Field(min_length=1)
    smq: Name | None = None
    scope: Scope = "narrow"
    algorithm_days: int | None = Field(default=None, ge=0)
    standard_terms: tuple[StandardTerm, ...] = Field(default=(), max_length=0)
    supports: tuple[Support, ...] = ()
    asked_for: tuple[Name, ...] = ()

    @property
    def counted_terms(self) -> tuple[tuple[str, str | None], ...]:
        """Each term that counts, and its category where it counts in a combination only."""
        if not self.standard_terms:
            return tuple((term, None) for term in self.terms)
        if self.algorithm_days is None:
            return tuple(
                (item.term, None)
                for item in self.standard_terms
                if self.scope == "broad" or item.scope == "narrow"
            )
        # Terms of category A, and narrow ones without a category, count alone.
        return tuple(
            (item.term, None if item.category in (None, "A") else item.category)
            for item in self.standard_terms
            if item.category is not None or item.scope == "narrow"
        )


class Safety(Model):
    """How adverse events of the arms are compared.

    Attributes:
        least_total: participants of two arms together from which on a term, body system or group
            can be marked; where it is not given, as few as Fisher's test can mark at all.
    """

    least_total: int | None = Field(default=None, ge=1)


class Worsening(Model):
    """What counts as worsening after a dose, and for how many hours.

    Attributes:
        hours: for how long after a dose it counts; `arrest_hours` for arrest and death.
        vasopressors: the class of medication, of which any start counts.
        peep, fio2: measures of the ventilator's settings, and what rise of them counts.
        arrhythmias, arrests: preferred terms.
        not_recorded: what belongs to it and no extract of this trial records.
    """

    hours: int = Field(ge=1)
    arrest_hours: int = Field(ge=1)
    vasopressors: Name
    peep: Identifier
    peep_increase: float = Field(gt=0)
    fio2: Identifier
    fio2_increase: float = Field(gt=0)
    arrhythmias: tuple[Name, ...] = ()
    arrests: tuple[Name, ...] = ()
    not_recorded: tuple[Name, ...] = ()
