"""The policy, written out: every role, every page, every view. Read the tables, not the code."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access import (
    Action,
    ClosedSession,
    Denied,
    Grant,
    Identity,
    Role,
    View,
    decide,
    pages_of,
    views_of,
)
from access.policy import UNBLINDING_QUESTION, issue_closed_session

PAGES = (
    "board-overview",
    "board-enrollment",
    "board-conduct",
    "board-safety",
    "board-arm-balance",
    "board-special-interest",
    "board-laboratory",
    "board-oxygenation",
    "board-immune",
    "board-survival",
    "board-participant",
    "board-monitoring",
    "data-findings",
    "data-checks",
    "data-intake",
    "governance-audit",
)

OF_SPONSORS = (True,) * 5  # overview, enrollment, conduct, safety, arm balance
# special interest, laboratory, oxygenation, immune, survival, participant, monitoring
OF_THE_BOARD = (True,) * 7
NONE_OF_SPONSORS, NONE_OF_THE_BOARD = (False,) * 5, (False,) * 7
OF_DATA, NO_DATA = (True, True, True), (False,) * 3  # findings, checks, intake
MAY_OPEN_PAGE = {
    #                                                          the audit trail
    Role.BOARD:        (*OF_SPONSORS, *OF_THE_BOARD, *NO_DATA, False),
    Role.STATISTICIAN: (*OF_SPONSORS, *OF_THE_BOARD, *OF_DATA, False),
    Role.SPONSOR:      (*OF_SPONSORS, *NONE_OF_THE_BOARD, *NO_DATA, False),
    Role.DATA_MANAGER: (True, False, True, False, False, *NONE_OF_THE_BOARD, *OF_DATA, False),
    Role.UNBLINDED_DATA_MANAGER: (*NONE_OF_SPONSORS, *NONE_OF_THE_BOARD, *OF_DATA, False),
    Role.AUDITOR:      (*NONE_OF_SPONSORS, *NONE_OF_THE_BOARD, *NO_DATA, True),
}  # fmt: skip

# The comparative ones in the closed session.
MAY_OPEN_VIEW = {
    #                    pooled  coded  unblinded
    Role.BOARD:         (True,   True,  True),
    Role.STATISTICIAN:  (True,   True,  True),
    Role.SPONSOR:       (True,   False, False),
    Role.DATA_MANAGER:  (True,   False, False),
    Role.UNBLINDED_DATA_MANAGER: (True, False, False),
    Role.AUDITOR:       (False,  False, False),
}  # fmt: skip

MAY_ACT = {
    #                    closed session  unblind one  read the trail
    Role.BOARD:         (True,           False,       False),
    Role.STATISTICIAN:  (True,           True,        False),
    Role.SPONSOR:       (False,          False,       False),
    Role.DATA_MANAGER:  (False,          False,       False),
    Role.UNBLINDED_DATA_MANAGER: (False, False,       False),
    Role.AUDITOR:       (False,          False,       True),
}  # fmt: skip
ACTS = (Action.ENTER_CLOSED_SESSION, Action.UNBLIND_PARTICIPANT, Action.READ_TRAIL)
TRIAL, SNAPSHOT = "nct05689008", "2023-06-30.1"

EVERY_PAGE = [
    (role, page, allowed)
    for role, row in MAY_OPEN_PAGE.items()
    for page, allowed in zip(PAGES, row, strict=True)
]
EVERY_VIEW = [
    (role, view, allowed)
    for role, row in MAY_OPEN_VIEW.items()
    for view, allowed in zip(View, row, strict=True)
]


EVERY_ACT = [
    (role, act, allowed)
    for role, row in MAY_ACT.items()
    for act, allowed in zip(ACTS, row, strict=True)
]


def person(role: Role, trials: frozenset[str] | None = None) -> Identity:
    return Identity("provider", "4711", "Some Person", role, trials)


def closed(role: Role, view: View) -> ClosedSession | None:
    """The closed session of such a person up to a view; None where there can be none."""
    if view is View.POOLED:
        return None
    try:
        return issue_closed_session(
            person(role), trial=TRIAL, snapshot=SNAPSHOT, view=view, reason="a test"
        )
    except Denied:
        return None


def asked_for(role: Role, view: View, **more: Any) -> Grant | None:
    """What is decided where everything is done as it should be."""
    given: dict[str, Any] = {
        "trial": TRIAL,
        "snapshot": SNAPSHOT,
        "view": view,
        "closed": closed(role, view),
        "released": SNAPSHOT,
    }
    return decide(person(role), Action.OPEN_VIEW, **(given | more))


def test_the_tables_name_every_role_and_page() -> None:
    assert set(MAY_OPEN_PAGE) == set(MAY_OPEN_VIEW) == set(MAY_ACT) == set(Role)
    assert {page for role in Role for page in pages_of(role)} == set(PAGES)


@pytest.mark.parametrize(("role", "page", "allowed"), EVERY_PAGE)
def test_page(role: Role, page: str, allowed: bool) -> None:
    assert (page in pages_of(role)) is allowed
    if allowed:
        assert decide(person(role), Action.OPEN_PAGE, page=page) is None
    else:
        with pytest.raises(Denied, match="role does not include"):
            decide(person(role), Action.OPEN_PAGE, page=page)


@pytest.mark.parametrize(("role", "view", "allowed"), EVERY_VIEW)
def test_view(role: Role, view: View, allowed: bool) -> None:
    assert (view in views_of(role)) is allowed
    if allowed:
        grant = asked_for(role, view)
        assert isinstance(grant, Grant)
        assert (grant.trial, grant.snapshot) == (TRIAL, SNAPSHOT)
        assert (grant.view, grant.role, grant.holder) == (view, role, "provider/4711")
        assert grant.limited == (role is Role.SPONSOR)
        assert grant.sealed_records == (
            view is View.UNBLINDED or role is Role.UNBLINDED_DATA_MANAGER
        )
    else:
        with pytest.raises(Denied, match="role does not include"):
            asked_for(role, view)


@pytest.mark.parametrize(("role", "act", "allowed"), EVERY_ACT)
def test_act(role: Role, act: Action, allowed: bool) -> None:
    if allowed:
        grant = decide(person(role), act, trial=TRIAL, snapshot=SNAPSHOT)
        assert (grant is not None) == (act is Action.UNBLIND_PARTICIPANT)
    else:
        with pytest.raises(Denied, match="role does not include"):
            decide(person(role), act, trial=TRIAL, snapshot=SNAPSHOT)


@pytest.mark.parametrize("role", [role for role in Role if len(views_of(role)) > 1])
@pytest.mark.parametrize("view", [View.CODED, View.UNBLINDED])
def test_a_comparative_view_needs_the_closed_session_of_this_person_and_snapshot(
    role: Role, view: View
) -> None:
    other = Identity("provider", "4712", "Another", role)
    lower = None if view is View.CODED else closed(role, View.CODED)
    elsewhere = [
        issue_closed_session(who, trial=trial, snapshot=snapshot, view=view, reason="a test")
        for who, trial, snapshot in (
            (other, TRIAL, SNAPSHOT),
            (person(role), "cdiscpilot01", SNAPSHOT),
            (person(role), TRIAL, "2023-08-31.1"),
        )
    ]
    for held in (None, lower, *elsewhere):
        with pytest.raises(Denied, match="closed session"):
            asked_for(role, view, closed=held)
    assert asked_for(role, view) is not None


def test_a_closed_session_is_not_made_by_hand_nor_from_another() -> None:
    with pytest.raises(TypeError, match="closed_session"):
        ClosedSession(TRIAL, SNAPSHOT, View.UNBLINDED, "provider/4711", "me")
    held = closed(Role.BOARD, View.CODED)
    assert held is not None
    with pytest.raises((TypeError, ValueError)):
        replace(held, view=View.UNBLINDED)


@pytest.mark.parametrize("released", [None, "", "2023-08-31.1"])
def test_the_sponsor_opens_the_released_snapshot_only(released: str | None) -> None:
    with pytest.raises(Denied, match="not released"):
        asked_for(Role.SPONSOR, View.POOLED, released=released)
    assert asked_for(Role.BOARD, View.POOLED, released=released) is not None


@pytest.mark.parametrize("action", [Action.OPEN_VIEW, *ACTS])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_for_another_trial_is_no_role_for_this_one(role: Role, action: Action) -> None:
    with pytest.raises(Denied, match="not for this trial"):
        decide(
            person(role, frozenset({"cdiscpilot01"})),
            action,
            trial=TRIAL,
            snapshot=SNAPSHOT,
            released=SNAPSHOT,
        )


def test_emergency_unblinding_gives_the_right_to_one_question() -> None:
    grant = decide(
        person(Role.STATISTICIAN), Action.UNBLIND_PARTICIPANT, trial=TRIAL, snapshot=SNAPSHOT
    )
    assert grant is not None
    grant.check_question(UNBLINDING_QUESTION, says_what_it_counts=False, chosen={"subject"})
    with pytest.raises(Denied, match="one question"):
        grant.check_question("arm_balance/allocation", says_what_it_counts=True, chosen=set())


def test_a_limited_right_is_to_counts_without_a_choice() -> None:
    grant = asked_for(Role.SPONSOR, View.POOLED)
    assert grant is not None
    grant.check_question("a/b", says_what_it_counts=True, chosen=set())
    with pytest.raises(Denied, match="rows of participants"):
        grant.check_question("a/b", says_what_it_counts=False, chosen=set())
    with pytest.raises(Denied, match="choice of filters"):
        grant.check_question("a/b", says_what_it_counts=True, chosen={"sites"})


def test_a_grant_ends_with_the_session_and_with_the_providers_word() -> None:
    still = [True]
    grant = asked_for(Role.BOARD, View.CODED, holds=lambda: still[0])
    assert grant is not None
    grant.check(TRIAL, SNAPSHOT, View.CODED)
    still[0] = False
    with pytest.raises(Denied, match="has ended"):
        grant.check(TRIAL, SNAPSHOT, View.CODED)
    soon = datetime.now(UTC) + timedelta(minutes=3)
    expiring = replace(person(Role.BOARD), expires=soon)
    short = decide(expiring, Action.OPEN_VIEW, trial=TRIAL, snapshot=SNAPSHOT)
    assert short is not None
    assert short.expires == soon


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("view", list(View))
def test_a_page_does_not_widen_the_views_of_its_reader(role: Role, view: View) -> None:
    """By the direct address of any page, a role gets no view that it does not have anyway."""
    may_view = MAY_OPEN_VIEW[role][view - 1]
    for page in dict.fromkeys(page for _, page, _ in EVERY_PAGE):
        try:
            grant = asked_for(role, view, page=page)
        except Denied:
            assert not may_view, page
        else:
            assert may_view, page
            assert grant is not None
            assert grant.view is view


def test_a_higher_view_includes_the_lower_ones() -> None:
    assert View.POOLED < View.CODED < View.UNBLINDED
    for role in set(Role) - {Role.AUDITOR}:
        highest = max(views_of(role))
        assert views_of(role) == tuple(view for view in View if view <= highest)


@pytest.mark.parametrize("view", list(View))
def test_a_view_is_written_as_a_word(view: View) -> None:
    assert View.from_word(view.word) is view
    assert View.from_word(view.word.upper()) is view


def test_an_unknown_word_is_answered_with_the_views_there_are() -> None:
    with pytest.raises(ValueError, match="no view 'blind'; there are: pooled, coded, unblinded"):
        View.from_word("blind")
