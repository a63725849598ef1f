"""Many people at once, without browsers: twenty on two processors would measure themselves."""

import os
import random
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import perf_counter, sleep

import pytest

from access import Role, pages_of
from tests.browser.dashboard_server import Server, running
from tests.browser.socket_client import Session, connected
from tests.browser.visitor import NAMES
from tests.browser.whole_page import question_of
from tests.conftest import BLINDED

PROVE = os.environ.get("DSMB_PROVE") == "1"
SESSIONS, MOVES = (20, 20) if PROVE else (4, 2)
# Seconds for which somebody looks at a page before the next; none where only errors are looked for.
READING = (5.0, 15.0) if PROVE else (0.0, 0.0)
P95 = 2.0  # seconds
FIRST_VISITORS, STARTS = (8, 10) if PROVE else (4, 1)


def _walk(server: Server, role: Role, seed: int) -> Session:
    """Sign in and move through the role's pages, each time to another one."""
    chance = random.Random(seed)
    own = list(pages_of(role))
    with connected(server) as session:
        session.run()
        session.run(button=NAMES[role])
        here = own[0]
        for _ in range(MOVES):
            sleep(chance.uniform(*READING))
            here = chance.choice([page for page in own if page != here] or own)
            start = perf_counter()
            text = session.run(here)
            session.taken.append(perf_counter() - start)
            assert question_of(here) in text.replace("\\", ""), (role, here)
    return session


@pytest.mark.timeout(1200)
def test_many_people_at_once_each_get_their_pages_and_soon(dashboard: Server) -> None:
    """Twenty in the long proof, where also is told how long they wait; four here."""
    roles = [BLINDED[place % len(BLINDED)] for place in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS) as people:
        sessions = list(people.map(_walk, [dashboard] * SESSIONS, roles, range(SESSIONS)))
    assert [error for session in sessions for error in session.errors] == []
    taken = [seconds for session in sessions for seconds in session.taken]
    assert len(taken) == SESSIONS * MOVES
    if PROVE:
        *_, p95 = statistics.quantiles(taken, n=20)
        print(
            f"{SESSIONS} sessions, {len(taken)} moves: p95 {p95:.2f} s, longest {max(taken):.2f} s"
        )
        assert p95 <= P95


def _first_visit(server: Server, together: Barrier) -> Session:
    """Come at the same moment as the others, sign in, and look at the first page."""
    with connected(server) as session:
        together.wait()
        session.run()
        text = session.run(button=NAMES[Role.BOARD])
        assert question_of("board-overview") in text.replace("\\", "")
    return session


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("start", range(STARTS))
def test_the_first_visitors_of_a_server_may_come_together(
    server_settings: dict[str, str], tmp_path: Path, start: int
) -> None:
    """Nobody has asked it anything, not even whether it is ready, so all import at once."""
    together = Barrier(FIRST_VISITORS)
    with (
        running(server_settings, tmp_path / "stderr") as server,
        ThreadPoolExecutor(FIRST_VISITORS) as people,
    ):
        visits = [people.submit(_first_visit, server, together) for _ in range(FIRST_VISITORS)]
        assert [error for visit in visits for error in visit.result().errors] == []
        assert server.complaints() == []
