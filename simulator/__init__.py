"""Simulated extracts: SDTM datasets with clinically plausible courses, labeled as simulated."""

from simulator.effect import Effect
from simulator.extract import write_blocks, write_extract
from simulator.habits import HABITS, Habit
from simulator.population import planned_cutoff
from simulator.simulated import defects_file, write_simulated
from simulator.simulation import simulate, simulate_blocks

__all__ = [
    "HABITS",
    "Effect",
    "Habit",
    "defects_file",
    "planned_cutoff",
    "simulate",
    "simulate_blocks",
    "write_blocks",
    "write_extract",
    "write_simulated",
]
