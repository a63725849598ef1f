"""Checks that span fields, domains or the protocol. Importing the package registers them all."""

from data_validation.checks import (
    adverse_events,
    demographics,
    dosing,
    eligibility,
    measurements,
    participation,
)

__all__ = [
    "adverse_events",
    "demographics",
    "dosing",
    "eligibility",
    "measurements",
    "participation",
]
