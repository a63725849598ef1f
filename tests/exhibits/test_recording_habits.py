"""Other habits of recording: no zero, estimate or curve stands on what nobody recorded.

The same simulated trial, with what real extracts leave out or write otherwise, as every exhibit of
every view shows it. A few habits run each time, all of them in the long proof.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from access.view import View
from exhibits import EXHIBITS, Exhibit, make, offered
from exhibits.export import as_csv
from simulator import simulate
from simulator.habits import HABITS
from tests.conftest import KeyPair, LoadedTrial, Workshop, board_of, load_frames
from trials import load_trial

CUTOFF = date(2023, 8, 31)
QUICK = ("no seriousness", "no ends")
CHOSEN = tuple(HABITS) if os.environ.get("DSMB_PROVE") == "1" else QUICK
# Of demographics alone nothing says who is randomized: such a load is refused, see test_known.
SHOWN = [habit for habit in CHOSEN if habit != "DM only"]

ABOUT_GRAVITY = re.compile(r"serious|grade|fatal", re.IGNORECASE)


@pytest.fixture(scope="module")
def shown(workshop: Workshop, key_pair: KeyPair) -> Callable[[str], LoadedTrial]:
    """The trial with a habit, loaded once."""
    trial = load_trial("nct05689008")

    def loaded(habit: str) -> LoadedTrial:
        frames = simulate(trial, participants=24, seed=3, cutoff=CUTOFF, habits=(habit,))
        return workshop.make(
            f"habit-{habit.replace(' ', '-')}",
            lambda folder: load_frames(frames, trial, key_pair, folder, CUTOFF),
        )

    return loaded


def every_exhibit(loaded: LoadedTrial, view: View) -> Iterator[tuple[str, Exhibit]]:
    board = board_of(loaded, view)
    try:
        for item in offered(view):
            yield item.name, make(item.name, board)
    finally:
        board.close()


def cells(made: Exhibit) -> list[tuple[str, Any]]:
    """Every named cell of the table, and every number."""
    table = [] if made.table is None else made.table.to_dicts()
    of_table = [(name, value) for row in table for name, value in row.items()]
    return of_table + [(item.label, item.value) for item in made.numbers]


@pytest.mark.parametrize("view", list(View), ids=lambda view: view.word)
@pytest.mark.parametrize("habit", SHOWN)
def test_every_exhibit_is_made_of_any_habit(
    shown: Callable[[str], LoadedTrial], habit: str, view: View
) -> None:
    for name, made in every_exhibit(shown(habit), view):
        assert made.answer or made.missing or made.denominator, name
        json.dumps(made.as_data(), default=str)
        as_csv(made)


@pytest.mark.parametrize("view", list(View), ids=lambda view: view.word)
def test_what_nobody_judged_is_never_a_zero(
    shown: Callable[[str], LoadedTrial], view: View
) -> None:
    """Adverse events as terms and dates alone: nothing reads as no harm."""
    said = 0
    for name, made in every_exhibit(shown("no seriousness"), view):
        if EXHIBITS[name].page == "board-laboratory":
            continue  # its grades are those of laboratory results
        for label, value in cells(made):
            if ABOUT_GRAVITY.search(label):
                assert value != 0, (name, label)
                assert not str(value).startswith("0"), (name, label)
        text = " ".join((made.answer, made.attention, made.missing or ""))
        assert not re.search(r"(serious|severe|higher|fatal): 0\b", text), name
        assert "No serious event is recorded" not in text, name
        said += "not recorded" in f"{text} {' '.join(made.footnotes)}"
    assert said >= 3


@pytest.mark.parametrize("view", list(View), ids=lambda view: view.word)
def test_without_ends_nobody_left_and_nobody_stayed(
    shown: Callable[[str], LoadedTrial], view: View
) -> None:
    """Ends that are inferred are said to be, and observation is no longer than what is recorded."""
    loaded = shown("no ends")
    board = board_of(loaded, view)
    try:
        facts = dict(board.ask("intake/facts").select("fact", "known").rows())
        days = int(board.ask("safety/people")["observed_days"].sum())
        with_ends = board.ask("conduct/disposition", last=loaded.trial.schedule[-1].model_dump())
        assert with_ends["completed"].sum() == with_ends["left_study"].sum() == 0
        assert facts["Observed up to the last contact"]
        whole = sum(
            (CUTOFF - day).days + 1
            for day in loaded.dataset("randomization")["RANDDTC"].str.to_date().drop_nulls()
        )
        assert 0 < days < whole
    finally:
        board.close()
