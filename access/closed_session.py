"""The closed session: entered for a reason, left explicitly; naming the arms is a second step.

Every act is in the audit trail before it takes effect; one that ends something, after it has. Where
the trial definition asks for two persons, naming the arms is a request that somebody else confirms
from a session of their own.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Update, select, update
from sqlalchemy.exc import SQLAlchemyError

from access.entries import Actor, command_line_actor
from access.errors import ClosedSessionError, RecordsError
from access.identity import Identity, command_line_identity, introduced
from access.policy import Action, ClosedSession, Denied, Grant, decide, issue_closed_session
from access.records import cause_of, reading, unmasking_request, writing
from access.trail import Trail
from access.view import View

if TYPE_CHECKING:
    from access.session import Session

REASONS = ("Scheduled review", "Ad hoc safety review", "Question of the board", "Other")
REQUEST_MINUTES = 15
NOTICE = "Unequal procedures and events may disclose which arm is which."


@dataclass(frozen=True)
class Request:
    """Somebody's request to name the arms of one snapshot.

    Attributes:
        asked_by: name, account and role, for the person who answers.
    """

    id: str
    trial: str
    snapshot: str
    asked_by: str
    holder: str
    reason: str
    expires: datetime


def enter(session: "Session", trail: Trail, *, trial: str, snapshot: str, reason: str) -> None:
    """Enter the closed session on one snapshot, in which the coded view may be opened.

    Raises:
        ClosedSessionError: no reason is given.
        Denied: the role has none, or the session has ended.
        AuditError: it cannot be recorded, so it is not entered.
    """
    _need(reason)
    if not session.holds():
        raise Denied("Your session has ended. Sign in again.")
    issued = issue_closed_session(
        session.identity, trial=trial, snapshot=snapshot, view=View.CODED, reason=reason.strip()
    )
    _record(trail, session.identity, "closed session entered", issued)
    session.closed = issued


def leave(session: "Session", trail: Trail, why: str = "left") -> None:
    """Leave the closed session: what was opened in it is closed, and what was granted ends.

    Raises:
        AuditError: it is not recorded yet; it has been left all the same.
    """
    note_leaving(session, trail, why)
    trail.settle()


def note_leaving(session: "Session", trail: Trail, why: str) -> None:
    """Leave it, and have that recorded; what was asked for in it is withdrawn."""
    closed, session.closed = session.closed, None
    session.close_opened()
    if closed is not None:
        trail.note(
            "closed session left",
            Actor.of(session.identity),
            trial=closed.trial,
            snapshot=closed.snapshot,
            view=closed.view.word,
            reason=why,
            also=withdrawal(session.id),
        )


def withdrawal(session: str) -> Update:
    """The statement that ends what a session asked for and has not used."""
    return (
        update(unmasking_request)
        .where(
            unmasking_request.c.session == session,
            unmasking_request.c.answer.in_(("", "confirmed")),
        )
        .values(answer="withdrawn")
    )


def name_arms(session: "Session", trail: Trail, *, persons: int, reason: str) -> None:
    """Open the unblinded view to this closed session, where the trial asks for one person.

    Raises:
        ClosedSessionError: no reason is given, or a second person has to confirm.
        Denied: there is no closed session, or the role has no such view.
    """
    _need(reason)
    if persons != 1:
        raise ClosedSessionError("A second person has to confirm this: ask for it instead.")
    _unmask(session, trail, _entered(session), reason.strip())


def at_command_line(
    trail: Trail, *, trial: str, snapshot: str, view: View, resource: str, reason: str
) -> ClosedSession:
    """The closed session of one command: whoever may read the board's private key has it.

    Args:
        resource: what the command shows.

    Raises:
        ClosedSessionError: no reason is given.
        AuditError: it cannot be recorded, so the view is not opened.
    """
    _need(reason)
    issued = issue_closed_session(
        command_line_identity(), trial=trial, snapshot=snapshot, view=view, reason=reason.strip()
    )
    trail.write(
        "view opened",
        command_line_actor(),
        trial=trial,
        snapshot=snapshot,
        view=view.word,
        resource=resource,
        reason=issued.reason,
    )
    return issued


def unblind_participant(
    session: "Session",
    trail: Trail,
    *,
    trial: str,
    snapshot: str,
    participant: str,
    reason: str,
    arm_of: Callable[[Grant, str], str | None],
) -> str | None:
    """In an emergency, the arm of one participant, and nothing else; None if there is no such one.

    Args:
        participant: as the extract names them (USUBJID).
        arm_of: asks for it with the grant that it is given, which is good for this question only.

    Raises:
        ClosedSessionError: no participant or no reason is given.
        Denied: the role may not.
        AuditError: it cannot be recorded, so nothing is shown.
    """
    _need(reason)
    if not participant.strip():
        raise ClosedSessionError("Please say which participant.")
    identity = session.identity
    grant = decide(
        identity,
        Action.UNBLIND_PARTICIPANT,
        trial=trial,
        snapshot=snapshot,
        minutes=1,
        holds=session.holds,
    )
    assert grant is not None
    with trail.recorded(
        "one participant unblinded",
        Actor.of(identity),
        trial=trial,
        snapshot=snapshot,
        resource=participant.strip(),
        reason=reason.strip(),
    ):
        return arm_of(grant, participant.strip())


class Requests:
    """The requests to name arms, in the records database; all servers see the same ones."""

    def __init__(self, trail: Trail) -> None:
        """The requests in the records that have this trail."""
        self._records = trail.records
        self._trail = trail

    def ask(self, session: "Session", reason: str) -> str:
        """Ask for a second person; returns the request's id. It stands for `REQUEST_MINUTES`.

        Raises:
            ClosedSessionError: no reason is given.
            Denied: there is no closed session, or the role has no unblinded view.
        """
        _need(reason)
        closed, identity = _entered(session), session.identity
        # Asked of the policy now, so that nobody confirms what would not be granted.
        issue_closed_session(
            identity,
            trial=closed.trial,
            snapshot=closed.snapshot,
            view=View.UNBLINDED,
            reason=reason,
        )
        request = secrets.token_hex(8)
        now = datetime.now(UTC)
        with (
            self._trail.recorded(
                "naming of arms asked for",
                Actor.of(identity),
                trial=closed.trial,
                snapshot=closed.snapshot,
                resource=request,
                reason=reason.strip(),
            ),
            self._writing() as connection,
        ):
            connection.execute(
                unmasking_request.insert().values(
                    id=request,
                    trial=closed.trial,
                    snapshot=closed.snapshot,
                    session=session.id,
                    issuer=identity.issuer,
                    subject=identity.subject,
                    name=identity.name,
                    account=identity.account,
                    role=identity.role.words,
                    reason=reason.strip(),
                    expires=(now + timedelta(minutes=REQUEST_MINUTES)).isoformat(),
                    answer="",
                )
            )
        return request

    def open_to(self, identity: Identity, trial: str, snapshot: str) -> list[Request]:
        """The requests on this snapshot that this person may answer, the oldest first."""
        try:
            decide(identity, Action.ENTER_CLOSED_SESSION, trial=trial, snapshot=snapshot)
        except Denied:
            return []
        rows = self._rows(trial=trial, snapshot=snapshot, answer="")
        return [row for row in rows if row.holder != identity.holder]

    def standing_of(self, session: "Session") -> Request | None:
        """The request of this session that still waits for an answer."""
        rows = self._rows(session=session.id, answer="")
        return rows[-1] if rows else None

    def answer(self, identity: Identity, request: Request, *, confirm: bool) -> None:
        """Confirm or decline somebody else's request.

        Raises:
            Denied: it is one's own, or the role may not.
            ClosedSessionError: it was answered already, or has expired.
        """
        decide(
            identity, Action.ENTER_CLOSED_SESSION, trial=request.trial, snapshot=request.snapshot
        )
        if identity.holder == request.holder:
            raise Denied("A second person has to answer this.")
        with (
            self._trail.recorded(
                "naming of arms confirmed" if confirm else "naming of arms declined",
                Actor.of(identity),
                trial=request.trial,
                snapshot=request.snapshot,
                resource=request.id,
                reason=f"asked for by {request.holder}: {request.reason}",
            ),
            self._writing() as connection,
        ):
            changed = connection.execute(
                update(unmasking_request)
                .where(
                    unmasking_request.c.id == request.id,
                    unmasking_request.c.answer == "",
                    unmasking_request.c.expires > datetime.now(UTC).isoformat(),
                )
                .values(
                    answer="confirmed" if confirm else "declined",
                    answered_by=identity.holder,
                    answered_at=datetime.now(UTC).isoformat(),
                )
            )
            if changed.rowcount != 1:
                raise ClosedSessionError("This request was answered, or has expired.")

    def collect(self, session: "Session") -> bool:
        """Open the unblinded view to this session if its request was confirmed; whether it was.

        A confirmation serves once, the session that asked, for the snapshot it asked for.
        """
        closed = session.closed
        if closed is None or closed.view is View.UNBLINDED:
            return False
        rows = self._rows(
            session=session.id,
            trial=closed.trial,
            snapshot=closed.snapshot,
            answer="confirmed",
        )
        if not rows or rows[-1].holder != session.identity.holder:
            return False
        with self._writing() as connection:
            used = connection.execute(
                update(unmasking_request)
                .where(
                    unmasking_request.c.id == rows[-1].id,
                    unmasking_request.c.answer == "confirmed",
                )
                .values(answer="used")
            )
        if used.rowcount != 1:
            return False
        _unmask(session, self._trail, closed, rows[-1].reason, rows[-1].id)
        return True

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with writing(self._records) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise RecordsError(
                f"The records database cannot be written ({cause_of(error)}), so this is not done."
            ) from None

    def _rows(self, **wanted: str) -> list[Request]:
        table = unmasking_request.c
        try:
            with reading(self._records) as connection:
                found = connection.execute(
                    select(unmasking_request)
                    .where(
                        *(table[name] == value for name, value in wanted.items()),
                        table.expires > datetime.now(UTC).isoformat(),
                    )
                    .order_by(table.expires)
                ).all()
        except SQLAlchemyError as error:
            raise RecordsError(
                f"The records database cannot be read ({cause_of(error)})."
            ) from None
        return [
            Request(
                row.id,
                row.trial,
                row.snapshot,
                introduced(row.name, row.account, row.role),
                f"{row.issuer}/{row.subject}",
                row.reason,
                datetime.fromisoformat(row.expires),
            )
            for row in found
        ]


def _need(reason: str) -> None:
    if not reason.strip():
        raise ClosedSessionError("Please give a reason; it is recorded.")


def _entered(session: "Session") -> ClosedSession:
    if session.closed is None or not session.holds():
        raise Denied("Enter the closed session first.")
    return session.closed


def _unmask(
    session: "Session", trail: Trail, closed: ClosedSession, reason: str, request: str = ""
) -> None:
    issued = issue_closed_session(
        session.identity,
        trial=closed.trial,
        snapshot=closed.snapshot,
        view=View.UNBLINDED,
        reason=closed.reason,
    )
    _record(trail, session.identity, "arms named", issued, reason=reason, resource=request)
    session.closed = issued


def _record(
    trail: Trail,
    identity: Identity,
    act: str,
    closed: ClosedSession,
    *,
    reason: str | None = None,
    resource: str = "",
) -> None:
    trail.write(
        act,
        Actor.of(identity),
        trial=closed.trial,
        snapshot=closed.snapshot,
        view=closed.view.word,
        resource=resource,
        reason=closed.reason if reason is None else reason,
    )
