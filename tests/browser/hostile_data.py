"""An extract full of text that would run, break a page or be a formula, and what must not be."""

import csv
import io
from pathlib import Path

import polars as pl
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, expect

from simulator import simulate
from tests.browser.visitor import ERRORS, PATIENCE, Visitor
from tests.browser.whole_page import UNDRAWN_CHART, fits
from tests.conftest import CUTOFFS, DEMONSTRATION_TRIAL
from tests.sent import sheets_of
from trials import load_trial

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
    "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u2029 signs",
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


def stays_whole(visitor: Visitor) -> None:
    """Nothing runs, nothing is an error, nothing stands out to the side."""
    page = visitor.page
    visitor.settled()
    expect(page.locator(UNDRAWN_CHART)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(ERRORS)).to_have_count(0)
    assert page.evaluate(ALIVE) == []
    fits(page)


def downloads(visitor: Visitor) -> dict[str, bytes]:
    """Every file that the page offers."""
    files = {}
    for button in visitor.page.locator("[data-testid='stDownloadButton'] button").all():
        name, content = _pressed(visitor, button)
        files[name] = content
    return files


def _pressed(visitor: Visitor, button: Locator) -> tuple[str, bytes]:
    """The file behind a button, which is made when it is pressed.

    On a machine that has other work a press has been seen to bring nothing: Streamlit forgets a
    file that nobody has fetched when two runs have ended. Then it takes another press.
    """
    for left in (2, 1, 0):
        try:
            with visitor.page.expect_download(timeout=PATIENCE / 3) as coming:
                button.click()
            return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()
        except PlaywrightError:
            if not left:
                raise
    raise AssertionError("A press brings a file or an error.")


def cells_of(name: str, content: bytes) -> set[str]:
    """The cells of a file, wherever a spreadsheet may part them; none of what is no table."""
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
    """Whether a spreadsheet would run a cell."""
    try:
        float(cell)
    except ValueError:
        return cell.startswith(BEGINS_FORMULA)
    return False
