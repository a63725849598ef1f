"""Many people at once: each session is a WebSocket of its own that speaks as a browser does.

So the server is what is measured; twenty browsers on its two processors would measure themselves.
"""

import os
import random
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from time import perf_counter, sleep

import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from access import Role, pages_of
from tests.browser.dashboard_server import Server, running
from tests.browser.visitor import NAMES, PATIENCE
from tests.browser.whole_page import question_of
from tests.conftest import BLINDED

PROVE = os.environ.get("DSMB_PROVE") == "1"
SESSIONS, MOVES = (20, 20) if PROVE else (4, 2)
# Seconds for which somebody looks at a page before the next; none where only errors are looked for.
READING = (5.0, 15.0) if PROVE else (0.0, 0.0)
P95 = 2.0  # seconds
FIRST_VISITORS, STARTS = (8, 10) if PROVE else (4, 1)


@dataclass
class Session:
    """Somebody without a browser.

    Attributes:
        taken: seconds from each move to the last that the server sent of the page.
        errors: what a page showed instead of itself.
    """

    socket: ClientConnection
    pages: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    taken: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, address: str = "", button: str = "") -> str:
        """Ask for a page, or press a button; returns all text of what comes until it is whole."""
        asked = BackMsg()
        asked.rerun_script.page_script_hash = self.pages.get(address, "")
        if button:
            pressed = asked.rerun_script.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = self.buttons[button], True
        self.socket.send(asked.SerializeToString())
        texts = []
        while True:
            frame = self.socket.recv(PATIENCE / 1000, decode=False)
            message = ForwardMsg.FromString(frame)
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self.pages = {
                    item.url_pathname: item.page_script_hash
                    for item in message.navigation.app_pages
                }
            elif kind == "delta":
                element = message.delta.new_element
                shown = element.WhichOneof("type")
                texts.append(element.markdown.body + element.heading.body)
                if shown == "button":
                    self.buttons[element.button.label] = element.button.id
                elif shown == "exception":
                    self.errors.append(element.exception.message)
                elif shown == "alert" and element.alert.format == Alert.ERROR:
                    self.errors.append(element.alert.body)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return "\n".join(texts)
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise AssertionError("The script did not run.")
                texts.clear()


@contextmanager
def _connected(server: Server) -> Iterator[Session]:
    address = server.url.replace("http:", "ws:") + "/_stcore/stream"
    # A browser takes what comes while somebody reads; where a queue is full, no ping is answered.
    limits = {"max_size": None, "max_queue": None}
    with connect(address, subprotocols=["streamlit"], **limits) as socket:  # type: ignore[list-item]
        yield Session(socket)


def _walk(server: Server, role: Role, seed: int) -> Session:
    """Sign in and move through the role's pages, each time to another one."""
    chance = random.Random(seed)
    own = list(pages_of(role))
    with _connected(server) as session:
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
    with _connected(server) as session:
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
