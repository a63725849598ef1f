"""What is known about a field and a domain, written once.

The Pandera schemas, the generated checks, the catalogue page, the typing of values and the sealing
all read these facts. A field is sealed unless its facts open it.
"""

from collections.abc import Callable
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


@dataclass(frozen=True)
class Field:
    """One field of a domain.

    Attributes:
        name: the SDTM variable, `AESTDTC`.
        word: the name inside, `start_date`; the boundary between the two is the snapshot.
        missing: the severity of an empty value; None where a field may be empty.
        invalid: the severity of a value that is not of the field's kind, code list or range.
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
    invalid: Severity = Severity.MINOR

    @property
    def typed(self) -> bool:
        """Whether the value has a form to fail: then its text is kept beside it."""
        return self.kind is not Kind.TEXT


def every_row(_frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
    """The row rule of a domain whose rows are all open."""
    return pl.lit(True)


def no_row(_frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
    """The row rule of a sealed domain."""
    return pl.lit(False)


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


RowRule = Callable[[pl.DataFrame, Trial], pl.Expr]


@dataclass(frozen=True)
class Domain:
    """One SDTM dataset and the relation it becomes.

    Attributes:
        name: the dataset, `AE`.
        relation: the name inside, `adverse_event`.
        keys: the open fields that identify a record across extracts.
        duplicate: the severity of two records with equal keys; None where they may repeat.
        open_rows: which rows may be open; everything else is sealed whole.
    """

    name: str
    relation: str
    label: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...]
    open_rows: RowRule = no_row
    duplicate: Severity | None = None

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their SDTM name."""
        return {item.name: item for item in self.fields}

    @cached_property
    def open_fields(self) -> tuple[Field, ...]:
        """The fields of which the open store holds something."""
        return tuple(item for item in self.fields if item.exposure is not Exposure.SEALED)


SUBJECT = Field(
    "USUBJID",
    "subject",
    "Unique subject identifier.",
    exposure=Exposure.OPEN,
    missing=Severity.CRITICAL,
)
