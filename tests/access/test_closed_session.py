"""The closed session: what it takes to enter, to name the arms, and what ends it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

import access.closed_session
import access.late
from access import Denied, Role, View
from access.closed_session import (
    REQUEST_MINUTES,
    Requests,
    at_command_line,
    enter,
    leave,
    name_arms,
)
from access.entries import Actor
from access.errors import AuditError, ClosedSessionError
from access.identity import Identity
from access.late import late
from access.session import Session
from access.trail import Trail
from tests.access.conftest import Records
from tests.conftest import clock_of

TRIAL, SNAPSHOT, LATER = "nct05689008", "2023-06-30.1", "2023-08-31.1"


def member(subject: str, role: Role = Role.BOARD) -> Session:
    return Session(Identity("provider", subject, f"Member {subject}", role))


def entered(trail: Trail, subject: str = "ada", role: Role = Role.BOARD) -> Session:
    session = member(subject, role)
    enter(session, trail, trial=TRIAL, snapshot=SNAPSHOT, reason="Scheduled review")
    return session


@pytest.fixture
def trail(records: Records) -> Trail:
    return records.trail()


@pytest.fixture
def requests(trail: Trail) -> Requests:
    return Requests(trail)


def acts(trail: Trail) -> list[tuple[str, str, str]]:
    """Act, outcome and who, the first first."""
    return [(row.act, row.outcome, row.subject) for row in reversed(trail.select())]


# Entering and leaving


def test_entering_is_recorded_with_its_reason_and_opens_the_coded_view(trail: Trail) -> None:
    session = entered(trail)
    assert session.closed is not None
    assert session.closed.view is View.CODED
    (row,) = trail.select()
    assert (row.act, row.trial, row.snapshot, row.view, row.reason, row.subject) == (
        "closed session entered",
        TRIAL,
        SNAPSHOT,
        "coded",
        "Scheduled review",
        "ada",
    )
    leave(session, trail)
    assert session.closed is None
    assert [act for act, _, _ in acts(trail)] == ["closed session entered", "closed session left"]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_without_a_reason_nothing_is_entered(trail: Trail, reason: str) -> None:
    session = member("ada")
    with pytest.raises(ClosedSessionError, match="reason"):
        enter(session, trail, trial=TRIAL, snapshot=SNAPSHOT, reason=reason)
    assert session.closed is None
    assert acts(trail) == []


@pytest.mark.parametrize("role", [Role.SPONSOR, Role.DATA_MANAGER, Role.AUDITOR])
def test_a_role_without_a_closed_session_enters_none(trail: Trail, role: Role) -> None:
    session = member("sam", role)
    with pytest.raises(Denied):
        enter(session, trail, trial=TRIAL, snapshot=SNAPSHOT, reason="curious")
    assert session.closed is None


def test_a_session_that_has_ended_enters_nothing(trail: Trail) -> None:
    """A dialog that is still open on the screen asks by itself, without the page around it."""
    session = Session(member("ada").identity, entitled=lambda: False)
    with pytest.raises(Denied, match="has ended"):
        enter(session, trail, trial=TRIAL, snapshot=SNAPSHOT, reason="Scheduled review")
    assert session.closed is None
    assert acts(trail) == []


def test_what_cannot_be_recorded_is_not_entered(records: Records, trail: Trail) -> None:
    records.disarm()
    records.run("drop table audit_trail")
    session = member("ada")
    with pytest.raises(AuditError):
        enter(session, trail, trial=TRIAL, snapshot=SNAPSHOT, reason="Scheduled review")
    assert session.closed is None


class Opened:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_leaving_and_ending_close_what_was_opened(trail: Trail) -> None:
    for end in (leave, lambda session, trail: session.end(trail, "signed out")):
        session, opened = entered(trail), Opened()
        session.opened = opened
        end(session, trail)
        assert opened.closed
        assert session.closed is None
    assert acts(trail)[-2:] == [
        ("closed session left", "done", "ada"),
        ("session ended", "done", "ada"),
    ]


def test_a_session_that_ended_holds_nothing_though_its_end_is_not_recorded(
    records: Records, trail: Trail
) -> None:
    session, opened = entered(trail), Opened()
    session.opened = opened
    records.disarm()
    records.run("drop table audit_trail")
    with pytest.raises(AuditError):
        session.end(trail, "signed out")
    assert opened.closed
    assert not session.holds()
    assert session.closed is None


@pytest.mark.parametrize("end", [leave, Session.end], ids=["leaving", "ending"])
def test_ending_waits_for_no_record_and_loses_none(
    records: Records,
    trail: Trail,
    requests: Requests,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    end: Callable[[Session, Trail, str], None],
) -> None:
    """Somebody else has the records database locked for a minute."""
    monkeypatch.setattr(access.late, "PATIENCE_SECONDS", 0.1)
    session, opened = entered(trail), Opened()
    session.opened = opened
    requests.ask(session, "a death")
    rows = trail.count()
    with records.locked():
        began = monotonic()
        with pytest.raises(AuditError, match="It is kept"):
            end(session, trail, "over")
        assert opened.closed
        assert session.closed is None
        assert trail.is_behind
        # Nothing is recorded before it, so nothing else that has to be recorded is done.
        with pytest.raises(AuditError, match="this is not done"):
            trail.write("view opened", Actor.of(session.identity))
        assert monotonic() - began < 10
        assert trail.count() == rows
    (line, *_) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["act"] == "closed session left"
    assert late(trail.records).wait(60)
    trail.write("next", Actor.of(session.identity))
    late_ones = list(reversed(trail.select(limit=trail.count() - rows)))
    ended = ["session ended"] if end is Session.end else []
    assert [row.act for row in late_ones] == ["closed session left", *ended, "next"]
    assert re.fullmatch(r"over \(on .* UTC; recorded late\)", late_ones[0].reason)
    assert requests.open_to(member("ben").identity, TRIAL, SNAPSHOT) == []
    assert trail.verify().problem is None


def test_a_right_to_a_comparative_view_ends_with_the_closed_session(trail: Trail) -> None:
    session = entered(trail)
    assert session.holds_in(TRIAL, SNAPSHOT, View.CODED)
    assert not session.holds_in(TRIAL, SNAPSHOT, View.UNBLINDED)
    assert not session.holds_in(TRIAL, LATER, View.CODED)
    leave(session, trail)
    assert not session.holds_in(TRIAL, SNAPSHOT, View.CODED)
    assert session.holds_in(TRIAL, SNAPSHOT, View.POOLED)
    session.end(trail, "signed out")
    assert not session.holds_in(TRIAL, SNAPSHOT, View.POOLED)


# Naming the arms


def test_where_one_person_is_enough_naming_the_arms_is_a_step_of_its_own(trail: Trail) -> None:
    session = entered(trail)
    name_arms(session, trail, persons=1, reason="a death")
    assert session.closed is not None
    assert session.closed.view is View.UNBLINDED
    row = trail.select(limit=1)[0]
    assert (row.act, row.view, row.reason) == ("arms named", "unblinded", "a death")


def test_where_two_persons_are_asked_for_one_is_not_enough(trail: Trail) -> None:
    session = entered(trail)
    with pytest.raises(ClosedSessionError, match="second person"):
        name_arms(session, trail, persons=2, reason="a death")
    assert session.closed is not None
    assert session.closed.view is View.CODED


def test_arms_are_not_named_outside_the_closed_session(trail: Trail, requests: Requests) -> None:
    with pytest.raises(Denied, match="Enter the closed session"):
        name_arms(member("ada"), trail, persons=1, reason="a death")
    with pytest.raises(Denied, match="Enter the closed session"):
        requests.ask(member("ada"), "a death")


def test_a_second_person_confirms_from_a_session_of_their_own(
    trail: Trail, requests: Requests
) -> None:
    ada, ben = entered(trail), member("ben")
    requests.ask(ada, "a death")
    assert requests.standing_of(ada) is not None
    assert not requests.collect(ada)
    (request,) = requests.open_to(ben.identity, TRIAL, SNAPSHOT)
    assert (request.asked_by, request.reason) == ("Member ada\nada, board", "a death")
    requests.answer(ben.identity, request, confirm=True)
    assert requests.open_to(ben.identity, TRIAL, SNAPSHOT) == []
    assert requests.collect(ada)
    assert ada.closed is not None
    assert ada.closed.view is View.UNBLINDED
    assert acts(trail)[1:] == [
        ("naming of arms asked for", "intended", "ada"),
        ("naming of arms asked for", "done", "ada"),
        ("naming of arms confirmed", "intended", "ben"),
        ("naming of arms confirmed", "done", "ben"),
        ("arms named", "done", "ada"),
    ]
    # It serves once.
    leave(ada, trail)
    enter(ada, trail, trial=TRIAL, snapshot=SNAPSHOT, reason="again")
    assert not requests.collect(ada)


def test_nobody_confirms_their_own_request(trail: Trail, requests: Requests) -> None:
    """Not from another session of theirs, either: it is the person that counts."""
    ada = entered(trail)
    requests.ask(ada, "a death")
    again = member("ada")
    assert requests.open_to(again.identity, TRIAL, SNAPSHOT) == []
    (request,) = requests.open_to(member("ben").identity, TRIAL, SNAPSHOT)
    with pytest.raises(Denied, match="second person"):
        requests.answer(again.identity, request, confirm=True)
    assert not requests.collect(ada)


def test_the_same_subject_of_another_issuer_is_another_person(
    trail: Trail, requests: Requests
) -> None:
    ada = entered(trail)
    requests.ask(ada, "a death")
    other = Identity("other provider", "ada", "Another Ada", Role.BOARD)
    (request,) = requests.open_to(other, TRIAL, SNAPSHOT)
    requests.answer(other, request, confirm=True)
    assert requests.collect(ada)


@pytest.mark.parametrize("role", [Role.SPONSOR, Role.DATA_MANAGER, Role.AUDITOR])
def test_who_has_no_closed_session_confirms_nothing(
    trail: Trail, requests: Requests, role: Role
) -> None:
    ada = entered(trail)
    requests.ask(ada, "a death")
    sam = Identity("provider", "sam", "Sam", role)
    assert requests.open_to(sam, TRIAL, SNAPSHOT) == []
    (request,) = requests.open_to(member("ben").identity, TRIAL, SNAPSHOT)
    with pytest.raises(Denied):
        requests.answer(sam, request, confirm=True)
    assert not requests.collect(ada)


def test_a_member_of_another_trial_confirms_nothing(trail: Trail, requests: Requests) -> None:
    requests.ask(entered(trail), "a death")
    (request,) = requests.open_to(member("ben").identity, TRIAL, SNAPSHOT)
    other = Identity("provider", "eve", "Eve", Role.BOARD, frozenset({"cdiscpilot01"}))
    assert requests.open_to(other, TRIAL, SNAPSHOT) == []
    with pytest.raises(Denied, match="not for this trial"):
        requests.answer(other, request, confirm=True)


def test_a_confirmation_is_for_the_session_and_the_snapshot_that_asked(
    trail: Trail, requests: Requests
) -> None:
    ada, twin = entered(trail), entered(trail)
    requests.ask(ada, "a death")
    (request,) = requests.open_to(member("ben").identity, TRIAL, SNAPSHOT)
    requests.answer(member("ben").identity, request, confirm=True)
    assert not requests.collect(twin), "another session of the same person"
    leave(ada, trail)
    enter(ada, trail, trial=TRIAL, snapshot=LATER, reason="another snapshot")
    assert not requests.collect(ada)
    assert ada.closed is not None
    assert ada.closed.view is View.CODED


def test_a_declined_request_names_nothing_and_is_answered_once(
    trail: Trail, requests: Requests
) -> None:
    ada = entered(trail)
    requests.ask(ada, "a death")
    ben = member("ben").identity
    (request,) = requests.open_to(ben, TRIAL, SNAPSHOT)
    requests.answer(ben, request, confirm=False)
    assert not requests.collect(ada)
    with pytest.raises(ClosedSessionError, match="answered, or has expired"):
        requests.answer(member("cem").identity, request, confirm=True)
    assert acts(trail)[-1] == ("naming of arms confirmed", "failed", "cem")
    assert not requests.collect(ada)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock of the requests."""
    return clock_of(monkeypatch, access.closed_session)


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_request_stands_for_a_quarter_of_an_hour(
    trail: Trail, requests: Requests, at: Callable[[datetime], None], confirmed: bool
) -> None:
    start = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
    at(start)
    ada, ben = entered(trail), member("ben").identity
    requests.ask(ada, "a death")
    end = start + timedelta(minutes=REQUEST_MINUTES)
    at(end - timedelta(seconds=1))
    (request,) = requests.open_to(ben, TRIAL, SNAPSHOT)
    assert request.expires == end
    if confirmed:
        requests.answer(ben, request, confirm=True)
    at(end)
    assert requests.open_to(ben, TRIAL, SNAPSHOT) == []
    assert requests.standing_of(ada) is None
    if not confirmed:
        with pytest.raises(ClosedSessionError, match="expired"):
            requests.answer(ben, request, confirm=True)
    assert not requests.collect(ada)


def test_signing_out_withdraws_the_request(trail: Trail, requests: Requests) -> None:
    ada = entered(trail)
    requests.ask(ada, "a death")
    (request,) = requests.open_to(member("ben").identity, TRIAL, SNAPSHOT)
    ada.end(trail, "signed out")
    assert requests.open_to(member("ben").identity, TRIAL, SNAPSHOT) == []
    with pytest.raises(ClosedSessionError):
        requests.answer(member("ben").identity, request, confirm=True)


# The command line


def test_a_command_is_recorded_with_the_user_of_the_process(trail: Trail) -> None:
    closed = at_command_line(
        trail,
        trial=TRIAL,
        snapshot=SNAPSHOT,
        view=View.UNBLINDED,
        resource="exhibit allocation",
        reason="for the minutes",
    )
    assert closed.view is View.UNBLINDED
    (row,) = trail.select()
    assert (row.act, row.issuer, row.resource, row.reason) == (
        "view opened",
        "operating system",
        "exhibit allocation",
        "for the minutes",
    )
