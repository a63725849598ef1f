"""From a number to the people behind it and back, with filters and place kept."""

from playwright.sync_api import expect

from access import Role, View
from exhibits import make
from queries import Filters
from tests.browser.visitor import PAGES, Visitor
from tests.conftest import LoadedTrial, board_of


def arrives_at_a_list_of(visitor: Visitor, people: int) -> None:
    page = visitor.page
    expect(page.locator("h1")).to_have_text("Participant")
    visitor.settled()
    noun = "participant" if people == 1 else "participants"
    expect(page.get_by_text(f"1 of {people:,} {noun}", exact=True)).to_be_visible()


def goes_back(visitor: Visitor, exhibit: str) -> None:
    page = visitor.page
    page.get_by_role("button", name="Back").click()
    expect(page.locator("h1")).to_have_text("Safety")
    visitor.settled()
    expect(page.locator(f".st-key-exhibit-{exhibit}")).to_be_in_viewport()


def leaves_out_on_paper_what_is_clicked(visitor: Visitor) -> None:
    page = visitor.page
    page.emulate_media(media="print")
    expect(page.locator("[data-testid='stSidebar']")).to_be_hidden()
    expect(page.locator("button").filter(visible=True)).to_have_count(0)
    expect(page.locator(".st-key-exhibit-participant_course .main-svg").first).to_be_visible()
    page.emulate_media(media="screen")


def test_a_number_a_mark_and_a_row_lead_to_their_participants_and_back(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    page = visitor.page
    board = board_of(demonstration_store, View.POOLED)
    overview, dots = make("adverse_event_overview", board), make("adverse_event_dots", board)
    assert overview.table is not None
    assert dots.table is not None
    board.close()
    visitor.sign_in(Role.BOARD, "board-safety")
    # A number, by the keyboard.
    serious = page.locator(".st-key-people-adverse_event_overview-1 button")
    serious.focus()
    page.keyboard.press("Enter")
    arrives_at_a_list_of(visitor, overview.table["participants"][1])
    leaves_out_on_paper_what_is_clicked(visitor)
    first = page.locator("h3").filter(has_text="NCT05689008-").inner_text()
    page.get_by_role("button", name="Next").click()
    expect(
        page.get_by_text(f"2 of {overview.table['participants'][1]:,} participants")
    ).to_be_visible()
    visitor.settled()
    assert page.locator("h3").filter(has_text="NCT05689008-").inner_text() != first
    goes_back(visitor, "adverse_event_overview")
    # A mark of a picture.
    chart = page.locator(".st-key-chart-adverse_event_dots .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    chart.locator(".scatterlayer .trace .points path").first.click(force=True)
    arrives_at_a_list_of(visitor, dots.table["participants_1"][0])
    expect(page.get_by_role("heading", name=dots.table["preferred_term"][0])).to_be_visible()
    goes_back(visitor, "adverse_event_dots")
    # A mark of a picture in another tab, which is open again afterwards.
    page.get_by_role("tab", name="Onset").click()
    visitor.settled()
    chart = page.locator(".st-key-chart-adverse_event_onset .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    chart.locator(".scatterlayer .trace .points path").first.click(force=True)
    expect(page.locator("h1")).to_have_text("Participant")
    goes_back(visitor, "adverse_event_onset")


def test_filters_are_kept_from_page_to_page_and_in_the_address(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    page = visitor.page
    board = board_of(demonstration_store, View.POOLED)
    board.choose(Filters(sexes=("F",)))
    women = board.ask("people/all", arm=None).height
    board.close()
    visitor.sign_in(Role.BOARD, "board-safety?sex=F")
    frame = page.locator(".st-key-exhibit-adverse_event_overview")
    expect(frame.get_by_text(f"only women; N = {women}")).to_be_visible()
    visitor.choose(PAGES["board-enrollment"])
    expect(page.get_by_text("change nothing on this page")).to_be_visible()
    visitor.choose(PAGES["board-participant"])
    expect(page.get_by_text(f"1 of {women} participants")).to_be_visible()
    visitor.choose(PAGES["board-safety"])
    expect(frame.get_by_text(f"only women; N = {women}")).to_be_visible()
    assert "sex=F" in page.url
    page.get_by_role("button", name="Clear filters").click()
    expect(frame.get_by_text("only women")).to_have_count(0)
    visitor.settled()
    assert "sex=F" not in page.url
