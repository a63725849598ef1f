"""Shared connections: one for a snapshot in a view, and none with sealed data left over."""

import gc
import threading
from collections.abc import Iterator

import polars as pl
import pytest

from access import Action, Denied, Role, View, decide
from access.identity import Identity
from access.policy import issue_closed_session
from queries import Board, BoardError, connections, open_board
from queries.connections import (
    ANSWERS_KEPT,
    IDLE_KEPT,
    ROWS_KEPT,
    Answers,
    lease,
    open_connections,
)
from tests.queries.conftest import Loaded


class Connection:
    """What is shared: it knows whether it is closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is open at first; what other tests of this process have open stays so."""
    gc.collect()
    open_connections()  # takes back what was collected
    monkeypatch.setattr(connections, "_shared", {})
    yield
    gc.collect()
    connections.close_idle()
    assert open_connections() == []


def comparative() -> int:
    return sum("pooled" not in key for key in open_connections() if isinstance(key, tuple))


def test_boards_of_one_view_share_a_connection_which_the_last_one_closes(
    simulated: Loaded,
) -> None:
    first, second = simulated.board(View.CODED), simulated.board(View.CODED)
    other = simulated.board(View.UNBLINDED)
    assert first._connection is second._connection
    assert first._connection is not other._connection
    assert comparative() == 2
    first.close()
    first.close()
    with pytest.raises(BoardError, match="was left"):
        first.ask("arm_balance/allocation")
    assert second.ask("arm_balance/allocation").height == 2
    second.close()
    assert comparative() == 1
    other.close()
    assert comparative() == 0


def test_a_board_that_is_dropped_without_a_word_gives_its_connection_back(
    simulated: Loaded,
) -> None:
    board: Board | None = simulated.board(View.UNBLINDED)
    assert board is not None
    assert comparative() == 1
    board = None
    gc.collect()
    assert comparative() == 0


def test_a_right_that_ends_closes_the_connection_at_the_next_question(simulated: Loaded) -> None:
    still = [True]
    of = {"trial": simulated.trial.id, "snapshot": str(simulated.snapshot.id)}
    person = Identity("provider", "4711", "Member", Role.BOARD)
    grant = decide(
        person,
        Action.OPEN_VIEW,
        trial=of["trial"],
        snapshot=of["snapshot"],
        view=View.CODED,
        closed=issue_closed_session(
            person, trial=of["trial"], snapshot=of["snapshot"], view=View.CODED, reason="a test"
        ),
        holds=lambda: still[0],
    )
    assert grant is not None
    board = open_board(simulated.trial, simulated.snapshot, grant, simulated.private_key)
    board.ask("arm_balance/allocation")
    still[0] = False
    with pytest.raises(Denied, match="has ended"):
        board.ask("arm_balance/allocation")
    assert comparative() == 0


def test_whoever_has_another_key_file_does_not_share(simulated: Loaded) -> None:
    board = simulated.board(View.CODED)
    with pytest.raises(Exception, match="DSMB_BOARD_PRIVATE_KEY_FILE"):
        open_board(simulated.trial, simulated.snapshot, simulated.grant(View.CODED), None)
    board.close()


def test_idle_pooled_connections_are_kept_up_to_a_few() -> None:
    made = [Connection() for _ in range(IDLE_KEPT + 3)]
    for place, connection in enumerate(made):
        lease(("kept", place), lambda c=connection: c, keep=True).close()  # type: ignore[misc]
    assert [connection.closed for connection in made] == [True] * 2 + [False] * (IDLE_KEPT + 1)
    again = lease(("kept", len(made) - 1), Connection, keep=True)  # type: ignore[arg-type]
    assert id(again.connection) == id(made[-1])
    again.close()


def test_many_threads_open_one_connection_and_leave_none() -> None:
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(Connection())
        return opened[-1]

    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        for _ in range(200):
            held = lease("busy", open_one, keep=False)  # type: ignore[arg-type]
            assert not held.connection.closed  # type: ignore[attr-defined]
            held.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "busy" not in open_connections()
    assert all(connection.closed for connection in opened)


def test_the_last_short_answers_are_kept() -> None:
    answers = Answers()
    for place in range(ANSWERS_KEPT + 1):
        answers.keep(place, pl.DataFrame({"place": [place]}))
    answers.keep("long", pl.DataFrame({"row": range(ROWS_KEPT + 1)}))
    assert len(answers) == ANSWERS_KEPT
    assert answers.get(0) is None
    assert answers.get("long") is None
    last = answers.get(ANSWERS_KEPT)
    assert last is not None
    assert last.item() == ANSWERS_KEPT


def test_answers_are_kept_with_their_connection_where_it_may_stay_open() -> None:
    """The next user of one that may not stay open begins with none."""
    for keep in (True, False):
        first = lease(("kept", keep), Connection, keep=keep)  # type: ignore[arg-type]
        second = lease(("kept", keep), Connection, keep=keep)  # type: ignore[arg-type]
        first.answers.keep("asked", pl.DataFrame({"answer": [1]}))
        assert len(second.answers) == keep
        first.close()
        assert len(first.answers) == 0
        second.close()
        third = lease(("kept", keep), Connection, keep=keep)  # type: ignore[arg-type]
        assert len(third.answers) == keep
        third.close()
