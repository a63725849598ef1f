"""The policy: roles, the pages they have, the views they may open. What is not named is denied."""

from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from access.identity import Identity, Role
from access.view import View


class Action(StrEnum):
    """What somebody may want to do with a resource."""

    OPEN_PAGE = "open page"
    OPEN_VIEW = "open view"


BOARD_PAGES = ("board-enrollment", "board-arm-balance")
DATA_PAGES = ("data-findings", "data-checks", "data-intake")

# Role: the pages it has, and the highest view it may open.
POLICY: dict[Role, tuple[tuple[str, ...], View]] = {
    Role.BOARD: (BOARD_PAGES, View.UNBLINDED),
    Role.STATISTICIAN: ((*BOARD_PAGES, *DATA_PAGES), View.UNBLINDED),
    Role.SPONSOR: (BOARD_PAGES, View.POOLED),
    Role.DATA_MANAGER: (DATA_PAGES, View.POOLED),
}


class Denied(Exception):
    """Somebody may not do what they asked for; the text is for them to read."""


_ISSUED_HERE = object()


@dataclass(frozen=True)
class Grant:
    """The right of one holder to look at one snapshot in one view, until it expires.

    Only `decide` makes one; a Board asks it before every query.
    """

    trial: str
    snapshot: str
    view: View
    holder: str
    role: Role
    expires: datetime
    issuer: InitVar[object] = None  # not kept, so that no copy can be made of a grant

    def __post_init__(self, issuer: object) -> None:
        """Refuse a grant that was not issued by `decide`."""
        if issuer is not _ISSUED_HERE:
            raise TypeError("A Grant is made by access.decide only.")

    def check(self, trial: str, snapshot: str, view: View) -> None:
        """Raise Denied unless this grant is for exactly this, and has not expired."""
        if (self.trial, self.snapshot, self.view) != (trial, snapshot, view):
            raise Denied("This right is for another trial, snapshot or view. Open the page again.")
        if datetime.now(UTC) >= self.expires:
            raise Denied("Your right to look at this data has expired. Sign in again.")


def pages_of(role: Role) -> tuple[str, ...]:
    """The addresses of the pages that a role has, in the order of the menu."""
    return POLICY[role][0] if role in POLICY else ()


def views_of(role: Role) -> tuple[View, ...]:
    """The views that a role may open, the lowest first."""
    return tuple(view for view in View if role in POLICY and view <= POLICY[role][1])


def decide(
    identity: Identity | None,
    action: Action,
    *,
    page: str | None = None,
    trial: str = "",
    snapshot: str = "",
    view: View = View.POOLED,
    minutes: int = 480,
) -> Grant | None:
    """Decide on one question: may this person do this with this resource?

    Args:
        identity: None for somebody who is not signed in.
        page: the address of the page, for OPEN_PAGE.
        trial, snapshot, view: what to look at, for OPEN_VIEW.
        minutes: how long the right lasts.

    Returns:
        A Grant for OPEN_VIEW, None for OPEN_PAGE.

    Raises:
        Denied: in every case that the policy does not name.
    """
    if identity is None:
        raise Denied("Please sign in.")
    if action is Action.OPEN_PAGE and page in pages_of(identity.role):
        return None
    if action is Action.OPEN_VIEW and view in views_of(identity.role) and trial and snapshot:
        return Grant(
            trial,
            snapshot,
            view,
            identity.holder,
            identity.role,
            datetime.now(UTC) + timedelta(minutes=minutes),
            _ISSUED_HERE,
        )
    raise Denied("Your role does not include this.")
