"""What is not named in the policy is denied, and a right cannot be made, kept or bent by hand."""

import copy
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import access.policy
from access import (
    Action,
    Denied,
    Grant,
    Identity,
    Role,
    View,
    command_line_identity,
    decide,
    demonstration_identities,
    pages_of,
    views_of,
)
from access.menu import MENU
from access.policy import issue_closed_session
from tests.conftest import clock_of

EVERY_PAGE = tuple(MENU)
BY_ROLE = {identity.role: identity for identity in demonstration_identities()}


def somebody(role: object) -> Identity:
    return Identity("demonstration", "somebody", "Somebody", cast(Role, role))


def granted(role: Role = Role.BOARD, view: View = View.POOLED, minutes: int = 480) -> Grant:
    of: dict[str, Any] = {"trial": "nct05689008", "snapshot": "2023-06-30.1"}
    closed = None
    if view is not View.POOLED:
        closed = issue_closed_session(somebody(role), **of, view=view, reason="a test")
    grant = decide(
        somebody(role),
        Action.OPEN_VIEW,
        **of,
        view=view,
        minutes=minutes,
        closed=closed,
        released="2023-06-30.1",
    )
    assert grant is not None
    return grant


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_nobody_who_is_not_signed_in_opens_a_page(page: str) -> None:
    with pytest.raises(Denied, match="sign in"):
        decide(None, Action.OPEN_PAGE, page=page)


@pytest.mark.parametrize("view", list(View))
def test_nobody_who_is_not_signed_in_opens_a_view(view: View) -> None:
    with pytest.raises(Denied, match="sign in"):
        decide(None, Action.OPEN_VIEW, trial="t", snapshot="s", view=view)


@given(
    role=st.text() | st.none() | st.integers(),
    page=st.sampled_from(EVERY_PAGE) | st.text() | st.none(),
    view=st.sampled_from(list(View)),
)
def test_an_unknown_role_has_nothing(role: object, page: str | None, view: View) -> None:
    if role in set(Role):
        return
    stranger = somebody(role)
    assert pages_of(stranger.role) == ()
    assert views_of(stranger.role) == ()
    with pytest.raises(Denied):
        decide(stranger, Action.OPEN_PAGE, page=page)
    with pytest.raises(Denied):
        decide(stranger, Action.OPEN_VIEW, trial="t", snapshot="s", view=view)


@given(role=st.sampled_from(list(Role)), page=st.text() | st.none())
def test_an_unknown_page_is_nobodys(role: Role, page: str | None) -> None:
    if page in EVERY_PAGE:
        return
    with pytest.raises(Denied):
        decide(somebody(role), Action.OPEN_PAGE, page=page)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("view", ["unblinded", "UNBLINDED", 0, 4, -1, None, ""])
def test_an_unknown_view_is_nobodys(role: Role, view: object) -> None:
    with pytest.raises(Denied):
        decide(somebody(role), Action.OPEN_VIEW, trial="t", snapshot="s", view=cast(View, view))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", ["", "open page", "open view", "delete", None])
def test_an_unknown_action_is_nobodys(role: Role, action: object) -> None:
    with pytest.raises(Denied):
        decide(somebody(role), cast(Action, action), page=EVERY_PAGE[0], trial="t", snapshot="s")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("trial", "snapshot"), [("", "s"), ("t", ""), ("", "")])
def test_a_right_without_a_resource_is_nobodys(role: Role, trial: str, snapshot: str) -> None:
    with pytest.raises(Denied):
        decide(somebody(role), Action.OPEN_VIEW, trial=trial, snapshot=snapshot)


def test_opening_a_page_gives_no_right_to_data() -> None:
    for role, page in product(Role, EVERY_PAGE):
        if page in pages_of(role):
            assert decide(somebody(role), Action.OPEN_PAGE, page=page) is None


@pytest.mark.parametrize("issuer", [{}, {"issuer": None}, {"issuer": object()}])
def test_a_grant_is_not_made_by_hand(issuer: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"access\.decide"):
        Grant(
            trial="t",
            snapshot="s",
            view=View.UNBLINDED,
            holder="me",
            role=Role.BOARD,
            expires=datetime.max.replace(tzinfo=UTC),
            limited=False,
            sealed_records=False,
            question=None,
            holds=lambda: True,
            **cast(Any, issuer),
        )


@pytest.mark.parametrize(
    "change",
    [
        {"view": View.UNBLINDED},
        {"snapshot": "2024-01-31.1"},
        {"expires": datetime.max.replace(tzinfo=UTC)},
        {},
    ],
)
def test_a_grant_is_not_made_from_another(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        replace(granted(Role.SPONSOR), **cast(Any, change))


def test_a_grant_is_not_changed() -> None:
    grant = granted()
    for name in ("view", "snapshot", "expires", "holder"):
        with pytest.raises(FrozenInstanceError):
            setattr(grant, name, getattr(grant, name))


def test_a_copy_of_a_grant_says_the_same() -> None:
    assert copy.copy(granted()).view is View.POOLED


def test_a_grant_is_for_one_trial_snapshot_and_view() -> None:
    grant = granted(view=View.CODED)
    grant.check("nct05689008", "2023-06-30.1", View.CODED)
    for trial, snapshot, view in (
        ("cdiscpilot01", "2023-06-30.1", View.CODED),
        ("nct05689008", "2023-06-30.2", View.CODED),
        ("nct05689008", "2023-06-30.1", View.POOLED),
        ("nct05689008", "2023-06-30.1", View.UNBLINDED),
    ):
        with pytest.raises(Denied, match="another trial, snapshot or view"):
            grant.check(trial, snapshot, view)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock of the policy."""
    return clock_of(monkeypatch, access.policy)


@pytest.mark.parametrize("minutes", [1, 480])
def test_a_grant_expires_to_the_second(at: Callable[[datetime], None], minutes: int) -> None:
    start = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
    at(start)
    grant = granted(minutes=minutes)
    assert grant.expires == start + timedelta(minutes=minutes)
    at(grant.expires - timedelta(microseconds=1))
    grant.check(grant.trial, grant.snapshot, grant.view)
    at(grant.expires)
    with pytest.raises(Denied, match="has expired"):
        grant.check(grant.trial, grant.snapshot, grant.view)


@pytest.mark.parametrize("minutes", [0, -5])
def test_a_grant_of_no_time_is_no_right(minutes: int) -> None:
    grant = granted(minutes=minutes)
    with pytest.raises(Denied, match="has expired"):
        grant.check(grant.trial, grant.snapshot, grant.view)


def test_the_command_line_is_the_user_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    identity = command_line_identity()
    assert (identity.issuer, identity.subject) == ("operating system", "ada")


def test_the_demonstration_has_a_person_for_every_role_and_two_board_members() -> None:
    assert set(BY_ROLE) == set(Role)
    everybody = demonstration_identities()
    assert len({person.subject for person in everybody}) == len(everybody) == len(Role) + 1
    assert len({person.name for person in everybody}) == len(everybody)
    assert sum(person.role is Role.BOARD for person in everybody) == 2
    assert {identity.issuer for identity in BY_ROLE.values()} == {"demonstration"}
