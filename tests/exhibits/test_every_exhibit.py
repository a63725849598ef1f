"""What holds for every registered exhibit, in every view, for one, two and three arms and for none.

A new exhibit is covered by being registered.
"""

import inspect
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars import selectors
from polars.testing import assert_frame_equal

import exhibits.exhibit
from access import View
from exhibits import EXHIBITS, Exhibit, NotInThisViewError, make, offered
from queries import Board, Filters
from tests.conftest import PROVE, LoadedTrial, board_of
from tests.exhibits.conftest import STORES, BoardByName, LoadedByName
from version import VERSION

CASES = [
    pytest.param(item.name, view, id=f"{item.name}-{view.word}")
    for item in offered(View.UNBLINDED)
    for view in View
    if item.least_view <= view
]
# In which views exhibits of a store are looked at, and in which they are made twice; in the long
# proof in all.
LOOKED_AT: dict[str, tuple[View, ...]] = {
    "two arms": tuple(View),
    "three arms": (View.CODED,),
    "one arm": (View.UNBLINDED,),
    "nobody randomized": (View.UNBLINDED,),
}
TWICE: dict[str, tuple[View, ...]] = {"two arms": (View.UNBLINDED,), "three arms": (View.CODED,)}
if PROVE:
    LOOKED_AT = TWICE = dict.fromkeys(STORES, tuple(View))
MadeByName = Callable[[str, str, View], Exhibit]
DrawnByName = Callable[[str, str, View], str]


@pytest.fixture(scope="module")
def made(board: BoardByName) -> MadeByName:
    """Each exhibit, made once; the tests below look at it from their sides."""
    return cache(lambda name, store, view: make(name, board(store, view)))


@pytest.fixture(scope="module")
def drawn(made: MadeByName) -> DrawnByName:
    """What the figure of each exhibit sends, which takes as long to write as to draw it."""
    return cache(lambda name, store, view: drawn_of(made(name, store, view)))


def drawn_of(shown: Exhibit) -> str:
    return str(shown.figure.to_json()) if shown.figure is not None else ""


def words_of(shown: Exhibit, drawn: str) -> str:
    """Everything about an exhibit that reaches its reader, except who wrote it and how."""
    parts = [shown.title, shown.answer, shown.population, shown.denominator, shown.description]
    parts += [f"{number.label} {number.value} {number.remark}" for number in shown.numbers]
    parts.append(drawn)
    table = shown.rows()
    parts += [*table.columns, table.write_csv()]
    return "\n".join(parts)


@pytest.mark.parametrize(("name", "view"), CASES)
def test_an_exhibit(
    made: MadeByName,
    drawn: DrawnByName,
    loaded: LoadedByName,
    board: BoardByName,
    subtests: pytest.Subtests,
    name: str,
    view: View,
) -> None:
    for store in (store for store, views in LOOKED_AT.items() if view in views):
        with subtests.test(store):
            shown, of = made(name, store, view), loaded(store)
            figure = drawn(name, store, view)
            assert shown.name == name
            it_says_what_it_shows_of_whom_and_where_from(shown, of, view)
            it_has_a_table_or_says_what_is_missing(shown)
            every_column_has_a_label_of_its_own(shown)
            a_number_in_a_table_is_a_number_or_missing(shown)
            scripts_get_plain_data(shown)
            a_figure_has_axes_with_titles_and_is_described(shown)
            a_figure_carries_no_participant(figure, of)
            every_mark_leads_to_a_list_that_is_there(shown)
            letters = set(board(store, View.CODED).arms)
            an_arm_is_named_unblinded_only(words_of(shown, figure), of, view, letters)
            it_says_by_which_method(shown)


def it_says_what_it_shows_of_whom_and_where_from(
    shown: Exhibit, loaded: LoadedTrial, view: View
) -> None:
    snapshot = loaded.snapshot
    assert shown.title
    assert shown.population
    assert shown.provenance == {
        "trial": loaded.trial.study,
        "snapshot": str(snapshot.id),
        "data_cutoff": snapshot.manifest.cutoff.isoformat(),
        "view": view.word,
        "participants": "simulated" if snapshot.manifest.simulated else "as extracted",
        "software": VERSION,
    }


def it_has_a_table_or_says_what_is_missing(shown: Exhibit) -> None:
    if shown.missing:
        assert shown.missing.endswith(".")
        assert (shown.table, shown.figure, shown.numbers) == (None, None, ())
        return
    assert shown.table is not None
    assert shown.denominator
    if shown.table.is_empty():
        assert shown.answer
        assert not shown.has_figure


def every_column_has_a_label_of_its_own(shown: Exhibit) -> None:
    columns = shown.table.columns if shown.table is not None else []
    labels = [shown.labels.get(column, "") for column in columns]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    assert shown.rows().columns == labels


def a_number_in_a_table_is_a_number_or_missing(shown: Exhibit) -> None:
    for column in shown.rows().select(selectors.float()):
        assert column.drop_nulls().is_finite().all(), column


def scripts_get_plain_data(shown: Exhibit) -> None:
    data = shown.as_data()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["provenance"] == shown.provenance
    assert len(data["table"]) == shown.rows().height == shown.total
    assert_frame_equal(shown.rows(1, 2), shown.rows()[1:3])


def a_figure_has_axes_with_titles_and_is_described(shown: Exhibit) -> None:
    if shown.figure is None:
        return
    assert shown.figure.layout.xaxis.title.text
    assert isinstance(shown.figure.layout.yaxis.title.text, str)  # "" where the bars say it
    assert shown.description.endswith(".")
    assert shown.figure.data


def a_figure_carries_no_participant(drawn: str, loaded: LoadedTrial) -> None:
    subjects = loaded.dataset("dm")["USUBJID"]
    assert not [subject for subject in subjects if subject in drawn]


def every_mark_leads_to_a_list_that_is_there(shown: Exhibit) -> None:
    """The figure is drawn after the exhibit is made: what its marks lead to is there before."""
    if not shown.lists or shown.figure is None:
        return
    places = {
        place
        for trace in shown.figure.data
        for mark in (trace.customdata if trace.customdata is not None else ())
        if isinstance(place := mark[0] if isinstance(mark, list | tuple) else mark, int)
    }
    assert places <= set(range(len(shown.lists)))


def an_arm_is_named_unblinded_only(
    words: str, loaded: LoadedTrial, view: View, letters: set[str]
) -> None:
    """Pooled there are no arms; coded they are letters."""
    given = {text for arm in loaded.trial.arms.list for text in (arm.code, arm.name)}
    hidden = {View.POOLED: given | letters, View.CODED: given, View.UNBLINDED: letters}[view]
    assert not [text for text in hidden if text in words]


def it_says_by_which_method(shown: Exhibit) -> None:
    method = EXHIBITS[shown.name].method
    assert method
    assert all(note.endswith(".") for note in method)
    first = 1 if shown.footnotes[:1] == (str(EXHIBITS[shown.name].estimand),) else 0
    assert shown.missing or shown.footnotes[first : first + len(method)] == method


@pytest.fixture(scope="module", params=TWICE)
def twins(
    request: pytest.FixtureRequest, loaded: LoadedByName, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[Board]]]:
    """A store, and Boards of the same content: nothing is shared with the others."""
    original: LoadedTrial = loaded(request.param)
    # With the snapshots before it, which some exhibits compare with.
    trial = tmp_path_factory.mktemp("twin") / original.trial.id
    shutil.copytree(original.snapshot.folder.parent, trial, symlinks=True)
    snapshot = replace(original.snapshot, folder=trial / original.snapshot.folder.name)
    boards = [board_of(original, view, snapshot) for view in TWICE[request.param]]
    yield request.param, boards
    for board in boards:
        board.close()


@pytest.mark.parametrize("name", EXHIBITS)
def test_the_same_snapshot_gives_the_same_exhibit(
    made: MadeByName, drawn: DrawnByName, twins: tuple[str, list[Board]], name: str
) -> None:
    store, boards = twins
    for twin in boards:
        if EXHIBITS[name].least_view > twin.view:
            continue
        first, second = made(name, store, twin.view), make(name, twin)
        assert words_of(first, drawn(name, store, twin.view)) == words_of(second, drawn_of(second))
        assert first.as_data() == second.as_data()
        assert_frame_equal(first.rows(), second.rows(), check_exact=True)


@pytest.mark.parametrize("name", [item.name for item in offered(View.POOLED)])
def test_coded_and_unblinded_differ_in_the_names_of_the_arms_only(
    made: MadeByName, board: BoardByName, subtests: pytest.Subtests, name: str
) -> None:
    """What is shown by arm has as many arms in both; what is not, has none in either."""
    for store in (store for store, views in LOOKED_AT.items() if len(views) == len(View)):
        with subtests.test(store):
            tables = {view: made(name, store, view).rows() for view in View}
            arms = {view: set(board(store, view).arms) for view in View}
            by_arm = {
                view: sum(column.partition(" (N = ")[0] in arms[view] for column in table.columns)
                for view, table in tables.items()
            }
            assert by_arm[View.CODED] == by_arm[View.UNBLINDED]
            assert by_arm[View.POOLED] in {0, 1}


# The registry


def test_an_exhibit_is_kept_for_what_it_was_made_for(
    demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With this Board, these filters and this person; one with many rows is made again."""
    board, other = (board_of(demonstration_store, view) for view in (View.POOLED, View.CODED))
    board.subject, second = board.ask("people/all", arm=None)["subject"][:2]
    first = make("participant_events", board)
    assert make("participant_events", board) is first
    board.subject = second
    assert make("participant_events", board) is not first
    allocation = make("allocation", board)
    assert make("allocation", board) is allocation
    assert make("allocation", other) is not allocation
    overview = make("adverse_event_overview", board)
    board.choose(Filters(sexes=("F",)))
    assert make("adverse_event_overview", board).population != overview.population
    monkeypatch.setattr(exhibits.exhibit, "MOST_ROWS_KEPT", 1)
    assert make("all_events", board) is not make("all_events", board)
    board.close()
    other.close()


def test_every_exhibit_is_registered_under_its_topic_with_a_summary() -> None:
    topics = {path.stem for path in Path(exhibits.__file__).parent.iterdir()}
    for name, item in EXHIBITS.items():
        assert item.name == name
        assert item.topic in topics
        assert item.summary.endswith(".")


def test_one_function_serves_every_view() -> None:
    """The registry holds one maker a name, and each view offers that one."""
    for view in View:
        for item in offered(view):
            assert item is EXHIBITS[item.name]
            module = sys.modules[inspect.unwrap(item.make).__module__]
            assert item.make is getattr(module, item.name), (
                f"{item.name} is not the function of its module"
            )


def test_an_exhibit_below_its_least_view_is_neither_offered_nor_made(
    monkeypatch: pytest.MonkeyPatch, board: BoardByName
) -> None:
    monkeypatch.setattr(exhibits.exhibit, "EXHIBITS", dict(EXHIBITS))
    asked: list[View] = []

    @exhibits.exhibit.exhibit(page="board-safety", least_view=View.CODED)
    def only_by_arm(board: Board) -> Exhibit:
        """Something by arm."""
        asked.append(board.view)
        return Exhibit("By arm", "Randomized participants", table=pl.DataFrame({"a": [1]}))

    offering = [view for view in View if "only_by_arm" in {item.name for item in offered(view)}]
    assert offering == [View.CODED, View.UNBLINDED]
    with pytest.raises(NotInThisViewError, match=r"only_by_arm needs the coded view.*pooled"):
        make("only_by_arm", board("two arms", View.POOLED))
    assert asked == []
    assert make("only_by_arm", board("two arms", View.CODED)).provenance["view"] == "coded"


def test_there_is_no_exhibit_of_another_name(board: BoardByName) -> None:
    with pytest.raises(KeyError):
        make("no_such_exhibit", board("two arms", View.POOLED))


# What is missing is said


@pytest.mark.parametrize("name", [name for name in EXHIBITS if name.startswith("findings_")])
def test_without_findings_it_says_so(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedByName, name: str
) -> None:
    board = board_of(loaded("two arms"), View.POOLED)
    ask = board.ask

    def nothing_found(question: str, **values: object) -> pl.DataFrame:
        answer = ask(question, **values)
        if question in ("findings/totals", "findings/participants"):
            return answer.with_columns(pl.all() * 0)
        return answer.clear()

    monkeypatch.setattr(board, "ask", nothing_found)
    shown = make(name, board)
    assert shown.missing or "No finding stands." in shown.answer
    assert shown.figure is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("baseline_characteristics", "Nobody is randomized yet"),
        ("time_to_randomization", "No participant has both a date"),
        ("randomized_though_ineligible", "Nobody is randomized yet."),
    ],
)
def test_nobody_randomized_is_said(made: MadeByName, name: str, said: str) -> None:
    for view in View:
        assert said in made(name, "nobody randomized", view).missing
