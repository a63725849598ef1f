"""Under letters nothing depends on which arm is the control: what is shown is equal to the byte."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from access import View
from exhibits import EXHIBITS, make, offered
from exhibits.export import as_csv
from queries import Board, connections
from tests.conftest import LoadedTrial, board_of
from trials import Trial


def turned_round(trial: Trial) -> Trial:
    """The trial as if its arms had each other's part: control, name, order and rules.

    Who is in which arm stays, and so does the letter of each.
    """
    control, treated = trial.arms.list
    assert control.control
    assert not treated.control
    arms = (
        control.model_copy(update={"control": False, "name": treated.name}),
        treated.model_copy(update={"control": True, "name": control.name}),
    )
    rules = tuple(
        rule.model_copy(update={"arm": control.code if rule.arm == treated.code else treated.code})
        for rule in trial.stopping_rules
    )
    return trial.model_copy(
        update={
            "arms": trial.arms.model_copy(update={"list": arms}),
            "stopping_rules": rules,
        }
    )


def shown(board: Board) -> dict[str, tuple[str, str, str]]:
    """Of each exhibit its JSON, its CSV and its figure."""
    found = {}
    for item in offered(View.CODED):
        exhibit = make(item.name, board)
        figure = exhibit.figure
        found[item.name] = (
            repr(exhibit.as_data()),
            "" if exhibit.table is None else as_csv(exhibit),
            "" if figure is None else str(figure.to_json()),
        )
    return found


@contextmanager
def opened(loaded: LoadedTrial, view: View) -> Iterator[Board]:
    """A Board whose connection no other had, as one is kept for a snapshot and a view."""
    connections.close_idle()
    board = board_of(loaded, view)
    try:
        yield board
    finally:
        board.close()
        connections.close_idle()


def test_the_part_that_an_arm_plays_changes_nothing(demonstration_store: LoadedTrial) -> None:
    with opened(demonstration_store, View.CODED) as board:
        as_it_is = shown(board)
    other = LoadedTrial(
        turned_round(demonstration_store.trial),
        demonstration_store.store,
        demonstration_store.extract,
        demonstration_store.keys,
    )
    with opened(other, View.CODED) as board:
        as_if = shown(board)
    assert len(as_it_is) > 40
    different = {name for name, bytes_ in as_it_is.items() if as_if[name] != bytes_}
    assert not different
    # And where arms are named it does.
    answers = set()
    for loaded in (demonstration_store, other):
        with opened(loaded, View.UNBLINDED) as board:
            answers.add(make("mortality", board).answer)
    assert len(answers) == 2


@pytest.mark.parametrize("name", ["oxygenation_composite", "mortality", "deaths_compared"])
def test_the_comparison_is_of_letters(demonstration_store: LoadedTrial, name: str) -> None:
    assert name in EXHIBITS
    board = board_of(demonstration_store, View.CODED)
    answer = make(name, board).answer
    board.close()
    names = [arm.name for arm in demonstration_store.trial.arms.list]
    assert "Arm A" in answer
    assert not any(arm in answer for arm in names)
