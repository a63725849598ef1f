"""Hands: nothing but the keyboard.

That every page fits its screen, wide or narrow, is looked at where the pages of each role are and
where the data is hostile.
"""

from playwright.sync_api import Page, expect

from access import Role, pages_of
from tests.browser.visitor import EVERYBODY, MENU_LINK, NAMES, PAGES, Visitor

FOCUSED = """() => {
    const element = document.activeElement;
    if (!element.matches("a, button, input, [role='radio']")) return element.tagName;
    const label = element.closest("label");
    return element.getAttribute("aria-label") || element.innerText || (label && label.innerText)
        || element.tagName;
}"""


def tab_to(page: Page, text: str, within: str = "body", most: int = 100) -> None:
    """Press Tab until what has the focus says `text`."""
    met = []
    for _ in range(most):
        page.keyboard.press("Tab")
        met.append(page.evaluate(FOCUSED))
        if text in met[-1] and page.locator(f"{within} :focus").count():
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
    expect(page).to_have_url(f"{visitor.server.url}/board-overview")
    expect(page.locator(MENU_LINK)).to_have_count(len(pages_of(Role.BOARD)))
    visitor.settled()
    safety = PAGES["board-safety"]
    tab_to(page, safety.menu_title, "[data-testid='stMain']")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.server.url}/{safety.address}")
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
