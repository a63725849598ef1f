"""The closed session in the browser: letters, then names, and in an emergency one arm."""

import re

from playwright.sync_api import expect

from access import Role, View
from access.trail import Trail
from exhibits import make
from tests.browser.conftest import NewVisitor
from tests.browser.dashboard_server import Server
from tests.browser.test_on_the_wire import LETTERS, Seen, by_arm_or_sealed, everything_read
from tests.browser.visitor import Visitor
from tests.browser.whole_page import NARROW, fits
from tests.conftest import LoadedTrial, board_of


def names(loaded: LoadedTrial) -> list[str]:
    return [arm.name for arm in loaded.trial.arms.list]


def in_lines(label: str) -> re.Pattern[str]:
    """A label that a chart may have broken into lines."""
    return re.compile(r"\s*".join(re.escape(word) for word in label.split()))


def test_each_view_names_the_arms_in_its_own_way(
    new_visitor: NewVisitor, dashboard: Server, demonstration_store: LoadedTrial, trail: Trail
) -> None:
    visitor, second = new_visitor(dashboard), new_visitor(dashboard)
    visitor.sign_in(Role.BOARD, "board-arm-balance")
    arms = visitor.page.locator(".st-key-exhibit-allocation [data-testid='stMetricLabel']")
    before = trail.count()
    visitor.enter_closed_session()
    # The search that finds nothing in pooled sessions finds here what is by arm, and no more.
    coded = set(everything_read(visitor, Seen()))
    assert by_arm_or_sealed(demonstration_store, coded) == set(LETTERS)
    second.sign_in(Role.STATISTICIAN)
    # On a telephone, where no toolbar may cover what the legend calls the arms.
    visitor.page.set_viewport_size(NARROW)
    fits(visitor.page)
    # Without scrolling, on a screen that is not high.
    visitor.page.set_viewport_size({"width": 1366, "height": 768})
    for button in ("Name the arms", "Leave the closed session"):
        control = visitor.page.get_by_role("button", name=button)
        expect(control).to_be_in_viewport(ratio=1)
    visitor.name_arms(second)
    unblinded = set(everything_read(visitor, Seen()))
    assert by_arm_or_sealed(demonstration_store, unblinded) >= {"UC-MSC", "control"}
    for view, labels in (
        (View.POOLED, ["All participants"]),
        (View.CODED, LETTERS),
        (View.UNBLINDED, names(demonstration_store)),
        (View.POOLED, ["All participants"]),
    ):
        visitor.pick_view(view.word)
        expect(visitor.badge()).to_contain_text(view.name)
        expect(arms).to_have_text(labels)
        bars = visitor.page.locator(".st-key-exhibit-allocation .ytick")
        expect(bars).to_have_count(len(labels))
        for label in labels:
            expect(bars.filter(has_text=in_lines(label))).to_have_count(1)
        numbers = visitor.page.locator(".st-key-exhibit-allocation [data-testid='stMetricValue']")
        expect(numbers).to_have_text(randomized(demonstration_store, view))
    expect(visitor.page.get_by_text("Arm A")).to_have_count(0)
    rows = reversed(trail.select(limit=trail.count() - before))
    member = [row.view for row in rows if (row.act, row.role) == ("view opened", "board")]
    assert member == ["coded", "unblinded", "pooled", "coded", "unblinded", "pooled"]


def randomized(loaded: LoadedTrial, view: View) -> list[str]:
    board = board_of(loaded, view)
    counts = [number.value for number in make("allocation", board).numbers]
    board.close()
    return counts


def test_in_an_emergency_the_statistician_sees_the_arm_of_one_participant(
    visitor: Visitor, demonstration_store: LoadedTrial, trail: Trail
) -> None:
    allocation = demonstration_store.dataset("randomization").sort("USUBJID")
    participant, code = allocation.select("USUBJID", "ARMCD").row(0)
    (arm,) = [arm.name for arm in demonstration_store.trial.arms.list if arm.code == code]
    (other,) = set(names(demonstration_store)) - {arm}
    reason = "Anaphylaxis on the ward."
    visitor.sign_in(Role.STATISTICIAN)
    visitor.page.get_by_role("button", name="Emergency unblinding").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Participant").fill(participant)
    dialog.get_by_role("button", name="Unblind this participant").click()
    expect(dialog.get_by_text("Please say in a sentence")).to_be_visible()
    assert visitor.received(names(demonstration_store)) == []
    dialog.get_by_role("textbox", name="Why is it necessary?").fill(reason)
    dialog.get_by_role("button", name="Unblind this participant").click()
    expect(dialog.get_by_text(f"{participant}\n{arm}")).to_be_visible()
    expect(visitor.badge()).to_contain_text("POOLED")
    assert visitor.received([other]) == []
    done = next(row for row in trail.select() if row.act == "one participant unblinded")
    assert (done.outcome, done.resource, done.reason) == ("done", participant, reason)
