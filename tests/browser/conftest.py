"""A browser, a dashboard that shows the demonstration, and visitors to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.chromium import launched
from tests.browser.dashboard_server import Server, running
from tests.browser.visitor import PATIENCE, Visitor
from tests.conftest import LoadedTrial

WIDE: ViewportSize = {"width": 1600, "height": 1000}

FreshServer = Callable[[], AbstractContextManager[Server]]

expect.set_options(timeout=PATIENCE)


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
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the dashboard records comparative looks."""
    return tmp_path_factory.mktemp("audit") / "audit.log"


@pytest.fixture(scope="session")
def fresh_server(
    demonstration_store: LoadedTrial, tmp_path_factory: pytest.TempPathFactory, audit_log: Path
) -> FreshServer:
    """Starts a server that nobody has visited yet."""
    settings = {
        "DSMB_STORE": str(demonstration_store.store.root),
        "DSMB_BOARD_PUBLIC_KEY_FILE": str(demonstration_store.keys.public),
        "DSMB_BOARD_PRIVATE_KEY_FILE": str(demonstration_store.keys.private),
        "DSMB_AUDIT_LOG": str(audit_log),
        "DSMB_IDENTITY": "demonstration",
    }
    return lambda: running(settings, tmp_path_factory.mktemp("server") / "stderr")


@pytest.fixture(scope="session")
def dashboard(fresh_server: FreshServer) -> Iterator[Server]:
    """The server of all tests that do not need one of their own."""
    with fresh_server() as server:
        server.get_ready()
        yield server
        assert server.complaints() == []


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[NewVisitor]:
    """Opens browser windows; what goes wrong in any of them fails the test."""
    with ExitStack() as windows:
        visitors = []

        def open_window(
            server: Server,
            size: ViewportSize = WIDE,
            color_scheme: Literal["light", "dark"] = "light",
        ) -> Visitor:
            context = browser.new_context(viewport=size, color_scheme=color_scheme)
            windows.callback(context.close)
            context.set_default_timeout(PATIENCE)
            visitors.append(Visitor(context.new_page(), server))
            return visitors[-1]

        yield open_window
        assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor, dashboard: Server) -> Visitor:
    """Somebody at a wide screen who has not gone anywhere yet."""
    return new_visitor(dashboard)
