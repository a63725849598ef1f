"""A browser, a dashboard that shows the demonstration, and visitors to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect

from access.entries import command_line_actor
from access.releases import release
from access.trail import Trail, open_trail
from tests.browser.chromium import launched
from tests.browser.dashboard_server import Server, running
from tests.browser.hostile_data import hostile_frames
from tests.browser.visitor import PATIENCE, Visitor
from tests.conftest import (
    CUTOFFS,
    DEMONSTRATION_TRIAL,
    KeyPair,
    LoadedTrial,
    Workshop,
    load_frames,
)
from trials import load_trial

HERE = Path(__file__).parent
WIDE: ViewportSize = {"width": 1600, "height": 1000}

FreshServer = Callable[[], AbstractContextManager[Server]]

expect.set_options(timeout=PATIENCE)

# Seconds for a test with a browser, on a machine of a third of the speed and with other work.
LONGEST = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of this folder its time, unless it says how long it may take."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONGEST))


class NewVisitor(Protocol):
    """Opens a browser window of its own on a server."""

    def __call__(
        self,
        server: Server,
        size: ViewportSize = WIDE,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Visitor:
        """A visitor who has not gone anywhere yet."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; where there is none, the tests fail."""
    with launched() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def people() -> list[BrowserContext]:
    """The browsers of whoever comes first, second, third in a test.

    What they have fetched of the program they keep: that is the same for everybody.
    """
    return []


def released(loaded: LoadedTrial, trail: Trail) -> None:
    """Release the current snapshot to the sponsor."""
    snapshot = str(loaded.snapshot.id)
    release(trail, command_line_actor(), trial=loaded.trial.id, snapshot=snapshot)


@pytest.fixture(scope="session")
def server_settings(
    demonstration_store: LoadedTrial, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The demonstration, its current snapshot released to the sponsor."""
    folder = tmp_path_factory.mktemp("records")
    key_file, url = demonstration_store.keys.audit, f"sqlite:///{folder}/records.db"
    released(demonstration_store, open_trail(url, key_file, new=True))
    return {
        "DSMB_STORE": str(demonstration_store.store.root),
        "DSMB_BOARD_PUBLIC_KEY_FILE": str(demonstration_store.keys.public),
        "DSMB_BOARD_PRIVATE_KEY_FILE": str(demonstration_store.keys.private),
        "DSMB_RECORDS_URL": url,
        "DSMB_AUDIT_KEY_FILE": str(key_file),
        "DSMB_IDENTITY": "demonstration",
    }


@pytest.fixture(scope="session")
def trail(server_settings: dict[str, str]) -> Trail:
    """What the dashboards of these tests record."""
    key_file = Path(server_settings["DSMB_AUDIT_KEY_FILE"])
    return open_trail(server_settings["DSMB_RECORDS_URL"], key_file, new=True)


@pytest.fixture(scope="session")
def fresh_server(
    server_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> FreshServer:
    """Starts a server that nobody has visited yet."""
    return lambda: running(server_settings, tmp_path_factory.mktemp("server") / "stderr")


@pytest.fixture(scope="session")
def dashboard(fresh_server: FreshServer) -> Iterator[Server]:
    """The server of all tests that do not need one of their own."""
    with fresh_server() as server:
        server.get_ready()
        yield server
        assert server.complaints() == []


@pytest.fixture(scope="session")
def hostile_store(workshop: Workshop, key_pair: KeyPair) -> LoadedTrial:
    """A trial with hostile text wherever an extract has text, and a snapshot before it."""
    trial = load_trial(DEMONSTRATION_TRIAL)

    def loaded(folder: Path) -> LoadedTrial:
        for cutoff in CUTOFFS:
            frames = hostile_frames()
            last = load_frames(frames, trial, key_pair, folder, cutoff, checked=True)
        return last

    return workshop.make("hostile", loaded)


@pytest.fixture(scope="session")
def hostile_dashboard(
    hostile_store: LoadedTrial,
    server_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A server that shows it, the snapshot released to the sponsor."""
    folder = tmp_path_factory.mktemp("server")
    # With records of its own: what is asked for here, nobody else has to answer.
    own = {
        "DSMB_STORE": str(hostile_store.store.root),
        "DSMB_RECORDS_URL": f"sqlite:///{folder}/records.db",
    }
    key_file = Path(server_settings["DSMB_AUDIT_KEY_FILE"])
    released(hostile_store, open_trail(own["DSMB_RECORDS_URL"], key_file, new=True))
    with running(server_settings | own, folder / "stderr") as server:
        server.get_ready()
        yield server
        assert server.complaints() == []


@pytest.fixture
def new_visitor(browser: Browser, people: list[BrowserContext]) -> Iterator[NewVisitor]:
    """Opens a browser for each visitor; what goes wrong in any of them fails the test."""
    visitors: list[Visitor] = []

    def open_window(
        server: Server,
        size: ViewportSize = WIDE,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Visitor:
        if len(visitors) == len(people):
            people.append(browser.new_context(reduced_motion="reduce"))
        page = people[len(visitors)].new_page()
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=color_scheme)
        visitors.append(Visitor(page, server))
        return visitors[-1]

    yield open_window
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for context in people:
        for page in context.pages:
            if page.url.startswith("http:"):
                page.evaluate("localStorage.clear(); sessionStorage.clear()")
            page.close()
        context.clear_cookies()
    assert problems == []


@pytest.fixture
def visitor(new_visitor: NewVisitor, dashboard: Server) -> Visitor:
    """Somebody at a wide screen who has not gone anywhere yet."""
    return new_visitor(dashboard)
