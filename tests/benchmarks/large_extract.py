"""Extracts of many rows, for measuring: a simulated trial of as many participants as that takes."""

from pathlib import Path
from typing import Literal

import polars as pl

from simulator import simulate
from trials import load_trial

# About what the simulator gives each participant.
_LABORATORY_ROWS_EACH = 140
# The last says that the participants are simulated: the demonstration shows no others.
_SUBJECT_DATASETS = ("dm", "ds", "randomization", "simulation")


def large_frames(trial: str, laboratory_rows: int, event_rows: int = 0) -> dict[str, pl.DataFrame]:
    """DM, DS, the allocation list, LB with 24 columns, and AE if rows of it are asked for.

    There are too few participants for so many events, so each event comes again after some days.
    """
    participants = laboratory_rows // _LABORATORY_ROWS_EACH + 20
    frames = simulate(load_trial(trial), participants=participants, sites=50, seed=7)
    laboratory = frames["lb"].with_columns(pl.lit("central").alias("LBNAM"))
    if laboratory.height < laboratory_rows or laboratory.width != 24:
        raise ValueError(f"the simulator gives {laboratory.shape} rows and columns of LB")
    made = {name: frames[name] for name in _SUBJECT_DATASETS}
    made["lb"] = laboratory.head(laboratory_rows)
    if event_rows:
        made["ae"] = events_again(frames["ae"], event_rows)
    return made


def events_again(events: pl.DataFrame, rows: int) -> pl.DataFrame:
    """So many rows of AE: each event comes again after some days."""
    day = pl.col("AESTDTC").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    again = [
        events.with_columns(
            pl.coalesce((day + pl.duration(days=turn)).dt.to_string("%Y-%m-%d"), "AESTDTC").alias(
                "AESTDTC"
            )
        )
        for turn in range(-(-rows // events.height))
    ]
    return pl.concat(again).head(rows)


def write_large(
    frames: dict[str, pl.DataFrame], folder: Path, file: Literal["csv", "parquet"]
) -> Path:
    """Write one file a dataset; returns the folder."""
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        if file == "csv":
            frame.write_csv(folder / f"{name}.csv")
        else:
            frame.write_parquet(folder / f"{name}.parquet")
    return folder
