"""Emergency unblinding: the arm of one participant, for an emergency in their care.

The first ones of a day wait for nobody, and all of them are told: on the board's overview and by
`audit verify`. From the second within a day on, a member of the board is named who is told; for
more than the trial definition allows a day, a second person has to confirm.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from access.clock import now
from access.closed_session import Request, Requests
from access.entries import Actor
from access.errors import ClosedSessionError
from access.identity import Role
from access.policy import Action, Denied, Grant, decide
from access.trail import Filter, Trail

if TYPE_CHECKING:
    from access.session import Session

ACT = "one participant unblinded"
DAY = timedelta(hours=24)
REASON_LENGTH = 15

_WORD = re.compile(r"[^\W\d_]{2,}")


class SecondPersonError(ClosedSessionError):
    """More than a day has without a second person; the text says so."""


@dataclass(frozen=True)
class Emergency:
    """What somebody asks for.

    Attributes:
        participant: as the extract names them (USUBJID).
        reason: a sentence.
        told: the member of the board who is told; may be empty for the first one of a day.
    """

    trial: str
    snapshot: str
    participant: str
    reason: str
    told: str = ""

    def __post_init__(self) -> None:
        """Take blanks for what they are."""
        for name in ("participant", "reason", "told"):
            object.__setattr__(self, name, " ".join(getattr(self, name).split()))

    @property
    def recorded_reason(self) -> str:
        """The reason as the trail has it, with who is told."""
        return f"{self.reason} (told: {self.told})" if self.told else self.reason


@dataclass(frozen=True)
class Unblinded:
    """One participant whose arm was shown, or may have been.

    Attributes:
        at: when, UTC.
        row: of the audit trail.
        holder: who saw it.
    """

    trial: str
    participant: str
    at: datetime
    row: int
    holder: str


def unblinded(
    trail: Trail, trial: str = "", *, within: timedelta | None = None, before: int | None = None
) -> list[Unblinded]:
    """Whose arm was shown in an emergency, the first first; what was refused or failed is none.

    Args:
        trial: empty for every trial.
        within: of how long until now; None for ever.
        before: a row of the trail; only what was intended before it counts.
    """
    since = None if within is None else now() - within
    rows = trail.select(Filter(since=since, acts=(ACT,), trials=(trial,) if trial else ()))
    ends = {row.intent: row.outcome for row in rows}
    return [
        Unblinded(row.trial, row.resource, datetime.fromisoformat(row.at), row.sequence, row.holder)
        for row in reversed(rows)
        if row.outcome == "intended"
        and ends.get(row.sequence, "done") == "done"
        and (before is None or row.sequence < before)
    ]


def participants(found: list[Unblinded]) -> int:
    """How many participants these are."""
    return len({(one.trial, one.participant) for one in found})


def most_within_a_day(found: list[Unblinded]) -> int:
    """How many participants there are at most within any 24 hours."""
    days = ([one for one in found if last.at - DAY < one.at <= last.at] for last in found)
    return max(map(participants, days), default=0)


def board_members(trail: Trail) -> list[str]:
    """Who has acted as a member of the board, by name and account."""
    people = trail.people(Role.BOARD)
    return [f"{name} ({holder})" for holder, name in people.items()]


def unblind_participant(
    session: "Session",
    trail: Trail,
    asked: Emergency,
    *,
    a_day: int,
    arm_of: Callable[[Grant, str], str | None],
) -> str | None:
    """The arm of one participant, and nothing else; None if there is no such one.

    Args:
        a_day: so many participants within 24 hours need no second person.
        arm_of: asks for it with the grant that it is given, which is good for this question only.

    Raises:
        ClosedSessionError: no participant, no sentence, or nobody of the board is named.
        SecondPersonError: it would be more than `a_day`.
        Denied: the role may not.
        AuditError: it cannot be recorded, so nothing is shown.
    """

    def check(before: int | None) -> None:
        _check(trail, asked, before)
        if len(_others(trail, asked, before)) >= a_day:
            raise SecondPersonError(
                f"{a_day} participants were unblinded within 24 hours. For more, a second person "
                "has to confirm: ask for it."
            )

    _may(session, asked)
    check(None)
    return _unblind(session, trail, asked, reason=asked.recorded_reason, check=check, arm_of=arm_of)


def ask_second_person(
    session: "Session", trail: Trail, requests: Requests, asked: Emergency
) -> None:
    """Have a second person confirm it from a session of their own, within `REQUEST_MINUTES`.

    Raises as `unblind_participant` does.
    """
    _may(session, asked)
    _check(trail, asked, None)
    requests.ask_about(
        session,
        trial=asked.trial,
        snapshot=asked.snapshot,
        participant=asked.participant,
        reason=asked.recorded_reason,
    )


def unblind_confirmed(
    session: "Session",
    trail: Trail,
    requests: Requests,
    request: Request,
    *,
    arm_of: Callable[[Grant, str], str | None],
) -> str | None:
    """The arm of the participant of a request that was confirmed; once.

    Raises as `unblind_participant` does; ClosedSessionError also if it was not confirmed.
    """
    asked = Emergency(request.trial, request.snapshot, request.participant, request.reason)

    def use(_before: int | None) -> None:
        requests.use(session, request)

    reason = f"{request.reason} (confirmed: request {request.id})"
    return _unblind(session, trail, asked, reason=reason, check=use, arm_of=arm_of)


def _unblind(
    session: "Session",
    trail: Trail,
    asked: Emergency,
    *,
    reason: str,
    check: Callable[[int | None], None],
    arm_of: Callable[[Grant, str], str | None],
) -> str | None:
    grant = _may(session, asked)
    with trail.recorded(
        ACT,
        Actor.of(session.identity),
        trial=asked.trial,
        snapshot=asked.snapshot,
        resource=asked.participant,
        reason=reason,
        refusals=(ClosedSessionError,),
    ) as underway:
        # Once more: of several who ask at once, each sees here who was before.
        check(underway.intent)
        arm = arm_of(grant, asked.participant)
        if arm is None:
            underway.outcome = "failed"
        return arm


def _may(session: "Session", asked: Emergency) -> Grant:
    grant = decide(
        session.identity,
        Action.UNBLIND_PARTICIPANT,
        trial=asked.trial,
        snapshot=asked.snapshot,
        minutes=1,
        holds=session.holds,
    )
    assert grant is not None
    if not session.holds():
        raise Denied("Your session has ended. Sign in again.")
    return grant


def _check(trail: Trail, asked: Emergency, before: int | None) -> None:
    """Raise ClosedSessionError where something is missing that has to be said."""
    if not asked.participant:
        raise ClosedSessionError("Please say which participant.")
    letters = {letter for letter in asked.reason.casefold() if letter.isalpha()}
    words = _WORD.findall(asked.reason)
    if len(asked.reason) < REASON_LENGTH or len(words) < 2 or len(letters) < 5:
        raise ClosedSessionError(
            f"Please say in a sentence why it is necessary ({REASON_LENGTH} characters or more); "
            "it is recorded."
        )
    is_named = "@" in asked.told or len(_WORD.findall(asked.told)) > 1
    if not is_named and _others(trail, asked, before):
        raise ClosedSessionError(
            "Another participant was unblinded within 24 hours. Please name the member of the "
            "board who is told, by first and last name or by e-mail."
        )


def _others(trail: Trail, asked: Emergency, before: int | None) -> set[str]:
    """The other participants of the trial who were unblinded within a day."""
    found = unblinded(trail, asked.trial, within=DAY, before=before)
    return {one.participant for one in found} - {asked.participant}
