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
from simulator import Effect, simulate
from tests.conftest import CUTOFFS, KeyPair, LoadedTrial, board_of, load_frames
from trials import Trial, load_trial

TRIALS = 500 if os.environ.get("DSMB_PROVE") == "1" else 1
TRIAL = load_trial("nct05689008")
(RULE,) = TRIAL.stopping_rules
TERMS = next(group for group in TRIAL.special_interest if group.id == RULE.group).terms


@pytest.fixture(scope="module")
def planted(key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> LoadedTrial:
    """Allergic reactions many times as frequent where UC-MSC is given."""
    effect = Effect(event_ratios={"allergic": 40.0})
    folder = tmp_path_factory.mktemp("planted")
    for cutoff in CUTOFFS:
        frames = simulate(TRIAL, seed=11, cutoff=cutoff, effect=effect)
        last = load_frames(frames, TRIAL, key_pair, folder, cutoff)
    return last


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


def at_look(board: Board, name: str, look: date) -> list[dict[str, object]]:
    table = make(name, board).table
    assert table is not None
    return table.filter(pl.col("look") == look).to_dicts()


def now(board: Board, name: str) -> list[dict[str, object]]:
    return at_look(board, name, board.snapshot.manifest.cutoff)


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
    arm, had, n, limit = (met[0][name] for name in ("arm", "with_event", "n", "stops_from"))
    (then,) = (row for row in at_look(board, "stopping_positions", CUTOFFS[0]) if row["arm"] == arm)
    assert then["position"] == "met"
    since = f"Already met at the review of 30 Jun 2023 ({then['with_event']} of {then['n']})."
    assert shown.answer == (
        f"Stopping rule for allergic reactions (demonstration, not of the protocol) met: {arm}, "
        f"{had} of {n} with an event within 7 days from randomization; the limit is {limit}. "
        f"{since}"
    )
    assert shown.attention == shown.answer
    assert f"met, a{since[1:]}" in shown.footnotes[-1]
    behind = [item.people for item in shown.numbers if item.label == met[0]["arm"]]
    assert behind[0] is not None
    people = board.ask(behind[0].question, **dict(behind[0].values))
    assert people.height == met[0]["with_event"]
    # Under letters every arm is held against the rule: whose it is would be told otherwise.
    assert {row["arm"] for row in now(board, "stopping_positions")} == set(board.arms)
    sealed = [note for note in shown.footnotes if "sealed" in note]
    assert len(sealed) == 1
    assert not any(arm in sealed[0] for arm in board.arms)
    rules = make("monitoring_rules", board)
    assert rules.answer == "4 rules (demonstration, not of the protocol), 1 of them met."
    board.close()


def test_a_rule_that_was_not_met_at_the_last_review_says_so(planted: LoadedTrial) -> None:
    """With so many participants needed that at the first review nothing could stop."""
    board = board_of(planted, View.UNBLINDED)
    first, last = (
        next(
            int(str(row["n"]))
            for row in at_look(board, "stopping_positions_after_dose", look)
            if row["arm"] == "UC-MSC"
        )
        for look in CUTOFFS
    )
    board.close()
    assert first < last
    rule = RULE.model_copy(update={"minimum_participants": last})
    trial = TRIAL.model_copy(update={"stopping_rules": (rule,)})
    loaded = LoadedTrial(trial, planted.store, planted.extract, planted.keys)
    board = board_of(loaded, View.UNBLINDED)
    shown = make("stopping_positions_after_dose", board)
    assert "7 days from the first dose" in shown.answer
    assert "Not met at the review of 30 Jun 2023 (" in shown.answer
    assert shown.attention == shown.answer
    # Nothing is left out unblinded.
    assert not any("sealed" in note for note in shown.footnotes)
    board.close()


def test_rules_are_told_by_arm_only_where_there_are_arms(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.POOLED)
    answer = make("monitoring_rules", board).answer
    assert answer.endswith(". Where they stand is told by arm, in the closed session.")
    board.close()
    board = board_of(demonstration_store, View.CODED)
    assert make("monitoring_rules", board).answer.endswith(", none of them met.")
    assert make("stopping_positions", board).answer.startswith(
        "No stopping rule is met (demonstration, not of the protocol)."
    )
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


def test_results_are_those_of_the_pages_and_of_scipy(demonstration_store: LoadedTrial) -> None:
    """Composite and ANCOVA as on Oxygenation, deaths counted from Survival's question."""
    board = board_of(demonstration_store, View.UNBLINDED)
    rows = {str(row["rule"]): row for row in now(board, "sequential_positions")}
    mean, death, composite = (rows[name] for name in ("oxygenation", "mortality", "composite"))
    adjusted = make("oxygenation_adjusted", board).table
    assert adjusted is not None
    (alone,) = adjusted.filter(
        (pl.col("planned_day") == 14) & (pl.col("method") == "ANCOVA")
    ).to_dicts()
    assert mean["estimate"] == pytest.approx(alone["difference"], abs=0.051)
    assert mean["n"] == alone["n"] + alone["n_reference"]
    t = abs(alone["difference"] / alone["standard_error"])
    p = 2 * stats.t.sf(t, alone["degrees_of_freedom"])
    assert mean["p"] == pytest.approx(p, rel=0.01)
    wins = make("oxygenation_composite", board).table
    assert wins is not None
    (win,) = wins.drop_nulls("win_percent").to_dicts()
    assert composite["estimate"] == pytest.approx(win["win_percent"], abs=0.051)
    assert composite["p"] == pytest.approx(win["p_value"], abs=5e-5)
    for row in rows.values():
        assert row["z"] == pytest.approx(stats.norm.isf(float(str(row["p"])) / 2), abs=1e-9)
        assert float(str(row["estimate_low"])) <= float(str(row["estimate"]))
    died, past, exact = deaths(board)
    assert death["n"] == sum(past)
    assert death["p"] == pytest.approx(exact, rel=1e-6)
    shares = [100 * dead / of for dead, of in zip(died, past, strict=True)]
    assert death["estimate"] == pytest.approx(shares[1] - shares[0], abs=0.0051)
    assert death["z_boundary"] == pytest.approx(3.0, rel=1e-6)
    assert death["nominal_p"] == pytest.approx(2 * stats.norm.sf(3.0), rel=1e-6)
    board.close()


def deaths(board: Board) -> tuple[list[int], list[int], float]:
    """By the trial's day of those past it, as Survival has them: Control, UC-MSC; and exact p.

    Whose status is not known counts as alive.
    """
    table = make("mortality", board).table
    assert table is not None
    rows = {
        row["arm"]: row
        for row in table.filter(pl.col("group") == f"By day {TRIAL.survival.day}").to_dicts()
    }
    arms = [rows[arm] for arm in ("Control", "UC-MSC")]
    died = [row["participants"] for row in arms]
    past = [row["randomized"] for row in arms]
    alive = [of - dead for dead, of in zip(died, past, strict=True)]
    return died, past, float(stats.fisher_exact([died, alive]).pvalue)


def test_the_deaths_that_would_cross_do_and_one_fewer_does_not(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.UNBLINDED)
    row = next(row for row in now(board, "sequential_positions") if row["rule"] == "mortality")
    died, (control, treated), _ = deaths(board)
    board.close()
    assert died[0] + died[1] > 0
    total, nominal = sum(died), float(str(row["nominal_p"]))

    def p(of_treated: int) -> float:
        of_control = total - of_treated
        table = [[of_treated, treated - of_treated], [of_control, control - of_control]]
        return float(stats.fisher_exact(table).pvalue)

    most = range(max(0, total - control), min(total, treated) + 1)
    assert row["crosses_from"] == min(x for x in most if p(x) <= nominal and x > total / 2)
    other = max(x for x in most if p(x) <= nominal and x < total / 2)
    assert row["crosses_from_other"] == total - other


def test_a_boundary_that_is_crossed_says_since_when(key_pair: KeyPair, tmp_path: Path) -> None:
    """Many more deaths in one arm, under a rule that a small difference meets."""
    for cutoff in CUTOFFS:
        frames = simulate(TRIAL, seed=11, cutoff=cutoff, effect=Effect(mortality_ratio=6.0))
        loaded = load_frames(frames, TRIAL, key_pair, tmp_path, cutoff)
    lenient = next(rule for rule in TRIAL.sequential_rules if rule.endpoint == "death").model_copy(
        update={"method": "Lan-DeMets Pocock", "alpha": 0.49, "status": "protocol"}
    )
    trial = TRIAL.model_copy(update={"sequential_rules": (lenient,)})
    store, extract, keys = loaded.store, loaded.extract, loaded.keys
    board = board_of(LoadedTrial(trial, store, extract, keys), View.UNBLINDED)
    shown = make("sequential_positions", board)
    (was,) = at_look(board, "sequential_positions", CUTOFFS[0])
    (is_,) = now(board, "sequential_positions")
    assert (was["crossed"], is_["crossed"]) == (True, True)
    assert (is_["more"], is_["better"]) == ("UC-MSC", "Control")
    assert shown.attention.startswith(
        "Group-sequential rule for mortality met: Control does better. "
        "Already met at the review of 30 Jun 2023."
    )
    assert shown.answer.startswith(f"{shown.attention} Mortality: with ")
    assert "(more deaths in UC-MSC); the boundary is " in shown.answer
    assert float(str(is_["z"])) >= float(str(is_["z_boundary"]))
    board.close()


def test_every_rule_is_drawn_with_its_boundary_up_to_the_last_look_planned(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.CODED)
    shown = make("sequential_positions", board)
    assert shown.figure is not None
    table = shown.table
    assert table is not None
    traces = {trace.name: trace for trace in shown.figure.data}
    for name in ("composite", "oxygenation", "mortality"):
        of_rule = table.filter(pl.col("rule") == name)
        assert max(traces[f"Boundary of {name}"].x) == max(of_rule["fraction_percent"])
        held = of_rule.filter(pl.col("z").is_not_null())
        drawn = traces[f"{name.capitalize()}, Arm B against Arm A"]
        assert list(drawn.y) == held["z"].to_list() != []
        assert min(drawn.y) >= 0, "a sign would say which arm is which, were the letters known"
        assert f"{name.capitalize()}: with " in shown.answer
    assert shown.answer.count("|z| is") == 3
    to_come = table.filter(pl.col("n").is_null())
    # The review that is planned after this cut-off.
    assert to_come["look"].unique().to_list() == [date(2024, 2, 29)]
    assert to_come["crossed"].null_count() == to_come.height
    board.close()


def test_bars_for_pending_participants_are_in_the_legend(planted: LoadedTrial) -> None:
    board = board_of(planted, View.CODED)
    shown = make("stopping_positions", board)
    assert shown.table is not None
    assert shown.table["pending"].sum() > 0
    assert shown.figure is not None
    assert any("pending" in (trace.name or "") for trace in shown.figure.data)
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
