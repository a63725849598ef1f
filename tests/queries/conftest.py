"""Loaded trials to ask: a simulated one of two arms and seven sites, and the pilot of three."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from access import Grant, View
from queries import Board, open_board
from simulator import simulate
from snapshots import Snapshot
from tests.conftest import KeyPair, LoadedTrial, Workshop, granted, load_frames
from trials import Trial, load_trial


@dataclass(frozen=True)
class Loaded:
    """A snapshot of a trial, and the private key that opens it."""

    trial: Trial
    snapshot: Snapshot
    private_key: Path

    def grant(self, view: View, minutes: int = 480) -> Grant:
        """The right to this snapshot in a view."""
        return granted(view, trial=self.trial.id, snapshot=str(self.snapshot.id), minutes=minutes)

    def board(self, view: View) -> Board:
        """A Board; whoever opens a comparative one closes it."""
        return open_board(self.trial, self.snapshot, self.grant(view), self.private_key)


def _without(frame: pl.DataFrame, column: str, every: int) -> pl.DataFrame:
    """The frame without the value of a column in every so-manyth row."""
    place = pl.int_range(pl.len())
    return frame.with_columns(pl.when(place % every > 0).then(pl.col(column)).alias(column))


@pytest.fixture(scope="session")
def simulated(workshop: Workshop, key_pair: KeyPair) -> Loaded:
    """Twenty participants, with enough gaps and sites for every question to have ties."""
    trial = load_trial("nct05689008")

    def loaded(folder: Path) -> LoadedTrial:
        frames = simulate(trial, participants=20, sites=7, seed=11, cutoff=date(2024, 6, 1))
        frames["ae"] = _without(frames["ae"], "AESER", 5)
        frames["lb"] = _without(frames["lb"], "LBORRESU", 97)
        frames["vs"] = _without(frames["vs"], "VSORRESU", 97)
        return load_frames(frames, trial, key_pair, folder, checked=True)

    return Loaded(trial, workshop.make("asked", loaded).snapshot, key_pair.private)


@pytest.fixture(scope="session")
def pilot(pilot_store: LoadedTrial) -> Loaded:
    """Three arms, 254 randomized."""
    return Loaded(pilot_store.trial, pilot_store.snapshot, pilot_store.keys.private)
