"""Checks that span fields, domains or the protocol. Importing the package registers them all.

What a site is asked is the `query` of a check, here; of a rule that follows from facts, as that a
date is a date, of its entry in `data_validation.generated`.
"""

from data_validation.checks import (
    adverse_events,
    completeness,
    deaths,
    demographics,
    dosing,
    eligibility,
    identifiers,
    measurements,
    participation,
    scales,
)

__all__ = [
    "adverse_events",
    "completeness",
    "deaths",
    "demographics",
    "dosing",
    "eligibility",
    "identifiers",
    "measurements",
    "participation",
    "scales",
]
