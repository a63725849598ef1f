"""Signing in by a real provider: who gets in, for how long, and what ends it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from access import Role, pages_of
from access.trail import Trail, open_trail
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server, running
from tests.browser.provider import ROLE_FILE, Provider, free_port, running_provider
from tests.browser.visitor import DATA, MENU_LINK, PAGES, PATIENCE, Visitor
from tests.conftest import LoadedTrial

SIGN_IN = "Sign in with your organization's account."


class Signing:
    """A dashboard that signs in by a provider, its role file and its trail."""

    def __init__(self, server: Server, role_file: Path, trail: Trail) -> None:
        self.server, self.role_file, self.trail = server, role_file, trail

    def acts(self, subject: str) -> list[tuple[str, str, str]]:
        """Act, outcome and reason of one person, the first first."""
        rows = reversed(self.trail.select())
        return [(row.act, row.outcome, row.reason) for row in rows if row.subject == subject]


StartSigning = Callable[..., Signing]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that vouches for an hour."""
    with running_provider(tmp_path_factory.mktemp("provider") / "log") as started:
        yield started


@pytest.fixture(scope="module")
def start_signing(
    server_settings: dict[str, str],
    demonstration_store: LoadedTrial,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StartSigning]:
    """Starts a dashboard that signs in by a provider."""
    with ExitStack() as servers:

        def start(provider: Provider, **settings: str) -> Signing:
            folder = tmp_path_factory.mktemp("signing")
            role_file = folder / "roles.toml"
            role_file.write_text(ROLE_FILE, "utf-8")
            role_file.chmod(0o644)
            port = free_port()
            given = server_settings | {
                "DSMB_IDENTITY": "oidc",
                "DSMB_ROLES_FILE": str(role_file),
                "STREAMLIT_SECRETS_FILES": str(provider.secrets_for(port, folder)),
                **settings,
            }
            server = servers.enter_context(running(given, folder / "stderr", port=port))
            server.get_ready()
            trail = open_trail(given["DSMB_RECORDS_URL"], Path(given["DSMB_AUDIT_KEY_FILE"]))
            return Signing(server, role_file, trail)

        yield start


@pytest.fixture(scope="module")
def signing(start_signing: StartSigning, provider: Provider) -> Signing:
    """The dashboard of all tests that do not need one of their own."""
    return start_signing(provider)


@dataclass(frozen=True)
class RunningOut:
    """Windows that were signed in, where nobody was active and where the provider ends it."""

    idle: Page
    expired: Page
    idling: Signing


@pytest.fixture(scope="module", autouse=True)
def running_out(
    browser: Browser,
    start_signing: StartSigning,
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningOut]:
    """Begun before the first test and looked at by the last, so that nobody waits for the end."""
    log = tmp_path_factory.mktemp("brief-provider") / "log"
    with running_provider(log, token_seconds=20) as brief, ExitStack() as contexts:
        idling, expiring = start_signing(provider, DSMB_IDLE_MINUTES="0.25"), start_signing(brief)
        visitors = []
        for server in (idling.server, expiring.server):
            context = contexts.enter_context(browser.new_context(reduced_motion="reduce"))
            context.set_default_timeout(PATIENCE)
            visitors.append(Visitor(context.new_page(), server))
            at_sign_in(visitors[-1])
        idle, expired = (visitor.page for visitor in visitors)
        for page in (idle, expired):
            # Somebody whom no other test signs in.
            sign_in(page, "sam")
            expect(page.locator("h1")).to_have_text("Overview")
        yield RunningOut(idle, expired, idling)
        assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture
def page(signing: Signing, new_visitor: NewVisitor) -> Page:
    """A window at the dashboard's sign-in, all roles as they were given."""
    signing.role_file.write_text(ROLE_FILE, "utf-8")
    return at_sign_in(new_visitor(signing.server))


def at_sign_in(visitor: Visitor, address: str = "") -> Page:
    visitor.page.goto(f"{visitor.server.url}/{address}")
    expect(visitor.page.get_by_text(SIGN_IN)).to_be_visible()
    visitor.settled()
    return visitor.page


def sign_in(page: Page, subject: str) -> None:
    """Through the provider and back, as a person does."""
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name=subject, exact=True).click()


def shows_nothing(page: Page) -> None:
    expect(page.locator(DATA)).to_have_count(0)
    expect(page.locator(MENU_LINK)).to_have_count(0)


def test_a_member_signs_in_sees_the_boards_pages_and_signs_out(
    signing: Signing, page: Page
) -> None:
    """For good: nothing is behind the back button, and a kept copy of the cookie opens nothing."""
    sign_in(page, "ada")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_text("Ada", exact=True)).to_be_visible()
    titles = [PAGES[address].menu_title for address in pages_of(Role.BOARD)]
    expect(page.locator(f"{MENU_LINK} p")).to_have_text(titles)
    expect(page.locator("h1")).to_have_text("Overview")
    kept = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name=re.compile("end session", re.IGNORECASE)).click()
    expect(page.get_by_text(SIGN_IN)).to_be_visible()
    shows_nothing(page)
    acts = [act for act, _, _ in signing.acts("ada")]
    assert acts[0] == "signed in"
    assert acts[-1] == "session ended"
    page.go_back()
    page.goto(signing.server.url)
    expect(page.get_by_text(SIGN_IN)).to_be_visible()
    shows_nothing(page)
    # Signing out took the cookie away; somebody may have kept a copy of it.
    page.context.add_cookies(cast(Any, kept))
    page.goto(signing.server.url)
    expect(page.get_by_text("Sign in again.")).to_be_visible()
    shows_nothing(page)


def test_no_other_page_signs_anybody_out_and_who_is_out_is_out_at_the_server(
    signing: Signing, page: Page
) -> None:
    """A link or a picture of another site would have done; a copied cookie went on to open all."""
    sign_in(page, "ada")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    kept = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    assert "_streamlit_user=" in kept

    def logout(**headers: str) -> tuple[int, bool]:
        connection = HTTPConnection(urlsplit(signing.server.url).netloc, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", "/auth/logout", headers={"Cookie": kept} | named)
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.getheader("Set-Cookie") is not None

    for headers in (
        {"Sec_Fetch_Site": "cross-site", "Referer": f"{signing.server.url}/"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Referer": "http://stranger.example/"},
        {},
    ):
        assert logout(**headers) == (403, False)
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert logout(Sec_Fetch_Site="same-origin") == (302, True)
    # That was another browser with the same cookie; this one still has it.
    page.reload()
    expect(page.get_by_text("Sign in again.")).to_be_visible()
    shows_nothing(page)


@pytest.mark.parametrize("subject", ["eve", "two"])
def test_somebody_without_a_role_or_with_two_sees_nothing(
    signing: Signing, new_visitor: NewVisitor, subject: str
) -> None:
    visitor = new_visitor(signing.server)
    page = at_sign_in(visitor, "board-enrollment")
    sign_in(page, subject)
    expect(page.get_by_text("have no role here, or more than one")).to_be_visible()
    shows_nothing(page)
    page.goto(f"{signing.server.url}/governance-audit")
    expect(page.get_by_text("have no role here, or more than one")).to_be_visible()
    shows_nothing(page)
    assert not any(b"exhibit-" in frame for frame in visitor.frames)
    assert {(act, outcome) for act, outcome, _ in signing.acts(subject)} == {
        ("signed in", "refused")
    }


def test_a_role_that_is_taken_away_ends_the_session_though_nobody_touches_it(
    signing: Signing, page: Page
) -> None:
    sign_in(page, "ada")
    expect(page.locator("h1")).to_have_text("Overview")
    signing.role_file.write_text(ROLE_FILE.replace("dsmb-members", "dsmb-no-more"), "utf-8")
    expect(page.get_by_text("have no role here, or more than one")).to_be_visible()
    shows_nothing(page)
    signing.role_file.write_text(ROLE_FILE.replace('"board"', '"sponsor"'), "utf-8")
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("button", name="Enter the closed session")).to_have_count(0)


def test_a_sign_in_that_is_over_is_cleared_and_stays_over(running_out: RunningOut) -> None:
    """Where the provider vouches no longer, and where nobody was active."""
    for page, why in (
        (running_out.idle, "without activity. Sign in again."),
        (running_out.expired, "Your sign-in has expired."),
    ):
        expect(page.get_by_text(why).first).to_be_visible()
        shows_nothing(page)
        # Nor does a new window of the same browser undo it.
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.get_by_text(why).first).to_be_visible()
        shows_nothing(other)
    assert ("session ended", "done") in {row[:2] for row in running_out.idling.acts("sam")}
