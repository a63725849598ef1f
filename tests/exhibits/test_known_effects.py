"""Simulated trials with a known effect: the intervals of the pages cover it as often as they say.

Every trial goes through the whole product: simulated, written, loaded, shown. What is true is told
from one very large trial. A few trials here, to see that all of it still fits together; 500 in the
long proof.
"""

import os
from datetime import date
from pathlib import Path

import pytest
from scipy.stats import binom  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import make
from simulator import Effect, simulate
from tests.conftest import KeyPair, board_of, load_frames
from trials import load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"
TRIALS = 500 if PROVE else 2
# So many that what is true is known to about half a percentage point.
MANY = 20_000 if PROVE else 240
EFFECT = Effect(mortality_ratio=0.5, recovery_ratio=1.5)
ENDED = date(2025, 6, 1)
TRIAL = load_trial("nct05689008")

# An estimate in percent or percentage points, and its limits.
Interval = tuple[float, float, float]

pytestmark = pytest.mark.timeout(7200)


def intervals(folder: Path, keys: KeyPair, *, participants: int, seed: int) -> dict[str, Interval]:
    """What the pages say of the treated against control, unblinded."""
    frames = simulate(TRIAL, participants=participants, seed=seed, cutoff=ENDED, effect=EFFECT)
    board = board_of(load_frames(frames, TRIAL, keys, folder, ENDED), View.UNBLINDED)
    found = {}
    for name, columns, chosen in (
        ("ventilator_free", ("win_percent", "win_percent_low", "win_percent_high"), {}),
        ("survival_curve", ("difference", "difference_low", "difference_high"), {"day": 28}),
        ("mortality", ("difference", "difference_low", "difference_high"), {"group": "By day 28"}),
    ):
        table = make(name, board).table
        assert table is not None
        for row in table.drop_nulls(columns[0]).iter_rows(named=True):
            if row["arm"] == "UC-MSC" and chosen.items() <= row.items():
                estimate, low, high = (float(row[column]) for column in columns)
                found[name] = (estimate, low, high)
    board.close()
    return found


def test_intervals_cover_what_is_true(tmp_path: Path, key_pair: KeyPair) -> None:
    (tmp_path / "large").mkdir()
    truth = intervals(tmp_path / "large", key_pair, participants=MANY, seed=999)
    covered = dict.fromkeys(truth, 0)
    for seed in range(TRIALS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, (_, low, high) in intervals(folder, key_pair, participants=60, seed=seed).items():
            covered[name] += low <= truth[name][0] <= high
    # The effect is there, in the direction that was simulated.
    assert truth["ventilator_free"][0] > 50
    assert truth["survival_curve"][0] > 0 > truth["mortality"][0]
    print({name: f"{count} of {TRIALS}" for name, count in covered.items()})
    for name, count in covered.items():
        # One in a thousand series is below it at 95 %; a point less, as the truth is estimated.
        assert count >= binom.ppf(0.001, TRIALS, 0.94), name
