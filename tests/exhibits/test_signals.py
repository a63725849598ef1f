"""One rule of multiplicity over terms, body systems and groups, and what chance would bring."""

import polars as pl
import pytest

from access import View
from estimators.multiplicity import expected_by_chance
from exhibits import make
from exhibits.parts.signals import GROUP, MARK, SYSTEM, TERM, comparisons, marked, smallest
from queries import Board
from tests.conftest import LoadedTrial
from tests.exhibits.conftest import BoardByName

HIGH = "Xanomeline High Dose"


@pytest.fixture
def pilot(board: BoardByName) -> Board:
    return board("three arms", View.UNBLINDED)


def test_the_pilot_is_as_r_has_it(pilot: Board, pilot_store: LoadedTrial) -> None:
    """Counts from the extract, Fisher's p by R's fisher.test, adjusted by its p.adjust."""
    rows = comparisons(pilot).filter(arm=HIGH)
    terms = rows.filter(kind=TERM)
    # A term of 4 of 84 and 86 can be marked, one of 3 cannot.
    assert (terms.height, terms["rate"].count()) == (187, 28)
    assert (
        terms.filter(pl.col("rate").is_not_null())
        .select((pl.col("participants") + pl.col("reference")).min())
        .item()
        == 4
    )
    found = {
        name: row for name, *row in rows.select("name", "participants", "reference", "p").rows()
    }
    assert found["PRURITUS"] == [26, 8, pytest.approx(0.000480743, abs=1e-8)]
    assert found["NERVOUS SYSTEM DISORDERS"] == [25, 8, pytest.approx(0.00087, abs=5e-6)]
    assert found["SKIN AND SUBCUTANEOUS TISSUE DISORDERS"] == [
        40,
        20,
        pytest.approx(0.00125, abs=5e-6),
    ]
    assert terms.filter(name="PRURITUS")["rate"].item() == pytest.approx(0.024, abs=5e-4)
    marks = rows.filter(pl.col("mark") == MARK)
    assert set(marks.filter(kind=TERM)["name"]) == {
        "PRURITUS",
        "APPLICATION SITE PRURITUS",
        "APPLICATION SITE ERYTHEMA",
        "DIZZINESS",
    }
    events = pilot_store.dataset("ae")
    assert events.filter(pl.col("AEDECOD") == "PRURITUS")["USUBJID"].n_unique() >= 34


def test_what_chance_would_bring_in_the_pilot(pilot: Board) -> None:
    terms = comparisons(pilot).filter(arm=HIGH, kind=TERM)
    totals = (terms["participants"] + terms["reference"]).to_numpy()

    def expected(name: str) -> float:
        return expected_by_chance(float(terms.filter(name=name)["p"].item()), totals, 84, 86)

    assert expected("PRURITUS") == pytest.approx(0.0025, abs=2e-4)
    assert expected("DIZZINESS") == pytest.approx(0.12, abs=0.01)
    # 187 terms at p 0.009 would be 1.7: most are too rare for it.
    assert expected("DIZZINESS") < 0.1 * 187 * 0.0093


def test_the_pages_mark_what_the_rule_marks_and_nothing_else(pilot: Board) -> None:
    rows = comparisons(pilot)
    by_term = make("adverse_events_by_term", pilot).table
    groups = make("special_interest_overview", pilot).table
    assert by_term is not None
    assert groups is not None
    for position, arm in enumerate(pilot.arms, start=1):
        of_arm = rows.filter(pl.col("arm") == arm, pl.col("mark") == MARK)
        if f"mark_{position}" in by_term.columns:
            marks = by_term.filter(pl.col(f"mark_{position}") == MARK)
            keys = marks.select("body_system", "preferred_term").rows()
            expected = of_arm.filter(pl.col("kind") != GROUP)
            assert set(keys) == set(expected.select("body_system", "preferred_term").rows())
        marks_of_groups = groups.filter(pl.col("arm") == arm, pl.col("mark") == MARK)["name"]
        assert set(marks_of_groups) == set(of_arm.filter(kind=GROUP)["name"])
    assert marked(pilot, GROUP) in make("special_interest_overview", pilot).attention
    assert marked(pilot, TERM, SYSTEM) == make("adverse_event_dots", pilot).attention


def test_the_headline_is_the_smallest_p(pilot: Board) -> None:
    rows = comparisons(pilot)
    row = rows.sort("p").row(0, named=True)
    said = smallest(pilot)
    assert said.startswith(f"Largest difference by Fisher's test: {row['name']}")
    # Both doses are held against placebo, and either could have had the smallest p.
    assert rows["arm"].n_unique() == 2
    assert f"Of {rows.height} comparisons (terms, body systems and groups)" in said
    assert said == make("adverse_event_dots", pilot).answer


@pytest.mark.parametrize("name", ["two arms", "three arms", "one arm"])
def test_pooled_nothing_is_compared(board: BoardByName, name: str) -> None:
    opened = board(name, View.POOLED)
    assert comparisons(opened).is_empty()
    assert (smallest(opened), marked(opened, TERM, SYSTEM, GROUP)) == ("", "")


def test_letters_say_what_names_say(board: BoardByName) -> None:
    """The same comparisons under letters, whichever arm has the first of them."""
    coded, named = (comparisons(board("two arms", view)) for view in (View.CODED, View.UNBLINDED))
    # Under letters events whose terms would tell the arm are left out.
    shared = coded.select("kind", "name").join(
        named.select("kind", "name", theirs=pl.col("p")), on=["kind", "name"], how="left"
    )
    assert shared["theirs"].to_list() == pytest.approx(coded["p"].to_list())
    assert named.height - coded.height <= len(
        board("two arms", View.CODED).trial.sealed.preferred_terms
    )
