"""What a board reads: titled figures and tables with population, denominators and provenance."""

from exhibits import (
    arm_balance,
    changes,
    conduct,
    enrollment,
    findings,
    immune,
    laboratory,
    monitoring,
    overview,
    oxygenation,
    participant,
    safety,
    special_interest,
    subgroups,
    survival,
)
from exhibits.exhibit import EXHIBITS, Exhibit, NotInThisViewError, Number, make, offered

__all__ = [
    "EXHIBITS",
    "Exhibit",
    "NotInThisViewError",
    "Number",
    "arm_balance",
    "changes",
    "conduct",
    "enrollment",
    "findings",
    "immune",
    "laboratory",
    "make",
    "monitoring",
    "offered",
    "overview",
    "oxygenation",
    "participant",
    "safety",
    "special_interest",
    "subgroups",
    "survival",
]
