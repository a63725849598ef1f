"""On the wire: nothing by arm and nothing sealed reaches the browser of a pooled session.

Every frame of the WebSocket, every response, every download and every text that appears under the
mouse is looked through, as bytes and unpacked: a table is sent compressed by a dictionary, a chart
may be sent as base64.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pyarrow as pa
import pytest
from playwright.sync_api import Locator, ViewportSize, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from access import Role, pages_of
from display.text import plain
from exhibits.export import as_xlsx, table_as_csv
from exhibits.parts.theme import in_lines
from tests.browser.accessible import serious_barriers
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.hostile_data import (
    HOSTILE,
    cells_of,
    downloads,
    is_formula,
    stays_whole,
)
from tests.browser.visitor import DRAWN_CHART, PAGES, PATIENCE, Visitor
from tests.browser.whole_page import NARROW, comes_by_a_foreign_address, fits, shows_page
from tests.conftest import BLINDED, PROVE, LoadedTrial
from tests.sent import found, key_needles, sealed_needles, texts_in, texts_of_bytes

WIDE: ViewportSize = {"width": 1920, "height": 1080}
LETTERS = ["Arm A", "Arm B"]
# Sealed texts that are usual words are looked for as a whole cell or label, not in sentences: an
# arm's name, a judgment (a term of special interest is "Device related infection").
USUAL_WORDS = {"control", "related"}
# A site's wording of an event that the trial definition has, too: CTCAE's name of a grade.
OF_THE_DEFINITION = {"anemia"}
# Who looks at a page for barriers, under the mouse and on a telephone: one of those who have it, as
# it is one page. What comes to the others is read in the same frames.
WHO_LOOKS = {
    address: role
    for role in (Role.AUDITOR, Role.DATA_MANAGER, Role.BOARD)
    for address in pages_of(role)
}
# Who is blinded, page by page, so many in one sitting that each takes a minute or two; the
# statistician's pooled pages are the board's and the data manager's.
IN_ONE_SITTING = 5
SITTINGS = [
    (role, pages_of(role)[first : first + IN_ONE_SITTING])
    for role in BLINDED
    if role is not Role.STATISTICIAN
    for first in range(0, len(pages_of(role)), IN_ONE_SITTING)
]
# Where the mouse stops, as shares of width and height: on a chart, and on a table.
ON_CHART = [(0.15, 0.3), (0.4, 0.6), (0.8, 0.6)]
ON_TABLE = [(0.3, 0.4)]
# Collects whatever appears under the mouse, however shortly.
COLLECT_HOVERED = """
window.hovered = [];
window.watcher = new MutationObserver(() => {
    for (const shown of document.querySelectorAll(
        ".hoverlayer .hovertext, [data-testid='stTooltipContent']"
    )) if (shown.textContent) window.hovered.push(shown.textContent);
});
window.watcher.observe(document, { childList: true, subtree: true, characterData: true });
"""
LARGEST_BAR = """chart => {
    const boxes = [...chart.querySelectorAll(".bars .point path")]
        .map(bar => bar.getBoundingClientRect())
        .filter(box => box.top > 0 && box.bottom < innerHeight && box.width * box.height > 0)
        .sort((one, other) => other.width * other.height - one.width * one.height);
    if (!boxes.length) return null;
    return [boxes[0].x + boxes[0].width / 2, boxes[0].y + boxes[0].height / 2];
}"""


@dataclass
class Seen:
    """What came to a browser beside frames and responses."""

    hovered: set[str] = field(default_factory=set)
    downloads: dict[str, bytes] = field(default_factory=dict)


def arms(loaded: LoadedTrial) -> list[str]:
    return [text for arm in loaded.trial.arms.list for text in (arm.code, arm.name)]


def needles(loaded: LoadedTrial) -> list[str]:
    """All that must not reach a pooled session in any case, but for letters and usual words."""
    texts = {*arms(loaded), *sealed_needles(loaded), *key_needles(loaded)}
    return sorted(text for text in texts if text.lower() not in USUAL_WORDS | OF_THE_DEFINITION)


def by_arm_or_sealed(loaded: LoadedTrial, read: Collection[str]) -> set[str]:
    """What was read that must not reach a pooled session."""
    usual = USUAL_WORDS & {text.strip().lower() for text in read}
    return found(LETTERS, read) | found(needles(loaded), read, any_case=True) | usual


def look_closely(
    visitor: Visitor, role: Role, addresses: Sequence[str], loaded: LoadedTrial
) -> Seen:
    """Every page is whole; unfold it, move the mouse over it, take every download.

    The first is shown already.

    The data is hostile, so each page also stays whole, in one of its roles as narrow as a
    telephone, too, its first two tabs, and no download holds a formula. The mouse moves over a
    page of a sitting that has something under it, and of each page the first tab is unfolded and
    its downloads are taken; in the long proof all pages and tabs.
    """
    seen = Seen()
    for address in addresses:
        visitor.page.set_viewport_size(WIDE)
        if address != addresses[0]:
            visitor.choose(PAGES[address])
        expect(visitor.page).to_have_url(f"{visitor.server.url}/{address}")
        visitor.settled()
        shows_page(visitor, address, loaded, role)
        looks = WHO_LOOKS[address] is role
        if looks:
            assert serious_barriers(visitor.page) == []
        shown: set[str] = set()
        for tab, _ in enumerate(visitor.tabs()):
            first = tab == 0
            if first or PROVE:
                visitor.unfold()
            # To draw a page anew takes longest: every second tab comes as narrow as the one before.
            came_narrow = visitor.page.viewport_size == NARROW
            if came_narrow:
                stays_whole(visitor)
                visitor.page.set_viewport_size(WIDE)
            stays_whole(visitor)
            shown |= visitor.exhibits()
            if first and looks and (PROVE or not seen.hovered):
                hover(visitor, seen, charts=role is Role.BOARD)
            if first or PROVE:
                for name, content in downloads(visitor).items():
                    seen.downloads[f"{address} {name}"] = content
            visitor.settled()
            if looks and (first or PROVE) and not came_narrow:
                visitor.page.set_viewport_size(NARROW)
                fits(visitor.page)
        assert role is not Role.BOARD or shown >= set(PAGES[address].exhibits(in_any_tab=True))
    return seen


def hover(visitor: Visitor, seen: Seen, *, charts: bool) -> None:
    """Move the mouse over the first table and chart, and what has a help text.

    What appears under it has come in a frame, which is read: here is told whether that is so.
    """
    page = visitor.page
    page.evaluate(COLLECT_HOVERED)
    for chart in page.locator(DRAWN_CHART).all()[:1] if charts else []:
        sweep(chart.locator(".nsewdrag").first, ON_CHART)
        point_at_largest_bar(chart)
    for table in page.locator("[data-testid='stDataFrame']").all()[:1]:
        sweep(table, ON_TABLE)
        # A table's own menu would hand its cells out and record nothing.
        expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    for help_text in page.locator("[data-testid='stTooltipHoverTarget']:visible").all():
        help_text.hover(force=True)
    seen.hovered |= set(page.evaluate("() => (window.watcher.disconnect(), window.hovered)"))
    page.mouse.move(0, 0)


def point_at_largest_bar(chart: Locator) -> None:
    """Where a chart has bars, move the mouse to one until its text appears: it may still move."""
    hovered = chart.locator(".hoverlayer .hovertext").first
    for _ in range(10):
        if (bar := chart.evaluate(LARGEST_BAR)) is None:
            return
        chart.page.mouse.move(0, 0)
        chart.page.mouse.move(*bar)
        try:
            hovered.wait_for(state="attached", timeout=PATIENCE / 10)
        except PlaywrightTimeoutError:
            continue
        return
    raise AssertionError("No text appears over a bar.")


def sweep(place: Locator, stops: Sequence[tuple[float, float]]) -> None:
    place.evaluate("it => it.scrollIntoView({ block: 'center' })")
    box = place.bounding_box()
    assert box is not None
    for x, y in stops:
        place.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def everything_read(visitor: Visitor, seen: Seen) -> Iterator[str]:
    """All that came, as it is and unpacked; what came more than once, once."""
    for frame in set(visitor.frames):
        yield frame.decode("latin-1")
        yield from texts_in(ForwardMsg.FromString(frame))
    for response in visitor.responses:
        yield response.url
        yield from map(": ".join, response.headers.items())
    for content in {*visitor.bodies(), *seen.downloads.values()}:
        yield content.decode("latin-1")
        yield from texts_of_bytes(content)
    yield from seen.hovered
    yield visitor.page.content()
    yield visitor.page.locator("body").inner_text()


@pytest.mark.parametrize(
    ("role", "addresses"), SITTINGS, ids=[f"{role}-{own[0]}" for role, own in SITTINGS]
)
def test_nothing_by_arm_nothing_sealed_and_nothing_that_runs_reaches_a_pooled_session(
    role: Role,
    addresses: Sequence[str],
    new_visitor: NewVisitor,
    hostile_dashboard: Server,
    hostile_store: LoadedTrial,
) -> None:
    visitor = new_visitor(hostile_dashboard, WIDE)
    if addresses[0] == pages_of(role)[0]:
        comes_by_a_foreign_address(visitor, role, hostile_store)
    else:
        visitor.sign_in(role, addresses[0])
    seen = look_closely(visitor, role, addresses, hostile_store)
    read = set(everything_read(visitor, seen))
    assert by_arm_or_sealed(hostile_store, read) == set()
    cells = {cell for name, file in seen.downloads.items() for cell in cells_of(name, file)}
    assert {cell for cell in cells if is_formula(cell)} == set()
    if role is Role.DATA_MANAGER:
        # They have all come that far, as they were or with an apostrophe in front.
        for text in HOSTILE[:6]:
            assert any(text in cell for cell in cells), text
        assert "'=cmd|' /C calc'!A0" in cells
    # The search has looked at what it is about.
    assert seen.hovered or role is not Role.BOARD
    assert seen.downloads
    assert len(found(["Safety board dashboard", "Sign out"], read)) == 2


def packed_as_table(texts: list[str]) -> bytes:
    """As `st.dataframe` may send it: each text once, compressed."""
    sink = pa.BufferOutputStream()
    table = pa.table({"text": pa.array(texts).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    message = ForwardMsg()
    message.delta.new_element.dataframe.arrow_data.data = sink.getvalue().to_pybytes()
    return bytes(message.SerializeToString())


def packed_as_chart(texts: list[str]) -> bytes:
    """As labels of a chart, in lines and escaped."""
    message = ForwardMsg()
    figure = go.Figure(go.Bar(y=[in_lines(text) for text in texts], x=np.arange(len(texts)) + 0.25))
    message.delta.new_element.plotly_chart.spec = figure.to_json()
    return bytes(message.SerializeToString())


def packed_as_text(texts: list[str]) -> bytes:
    """As a page writes what may come from an extract."""
    message = ForwardMsg()
    message.delta.new_element.markdown.body = plain("; ".join(texts))
    return bytes(message.SerializeToString())


@pytest.mark.parametrize("pack", [packed_as_table, packed_as_chart, packed_as_text])
def test_the_search_finds_everything_however_it_is_packed(
    pack: Callable[[list[str]], bytes], demonstration_store: LoadedTrial
) -> None:
    """Without this, a search that can find nothing would pass."""
    sealed = [*LETTERS, *sealed_needles(demonstration_store)]
    frame = pack(sealed)
    assert found(sealed, texts_in(ForwardMsg.FromString(frame))) == set(sealed)
    # What would be missed in the bytes as they are.
    assert found(sealed, [frame.decode("latin-1")]) != set(sealed)


def test_the_search_finds_numbers_that_a_chart_packs() -> None:
    figure = go.Figure(go.Bar(y=np.array([0.12345, 2.5])))
    assert "bdata" in figure.to_json()
    message = ForwardMsg()
    message.delta.new_element.plotly_chart.spec = figure.to_json()
    assert "0.12345" in set(texts_in(message))


def test_the_search_finds_everything_in_files(demonstration_store: LoadedTrial) -> None:
    sealed = [*LETTERS, *sealed_needles(demonstration_store)]
    table = pl.DataFrame({"text": sealed})
    for content in (table_as_csv(table).encode(), as_xlsx({"one": table})):
        assert found(sealed, texts_of_bytes(content)) == set(sealed)


def test_what_is_looked_for_is_what_the_extract_seals(demonstration_store: LoadedTrial) -> None:
    """Lots, moments of dosing, visits and terms that name it; and keys, in several writings."""
    doses = demonstration_store.dataset("ex")
    events = demonstration_store.dataset("ae")["AEDECOD"].drop_nulls()
    terms = set(demonstration_store.trial.sealed.preferred_terms) & set(events)
    moments = doses["EXSTDTC"].drop_nulls()
    expected = {
        *arms(demonstration_store),
        *doses["EXLOT"].drop_nulls(),
        *doses["VISIT"].drop_nulls(),
        *moments.filter(moments.str.len_chars() > 10),
        *terms,
    }
    assert terms
    assert len(expected) > 40
    looked_for = set(needles(demonstration_store))
    assert {
        text
        for text in expected - looked_for
        if text.lower() not in USUAL_WORDS | OF_THE_DEFINITION
    } == set()
    key = demonstration_store.keys.private.read_text().splitlines()[-1]
    assert found(key_needles(demonstration_store), [key]) != set()
    assert looked_for >= {demonstration_store.snapshot.manifest.wrapped_key}
