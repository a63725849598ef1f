"""Extracts that say things in other words, or not at all: never zero, no estimate of nothing."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from access import View
from exhibits import make
from exhibits.safety.terms import NOT_SHOWN
from queries import Board
from simulator import simulate
from tests.conftest import KeyPair, board_of, load_frames
from trials import load_trial

TRIAL = load_trial("nct05689008")
CUTOFF = date(2023, 8, 31)
CRITERIA = ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE")

Frames = dict[str, pl.DataFrame]
Opened = Callable[[Frames], Board]


@pytest.fixture(scope="module")
def simulated() -> Frames:
    return dict(simulate(TRIAL, participants=24, seed=5, cutoff=CUTOFF))


@pytest.fixture
def opened(key_pair: KeyPair, tmp_path: Path) -> Opened:
    def load(frames: Frames) -> Board:
        return board_of(load_frames(frames, TRIAL, key_pair, tmp_path, CUTOFF), View.CODED)

    return load


def said_of(board: Board, exhibit: str, label: str) -> str:
    return next(item.value for item in make(exhibit, board).numbers if item.label == label)


@pytest.mark.parametrize("words", [("1", "0"), ("Yes", "No"), ("serious", "")])
def test_seriousness_in_other_words_is_not_recorded(
    simulated: Frames, opened: Opened, words: tuple[str, str]
) -> None:
    yes, no = words
    ae = simulated["ae"].drop(CRITERIA)
    told = pl.when(pl.col("AESER") == "Y").then(pl.lit(yes)).otherwise(pl.lit(no))
    # A fatal event is serious whatever is ticked, so no outcome tells it here.
    board = opened(simulated | {"ae": ae.with_columns(AESER=told).drop("AEOUT", "AETOXGR")})
    assert said_of(board, "trial_at_a_glance", "With serious event") == "–"
    assert any(
        "Not recorded of adverse events: seriousness" in note
        for note in make("adverse_events_by_term", board).footnotes
    )
    table = make("subgroups", board).table
    assert table is None or "Any serious event" not in set(table["outcome"])
    board.close()


def test_body_systems_on_no_list_are_said_and_no_body_system(
    simulated: Frames, opened: Opened
) -> None:
    ae = simulated["ae"].with_columns(AEBODSYS=pl.lit("Affections cardiaques"))
    board = opened(simulated | {"ae": ae})
    shown = make("adverse_events_by_term", board)
    board.close()
    assert shown.table is not None
    terms = shown.table["preferred_term"].count()
    assert set(shown.table["body_system"]) == {NOT_SHOWN}
    assert shown.answer.startswith(f"{terms} preferred terms in 0 body systems. Of {terms} pref")


def test_outcomes_and_grades_in_other_words_are_not_recorded(
    simulated: Frames, opened: Opened
) -> None:
    ae = simulated["ae"].with_columns(
        AEOUT=pl.when(pl.col("AEOUT") == "FATAL").then(pl.lit("Died")).otherwise(pl.lit("Other")),
        AESEV="Grade " + pl.col("AETOXGR").cast(pl.String),
    )
    board = opened(simulated | {"ae": ae.drop("AETOXGR", *CRITERIA)})
    notes = make("adverse_events_by_term", board).footnotes
    assert any("Not recorded of adverse events: grades, fatal outcomes" in note for note in notes)
    board.close()


def test_what_some_events_do_not_say_is_told_with_the_counts(
    simulated: Frames, opened: Opened
) -> None:
    ae = simulated["ae"].drop(CRITERIA).with_row_index("row")
    some = pl.when(pl.col("row") % 2 == 0).then("AESER")
    board = opened(simulated | {"ae": ae.with_columns(AESER=some).drop("row")})
    (note,) = (
        note
        for note in make("adverse_events_by_term", board).footnotes
        if note.startswith("At least: of ") and "seriousness" in note
    )
    unknown = board.ask("safety/not_recorded").row(0, named=True)
    assert unknown["serious"] > 0
    assert f"of {unknown['serious']} of {unknown['events']} events seriousness is not" in note
    board.close()


def test_dates_that_are_numbers_are_not_recorded(simulated: Frames, opened: Opened) -> None:
    board = opened(simulated | {"ae": simulated["ae"].with_columns(AESTDTC=pl.lit("45123"))})
    assert "Onset of adverse events is not recorded" in make("event_incidence", board).missing
    board.close()


def test_where_deaths_are_not_recorded_nothing_counts_nobody(
    simulated: Frames, opened: Opened
) -> None:
    frames = {
        name: frame for name, frame in simulated.items() if name not in {"ds", "ae", "dd", "ss"}
    }
    dm = frames["dm"]
    frames["dm"] = dm.drop([name for name in ("DTHFL", "DTHDTC") if name in dm.columns])
    board = opened(frames)
    assert said_of(board, "trial_at_a_glance", "Died") == "–"
    glance = make("trial_at_a_glance", board).table
    assert glance is not None
    assert glance.filter(pl.col("what") == "Died").row(0)[1:] == (None,) * len(board.arms)
    for name in (
        "oxygenation_composite",
        "who_scale",
        "respiratory_support",
        "oxygenation_bands",
        "ventilator_free",
        "invasive_ventilation",
        "discharge",
        "mortality",
    ):
        assert "Deaths are not recorded" in make(name, board).missing, name
    looked_at = make("sequential_positions", board)
    said = looked_at.missing or looked_at.answer
    assert "Composite: cannot be looked at: Deaths are not recorded" in said
    assert "Mortality: cannot be looked at: Deaths are not recorded" in said
    board.close()
