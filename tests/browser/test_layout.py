"""Screens and hands: a telephone in the dark, and nothing but the keyboard.

That every page fits a wide screen is looked at where the pages of each role are.
"""

from playwright.sync_api import Page, expect

from access import Role, pages_of
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.visitor import EVERYBODY, MENU_LINK, NAMES, PAGES, Visitor
from tests.browser.whole_page import OVERFLOWING, SIZES, UNDRAWN_CHART

DARK = "rgb(16, 22, 28)"

FOCUSED = """() => {
    const element = document.activeElement;
    if (!element.matches("a, button, input, [role='radio']")) return element.tagName;
    const label = element.closest("label");
    return element.getAttribute("aria-label") || element.innerText || (label && label.innerText)
        || element.tagName;
}"""


def test_every_page_fits_a_telephone_in_the_dark(
    new_visitor: NewVisitor, dashboard: Server
) -> None:
    visitor = new_visitor(dashboard, SIZES["narrow"], "dark")
    visitor.open()
    assert visitor.page.evaluate(OVERFLOWING) == []
    visitor.sign_in_here(Role.STATISTICIAN)
    for address in reversed(pages_of(Role.STATISTICIAN)):
        visitor.choose(PAGES[address])
        expect(visitor.page.locator("[data-testid='stApp']")).to_have_css("background-color", DARK)
        expect(visitor.page.locator("h1")).to_be_in_viewport()
        expect(visitor.page.locator(UNDRAWN_CHART)).to_have_count(0)
        assert visitor.page.evaluate(OVERFLOWING) == [], address


def tab_to(page: Page, text: str, most: int = 100) -> None:
    """Press Tab until what has the focus says `text`."""
    met = []
    for _ in range(most):
        page.keyboard.press("Tab")
        met.append(page.evaluate(FOCUSED))
        if text in met[-1]:
            return
    raise AssertionError(f"Tab does not reach {text!r}; it met {met}")


def test_the_keyboard_alone_signs_in_moves_and_signs_out(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open()
    for name in EVERYBODY:
        tab_to(page, name)
    page.reload()
    visitor.sign_in_is_shown()
    tab_to(page, NAMES[Role.BOARD])
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.server.url}/board-enrollment")
    expect(page.locator(MENU_LINK)).to_have_count(len(pages_of(Role.BOARD)))
    visitor.settled()
    tab_to(page, PAGES["board-arm-balance"].menu_title)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.server.url}/board-arm-balance")
    expect(visitor.current_page()).to_contain_text(PAGES["board-arm-balance"].menu_title)
    visitor.settled()
    tab_to(page, "Enter the closed session")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.settled()
    tab_to(page, "In a few words")
    page.keyboard.type("a test")
    tab_to(page, "Enter")
    page.keyboard.press("Enter")
    expect(visitor.badge()).to_contain_text("CODED")
    visitor.settled()
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    visitor.sign_in_is_shown()
