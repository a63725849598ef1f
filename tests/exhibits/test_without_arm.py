"""Somebody randomized whose arm is not on record is in no arm, and every exhibit by arm says so."""

from collections.abc import Iterator

import polars as pl
import pytest

from access.view import View
from exhibits import EXHIBITS, make
from queries import Board
from tests.conftest import KeyPair, LoadedTrial, board_of
from tests.made_up import frames, loaded_from

SAID = "Of 10 randomized participants, 2 are in no arm here"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """Without a list of the allocation: of ten in DM, two have no arm of the definition."""
    made = frames([])
    del made["LB"]
    allocated = made.pop("RANDOMIZATION")
    codes = pl.Series("ARMCD", [None, "UCMSC-2", *allocated["ARMCD"][2:]], dtype=pl.String)
    made["DM"] = made["DM"].with_columns(codes)
    made["DS"] = allocated.select(
        "USUBJID",
        pl.lit("PROTOCOL MILESTONE").alias("DSCAT"),
        pl.lit("RANDOMIZED").alias("DSDECOD"),
        pl.col("RANDDTC").alias("DSSTDTC"),
    )
    return loaded_from(made, key_pair, tmp_path_factory.mktemp("without-arm"))


@pytest.fixture(params=[View.POOLED, View.CODED, View.UNBLINDED], ids=lambda view: view.word)
def board(request: pytest.FixtureRequest, loaded: LoadedTrial) -> Iterator[Board]:
    opened = board_of(loaded, request.param)
    yield opened
    opened.close()


def test_every_exhibit_of_arms_says_how_many_are_in_none(board: Board) -> None:
    """Those that name no arm, too: of what counts in arms they are missing all the same."""
    said = set()
    for name, item in EXHIBITS.items():
        if board.view < item.least_view:
            continue
        shown = make(name, board)
        says = any(SAID in note for note in shown.footnotes)
        assert says is (not shown.missing and board.view is not View.POOLED), name
        said |= {name} if says else set()
    if board.view is not View.POOLED:
        by_column = {"trial_at_a_glance", "baseline_characteristics"}
        assert said >= by_column | {"allocation", "follow_up_maturity"}


def test_who_is_in_no_arm_is_in_none_of_the_counts(board: Board) -> None:
    shown = make("allocation", board)
    assert shown.table is not None
    assert shown.table["randomized"].sum() == (10 if board.view is View.POOLED else 8)
    by_arm = "8 of 10 randomized participants have a known arm"
    assert shown.answer.startswith(by_arm) is (board.view is not View.POOLED)
