"""Arms compared within what participants were allocated within, and what is said of it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from access import View
from estimators.hazards import hazard_ratio
from estimators.linear import ancova
from estimators.strata import SMALL, stratified_win_probability
from exhibits import make
from queries import Board
from queries.bound import bands, planned_days
from simulator import simulate
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.oxygenation_extract import table
from trials import load_trial

TRIAL = load_trial("nct05689008")
AFTER_THE_END = date(2024, 9, 1)


@pytest.fixture(scope="module")
def four_sites(key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> LoadedTrial:
    frames = simulate(TRIAL, participants=60, sites=4, seed=4, cutoff=AFTER_THE_END)
    folder = tmp_path_factory.mktemp("sites")
    return load_frames(frames, TRIAL, key_pair, folder, AFTER_THE_END)


@pytest.fixture(scope="module")
def board(four_sites: LoadedTrial) -> Iterator[Board]:
    opened = board_of(four_sites, View.UNBLINDED)
    yield opened
    opened.close()


def of_arms(rows: pl.DataFrame, *columns: str) -> list[np.ndarray[Any, Any]]:
    return [
        rows.filter(pl.col("arm") == arm).select(columns).to_numpy()
        for arm in ("UC-MSC", "Control")
    ]


def labels(rows: pl.DataFrame) -> list[np.ndarray[Any, Any]]:
    """The site of each, or one for the small ones: fewer than ten in both arms together."""
    sizes = dict(rows.group_by("site").len().rows())
    small = [site for site, n in sizes.items() if n < 10]
    merged = rows.with_columns(
        pl.when(pl.col("site").is_in(small) & (len(small) > 1))
        .then(pl.lit(SMALL))
        .otherwise(pl.col("site"))
        .alias("site")
    )
    return [merged.filter(pl.col("arm") == arm)["site"].to_numpy() for arm in ("UC-MSC", "Control")]


def test_the_composite_is_compared_within_sites(board: Board) -> None:
    rows = board.ask("oxygenation/composite", planned_day=14).filter("is_ranked")
    assert board.trial.oxygenation is not None
    place = {rung: index for index, rung in enumerate(board.trial.oxygenation.composite)}
    scored = rows.with_columns(
        score=pl.col("state").replace_strict(place, return_dtype=pl.Float64)
        + pl.col("ratio").fill_null(0) / 1000
    )
    first, second = (values.ravel() for values in of_arms(scored, "score"))
    of_first, of_second = labels(rows)
    assert len({*of_first, *of_second}) > 1, "nothing is compared within one site"
    expected = stratified_win_probability(first, second, of_first, of_second)
    shown = make("oxygenation_composite", board)
    row = table(shown).drop_nulls("win_percent").row(0, named=True)
    assert expected.estimate is not None
    assert expected.low is not None
    assert row["win_percent"] == pytest.approx(100 * expected.estimate, abs=0.051)
    assert row["win_percent_low"] == pytest.approx(100 * expected.low, abs=0.051)
    assert row["p_value"] == pytest.approx(expected.p_value, abs=5.1e-5)
    assert any(
        "van Elteren" in note and "Compared within sites" in note for note in shown.footnotes
    )
    # The same number at the look.
    looks = table(make("sequential_positions", board))
    (look,) = looks.filter((pl.col("rule") == "composite") & pl.col("z").is_not_null()).to_dicts()
    assert look["estimate"] == pytest.approx(100 * expected.estimate, abs=0.0051)
    assert look["p"] == pytest.approx(expected.p_value)


def test_the_who_scale_is_compared_within_sites(board: Board) -> None:
    assert TRIAL.oxygenation is not None
    scale = TRIAL.oxygenation.scale_bands
    rows = board.ask(
        "oxygenation/state_of_day",
        what="scale",
        bands=bands(scale),
        days=planned_days(TRIAL),
        planned_day=14,
    )
    best = {band.name: float(-place) for place, band in enumerate(scale)}
    score = best | {"discharged": 0.0, "died": float(-len(scale))}
    scored = rows.filter(pl.col("state").is_in(list(score))).with_columns(
        score=pl.col("state").replace_strict(score, return_dtype=pl.Float64)
    )
    first, second = (values.ravel() for values in of_arms(scored, "score"))
    of_first, of_second = labels(scored)
    expected = stratified_win_probability(first, second, of_first, of_second)
    shown = make("who_scale", board)
    said = " ".join(f"{item.label} {item.value} {item.remark}" for item in shown.numbers)
    assert expected.estimate is not None
    assert f"{100 * expected.estimate:.1f} %" in said, said
    assert any("van Elteren" in note for note in shown.footnotes)


def test_values_are_compared_within_sites(board: Board) -> None:
    rows = board.ask("oxygenation/changes", days=planned_days(TRIAL))
    people = rows.unique("line", maintain_order=True)
    on_day = people.select("line", "arm", "site").join(
        rows.filter(pl.col("planned_day") == 14).select("line", "baseline", "value"),
        on="line",
        how="left",
        maintain_order="left",
    )
    first, second = (values.astype(np.float64) for values in of_arms(on_day, "baseline", "value"))
    of_first, of_second = labels(people)
    expected = ancova(first, second, strata=(of_first, of_second))
    shown = make("oxygenation_adjusted", board)
    (alone,) = (
        table(shown)
        .filter((pl.col("planned_day") == 14) & (pl.col("method") == "ANCOVA"))
        .to_dicts()
    )
    assert expected.difference is not None
    assert alone["difference"] == pytest.approx(expected.difference, abs=0.0051)
    assert alone["degrees_of_freedom"] == expected.degrees_of_freedom
    assert any("Compared within sites" in note for note in shown.footnotes)


def test_deaths_are_compared_within_sites(board: Board) -> None:
    people = board.ask("survival/observed").drop_nulls("day")
    (days, dead), (days2, dead2) = (
        (values[:, 0].astype(np.float64), values[:, 1].astype(bool))
        for values in of_arms(people, "day", "is_dead")
    )
    of_first, of_second = labels(people)
    expected = hazard_ratio((days, dead), (days2, dead2), strata=(of_first, of_second))
    shown = make("deaths_compared", board)
    (row,) = table(shown).to_dicts()
    assert row["hazard_ratio"] == pytest.approx(expected.estimate, abs=0.0051)
    assert row["hazard_ratio"] != pytest.approx(
        hazard_ratio((days, dead), (days2, dead2)).estimate, abs=0.0051
    )
    assert any(note.startswith("Hazard ratio: Compared within sites") for note in shown.footnotes)


def test_one_list_for_the_whole_trial_has_no_strata(four_sites: LoadedTrial) -> None:
    whole = TRIAL.model_copy(update={"arms": TRIAL.arms.model_copy(update={"lists": "trial"})})
    loaded = LoadedTrial(whole, four_sites.store, four_sites.extract, four_sites.keys)
    opened = board_of(loaded, View.CODED)
    for name in ("oxygenation_composite", "oxygenation_adjusted", "deaths_compared"):
        assert not any("Compared within" in note for note in make(name, opened).footnotes)
    opened.close()


def test_small_sites_alone_are_said(key_pair: KeyPair, tmp_path: Path) -> None:
    frames = simulate(TRIAL, participants=24, sites=6, seed=4, cutoff=AFTER_THE_END)
    opened = board_of(load_frames(frames, TRIAL, key_pair, tmp_path, AFTER_THE_END), View.CODED)
    shown = make("oxygenation_composite", opened)
    opened.close()
    assert any(
        "Not compared within sites, as participants were allocated: one site is left" in note
        for note in shown.footnotes
    )
