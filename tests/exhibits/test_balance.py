"""Limits, love plot, places and dates of allocation against numbers counted from the extract."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from access import View
from exhibits import Exhibit, make
from queries import Board
from simulator import simulate
from tests.conftest import CUTOFFS, KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from trials import Arms, load_trial


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


@pytest.fixture(scope="module")
def allocated(demonstration_store: LoadedTrial) -> pl.DataFrame:
    """Who was randomized, when, to which arm and where."""
    people = demonstration_store.dataset("dm").select("USUBJID", "SITEID", "AGE")
    return demonstration_store.dataset("randomization").join(people, on="USUBJID")


@pytest.fixture(scope="module")
def three_sites(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> Iterator[tuple[Board, dict[str, pl.DataFrame]]]:
    """Three sites, and two participants whose age or body mass index is outside the limits."""
    trial = load_trial("nct05689008")
    frames = dict(simulate(trial, participants=30, sites=3, seed=4, cutoff=CUTOFFS[1]))
    people = frames["randomization"]["USUBJID"].to_list()
    age = pl.when(pl.col("USUBJID") == people[0]).then(pl.lit(17)).otherwise(pl.col("AGE"))
    frames["dm"] = frames["dm"].with_columns(age.cast(frames["dm"].schema["AGE"]).alias("AGE"))
    heavy = (
        (pl.col("USUBJID") == people[1])
        & (pl.col("VSTESTCD") == "WEIGHT")
        & pl.col("VISIT").is_in(["SCREENING", "BASELINE"])
    )
    frames["vs"] = frames["vs"].with_columns(
        VSORRES=pl.when(heavy).then(pl.lit("190")).otherwise("VSORRES")
    )
    folder = tmp_path_factory.mktemp("three-sites")
    opened = board_of(load_frames(frames, trial, key_pair, folder, CUTOFFS[1]), View.UNBLINDED)
    yield opened, frames
    opened.close()


def test_everybody_is_within_the_limits_or_outside_or_not_recorded(
    board: BoardByName, allocated: pl.DataFrame
) -> None:
    shown = make("eligibility_measures", board("two arms", View.UNBLINDED))
    for row in table(shown).iter_rows(named=True):
        of_arm = allocated.filter(pl.col("ARM") == row["arm"]).height
        assert row["within"] + row["below"] + row["above"] + row["missing"] == of_arm
    assert set(table(shown)["measure"]) == {
        "Age, years",
        "PaO2/FiO2, mmHg",
        "Body mass index, kg/m²",
    }
    assert shown.answer.startswith("Outside the limits of eligibility: Age 0 of ")


def test_the_bars_are_the_ages_of_the_extract(board: BoardByName, allocated: pl.DataFrame) -> None:
    drawn = make("eligibility_measures", board("two arms", View.UNBLINDED)).figure
    assert drawn is not None
    for trace in drawn.data[:2]:
        ages = allocated.filter(pl.col("ARM") == trace.name)["AGE"].cast(pl.Float64).to_list()
        # Steps of ten years, of which 85 is the end of one.
        expected = Counter(85 - 10 * int((85 - age) // 10) for age in ages)
        found = {middle + 5: count for middle, count in zip(trace.x, trace.y, strict=True)}
        assert found == dict(expected)
    ends = {shape.x0 for shape in drawn.layout.shapes if shape.xref == "x"}
    assert ends == {18, 85}


def test_who_is_outside_is_named_in_a_list(
    three_sites: tuple[Board, dict[str, pl.DataFrame]],
) -> None:
    opened, frames = three_sites
    people = frames["randomization"]["USUBJID"].to_list()
    shown = make("eligibility_measures", opened)
    found: dict[str, str] = {}
    for row, place in zip(table(shown).iter_rows(named=True), shown.row_lists, strict=True):
        assert (place is not None) == (row["below"] + row["above"] > 0)
        if place is not None:
            behind = shown.lists[place]
            listed = opened.ask(behind.question, **dict(behind.values))
            assert listed.height == row["below"] + row["above"]
            found |= dict(listed.select("subject", "why").rows())
    assert found.keys() == set(people[:2])
    assert found[people[0]] == "Age 17.0 years"
    assert found[people[1]].startswith("Body mass index ")


@pytest.mark.parametrize("view", [View.CODED, View.UNBLINDED])
@pytest.mark.parametrize("store", ["two arms", "three arms"])
def test_the_love_plot_has_the_differences_of_table_one(
    board: BoardByName, store: str, view: View
) -> None:
    opened = board(store, view)
    rows = table(make("love_plot", opened))
    of_table = table(make("baseline_characteristics", opened)).drop_nulls("smd")
    # Of one category only there is nothing to compare.
    alike = {"Race"} if store == "two arms" else set()
    assert sorted(rows.select("characteristic", "smd", "chance_band").rows()) == sorted(
        row
        for row in of_table.select("characteristic", "smd", "chance_band").rows()
        if row[0] not in alike
    )
    answer = make("love_plot", opened).answer
    assert (" Left out: Race, the same for everybody." in answer) == bool(alike)
    beyond = int((rows["beyond"] == "yes").sum())
    differs = f"{beyond} of {rows.height} characteristics differ" if beyond > 1 else " differs by"
    assert differs in answer
    assert rows["smd"].to_list() == sorted(rows["smd"], reverse=True)
    assert (rows["beyond"] == "yes").to_list() == (rows["smd"] > rows["chance_band"]).to_list()


def test_allocation_is_counted_by_site_and_month(
    three_sites: tuple[Board, dict[str, pl.DataFrame]],
) -> None:
    opened, frames = three_sites
    people = frames["randomization"].join(frames["dm"].select("USUBJID", "SITEID"), on="USUBJID")
    expected: Counter[tuple[str, str, str]] = Counter()
    for site, arm, when in people.select("SITEID", "ARM", "RANDDTC").iter_rows():
        expected["Site", site, arm] += 1
        expected["Month", when[:7], arm] += 1
    shown = make("allocation_by_place", opened)
    rows = table(shown).filter(pl.col("kind") != "Stratum")
    found = {
        (kind, value, arm): n
        for kind, value, arm, n in rows.select("kind", "value", "arm", "randomized").rows()
        if n
    }
    assert found == dict(expected)
    for place, count in zip(shown.row_lists, table(shown)["randomized"], strict=True):
        if place is not None:
            behind = shown.lists[place]
            assert opened.ask(behind.question, **dict(behind.values)).height == count


def test_the_running_difference_is_that_of_the_list_and_stays_in_its_envelope(
    board: BoardByName, allocated: pl.DataFrame
) -> None:
    rows = table(make("running_imbalance", board("two arms", View.UNBLINDED)))
    counts = {"UC-MSC": 0, "Control": 0}
    expected = []
    for day in sorted(set(allocated["RANDDTC"])):
        for arm in allocated.filter(pl.col("RANDDTC") == day)["ARM"]:
            counts[arm] += 1
        apart = counts["UC-MSC"] - counts["Control"]
        expected.append((date.fromisoformat(day[:10]), sum(counts.values()), apart))
    assert rows.select("date", "allocated", "difference").rows() == expected
    assert rows.filter(
        (pl.col("difference") < pl.col("low")) | (pl.col("difference") > pl.col("high"))
    ).is_empty()
    # One list of blocks of four: two apart at most.
    assert rows["high"].max() == 2


def test_what_no_block_allows_is_outside(demonstration_store: LoadedTrial) -> None:
    """As if the trial said blocks of two."""
    opened = board_of(demonstration_store, View.CODED)
    arms = opened.trial.arms
    smaller = Arms(**(arms.model_dump() | {"largest_block": 2}))
    opened.trial = opened.trial.model_copy(update={"arms": smaller})
    shown = make("running_imbalance", opened)
    rows = table(shown)
    outside = rows.filter(
        (pl.col("difference") < pl.col("low")) | (pl.col("difference") > pl.col("high"))
    )
    assert outside.height > 0
    assert (
        "the difference was outside the limits of the allocation method after "
        f"{outside.height:,} date"
    ) in shown.answer
    opened.close()


def test_without_a_method_the_limits_are_those_of_chance(board: BoardByName) -> None:
    shown = make("running_imbalance", board("three arms", View.CODED))
    assert table(shown)["arm"].n_unique() == 2
    assert any("does not say how" in note for note in shown.footnotes)
    assert table(shown).filter(pl.col("high") > 10).height > 0


@pytest.mark.parametrize("name", ["love_plot", "running_imbalance"])
def test_one_arm_has_nothing_to_compare(board: BoardByName, name: str) -> None:
    assert "one arm" in make(name, board("one arm", View.CODED)).missing


@pytest.mark.parametrize(
    "wrong", [{"method": "simple"}, {"largest_block": None}, {"largest_block": 3}]
)
def test_blocks_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    arms = load_trial("nct05689008").arms
    with pytest.raises(ValueError, match="largest_block"):
        Arms(**(arms.model_dump() | wrong))
