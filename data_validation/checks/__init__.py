"""Checks that span fields, domains or the protocol. Importing the package registers them all."""

from data_validation.checks import (
    adverse_events,
    completeness,
    deaths,
    demographics,
    dosing,
    eligibility,
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
    "measurements",
    "participation",
    "scales",
]
