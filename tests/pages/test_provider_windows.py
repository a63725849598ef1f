"""Windows of one sign-in at a provider: what ends the sign-in ends each of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

import access.sign_in
from access import Denied, View
from access.session import Activity
from access.trail import Trail
from tests.conftest import LoadedTrial
from tests.pages.conftest import Visitor

AtDashboard = Callable[[LoadedTrial], Visitor]

ROLES = """
[[role]]
group = "members"
role = "board"
"""


class Account:
    """What Streamlit knows of a browser's cookie."""

    is_logged_in = True

    def __init__(self) -> None:
        now = int(datetime.now(UTC).timestamp())
        self.claims: dict[str, Any] = {
            "iss": "https://provider", "sub": "4711", "name": "Ada", "groups": ["members"],
            "iat": now, "exp": now + 3600,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        return self.claims


@pytest.fixture
def role_file(tmp_path: Path) -> Path:
    """A role file that gives Ada a role."""
    path = tmp_path / "roles.toml"
    path.write_text(ROLES, "utf-8")
    path.chmod(0o644)
    return path


@pytest.fixture
def signed_in(
    at_dashboard: AtDashboard,
    demonstration_store: LoadedTrial,
    role_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Visitor]:
    """A new window of the same browser, which has the cookie of a member of the board."""
    monkeypatch.setattr(st, "user", Account())
    monkeypatch.setattr(st, "logout", lambda: None)
    monkeypatch.setattr(access.sign_in, "ACTIVITY", Activity())

    def come() -> Visitor:
        visitor = at_dashboard(demonstration_store)
        monkeypatch.setenv("DSMB_IDENTITY", "oidc")
        monkeypatch.setenv("DSMB_ROLES_FILE", str(role_file))
        return visitor.run()

    return come


def by_itself(visitor: Visitor) -> Visitor:
    """Run as the clock of an untouched window does."""
    visitor.window.by_clock = True
    return visitor.run()


def test_signing_out_in_one_window_ends_every_other_one(
    signed_in: Callable[[], Visitor], trail: Trail
) -> None:
    one, other = signed_in(), signed_in().look(View.CODED)
    board = other.board
    assert board is not None
    assert b"Arm A" in other.bytes_sent
    next(button for button in one.app.button if button.label == "Sign out").click()
    one.run()
    # What a fold-out of the other window asks, and what its clock does.
    with pytest.raises(Denied, match="has ended"):
        board.check()
    assert not other.session.holds()
    by_itself(other)
    assert other.board is None
    assert not other.shows_numbers
    assert b"Arm A" not in other.bytes_sent
    acts = [row.act for row in reversed(trail.select()) if row.act.endswith(("left", "ended"))]
    assert acts == ["session ended", "closed session left", "session ended"]
    assert "refused" not in {row.outcome for row in trail.select()}
    # Somebody has kept a copy of the cookie.
    kept = signed_in()
    assert not kept.shows_numbers
    last = trail.select(limit=1)[0]
    assert (last.act, last.outcome, last.subject) == ("ended sign-in used", "refused", "4711")
    assert "signed out" in last.reason


def removed(role_file: Path) -> None:
    role_file.unlink()


def half_written(role_file: Path) -> None:
    role_file.write_text(ROLES[: len(ROLES) // 2], "utf-8")


@pytest.mark.parametrize("happens", [removed, half_written])
def test_a_right_that_cannot_be_proved_ends_the_closed_session(
    signed_in: Callable[[], Visitor],
    trail: Trail,
    role_file: Path,
    capfd: pytest.CaptureFixture[str],
    happens: Callable[[Path], None],
) -> None:
    """It does not come back with the file, and the file is named to the log alone."""
    visitor = signed_in().look(View.CODED)
    assert b"Arm A" in visitor.bytes_sent
    happens(role_file)
    assert not visitor.session.holds()
    for _ in range(2):
        by_itself(visitor)
        assert not visitor.shows_numbers
        assert b"Arm A" not in visitor.bytes_sent
        assert role_file.name.encode() not in visitor.bytes_sent
        assert visitor.sentences == []
    assert [button.label for button in visitor.app.button] == ["Sign out"]
    acts = [row.act for row in trail.select()]
    assert (acts.count("closed session left"), acts.count("session ended")) == (1, 1)
    (line,) = capfd.readouterr().err.splitlines()
    assert str(role_file) in json.loads(line)["why"]
    role_file.unlink(missing_ok=True)
    role_file.write_text(ROLES, "utf-8")
    role_file.chmod(0o644)
    assert visitor.run().session.closed is None
    assert visitor.shows_numbers
    assert b"Arm A" not in visitor.bytes_sent
