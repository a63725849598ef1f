"""Emergency unblinding: at once for the first ones of a day, always told, and no way around."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any, cast

import pytest

import access.clock
import access.emergencies
from access import Denied, Grant, Role
from access.closed_session import Request, Requests, leave
from access.emergencies import (
    Emergency,
    SecondPersonError,
    ask_second_person,
    board_members,
    most_within_a_day,
    participants,
    unblind_confirmed,
    unblind_participant,
    unblinded,
)
from access.errors import ClosedSessionError
from access.session import Session
from access.trail import Trail
from tests.access.conftest import Records
from tests.access.test_closed_session import SNAPSHOT, TRIAL, entered, member
from tests.conftest import clock_of

REASON = "Anaphylaxis; the ward has to know what was given."
TOLD = "Dr. Ada Board"
# As in the definition, unless it says otherwise.
A_DAY = 3


@pytest.fixture
def trail(sqlite_records: Records) -> Trail:
    return sqlite_records.trail()


@pytest.fixture
def requests(trail: Trail) -> Requests:
    return Requests(trail)


def statistician(subject: str = "max") -> Session:
    return member(subject, Role.STATISTICIAN)


def about(participant: str, reason: str = REASON, told: str = TOLD) -> Emergency:
    return Emergency(TRIAL, SNAPSHOT, participant, reason, told)


def arm_of(_grant: Grant, participant: str) -> str | None:
    return None if participant == "nobody" else f"arm of {participant}"


def unblind(trail: Trail, asked: Emergency, session: Session | None = None) -> str | None:
    who = session or statistician()
    return unblind_participant(who, trail, asked, a_day=A_DAY, arm_of=arm_of)


def test_one_participant_is_unblinded_after_it_was_recorded(trail: Trail) -> None:
    asked: list[tuple[Grant, str, list[str]]] = []

    def watched(grant: Grant, participant: str) -> str:
        asked.append((grant, participant, [row.outcome for row in trail.select()]))
        return "UC-MSC"

    found = unblind_participant(
        statistician(), trail, about(" 01-007 ", told=""), a_day=A_DAY, arm_of=watched
    )
    assert found == "UC-MSC"
    ((grant, participant, before),) = asked
    assert participant == "01-007"
    assert grant.question == "emergency/arm_of_participant"
    assert before == ["intended"]
    assert [(row.outcome, row.resource, row.reason) for row in trail.select()] == [
        ("done", "01-007", REASON),
        ("intended", "01-007", REASON),
    ]
    # The trail says whom, and not what was found.
    assert all("UC-MSC" not in str(row) for row in trail.select())


@pytest.mark.parametrize(
    ("role", "participant", "reason"),
    [
        (Role.BOARD, "01-007", REASON),
        (Role.SPONSOR, "01-007", REASON),
        (Role.STATISTICIAN, " ", REASON),
        *(
            (Role.STATISTICIAN, "01-007", reason)
            for reason in (
                " ",
                "x",
                "anaphylaxis",
                "x" * 20,
                "xx xx xx xx xx xx",
                "1234567 890123 45",
            )
        ),
    ],
)
def test_no_other_role_and_nothing_without_a_sentence(
    trail: Trail, role: Role, participant: str, reason: str
) -> None:
    with pytest.raises((Denied, ClosedSessionError)):
        unblind_participant(
            member("eve", role),
            trail,
            about(participant, reason),
            a_day=A_DAY,
            arm_of=lambda *_: pytest.fail("it was asked"),
        )
    assert unblinded(trail) == []


def test_a_session_that_has_ended_unblinds_nobody(trail: Trail) -> None:
    """A dialog that is still open on the screen asks by itself, without the page around it."""
    session = Session(statistician().identity, entitled=lambda: False)
    with pytest.raises(Denied, match="has ended"):
        unblind(trail, about("01-007"), session)
    assert trail.count() == 0


def test_six_within_a_minute_by_one_person_are_not_to_be_had(
    trail: Trail, requests: Requests
) -> None:
    """The second has a member of the board named, the fourth a second person."""
    max_ = statistician()
    assert unblind(trail, about("1", told=""), max_)
    for told in ("", "x", "Ada"):
        with pytest.raises(ClosedSessionError, match="name the member of the board"):
            unblind(trail, about("2", told=told), max_)
    assert unblind(trail, about("2"), max_)
    assert unblind(trail, about("3", told="ada@hospital.test"), max_)
    for participant in ("4", "5", "6"):
        with pytest.raises(SecondPersonError, match="second person"):
            unblind(trail, about(participant), max_)
    # Nor is another person another count; whom they know already they may look up again.
    with pytest.raises(SecondPersonError):
        unblind(trail, about("4"), statistician("mia"))
    assert unblind(trail, about("3"), max_)
    found = unblinded(trail, TRIAL)
    assert [one.participant for one in found] == ["1", "2", "3", "3"]
    assert (participants(found), most_within_a_day(found)) == (3, 3)
    assert f"(told: {TOLD})" in trail.select(limit=1)[0].reason
    assert trail.verify().problem is None


def asked_for_the_fourth(trail: Trail, requests: Requests, session: Session) -> Request:
    for participant in ("1", "2", "3"):
        unblind(trail, about(participant))
    ask_second_person(session, trail, requests, about("4"))
    (request,) = requests.about_participants(session)
    return request


def test_a_second_person_confirms_one_for_the_session_that_asked(
    trail: Trail, requests: Requests
) -> None:
    max_, ben = statistician(), member("ben").identity
    request = asked_for_the_fourth(trail, requests, max_)

    def show(session: Session) -> str | None:
        return unblind_confirmed(session, trail, requests, request, arm_of=arm_of)

    with pytest.raises(ClosedSessionError, match="not confirmed"):
        show(max_)
    with pytest.raises(Denied, match="second person"):
        requests.answer(max_.identity, request, confirm=True)
    # On whatever snapshot the second person looks at.
    (seen,) = requests.open_to(ben, TRIAL, "another snapshot")
    assert seen.participant == "4"
    assert seen.asked_by == "Member max\nmax, statistician"
    requests.answer(ben, seen, confirm=True)
    with pytest.raises(ClosedSessionError, match="not confirmed"):
        show(statistician())
    assert show(max_) == "arm of 4"
    with pytest.raises(ClosedSessionError, match="was used"):
        show(max_)
    assert [one.participant for one in unblinded(trail)] == ["1", "2", "3", "4"]
    said = {row.act for row in trail.select() if "participant 4: " in row.reason}
    assert said == {"emergency unblinding asked for", "emergency unblinding confirmed"}


@pytest.mark.parametrize("end", ["declined", "expired", "ended"])
def test_what_was_asked_for_and_not_confirmed_in_time_shows_nothing(
    trail: Trail, requests: Requests, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    max_, ben = statistician(), member("ben").identity
    request = asked_for_the_fourth(trail, requests, max_)
    requests.answer(ben, request, confirm=end != "declined")
    match end:
        case "expired":
            clock_of(monkeypatch, access.closed_session)(request.expires)
        case "ended":
            max_.end(trail, "signed out")
    with pytest.raises((ClosedSessionError, Denied)):
        unblind_confirmed(max_, trail, requests, request, arm_of=arm_of)
    assert participants(unblinded(trail)) == 3


def test_a_confirmed_emergency_names_no_arms_and_outlasts_the_closed_session(
    trail: Trail, requests: Requests
) -> None:
    max_ = entered(trail, "max", Role.STATISTICIAN)
    request = asked_for_the_fourth(trail, requests, max_)
    assert requests.standing_of(max_) is None
    requests.answer(member("ben").identity, request, confirm=True)
    assert not requests.collect(max_)
    leave(max_, trail)
    assert unblind_confirmed(max_, trail, requests, request, arm_of=arm_of)


def test_of_several_at_once_no_more_are_shown_than_of_several_in_turn(trail: Trail) -> None:
    together, shown = Barrier(6), list[str | None]()

    def ask(participant: str) -> None:
        session = statistician()
        together.wait()
        with suppress(SecondPersonError):
            shown.append(unblind(trail, about(participant), session))

    threads = [Thread(target=ask, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(shown) <= A_DAY
    assert participants(unblinded(trail)) == len(shown)


def test_a_day_later_the_first_one_is_one_again(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    for participant in ("1", "2", "nobody", "3"):
        unblind(trail, about(participant))
    later = datetime.now(UTC) + timedelta(hours=24)
    clock_of(monkeypatch, access.emergencies)(later - timedelta(minutes=1))
    with pytest.raises(SecondPersonError):
        unblind(trail, about("4"))
    clock_of(monkeypatch, access.emergencies)(later + timedelta(minutes=1))
    assert unblind(trail, about("4", told=""))
    # Who is none of the participants was not unblinded.
    assert [one.participant for one in unblinded(trail)] == ["1", "2", "3", "4"]


def test_a_clock_that_is_set_back_frees_no_day(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Back":
            return cast(Back, datetime.now(tz) - timedelta(hours=25))

    monkeypatch.setattr(access.clock, "datetime", Back)
    for participant in ("1", "2", "3"):
        unblind(trail, about(participant))
    with pytest.raises(SecondPersonError):
        unblind(trail, about("4"))


def test_members_of_the_board_are_offered_by_name(trail: Trail) -> None:
    entered(trail, "ada")
    entered(trail, "max", Role.STATISTICIAN)
    assert board_members(trail) == ["Member ada (provider/ada)"]
