"""Simulated extracts: SDTM datasets with clinically plausible courses, labeled as simulated."""

from trials.simulator.effect import Effect
from trials.simulator.extract import write_extract
from trials.simulator.population import planned_cutoff
from trials.simulator.simulation import simulate

__all__ = ["Effect", "planned_cutoff", "simulate", "write_extract"]
