"""A person at the dashboard, without a browser: what is drawn, and every byte that is sent."""

import functools
import os
import shutil
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import ScriptRunnerEvent
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from access import View, demonstration_identities
from access.entries import command_line_actor
from access.menu import MENU
from access.policy import issue_closed_session
from access.releases import release
from access.session import Session
from access.trail import Trail, open_trail
from display.state import WINDOW_KEY, Window
from exhibits import EXHIBITS, Exhibit
from queries import Board
from queries.connections import close_idle
from snapshots import Snapshot
from tests.conftest import KeyPair, LoadedTrial, Workshop, kept_open

ROOT = Path(__file__).parents[2]


PAGES = {page.id: page.file for page in MENU.values()}
EMPTY = go.Figure().to_json()
# As at a server, scripts are compiled once.
COMPILED = ScriptCache()


# As at a server, what is installed is looked through once: each new AppTest does so again.
manifest_scanner.scan_component_manifests = functools.cache(
    manifest_scanner.scan_component_manifests
)


class Visitor:
    """One session. `sent` holds every message of the last run, those of inner reruns included."""

    def __init__(self, sent: list[ForwardMsg]) -> None:
        self.app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
        self.sent = sent

    def run(self) -> "Visitor":
        self.sent.clear()
        self.app.run()
        return self

    def sign_in(self, role: str, at: str | None = None) -> "Visitor":
        """Sign in at the start page, or at the address of another one."""
        self.run()
        if at is not None:
            self.app.switch_page(PAGES[at])
        self.app.button(key=f"sign-in-{role}").click()
        return self.run()

    def vouched_for(self, role: str) -> "Visitor":
        """Sign in as somebody whom a provider vouches for, whom it asks another time."""
        self.run()
        (person, *_) = [each for each in demonstration_identities() if each.role == role]
        self.window.session = Session(replace(person, issuer="https://provider.example"))
        return self.run()

    def open(self, address: str) -> "Visitor":
        self.app.switch_page(PAGES[address])
        return self.run()

    def enter(self, view: View) -> "Visitor":
        """The closed session, up to a view, as if it had been entered and the arms named."""
        assert self.board is not None
        self.session.closed = issue_closed_session(
            self.session.identity,
            trial=self.board.trial.id,
            snapshot=str(self.board.snapshot.id),
            view=view,
            reason="a test",
        )
        return self.run()

    def look(self, view: View) -> "Visitor":
        """Pick a view; for a comparative one, in a closed session that has it."""
        closed = self.session.closed
        if view > (closed.view if closed else View.POOLED):
            self.enter(view)
        if self.session.closed is None:
            return self.run()
        self.app.button_group(key="pick-view").set_value(view)
        return self.run()

    @property
    def window(self) -> Window:
        if WINDOW_KEY not in self.app.session_state:
            self.app.session_state[WINDOW_KEY] = Window()
        found = self.app.session_state[WINDOW_KEY]
        assert isinstance(found, Window)
        return found

    @property
    def session(self) -> Session:
        assert self.window.session is not None
        return self.window.session

    @property
    def board(self) -> Board | None:
        return self.window.board

    @property
    def bytes_sent(self) -> bytes:
        return b"\n".join(message.SerializeToString() for message in self.sent)

    @property
    def sentences(self) -> list[str]:
        """Everything that is said as an error, letter by letter."""
        assert not self.app.exception
        return [element.value.replace("\\", "").replace("\u2060", "") for element in self.app.error]

    @property
    def words(self) -> str:
        """Everything that is written in text, letter by letter."""
        kinds: list[Any] = [self.app.title, self.app.subheader, self.app.markdown, self.app.caption]
        kinds += [self.app.info, self.app.warning, self.app.error]
        text = "\n".join(str(element.value) for kind in kinds for element in kind)
        return text.replace("\\", "").replace("\u2060", "").replace("\u00a0", " ")

    @property
    def shows_numbers(self) -> bool:
        """Whether there is any chart, table or headline number."""
        # On the sign-in there is an empty one, so that the browser fetches what draws the others.
        charts = [chart for chart in self.app.get("plotly_chart") if chart.proto.spec != EMPTY]
        return bool(self.app.metric or self.app.dataframe or charts)

    @property
    def menu(self) -> set[str]:
        """The addresses of the pages that the browser was told of; the start page has none."""
        told = [message.navigation for message in self.sent if message.HasField("navigation")]
        assert told
        return {page.url_pathname for page in told[-1].app_pages} & set(PAGES)


@contextmanager
def served_at(address: str | None) -> Iterator[None]:
    """The server's address as a flag of `streamlit run` would set it."""
    before = config.get_option("server.address"), config.get_where_defined("server.address")
    config._set_option("server.address", address, "a test")
    try:
        yield
    finally:
        config._set_option("server.address", *before)


@contextmanager
def exhibits_kept(workshop: Workshop) -> Iterator[None]:
    """What was worked out of the stores that all tests share, and drawn, is there for the next.

    As it is for a Board that asks a second time: for another one with the same rights in the same
    view, under the same filters, made by the same functions. Half of a page's time is its charts.
    What looks back at an earlier snapshot is worked out by each, for it is recorded who looks.
    """
    once, back_to = Board.once, Board.back_to
    known: dict[Hashable, Any] = {}
    looking_back: list[Hashable] = []

    def noted(board: Board, snapshot: Snapshot) -> Board:
        looking_back.append(None)
        return back_to(board, snapshot)

    def once_for_all(board: Board, what: Hashable, work: Callable[[], Any], *keep: Any) -> Any:
        is_shared = board.snapshot.folder.is_relative_to(workshop.folder)
        made_by = None
        if isinstance(what, tuple) and what[0] == "exhibit":
            made_by = EXHIBITS[what[1]].make
        rights = board.view, board.grant.limited, board.grant.sealed_records, board.grant.question
        about = board.snapshot.folder, board.trial.definition, board.arms, board.filters
        key = (what, made_by, Board.ask, rights, about)
        done = known.get(key) if is_shared else None
        # What is drawn later would be drawn with a Board that is gone.
        is_later = isinstance(done, Exhibit) and done.has_figure and "figure" not in vars(done)
        if done is not None and not is_later:
            board.check()
            return done
        before = len(looking_back)
        done = once(board, what, work, *keep)
        if len(looking_back) > before or key in looking_back:
            looking_back.append(key)
        elif is_shared:
            known[key] = done
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Board, "once", once_for_all)
        patch.setattr(Board, "back_to", noted)
        yield


@pytest.fixture(scope="module", autouse=True)
def connections_kept_open(request: pytest.FixtureRequest, workshop: Workshop) -> Iterator[None]:
    """What a page shows does not depend on who asked first; where just that is tested, it does."""
    if request.path.name == "test_caches.py":
        close_idle()
        yield
        return
    with kept_open(workshop), exhibits_kept(workshop):
        yield


@pytest.fixture(scope="session")
def audit_key(key_pair: KeyPair) -> Path:
    """The key of every trail here."""
    return key_pair.audit


@pytest.fixture(autouse=True)
def main_module_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was run is no longer the main module: other tests' processes would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def records_file(tmp_path: Path, empty_records: Path) -> Path:
    """The records database of a test."""
    return Path(shutil.copy(empty_records, tmp_path / "records.db"))


@pytest.fixture
def trail(records_file: Path, audit_key: Path) -> Trail:
    """The audit trail of a test."""
    return open_trail(f"sqlite:///{records_file}", audit_key, new=True)


@pytest.fixture
def at_dashboard(
    monkeypatch: pytest.MonkeyPatch, records_file: Path, audit_key: Path, trail: Trail
) -> Iterator[Callable[[LoadedTrial], Visitor]]:
    """A new session at a dashboard that shows the store of a loaded trial."""
    for name in list(os.environ):
        if name.startswith("DSMB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DSMB_IDENTITY", "demonstration")
    monkeypatch.setenv("DSMB_RECORDS_URL", f"sqlite:///{records_file}")
    monkeypatch.setenv("DSMB_AUDIT_KEY_FILE", str(audit_key))
    monkeypatch.chdir(ROOT)
    sent: list[ForwardMsg] = []

    class Recording(LocalScriptRunner):
        def script_stopped(self) -> bool:
            # Waited for, and not asked for a thousand times in a second while a page is drawn.
            if self._script_thread is not None:
                self._script_thread.join(1)
            return bool(super().script_stopped())

        def run(self, *arguments: Any, **named: Any) -> Any:
            try:
                return super().run(*arguments, **named)
            finally:
                sent.extend(
                    data["forward_msg"]
                    for event, data in zip(self.events, self.event_data, strict=True)
                    if event == ScriptRunnerEvent.ENQUEUE_FORWARD_MSG
                )

    monkeypatch.setattr("streamlit.testing.v1.app_test.LocalScriptRunner", Recording)
    for room in ("local_script_runner", "app_test"):
        monkeypatch.setattr(f"streamlit.testing.v1.{room}.ScriptCache", lambda: COMPILED)
    visitors: list[Visitor] = []

    def come(loaded: LoadedTrial) -> Visitor:
        monkeypatch.setenv("DSMB_STORE", str(loaded.store.root))
        monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(loaded.keys.private))
        if (current := loaded.store.trial(loaded.trial.id).current_id()) is not None:
            release(
                trail,
                command_line_actor(),
                trial=loaded.trial.id,
                snapshot=str(current),
            )
        visitors.append(Visitor(sent))
        return visitors[-1]

    with served_at("127.0.0.1"):
        yield come
    for visitor in visitors:
        if visitor.board is not None:
            visitor.board.close()
