"""Every page for every role in every view: who sees it, what it says, and what it must not tell."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from polars import selectors
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

import access.late
import access.policy
import exhibits
from access import Role, View, demonstration_identities, pages_of, views_of
from access.closed_session import Requests
from access.entries import Entry
from access.late import late
from access.trail import Trail
from display.exhibit import MOST_ROWS
from display.lists import looked_at
from display.state import VIEW_KEY
from exhibits import EXHIBITS, make
from queries import Board, Filters
from queries.board import NOT_RECORDS
from snapshots import SEALED
from tests.conftest import (
    BLINDED,
    HOSTILE,
    PROVE,
    LoadedTrial,
    Troubled,
    board_of,
    clock_of,
)
from tests.pages.conftest import PAGES, ROOT, Visitor, served_at
from version import VERSION

AtDashboard = Callable[[LoadedTrial], Visitor]

SIGN_IN_BUTTONS = {f"sign-in-{person.subject}" for person in demonstration_identities()}
FILES = sorted((ROOT / "pages").rglob("*.py"))


def badges(visitor: Visitor) -> list[str]:
    """The badges at the head of a page, without color and icon."""
    return [
        found[1]
        for element in visitor.app.markdown
        if (found := re.fullmatch(r":\w+-badge\[:material/\w+: (.*)\]", element.value))
    ]


# Before sign-in


def test_without_sign_in_every_address_is_the_sign_in_form(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).run()
    for address in (None, *PAGES):
        if address is not None:
            visitor.open(address)
        assert {button.key for button in visitor.app.button} == SIGN_IN_BUTTONS
        assert [title.value for title in visitor.app.title] == ["Safety board dashboard"]
        assert visitor.sentences == []
        assert not visitor.shows_numbers
        assert not visitor.app.sidebar.children
        assert visitor.board is None
        assert demonstration_store.trial.study.encode() not in visitor.bytes_sent


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_page_file_on_its_own_shows_nothing(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, path: Path
) -> None:
    """Store and key are set: what is missing is the Board that only the dashboard opens."""
    visitor = at_dashboard(demonstration_store)
    visitor.app = AppTest.from_file(str(path), default_timeout=60)
    visitor.run()
    assert visitor.app.exception or visitor.sentences == [
        "Nothing to show: please sign in at the start page."
    ]
    assert not visitor.shows_numbers
    assert demonstration_store.trial.study.encode() not in visitor.bytes_sent


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "::", None])
def test_the_demonstration_refuses_a_server_that_others_reach(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, address: str | None
) -> None:
    visitor = at_dashboard(demonstration_store)
    with served_at(address):
        visitor.run()
    assert visitor.sentences == [
        "The demonstration sign-in works on this machine's loopback address only."
    ]
    assert not visitor.app.button


def test_a_session_that_was_signed_in_is_refused_there_too(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board")
    assert visitor.shows_numbers
    with served_at("192.0.2.7"):
        visitor.run()
    assert not visitor.shows_numbers
    assert visitor.sentences[0].endswith("loopback address only.")


def test_the_configuration_of_the_checkout_is_loopback() -> None:
    """What `streamlit run` takes where nothing else is said."""
    text = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    assert 'address = "127.0.0.1"' in text
    assert 'showErrorDetails = "none"' in text
    assert "gatherUsageStats = false" in text
    assert "enableAgentApi = false" in text


def test_without_a_way_to_sign_in_nobody_signs_in(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = at_dashboard(demonstration_store)
    monkeypatch.delenv("DSMB_IDENTITY")
    visitor.run()
    assert "No way to sign in is set up" in visitor.sentences[0]
    assert not visitor.app.button


def test_a_setting_that_cannot_be_used_is_said(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = at_dashboard(demonstration_store)
    monkeypatch.setenv("DSMB_GRANT_MINUTES", "soon")
    visitor.run()
    assert "grant_minutes" in visitor.sentences[0]
    assert not visitor.app.button


# Who sees which page


@pytest.mark.parametrize("role", list(Role))
def test_the_address_of_another_roles_page_does_not_run_it(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
) -> None:
    """A link that somebody else has sent: the page's address, asked for by whoever may not."""
    ran: list[str] = []
    for name, item in EXHIBITS.items():

        def watched(board: Board, item: Any = item) -> exhibits.Exhibit:
            ran.append(item.topic)
            return cast(exhibits.Exhibit, item.make(board))

        monkeypatch.setitem(EXHIBITS, name, replace(item, make=watched))
    before = at_dashboard(demonstration_store).run()
    hashes = {}
    for address in PAGES:
        before.app.switch_page(PAGES[address])
        hashes[address] = before.app._page_hash
    visitor = at_dashboard(demonstration_store).sign_in(role.value)
    topics = {"board-enrollment": "enrollment", "board-arm-balance": "arm_balance"}
    topics |= {"data-findings": "findings", "board-conduct": "conduct"}
    topics |= {"board-safety": "safety", "board-participant": "participant"}
    topics |= {"board-laboratory": "laboratory", "board-oxygenation": "oxygenation"}
    topics |= {"board-immune": "immune", "board-survival": "survival"}
    topics |= {"board-overview": "overview", "board-monitoring": "monitoring"}
    for address in set(PAGES) - set(pages_of(role)):
        ran.clear()
        visitor.app._page_hash = hashes[address]
        visitor.run()
        assert topics.get(address) not in ran
        titles = {title.value for title in visitor.app.title}
        assert titles.isdisjoint({"Checks", "Intake"} if address.startswith("data") else set())


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_its_pages_in_every_view_and_no_others_and_pooled_they_send_nothing_sealed(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, trail: Trail, role: Role
) -> None:
    arms = {b"Arm A", b"Arm B", b"UCMSC", b"UC-MSC", b"CONTROL"}
    sealed = sealed_values(demonstration_store)
    assert len(sealed) > 50
    visitor = at_dashboard(demonstration_store).sign_in(role.value)
    views = views_of(role)
    assert visitor.menu == set(pages_of(role))
    # Who has not entered the closed session has no choice of views to bend.
    assert VIEW_KEY not in visitor.app.session_state
    for address in PAGES:
        if address not in pages_of(role):
            with pytest.raises(ValueError, match="Could not find a navigation page"):
                visitor.open(address)
            continue
        sent = visitor.open(address).bytes_sent
        assert visitor.sentences == []
        assert (demonstration_store.trial.study.encode() in sent) == bool(views)
        if role in BLINDED:
            assert not [value for value in arms | sealed if value in sent]
        if views:
            check_page(visitor, demonstration_store, View.POOLED)
    # By arm the statistician has every page coded, and below unblinded; that the board's are the
    # same, in the long proof.
    for view in views[1:]:
        visitor.look(view)
        has_all = PROVE or (role, view) == (Role.STATISTICIAN, View.CODED)
        for address in pages_of(role) if has_all else pages_of(role)[:1]:
            visitor.open(address)
            check_page(visitor, demonstration_store, view)
    # From page to page a view is kept, and is opened once; so is what it is compared with.
    earlier, current = (str(snapshot.id) for snapshot in demonstration_store.snapshots)
    assert [(entry.view, entry.snapshot) for entry in looks(trail)] == [
        (view.word, snapshot) for view in views[1:] for snapshot in (current, earlier)
    ]


# One arm is on every exhibit in every view; on the pages, in the long proof.
@pytest.mark.parametrize(
    "store", ["pilot_store", "nobody_store", *(["single_arm_store"] if PROVE else [])]
)
def test_every_page_is_drawn_for_any_number_of_arms_and_pooled_sends_none_of_them(
    at_dashboard: AtDashboard,
    store: str,
    single_arm_store: LoadedTrial,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    loaded: LoadedTrial = request.getfixturevalue(store)
    if loaded is single_arm_store:
        monkeypatch.setattr("trials.load_trial", lambda _name: loaded.trial)
    visitor = at_dashboard(loaded).vouched_for("statistician")
    # "Control" is a usual word: of totals, too.
    names = {text for arm in loaded.trial.arms.list for text in (arm.code, arm.name)}
    arms = [name.encode() for name in {*names, "Xanomeline", "Arm A"} - {"Control"}]
    # Coded differs from unblinded by the names of arms: every exhibit is looked through for them,
    # as are those of three arms pooled; on the pages, in the long proof.
    is_pooled = PROVE or store == "nobody_store"
    for view in (View.POOLED, View.UNBLINDED) if is_pooled else (View.UNBLINDED,):
        visitor.look(view)
        for address in pages_of(Role.STATISTICIAN):
            sent = visitor.open(address).bytes_sent
            check_page(visitor, loaded, view)
            if view is View.POOLED:
                assert not [arm for arm in arms if arm in sent], address


def check_page(visitor: Visitor, loaded: LoadedTrial, view: View) -> None:
    """What every page has, whatever it shows."""
    assert visitor.sentences == []
    assert len(visitor.app.title) == 1
    assert badges(visitor)[0] == f"**{view.name}**"
    simulated = loaded.snapshot.manifest.simulated
    assert ("SIMULATED PARTICIPANTS" in badges(visitor)) == simulated
    assert f"{loaded.trial.study} – data cut-off" in visitor.words
    assert f"snapshot {loaded.snapshot.id}" in visitor.words
    assert visitor.board is not None
    assert visitor.board.view is view
    arms_told = visitor.app.warning and "By arm" in visitor.app.warning[0].value
    assert bool(arms_told) == (view is not View.POOLED)


# What pooled must not tell


def sealed_values(loaded: LoadedTrial) -> set[bytes]:
    """Allocation, exposure, sealed terms and clock times, as they stand in the sealed file only."""
    board = board_of(loaded, View.UNBLINDED)
    connection = board._connection
    values: set[str] = set()
    for relation in ("exposure", "procedure", "adverse_event"):
        frame = connection.execute(f"select * from {SEALED}.{relation}").pl()
        for column in frame.select(selectors.string()).iter_columns():
            values.update(str(value) for value in column.drop_nulls())
    opened: set[str] = set()
    for relation in ("participant", "procedure", "adverse_event", "finding", "visit"):
        frame = connection.execute(f"select * from open_data.{relation}").pl()
        for column in frame.select(selectors.string()).iter_columns():
            opened.update(str(value) for value in column.drop_nulls())
    board.close()
    return {value.encode() for value in values - opened if len(value) > 7}


def test_the_bytes_sent_are_what_is_seen(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    """The search above would find an arm, a letter and a participant if they were sent."""
    visitor = at_dashboard(demonstration_store).sign_in("statistician").open("board-arm-balance")
    assert b"Arm A" in visitor.look(View.CODED).bytes_sent
    assert b"UC-MSC" not in visitor.bytes_sent
    assert b"UC-MSC" in visitor.look(View.UNBLINDED).bytes_sent
    found = visitor.look(View.POOLED).open("data-findings").app.dataframe
    subject = str(found[len(found) - 1].value["subject"].dropna().iloc[0])
    assert subject.encode() in visitor.bytes_sent


# Opening and leaving views


def looks(trail: Trail) -> list[Entry]:
    """The comparative views that the trail says were opened, the first first."""
    opened = [entry for entry in trail.select() if entry.act == "view opened"]
    return [entry for entry in reversed(opened) if entry.view != "pooled"]


def test_a_view_opens_a_board_of_its_own_and_is_recorded(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, trail: Trail
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board")
    boards = [visitor.board]
    assert looks(trail) == []
    for view in (View.CODED, View.UNBLINDED, View.POOLED):
        visitor.look(view)
        assert visitor.board is not None
        assert visitor.board.view is view
        assert visitor.board not in boards
        boards.append(visitor.board)
        visitor.run()
        assert visitor.board is boards[-1], "looking again opened it again"
    recorded = looks(trail)
    earlier, current = (str(snapshot.id) for snapshot in demonstration_store.snapshots)
    assert [(entry.view, entry.snapshot) for entry in recorded] == [
        (view, snapshot) for view in ("coded", "unblinded") for snapshot in (current, earlier)
    ]
    assert {entry.holder for entry in recorded} == {"demonstration/board"}


def take_no_more(records_file: Path) -> None:
    """Records that can be read and take nothing more."""
    with closing(sqlite3.connect(records_file)) as database:
        database.execute(
            "create trigger full before insert on audit_trail "
            "begin select raise(abort, 'full'); end"
        )


def test_records_that_were_put_back_show_nothing(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, records_file: Path
) -> None:
    """Moved away, emptied or of yesterday while the server runs: nothing is shown, or made anew."""
    yesterday = records_file.read_bytes()
    visitor = at_dashboard(demonstration_store).sign_in("board").enter(View.CODED)
    assert visitor.run().shows_numbers
    today = records_file.with_name("today.db")
    with closing(sqlite3.connect(records_file)) as database:
        database.execute("vacuum into ?", [str(today)])
    for content in (None, yesterday):
        for path in records_file.parent.glob(f"{records_file.name}*"):
            path.unlink()
        if content is not None:
            records_file.write_bytes(content)
        visitor.run()
        assert not visitor.shows_numbers
        assert len(visitor.sentences) == 1
        assert "restore" in visitor.sentences[0].lower()
    for path in records_file.parent.glob(f"{records_file.name}*"):
        path.unlink()
    today.rename(records_file)
    assert visitor.run().shows_numbers


def test_a_view_that_cannot_be_recorded_is_not_opened(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, records_file: Path
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board").enter(View.CODED)
    visitor.look(View.POOLED)
    take_no_more(records_file)
    visitor.look(View.CODED)
    assert "The audit trail cannot be written" in visitor.sentences[0]
    assert not visitor.shows_numbers
    assert visitor.session.opened is None


@pytest.mark.parametrize("address", ["board-safety", "board-participant"])
def test_what_changed_is_told_once_it_is_unfolded_and_recorded(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, records_file: Path, address: str
) -> None:
    """On the page of a topic, and on that of one person; what is not recorded is not told."""
    visitor = at_dashboard(demonstration_store).sign_in("board").open("board-enrollment")
    visitor.look(View.CODED).open(address)
    earlier = demonstration_store.snapshots[0].id
    assert str(earlier) not in visitor.words
    unfolded = "changes-of-person" if address == "board-participant" else f"changes-{address}"
    visitor.app.session_state[unfolded] = True
    visitor.run()
    assert f"({earlier})" in visitor.words
    visitor.app.session_state[unfolded] = False
    visitor.run().look(View.POOLED).look(View.CODED)
    take_no_more(records_file)
    assert visitor.run().shows_numbers
    visitor.app.session_state[unfolded] = True
    visitor.run()
    assert "The audit trail cannot be written" in " ".join(visitor.sentences)
    assert f"({earlier})" not in visitor.words


def test_without_the_private_key_a_view_is_not_opened(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board")
    monkeypatch.delenv("DSMB_BOARD_PRIVATE_KEY_FILE")
    visitor.look(View.CODED)
    assert visitor.sentences == [
        "Sealed data needs the board's private key: set DSMB_BOARD_PRIVATE_KEY_FILE."
    ]
    assert not visitor.shows_numbers
    assert visitor.look(View.POOLED).shows_numbers


def test_signing_out_leaves_nothing(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board").look(View.UNBLINDED)
    next(button for button in visitor.app.button if button.label == "Sign out").click()
    visitor.run()
    assert {button.key for button in visitor.app.button} == SIGN_IN_BUTTONS
    assert visitor.board is None
    assert not visitor.shows_numbers
    # The next person at the same screen begins pooled.
    visitor.app.button(key="sign-in-sponsor").click()
    visitor.run()
    assert badges(visitor)[0] == "**POOLED**"


def test_who_confirms_is_told_who_asks_and_who_they_are(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, trail: Trail
) -> None:
    """A name alone could be that of both, and with a line in it that of anybody."""
    visitor = at_dashboard(demonstration_store).sign_in("board").enter(View.CODED)
    visitor.session.identity = replace(
        visitor.session.identity, name="Ada\nben@hospital.test, board", email="ada@hospital.test"
    )
    Requests(trail).ask(replace(visitor.session), "a death")
    second = at_dashboard(demonstration_store).sign_in("statistician")
    assert [element.value for element in second.app.text] == [
        "Ada ben@hospital.test, board\nada@hospital.test, board\na death",
        "Max Statistician (independent statistician)\nstatistician, statistician",
    ]


@pytest.mark.parametrize("button", ["Leave the closed session", "Sign out"])
def test_what_ends_the_closed_session_waits_for_no_record(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    records_file: Path,
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
    button: str,
) -> None:
    """Whoever has the records database locked keeps no arm on a screen."""
    monkeypatch.setattr(access.late, "PATIENCE_SECONDS", 0.1)
    visitor = at_dashboard(demonstration_store).sign_in("board").look(View.CODED)
    assert b"Arm A" in visitor.bytes_sent
    session, rows = visitor.session, trail.count()
    with closing(sqlite3.connect(records_file, isolation_level=None)) as database:
        database.execute("begin immediate")
        next(found for found in visitor.app.button if found.label == button).click()
        visitor.run()
        assert session.closed is None
        assert session.opened is None
        assert not visitor.shows_numbers
        assert b"Arm A" not in visitor.bytes_sent
        assert "could not be recorded yet" in visitor.words
    assert late(trail.records).wait(60)
    assert trail.select(limit=trail.count() - rows)[-1].act == "closed session left"


@pytest.mark.parametrize("view", list(View))
def test_an_expired_right_shows_a_sentence_and_no_number(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    monkeypatch: pytest.MonkeyPatch,
    view: View,
    trail: Trail,
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("statistician").look(view)
    later = datetime.now(UTC) + timedelta(minutes=481)
    clock_of(monkeypatch, access.policy)(later)
    for address in pages_of(Role.STATISTICIAN):
        visitor.open(address)
        assert visitor.sentences == ["Your right to look at this data has expired. Sign in again."]
        assert not visitor.shows_numbers
    refused = [entry for entry in trail.select() if entry.outcome == "refused"]
    assert [entry.reason for entry in refused] == visitor.sentences, "it is recorded once"


# What is chosen


def test_an_empty_store_says_how_to_load(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    empty = replace(demonstration_store, store=demonstration_store.keys.store(tmp_path / "nothing"))
    visitor = at_dashboard(empty).sign_in("board")
    assert [element.value for element in visitor.app.info] == [
        "No extract is loaded yet: python -m data_validation load EXTRACT --trial TRIAL"
    ]
    assert visitor.sentences == []
    assert not visitor.shows_numbers


def test_the_address_can_name_the_snapshot(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    first, second = (str(snapshot.id) for snapshot in demonstration_store.snapshots)
    visitor = at_dashboard(demonstration_store)
    visitor.app.query_params["snapshot"] = first
    visitor.sign_in("board")
    assert f"snapshot {first}" in visitor.words
    assert "Not the current snapshot." in visitor.words
    # What is picked afterwards wins over the address it came with.
    visitor.app.selectbox(key="pick-snapshot").set_value(second)
    visitor.run()
    assert f"snapshot {second}" in visitor.words
    assert "Not the current snapshot." not in visitor.words
    # A date has one form, and an age is not told more exactly than it matters.
    assert re.search(r"Data cut-off 31 Aug 2023, over \d+ years ago\.", visitor.words)
    source = f"snapshot {second}, data cut-off 31 Aug 2023, pooled view; simulated participants"
    assert f"{source}; software {VERSION}." in visitor.words


def test_in_the_sidebar_the_closed_session_stands_above_what_is_seldom_changed(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("board")
    drawn = [getattr(element, "label", None) for element in visitor.app.sidebar]
    controls = [label for label in drawn if label]
    assert controls == ["Enter the closed session", "Trial", "Snapshot", "Sign out"]


@pytest.mark.parametrize(
    "asked",
    [
        {"view": "unblinded"},
        {"view": "UNBLINDED", "pick-view": "3"},
        {"role": "statistician", "_identity": "statistician"},
        {"snapshot": "2020-01-01.1"},
        {"snapshot": "../../etc"},
        {"trial": "cdiscpilot01"},
        {"trial": "'; drop table participant; --"},
    ],
)
def test_an_address_that_was_tampered_with_does_nothing(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    trail: Trail,
    asked: dict[str, str],
) -> None:
    visitor = at_dashboard(demonstration_store)
    visitor.app.query_params.update(asked)
    visitor.sign_in("sponsor")
    check_page(visitor, demonstration_store, View.POOLED)
    assert visitor.menu == set(pages_of(Role.SPONSOR))
    assert looks(trail) == []


@pytest.mark.parametrize("role", [Role.SPONSOR, Role.DATA_MANAGER, Role.BOARD])
def test_what_somebody_put_into_the_session_opens_no_view(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, role: Role
) -> None:
    """A control that a role does not have may not be believed, whatever it says."""
    visitor = at_dashboard(demonstration_store).sign_in(role.value)
    visitor.app.session_state[VIEW_KEY] = visitor.window.view = View.UNBLINDED
    check_page(visitor.run(), demonstration_store, View.POOLED)


def test_a_page_that_draws_itself_again_is_no_use_of_the_session(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    """Otherwise a window that was left alone would stay unlocked for as long as others ask."""
    visitor = at_dashboard(demonstration_store).sign_in("board")
    before = datetime.now(UTC) - timedelta(minutes=10)
    visitor.session.last_active = before
    visitor.window.by_clock = True
    assert visitor.run().session.last_active == before
    assert visitor.run().session.last_active > before


def test_a_trial_is_picked_from_those_that_are_loaded(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    pilot_store: LoadedTrial,
    tmp_path: Path,
) -> None:
    both = demonstration_store.keys.store(tmp_path / "both")
    for loaded in (demonstration_store, pilot_store):
        folder = loaded.store.trial(loaded.trial.id).folder
        shutil.copytree(folder, both.trial(loaded.trial.id).folder)
    chooser = at_dashboard(replace(demonstration_store, store=both)).sign_in("board")
    assert "CDISCPILOT01 – data cut-off" not in chooser.words
    # Whoever sees nobody real still finds the others.
    chooser.app.selectbox(key="pick-trial").set_value("nct05689008")
    assert "NCT05689008 – data cut-off" in chooser.run().words
    visitor = at_dashboard(replace(demonstration_store, store=both)).vouched_for("statistician")
    assert "CDISCPILOT01 – data cut-off" in visitor.words
    visitor.look(View.UNBLINDED)
    visitor.app.selectbox(key="pick-trial").set_value("nct05689008")
    visitor.run()
    assert "NCT05689008 – data cut-off" in visitor.words
    assert visitor.board is not None
    # What was entered for one trial is not for the other.
    assert visitor.board.view is View.POOLED
    assert visitor.session.closed is None
    assert visitor.look(View.UNBLINDED).board is not None
    assert visitor.board.arms == ("Control", "UC-MSC")


def test_whoever_chooses_who_they_are_sees_nobody_real(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, tmp_path: Path, trail: Trail
) -> None:
    """Nor what became of them since: one earlier snapshot of real participants is enough."""
    mixed = demonstration_store.copied_to(tmp_path / "mixed")
    earlier = mixed.snapshots[0]
    # As an earlier version wrote it, which vouched for nothing.
    of_before = {"format": 5, "files": {}, "simulated": False}
    path = earlier.folder / "manifest.json"
    path.write_bytes(earlier.manifest.model_copy(update=of_before).to_json())
    visitor = at_dashboard(mixed).sign_in("board")
    (sentence,) = visitor.sentences
    assert sentence.startswith("The demonstration shows simulated participants only")
    assert not visitor.shows_numbers
    assert visitor.board is None
    assert "Enter the closed session" not in {button.label for button in visitor.app.button}
    assert not looks(trail)


def test_of_a_damaged_snapshot_nothing_is_shown(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    damaged = demonstration_store.copied_to(tmp_path / "damaged")
    first, last = damaged.snapshots
    last.open_path.write_bytes(last.open_path.read_bytes()[:-1] + b"x")
    visitor = at_dashboard(damaged).sign_in("board", at="board-enrollment")
    (sentence,) = visitor.sentences
    assert f"{last.open_path} is damaged, or was changed" in sentence
    assert not visitor.shows_numbers
    # The other one is there to be chosen.
    visitor.app.selectbox(key="pick-snapshot").set_value(str(first.id))
    assert visitor.run().shows_numbers
    (last.folder / "manifest.json").write_text("{")
    visitor = at_dashboard(damaged).sign_in("board")
    assert len(visitor.sentences) == 1
    assert not visitor.shows_numbers


def test_a_snapshot_that_nothing_vouches_for_is_not_shown(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    of_before = demonstration_store.copied_to(tmp_path / "earlier")
    path = of_before.snapshot.folder / "manifest.json"
    manifest = of_before.snapshot.manifest.model_copy(update={"format": 5, "files": {}})
    path.write_bytes(manifest.to_json())
    visitor = at_dashboard(of_before).sign_in("board")
    (sentence,) = visitor.sentences
    assert "Nothing vouches for snapshot" in sentence
    assert not visitor.shows_numbers


# What goes wrong


def test_a_fault_in_an_exhibit_shows_a_number_and_no_value(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = "NCT05689008-010004 was given UC2302"

    def fail(board: Board) -> exhibits.Exhibit:
        raise RuntimeError(secret)

    failing = replace(EXHIBITS["cumulative_enrollment"], make=fail)
    monkeypatch.setitem(EXHIBITS, "cumulative_enrollment", failing)
    visitor = at_dashboard(demonstration_store).sign_in("board").open("board-enrollment")
    (sentence,) = visitor.sentences
    found = re.fullmatch(
        r"This page could not be drawn\. Please report incident ([0-9a-f]{8})\.", sentence
    )
    assert found
    assert secret.encode() not in visitor.bytes_sent
    logged = capfd.readouterr().err
    assert secret not in logged
    entry = next(json.loads(line) for line in logged.splitlines() if found[1] in line)
    assert entry["error"] == "RuntimeError"
    assert entry["page"] == "board-enrollment"
    assert entry["role"] == "board"


def elements_of(sent: list[ForwardMsg]) -> list[tuple[str, bytes]]:
    """Kind and content of every element that was sent."""
    deltas = [message.delta for message in sent if message.HasField("delta")]
    drawn = [delta.new_element for delta in deltas if delta.HasField("new_element")]
    return [(str(element.WhichOneof("type")), element.SerializeToString()) for element in drawn]


# These show text letter by letter whatever it says: a table's cells, and the options of a choice.
LETTER_BY_LETTER = {"dataframe", "multiselect"}


def kinds_with_hostile_text(visitor: Visitor) -> set[str]:
    """Kinds of elements that were sent the text as it is; none may read it as markup."""
    kinds = set()
    for kind, content in elements_of(visitor.sent):
        if HOSTILE.encode() in content:
            kinds.add(kind)
        if kind not in LETTER_BY_LETTER:
            assert not re.search(rb"(?<!\\)<img", content), kind
            # Plotly reads HTML, and no Markdown.
            assert kind == "plotly_chart" or b"**b**" not in content, kind
    return kinds


def test_text_of_an_extract_is_no_markup_on_any_page(
    at_dashboard: AtDashboard, troubled: Troubled
) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("statistician")
    told = set()
    # By arm pages say more and of the same people; that pooled they do so, too, in the long proof.
    for view in (View.POOLED, View.UNBLINDED) if PROVE else (View.UNBLINDED,):
        visitor.look(view)
        for address in pages_of(Role.STATISTICIAN):
            visitor.open(address)
            check_page(visitor, troubled.loaded, view)
            told |= kinds_with_hostile_text(visitor)
    assert told == LETTER_BY_LETTER, "it did not reach the pages"


def test_a_selected_finding_is_told_letter_by_letter(
    at_dashboard: AtDashboard, troubled: Troubled
) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    place = listing_of(visitor)["value"].tolist().index(troubled.no_date)
    visitor.app.session_state["finding-listing"] = {"selection": {"rows": [place], "columns": []}}
    visitor.run()
    assert f"Please provide the date of randomization of {troubled.no_date}." in visitor.words
    kinds_with_hostile_text(visitor)


# The data pages


def listing_of(visitor: Visitor) -> Any:
    """The list of findings, the last table of its page."""
    frames = [frame.value for frame in visitor.app.dataframe]
    return next(frame for frame in reversed(frames) if "record_key" in frame.columns)


def test_filters_leave_what_they_say(at_dashboard: AtDashboard, troubled: Troubled) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    everything = listing_of(visitor)
    assert f"{len(everything)} findings" in visitor.words
    columns = {
        "Severity": "severity",
        "Dataset": "domain",
        "Site": "site",
        "Check": "check",
        "Status": "status",
    }
    for label, column in columns.items():
        (choice,) = [one for one in visitor.app.multiselect if one.label == label]
        everything[column] = everything[column].fillna("(no site)")
        assert set(choice.options) == set(everything[column])
        wanted = choice.options[-1]
        choice.set_value([wanted])
        visitor.run()
        left = listing_of(visitor)
        expected = everything[everything[column] == wanted]
        assert left["record_key"].tolist() == expected["record_key"].tolist()
        noun = "finding" if len(left) == 1 else "findings"
        assert f"\n{len(left)} {noun}\n" in visitor.words
        next(one for one in visitor.app.multiselect if one.label == label).set_value([])
        visitor.run()
    assert len(listing_of(visitor)) == len(everything)


def test_of_very_many_findings_the_browser_is_sent_the_first(
    at_dashboard: AtDashboard, troubled: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Board.ask

    def at_most_five(board: Board, question: str, **values: Any) -> pl.DataFrame:
        if values.get("most") == 1000:
            values["most"] = 5
        return ask(board, question, **values)

    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    everything = listing_of(visitor)
    monkeypatch.setattr(Board, "ask", at_most_five)
    visitor.run()
    assert listing_of(visitor)["record_key"].tolist() == everything["record_key"].tolist()[:5]
    assert f"{len(everything)} findings; the table shows the first 5" in visitor.words


def test_filters_that_leave_nothing(at_dashboard: AtDashboard, troubled: Troubled) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    by_label = {one.label: one for one in visitor.app.multiselect}
    by_label["Site"].set_value([HOSTILE])
    by_label["Check"].set_value(["DM-SEX-present"])
    visitor.run()
    assert visitor.sentences == []
    assert "\n0 findings\n" in visitor.words


def test_a_selection_beyond_what_is_left_is_dropped(
    at_dashboard: AtDashboard, troubled: Troubled
) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    last = len(listing_of(visitor)) - 1
    visitor.app.session_state["finding-listing"] = {"selection": {"rows": [last], "columns": []}}
    visitor.run()
    assert "To the site:" in visitor.words
    next(one for one in visitor.app.multiselect if one.label == "Check").set_value(["DM-111"])
    visitor.run()
    assert visitor.sentences == []


def test_the_catalogue_can_be_searched(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("data_manager").open("data-checks")
    everything = visitor.app.dataframe[0].value
    assert f"{len(everything)} checks." in visitor.words
    # What sealed checks find is not known here, so it is not said to be nothing.
    assert set(everything[everything["standing"].isna()]["sealed"]) == {"sealed"}
    assert set(everything[everything["standing"].notna()]["sealed"]) == {"open"}
    visitor.app.text_input[0].set_value("Dm-111")
    visitor.run()
    assert visitor.app.dataframe[0].value["check"].tolist() == ["DM-111"]
    visitor.app.text_input[0].set_value(".*(")
    visitor.run()
    assert visitor.sentences == []
    assert visitor.app.dataframe[0].value.empty


def test_intake_has_every_snapshot_and_every_relation(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    visitor = at_dashboard(demonstration_store).sign_in("data_manager").open("data-intake")
    visitor.app.toggle[0].set_value(True)
    visitor.run()
    snapshots, changes, facts, totals = (frame.value for frame in visitor.app.dataframe)
    assert set(facts["source"]) >= {"allocation list", "AESTDTC"}
    expected = [str(snapshot.id) for snapshot in reversed(demonstration_store.snapshots)]
    assert snapshots["snapshot"].tolist() == expected
    assert snapshots["current"].tolist() == [True, False]
    manifest = demonstration_store.snapshot.manifest
    assert dict(zip(totals["relation"], totals["rows"], strict=True)) == {
        total.relation.replace("_", " "): total.rows for total in manifest.control_totals
    }
    assert manifest.digest in visitor.words
    # The earlier cut knows less: what it has must be told as it is.
    earlier = demonstration_store.snapshots[0].manifest.tables
    rows = {row["relation"].replace(" ", "_"): row for row in changes.to_dict("records")}
    for relation, row in rows.items():
        assert row["before"] == earlier[relation].rows
        assert row["after"] == manifest.tables[relation].rows
        assert row["after"] - row["before"] == row["added"] - row["removed"]
    same = {name for name, facts in earlier.items() if facts == manifest.tables[name]}
    assert set(rows) == set(earlier) - same - NOT_RECORDS


def test_only_who_has_sealed_records_sees_what_was_found_wrong_with_them(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    """Every page of both data managers, and that nothing on them is by arm."""
    seen = {}
    for role in (Role.DATA_MANAGER, Role.UNBLINDED_DATA_MANAGER):
        visitor = at_dashboard(demonstration_store).sign_in(role.value)
        visitor.open("data-findings")
        assert ("**SEALED RECORDS**" in badges(visitor)) == (role not in BLINDED)
        listing = listing_of(visitor)
        seen[role] = len(listing), "sealed" in listing.columns
        assert visitor.board is not None
        assert visitor.board.arms == ("All participants",)
        for address in pages_of(role):
            sent = visitor.open(address).bytes_sent
            assert b"Arm A" not in sent
        intake = [set(frame.value.columns) for frame in visitor.open("data-intake").app.dataframe]
        assert ({"dataset", "file", "rows_read", "rows_open", "rows_sealed"} in intake) == (
            role not in BLINDED
        )
    blinded, unblinded = seen[Role.DATA_MANAGER], seen[Role.UNBLINDED_DATA_MANAGER]
    assert (blinded[1], unblinded[1]) == (False, True)
    board = board_of(demonstration_store, View.UNBLINDED)
    count = f"select count(*) from {SEALED}.sealed_finding where audience = 'site'"
    ((sealed_findings,),) = board._connection.execute(count).fetchall()
    board.close()
    assert unblinded[0] - blinded[0] == sealed_findings > 0


def test_the_record_stands_beside_its_finding_as_it_was_received(
    at_dashboard: AtDashboard, troubled: Troubled
) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("data_manager").open("data-findings")
    listing = listing_of(visitor)
    place = listing["value"].tolist().index(troubled.no_date)
    visitor.app.session_state["finding-listing"] = {"selection": {"rows": [place], "columns": []}}
    visitor.run()
    record = visitor.app.dataframe[-1].value.set_index("field")
    raw = (
        troubled.loaded.dataset("dm")
        .filter(pl.col("USUBJID") == troubled.no_date)
        .row(0, named=True)
    )
    for field in ("USUBJID", "AGE", "SEX", "SITEID"):
        assert (record.loc[field, "received"] or None) == (
            None if raw[field] is None else str(raw[field])
        )
    assert record.loc["USUBJID", "here"] == "◀"
    assert not {"ARM", "ARMCD", "RFSTDTC"} & set(record.index)


def test_what_is_made_from_a_missing_dataset_is_not_in_the_extract(
    at_dashboard: AtDashboard, nobody_store: LoadedTrial
) -> None:
    visitor = at_dashboard(nobody_store).vouched_for("data_manager").open("data-intake")
    totals = visitor.app.dataframe[-1].value.set_index("relation")
    said = {name: totals.loc[name, "in_extract"] for name in ("participant", "blood gas")}
    assert said == {"participant": "yes", "blood gas": "not in the extract"}


def test_a_refused_load_is_told(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    refused = demonstration_store.copied_to(tmp_path / "refused")
    critical = {"check": "AE-USUBJID", "subject": HOSTILE, "field": "USUBJID", "message": "No DM."}
    refusal = {
        "at": "2023-09-01T08:00:00+00:00",
        "cutoff": "2023-08-31",
        "findings": {"critical": 1, "major": 0, "minor": 0, "note": 0},
        "critical": [critical],
    }
    folder = refused.store.trial(refused.trial.id).folder
    (folder / "refused.json").write_text(json.dumps(refusal))
    visitor = at_dashboard(refused)
    visitor.sign_in("data_manager", at="data-intake")
    assert visitor.sentences[0].startswith("The last load was refused on 2023-09-01")
    assert "1 open critical finding." in visitor.sentences[0]
    assert visitor.app.dataframe[0].value["subject"].tolist() == [HOSTILE]


# The files


def test_no_page_file_lies_where_streamlit_would_run_it_unasked() -> None:
    assert list((ROOT / "pages").glob("*.py")) == []
    assert {str(path.relative_to(ROOT)) for path in FILES} == set(PAGES.values())


def test_every_address_is_one_pages_and_can_stand_in_a_link() -> None:
    assert len(set(PAGES.values())) == len(PAGES)
    assert len({Path(file).stem for file in PAGES.values()}) == len(PAGES)
    assert all(re.fullmatch(r"(board|data|governance)-[a-z-]+", address) for address in PAGES)
    assert {page for role in Role for page in pages_of(role)} == set(PAGES)


# Filters and lists


def test_a_hostile_site_is_told_letter_by_letter_as_a_filter(
    at_dashboard: AtDashboard, troubled: Troubled
) -> None:
    visitor = at_dashboard(troubled.loaded).sign_in("statistician").open("board-safety")
    visitor.app.session_state["filter-sites"] = [HOSTILE]
    visitor.run()
    assert f"site {HOSTILE}" in visitor.words
    kinds_with_hostile_text(visitor)


def test_a_list_by_arm_is_forgotten_with_its_view(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    """Its title names an arm; in another view nothing is left of it."""
    visitor = at_dashboard(demonstration_store).sign_in("statistician")
    visitor.look(View.UNBLINDED).open("board-safety")
    assert visitor.board is not None
    people = make("adverse_event_overview", visitor.board).lists[1]
    visitor.window.people = (looked_at(visitor.board), people)
    visitor.open("board-participant")
    assert "Any adverse event, UC-MSC" in visitor.words
    visitor.look(View.POOLED).open("board-participant")
    assert "All randomized participants" in visitor.words
    assert "UC-MSC" not in visitor.words


def test_filters_of_one_trial_do_not_hold_in_another(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial
) -> None:
    """What the other does not offer is forgotten, and the page is drawn."""
    visitor = at_dashboard(demonstration_store).sign_in("statistician").open("board-safety")
    visitor.app.session_state["filter-ages"] = ["65 years and older"]
    visitor.run()
    assert "Only 65 years and older." in visitor.words
    visitor.window.filters = Filters(sites=("701",), ages=("Over 80 years",))
    visitor.open("board-participant")
    assert "Only" not in visitor.words
    assert not visitor.app.exception


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("subject", "Select a row to see the participant."),
        ("arm", "Select a row to see who is behind it."),
    ],
)
def test_a_table_says_whom_a_row_leads_to(column: str, said: str) -> None:
    def page(column: str) -> None:
        import polars as pl

        from display.exhibit import _table
        from exhibits.exhibit import Exhibit

        rows = pl.DataFrame({column: ["one"]})
        _table(Exhibit("Rows", "Nobody", name="rows", table=rows, row_lists=(None,)))

    app = AppTest.from_function(page, kwargs={"column": column}).run()
    assert [caption.value for caption in app.caption] == [said]


def test_of_a_long_table_the_page_has_the_first_rows_and_says_so() -> None:
    def page() -> None:
        import polars as pl

        from display.exhibit import MOST_ROWS, _table
        from exhibits.exhibit import Exhibit

        numbers = pl.DataFrame({"number": range(MOST_ROWS + 5)})
        _table(Exhibit("Long", "Nobody", name="long", table=numbers, labels={"number": "Number"}))

    app = AppTest.from_function(page).run()
    assert app.dataframe[0].value["Number"].to_list() == list(range(MOST_ROWS))
    assert [said.value for said in app.caption] == [
        "The first 1,000 of 1,005 rows; the download has all of them."
    ]
