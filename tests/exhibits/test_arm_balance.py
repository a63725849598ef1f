"""Table 1 and the allocation against numbers from the extract, in every view and number of arms."""

import math
import re
from collections import Counter
from itertools import combinations
from statistics import NormalDist, fmean, quantiles, stdev

import numpy as np
import polars as pl
import pytest

from access import View
from estimators.balance import continuous_difference
from exhibits import Exhibit, make
from tests.conftest import LoadedTrial, Troubled, board_of
from tests.exhibits.conftest import BoardByName, LoadedByName

ARMS = {"two arms": 2, "three arms": 3, "one arm": 1}
BY_ARM = pytest.mark.parametrize("view", [View.CODED, View.UNBLINDED])


def table_of(shown: Exhibit) -> pl.DataFrame:
    assert shown.table is not None
    return shown.table


def block(shown: Exhibit, characteristic: str) -> list[dict[str, object]]:
    """The rows of one characteristic: the first names it, those after it name none."""
    rows = list(table_of(shown).iter_rows(named=True))
    first = next(
        place
        for place, row in enumerate(rows)
        if re.sub(r" \(.*", "", str(row["characteristic"])) == characteristic
    )
    last = next(
        (place for place in range(first + 1, len(rows)) if rows[place]["characteristic"]),
        len(rows),
    )
    return rows[first:last]


def ages(loaded: LoadedTrial) -> dict[str, list[float]]:
    """Ages by the code of the arm, from DM."""
    people = loaded.dataset("dm").filter(
        pl.col("ARMCD").is_in([arm.code for arm in loaded.trial.arms.list])
    )
    return {str(code): part["AGE"].to_list() for (code,), part in people.group_by("ARMCD")}


# The pilot, as published


def test_the_pilot_has_its_published_baseline(board: BoardByName) -> None:
    shown = make("baseline_characteristics", board("three arms", View.UNBLINDED))
    assert table_of(shown).columns[2:5] == [
        "Placebo",
        "Xanomeline Low Dose",
        "Xanomeline High Dose",
    ]
    assert shown.denominator == (
        "Placebo: N = 86; Xanomeline Low Dose: N = 84; Xanomeline High Dose: N = 84"
    )
    mean, median = block(shown, "Age")
    assert list(mean.values())[2:5] == ["75.2 (8.6)", "75.7 (8.3)", "74.4 (7.9)"]
    assert [str(text).split(" ")[0] for text in list(median.values())[2:5]] == [
        "76.0",
        "77.5",
        "76.0",
    ]
    women, men = block(shown, "Sex")
    assert women["statistic"] == "Female, n (%)"
    assert list(women.values())[2:5] == ["53 (61.6 %)", "50 (59.5 %)", "40 (47.6 %)"]
    assert list(men.values())[2:5] == ["33 (38.4 %)", "34 (40.5 %)", "44 (52.4 %)"]


def test_the_pilot_was_allocated_as_published(board: BoardByName) -> None:
    shown = make("allocation", board("three arms", View.UNBLINDED))
    assert [(item.label, item.value) for item in shown.numbers] == [
        ("Placebo", "86"),
        ("Xanomeline Low Dose", "84"),
        ("Xanomeline High Dose", "84"),
    ]
    assert "the planned ratio is 1 : 1 : 1" in shown.answer
    # Clopper & Pearson for 86 and 84 of 254: scipy.stats.binomtest(86, 254).proportion_ci().
    assert table_of(shown).select("percent", "percent_low", "percent_high").rows()[:2] == [
        (33.9, 28.1, 40.0),
        (33.1, 27.3, 39.2),
    ]


# Every store


@pytest.mark.parametrize("store", ARMS)
def test_arms_appear_where_the_view_has_them(board: BoardByName, store: str) -> None:
    """One code path: a column an arm of the view, and differences from the second arm on."""
    for view in View:
        arms = 1 if view is View.POOLED else ARMS[store]
        shown = make("baseline_characteristics", board(store, view))
        compared = ["smd", "chance_band"] if arms > 1 else []
        assert table_of(shown).columns == [
            "characteristic",
            "statistic",
            *board(store, view).arms,
            *compared,
        ]
        assert any("Standardized difference" in note for note in shown.footnotes) == (arms > 1)
        assert any("more than two arms" in note for note in shown.footnotes) == (arms > 2)
        allocation = make("allocation", board(store, view))
        assert allocation.figure is not None
        assert len(allocation.figure.data) == len(allocation.numbers) == arms


@pytest.mark.parametrize("store", ARMS)
def test_every_view_allocates_the_same_participants(
    board: BoardByName, loaded: LoadedByName, store: str
) -> None:
    by_arm = {arm: len(values) for arm, values in ages(loaded(store)).items()}
    counted = {
        view: table_of(make("allocation", board(store, view)))["randomized"].to_list()
        for view in View
    }
    assert counted[View.POOLED] == [sum(by_arm.values())]
    assert counted[View.UNBLINDED] == [by_arm[arm.code] for arm in loaded(store).trial.arms.list]
    assert sorted(counted[View.CODED]) == sorted(counted[View.UNBLINDED])


@pytest.mark.parametrize("store", ARMS)
def test_age_is_that_of_the_extract(board: BoardByName, loaded: LoadedByName, store: str) -> None:
    by_arm = ages(loaded(store))
    everybody = [age for values in by_arm.values() for age in values]
    expected = {
        View.POOLED: [everybody],
        View.UNBLINDED: [by_arm[arm.code] for arm in loaded(store).trial.arms.list],
    }
    for view, groups in expected.items():
        shown = make("baseline_characteristics", board(store, view))
        mean, median = block(shown, "Age")
        assert list(mean.values())[2 : 2 + len(groups)] == [
            f"{fmean(values):.1f} ({stdev(values):.1f})" for values in groups
        ]
        for values, text in zip(groups, list(median.values())[2:], strict=False):
            told = [float(number) for number in re.findall(r"[\d.]+", str(text))]
            lower, middle, upper = quantiles(values, n=4, method="inclusive")
            assert told == pytest.approx([middle, lower, upper], abs=0.0501)


def test_creatinine_is_the_last_before_randomization(pilot_store: LoadedTrial) -> None:
    """From LBSTRESN, which is in the same unit; what is open is of scheduled visits."""
    visits = [item.visit for item in pilot_store.trial.schedule]
    first_day = pilot_store.dataset("sv").filter(pl.col("VISIT") == "BASELINE")
    last = (
        pilot_store.dataset("lbch")
        .filter(pl.col("LBTESTCD") == "CREAT", pl.col("VISIT").is_in(visits))
        .drop_nulls("LBSTRESN")
        .join(first_day.select("USUBJID", "SVSTDTC"), on="USUBJID")
        .filter(pl.col("LBDTC").str.slice(0, 10) <= pl.col("SVSTDTC"))
        .sort("LBDTC")
        .group_by("USUBJID")
        .last()
    )
    shown = make("baseline_characteristics", board_of(pilot_store, View.POOLED))
    mean, _, missing = block(shown, "Creatinine")
    values = last["LBSTRESN"].to_list()
    assert mean["All participants"] == f"{fmean(values):.1f} ({stdev(values):.1f})"
    assert missing == {
        "characteristic": "",
        "statistic": "missing",
        "All participants": str(254 - len(values)),
    }


# Differences


def smd_of_ages(first: list[float], second: list[float]) -> float:
    """Austin 2009, written out once more."""
    pooled = math.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / 2)
    return float((np.mean(first) - np.mean(second)) / pooled)


@BY_ARM
@pytest.mark.parametrize("store", ["two arms", "three arms"])
def test_the_standardized_difference_is_the_largest_between_two_arms(
    board: BoardByName, loaded: LoadedByName, store: str, view: View
) -> None:
    by_arm = ages(loaded(store))
    pairs = list(combinations(by_arm.values(), 2))
    by_hand = max(abs(smd_of_ages(*pair)) for pair in pairs)
    by_estimator = max(abs(continuous_difference(*pair).value or 0.0) for pair in pairs)
    assert by_hand == pytest.approx(by_estimator)
    mean, median = block(make("baseline_characteristics", board(store, view)), "Age")
    assert mean["smd"] == round(by_hand, 2)
    assert median["smd"] is None


def z(level: float) -> float:
    return NormalDist().inv_cdf(1 - (1 - level) / 2)


@BY_ARM
def test_two_arms_are_held_against_the_band_of_one_pair(
    board: BoardByName, loaded: LoadedByName, view: View
) -> None:
    first, second = (len(values) for values in ages(loaded("two arms")).values())
    shown = make("baseline_characteristics", board("two arms", view))
    band = block(shown, "Age")[0]["chance_band"]
    assert band == round(z(0.95) * math.sqrt(1 / first + 1 / second), 2)


@BY_ARM
def test_three_arms_are_held_against_the_band_of_three_pairs(
    board: BoardByName, view: View
) -> None:
    """Bonferroni: each pair at 1 - 0.05 / 3; of 84 and 86, and of 84 and 84."""
    shown = make("baseline_characteristics", board("three arms", view))
    spread = {round(z(1 - 0.05 / 3) * math.sqrt(1 / 84 + 1 / second), 2) for second in (84, 86)}
    assert block(shown, "Age")[0]["chance_band"] in spread
    # Race has three levels: a chi-square quantile of two degrees of freedom is -2 log(tail).
    spread = {
        round(math.sqrt(-2 * math.log(0.05 / 3) * (1 / 84 + 1 / second)), 2) for second in (84, 86)
    }
    assert block(shown, "Race")[0]["chance_band"] in spread


def test_the_difference_in_sex_is_that_of_two_proportions(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    """With two levels the Mahalanobis distance is the difference of proportions (Austin 2009)."""
    people = (
        demonstration_store.dataset("dm")
        .drop_nulls("ARMCD")
        .filter(pl.col("ARMCD").is_in(demonstration_store.trial.arm_codes))
    )
    p, q = (
        (part["SEX"] == "F").mean() for _, part in people.group_by("ARMCD", maintain_order=True)
    )
    assert isinstance(p, float)
    assert isinstance(q, float)
    by_hand = abs(p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    shown = make("baseline_characteristics", board("two arms", View.CODED))
    assert block(shown, "Sex")[0]["smd"] == round(by_hand, 2)


# What is missing


def test_missing_values_are_counted_for_each_arm(troubled: Troubled) -> None:
    loaded = troubled.loaded
    arm_of = dict(loaded.dataset("randomization").select("USUBJID", "ARMCD").iter_rows())
    name_of = {arm.code: arm.name for arm in loaded.trial.arms.list}
    board = board_of(loaded, View.UNBLINDED)
    shown = make("baseline_characteristics", board)
    for characteristic, who in (("Sex", troubled.no_sex), ("Race", troubled.no_race)):
        *_, missing = block(shown, characteristic)
        assert missing["statistic"] == "missing"
        expected = Counter({name_of[arm_of[who]]: 1})
        assert {arm: missing[arm] for arm in board.arms} == {
            arm: str(expected[arm]) for arm in board.arms
        }
    # Percentages are of who has a value, so that they add up to all of them.
    sexes = [row for row in block(shown, "Sex") if row["statistic"] != "missing"]
    for arm in board.arms:
        counts = [int(str(row[arm]).split(" ")[0]) for row in sexes]
        shares = [f"{count} ({100 * count / sum(counts):.1f} %)" for count in counts]
        assert [row[arm] for row in sexes] == shares
    board.close()


def test_there_is_no_row_of_missing_where_nothing_is(board: BoardByName) -> None:
    shown = make("baseline_characteristics", board("two arms", View.POOLED))
    for characteristic in ("Age", "Sex"):
        assert "missing" not in [row["statistic"] for row in block(shown, characteristic)]


def test_what_the_extract_has_not_is_named(board: BoardByName) -> None:
    for view in View:
        shown = make("baseline_characteristics", board("three arms", view))
        note = shown.footnotes[-1]
        assert note == "No baseline value in the extract: PaO2/FiO2, Respiratory support."
        assert not [
            name for name in table_of(shown)["characteristic"] if name.startswith("PaO2/FiO2")
        ]


def test_arms_are_drawn_in_the_order_of_the_view(board: BoardByName) -> None:
    for view in View:
        opened = board("three arms", view)
        shown = make("allocation", opened)
        assert shown.figure is not None
        assert [bar.y[0].replace("<br>", " ") for bar in shown.figure.data] == list(opened.arms)
        colors = [bar.marker.color for bar in shown.figure.data]
        patterns = [bar.marker.pattern.shape for bar in shown.figure.data]
        assert len(set(colors)) == len(set(patterns)) == len(opened.arms)
