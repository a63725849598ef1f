"""What names an exhibit stands at the exhibit: its page, its method, and what it needs."""

import ast
import gc
import inspect
import weakref
from pathlib import Path

import pytest

from access import View
from access.menu import MENU
from display import term_table
from exhibits import EXHIBITS, make, offered
from exhibits.exhibit import (
    NOT_DEFINED,
    NOT_RECORDED,
    NOT_THERE,
    cannot_be_made,
    concluding,
    leading,
)
from exhibits.parts.words import NOT_ADJUSTED
from tests.conftest import PROVE, LoadedTrial, board_of
from tests.exhibits.conftest import BoardByName, LoadedByName

ROOT = Path(__file__).parents[2]


def names_in(source: str) -> set[str]:
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text in EXHIBITS}


@pytest.mark.parametrize("page", MENU)
def test_a_page_shows_the_exhibits_that_name_it(page: str) -> None:
    source = (ROOT / MENU[page].file).read_text("utf-8")
    shown = names_in(source)
    if "show_terms" in source:
        shown |= names_in(inspect.getsource(term_table))
    assert shown == {name for name, item in EXHIBITS.items() if page in item.pages}


def test_every_page_and_tab_of_an_exhibit_is_there() -> None:
    for item in EXHIBITS.values():
        assert set(item.pages) <= set(MENU), item.name
        if item.tab:
            assert f'"{item.tab}"' in (ROOT / MENU[item.page].file).read_text("utf-8"), item.name


def test_what_leads_has_a_place_of_its_own() -> None:
    places = [item.leads for items in leading().values() for item in items]
    assert len(set(places)) == len(places)
    assert [item.page for item in concluding()] == sorted(
        (item.page for item in concluding()), key=list(leading()).index
    )


def test_what_an_exhibit_needs_is_known() -> None:
    for item in EXHIBITS.values():
        for needed, sentences in ((item.needs, NOT_DEFINED), (item.data, NOT_THERE | NOT_RECORDED)):
            first = [names if isinstance(names, str) else names[0] for names in needed]
            assert set(first) <= set(sentences), item.name
        if item.needs or item.data:
            assert item.title, f"{item.name} is called nothing where it cannot be made"


def test_why_it_cannot_be_made_is_known_without_making_it(
    demonstration_store: LoadedTrial,
) -> None:
    trial = demonstration_store.trial
    cases = EXHIBITS["hours_from_instillation"]
    assert cannot_be_made(cases, trial, {"AE", "EC"}) == ()
    # The dataset is there, and what the exhibit counts is not recorded in it.
    serious = EXHIBITS["serious_events"]
    assert cannot_be_made(serious, trial, {"AE", "AE.AESTDTC"}) == (NOT_RECORDED["AE.AESER"],)
    assert cannot_be_made(serious, trial, {"AE", "AE.AESTDTC", "AE.AESHOSP"}) == ()
    assert cannot_be_made(cases, trial, {"AE"}) == (NOT_THERE["EX"],)
    without = trial.model_copy(update={"special_interest": ()})
    assert cannot_be_made(cases, without, ()) == (
        NOT_DEFINED["special_interest"],
        NOT_THERE["AE"],
        NOT_THERE["EX"],
    )


def test_a_figure_is_drawn_once_somebody_asks_and_after_the_board_is_closed(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.CODED)
    made = [make(name, board) for name in ("allocation", "mortality", "stopping_positions")]
    board.close()
    for shown in made:
        assert shown.has_figure
        assert "figure" not in vars(shown)
        assert shown.figure is shown.figure


@pytest.mark.parametrize("view", View if PROVE else [View.UNBLINDED])
def test_what_is_kept_with_a_board_does_not_keep_it_open(loaded: LoadedByName, view: View) -> None:
    """Else a comparative connection would stay until garbage is looked for."""
    board = board_of(loaded("two arms"), view)
    board.subject = board.ask("people/all", arm=None)["subject"][0]
    for item in offered(view):
        make(item.name, board)
    last = weakref.ref(board)
    gc.disable()
    try:
        del board
        assert last() is None
    finally:
        gc.enable()


# Pages of efficacy, and what on them compares no arms.
EFFICACY = {"board-oxygenation", "board-survival"}
DESCRIBES = {
    "deaths",
    "invasive_ventilation",
    "oxygenation_around_doses",
    "oxygenation_bands",
    "oxygenation_change",
    "oxygenation_ratio",
    "respiratory_support",
    "saturation_ratio",
    "vital_status",
}


def test_every_comparison_of_efficacy_says_what_it_is_of() -> None:
    for name, item in EXHIBITS.items():
        if item.page in EFFICACY:
            assert (item.estimand is None) is (name in DESCRIBES), name


@pytest.mark.parametrize("view", list(View))
def test_the_estimand_stands_first_where_arms_are_compared(board: BoardByName, view: View) -> None:
    opened = board("two arms", view)
    for name, item in EXHIBITS.items():
        if item.estimand is None or view < item.least_view:
            continue
        shown = make(name, opened)
        line = str(item.estimand)
        assert line.startswith("Estimand: ")
        assert (shown.footnotes[0] == line) is (view is not View.POOLED), name


@pytest.mark.parametrize("name", ["two arms", "three arms"])
def test_every_p_value_of_efficacy_says_what_it_is_not_adjusted_for(
    board: BoardByName, name: str
) -> None:
    opened = board(name, View.CODED)
    for exhibit, item in EXHIBITS.items():
        if item.page in EFFICACY and item.least_view <= View.CODED:
            for note in make(exhibit, opened).footnotes:
                has_p = ", p = " in note or ", p < " in note
                assert not has_p or NOT_ADJUSTED in note, (exhibit, note)
