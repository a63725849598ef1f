"""The policy: roles, the pages they have, the views they may open. What is not named is denied."""

from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from access.clock import now
from access.identity import DEMONSTRATION, Identity, Role
from access.menu import Audience, pages_for
from access.view import View


class Action(StrEnum):
    """What somebody may want to do."""

    OPEN_PAGE = "open page"
    OPEN_VIEW = "open view"
    ENTER_CLOSED_SESSION = "enter closed session"
    UNBLIND_PARTICIPANT = "unblind one participant"
    READ_TRAIL = "read the audit trail"


CLOSED = frozenset({Action.ENTER_CLOSED_SESSION})


@dataclass(frozen=True)
class Rights:
    """What a role may do.

    Attributes:
        pages: ids of pages, in the order of the menu.
        view: the highest view it may open; None for a role that sees no data.
        limited: no rows of participants, few shown together with others, no choice of filters, and
            of the snapshots only the last one that was released.
        sealed_records: also what was sealed, record by record, and what was found wrong with it;
            whether anything is by arm is for the view to say.
        acts: what else.
    """

    pages: tuple[str, ...]
    view: View | None
    limited: bool = False
    sealed_records: bool = False
    acts: frozenset[Action] = frozenset()


POLICY: dict[Role, Rights] = {
    Role.BOARD: Rights(pages_for(Audience.BOARD), View.UNBLINDED, acts=CLOSED),
    Role.STATISTICIAN: Rights(
        pages_for(Audience.BOARD, Audience.DATA),
        View.UNBLINDED,
        acts=CLOSED | {Action.UNBLIND_PARTICIPANT},
    ),
    Role.SPONSOR: Rights(pages_for(Audience.SPONSOR), View.POOLED, limited=True),
    Role.DATA_MANAGER: Rights(pages_for(Audience.CONDUCT, Audience.DATA), View.POOLED),
    Role.UNBLINDED_DATA_MANAGER: Rights(pages_for(Audience.DATA), View.POOLED, sealed_records=True),
    Role.AUDITOR: Rights(pages_for(Audience.GOVERNANCE), None, acts=frozenset({Action.READ_TRAIL})),
}
NO_RIGHTS = Rights((), None)


# What emergency unblinding may ask, and nothing else.
UNBLINDING_QUESTION = "emergency/arm_of_participant"


class Denied(Exception):
    """Somebody may not do what they asked for; the text is for them to read."""


_ISSUED_HERE = object()


def _holds() -> bool:
    return True


@dataclass(frozen=True)
class ClosedSession:
    """That somebody entered the closed session on one snapshot, and up to which view.

    Made by `access.closed_session` only, after it was recorded; it ends with the session it is of.
    """

    trial: str
    snapshot: str
    view: View
    holder: str
    reason: str
    issuer: InitVar[object] = None  # not kept, so that no copy can be made

    def __post_init__(self, issuer: object) -> None:
        """Refuse one that was not issued by `issue_closed_session`."""
        if issuer is not _ISSUED_HERE:
            raise TypeError("A ClosedSession is made by access.closed_session only.")

    def covers(self, identity: Identity, trial: str, snapshot: str, view: View) -> bool:
        """Whether it opens this view of this snapshot to this person."""
        entered = (self.holder, self.trial, self.snapshot) == (identity.holder, trial, snapshot)
        return entered and view <= self.view


def issue_closed_session(
    identity: Identity, *, trial: str, snapshot: str, view: View, reason: str
) -> ClosedSession:
    """For `access.closed_session`, which records it first.

    Raises:
        Denied: the role has no closed session, or not this view.
    """
    decide(identity, Action.ENTER_CLOSED_SESSION, trial=trial, snapshot=snapshot)
    if view not in views_of(identity.role):
        raise Denied("Your role does not include this view.")
    return ClosedSession(trial, snapshot, view, identity.holder, reason, _ISSUED_HERE)


@dataclass(frozen=True)
class Grant:
    """The right of one holder to look at one snapshot in one view, until it expires or is revoked.

    Only `decide` makes one; a Board asks it before every query.

    Attributes:
        limited: see `Rights`.
        sealed_records: see `Rights`; so does whoever sees the arms under their names.
        question: the only question that may be asked with it; None for every one.
        holds: whether it was not revoked: the session goes on, and the role is as it was.
    """

    trial: str
    snapshot: str
    view: View
    holder: str
    role: Role
    expires: datetime
    limited: bool
    sealed_records: bool
    question: str | None
    holds: Callable[[], bool] = field(repr=False, compare=False)
    issuer: InitVar[object] = None  # not kept, so that no copy can be made of a grant

    def __post_init__(self, issuer: object) -> None:
        """Refuse a grant that was not issued by `decide`."""
        if issuer is not _ISSUED_HERE:
            raise TypeError("A Grant is made by access.decide only.")

    def check(self, trial: str, snapshot: str, view: View) -> None:
        """Raise Denied unless this grant is for exactly this, and still holds."""
        if (self.trial, self.snapshot, self.view) != (trial, snapshot, view):
            raise Denied("This right is for another trial, snapshot or view. Open the page again.")
        if now() >= self.expires:
            raise Denied("Your right to look at this data has expired. Sign in again.")
        if not self.holds():
            raise Denied("Your right to look at this data has ended. Sign in again.")

    def check_question(self, question: str, *, says_what_it_counts: bool, chosen: set[str]) -> None:
        """Raise Denied if this question is not to be asked with this grant.

        Args:
            question: its name.
            says_what_it_counts: whether its head says so, so that few can be shown with others.
            chosen: names of bound values that somebody may have chosen.
        """
        if self.question not in (None, question):
            raise Denied("This right is for one question, and this is another.")
        if self.limited and not says_what_it_counts:
            raise Denied("Your role does not include rows of participants or records.")
        if chosen:
            self.check_filters()

    def looking_back(self, snapshot: str) -> "Grant":
        """The same right to another snapshot of the trial, to compare with; it ends with this one.

        Which snapshots are earlier is for the Board to say: later ones are never looked at so.

        Raises:
            Denied: the role compares no snapshots, or the right is for one question.
        """
        if self.limited:
            raise Denied("Your role does not include comparing snapshots.")
        if self.question is not None:
            raise Denied("This right is for one question, and this is another.")
        return replace(self, snapshot=snapshot, issuer=_ISSUED_HERE)

    def check_filters(self) -> None:
        """Raise Denied if whoever holds this grant may choose no part of the participants."""
        if self.limited:
            raise Denied("Your role does not include a choice of filters.")


def rights_of(role: Role) -> Rights:
    """What a role may do; nothing, if the policy does not name it."""
    return POLICY.get(role, NO_RIGHTS)


def pages_of(role: Role) -> tuple[str, ...]:
    """The addresses of the pages that a role has, in the order of the menu."""
    return rights_of(role).pages


def views_of(role: Role) -> tuple[View, ...]:
    """The views that a role may open, the lowest first."""
    highest = rights_of(role).view
    return tuple(view for view in View if highest is not None and view <= highest)


def check_people(identity: Identity, simulated: Iterable[bool]) -> None:
    """Raise Denied where anybody may choose who they are and somebody in the trial is real.

    Args:
        identity: who would look.
        simulated: of each snapshot of the trial, whether its participants are simulated.
    """
    if identity.issuer == DEMONSTRATION and not all(simulated):
        raise Denied(
            "The demonstration shows simulated participants only, and not all of this trial's are. "
            "Have people sign in by a provider: see the README, On a server."
        )


def decide(
    identity: Identity | None,
    action: Action,
    *,
    page: str | None = None,
    trial: str = "",
    snapshot: str = "",
    view: View = View.POOLED,
    minutes: int = 480,
    closed: ClosedSession | None = None,
    released: str | None = None,
    question: str | None = None,
    holds: Callable[[], bool] = _holds,
) -> Grant | None:
    """Decide on one question: may this person do this with this resource?

    Args:
        identity: None for somebody who is not signed in.
        page: the address of the page, for OPEN_PAGE.
        trial, snapshot, view: what to look at.
        minutes: how long a right lasts.
        closed: the closed session that a comparative view needs.
        released: the last snapshot of the trial that was released to limited roles.
        question: the only question that will be asked.
        holds: asked at every query, whether the right still holds.

    Returns:
        A Grant for OPEN_VIEW and UNBLIND_PARTICIPANT, otherwise None.

    Raises:
        Denied: in every case that the policy does not name.
    """
    if identity is None:
        raise Denied("Please sign in.")
    rights = rights_of(identity.role)
    if trial and not identity.is_for(trial):
        raise Denied("Your role is not for this trial.")
    if action is Action.OPEN_PAGE and page in rights.pages:
        return None
    if action in rights.acts and action in {Action.ENTER_CLOSED_SESSION, Action.READ_TRAIL}:
        return None
    if action is Action.UNBLIND_PARTICIPANT and action in rights.acts and trial and snapshot:
        view = View.UNBLINDED
        question = UNBLINDING_QUESTION
    elif action is Action.OPEN_VIEW and view in views_of(identity.role) and trial and snapshot:
        if view > View.POOLED and not (closed and closed.covers(identity, trial, snapshot, view)):
            raise Denied("This view is for the closed session. Enter it first.")
        if rights.limited and snapshot != released:
            raise Denied("This snapshot is not released to your role.")
    else:
        raise Denied("Your role does not include this.")
    expires = now() + timedelta(minutes=minutes)
    return Grant(
        trial,
        snapshot,
        view,
        identity.holder,
        identity.role,
        min(expires, identity.expires) if identity.expires else expires,
        rights.limited,
        rights.sealed_records or view is View.UNBLINDED,
        question,
        holds,
        _ISSUED_HERE,
    )
