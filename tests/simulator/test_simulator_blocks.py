"""Large trials: made and written in blocks of persons, the same as if made whole."""

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import simulate, simulate_blocks, write_blocks
from simulator.draws import Draws, split_mix
from trials import load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"
END = date(2040, 1, 1)
# 100,000 participants at 500 sites, or a hundredth of that.
PARTICIPANTS, SECONDS = (100_000, 180) if PROVE else (1_000, 30)
MEGABYTES = 4_000 if PROVE else 1_000


def test_numbers_are_those_of_split_mix_64() -> None:
    """The first five words from seed 1234567, as Rosetta Code's task "SplitMix64" lists them."""
    words = split_mix(np.array([1234567], dtype=np.uint64), np.arange(1, 6, dtype=np.uint64))
    assert words.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(st.lists(st.integers(0, 10_000_000), max_size=20), st.integers(1, 40), st.integers(0, 99))
def test_a_person_has_the_same_numbers_in_every_block(
    persons: list[int], columns: int, seed: int
) -> None:
    together = Draws(seed, np.array(persons, dtype=np.int64)).normal("x", len(persons), columns)
    for row, person in zip(together, persons, strict=True):
        alone = Draws(seed, np.array([person])).normal("x", 1, columns)
        assert (alone[0] == row).all()
    assert np.isfinite(together).all()


def test_numbers_of_topics_persons_and_columns_are_unrelated() -> None:
    one, other = (Draws(3).uniform(topic, 4_000, 6) for topic in ("one", "other"))
    columns = np.concatenate([one, other], axis=1)
    related = np.corrcoef(columns, rowvar=False) - np.eye(12)
    # A correlation of 4,000 pairs has standard error 0.016.
    assert np.abs(related).max() < 5 / 4_000**0.5
    assert abs(np.corrcoef(one[1:, 0], one[:-1, 0])[0, 1]) < 5 / 4_000**0.5
    assert abs(one.mean() - 0.5) < 5 / (12 * one.size) ** 0.5


@pytest.mark.parametrize("block", [6, 10_000])
def test_blocks_together_are_the_trial(block: int) -> None:
    trial = load_trial("nct05689008")
    whole = simulate(trial, participants=24, sites=120, seed=4, cutoff=END)
    blocks = list(
        simulate_blocks(trial, participants=24, sites=120, seed=4, cutoff=END, block=block)
    )
    for name, frame in whole.items():
        assert pl.concat([part[name] for part in blocks]).equals(frame), name
        if "USUBJID" in frame.columns:
            assert frame["USUBJID"].is_sorted(), name


def test_labels_of_many_sites_are_as_wide_as_the_last() -> None:
    frames = simulate(load_trial("nct05689008"), participants=300, sites=120, cutoff=END)
    assert set(frames["dm"]["SITEID"].str.len_chars()) == {3}
    assert frames["dm"]["USUBJID"].is_unique().all()


@pytest.mark.parametrize("format", ["csv", "parquet", "xpt"])
def test_blocks_are_written_one_after_the_other(tmp_path: Path, format: str) -> None:
    trial = load_trial("nct05689008")
    whole = simulate(trial, participants=12, sites=3, seed=2, cutoff=END)
    blocks = simulate_blocks(trial, participants=12, sites=3, seed=2, cutoff=END, block=5)
    rows = write_blocks(blocks, tmp_path / "blocks", format=format)  # type: ignore[arg-type]
    write_blocks([whole], tmp_path / "whole", format=format)  # type: ignore[arg-type]
    for path, count in rows.items():
        other = tmp_path / "whole" / path.name
        assert count == whole[path.stem].height
        if format == "parquet":
            assert pl.read_parquet(path).equals(pl.read_parquet(other))
        else:
            # The headers of XPORT carry the time of writing in their first 720 bytes.
            head = 720 if format == "xpt" else 0
            assert path.read_bytes()[head:] == other.read_bytes()[head:]


@pytest.mark.timeout(900)
def test_a_large_trial_is_written_in_time_and_memory(tmp_path: Path) -> None:
    folder = tmp_path / "extract"
    begun = time.monotonic()
    # By a process of its own: a child begins with the peak of whoever starts it.
    program = (
        "import resource, subprocess, sys;"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", program),
            *(sys.executable, "-m", "data_validation", "simulate", "--format", "parquet"),
            *("--sites", "500", "--participants", str(PARTICIPANTS)),
            *("--cutoff", "2024-06-30", "--out", str(folder)),
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.monotonic() - begun
    megabytes = int(done.stdout) / (1024 if sys.platform == "linux" else 1024**2)
    listed = pl.scan_parquet(folder / "randomization.parquet")
    assert listed.select(pl.len()).collect().item() == PARTICIPANTS
    print(f"{PARTICIPANTS} participants: {seconds:.0f} s, {megabytes:.0f} MB")
    assert seconds < SECONDS
    assert megabytes < MEGABYTES
