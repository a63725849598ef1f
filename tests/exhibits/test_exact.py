"""Unrounded numbers beside the displayed ones: the same rows, and nothing but rounding between."""

import json
import math

import polars as pl
import pytest
from polars import selectors

from access import View
from estimators.proportions import clopper_pearson
from exhibits import Exhibit, make, offered
from exhibits.exhibit import with_exact
from exhibits.export import as_csv
from exhibits.parts.words import decimal, rounded, rounded_column, signed, unrounded
from tests.conftest import LoadedTrial, board_of


def both(store: LoadedTrial, name: str, view: View = View.CODED) -> Exhibit:
    """An exhibit with its unrounded numbers, as the command makes it."""
    board = board_of(store, view)
    shown = make(name, board)
    board.close()
    board = board_of(store, view)
    with unrounded():
        exact = with_exact(shown, make(name, board))
    board.close()
    return exact


def test_words_are_rounded_all_the_same() -> None:
    values = pl.Series([2.25, -0.04, None])
    with unrounded():
        assert rounded(2.25, 1) == 2.25
        assert rounded_column(values, 1).to_list() == [2.25, -0.04, None]
        assert (decimal(2.25), signed(-2.25)) == ("2.3", "−2.3")
    assert rounded(2.25, 1) == 2.3
    assert rounded_column(values, 1).to_list() == [2.3, 0.0, None]


@pytest.mark.parametrize("name", [item.name for item in offered(View.CODED)])
def test_what_is_exact_is_what_was_rounded(demonstration_store: LoadedTrial, name: str) -> None:
    shown = both(demonstration_store, name)
    if shown.table is None or shown.exact is None:
        return
    assert shown.exact.height == shown.table.height
    for column in shown.exact.columns:
        for given, exact in zip(shown.table[column], shown.exact[column], strict=True):
            assert (given is None) == (exact is None), column
            if exact is not None and math.isfinite(exact):
                assert any(
                    rounded(exact, places) == pytest.approx(given, abs=1e-9) for places in range(5)
                ), (column, given, exact)


def test_shares_rates_and_differences_are_exact(demonstration_store: LoadedTrial) -> None:
    shown = both(demonstration_store, "adverse_event_overview")
    assert shown.table is not None
    assert shown.exact is not None
    assert {"percent", "percent_low", "percent_high", "rate"} <= set(shown.exact.columns)
    counts, sizes = (shown.table[name].to_numpy() for name in ("participants", "of"))
    found = clopper_pearson(counts, sizes)
    for place, (share, low) in enumerate(zip(found.estimate, found.low, strict=True)):
        assert shown.exact["percent"][place] == pytest.approx(100 * share, abs=1e-12)
        assert shown.exact["percent_low"][place] == pytest.approx(100 * low, abs=1e-12)
    data = shown.as_data()
    assert len(data["exact"]) == len(data["table"])


def test_rows_of_the_same_rounded_value_are_not_mistaken_for_each_other() -> None:
    shown = Exhibit(table=pl.DataFrame({"term": ["a", "b"], "percent": [1.2, 1.2]}))
    exact = Exhibit(table=pl.DataFrame({"term": ["b", "a"], "percent": [1.23, 1.19]}))
    found = with_exact(shown, exact).exact
    assert found is not None
    assert found["percent"].to_list() == [1.19, 1.23]
    # Where rows cannot be told apart, none is given rather than a wrong one.
    twice = Exhibit(table=pl.DataFrame({"term": ["a", "a"], "percent": [1.2, 1.2]}))
    other = Exhibit(table=pl.DataFrame({"term": ["a", "b"], "percent": [1.23, 1.19]}))
    assert with_exact(twice, other).exact is None


def test_there_is_no_negative_zero() -> None:
    shown = Exhibit(
        table=pl.DataFrame({"difference": [-0.0, 1.0]}),
        exact=pl.DataFrame({"difference": [-0.0, 1.0]}),
        provenance={"trial": "T"},
    )
    assert "-0.0" not in json.dumps(shown.as_data())
    assert "-0.0" not in as_csv(shown)


@pytest.mark.parametrize("view", [View.POOLED, View.CODED, View.UNBLINDED])
@pytest.mark.parametrize("name", ["adverse_events_by_term", "adverse_event_dots"])
def test_columns_of_arms_are_named_for_them(
    demonstration_store: LoadedTrial, name: str, view: View
) -> None:
    board = board_of(demonstration_store, view)
    shown, arms = make(name, board), board.arms
    board.close()
    assert shown.table is not None
    heading = as_csv(shown).splitlines()[0].split(",")
    assert not [column for column in heading if column.rpartition("_")[2].isdecimal()]
    words = {arm.lower().replace(" ", "_").replace("-", "_").replace("+", "_") for arm in arms}
    for word in words:
        assert any(column.startswith("participants_") and word in column for column in heading)
    assert shown.table.select(selectors.float()).width > 0
