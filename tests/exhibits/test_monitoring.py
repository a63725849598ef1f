"""Positions of stopping rules, counted again from the extract, and rules that may not run."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import make
from queries import Board
from tests.conftest import CUTOFFS, KeyPair, LoadedTrial, board_of, load_frames
from trials import Trial, load_trial
from trials.simulator import Effect, simulate

TRIALS = 500 if os.environ.get("DSMB_PROVE") == "1" else 1
TRIAL = load_trial("nct05689008")
(RULE,) = TRIAL.stopping_rules
TERMS = next(group for group in TRIAL.special_interest if group.id == RULE.group).terms


@pytest.fixture(scope="module")
def planted(key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> LoadedTrial:
    """Allergic reactions many times as frequent where UC-MSC is given."""
    effect = Effect(event_ratios={"allergic": 40.0})
    frames = simulate(TRIAL, seed=11, cutoff=CUTOFFS[1], effect=effect)
    return load_frames(frames, TRIAL, key_pair, tmp_path_factory.mktemp("planted"), CUTOFFS[1])


@pytest.fixture(params=["demonstration", "planted"])
def unblinded(
    request: pytest.FixtureRequest, demonstration_store: LoadedTrial, planted: LoadedTrial
) -> Iterator[tuple[LoadedTrial, Board]]:
    loaded = demonstration_store if request.param == "demonstration" else planted
    board = board_of(loaded, View.UNBLINDED)
    yield loaded, board
    board.close()


def counted(loaded: LoadedTrial, arm: str) -> dict[str, int]:
    """Participants of an arm by their windows, person by person from the extract."""
    cutoff = loaded.snapshot.manifest.cutoff
    allocated = loaded.dataset("randomization").filter(pl.col("ARM") == arm)
    events = loaded.dataset("ae").filter(pl.col("AEDECOD").is_in(list(TERMS)))
    ended = {
        who: (what, date.fromisoformat(on[:10]))
        for who, what, on in loaded.dataset("ds")
        .filter(pl.col("DSDECOD").is_in(["DEATH", "LOST TO FOLLOW-UP", "WITHDRAWAL BY SUBJECT"]))
        .select("USUBJID", "DSDECOD", "DSSTDTC")
        .rows()
    }
    found = {"n": 0, "with_event": 0, "pending": 0}
    for who, day_one in allocated.select("USUBJID", "RANDDTC").rows():
        begins = date.fromisoformat(day_one[:10])
        closes = begins + timedelta(days=RULE.window_days - 1)
        onsets = [
            date.fromisoformat(text[:10])
            for text in events.filter(pl.col("USUBJID") == who)["AESTDTC"].drop_nulls()
            if len(text) >= 10
        ]
        has_event = any(begins <= onset <= closes for onset in onsets)
        what, on = ended.get(who, ("", date.max))
        left = what not in ("", "DEATH") and on < closes and not has_event
        if closes > cutoff or left:
            found["pending"] += 1
        else:
            found["n"] += 1
            found["with_event"] += has_event
    return found


def now(board: Board, name: str) -> list[dict[str, object]]:
    table = make(name, board).table
    assert table is not None
    return table.filter(pl.col("look") == board.snapshot.manifest.cutoff).to_dicts()


def test_positions_are_those_of_the_extract(unblinded: tuple[LoadedTrial, Board]) -> None:
    loaded, board = unblinded
    for row in now(board, "stopping_positions"):
        found = counted(loaded, str(row["arm"]))
        assert {name: row[name] for name in found} == found
        a, b = RULE.prior
        posterior = stats.beta(a + found["with_event"], b + found["n"] - found["with_event"])
        assert RULE.background_rate is not None
        above = posterior.sf(RULE.background_rate)
        assert row["probability_percent"] == pytest.approx(100 * above, abs=0.051)
        assert (row["position"] == "met") == bool(above > RULE.probability)


def test_a_planted_reaction_meets_the_rule_and_says_who_had_it(planted: LoadedTrial) -> None:
    board = board_of(planted, View.CODED)
    shown = make("stopping_positions", board)
    met = [row for row in now(board, "stopping_positions") if row["position"] == "met"]
    assert len(met) == 1
    assert shown.answer.startswith(f"Rule {RULE.id} is met: {met[0]['arm']}")
    assert shown.attention == f"Met: {RULE.id}."
    behind = [item.people for item in shown.numbers if item.label == met[0]["arm"]]
    assert behind[0] is not None
    people = board.ask(behind[0].question, **dict(behind[0].values))
    assert people.height == met[0]["with_event"]
    # Under letters every arm is held against the rule: whose it is would be told otherwise.
    assert {row["arm"] for row in now(board, "stopping_positions")} == set(board.arms)
    board.close()


def test_from_the_first_dose_the_arm_of_the_rule_alone_is_counted(planted: LoadedTrial) -> None:
    board = board_of(planted, View.UNBLINDED)
    rows = now(board, "stopping_positions_after_dose")
    assert {row["arm"] for row in rows} == {"UC-MSC"}
    dosed = set(planted.dataset("ex").filter(pl.col("EXDOSE").cast(float) > 0)["USUBJID"])
    treated = planted.dataset("randomization").filter(pl.col("ARM") == "UC-MSC")["USUBJID"]
    (row,) = rows
    assert int(str(row["n"])) + int(str(row["pending"])) == len(dosed & set(treated))
    board.close()


def test_looks_are_the_reviews_that_have_a_snapshot(demonstration_store: LoadedTrial) -> None:
    board = board_of(demonstration_store, View.CODED)
    table = make("stopping_positions", board).table
    assert table is not None
    assert table["look"].unique().sort().to_list() == list(CUTOFFS)
    first = board.back_to(board.earlier()[0])
    before = make("stopping_positions", first).table
    assert before is not None
    same = table.filter(pl.col("look") == CUTOFFS[0]).drop("look").to_dicts()
    assert same == before.drop("look").to_dicts()
    board.close()


def test_a_mean_is_held_against_the_t_quantile_and_deaths_against_an_exact_p(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.UNBLINDED)
    rows = {str(row["rule"]): row for row in now(board, "sequential_positions")}
    mean, death = rows["oxygenation"], rows["mortality"]
    assert mean["score"] is not None
    assert float(str(mean["boundary"])) > stats.norm.isf(float(str(mean["nominal_p"])) / 2)
    assert death["score"] is None
    board_table = make("mortality", board).table
    assert board_table is not None
    known = board.ask(
        "survival/vital_status",
        days=[TRIAL.survival.day],
        schedule=[visit.model_dump() for visit in TRIAL.schedule],
    )
    counts = {
        (arm, state): n for arm, state, n in known.select("arm", "state", "participants").rows()
    }
    table = [
        [counts.get((arm, "died"), 0), counts.get((arm, "alive"), 0)]
        for arm in ("UC-MSC", "Control")
    ]
    assert death["n"] == sum(map(sum, table))
    assert death["p"] == pytest.approx(float(stats.fisher_exact(table).pvalue), rel=1e-6)
    assert death["nominal_p"] == pytest.approx(2 * stats.norm.sf(3.0), rel=1e-6)
    board.close()


# Rules that may not run


def test_a_trial_without_rules_is_offered_nothing_that_looks_like_one(
    pilot_store: LoadedTrial,
) -> None:
    board = board_of(pilot_store, View.UNBLINDED)
    for name in ("monitoring_rules", "stopping_positions", "sequential_positions"):
        shown = make(name, board)
        assert "states no rule of this kind" in shown.missing
        assert shown.table is None
        assert shown.figure is None
    board.close()


def test_demonstration_rules_do_not_run_on_real_participants(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    frames = dict(simulate(TRIAL, participants=8, seed=2, cutoff=CUTOFFS[0]))
    del frames["simulation"]
    loaded = load_frames(frames, TRIAL, key_pair, tmp_path, CUTOFFS[0])
    assert not loaded.snapshot.manifest.simulated
    board = board_of(loaded, View.CODED)
    for name in ("monitoring_rules", "stopping_positions", "sequential_positions"):
        assert "No rule of this kind is pre-specified" in make(name, board).missing
    board.close()
    protocol = TRIAL.model_copy(
        update={"stopping_rules": (RULE.model_copy(update={"status": "protocol"}),)}
    )
    board = board_of(LoadedTrial(protocol, loaded.store, loaded.extract, loaded.keys), View.CODED)
    shown = make("stopping_positions", board)
    assert shown.table is not None
    assert not any("DEMONSTRATION" in note for note in shown.footnotes)
    board.close()


def against_control(margin: float) -> Trial:
    rule = RULE.model_copy(update={"background_rate": None, "margin": margin, "prior": (0.5, 0.5)})
    return TRIAL.model_copy(update={"stopping_rules": (rule,)})


def test_a_rule_without_a_background_rate_is_held_against_the_control_arm(
    planted: LoadedTrial,
) -> None:
    trial = against_control(0.05)
    loaded = LoadedTrial(trial, planted.store, planted.extract, planted.keys)
    board = board_of(loaded, View.UNBLINDED)
    (row,) = now(board, "stopping_positions")
    assert row["arm"] == "UC-MSC"
    assert row["position"] == "met"
    table = make("stopping_characteristics", board).table
    assert table is not None
    assert table["stops_percent"].is_sorted()
    board.close()


@pytest.mark.timeout(7200)
def test_the_boundary_is_crossed_as_often_as_its_characteristics_say(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    """With reactions far more frequent in one arm, at the end of simulated trials.

    One here, to see that all of it fits together; 500 in the long proof.
    """
    ended, crossed, rates = date(2025, 6, 1), 0, []
    for seed in range(TRIALS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        effect = Effect(event_ratios={"allergic": 15.0})
        frames = simulate(TRIAL, seed=seed, cutoff=ended, effect=effect)
        loaded = load_frames(frames, TRIAL, key_pair, folder, ended)
        board = board_of(loaded, View.UNBLINDED)
        row = next(row for row in now(board, "stopping_positions") if row["arm"] == "UC-MSC")
        crossed += row["position"] == "met"
        rates.append(int(str(row["with_event"])) / int(str(row["n"])))
        board.close()
    rate = sum(rates) / len(rates)
    a, b = RULE.prior
    assert RULE.background_rate is not None
    stops = [
        x
        for x in range(31)
        if stats.beta(a + x, b + 30 - x).sf(RULE.background_rate) > RULE.probability
    ]
    expected = stats.binom.sf(min(stops) - 1, 30, rate)
    low, high = stats.binom.interval(0.999, TRIALS, expected)
    assert low <= crossed <= high, (rate, expected, crossed)
