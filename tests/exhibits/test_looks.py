"""Looks at group-sequential rules in every situation that a trial comes into."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

import exhibits.monitoring.sequential as page
from access import View
from exhibits import make
from exhibits.exhibit import Exhibit
from exhibits.monitoring.endpoints import Deaths, Held, Pending, deaths_p
from queries import Board
from tests.conftest import LoadedTrial, board_of
from trials import SequentialRule, load_trial
from trials.models.monitoring import Futility, Monitoring

TRIAL = load_trial("nct05689008")
OXYGENATION = next(rule for rule in TRIAL.sequential_rules if rule.endpoint == "primary")
MORTALITY = next(rule for rule in TRIAL.sequential_rules if rule.endpoint == "death")
# The reviews are at 30, 45 and 60 of 60 planned, but where a test says otherwise.
JUNE, AUGUST, FEBRUARY = date(2023, 6, 30), date(2023, 8, 31), date(2024, 2, 29)
MAY, JULY, MARCH = date(2023, 5, 31), date(2023, 7, 31), date(2024, 3, 31)
REVIEWS = (JUNE, AUGUST, FEBRUARY)
PLANNED = Monitoring(reviews=REVIEWS)

Result = tuple[date, int, float | None]
Shown = Callable[..., tuple[Exhibit, list[dict[str, Any]]]]


def result(n: int, z: float | None) -> Held:
    """So many with the endpoint, and a score towards the arm that is compared."""
    if z is None:
        return Held(n, n, 60, reason="4 in Arm A have a value, 5 are needed")
    p = float(2 * stats.norm.sf(abs(z)))
    return Held(n, n, 60, 10 * z, lambda level: (10 * z - level, 10 * z + level), z, p)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, demonstration_store: LoadedTrial) -> Iterator[Shown]:
    boards: list[Board] = []

    def show(
        results: Sequence[Result | tuple[date, Held]],
        *,
        rule: SequentialRule = OXYGENATION,
        monitoring: Monitoring = PLANNED,
        pending: int = 30,
        view: View = View.UNBLINDED,
    ) -> tuple[Exhibit, list[dict[str, Any]]]:
        trial = TRIAL.model_copy(update={"sequential_rules": (rule,), "monitoring": monitoring})
        store, extract, keys = (
            demonstration_store.store,
            demonstration_store.extract,
            demonstration_store.keys,
        )
        board = board_of(LoadedTrial(trial, store, extract, keys), view)
        boards.append(board)
        of_look = [
            (item[0], item[1] if isinstance(item[1], Held) else result(item[1], item[2]))
            for item in results
        ]
        found = iter(of_look)
        monkeypatch.setattr(page, "looks", lambda _: [(cutoff, board) for cutoff, _ in of_look])
        monkeypatch.setattr(page, "held", lambda *_: (next(found)[1], Pending(pending, 1.0)))
        exhibit = make("sequential_positions", board)
        return exhibit, [] if exhibit.table is None else exhibit.table.to_dicts()

    yield show
    for board in boards:
        board.close()


def boundary(row: dict[str, Any]) -> float:
    return float(row["z_boundary"])


def test_before_the_first_look_the_newest_data_are_shown_and_spend_nothing(shown: Shown) -> None:
    exhibit, (row, *to_come) = shown([(MAY, 15, 1.0)])
    assert (row["is_counted"], row["spent_percent"], row["crossed"]) == (False, 0, False)
    assert exhibit.answer.endswith(
        "Oxygenation: with 25 % of the planned information |z| is 1.00 (higher in UC-MSC); the "
        f"boundary is {boundary(row):.2f}; not one of the planned looks, so no error is spent."
    )
    # Evenly up to all that is planned, as 30 may still come.
    assert [row["fraction_percent"] for row in to_come] == [41.7, 58.3, 75.0]
    assert [row["look"] for row in to_come] == list(REVIEWS)
    assert to_come[-1]["spent_percent"] == 5


def test_at_a_look_error_is_spent(shown: Shown) -> None:
    _, (row, *to_come) = shown([(JUNE, 30, 2.9)])
    assert (row["is_counted"], row["note"]) == (True, None)
    assert boundary(row) == pytest.approx(2.962588, abs=2e-6)
    assert row["spent_percent"] == 0.31
    assert [item["look"] for item in to_come] == [AUGUST, FEBRUARY]


def test_between_looks_the_newest_data_are_held_against_their_own_boundary(shown: Shown) -> None:
    exhibit, (first, now, *_) = shown([(JUNE, 30, 1.0), (JULY, 40, 2.7)])
    assert (now["is_counted"], now["spent_percent"]) == (False, first["spent_percent"])
    assert boundary(now) < boundary(first)
    # Beyond it: said at once, and not a rule that is met.
    assert not now["crossed"]
    assert exhibit.attention == (
        "Group-sequential rule for oxygenation (demonstration, not of the protocol): the result "
        "of now is beyond the boundary (UC-MSC does better), but not one of the planned looks, so "
        "no error is spent."
    )
    assert exhibit.answer.startswith(f"{exhibit.attention} Oxygenation: with ")


def test_a_look_without_a_snapshot_is_said_to_have_spent_what_nobody_knows(shown: Shown) -> None:
    looked = Monitoring(reviews=(MAY, *REVIEWS))
    exhibit, _ = shown([(JUNE, 30, 1.0), (AUGUST, 45, 1.0)], monitoring=looked)
    assert "No snapshot of the look of 31 May 2023 is stored: what it spent is not known" in (
        exhibit.answer
    )


def test_a_declared_look_counts(shown: Shown) -> None:
    declared = Monitoring(reviews=REVIEWS, declared=(JULY,))
    _, (_, now, *_) = shown([(JUNE, 30, 1.0), (JULY, 40, 1.0)], monitoring=declared)
    assert now["is_counted"]
    assert now["spent_percent"] > 0.31


def test_more_information_than_planned_spends_all_that_is_left(shown: Shown) -> None:
    exhibit, (_, now) = shown([(JUNE, 30, 1.0), (AUGUST, 72, 1.0)])
    assert boundary(now) == pytest.approx(1.971512, abs=2e-6)
    assert (now["spent_percent"], now["fraction_percent"]) == (5, 120)
    assert "all of the planned information is there" in exhibit.answer
    assert now["power_as_seen"] is None


def test_after_the_error_is_spent_the_board_judges(shown: Shown) -> None:
    exhibit, (_, _, now) = shown([(JUNE, 30, 1.0), (AUGUST, 60, 1.0), (FEBRUARY, 66, 2.2)])
    # It is beyond the last boundary, and that is all.
    assert (now["is_counted"], now["crossed"]) == (False, False)
    assert now["z"] > now["z_boundary"]
    assert "after the error was spent on 31 Aug 2023: no error is left" in exhibit.answer
    assert "the board judges" in exhibit.answer
    assert exhibit.answer.startswith(exhibit.attention)
    assert "No boundary is crossed" not in exhibit.answer


def test_a_rule_that_was_met_says_so_after_the_error_is_spent(shown: Shown) -> None:
    exhibit, _ = shown([(JUNE, 30, 1.0), (AUGUST, 60, 2.5), (FEBRUARY, 66, 2.2)])
    assert exhibit.attention.startswith(
        "Group-sequential rule for oxygenation (demonstration, not of the protocol) was met at the "
        "look of 31 Aug 2023; the result of now is beyond the boundary (UC-MSC does better), but "
        "after the error was spent on 31 Aug 2023"
    )


def test_where_no_error_may_be_spent_no_result_is_beyond(shown: Shown) -> None:
    early = replace(result(1, 30.0), information=0.05)
    exhibit, (row, *_) = shown([(JUNE, early)])
    assert (row["z_boundary"], row["crossed"]) == (None, False)
    assert "so early no error may be spent" in exhibit.answer
    assert not exhibit.attention


def test_fewer_than_planned_at_the_last_review_spend_all_that_is_left(shown: Shown) -> None:
    exhibit, (_, now) = shown([(JUNE, 30, 1.0), (FEBRUARY, 51, 1.0)])
    assert boundary(now) == pytest.approx(1.965683, abs=2e-6)
    assert (now["note"] or "").startswith("no look is to come")
    assert "no look is to come" in exhibit.answer


def test_a_look_declared_final_is_the_last(shown: Shown) -> None:
    final = Monitoring(reviews=REVIEWS, final=AUGUST)
    _, rows = shown([(JUNE, 30, 1.0), (AUGUST, 51, 1.0)], monitoring=final)
    assert len(rows) == 2
    assert boundary(rows[-1]) == pytest.approx(1.965683, abs=2e-6)


def test_where_nobody_can_add_information_the_look_is_final(shown: Shown) -> None:
    _, rows = shown([(JUNE, 30, 1.0), (AUGUST, 51, 1.0)], pending=0)
    # June was final then, too: nobody was to come.
    assert [row["note"] is None for row in rows] == [False, False]
    assert rows[0]["spent_percent"] == 5
    assert rows[0]["power_as_seen"] is None


def test_corrected_records_with_less_information_spend_nothing(shown: Shown) -> None:
    exhibit, (first, now, *to_come) = shown([(JUNE, 30, 1.2), (AUGUST, 27, 2.5)])
    assert boundary(now) == boundary(first) == pytest.approx(2.962588, abs=2e-6)
    assert (now["is_counted"], now["spent_percent"], now["crossed"]) == (False, 0.31, False)
    assert "no more information than on 30 Jun 2023 (n = 30 then), so no error is spent" in (
        exhibit.answer
    )
    # What is to come begins where the counted looks ended.
    assert all(row["fraction_percent"] > 50 for row in to_come)


def test_a_rule_that_was_met_and_no_longer_is_says_both(shown: Shown) -> None:
    exhibit, (first, now, *_) = shown([(JUNE, 30, 3.1), (AUGUST, 45, 1.0)])
    assert (first["crossed"], now["crossed"]) == (True, False)
    assert exhibit.attention == (
        "Group-sequential rule for oxygenation (demonstration, not of the protocol) was met at the "
        "look of 30 Jun 2023, and is not by the data of now."
    )


def test_what_cannot_be_looked_at_says_why(shown: Shown) -> None:
    exhibit, (first, now, *_) = shown([(JUNE, 30, 1.0), (AUGUST, 9, None)])
    assert (now["crossed"], now["z"]) == (None, None)
    assert now["note"] == "4 in Arm A have a value, 5 are needed"
    assert exhibit.answer.endswith(
        "Oxygenation: cannot be looked at: 4 in Arm A have a value, 5 are needed."
    )
    assert first["crossed"] is False
    exhibit, rows = shown([(JUNE, 9, None)])
    assert not rows
    assert exhibit.missing == (
        "Oxygenation: cannot be looked at: 4 in Arm A have a value, 5 are needed."
    )


@pytest.mark.parametrize(
    ("better", "z", "does_better"),
    [("higher", 3.1, "UC-MSC"), ("lower", 3.1, "Control"), ("lower", -3.1, "UC-MSC")],
)
def test_the_definition_says_which_direction_is_good(
    shown: Shown, better: str, z: float, does_better: str
) -> None:
    rule = OXYGENATION.model_copy(update={"better": better})
    exhibit, (row, *_) = shown([(JUNE, 30, z)], rule=rule)
    assert row["better"] == does_better
    assert row["z"] == 3.1
    assert f"met: {does_better} does better." in exhibit.attention
    likely = "power_as_seen" if does_better == "UC-MSC" else "power_as_seen_other"
    unlikely = ({"power_as_seen", "power_as_seen_other"} - {likely}).pop()
    assert row[likely] > 90
    assert row[unlikely] < 1


def test_a_one_sided_rule_is_met_by_benefit_alone_and_under_letters_by_either(
    shown: Shown,
) -> None:
    rule = OXYGENATION.model_copy(update={"sided": 1, "alpha": 0.025})
    _, (row, *_) = shown([(JUNE, 30, -3.5)], rule=rule)
    assert (row["crossed"], row["power_as_seen_other"]) == (False, None)
    exhibit, (row, *_) = shown([(JUNE, 30, -3.5)], rule=rule, view=View.CODED)
    assert row["crossed"]
    assert row["power_as_seen_other"] is not None
    assert any("both directions" in note for note in exhibit.footnotes)


def test_under_letters_the_other_direction_is_the_mirror_image(shown: Shown) -> None:
    _, towards = shown([(JUNE, 30, 1.3)], view=View.CODED)
    _, back = shown([(JUNE, 30, -1.3)], view=View.CODED)
    mirror = {"Arm A": "Arm B", "Arm B": "Arm A"}
    for there, here in zip(towards, back, strict=True):
        for name, value in there.items():
            if name in {"more", "better"}:
                assert here[name] == mirror.get(value)
            elif name.startswith("estimate") and value is not None:
                ends = {"estimate_low": "estimate_high", "estimate_high": "estimate_low"}
                assert here[ends.get(name, name)] == pytest.approx(-value)
            elif "power" in name:
                other = name.removesuffix("_other") if name.endswith("_other") else f"{name}_other"
                assert here[other] == value
            else:
                assert here[name] == value, name


def test_futility_is_told_where_arms_have_names(shown: Shown) -> None:
    rule = OXYGENATION.model_copy(
        update={
            "method": "Hwang-Shih-DeCani",
            "parameter": -4.0,
            "alpha": 0.025,
            "sided": 1,
            "futility": Futility(beta=0.1, parameter=-2.0),
        }
    )
    plan = [(JUNE, 20, 0.5), (AUGUST, 40, 0.5), (FEBRUARY, 60, 0.5)]
    exhibit, rows = shown(plan, rule=rule)
    # As rpact has them, rounded.
    assert [row["futility"] for row in rows] == [-0.24, 0.94, 2.0]
    assert "below the futility boundary" in exhibit.answer
    exhibit, rows = shown(plan, rule=rule, view=View.CODED)
    assert "futility" not in rows[0]
    assert "futility" not in exhibit.answer


def test_unknown_status_that_would_change_the_answer_is_flagged(shown: Shown) -> None:
    mine, theirs = Deaths(9, 3, 26), Deaths(1, 2, 26)
    p = deaths_p(mine, theirs)
    now = Held(
        52, 52, 60, 30.8, lambda _: (0.0, 1.0), float(stats.norm.isf(p / 2)), p,
        deaths=(mine, theirs),
    )  # fmt: skip
    rule = MORTALITY.model_copy(update={"status": "protocol"})
    exhibit, (row, *_) = shown([(JUNE, now)], rule=rule)
    assert not row["crossed"]
    worst = stats.fisher_exact([[12, 14], [1, 25]]).pvalue
    assert row["p_if_unknown_died"] == pytest.approx(worst)
    assert worst < row["nominal_p"] < p
    assert exhibit.attention.startswith(
        "Group-sequential rule for mortality not met by what is known, but it would be met if of "
        "those of unknown status (3 of 26 in UC-MSC, 2 of 26 in Control) all in UC-MSC had died "
        "and all in Control were alive (p < 0.001)."
    )


def test_three_arms_share_the_error_and_are_not_looked_at_under_letters(
    pilot_store: LoadedTrial,
) -> None:
    rule = MORTALITY.model_copy(update={"status": "protocol", "planned": 170})
    reviews = Monitoring(reviews=(pilot_store.snapshot.manifest.cutoff,))
    trial = pilot_store.trial.model_copy(
        update={
            "sequential_rules": (rule,),
            "monitoring": reviews,
            "survival": pilot_store.trial.survival.model_copy(update={"least_known": 0.1}),
        }
    )
    loaded = LoadedTrial(trial, pilot_store.store, pilot_store.extract, pilot_store.keys)
    board = board_of(loaded, View.CODED)
    assert "which that is would be told" in make("sequential_positions", board).missing
    board.close()
    board = board_of(loaded, View.UNBLINDED)
    exhibit = make("sequential_positions", board)
    assert exhibit.table is not None
    rows = exhibit.table.to_dicts()
    assert {row["arm"] for row in rows} == set(board.arms) - {board.reference_arm}
    # The only review is the last: half of 5 % at once, for each comparison.
    assert {row["spent_percent"] for row in rows} == {2.5}
    assert all(boundary(row) == pytest.approx(stats.norm.isf(0.0125), abs=1e-4) for row in rows)
    assert f"({rows[0]['arm']} against {board.reference_arm})" in exhibit.answer
    board.close()
