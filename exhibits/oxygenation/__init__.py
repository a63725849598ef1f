"""Are patients' lungs getting better? PaO2/FiO2, support, the WHO scale, days off ventilation."""

from exhibits.oxygenation import composite, courses, differences, states, ventilation

__all__ = ["composite", "courses", "differences", "states", "ventilation"]
