"""What can be taken away: the files have their names, and the numbers that the page has."""

from pathlib import Path

import polars as pl
from playwright.sync_api import Download, Locator

from access import Role, View
from exhibits import make
from exhibits.export import as_csv
from tests.browser.visitor import PAGES, Visitor
from tests.conftest import LoadedTrial, board_of
from tests.sent import sheets_of


def downloaded(visitor: Visitor, button: Locator) -> Download:
    with visitor.page.expect_download() as coming:
        button.click()
    return coming.value


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def test_an_exhibits_csv_holds_what_the_exhibit_holds(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    visitor.sign_in(Role.BOARD, "board-arm-balance")
    for view in (View.POOLED, View.CODED):
        if view is View.CODED:
            visitor.enter_closed_session()
        frame = visitor.page.locator(".st-key-exhibit-allocation")
        if frame.locator("details[open]").count() == 0:
            frame.locator("summary").click()
        taken = downloaded(visitor, frame.get_by_role("button", name="Download CSV"))
        snapshot = demonstration_store.snapshot.id
        assert taken.suggested_filename == f"allocation-{snapshot}-{view.word}.csv"
        board = board_of(demonstration_store, view)
        expected = as_csv(make("allocation", board))
        board.close()
        assert content(taken).decode("utf-8-sig") == expected
        shown = frame.locator("[data-testid='stMetricValue']").all_inner_texts()
        in_file = pl.read_csv(content(taken))["randomized"].to_list()
        assert [f"{number:,}" for number in in_file] == shown


def test_the_query_list_is_the_same_as_csv_and_as_a_workbook_with_a_sheet_for_each_site(
    visitor: Visitor, demonstration_store: LoadedTrial
) -> None:
    visitor.sign_in(Role.DATA_MANAGER, "data-findings")
    button = visitor.page.get_by_role("button", name="Query list as")
    workbook = downloaded(visitor, button.filter(has_text="Excel"))
    text = downloaded(visitor, button.filter(has_text="CSV"))
    name = f"queries-{demonstration_store.snapshot.id}"
    assert workbook.suggested_filename == f"{name}.xlsx"
    assert text.suggested_filename == f"{name}.csv"
    lines = pl.read_csv(content(text), infer_schema=False)
    assert lines.height > 0
    sheets = sheets_of(content(workbook))
    by_site = lines.partition_by("site", as_dict=True, maintain_order=True)
    assert list(sheets) == [site for (site,) in by_site]
    for (site,), part in by_site.items():
        rows = [part.columns, *([cell or "" for cell in row] for row in part.rows())]
        assert sheets[str(site)] == rows
    # Leaving a page and coming back does not lose the download.
    visitor.choose(PAGES["data-checks"])
    visitor.choose(PAGES["data-findings"])
    again = downloaded(visitor, button.filter(has_text="CSV"))
    assert content(again) == content(text)
    assert content(again).startswith("\N{BYTE ORDER MARK}site,".encode())
