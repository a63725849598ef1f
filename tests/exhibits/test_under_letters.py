"""Under letters nothing depends on which arm is the control: what is shown is equal to the byte."""

import shutil
from pathlib import Path

import pytest

from access import View
from exhibits import EXHIBITS, make, offered
from exhibits.export import as_csv
from queries import Board
from snapshots import Store
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


def test_the_part_that_an_arm_plays_changes_nothing(
    demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    board = board_of(demonstration_store, View.CODED)
    as_it_is = shown(board)
    board.close()
    other = LoadedTrial(
        turned_round(demonstration_store.trial),
        # Of its own, as connections are kept for a snapshot's files.
        Store(Path(shutil.copytree(demonstration_store.store.root, tmp_path / "store"))),
        demonstration_store.extract,
        demonstration_store.keys,
    )
    board = board_of(other, View.CODED)
    as_if = shown(board)
    board.close()
    assert len(as_it_is) > 40
    different = {name for name, bytes_ in as_it_is.items() if as_if[name] != bytes_}
    assert not different
    # And where arms are named it does.
    answers = set()
    for loaded in (demonstration_store, other):
        board = board_of(loaded, View.UNBLINDED)
        answers.add(make("mortality", board).answer)
        board.close()
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
