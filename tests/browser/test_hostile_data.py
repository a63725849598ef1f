"""Hostile data in a real browser: no text of an extract runs or breaks a page.

Every page of every role, on a wide screen and as narrow as a telephone, and what can be downloaded
with it, is looked at where all is read that reaches the browser.
"""

import polars as pl
from playwright.sync_api import Position, expect

from access import Role
from data_validation.domains import DOMAINS
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.hostile_data import (
    HOSTILE,
    cells_of,
    downloads,
    hostile_frames,
    is_formula,
    stays_whole,
)
from tests.browser.visitor import PAGES
from tests.browser.whole_page import NARROW, OVERFLOWING

# Sites by whose names the findings are filtered, and where the first of them is then selected.
LOOKED_AT = ("<img", "[link]", "longword", "![image]")
FIRST_ROW: Position = {"x": 16, "y": 54}

DARK = "rgb(16, 22, 28)"


def test_no_hostile_text_runs_or_breaks_a_page_on_a_telephone_in_the_dark(
    new_visitor: NewVisitor, hostile_dashboard: Server
) -> None:
    """Where a page begins at its top, and its menu is folded."""
    visitor = new_visitor(hostile_dashboard, NARROW, "dark")
    page = visitor.page
    visitor.open()
    assert page.evaluate(OVERFLOWING) == []
    visitor.sign_in_here(Role.STATISTICIAN)
    for address in ("board-participant", "data-findings"):
        visitor.choose(PAGES[address])
        expect(page.locator("[data-testid='stApp']")).to_have_css("background-color", DARK)
        expect(page.locator("h1")).to_be_in_viewport()
        stays_whole(visitor)
    for site in LOOKED_AT:
        sites = page.get_by_label("Site", exact=True)
        sites.fill(site)
        sites.press("Enter")
        visitor.settled()
        page.locator(".st-key-finding-listing .dvn-scroller").first.click(position=FIRST_ROW)
        expect(page.get_by_text("To the site:")).to_be_visible()
        stays_whole(visitor)
        sites.press("Backspace")
        visitor.settled()


def test_what_people_write_does_not_run_either(
    new_visitor: NewVisitor, hostile_dashboard: Server
) -> None:
    """Reasons of the closed session: at whoever writes them, who confirms them, and the auditor."""
    reason = "=cmd|' /C calc'!A0 \u202e<img src=x onerror=window.hacked=1> " + "longword" * 100
    member, second, auditor = (new_visitor(hostile_dashboard) for _ in range(3))
    member.sign_in(Role.BOARD, "board-arm-balance")
    member.page.get_by_role("button", name="Enter the closed session").click()
    member.page.get_by_label("In a few words").fill(reason)
    member.page.get_by_role("button", name="Enter", exact=True).click()
    expect(member.badge()).to_contain_text("CODED")
    member.settled()
    member.page.get_by_role("button", name="Name the arms").click()
    member.page.get_by_label("Why is it necessary?").fill(reason)
    member.page.get_by_role("button", name="Ask", exact=True).click()
    expect(member.page.get_by_text("A second person has until")).to_be_visible()
    stays_whole(member)
    second.sign_in(Role.STATISTICIAN, "board-arm-balance")
    expect(second.page.get_by_text("Somebody asks for your confirmation")).to_be_visible()
    stays_whole(second)
    auditor.sign_in(Role.AUDITOR)
    expect(auditor.page.get_by_role("button", name="Download CSV")).to_be_visible()
    stays_whole(auditor)
    auditor.unfold()
    files = downloads(auditor)
    cells = set().union(*(cells_of(name, content) for name, content in files.items()))
    assert {cell for cell in cells if is_formula(cell)} == set()
    assert any(cell.startswith(f"'{reason[:9]}") for cell in cells)


def test_every_open_text_field_is_hostile_somewhere() -> None:
    """The proof is as good as its extract."""
    frames = hostile_frames()
    for domain in DOMAINS.values():
        if (frame := frames.get(domain.name.lower())) is None:
            continue
        for field in domain.open_fields:
            if field.name in {"STUDYID"} or frame.schema.get(field.name) != pl.String:
                continue
            texts = frame[field.name].drop_nulls().to_list()
            assert any(text.startswith(HOSTILE) for text in texts), (domain.name, field.name)
