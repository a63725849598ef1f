"""Somebody at a browser who looks at the dashboard, and all that reaches their browser."""

import ast
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response, WebSocket, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from access import Role, View, demonstration_identities
from access.menu import MENU
from exhibits import EXHIBITS
from tests.browser.dashboard_server import CHECKOUT, Server

# Milliseconds until what is waited for counts as missing; a busy machine is not an error.
PATIENCE = 60_000
ERRORS = "[data-testid='stException'], [data-testid='stAlertContentError']"
# On the sign-in there is an empty one, so that the browser fetches what draws the others.
DRAWN_CHART = ".js-plotly-plot:has(.main-svg):not(.st-key-prepare-charts *)"
DATA = f"{DRAWN_CHART}, [data-testid='stDataFrame'], table, [class*='st-key-exhibit-']"
SETTLED = """() => !document.querySelector("[data-stale='true']")
    && document.querySelector("[data-testid='stApp'][data-test-script-state='notRunning']")"""
# Whether the open tab is drawn and what the one before held is gone. A browser opens a tab at once:
# until the server has begun the run that draws it, nothing is stale and no script is running.
ONE_TAB_IS_DRAWN = """() => [...document.querySelectorAll("[data-testid='stTabPanel']")].every(
    (panel) => (getComputedStyle(panel).display !== "none")
        === (panel.querySelector("[data-testid='stElementContainer']") !== null)
)"""
NOT_YET_INSIDE = (
    "[data-testid='stExpander']:not(:has([data-testid='stElementContainer'])), "
    "[class*='st-key-table-']:not(:has([data-testid='stDownloadButton']))"
)
MENU_LINK = "[data-testid='stSidebarNavLink']"
# Bytes of a message that holds no table and no chart.
SHORT = 1_000
# Streamlit looks for its server below a deep link's path before it looks at the root.
HARMLESS = ("/_stcore/health", "/_stcore/host-config")
# Whoever presses for a file sees whether it comes.
MADE_WHEN_PRESSED = "/media/"


@dataclass(frozen=True)
class RegisteredPage:
    """A page as it is registered."""

    address: str
    file: str
    menu_title: str

    def exhibits(self, *, in_any_tab: bool = False) -> list[str]:
        """The names of the exhibits that the page shows in the pooled view, in reading order.

        Without `in_any_tab` those that are there for everybody, and at once.
        """
        tree = ast.parse((CHECKOUT / self.file).read_text("utf-8"))
        # What stands under a condition is not.
        whole = [part for part in tree.body if in_any_tab or not isinstance(part, ast.If)]
        return [
            str(call.args[0].value)
            for part in whole
            for call in ast.walk(part)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "show"
            and isinstance(call.args[0], ast.Constant)
            and EXHIBITS[str(call.args[0].value)].least_view is View.POOLED
        ]


PAGES = {page.id: RegisteredPage(page.id, page.file, page.title) for page in MENU.values()}
# Everybody of the demonstration, and of each role the first.
EVERYBODY = [person.name for person in demonstration_identities()]
NAMES = {person.role: person.name for person in reversed(demonstration_identities())}


@dataclass
class Visitor:
    """A page of a browser, and what came to it.

    Attributes:
        frames: what the server sent over the WebSocket, as bytes.
        responses: what the server answered otherwise.
        problems: errors on the browser's console, failed requests, requests to other machines.
    """

    page: Page
    server: Server
    frames: list[bytes] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen to everything that comes."""
        self.page.on("websocket", self._listen)
        self.page.on("response", self._take)
        self.page.on(
            "console",
            lambda message: (
                self.problems.append(message.text)
                if message.type == "error"
                and self.is_here
                and not message.location["url"].endswith(HARMLESS)
                and MADE_WHEN_PRESSED not in message.location["url"]
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on(
            "request",
            lambda request: (
                None
                if urlsplit(request.url).hostname in ("127.0.0.1", None) or not self.is_here
                else self.problems.append(f"asked for {request.url}")
            ),
        )

    @property
    def is_here(self) -> bool:
        """Whether the window is at the dashboard, and not at its provider."""
        return self.page.url.startswith(self.server.url)

    def _listen(self, socket: WebSocket) -> None:
        socket.on(
            "framereceived",
            lambda frame: self.frames.append(frame if isinstance(frame, bytes) else frame.encode()),
        )

    def _take(self, response: Response) -> None:
        # The program itself is the same for everybody.
        if not urlsplit(response.url).path.startswith("/static/"):
            self.responses.append(response)

    def open(self, path: str = "") -> None:
        """Go to an address as if it had been typed, and wait for the sign-in."""
        self.page.goto(f"{self.server.url}/{path}")
        self.sign_in_is_shown()

    def sign_in_is_shown(self) -> None:
        """Wait until there is sign-in, all of it, and nothing is being drawn any more."""
        for name in EVERYBODY:
            expect(self.page.get_by_role("button", name=name)).to_be_visible(timeout=30_000)
        self.settled()

    def sign_in(self, role: Role, path: str = "") -> None:
        """Go to an address and sign in there."""
        self.open(path)
        self.sign_in_here(role)

    def sign_in_here(self, role: Role) -> None:
        """Sign in where the sign-in is shown, and wait for the page."""
        before = len(self.frames)
        self.page.get_by_role("button", name=NAMES[role]).click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_attached(timeout=30_000)
        try:
            expect(self.page.locator("h1")).to_be_attached()
        except AssertionError as error:
            raise AssertionError(f"{error}\nThe server said last: {self.said_last()}") from None
        self.settled()
        assert not self.leaves_a_clock_behind(before)

    def said_last(self) -> list[str]:
        """What the last messages of the server were about, for whoever looks at a failure."""
        said = []
        for message in map(ForwardMsg.FromString, self.frames[-40:]):
            kind = str(message.WhichOneof("type"))
            path = list(message.metadata.delta_path)
            finished = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            said.append(f"{kind} {finished}" if kind == "script_finished" else f"{kind} {path}")
        return said

    def leaves_a_clock_behind(self, since: int) -> bool:
        """Whether a run that went to another page had drawn before what a clock draws again.

        A slow browser could ask for that with the page of before; what the other has drawn, it
        would then take away.

        Args:
            since: how many frames had come when it was the server's turn to choose the page.
        """
        page, ticks = "", False
        for frame in self.frames[since:]:
            if len(frame) > 20 * SHORT:
                continue
            message = ForwardMsg.FromString(frame)
            match message.WhichOneof("type"):
                case "auto_rerun":
                    ticks = True
                case "new_session" if not message.metadata.run.fragment_ids:
                    if ticks and message.new_session.page_script_hash != page:
                        return True
                    page = message.new_session.page_script_hash
        return False

    def settled(self) -> None:
        """Wait until the server has finished and nothing of an earlier run is left."""
        # Looked at in the page: an expectation would describe all of it each time it is not met.
        # Twenty times in a second: at each frame, the browser would draw sixty to be looked at.
        self.page.wait_for_function(SETTLED, timeout=PATIENCE, polling=50)
        # Between a run that was stopped for another one and that other one, no script is running.
        begin = monotonic()
        while self._is_interrupted():
            assert monotonic() < begin + PATIENCE / 1000, "a stopped run is not begun anew"
            self.page.wait_for_function(SETTLED, timeout=PATIENCE, polling=50)

    def _is_interrupted(self) -> bool:
        """Whether the last run that has ended was stopped for one that has not ended yet."""
        for frame in reversed(self.frames):
            # What says that a run has ended is short; a table need not be read for it.
            message = ForwardMsg.FromString(frame) if len(frame) < SHORT else None
            if message is not None and message.WhichOneof("type") == "script_finished":
                return bool(message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN)
        return False

    def choose(self, page: RegisteredPage) -> None:
        """Click a page in the menu and wait until it is drawn."""
        link = self.page.locator(MENU_LINK).filter(has_text=page.menu_title)
        # On a narrow screen the menu is folded, and covers the page when it is not.
        unfold = self.page.locator("[data-testid='stExpandSidebarButton']")
        narrow = unfold.is_visible()
        if narrow:
            try:
                unfold.click(timeout=PATIENCE / 10)
            except PlaywrightTimeoutError:
                # A page that has just been made wide unfolds it by itself.
                narrow = False
        link.click()
        # The menu marks a link at once; the address changes when the server has begun the page.
        expect(self.page).to_have_url(re.compile(rf"{self.server.url}/{page.address}(\?|$)"))
        expect(link).to_have_attribute("aria-current", "page")
        if narrow:
            self.page.locator("[data-testid='stSidebar']").hover()
            self.page.locator("[data-testid='stSidebarCollapseButton'] button").click()
        self.settled()

    def unfold(self) -> None:
        """Unfold everything that is folded, and wait until what is inside has come.

        One after the other, as a person does; and once more where nothing comes: on a busy server,
        who unfolds while the page is drawn anew asks the page of before.
        """
        for expander in self.page.locator("[data-testid='stExpander']").all():
            inside = expander.locator("[data-testid='stElementContainer']").first
            for last in (False, True):
                # At once: a real click waits until the page has come to rest from the one before.
                if expander.locator("details[open]").count() == 0:
                    expander.locator("summary").dispatch_event("click")
                    expect(expander.locator("details[open]")).to_have_count(1)
                try:
                    inside.wait_for(state="attached", timeout=PATIENCE if last else PATIENCE / 6)
                    break
                except PlaywrightTimeoutError:
                    if last:
                        raise
                    expander.locator("summary").dispatch_event("click")
                    expect(expander.locator("details[open]")).to_have_count(0)
        # What is inside is sent only once it is unfolded; last the button for the table's file.
        expect(self.page.locator(NOT_YET_INSIDE)).to_have_count(0)
        self.settled()

    def tabs(self) -> Iterator[None]:
        """Look at each tab of the page, the one that is open first; once where there are none."""
        tabs = self.page.locator("[data-testid='stTabs'] [role='tab']")
        yield
        for place in range(1, tabs.count()):
            self._open_tab(tabs.nth(place))
            try:
                self.page.wait_for_function(ONE_TAB_IS_DRAWN, timeout=PATIENCE / 3, polling=50)
            except PlaywrightTimeoutError:
                # Who opens a tab while the page is drawn anew asks the page of before.
                self._open_tab(tabs.nth(place - 1))
                self._open_tab(tabs.nth(place))
                self.page.wait_for_function(ONE_TAB_IS_DRAWN, timeout=PATIENCE, polling=50)
            self.settled()
            yield

    def _open_tab(self, tab: Locator) -> None:
        """By the mouse; by the keyboard where the row of tabs does not hold still."""
        try:
            tab.click(timeout=PATIENCE / 6)
        except PlaywrightTimeoutError:
            tab.press("Enter")
        expect(tab).to_have_attribute("aria-selected", "true")

    def enter_closed_session(self) -> None:
        """Enter the closed session and wait until the coded view is shown."""
        self.page.get_by_role("button", name="Enter the closed session").click()
        self.page.get_by_label("In a few words").fill("a test")
        self.page.get_by_role("button", name="Enter", exact=True).click()
        expect(self.badge()).to_contain_text("CODED")
        self.settled()

    def name_arms(self, second: "Visitor") -> None:
        """In the closed session, ask that the arms be named, and have a second person confirm."""
        reason = f"a test of it, {secrets.token_hex(4)}"
        self.page.get_by_role("button", name="Name the arms").click()
        self.page.get_by_label("Why is it necessary?").fill(reason)
        self.page.get_by_role("button", name="Ask", exact=True).click()
        expect(self.page.get_by_text("A second person has until")).to_be_visible()
        # Others may have asked, too.
        asked = second.page.locator("[class*='st-key-request-']").filter(has_text=reason)
        asked.get_by_role("button", name="Confirm").click()
        expect(self.badge()).to_contain_text("UNBLINDED")
        self.settled()

    def pick_view(self, word: str) -> None:
        """Pick a view of those that are open to this session, and wait until it is shown."""
        self.page.get_by_role("radio", name=word.capitalize()).click()
        expect(self.badge()).to_contain_text(word.upper())
        self.settled()

    def badge(self) -> Locator:
        """The badge that says which view is shown."""
        return self.page.locator(".stMarkdownBadge:visible").first

    def exhibits(self) -> set[str]:
        """The names of the exhibits that are on the page."""
        there = self.page.locator("[class*='st-key-exhibit-']")
        classes = there.evaluate_all("items => items.flatMap(item => [...item.classList])")
        begin = "st-key-exhibit-"
        return {name.removeprefix(begin) for name in classes if name.startswith(begin)}

    def current_page(self) -> Locator:
        """The page that the menu marks as the one shown."""
        return self.page.locator(f"{MENU_LINK}[aria-current='page']")

    def messages(self) -> list[ForwardMsg]:
        """The frames, as Streamlit reads them."""
        return [ForwardMsg.FromString(frame) for frame in self.frames]

    def bodies(self) -> list[bytes]:
        """What the responses held. A download is in none: whoever clicks it has it."""
        return [_body(response) for response in self.responses]

    def received(self, needles: Iterable[str]) -> list[str]:
        """Which of some texts have reached this browser, in whatever way."""
        heaps = [*self.frames, *self.bodies(), self.page.content().encode()]
        return [needle for needle in needles if any(needle.encode() in heap for heap in heaps)]


def _body(response: Response) -> bytes:
    if response.status in (204, 301, 302, 303, 304, 307, 308) or response.request.method == "HEAD":
        return b""
    if "attachment" in response.headers.get("content-disposition", ""):
        return b""
    return response.body()
