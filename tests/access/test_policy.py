"""The policy, written out: every role, every page, every view. Read the tables, not the code."""

import pytest

from access import Action, Denied, Grant, Identity, Role, View, decide, pages_of, views_of

PAGES = (
    "board-enrollment",
    "board-arm-balance",
    "data-findings",
    "data-checks",
    "data-intake",
)

MAY_OPEN_PAGE = {
    #                    enrollment  arm balance  findings  checks  intake
    Role.BOARD:         (True,       True,        False,    False,  False),
    Role.STATISTICIAN:  (True,       True,        True,     True,   True),
    Role.SPONSOR:       (True,       True,        False,    False,  False),
    Role.DATA_MANAGER:  (False,      False,       True,     True,   True),
}  # fmt: skip

MAY_OPEN_VIEW = {
    #                    pooled  coded  unblinded
    Role.BOARD:         (True,   True,  True),
    Role.STATISTICIAN:  (True,   True,  True),
    Role.SPONSOR:       (True,   False, False),
    Role.DATA_MANAGER:  (True,   False, False),
}  # fmt: skip

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


def person(role: Role) -> Identity:
    return Identity("provider", "4711", "Some Person", role)


def test_the_tables_name_every_role_and_page() -> None:
    assert set(MAY_OPEN_PAGE) == set(MAY_OPEN_VIEW) == set(Role)
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
        grant = decide(
            person(role), Action.OPEN_VIEW, trial="nct05689008", snapshot="2023-06-30.1", view=view
        )
        assert isinstance(grant, Grant)
        assert (grant.trial, grant.snapshot) == ("nct05689008", "2023-06-30.1")
        assert (grant.view, grant.role, grant.holder) == (view, role, "provider/4711")
    else:
        with pytest.raises(Denied, match="role does not include"):
            decide(
                person(role),
                Action.OPEN_VIEW,
                trial="nct05689008",
                snapshot="2023-06-30.1",
                view=view,
            )


@pytest.mark.parametrize(("role", "page", "allowed"), EVERY_PAGE)
@pytest.mark.parametrize("view", list(View))
def test_a_page_does_not_widen_the_views_of_its_reader(
    role: Role, page: str, allowed: bool, view: View
) -> None:
    """By the direct address of any page, a role gets no view that it does not have anyway."""
    may_view = MAY_OPEN_VIEW[role][view - 1]
    try:
        grant = decide(
            person(role), Action.OPEN_VIEW, page=page, trial="t", snapshot="s", view=view
        )
    except Denied:
        assert not may_view
    else:
        assert may_view
        assert grant is not None
        assert grant.view is view


def test_a_higher_view_includes_the_lower_ones() -> None:
    assert View.POOLED < View.CODED < View.UNBLINDED
    for role in Role:
        highest = max(views_of(role))
        assert views_of(role) == tuple(view for view in View if view <= highest)


@pytest.mark.parametrize("view", list(View))
def test_a_view_is_written_as_a_word(view: View) -> None:
    assert View.from_word(view.word) is view
    assert View.from_word(view.word.upper()) is view


def test_an_unknown_word_is_answered_with_the_views_there_are() -> None:
    with pytest.raises(ValueError, match="no view 'blind'; there are: pooled, coded, unblinded"):
        View.from_word("blind")
