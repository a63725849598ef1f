"""A simulated extract on disk, with the list of the defects in it beside it."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import polars as pl

from simulator.defects import LISTED, Level, planted_blocks
from simulator.extract import Format, write_blocks
from simulator.habits import Habit
from simulator.population import planned_cutoff
from simulator.simulation import simulate_blocks
from trials import Trial

# Datasets that an extract with defects has in another encoding than UTF-8, where a format has one.
_ENCODINGS = {"ae": "gb18030"}


def defects_file(folder: Path) -> Path:
    """Where the defects of an extract are listed: beside it, where no reader looks."""
    return folder.with_name(f"{folder.name}.defects.csv")


def write_simulated(
    trial: Trial,
    folder: Path,
    *,
    participants: int = 60,
    sites: int = 1,
    seed: int = 7,
    cutoff: date | None = None,
    defects: Level = "clean",
    format: Format = "csv",
    habits: Collection[Habit] = (),
) -> dict[Path, int]:
    """Write a simulated extract, and `defects_file` where it has defects.

    Returns:
        The files of the extract and their rows.

    Raises:
        ValueError: as `simulate_blocks`, `planted_blocks` and `write_blocks`; or defects are asked
            for together with habits, whose records are not where the list of defects has them.
        OSError: the folder or a file cannot be written.
    """
    if habits and defects != "clean":
        raise ValueError(
            "An extract is simulated with habits of recording or with defects; ask for one of them."
        )
    cutoff = planned_cutoff(trial) if cutoff is None else cutoff
    blocks = simulate_blocks(
        trial, participants=participants, sites=sites, seed=seed, cutoff=cutoff, habits=habits
    )
    listed = [pl.DataFrame(schema=LISTED)]
    planted = planted_blocks(
        blocks,
        level=defects,
        cutoff=cutoff,
        seed=seed,
        format=format,
        listed=listed,
    )
    encodings = {} if defects == "clean" else _ENCODINGS
    rows = write_blocks(planted, folder, format=format, encodings=encodings)
    if defects != "clean":
        pl.concat(listed).unique(maintain_order=True).write_csv(defects_file(folder))
    return rows
