"""What somebody gets who has not signed in: the sign-in, whatever address they try."""

import json
from http.client import HTTPConnection

from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from access import Role
from tests.browser.conftest import FreshServer, NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.visitor import DATA, ERRORS, EVERYBODY, MENU_LINK, PAGES, Visitor
from tests.conftest import LoadedTrial

# What a fresh server is asked for: a page as it would be called if Streamlit itself looked for the
# files.
FIRST_ADDRESS = "enrollment"
# Where files would be, if the server gave any out.
FILES = (
    "pages/board/enrollment",
    "pages/board/enrollment.py",
    "dashboard.py",
    "server.py",
    "app/static/open.duckdb",
    ".dsmb/store/nct05689008/current",
    "static/../dashboard.py",
    "%2e%2e/.dsmb/audit.log",
)
NOTHING = b""
SIGN_IN = [
    "Safety board dashboard",
    "Demonstration with simulated participants. Choose who you are.",
    *EVERYBODY,
    "nothing, drawn",
]


def drawn_elements(messages: list[ForwardMsg]) -> list[str]:
    """The text of every element the server has told the browser to draw, in order."""
    drawn = []
    for message in messages:
        kind = message.WhichOneof("type")
        assert kind != "ref_hash", "a message that was sent before cannot be in a first session"
        if kind != "delta" or message.delta.WhichOneof("type") == "add_block":
            continue
        element = message.delta.new_element
        match element.WhichOneof("type"):
            case "heading":
                drawn.append(element.heading.body)
            case "markdown":
                drawn.append(element.markdown.body)
            case "plotly_chart" if json.loads(element.plotly_chart.spec)["data"] == []:
                drawn.append("nothing, drawn")
            case "button":
                drawn.append(element.button.label)
            case other:
                drawn.append(f"{other or 'a block'}: {message}"[:500])
    return drawn


def secrets_of(loaded: LoadedTrial) -> list[str]:
    """Texts of the trial's data: participants, sites as counted, arms by every name."""
    return [
        *loaded.dataset("dm")["USUBJID"].unique().to_list(),
        *loaded.dataset("ex")["EXLOT"].drop_nulls().unique().to_list(),
        *(arm.name for arm in loaded.trial.arms.list),
        *(arm.code for arm in loaded.trial.arms.list),
        *("Arm A", "Arm B", "Site 01", str(loaded.snapshot.id), loaded.trial.study),
    ]


def shows_sign_in_only(visitor: Visitor, loaded: LoadedTrial) -> None:
    expect(visitor.page.locator(DATA)).to_have_count(0)
    expect(visitor.page.locator(MENU_LINK)).to_have_count(0)
    expect(visitor.page.locator(ERRORS)).to_have_count(0)
    assert drawn_elements(visitor.messages()) == SIGN_IN
    assert visitor.received(secrets_of(loaded)) == []


def test_a_fresh_server_answers_an_address_with_sign_in_and_nothing_else(
    fresh_server: FreshServer, new_visitor: NewVisitor, demonstration_store: LoadedTrial
) -> None:
    with fresh_server() as server:
        gives_out_no_file(server)
        visitor = new_visitor(server)
        visitor.open(FIRST_ADDRESS)
        shows_sign_in_only(visitor, demonstration_store)
        # Nobody has asked whether it is ready, so it may say that it does not know its pages yet;
        # and where there is no such page, that is rightly said.
        assert all("page that you have requested" in problem for problem in visitor.problems)
        visitor.problems.clear()
        assert server.complaints() == []


def test_a_server_that_is_ready_answers_an_address_with_sign_in_and_nothing_else(
    fresh_server: FreshServer, new_visitor: NewVisitor, demonstration_store: LoadedTrial
) -> None:
    with fresh_server() as server:
        server.get_ready()
        visitor = new_visitor(server)
        the_first_link_that_anybody_follows_leads_to_its_page(visitor, "data-checks")
        visitor.frames.clear()
        visitor.responses.clear()
        # Whoever was there before, the next one begins without a session.
        visitor.open("data-findings")
        shows_sign_in_only(visitor, demonstration_store)
        lines = visitor.page.locator("body").inner_text().splitlines()
        assert [line for line in lines if line] == ["Skip to main content", *SIGN_IN[:-1]]
        assert server.complaints() == []


def the_first_link_that_anybody_follows_leads_to_its_page(visitor: Visitor, address: str) -> None:
    visitor.sign_in(Role.DATA_MANAGER, address)
    expect(visitor.current_page()).to_contain_text(PAGES[address].menu_title)
    assert visitor.page.url == f"{visitor.server.url}/{address}"
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    assert "page_not_found" not in {kind.WhichOneof("type") for kind in visitor.messages()}


def gives_out_no_file(server: Server) -> None:
    program = fetched(server, "")
    assert b"<script" in program
    for address in FILES:
        assert fetched(server, address) in (program, NOTHING), address


def fetched(server: Server, address: str) -> bytes:
    """What the server answers to one request, its path as it stands; NOTHING if it refuses."""
    connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=30)
    connection.request("GET", f"/{address}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return body if answer.status == 200 else NOTHING
