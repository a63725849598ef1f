"""A clock that is set back makes no right last longer."""

from datetime import UTC, datetime, timedelta

import pytest

import access.clock
from access import Action, Denied, Grant, Identity, Role, View
from access.policy import decide
from access.session import Session

PERSON = Identity("https://provider", "4711", "Ada", Role.BOARD)


class Machine:
    """A machine whose clock somebody sets, and that goes on meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.runs = datetime(2026, 12, 1, 12, tzinfo=UTC), 1_000.0
        machine = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                return machine.wall

        monkeypatch.setattr(access.clock, "datetime", Clock)
        monkeypatch.setattr(access.clock, "monotonic", lambda: machine.runs)
        monkeypatch.setattr(access.clock, "_BEGIN", self.wall)
        monkeypatch.setattr(access.clock, "_BEGUN", self.runs)

    def go_on(self, minutes: float, *, set_back: float = 0) -> None:
        self.runs += 60 * minutes
        self.wall += timedelta(minutes=minutes - set_back)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_the_time_goes_on_whatever_the_clock_says(machine: Machine) -> None:
    begin = access.clock.now()
    for minutes, set_back, gone in ((5, 0, 5), (5, 600, 10), (5, 0, 15), (5, -700, 120)):
        machine.go_on(minutes, set_back=set_back)
        assert access.clock.now() - begin == timedelta(minutes=gone)


def test_a_right_and_an_idle_window_end_though_the_clock_was_set_back(machine: Machine) -> None:
    session = Session(PERSON)
    grant = decide(
        PERSON, Action.OPEN_VIEW, trial="t", snapshot="2026-11-30.1", view=View.POOLED, minutes=15
    )
    assert isinstance(grant, Grant)
    machine.go_on(14, set_back=24 * 60)
    grant.check("t", "2026-11-30.1", View.POOLED)
    assert not session.is_idle(15)
    machine.go_on(2)
    with pytest.raises(Denied):
        grant.check("t", "2026-11-30.1", View.POOLED)
    assert session.is_idle(15)
