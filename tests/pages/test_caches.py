"""Caches: people of different roles and views at one server, and nothing of one reaches another.

The pages are the same, the snapshot is the same, the process is the same: only the view differs.
"""

import os
import random
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from access import Role, View, pages_of
from tests.conftest import LoadedTrial, board_of
from tests.pages.conftest import Visitor
from tests.pages.messages import comparable
from tests.sent import found, texts_in

AtDashboard = Callable[[LoadedTrial], Visitor]

PROVE = os.environ.get("DSMB_PROVE") == "1"
ROUNDS = 500 if PROVE else 20
SEED = 20230831
# By role, the pages that it has in common with the statistician; the dearest is opened least.
SHARED = {
    Role.SPONSOR: ("board-arm-balance", "board-arm-balance", "board-enrollment"),
    Role.DATA_MANAGER: ("data-intake", "data-checks", "data-intake", "data-findings"),
}
BY_ARM = ("Arm A", "Arm B", "UC-MSC", "UCMSC")


@dataclass
class Pooled:
    """A pooled session, and what one like it was sent page by page when it was alone."""

    visitor: Visitor
    alone: dict[str, list[ForwardMsg]]


def opened(visitor: Visitor, address: str) -> list[ForwardMsg]:
    """What a session is sent for a page, the same for the same data."""
    return comparable(visitor.open(address).sent)


def alone(
    at_dashboard: AtDashboard, loaded: LoadedTrial, role: Role
) -> dict[str, list[ForwardMsg]]:
    visitor = at_dashboard(loaded).sign_in(role.value)
    addresses = pages_of(role) if PROVE else dict.fromkeys(SHARED[role])
    return {address: opened(visitor, address) for address in addresses}


@pytest.mark.timeout(1800 if PROVE else 300)
def test_nothing_of_an_unblinded_session_reaches_pooled_ones_that_take_turns_with_it(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    order = random.Random(SEED)
    sessions = {}
    for role in SHARED:
        by_itself = alone(at_dashboard, demonstration_store, role)
        sessions[role] = Pooled(at_dashboard(demonstration_store).sign_in(role.value), by_itself)
    unblinded = at_dashboard(demonstration_store).sign_in("statistician").look(View.UNBLINDED)
    told_by_arm = 0
    for _ in range(ROUNDS):
        role = order.choice(list(SHARED))
        address = order.choice(SHARED[role])
        turns = [unblinded, sessions[role].visitor]
        order.shuffle(turns)
        for visitor in turns:
            sent = opened(visitor, address)
            assert visitor.sentences == []
            if visitor is unblinded:
                assert visitor.board is not None
                assert visitor.board.view is View.UNBLINDED
                told_by_arm += b"UC-MSC" in visitor.bytes_sent
            else:
                assert not [arm for arm in BY_ARM if arm.encode() in visitor.bytes_sent]
                assert sent == sessions[role].alone[address], (role, address)
    assert told_by_arm > ROUNDS / 10, "nothing by arm was there to leak"
    for role, session in sessions.items():
        read = {text for kept in session.alone.values() for one in kept for text in texts_in(one)}
        assert found(BY_ARM, read) == set(), role


def test_a_coded_session_is_not_told_the_names_of_an_unblinded_one(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    address = "board-arm-balance"
    before = at_dashboard(demonstration_store).sign_in("board").look(View.CODED)
    by_itself = opened(before, address)
    unblinded = at_dashboard(demonstration_store).sign_in("statistician").look(View.UNBLINDED)
    assert b"UC-MSC" in unblinded.open(address).bytes_sent
    for visitor in (before, at_dashboard(demonstration_store).sign_in("board").look(View.CODED)):
        assert opened(visitor, address) == by_itself
        assert b"Arm A" in visitor.bytes_sent
        assert b"UC-MSC" not in visitor.bytes_sent


THREADS = 8
LOOKS = ROUNDS // 16
QUESTIONS = ("views/arms", "arm_balance/allocation", "enrollment/totals")


def test_boards_of_three_views_asked_at_once_answer_each_in_its_own_view(
    demonstration_store: LoadedTrial,
) -> None:
    """Two threads or three a view share its connection; each of them opens a Board of its own."""

    def answers(view: View) -> list[pl.DataFrame]:
        with closing(board_of(demonstration_store, view)) as board:
            return [board.ask(question) for question in QUESTIONS]

    expected = {view: answers(view) for view in View}
    assert len({str(answer[0].rows()) for answer in expected.values()}) == len(View)
    start = threading.Barrier(THREADS)
    met: list[tuple[View, list[pl.DataFrame]]] = []
    failed: list[BaseException] = []

    def ask(number: int) -> None:
        order = random.Random(number)
        start.wait()
        try:
            for _ in range(LOOKS):
                view = order.choice(list(View))
                met.append((view, answers(view)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(met) == THREADS * LOOKS
    assert {view for view, _ in met} == set(View)
    for view, given in met:
        for answer, wanted in zip(given, expected[view], strict=True):
            assert_frame_equal(answer, wanted, check_exact=True)
