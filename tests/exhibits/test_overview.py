"""The overview: its numbers add up, and each page has its say once."""

import polars as pl
import pytest

from access import Role, View, pages_of
from exhibits import make
from exhibits.exhibit import EXHIBITS, leading
from exhibits.overview import WITH_SERIOUS, lines
from tests.conftest import LoadedTrial, board_of, limited_board


@pytest.mark.parametrize("view", list(View))
def test_the_ways_in_which_the_study_stands_add_up_to_everybody_randomized(
    view: View, demonstration_store: LoadedTrial
) -> None:
    board = board_of(demonstration_store, view)
    table = make("trial_at_a_glance", board).table
    assert table is not None
    of = {row["what"]: row for row in table.to_dicts()}
    ways = ("Completed", "In follow-up", "End not recorded", "Left the study", "Died")
    for arm in board.arms:
        assert sum(of[way][arm] for way in ways if way in of) == of["Randomized"][arm]
    randomized = demonstration_store.dataset("randomization").height
    assert sum(of["Randomized"][arm] for arm in board.arms) == randomized
    # A person counts once, however many serious events.
    events = make("adverse_event_overview", board).table
    assert events is not None
    serious = dict(events.filter(pl.col("kind") == "Serious").select("arm", "participants").rows())
    assert {arm: of[WITH_SERIOUS][arm] for arm in board.arms} == serious
    board.close()


@pytest.mark.parametrize("view", list(View))
def test_each_page_has_a_line_and_says_nothing_twice(
    view: View, demonstration_store: LoadedTrial
) -> None:
    board = board_of(demonstration_store, view)
    found = lines(board, pages_of(Role.STATISTICIAN))
    assert sorted(line.address for line in found) == sorted(leading())
    urgent = [bool(line.attention) for line in found]
    assert urgent == sorted(urgent, reverse=True)
    for line in found:
        assert line.sentence or line.attention, line.address
        for reason in line.attention.rstrip(".").split(". "):
            assert not reason or reason not in line.sentence, line.address
        assert not line.sentence or line.sentence.endswith("."), line.address
    board.close()


def test_what_a_reason_says_is_not_said_again(demonstration_store: LoadedTrial) -> None:
    """Of an exhibit that needs attention the answer is a sentence of the rest of it, or nothing."""
    board = board_of(demonstration_store, View.CODED)
    made = {name: make(name, board) for name in EXHIBITS if EXHIBITS[name].least_view <= View.CODED}
    board.close()
    beside = {name: item for name, item in made.items() if item.beside is not None}
    assert "stopping_positions" in beside
    for item in beside.values():
        assert item.answer.endswith(item.beside or "") or item.answer.startswith(item.beside or "")
        if item.attention and item.beside:
            assert item.beside not in item.attention


def test_the_state_of_the_data_is_that_of_the_findings(demonstration_store: LoadedTrial) -> None:
    board = board_of(demonstration_store, View.POOLED)
    rows = board.ask("findings/by_status").to_dicts()
    of = {row["severity"]: row["new"] + row["persisting"] for row in rows}
    assert of
    said = make("trial_at_a_glance", board).answer
    assert f"{of.get('critical', 0)} critical and {of.get('major', 0)} major findings" in said
    assert f"{of.get('minor', 0)} minor ones and {of.get('note', 0)} note" in said
    board.close()
    sponsor = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    assert make("trial_at_a_glance", sponsor).answer == ""
    sponsor.close()
