"""Subgroups counted again from the questions, and what is said where they cannot be told apart."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from access import View
from estimators.proportions import miettinen_nurminen, square_and_add
from exhibits import make
from exhibits.parts.words import signed
from tests.conftest import LoadedTrial, board_of
from tests.exhibits.conftest import BoardByName, LoadedByName
from tests.exhibits.oxygenation_extract import table


def points(x1: int, n1: int, x2: int, n2: int) -> tuple[float, float, float]:
    found = miettinen_nurminen(x1, n1, x2, n2)
    return 100 * float(found.estimate), 100 * float(found.low), 100 * float(found.high)


@pytest.mark.parametrize("name", ["two arms", "three arms"])
def test_levels_add_up_and_serious_events_are_those_of_the_extract(
    board: BoardByName, loaded: LoadedByName, name: str
) -> None:
    opened = board(name, View.UNBLINDED)
    rows = table(make("subgroups", opened)).filter(pl.col("outcome") == "Any serious event")
    whole = rows.filter(pl.col("level") == "")
    dm, ae = (loaded(name).dataset(domain) for domain in ("dm", "ae"))
    people = opened.ask("subgroups/people", day=28, planned_day=14, age_bands=[], severity_bands=[])
    assert people.height <= dm.height
    for row in whole.iter_rows(named=True):
        of_arm = people.filter(pl.col("arm") == row["arm"])
        assert (row["of"], row["with_event"]) == (of_arm.height, of_arm["had_serious"].sum())
        assert row["with_event"] <= ae.filter(pl.col("AESER") == "Y")["USUBJID"].n_unique()
        for characteristic in set(rows["characteristic"]) - {"Whole trial"}:
            part = rows.filter(
                (pl.col("arm") == row["arm"]) & (pl.col("characteristic") == characteristic)
            )
            for column in ("of", "with_event", "of_reference", "with_event_reference"):
                assert part[column].sum() == row[column], characteristic


def test_differences_and_interactions_are_those_of_their_counts(board: BoardByName) -> None:
    opened = board("two arms", View.UNBLINDED)
    rows = table(make("subgroups", opened)).filter(
        pl.col("with_event").is_not_null() & (pl.col("characteristic") == "Sex")
    )
    least = opened.trial.subgroups.minimum_per_arm
    for (_,), part in rows.group_by("outcome"):
        women, men = part.to_dicts()
        assert (women["level"], men["level"]) == ("Women", "Men")
        counts = [
            tuple(
                int(row[column])
                for column in ("with_event", "of", "with_event_reference", "of_reference")
            )
            for row in (women, men)
        ]
        assert all(min(one[1], one[3]) >= least for one in counts)
        of_women, of_men = (points(*one) for one in counts)
        assert women["difference"] == pytest.approx(of_women[0], abs=0.051)
        assert men["difference_high"] == pytest.approx(of_men[2], abs=0.051)
        apart = square_and_add(of_women, of_men)
        found = [women[f"interaction{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx([float(value) for value in apart], abs=0.051)
        # Men against women is the same, turned round.
        assert men["interaction"] is None


def test_the_answer_names_what_excludes_none_and_says_what_chance_does(board: BoardByName) -> None:
    shown = make("subgroups", board("two arms", View.CODED))
    rows = table(shown).drop_nulls("interaction").to_dicts()
    apart = [row for row in rows if row["interaction_low"] > 0 or row["interaction_high"] < 0]
    if apart:
        assert "by chance alone one in twenty would" in shown.answer
        for row in apart:
            assert f"{signed(row['interaction'])} points" in shown.answer
    else:
        assert shown.answer.startswith("Too few to tell subgroups apart")


def test_a_planted_interaction_is_found(
    demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All treated women have a serious event and no other woman, and men as they had."""
    opened = board_of(demonstration_store, View.UNBLINDED)
    ask = opened.ask

    def planted(question: str, **values: Any) -> pl.DataFrame:
        answer = ask(question, **values)
        if question != "subgroups/people":
            return answer
        dice = np.random.default_rng(1).random(answer.height) < 0.5
        return answer.with_columns(
            had_serious=pl.when(pl.col("sex") == "F")
            .then(pl.col("arm") == "UC-MSC")
            .otherwise(pl.Series(dice))
        )

    monkeypatch.setattr(opened, "ask", planted)
    answer = make("subgroups", opened).answer
    opened.close()
    assert "Any serious event, sex Women against the others (UC-MSC minus Control): +" in answer


def test_what_is_not_known_of_enough_is_left_out_and_said(board: BoardByName) -> None:
    """In the pilot most had left before the day, and there is no composite."""
    shown = make("subgroups", board("three arms", View.CODED))
    assert set(table(shown)["outcome"]) == {"Any serious event"}
    assert any("are not compared: status known of" in note for note in shown.footnotes)


def test_of_one_arm_nothing_is_compared(loaded: LoadedByName) -> None:
    opened = board_of(loaded("one arm"), View.CODED)
    assert "one arm" in make("subgroups", opened).missing
    opened.close()
