"""What a board reads: titled figures and tables with population, denominators and provenance."""

from exhibits import (
    arm_balance,
    completeness,
    conduct,
    enrollment,
    findings,
    immune,
    laboratory,
    oxygenation,
    participant,
    safety,
    special_interest,
    survival,
    treatment,
)
from exhibits.exhibit import (
    EXHIBITS,
    Exhibit,
    NotInThisViewError,
    Number,
    make,
    offered,
)

__all__ = [
    "EXHIBITS",
    "Exhibit",
    "NotInThisViewError",
    "Number",
    "arm_balance",
    "completeness",
    "conduct",
    "enrollment",
    "findings",
    "immune",
    "laboratory",
    "make",
    "offered",
    "oxygenation",
    "participant",
    "safety",
    "special_interest",
    "survival",
    "treatment",
]
