"""Windows of one sign-in at a provider: what ends the sign-in ends each of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

import access.sign_in
import display.sign_in
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
    activity = Activity()
    for room in (access.sign_in, display.sign_in):
        monkeypatch.setattr(room, "ACTIVITY", activity)

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
