"""Adverse events of special interest: who had them, when, and what supports the cases."""

from exhibits.special_interest import cases, incidence, instillation, overview

__all__ = ["cases", "incidence", "instillation", "overview"]
