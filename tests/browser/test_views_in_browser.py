"""What a view lets into the browser: pooled, nothing by arm; coded, letters; unblinded, names."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from access import Role, View, pages_of
from exhibits import make
from tests.browser.visitor import PAGES, Visitor
from tests.conftest import LoadedTrial, board_of

LETTERS = ["Arm A", "Arm B"]


def names(loaded: LoadedTrial) -> list[str]:
    return [arm.name for arm in loaded.trial.arms.list]


def sealed_texts(loaded: LoadedTrial) -> list[str]:
    """What names an arm: letters, codes as the extract has them, lots of the product."""
    allocation = loaded.dataset("randomization")["ARMCD"].unique().to_list()
    lots = loaded.dataset("ex")["EXLOT"].drop_nulls().unique().to_list()
    assert len(allocation) == 2
    assert lots
    return [*LETTERS, *allocation, *lots]


def look_at_everything(visitor: Visitor, role: Role) -> None:
    """Every page of the role, with every folded part unfolded."""
    for address in pages_of(role):
        visitor.choose(PAGES[address])
        folded = visitor.page.locator("[data-testid='stExpander']")
        for place in range(folded.count()):
            folded.nth(place).locator("summary").click()
            # What is inside is sent only once it is unfolded.
            inside = folded.nth(place).locator("[data-testid='stElementContainer']")
            expect(inside).not_to_have_count(0)
        visitor.settled()


@pytest.mark.parametrize("role", Role)
def test_nothing_that_names_an_arm_reaches_the_browser_of_a_pooled_session(
    role: Role, visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    visitor.sign_in(role)
    look_at_everything(visitor, role)
    assert visitor.received(sealed_texts(demonstration_store)) == []


def test_each_view_names_the_arms_in_its_own_way(
    visitor: Visitor, demonstration_store: LoadedTrial, audit_log: Path
) -> None:
    visitor.sign_in(Role.BOARD, "board-arm-balance")
    arms = visitor.page.locator(".st-key-exhibit-allocation [data-testid='stMetricLabel']")
    before = records(audit_log)
    for view, labels in (
        (View.POOLED, ["All participants"]),
        (View.CODED, LETTERS),
        (View.UNBLINDED, names(demonstration_store)),
        (View.POOLED, ["All participants"]),
    ):
        visitor.pick_view(view.word)
        expect(visitor.badge()).to_contain_text(view.name)
        expect(arms).to_have_text(labels)
        bars = visitor.page.locator(".st-key-exhibit-allocation .ytick")
        expect(bars).to_have_count(len(labels))
        for label in labels:
            expect(bars.filter(has_text=label)).to_have_count(1)
        numbers = visitor.page.locator(".st-key-exhibit-allocation [data-testid='stMetricValue']")
        expect(numbers).to_have_text(randomized(demonstration_store, view))
    expect(visitor.page.get_by_text("Arm A")).to_have_count(0)
    recorded = [record["view"] for record in records(audit_log)[len(before) :]]
    assert recorded == ["coded", "unblinded"]


def randomized(loaded: LoadedTrial, view: View) -> list[str]:
    board = board_of(loaded, view)
    counts = [number.value for number in make("allocation", board).numbers]
    board.close()
    return counts


def records(audit_log: Path) -> list[dict[str, str]]:
    if not audit_log.exists():
        return []
    return [json.loads(line) for line in audit_log.read_text("utf-8").splitlines()]


def test_what_is_looked_for_in_a_pooled_session_is_found_in_the_others(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    """Without this, a search that can find nothing would pass."""
    visitor.sign_in(Role.STATISTICIAN, "board-arm-balance")
    visitor.pick_view("coded")
    assert visitor.received(LETTERS) == LETTERS
    assert visitor.received(names(demonstration_store)) == []
    visitor.pick_view("unblinded")
    assert visitor.received(names(demonstration_store)) == names(demonstration_store)
