"""Arms held against each other, by other code on the rows of the extract."""

import numpy as np
import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import make
from exhibits.oxygenation.differences import _of_zero
from exhibits.parts.comparison import in_limits
from exhibits.parts.theme import arm_style
from exhibits.parts.words import signed
from queries.filters import Filters
from tests.conftest import LoadedTrial, board_of
from tests.exhibits.conftest import BoardByName
from tests.exhibits.oxygenation_extract import DAYS, Extract, table

PRIMARY = 14


@pytest.fixture(scope="module")
def extract(demonstration_store: LoadedTrial) -> Extract:
    return Extract(demonstration_store)


def pairs_on(
    extract: Extract, arm: str, day: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Baseline and value of the day of those of an arm who have both."""
    ratios = extract.ratios()
    scheduled = extract.ratios(DAYS | {"SCREENING": -1})
    baseline = {who: value for (who, on), value in scheduled.items() if on == -1}
    baseline |= {who: value for (who, on), value in scheduled.items() if on == 1}
    people = [who for who in extract.day_one if extract.arm[who] == arm]
    return np.array(
        [
            (baseline[who], ratios[who, day])
            for who in people
            if who in baseline and (who, day) in ratios
        ]
    )


def by_least_squares(extract: Extract, day: int) -> tuple[float, float]:
    """Difference of UC-MSC less Control at equal baseline, and its standard error."""
    first, second = (pairs_on(extract, arm, day) for arm in ("UC-MSC", "Control"))
    both = np.concatenate([first, second])
    arm = np.repeat([1.0, 0.0], [len(first), len(second)])
    design = np.column_stack([np.ones(len(both)), arm, both[:, 0]])
    beta, residual, *_ = np.linalg.lstsq(design, both[:, 1], rcond=None)
    spread = residual[0] / (len(both) - 3) * np.linalg.inv(design.T @ design)
    return float(beta[1]), float(np.sqrt(spread[1, 1]))


def test_the_ancova_of_the_primary_day_is_that_of_least_squares(
    board: BoardByName, extract: Extract
) -> None:
    rows = table(make("oxygenation_adjusted", board("two arms", View.UNBLINDED)))
    alone = (pl.col("method") == "ANCOVA") & (pl.col("planned_day") == PRIMARY)
    (row,) = rows.filter(alone).to_dicts()
    difference, error = by_least_squares(extract, PRIMARY)
    n = [len(pairs_on(extract, arm, PRIMARY)) for arm in ("UC-MSC", "Control")]
    half = float(stats.t.ppf(0.975, sum(n) - 3)) * error
    assert row["planned_day"] == PRIMARY
    assert [row["n"], row["n_reference"]] == n
    assert row["difference"] == pytest.approx(difference, abs=0.006)
    assert row["standard_error"] == pytest.approx(error, abs=0.006)
    assert [row["difference_low"], row["difference_high"]] == pytest.approx(
        [difference - half, difference + half], abs=0.011
    )
    people = [extract.arm[who] for who in extract.day_one]
    assert row["n"] + row["left_out"] == people.count("UC-MSC")


def test_each_day_on_which_both_arms_have_enough_is_in_the_model_or_stands_alone(
    board: BoardByName, extract: Extract
) -> None:
    opened = board("two arms", View.UNBLINDED)
    shown = make("oxygenation_adjusted", opened)
    rows = table(shown).filter((pl.col("method") == "MMRM") | (pl.col("planned_day") != PRIMARY))
    least = opened.trial.subgroups.minimum_per_arm
    sizes = {
        day: [len(pairs_on(extract, arm, day)) for arm in ("UC-MSC", "Control")]
        for day in list(DAYS.values())[1:]
    }
    expected = [day for day, of_arms in sizes.items() if min(of_arms) >= least]
    assert rows["planned_day"].to_list() == expected
    assert len(expected) > 5
    for row in rows.iter_rows(named=True):
        assert [row["n"], row["n_reference"]] == sizes[row["planned_day"]]
        assert row["difference_low"] < row["difference"] < row["difference_high"]
    # A day with few beside so many days is told by the others without error.
    in_model = rows.filter(pl.col("method") == "MMRM")["planned_day"].to_list()
    thin = [day for day in expected if day not in in_model]
    assert all(sum(sizes[day]) - 3 >= 2 * len(in_model) for day in in_model)
    assert all(sum(sizes[day]) - 3 < 2 * (len(in_model) + 1) for day in thin)
    assert any("too few have a blood gas then" in note for note in shown.footnotes) is bool(thin)


def test_the_sentence_has_the_model_and_the_day_alone(board: BoardByName) -> None:
    shown = make("oxygenation_adjusted", board("two arms", View.CODED))
    of_day = table(shown).filter(pl.col("planned_day") == PRIMARY)
    said = {
        row["method"]: f"{signed(row['difference'], 0)} mmHg "
        f"({in_limits(row['difference_low'], row['difference_high'])}) from "
        for row in of_day.to_dicts()
    }
    both = f"{said['MMRM']}one model of all days, {said['ANCOVA']}that day alone (ANCOVA)"
    assert f"day {PRIMARY}: Arm B minus Arm A {both}" in shown.answer
    assert "Not a treatment effect: read the composite first." in shown.answer


def test_a_mark_that_is_alone_on_its_day_stands_on_it(board: BoardByName) -> None:
    shown = make("oxygenation_adjusted", board("two arms", View.CODED))
    rows, figure = table(shown), shown.figure
    assert figure is not None
    model, ancova = figure.data
    days = rows.filter(pl.col("method") == "MMRM")["planned_day"].to_list()
    alone = rows.filter(pl.col("method") == "ANCOVA")["planned_day"].to_list()
    assert list(model.x) == [day - 0.15 * (day == PRIMARY) for day in days]
    assert list(ancova.x) == [day + 0.15 * (day == PRIMARY) for day in alone]
    assert (model.marker.symbol, ancova.marker.symbol) == ("square", "square-open")


def test_the_sentence_of_the_shifts_says_what_is_drawn(board: BoardByName) -> None:
    shown = make("oxygenation_delta", board("two arms", View.CODED))
    assert shown.figure is not None
    drawn = [value for trace in shown.figure.data for value in trace.y]
    assert (
        f"{signed(min(drawn), 0)} to {signed(max(drawn), 0)} mmHg with one arm shifted"
        in shown.answer
    )
    values = table(shown)["difference"].to_list()
    assert (
        f"{signed(min(values), 0)} to {signed(max(values), 0)} mmHg with both, as in the table"
        in shown.answer
    )
    assert shown.answer.endswith("With every shift the interval includes zero.")
    # The reference arm's line has its color and its intervals, as the other's.
    styles = {trace.name: trace.line.color for trace in shown.figure.data}
    assert styles == {
        "Arm B minus Arm A, shifted in Arm B": arm_style(2).color,
        "Arm B minus Arm A, shifted in Arm A": arm_style(1).color,
    }
    assert all(trace.error_y.array is not None for trace in shown.figure.data)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ({0}, "With every shift the interval includes zero."),
        ({1}, "With every shift the interval excludes zero."),
        ({0, 1}, "Whether the interval includes zero depends on the shift."),
        ({-1, 1}, "Whether the interval includes zero depends on the shift."),
    ],
)
def test_whether_the_interval_includes_zero(sides: set[float], said: str) -> None:
    assert _of_zero(sides) == said


def test_the_shift_of_nothing_is_the_ancova_and_others_lie_on_a_plane(board: BoardByName) -> None:
    opened = board("two arms", View.CODED)
    alone = (pl.col("method") == "ANCOVA") & (pl.col("planned_day") == PRIMARY)
    (ancova,) = table(make("oxygenation_adjusted", opened)).filter(alone).to_dicts()
    rows = table(make("oxygenation_delta", opened))
    found = {
        (one, two): value
        for one, two, value in rows.select("delta", "delta_reference", "difference").rows()
    }
    assert found[0, 0] == ancova["difference"]
    assert opened.trial.oxygenation is not None
    deltas = opened.trial.oxygenation.deltas
    assert set(found) == {(one, two) for one in deltas for two in deltas}
    per_unit = (found[100, 0] - found[0, 0]) / 100, (found[0, 100] - found[0, 0]) / 100
    for (one, two), value in found.items():
        plane = found[0, 0] + per_unit[0] * one + per_unit[1] * two
        assert value == pytest.approx(plane, abs=0.05)
    # The more of an arm are missing, the more a shift of them moves.
    (imputed, reference) = rows.select("imputed", "imputed_reference").unique().row(0)
    assert 0 < per_unit[0] < 1
    assert -1 < per_unit[1] < 0
    assert (imputed > reference) == (per_unit[0] > -per_unit[1])


def test_the_shifted_are_alive_and_past_the_day(board: BoardByName, extract: Extract) -> None:
    ratios = extract.ratios()
    scheduled = extract.ratios(DAYS | {"SCREENING": -1})
    with_baseline = {who for who, on in scheduled if on in (-1, 1)}
    expected = {
        arm: sum(
            extract.arm[who] == arm
            and (who, PRIMARY) not in ratios
            and extract.fate(who, PRIMARY) not in ("Died", "Day not reached")
            for who in with_baseline & set(extract.day_one)
        )
        for arm in ("UC-MSC", "Control")
    }
    rows = table(make("oxygenation_delta", board("two arms", View.UNBLINDED)))
    assert set(rows["imputed"]) == {expected["UC-MSC"]}
    assert set(rows["imputed_reference"]) == {expected["Control"]}


def score(extract: Extract, who: str) -> float | None:
    """The place in the composite, larger is better, worked out from the extract."""
    fate, support = extract.fate(who, PRIMARY), extract.support(who, PRIMARY)
    if fate == "Died":
        return -10_000
    if fate in ("Left the study", "Day not reached"):
        return None
    if support is not None and support >= 2:
        return -1_000.0 * (support - 1)
    if fate == "Discharged" and support is None:
        return 10_000
    return extract.ratios().get((who, PRIMARY))


def test_who_did_better_in_the_composite_is_counted_pair_by_pair(
    board: BoardByName, extract: Extract
) -> None:
    scores: dict[str, list[float]] = {"UC-MSC": [], "Control": []}
    for who in extract.day_one:
        if (value := score(extract, who)) is not None:
            scores[extract.arm[who]].append(value)
    won = [
        (one > two) + 0.5 * (one == two) for one in scores["UC-MSC"] for two in scores["Control"]
    ]
    shown = make("oxygenation_composite", board("two arms", View.UNBLINDED))
    (number,) = shown.numbers
    assert number.label == "Better in UC-MSC than in Control"
    assert number.value == f"{100 * sum(won) / len(won):.1f} %"
    assert shown.answer.startswith("A participant of UC-MSC did better than one of Control with")
    said = " ".join(shown.footnotes)
    assert (
        f"UC-MSC (n = {len(scores['UC-MSC'])}) and Control (n = {len(scores['Control'])})" in said
    )


def test_the_odds_on_the_scale_are_those_of_its_counts(board: BoardByName) -> None:
    opened = board("two arms", View.UNBLINDED)
    shown = make("who_scale", opened)
    odds, better = shown.numbers
    assert odds.label == f"Odds ratio for a better score on day {PRIMARY}, UC-MSC to Control"
    of_day = table(shown).filter(pl.col("planned_day") == PRIMARY)
    worst_first = ["Died", "7–9 intubated", "6 high flow or non-invasive", "5 mask or prongs"]
    worst_first += ["4 no oxygen", "0–3 not in hospital"]
    places = {state: float(place) for place, state in enumerate(worst_first)}
    places["Discharged, no score"] = places["0–3 not in hospital"]
    scores = {
        arm: [
            places[state]
            for state, n in of_day.filter(pl.col("arm") == arm)
            .select("state", "participants")
            .rows()
            if state in places
            for _ in range(n)
        ]
        for arm in ("UC-MSC", "Control")
    }
    test = stats.mannwhitneyu(scores["UC-MSC"], scores["Control"])
    wins = test.statistic / len(scores["UC-MSC"]) / len(scores["Control"])
    assert better.value == f"{100 * wins:.1f} %"
    # The odds lie on the side that the ranks lie on.
    assert (float(odds.value) > 1) == (wins > 0.5)


def test_one_arm_has_nobody_to_be_compared_with(board: BoardByName) -> None:
    for name in ("oxygenation_adjusted", "oxygenation_delta"):
        assert "one arm" in make(name, board("one arm", View.CODED)).missing
    assert make("oxygenation_composite", board("one arm", View.CODED)).numbers == ()


def test_too_few_after_filters_are_counted_and_not_compared(
    demonstration_store: LoadedTrial,
) -> None:
    opened = board_of(demonstration_store, View.CODED)
    opened.choose(Filters(sites=("01",)))
    left = opened.ask("people/all", arm=None).height
    assert left > 0
    opened.choose(Filters(first_day=27, last_day=28))
    for name in ("oxygenation_adjusted", "oxygenation_delta"):
        assert make(name, opened).missing
    opened.close()
