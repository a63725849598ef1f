"""What the simulator knows of the world: adverse events, laboratory values, vital signs.

Rates and values are plausible for the population and taken from no single source; nothing here is
an estimate, and nothing outside the simulator reads it. What has many rows stands in CSV beside.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, TypeAdapter

CARDIAC = "Cardiac disorders"
VASCULAR = "Vascular disorders"
RESPIRATORY = "Respiratory, thoracic and mediastinal disorders"
NERVOUS = "Nervous system disorders"
METABOLISM = "Metabolism and nutrition disorders"
GENERAL = "General disorders and administration site conditions"
RARE_RATE = 0.00012

Row = TypeVar("Row")
_SEVERAL = BeforeValidator(lambda cell: cell.split("; ") if isinstance(cell, str) else cell)


def _table(name: str, kind: type[Row]) -> tuple[Row, ...]:
    """The rows of a table; what a cell leaves out is the default."""
    with (Path(__file__).parent / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: cell for key, cell in row.items() if cell} for row in csv.DictReader(file)]
    reader = TypeAdapter(kind)
    return tuple(reader.validate_python(row) for row in rows)


@dataclass(frozen=True)
class Event:
    """A preferred term and how it comes about.

    Attributes:
        rate: first events per patient-day in hospital.
        grades: weights of CTCAE grades 1 to 4.
        serious: probability that an event below grade 4 is serious.
        duration: median days until it ends.
        verbatim: how investigators write it.
    """

    term: str
    body_system: str
    rate: float
    grades: Annotated[tuple[float, float, float, float], _SEVERAL] = (4, 4, 2, 0)
    serious: float = 0.05
    duration: float = 6.0
    verbatim: Annotated[tuple[str, ...], _SEVERAL] = ()


@dataclass(frozen=True)
class _BodySystem:
    term: str
    body_system: str


CRITICAL_CARE = _table("critical_care_events", Event)
OUTPATIENT = _table("outpatient_events", Event)
# Body systems of terms that definitions name and the tables above do not.
BODY_SYSTEMS = {row.term: row.body_system for row in _table("body_systems", _BodySystem)}

# What people die of: the term, its weight among deaths, and how many days at most it lasts. Each
# is also an event that people survive, or one that ends on its day: an ongoing event foretells
# nothing.
CRITICAL_CARE_DEATHS = (
    ("Acute respiratory failure", 5.0, 5),
    ("Acute respiratory distress syndrome", 3.0, 5),
    ("Multiple organ dysfunction syndrome", 3.0, 4),
    ("Septic shock", 3.0, 3),
    ("Cardiac arrest", 1.0, 0),
    ("Pulmonary embolism", 0.6, 1),
)
OUTPATIENT_DEATHS = (("Sudden death", 1.0, 0), ("Myocardial infarction", 1.0, 2))


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test of the extract: its codes, precision and reference range, in `unit`.

    `detection` is the limit below which the laboratory reports "<limit".
    """

    code: str
    name: str
    unit: str
    decimals: int
    low: float | None = None
    high: float | None = None
    detection: float | None = None
    category: str = ""
    specimen: str = ""


@dataclass(frozen=True, kw_only=True)
class Quantity(Test):
    """A laboratory test: its value at recovered lungs and its course with severity.

    The median is `median * exp(slope * severity)`, severity running from 0 (recovered) to 1
    (moribund); `between` and `within` are standard deviations of the logarithm. All in `unit`.
    """

    median: float
    slope: float
    between: float
    within: float


@dataclass(frozen=True, kw_only=True)
class VitalSign(Test):
    """A vital sign: `mean + slope * severity`, with standard deviations, in `unit`."""

    mean: float
    slope: float
    between: float
    within: float


# GFRE follows from creatinine, age and sex; only its precision and range count.
LABORATORY = _table("laboratory", Quantity)
GASES = _table("gases", Quantity)
# Findings of other domains, by their code: as laboratory tests, in the domain of their measure.
OTHER_FINDINGS = _table("other_findings", Quantity)
# Tests that no definition names: an extract brings more than a protocol asks for.
UNASKED = _table("unasked", Quantity)
VITAL_SIGNS = _table("vital_signs", VitalSign)


@dataclass(frozen=True)
class Medicine:
    """A medicine: what against, the share who have it, and for how many days, at least and most."""

    term: str
    indication: str
    rate: float
    days: tuple[int, int] = (0, 0)


COURSES = (
    Medicine("DEXAMETHASONE", "COVID-19", 0.65, (6, 10)),
    Medicine("METHYLPREDNISOLONE", "COVID-19", 0.2, (4, 9)),
    Medicine("ENOXAPARIN", "THROMBOSIS PROPHYLAXIS", 0.75, (8, 30)),
    Medicine("MEROPENEM", "PNEUMONIA", 0.3, (5, 12)),
    Medicine("PANTOPRAZOLE", "ULCER PROPHYLAXIS", 0.5, (8, 30)),
)
SINGLE_DOSES = (
    Medicine("PARACETAMOL", "FEVER", 0.35),
    Medicine("FUROSEMIDE", "FLUID OVERLOAD", 0.3),
    Medicine("CHLORPHENAMINE", "ITCHING", 0.08),
    Medicine("DEXAMETHASONE", "COVID-19", 0.05),
)
PREMEDICATION = (
    Medicine("CHLORPHENAMINE", "PREMEDICATION", 0.9),
    Medicine("DEXAMETHASONE", "PROPHYLAXIS", 0.6),
    Medicine("HEPARIN", "PROPHYLAXIS", 0.3),
    Medicine("MIDAZOLAM", "SEDATION", 0.8),
)


@dataclass(frozen=True)
class Condition:
    """A condition in the history, and the share at the age of 63 who have it."""

    term: str
    body_system: str
    rate: float


HISTORY = (
    Condition("Hypertension", VASCULAR, 0.45),
    Condition("Type 2 diabetes mellitus", METABOLISM, 0.22),
    Condition("Coronary artery disease", CARDIAC, 0.1),
    Condition("Chronic obstructive pulmonary disease", RESPIRATORY, 0.08),
    Condition("Hyperlipidaemia", METABOLISM, 0.2),
    Condition("Gout", METABOLISM, 0.05),
    Condition("Cerebral infarction", NERVOUS, 0.06),
)
SYMPTOM_RATES = {
    "COUGH": 0.75, "DYSPNEA": 0.9, "FATIGUE": 0.7, "FEVER": 0.7, "CHEST PAIN": 0.15, "MYALGIA": 0.3
}  # fmt: skip

# ISO 3166 alpha-3 codes by time zone, and who lives there (SDTM's RACE with weights).
COUNTRIES = {
    "Asia/Shanghai": "CHN",
    "America/New_York": "USA",
    "America/Chicago": "USA",
    "America/Los_Angeles": "USA",
    "Europe/London": "GBR",
    "Europe/Berlin": "DEU",
    "Europe/Paris": "FRA",
    "Asia/Tokyo": "JPN",
}
RACES = ("ASIAN", "WHITE", "BLACK OR AFRICAN AMERICAN", "AMERICAN INDIAN OR ALASKA NATIVE")
RACE_WEIGHTS = {"CHN": (1.0, 0.0, 0.0, 0.0), "JPN": (1.0, 0.0, 0.0, 0.0)}
OTHER_RACE_WEIGHTS = (0.06, 0.80, 0.13, 0.01)
