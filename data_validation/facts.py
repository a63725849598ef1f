"""What is known about a field and a domain, written once.

The Pandera schemas, the generated checks, the catalogue page, the typing of values and the sealing
all read these facts. A field is sealed unless its facts open it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache, cached_property

import polars as pl

from trials import Trial


class Kind(StrEnum):
    """What a value is. All values arrive as text; all kinds but TEXT get a typed twin."""

    TEXT = "text"
    CODE = "code list"
    DATE = "date"
    NUMBER = "number"
    INTEGER = "integer"


class Exposure(Enum):
    """What the open store may hold of a field.

    SEALED: nothing. OPEN: the value, as far as it is of the field's kind (free text in a number, a
    date or a code list is masked). DAY: the calendar day; the clock time stays sealed.
    """

    SEALED = "sealed"
    OPEN = "open"
    DAY = "open as calendar day"


class Severity(StrEnum):
    """How much a finding matters; CRITICAL ones refuse the load."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    NOTE = "note"


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a domain.

    Attributes:
        name: the SDTM variable, `AESTDTC`.
        word: the name inside, `start_date`; the boundary between the two is the snapshot.
        missing: the severity of an empty value; None where a field may be empty.
        invalid: the severity of a value that is not of the field's kind, code list or range; None
            where that cannot be said of the field alone.
        made: whether it is made here, before sealing, and not part of an extract.
    """

    name: str
    word: str
    description: str
    kind: Kind = Kind.TEXT
    exposure: Exposure = Exposure.SEALED
    codes: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    missing: Severity | None = None
    invalid: Severity | None = Severity.MINOR
    made: bool = False

    @cached_property
    def typed(self) -> bool:
        """Whether the value has a form to fail: then its text is kept beside it."""
        return self.kind is not Kind.TEXT


def open_field(name: str, word: str, description: str, *, missing: Severity | None = None) -> Field:
    """A field of text of which the open store has the value."""
    return Field(name, word, description, exposure=Exposure.OPEN, missing=missing)


def calendar_day(
    name: str,
    word: str,
    description: str,
    *,
    missing: Severity | None = None,
    invalid: Severity | None = Severity.MINOR,
    required: Severity | None = None,
) -> Field:
    """A date of which the open store has the calendar day; `required` is missing and invalid."""
    missing, invalid = required or missing, required or invalid
    return Field(name, word, description, Kind.DATE, Exposure.DAY, missing=missing, invalid=invalid)


def code_list(
    name: str,
    word: str,
    description: str,
    codes: tuple[str, ...],
    *,
    missing: Severity | None = None,
    invalid: Severity | None = Severity.MINOR,
    required: Severity | None = None,
) -> Field:
    """An open field of one of some codes; `required` is missing and invalid."""
    missing, invalid = required or missing, required or invalid
    return Field(
        name, word, description, Kind.CODE, Exposure.OPEN, codes, missing=missing, invalid=invalid
    )


def every_row(_frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
    """The row rule of a domain whose rows are all open."""
    return pl.lit(True)


def no_row(_frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
    """The row rule of a sealed domain."""
    return pl.lit(False)


@cache
def folded(column: str) -> pl.Expr:
    """A column as compared with terms: case, punctuation and British spelling aside.

    Both sides of a comparison are folded, so what it makes of other words does no harm. A minus
    before a number stays: DAY -2 is not DAY 2.
    """
    return (
        pl.col(column)
        .str.to_lowercase()
        .str.replace_all(r"\s[-\u{2212}]([0-9])", " minus $1")
        .str.replace_all(r"[^\p{L}\p{N}]+", " ")
        .str.replace_all(r"([ao])e", "e")
        .str.replace_all("our", "or", literal=True)
        .str.replace_all(r"is(ation|ed|ing)\b", "iz$1")
        .str.strip_chars()
    )


@cache
def folded_terms(terms: tuple[str, ...]) -> tuple[str, ...]:
    """`terms` as `folded` would show them."""
    frame = pl.DataFrame({"term": list(terms)}, schema={"term": pl.String})
    return tuple(frame.select(folded("term"))["term"])


# Words of giving a treatment: what is counted from it, or comes of it, only one arm has.
_OF_A_DOSE = (
    r"(?i)dos(e|ing)|infus|instil|inject|administ|bronchoscop|premedic|cell therap"
    r"|study (drug|treatment|product|medication|agent)|\bcells?\b|\bMSC|investigational"
)


def names_a_dose(*columns: str) -> pl.Expr:
    """Whether any of some texts is about the giving of the treatment."""
    return pl.any_horizontal(
        pl.col(name).str.contains(_OF_A_DOSE).fill_null(value=False) for name in columns
    )


RowRule = Callable[[pl.DataFrame, Trial], pl.Expr]


@dataclass(frozen=True, eq=False)
class Classes:
    """A class that stands for what a record says, so that the words themselves stay sealed.

    Attributes:
        field: where the class stands; made here, not part of an extract.
        columns: the fields that say it; the first that is filled counts.
        of: the class of each term, by the trial definition.
    """

    field: str
    columns: tuple[str, ...]
    of: Callable[[Trial], Mapping[str, str]]

    def column(self, frame: pl.DataFrame, trial: Trial) -> pl.Series:
        """The class of each row, null where the term is in none."""
        classes = self.of(trial)
        terms = folded_terms(tuple(classes))
        mapping = dict(zip(terms, classes.values(), strict=True))
        if not mapping:
            return pl.Series(self.field, [None] * frame.height, dtype=pl.String)
        terms_of_record = pl.coalesce(
            pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name))
            for name in self.columns
            if name in frame.columns
        )
        return (
            frame.select(terms_of_record.alias("said"))
            .select(
                folded("said")
                .replace_strict(mapping, default=None, return_dtype=pl.String)
                .alias(self.field)
            )
            .to_series()
        )

    def opens(self, _frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
        """The row rule of a domain that is open as classes only."""
        return pl.col(self.field).is_not_null()


@dataclass(frozen=True, eq=False)
class Domain:
    """One SDTM dataset and the relation it becomes.

    Attributes:
        name: the dataset, `AE`.
        relation: the name inside, `adverse_event`.
        keys: the open fields that identify a record across extracts.
        duplicate: the severity of two records with equal keys; None where they may repeat.
        open_rows: which rows may be open; everything else is sealed whole.
        date: the word of the date that places a record in the study, if it has one.
        planned: whether its records belong to visits of the schedule.
        measured: whether it holds results of tests, which the trial may name as measures.
        classes: how its records are shown as classes, if they are.
        outcomes: words of columns that are outcomes, see `structures`.
        occurrence_is_an_outcome: whether having a record at all is one.
        may_follow_death: whether its records may be dated after the death of the participant.
        of_the_trial: whether the trial itself makes its records, so that none is much older.
    """

    name: str
    relation: str
    label: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...]
    open_rows: RowRule = no_row
    duplicate: Severity | None = None
    date: str = ""
    planned: bool = False
    measured: bool = False
    classes: Classes | None = None
    outcomes: tuple[str, ...] = ()
    occurrence_is_an_outcome: bool = False
    may_follow_death: bool = False
    of_the_trial: bool = False

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their SDTM name."""
        return {item.name: item for item in self.fields}

    @cached_property
    def by_word(self) -> dict[str, Field]:
        """The fields by their word."""
        return {item.word: item for item in self.fields}

    @cached_property
    def open_fields(self) -> tuple[Field, ...]:
        """The fields of which the open store holds something."""
        return tuple(item for item in self.fields if item.exposure is not Exposure.SEALED)

    @cached_property
    def received_fields(self) -> tuple[Field, ...]:
        """The fields that an extract can have: all but those that are made here, as a class is."""
        of_class = self.classes.field if self.classes else None
        return tuple(item for item in self.fields if not item.made and item.name != of_class)

    @cached_property
    def opens(self) -> bool:
        """Whether the open store holds anything of it beside the subject."""
        return any(item.name != "USUBJID" for item in self.open_fields)


SUBJECT = Field(
    "USUBJID",
    "subject",
    "Unique subject identifier.",
    exposure=Exposure.OPEN,
    missing=Severity.CRITICAL,
)

# Timing, order and relations that are sealed in every domain by the design: study days counted from
# the first dose, baseline flags, time points, sequence and link numbers, and what names the arm.
_SEALED_EVERYWHERE = re.compile(
    r"..(SEQ|DY|STDY|ENDY|STRF|ENRF|STTPT|ENTPT|STRTPT|ENRTPT|BLFL|LOBXFL|TPT|TPTNUM|ELTM|TPTREF"
    r"|RFTDTC|SPID|REFID|GRPID|LNKID|LNKGRP)"
    r"|AE(REL|ACN)\w*|AETRTEM|EPOCH|TAETORD|VISITDY|VISITNUM|ETCD|ELEMENT|(ACT)?ARM(CD|NRS|UD)?"
    r"|RFX?(ST|EN)DTC|STUDYID|DOMAIN"
)


def is_sealed_everywhere(name: str) -> bool:
    """Whether a field is sealed by its name in every domain, so that nobody need be told."""
    return _SEALED_EVERYWHERE.fullmatch(name) is not None


def sequence(domain: str) -> Field:
    """The sequence number of a domain: sealed, for gaps in it betray what was taken out."""
    return Field(
        f"{domain}SEQ",
        "sequence",
        "Number of the record within its subject, as received.",
        Kind.INTEGER,
        lower=1,
        invalid=Severity.NOTE,
    )
