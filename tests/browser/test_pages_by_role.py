"""What each role gets in the browser: its own pages, whole, and nothing of the others'."""

from playwright.sync_api import expect

from access import Role, pages_of
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.visitor import DATA, MENU_LINK, PAGES, Visitor
from tests.browser.whole_page import comes_by_a_foreign_address, shows_page
from tests.conftest import LoadedTrial


def test_a_role_gets_its_own_pages_whole_even_where_it_asks_for_another(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    """Who is blinded is looked at more closely where all is read that reaches the browser.

    The statistician has the pages of others, and is at all of them where the data is hostile.
    """
    role = Role.UNBLINDED_DATA_MANAGER
    comes_by_a_foreign_address(visitor, role, demonstration_store)
    for address in reversed(pages_of(role)):
        visitor.choose(PAGES[address])
        shows_page(visitor, address, demonstration_store, role)


def test_nothing_is_left_after_sign_out_for_who_comes_back_or_comes_next(
    visitor: Visitor,
) -> None:
    """Not even behind the browser's own buttons; the next person begins with their own rights."""
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
    visitor.frames.clear()
    visitor.responses.clear()
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
