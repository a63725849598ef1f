"""Who died, and when: deaths, survival, discharge with death competing, known vital status."""

from exhibits.survival import curve, deaths, discharge, hazards, known_status

__all__ = ["curve", "deaths", "discharge", "hazards", "known_status"]
