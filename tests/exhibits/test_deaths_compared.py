"""Deaths of the arms against each other: numbers of the extract, and sentences that say them."""

import polars as pl
import pytest

from access import View
from estimators.hazards import harm, hazard_ratio, restricted_mean_difference
from exhibits import make
from exhibits.parts.words import decimal, percent
from tests.conftest import board_of
from tests.exhibits.conftest import BoardByName, LoadedByName
from tests.exhibits.oxygenation_extract import table


def test_each_arm_is_held_against_the_reference(board: BoardByName) -> None:
    opened = board("two arms", View.UNBLINDED)
    shown = make("deaths_compared", opened)
    people = opened.ask("survival/observed").drop_nulls("day")
    rows = table(shown)
    assert rows["arm"].to_list() == [arm for arm in opened.arms if arm != opened.reference_arm]
    for row in rows.iter_rows(named=True):
        mine, theirs = (
            (part["day"].to_numpy(), part["is_dead"].to_numpy())
            for arm in (row["arm"], opened.reference_arm)
            for part in [people.filter(pl.col("arm") == arm)]
        )
        assert (row["participants"], row["deaths"]) == (mine[0].size, mine[1].sum())
        ratio = hazard_ratio(mine, theirs)
        means = restricted_mean_difference(mine, theirs, opened.trial.survival.day)
        for found, expected, places in (
            (row["hazard_ratio"], ratio.estimate, 0.0051),
            (row["hazard_ratio_high"], ratio.high, 0.0051),
            (row["days"], means.difference, 0.051),
            (row["days_low"], means.low, 0.051),
        ):
            assert found == (None if expected is None else pytest.approx(expected, abs=places))
        more = row["more_deaths_doubt"]
        assert more == pytest.approx(100 * harm(mine, theirs).above_one, abs=0.051)
        assert row["more_deaths_no_opinion"] == pytest.approx(
            100 * harm(mine, theirs, None).above_one, abs=0.051
        )
        # The sentence names the arm that has more.
        has_more = row["arm"] if more >= 50 else opened.reference_arm
        assert (
            f"That {has_more} has more deaths is {percent(max(more, 100 - more) / 100)}"
            in shown.answer
        )
        if row["hazard_ratio"] is not None:
            assert f"hazard ratio {decimal(row['hazard_ratio'], 2)} (95 % " in shown.answer


def test_where_too_few_are_known_the_range_stands_and_no_ratio(board: BoardByName) -> None:
    """In the pilot most had left by then."""
    shown = make("deaths_compared", board("three arms", View.CODED))
    assert shown.missing.startswith("Too few are known on day")
    assert shown.table is None


def test_of_one_arm_nothing_is_compared(
    loaded: LoadedByName,
) -> None:
    opened = board_of(loaded("one arm"), View.CODED)
    assert "one arm" in make("deaths_compared", opened).missing
    opened.close()
