"""The closed session: entered for a reason, left explicitly; naming the arms is a second step.

Every act is in the audit trail before it takes effect; one that ends something, after it has. Where
the trial definition asks for two persons, naming the arms is a request that somebody else confirms
from a session of their own.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Update, select, update
from sqlalchemy.exc import SQLAlchemyError

from access.clock import now
from access.entries import Actor, command_line_actor
from access.errors import ClosedSessionError, RecordsError
from access.identity import Identity, command_line_identity, introduced
from access.policy import Action, ClosedSession, Denied, decide, issue_closed_session
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
    """Somebody's request to name the arms of one snapshot, or to unblind one participant.

    Attributes:
        asked_by: name, account and role, for the person who answers.
        participant: whom; empty where the arms are to be named.
        answer: empty while it waits; "confirmed" until it is used.
    """

    id: str
    trial: str
    snapshot: str
    asked_by: str
    holder: str
    reason: str
    expires: datetime
    participant: str
    answer: str


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
            also=withdrawal(session.id).where(unmasking_request.c.participant == ""),
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


class Requests:
    """The requests for a second person, in the records database; all servers see the same ones."""

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
        return self._ask(
            session,
            "naming of arms asked for",
            trial=closed.trial,
            snapshot=closed.snapshot,
            reason=reason.strip(),
        )

    def ask_about(
        self, session: "Session", *, trial: str, snapshot: str, participant: str, reason: str
    ) -> str:
        """The same to unblind one participant, for `access.emergencies`, which looks at the rest.

        Raises:
            AuditError: it cannot be recorded, so it is not asked.
        """
        return self._ask(
            session,
            "emergency unblinding asked for",
            trial=trial,
            snapshot=snapshot,
            reason=reason,
            participant=participant,
        )

    def _ask(
        self,
        session: "Session",
        act: str,
        *,
        trial: str,
        snapshot: str,
        reason: str,
        participant: str = "",
    ) -> str:
        request, identity = secrets.token_hex(8), session.identity
        expires = now() + timedelta(minutes=REQUEST_MINUTES)
        with (
            self._trail.recorded(
                act,
                Actor.of(identity),
                trial=trial,
                snapshot=snapshot,
                resource=request,
                reason=_about(participant, reason),
            ),
            self._writing() as connection,
        ):
            connection.execute(
                unmasking_request.insert().values(
                    id=request,
                    trial=trial,
                    snapshot=snapshot,
                    session=session.id,
                    issuer=identity.issuer,
                    subject=identity.subject,
                    name=identity.name,
                    account=identity.account,
                    role=identity.role.words,
                    participant=participant,
                    reason=reason,
                    expires=expires.isoformat(),
                    answer="",
                )
            )
        return request

    def open_to(self, identity: Identity, trial: str, snapshot: str) -> list[Request]:
        """The requests that this person may answer, the oldest first.

        Those on this snapshot, and those to unblind a participant of the trial on any.
        """
        try:
            decide(identity, Action.ENTER_CLOSED_SESSION, trial=trial, snapshot=snapshot)
        except Denied:
            return []
        return [
            row
            for row in self._rows(trial=trial, answer="")
            if row.holder != identity.holder and (row.participant or row.snapshot == snapshot)
        ]

    def standing_of(self, session: "Session") -> Request | None:
        """The request of this session to name the arms that still waits for an answer."""
        rows = self._rows(session=session.id, answer="", participant="")
        return rows[-1] if rows else None

    def about_participants(self, session: "Session") -> list[Request]:
        """The requests of this session to unblind one, that wait or are confirmed and not used."""
        rows = self._rows(session=session.id)
        return [row for row in rows if row.participant and row.answer in {"", "confirmed"}]

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
        what = "emergency unblinding" if request.participant else "naming of arms"
        answer = "confirmed" if confirm else "declined"
        with (
            self._trail.recorded(
                f"{what} {answer}",
                Actor.of(identity),
                trial=request.trial,
                snapshot=request.snapshot,
                resource=request.id,
                reason=f"asked for by {request.holder}: "
                + _about(request.participant, request.reason),
            ),
            self._writing() as connection,
        ):
            changed = connection.execute(
                update(unmasking_request)
                .where(
                    unmasking_request.c.id == request.id,
                    unmasking_request.c.answer == "",
                    unmasking_request.c.expires > now().isoformat(),
                )
                .values(
                    answer=answer,
                    answered_by=identity.holder,
                    answered_at=now().isoformat(),
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
            participant="",
        )
        if not rows:
            return False
        try:
            self.use(session, rows[-1])
        except ClosedSessionError:
            return False
        _unmask(session, self._trail, closed, rows[-1].reason, rows[-1].id)
        return True

    def use(self, session: "Session", request: Request) -> None:
        """Use a confirmed request of this session up.

        Raises:
            ClosedSessionError: it is not confirmed, was used, has expired, or is another session's.
        """
        with self._writing() as connection:
            used = connection.execute(
                update(unmasking_request)
                .where(
                    unmasking_request.c.id == request.id,
                    unmasking_request.c.session == session.id,
                    unmasking_request.c.issuer == session.identity.issuer,
                    unmasking_request.c.subject == session.identity.subject,
                    unmasking_request.c.answer == "confirmed",
                    unmasking_request.c.expires > now().isoformat(),
                )
                .values(answer="used")
            )
        if used.rowcount != 1:
            raise ClosedSessionError("This request is not confirmed, was used, or has expired.")

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
                        table.expires > now().isoformat(),
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
                row.participant,
                row.answer,
            )
            for row in found
        ]


def _about(participant: str, reason: str) -> str:
    return f"participant {participant}: {reason}" if participant else reason


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
