"""What each role gets in the browser: its own pages, whole, and nothing of the others'."""

import pytest
from playwright.sync_api import expect

from access import Role, View, pages_of
from exhibits import make
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.test_layout import OVERFLOWING, UNDRAWN_CHART
from tests.browser.visitor import DATA, DRAWN_CHART, ERRORS, MENU_LINK, PAGES, Visitor
from tests.conftest import LoadedTrial, board_of, limited_board


def shows_page(
    visitor: Visitor, address: str, loaded: LoadedTrial, role: Role = Role.STATISTICIAN
) -> None:
    """Every exhibit of the page is there, each with its title and its picture, and no error."""
    page = visitor.page
    expect(page).to_have_url(f"{visitor.server.url}/{address}")
    expect(page.locator("h1")).to_have_count(1)
    expect(page.get_by_text(question_of(address), exact=True)).to_be_visible()
    expect(page.locator(ERRORS)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(UNDRAWN_CHART)).to_have_count(0)
    assert page.evaluate(OVERFLOWING) == [], address
    if address.startswith("governance-"):
        return
    expect(visitor.badge()).to_contain_text("POOLED")
    expect(page.get_by_text("SIMULATED PARTICIPANTS").first).to_be_visible()
    if role is Role.SPONSOR:
        board = limited_board(loaded.trial, loaded.snapshot)
    else:
        board = board_of(loaded, View.POOLED)
    for name in PAGES[address].exhibits():
        shown = make(name, board)
        frame = page.locator(f".st-key-exhibit-{name}")
        expect(frame.get_by_text(shown.title, exact=True).first).to_be_visible()
        expect(frame.locator(DRAWN_CHART)).to_have_count(0 if shown.figure is None else 1)
    board.close()


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_its_own_pages_whole_even_where_it_asks_for_another(
    role: Role, visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    foreign = next(address for address in PAGES if address not in pages_of(role))
    visitor.sign_in(role, foreign)
    exhibits_there = [f"exhibit-{name}" for name in PAGES[foreign].exhibits()]
    shows_page(visitor, pages_of(role)[0], demonstration_store, role)
    assert visitor.received([*exhibits_there, question_of(foreign)]) == []
    views = visitor.page.locator("[data-testid='stSidebar']").get_by_role("radio")
    # A menu of one page would be no choice; there is none.
    addresses = pages_of(role) if len(pages_of(role)) > 1 else ()
    titles = [PAGES[address].menu_title for address in addresses]
    links = visitor.page.locator(f"{MENU_LINK} p")
    expect(links).to_have_text(titles)
    for address in reversed(addresses):
        visitor.choose(PAGES[address])
        shows_page(visitor, address, demonstration_store, role)
        # Nobody has a choice of views before entering the closed session.
        expect(views).to_have_count(0)


def question_of(address: str) -> str:
    """The question that stands at the head of a page."""
    return {
        "board-enrollment": "Are we on track?",
        "board-conduct": "Is it run as planned?",
        "board-arm-balance": "Who is in the trial?",
        "data-findings": "What must be queried, and is it getting better?",
        "data-checks": "What is checked?",
        "data-intake": "What was loaded?",
        "governance-audit": "Who saw what, when, why?",
    }[address]


def test_nothing_is_left_after_sign_out_not_even_behind_the_back_button(visitor: Visitor) -> None:
    visitor.sign_in(Role.BOARD, "board-enrollment")
    visitor.choose(PAGES["board-arm-balance"])
    visitor.enter_closed_session()
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.sign_in_is_shown()
    visitor.frames.clear()
    for move in (visitor.page.go_back, visitor.page.go_forward, visitor.page.reload):
        move()
        visitor.sign_in_is_shown()
        expect(visitor.page.locator(DATA)).to_have_count(0)
        expect(visitor.page.locator(MENU_LINK)).to_have_count(0)
    assert not any(b"exhibit-" in frame for frame in visitor.frames)


def test_the_next_person_in_the_same_window_starts_without_the_rights_of_the_last(
    visitor: Visitor,
) -> None:
    visitor.sign_in(Role.BOARD, "board-arm-balance")
    visitor.enter_closed_session()
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.sign_in_is_shown()
    visitor.frames.clear()
    visitor.sign_in_here(Role.SPONSOR)
    expect(visitor.badge()).to_contain_text("POOLED")
    assert visitor.received(["CODED", "Coded", "closed session"]) == []


def test_two_people_at_once_see_their_own_view_each(
    new_visitor: NewVisitor, dashboard: Server
) -> None:
    member, sponsor, late_sponsor = (new_visitor(dashboard) for _ in range(3))
    member.sign_in(Role.BOARD, "board-arm-balance")
    sponsor.sign_in(Role.SPONSOR, "board-arm-balance")
    member.enter_closed_session()
    late_sponsor.sign_in(Role.SPONSOR, "board-arm-balance")
    sponsor.choose(PAGES["board-enrollment"])
    sponsor.choose(PAGES["board-arm-balance"])
    expect(member.badge()).to_contain_text("CODED")
    for person in (sponsor, late_sponsor):
        expect(person.badge()).to_contain_text("POOLED")
        assert person.received(["Arm A", "Arm B"]) == []


def test_a_sponsors_address_that_was_tampered_with_shows_the_released_snapshot_pooled(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    earlier, released = (str(snapshot.id) for snapshot in demonstration_store.snapshots)
    asked = f"view=unblinded&pick-view=3&_wanted_view=3&role=board&snapshot={earlier}"
    visitor.sign_in(Role.SPONSOR, f"board-arm-balance?{asked}")
    expect(visitor.badge()).to_contain_text("POOLED")
    expect(visitor.page.get_by_text(f"snapshot {released}").first).to_be_visible()
    expect(visitor.page.get_by_role("radio")).to_have_count(0)
    names = [arm.name for arm in demonstration_store.trial.arms.list]
    # What is in the address was sent from here, and is no answer.
    answers = [b for b in visitor.frames if earlier.encode() in b and b"NCT05689008" in b]
    assert answers == []
    assert visitor.received(["Arm A", "Arm B", *names]) == []
