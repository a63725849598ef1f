"""A session: until when it holds, and that a sign-in which lay idle unlocks nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import access.session
import access.sign_in
from access import Identity, Role
from access.session import Activity, Session, SignIn
from access.sign_in import ENDED, end_sign_in, identified, is_still
from settings import Settings
from tests.conftest import clock_of

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
IDLE = timedelta(minutes=15)
SIGN_IN = ("https://provider", "4711", 1_772_000_000)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock of sessions."""
    set_clock = clock_of(monkeypatch, access.session)
    set_clock(START)
    return set_clock


PERSON = Identity("provider", "4711", "Some Person", Role.BOARD)


def test_a_session_is_idle_to_the_second(at: Callable[[datetime], None]) -> None:
    session = Session(PERSON, last_active=START)
    at(START + IDLE - timedelta(seconds=1))
    assert not session.is_idle(15)
    at(START + IDLE)
    assert session.is_idle(15)


def test_a_session_holds_until_the_providers_word_or_the_role_ends(
    at: Callable[[datetime], None],
) -> None:
    entitled = [True]
    expiring = replace(PERSON, expires=START + IDLE)
    session = Session(expiring, entitled=lambda: entitled[0], last_active=START)
    assert session.holds()
    entitled[0] = False
    assert not session.holds()
    entitled[0] = True
    assert session.holds()
    at(START + IDLE)
    assert not session.holds()


@pytest.mark.parametrize("end", ["signed out", "idle", "revoked"])
def test_a_sign_in_that_is_over_is_over_for_each_session_of_it(
    at: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    """Not only for the window in which somebody signed out, or whose clock was the first."""
    activity = Activity()
    monkeypatch.setattr(access.sign_in, "ACTIVITY", activity)
    clock_of(monkeypatch, access.sign_in)(START)
    roles = tmp_path / "roles.toml"
    roles.write_text("[[role]]\ngroup = 'members'\nrole = 'board'\n", "utf-8")
    roles.chmod(0o644)
    asked = Settings(roles_file=roles, idle_minutes=IDLE / timedelta(minutes=1))
    sign_in = ("https://provider", "4711", int(START.timestamp()))
    claims = {"iss": sign_in[0], "sub": sign_in[1], "iat": sign_in[2], "groups": "members"}
    claims["exp"] = sign_in[2] + 3600
    refusal, identity = identified(claims, asked, used_now=True)
    assert identity is not None, refusal
    windows = [
        Session(identity, entitled=lambda: is_still(identity, claims, asked)) for _ in range(2)
    ]
    assert all(window.holds() for window in windows)
    match end:
        case "signed out":
            end_sign_in(claims)
        case "idle":
            at(START + IDLE)
        case "revoked":
            roles.write_text("[[role]]\ngroup = 'others'\nrole = 'board'\n", "utf-8")
    assert not any(window.holds() for window in windows)
    # However long ago somebody signed out, it is not taken for a lock.
    at(START + timedelta(minutes=50))
    assert (identified(claims, asked, used_now=True)[0] == ENDED) == (end == "signed out")


def used(activity: Activity, sign_in: SignIn = SIGN_IN, issued: datetime = START) -> bool:
    """Use it now; whether that is allowed."""
    return activity.last_use(sign_in, issued, IDLE, used_now=True) is not None


def test_a_window_that_looks_by_itself_uses_nothing(at: Callable[[datetime], None]) -> None:
    """Two windows that were left alone would keep each other open for ever."""
    activity = Activity()
    assert used(activity)
    for minutes in (5, 10, 14):
        at(START + timedelta(minutes=minutes))
        assert activity.last_use(SIGN_IN, START, IDLE, used_now=False) == START
    at(START + IDLE)
    assert activity.last_use(SIGN_IN, START, IDLE, used_now=False) is None
    assert not used(activity)


def test_a_sign_in_that_is_used_goes_on_and_one_that_lies_idle_does_not(
    at: Callable[[datetime], None],
) -> None:
    activity = Activity()
    for minutes in (0, 14, 28, 42):
        at(START + timedelta(minutes=minutes))
        assert used(activity)
    at(START + timedelta(minutes=57))
    assert not used(activity)
    # Another window, another try: it stays locked.
    assert not used(activity)
    again = (*SIGN_IN[:2], SIGN_IN[2] + 1)
    assert used(activity, again, START + timedelta(minutes=57))


def test_a_restart_of_the_server_unlocks_nothing(at: Callable[[datetime], None]) -> None:
    at(START + IDLE)
    assert not used(Activity())
    assert used(Activity(), issued=START + timedelta(seconds=1))


def test_a_sign_in_that_was_ended_is_refused_however_fresh(at: Callable[[datetime], None]) -> None:
    activity = Activity()
    assert used(activity)
    activity.end(SIGN_IN, START + timedelta(hours=1))
    for minutes in (0, 1, 14, 15, 16, 40):
        at(START + timedelta(minutes=minutes))
        assert used(activity, ("other", "person", minutes), START + timedelta(minutes=minutes))
        assert not used(activity)
