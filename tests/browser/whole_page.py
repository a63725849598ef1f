"""What a page has to be, whoever looks at it: whole, and within the screen."""

from playwright.sync_api import Page, ViewportSize, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from access import Role, View, pages_of
from exhibits import make
from tests.browser.visitor import DRAWN_CHART, ERRORS, MENU_LINK, PAGES, Visitor
from tests.conftest import LoadedTrial, board_of, limited_board

NARROW: ViewportSize = {"width": 400, "height": 860}
# What would need scrolling to the side, stands out beyond the right edge of the screen, or is text
# that a chart cuts off, that its toolbar covers, or that is too faint on the page.
OVERFLOWING = """() => {
    const beyond = [];
    const main = document.querySelector("[data-testid='stMain']");
    if (document.documentElement.scrollWidth > innerWidth + 1) beyond.push("the document");
    if (main.scrollWidth > main.clientWidth + 1) beyond.push("the page");
    const whole = ".js-plotly-plot, [data-testid='stDataFrame'], [data-testid='stMetric'], h1, h2";
    for (const element of main.querySelectorAll(whole)) {
        const right = element.getBoundingClientRect().right;
        if (right > innerWidth + 1) beyond.push(`${element.className} ends at ${right}`);
    }
    const luminance = (color) => {
        const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
        const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        const [red, green, blue] = parts.map(linear);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const app = document.querySelector("[data-testid='stApp']");
    const ground = luminance(getComputedStyle(app).backgroundColor);
    for (const text of main.querySelectorAll(".js-plotly-plot .main-svg text")) {
        const chart = text.closest(".js-plotly-plot");
        const { left: begin, right: end } = chart.getBoundingClientRect();
        const { left, right, top, width } = text.getBoundingClientRect();
        if (!width || !text.textContent.trim()) continue;
        if (left < begin - 1 || right > end + 1)
            beyond.push(`the chart cuts off ${text.textContent}`);
        const toolbar = chart.querySelector(".modebar")?.getBoundingClientRect();
        if (toolbar && top < toolbar.bottom && right > toolbar.left)
            beyond.push(`the toolbar covers ${text.textContent}`);
        if (text.closest(".bartext-inside, .heatmap-label")) continue;
        const drawn = luminance(getComputedStyle(text).fill);
        if ((Math.max(drawn, ground) + 0.05) / (Math.min(drawn, ground) + 0.05) < 4.5)
            beyond.push(`too faint on the page: ${text.textContent}`);
    }
    return beyond;
}"""
UNDRAWN_CHART = "[data-testid='stPlotlyChart']:not(:has(.main-svg))"


def fits(page: Page) -> None:
    """Nothing stands out, once each chart is drawn: it is drawn twice, first to measure."""
    try:
        page.wait_for_function(f"() => ({OVERFLOWING})().length === 0", polling=100)
    except PlaywrightTimeoutError:
        raise AssertionError((page.url, page.evaluate(OVERFLOWING))) from None


def comes_by_a_foreign_address(visitor: Visitor, role: Role, loaded: LoadedTrial) -> None:
    """Sign in at the address of a page that the role does not have: its first page is shown.

    Nothing of the other comes, and the menu names the role's own pages.
    """
    own = pages_of(role)
    foreign = next(address for address in PAGES if address not in own)
    visitor.sign_in(role, foreign)
    shows_page(visitor, own[0], loaded, role)
    exhibits_there = [f"exhibit-{name}" for name in PAGES[foreign].exhibits()]
    assert visitor.received([*exhibits_there, question_of(foreign)]) == []
    # A menu of one page would be no choice; there is none.
    titles = [PAGES[address].menu_title for address in own] if len(own) > 1 else []
    expect(visitor.page.locator(f"{MENU_LINK} p")).to_have_text(titles)


def shows_page(visitor: Visitor, address: str, loaded: LoadedTrial, role: Role) -> None:
    """Every exhibit of the page is there, each with its title and its picture, and no error.

    Nor is there a choice of views: nobody has one before entering the closed session.
    """
    page = visitor.page
    expect(page).to_have_url(f"{visitor.server.url}/{address}")
    expect(page.locator("h1")).to_have_count(1)
    expect(page.get_by_text(question_of(address), exact=True)).to_be_visible()
    expect(page.locator(ERRORS)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(UNDRAWN_CHART)).to_have_count(0)
    expect(page.locator("[data-testid='stSidebar']").get_by_role("radio")).to_have_count(0)
    fits(page)
    if address.startswith("governance-"):
        return
    expect(visitor.badge()).to_contain_text("POOLED")
    expect(page.get_by_text("SIMULATED PARTICIPANTS").first).to_be_visible()
    if role is Role.SPONSOR:
        board = limited_board(loaded.trial, loaded.snapshot)
    else:
        board = board_of(loaded, View.POOLED)
        # Without a choice the first of all is looked at.
        board.subject = board.ask("people/all", arm=None)["subject"][0]
    for name in PAGES[address].exhibits():
        shown = make(name, board)
        frame = page.locator(f".st-key-exhibit-{name}")
        expect(frame.get_by_text(shown.title, exact=True).first).to_be_visible()
        expect(frame.locator(DRAWN_CHART)).to_have_count(0 if shown.figure is None else 1)
    board.close()


def question_of(address: str) -> str:
    """The question that stands at the head of a page."""
    return {
        "board-overview": "Where does the trial stand, and what needs attention?",
        "board-monitoring": "Has a pre-specified rule been met?",
        "board-enrollment": "Are we on track?",
        "board-conduct": "Is it run as planned?",
        "board-safety": "Is anyone being harmed?",
        "board-participant": "What happened to this person?",
        "board-special-interest": "Allergic reactions, pulmonary embolism, and others?",
        "board-arm-balance": "Who is in the trial?",
        "board-laboratory": "Do labs or vital signs show organ harm?",
        "board-oxygenation": "Are patients' lungs getting better?",
        "board-immune": "What do the immune markers do?",
        "board-survival": "Who died, and when?",
        "data-findings": "What must be queried, and is it getting better?",
        "data-checks": "What is checked?",
        "data-intake": "What was loaded?",
        "governance-audit": "Who saw what, when, why?",
    }[address]
