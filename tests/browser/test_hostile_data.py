"""Hostile data in a real browser: no text of an extract runs, breaks the page, or is a formula."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Position, ViewportSize, expect

from access import Role, pages_of
from data_validation.domains import DOMAINS
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server, running
from tests.browser.test_downloads import sheets_of
from tests.browser.visitor import ERRORS, PAGES, Visitor
from tests.browser.whole_page import OVERFLOWING, SIZES, UNDRAWN_CHART
from tests.conftest import CUTOFFS, DEMONSTRATION_TRIAL, KeyPair, LoadedTrial, load_frames
from trials import load_trial
from trials.simulator import simulate

HOSTILE = (
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "\"'><svg onload=window.hacked=1>",
    "<a href='javascript:window.hacked=1'>link</a><b>bold",
    "[link](javascript:window.hacked=1)",
    "![image](http://evil.invalid/x.png) http://evil.invalid/x www.example.invalid",
    "# heading\n\n| a | b |\n|---|---|\n| **c** | ~~d~~ |\n\n---\n- `e`\n",
    "$\\frac{1}{2}$ and $$\\int$$",
    ":material/delete: :red[red] :streamlit: :smile: :red-badge[badge]",
    "%{x}<br>%{customdata}<extra>more</extra> {{7*7}} ${7*7}",
    "\u202egpj.sexe\u2066 \u200b\ufeff\u2060\u200f end",
    "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u2029 controls",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.invalid","x")',
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r\n=1+1",
    "a;=1+1\t=1+1\n=1+1",
    "longword" * 625,
    "word " * 1_000,
    "\u0634\u0631\u064a\u0639 " * 40,
    "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307" * 30,
)
# What a spreadsheet begins a formula with, or drops so that the next character begins one.
BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
AS_THEY_MUST_BE = {"STUDYID", "DOMAIN", "USUBJID", "ARMCD", "ARM", "ACTARMCD", "ACTARM"}

# Sites by whose names the findings are filtered, and where the first of them is then selected.
LOOKED_AT = {True: ("<img", "[link]"), False: ("longword", "![image]")}
FIRST_ROW: Position = {"x": 16, "y": 54}

DARK = "rgb(16, 22, 28)"

# What only somebody's markup can have brought to the page.
ALIVE = """() => {
    const found = [];
    if (window.hacked !== undefined) found.push("a script ran");
    const elements = "img[src='x'], img[src*='evil.invalid'], svg[onload], iframe, .katex, "
        + "a[*|href^='javascript'], a[*|href*='evil.invalid']";
    for (const element of document.querySelectorAll(elements)) found.push(element.outerHTML);
    return found;
}"""


def hostile_frames() -> dict[str, pl.DataFrame]:
    """A simulated extract with a hostile text in every text field of every dataset.

    Every participant has a name and a site of their own. Of the other fields some rows are left as
    they are, since a hostile visit, test or disposition seals its row.
    """
    trial = load_trial(DEMONSTRATION_TRIAL)
    frames = simulate(trial, participants=2 * len(HOSTILE), seed=3, cutoff=CUTOFFS[1])
    people = frames["dm"]["USUBJID"].unique(maintain_order=True)
    assert len(people) >= len(HOSTILE)
    names = {name: f"{HOSTILE[place % len(HOSTILE)]} {name}" for place, name in enumerate(people)}
    changed = {}
    for dataset, frame in frames.items():
        text = [name for name, kind in frame.schema.items() if kind == pl.String]
        fields = [name for name in text if name not in AS_THEY_MUST_BE]
        columns = []
        for place, name in enumerate(fields):
            values = frame[name].to_list()
            first = place % max(frame.height, 1)
            for turn, row in enumerate(range(first, frame.height, 2 * len(fields))):
                values[row] = HOSTILE[(place + turn) % len(HOSTILE)]
            columns.append(pl.Series(name, values, pl.String))
        if dataset == "simulation":
            columns = []
        if dataset == "dm":
            sites = [HOSTILE[row % len(HOSTILE)] for row in range(frame.height)]
            columns.append(pl.Series("SITEID", sites, pl.String))
        hostile = frame.with_columns({column.name: column for column in columns}.values())
        if "USUBJID" in frame.columns:
            hostile = hostile.with_columns(pl.col("USUBJID").replace(names))
        changed[dataset] = hostile
    return changed


@pytest.fixture(scope="module")
def hostile_store(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """The extract, loaded."""
    folder = tmp_path_factory.mktemp("hostile")
    trial = load_trial(DEMONSTRATION_TRIAL)
    return load_frames(hostile_frames(), trial, key_pair, folder, CUTOFFS[1])


@pytest.fixture(scope="module")
def hostile_dashboard(
    hostile_store: LoadedTrial,
    server_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A server that shows it."""
    folder = tmp_path_factory.mktemp("server")
    # With records of its own: what is asked for here, nobody else has to answer.
    own = {
        "DSMB_STORE": str(hostile_store.store.root),
        "DSMB_RECORDS_URL": f"sqlite:///{folder}/records.db",
    }
    with running(server_settings | own, folder / "stderr") as server:
        server.get_ready()
        yield server
        assert server.complaints() == []


def stays_whole(visitor: Visitor) -> None:
    """Nothing runs, nothing is an error, nothing stands out to the side."""
    page = visitor.page
    visitor.settled()
    expect(page.locator(UNDRAWN_CHART)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(ERRORS)).to_have_count(0)
    assert page.evaluate(ALIVE) == []
    assert page.evaluate(OVERFLOWING) == [], page.url


def cells_of(name: str, content: bytes) -> set[str]:
    if name.endswith(".xlsx"):
        return {cell for sheet in sheets_of(content).values() for row in sheet for cell in row}
    if not name.endswith(".csv"):
        return set()
    text = content.decode("utf-8-sig")
    # A semicolon separates cells in many a country.
    return {
        cell
        for separator in ",;"
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for cell in row
    }


def is_formula(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.startswith(BEGINS_FORMULA)
    return False


def downloads(visitor: Visitor) -> dict[str, set[str]]:
    """The cells of every file that the page offers."""
    cells = {}
    for button in visitor.page.locator("[data-testid='stDownloadButton'] button").all():
        with visitor.page.expect_download() as coming:
            button.click()
        name = coming.value.suggested_filename
        cells[name] = cells_of(name, Path(coming.value.path()).read_bytes())
    return cells


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_no_hostile_text_runs_or_breaks_a_page_and_no_download_holds_a_formula(
    size: ViewportSize, new_visitor: NewVisitor, hostile_dashboard: Server
) -> None:
    """On a wide screen by day, and on a telephone in the dark, where every page has to fit, too."""
    wide = size["width"] > 1000
    visitor = new_visitor(hostile_dashboard, size, "light" if wide else "dark")
    met: set[str] = set()
    visitor.open()
    assert visitor.page.evaluate(OVERFLOWING) == []
    visitor.sign_in_here(Role.STATISTICIAN)
    for address in reversed(pages_of(Role.STATISTICIAN)):
        visitor.choose(PAGES[address])
        if not wide:
            app = visitor.page.locator("[data-testid='stApp']")
            expect(app).to_have_css("background-color", DARK)
            expect(visitor.page.locator("h1")).to_be_in_viewport()
        for _ in visitor.tabs():
            if wide:
                visitor.unfold()
            stays_whole(visitor)
            if wide:
                for name, cells in downloads(visitor).items():
                    assert {cell for cell in cells if is_formula(cell)} == set(), name
                    met |= cells
    visitor.choose(PAGES["data-findings"])
    for site in LOOKED_AT[wide]:
        sites = visitor.page.get_by_label("Site", exact=True)
        sites.fill(site)
        sites.press("Enter")
        visitor.settled()
        visitor.page.locator(".st-key-finding-listing .dvn-scroller").first.click(
            position=FIRST_ROW
        )
        expect(visitor.page.get_by_text("To the site:")).to_be_visible()
        stays_whole(visitor)
        sites.press("Backspace")
        visitor.settled()
    if wide:
        # They have all come that far, as they were or with an apostrophe in front.
        for text in HOSTILE[:6]:
            assert any(text in cell for cell in met), text
        assert "'=cmd|' /C calc'!A0" in met


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
    cells = set().union(*downloads(auditor).values())
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
