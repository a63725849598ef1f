"""Trials without any effect, through the whole product: how often does a page say there is one?

Each interval is held against the level that it has if nothing differs: 5 % where outcomes are
continuous; of counts the exact level, given how many had the event, which is lower. It fails
outside the band that so many trials allow. One trial here, to see that all of it fits together; 300
in the long proof.
"""

import os
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, hypergeom  # type: ignore[import-untyped, unused-ignore]

from access import View
from estimators.proportions import miettinen_nurminen
from exhibits import make
from queries import Board
from simulator import simulate
from tests.conftest import KeyPair, board_of, load_frames
from tests.exhibits.oxygenation_extract import table
from trials import load_trial

TRIALS = 300 if os.environ.get("DSMB_PROVE") == "1" else 1
ENDED = date(2025, 6, 1)
TRIAL = load_trial("nct05689008")

# Exhibit, what is said of the arms, what stands for no difference, the rows it is told apart by.
CONTINUOUS = (
    ("oxygenation_adjusted", "difference", 0.0, ("method", "planned_day")),
    ("oxygenation_composite", "win_percent", 50.0, ()),
    ("ventilator_free", "win_percent", 50.0, ()),
    ("higher_support_free", "win_percent", 50.0, ()),
    ("deaths_compared", "days", 0.0, ()),
)

# With the event and all, of the arm and of the reference, and whether they are said to differ.
Counts = tuple[int, int, int, int, bool]

pytestmark = pytest.mark.timeout(20_000)


def said_to_differ(board: Board) -> dict[str, list[bool]]:
    """Of each continuous comparison whether its interval leaves out no difference."""
    found = defaultdict(list)
    for name, column, none, keys in CONTINUOUS:
        shown = make(name, board)
        if shown.table is None:
            continue
        rows = shown.table.drop_nulls([column, f"{column}_low", f"{column}_high"])
        for row in rows.iter_rows(named=True):
            key = " ".join([name, *(str(row[one]) for one in keys)])
            found[key].append(not row[f"{column}_low"] <= none <= row[f"{column}_high"])
    return found


def counts_of(board: Board) -> dict[str, list[Counts]]:
    """Of each comparison of counts the counts, and whether its interval leaves out none."""
    found = defaultdict(list)
    reference, other = board.arms[0], board.arms[1]
    assert reference == board.reference_arm
    rows = table(make("subgroups", board)).drop_nulls(["with_event", "difference"])
    for row in rows.iter_rows(named=True):
        of_arm, of_reference = (
            (row["with_event"], row["of"]),
            (
                row["with_event_reference"],
                row["of_reference"],
            ),
        )
        found["subgroups"].append((*of_arm, *of_reference, differs(row)))
    groups = table(make("special_interest_overview", board))
    for _, part in groups.group_by("name"):
        by_arm = {row["arm"]: row for row in part.iter_rows(named=True)}
        of_arm, of_reference = (
            (by_arm[arm]["participants"], by_arm[arm]["randomized"]) for arm in (other, reference)
        )
        found["special_interest_overview"].append((*of_arm, *of_reference, differs(by_arm[other])))
    return found


def differs(row: dict[str, Any]) -> bool:
    """Whether the interval of a difference leaves out none."""
    return not row["difference_low"] <= 0 <= row["difference_high"]


def level(x1: int, n1: int, x2: int, n2: int) -> float:
    """How often Miettinen and Nurminen's interval leaves out 0, given the events of both arms."""
    first = np.arange(max(0, x1 + x2 - n2), min(x1 + x2, n1) + 1)
    limits = miettinen_nurminen(first, n1, x1 + x2 - first, n2)
    # As a page prints them.
    apart = (np.round(100 * limits.low, 1) > 0) | (np.round(100 * limits.high, 1) < 0)
    return float(hypergeom(n1 + n2, x1 + x2, n1).pmf(first)[apart].sum())


def test_pages_say_that_arms_differ_as_often_as_chance_does(
    tmp_path: Path, key_pair: KeyPair
) -> None:
    told_apart: dict[str, list[bool]] = defaultdict(list)
    beyond: dict[str, list[float]] = defaultdict(list)
    marked = 0
    for seed in range(TRIALS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        frames = simulate(TRIAL, seed=1000 + seed, cutoff=ENDED)
        board = board_of(load_frames(frames, TRIAL, key_pair, folder, ENDED), View.UNBLINDED)
        for key, told in said_to_differ(board).items():
            told_apart[key] += told
        for name, rows in counts_of(board).items():
            # Rows of one trial are not independent: what is summed is a trial's excess.
            beyond[name].append(sum(row[4] - level(*row[:4]) for row in rows))
        terms = table(make("adverse_events_by_term", board))
        marks = [name for name in terms.columns if name.startswith("mark")]
        marked += any(mark not in {None, ""} for name in marks for mark in terms[name])
        board.close()
    assert {key.split()[0] for key in told_apart} == {name for name, *_ in CONTINUOUS}
    assert set(beyond) == {"special_interest_overview", "subgroups"}
    for key, told in sorted(told_apart.items()):
        # A day that hardly any trial has is no evidence.
        if len(told) < TRIALS // 2:
            continue
        print(key, f"{sum(told)} of {len(told)}")
        low, high = binom.ppf([0.0005, 0.9995], len(told), 0.05)
        assert sum(told) <= high, key
        assert sum(told) >= low, key
    for name, excess in beyond.items():
        error = np.std(excess, ddof=1) / np.sqrt(len(excess)) if len(excess) > 1 else np.inf
        print(name, f"{np.mean(excess):+.3f} rows a trial, standard error {error:.3f}")
        assert abs(np.mean(excess)) <= 3.3 * error, name
    print("terms marked in", marked, "of", TRIALS)
    assert marked <= binom.ppf(0.9995, TRIALS, 0.10)
