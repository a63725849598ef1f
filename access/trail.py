"""The audit trail: who saw or did what, when and why, in rows that vouch for each other.

Each row carries an HMAC-SHA-256, under the audit key, over itself and the HMAC of the row before.
Whoever changes, removes or inserts a row without the key breaks the chain at that place. What a
chain cannot show by itself, that its end was cut off or that somebody with the key wrote it anew, a
checkpoint kept elsewhere shows.
"""

import hashlib
import hmac
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Row,
    Select,
    desc,
    func,
    or_,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from access.audit_key import read_audit_key
from access.clock import now
from access.entries import Actor, Entry, Outcome, escaped, readable
from access.errors import AuditError
from access.incidents import log_line
from access.late import Waiting, is_late, late
from access.records import audit_trail, cause_of, open_records, reading, writing

NO_ROW_BEFORE = "0" * 64
# The last row that this process has seen of each database: one without it is another, or an older.
_seen: dict[Engine, tuple[int, str]] = {}
_IN_THIS_PROCESS = "this process last wrote to it"
_CHECKPOINT = b"dsmb audit checkpoint 1\n"
_ROWS_AT_A_TIME = 1000
NOT_RECORDED_YET = (
    "Something that was ended could not be recorded yet. It is kept, and recorded before anything "
    "else as soon as the records database (DSMB_RECORDS_URL) can be written."
)

_columns = audit_trail.c


@dataclass(frozen=True)
class Filter:
    """Which rows: those that every part allows. An empty part allows all.

    Attributes:
        since: the first moment; with a time zone.
        until: the first moment that is too late; with a time zone.
        people: each as "issuer/subject", or by subject or name alone.
        reason: text within the reason; ASCII letters match in either case.
    """

    since: datetime | None = None
    until: datetime | None = None
    acts: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    trials: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    reason: str = ""

    def on_days(self, days: Sequence[date]) -> "Filter":
        """The same within days of UTC: none is all, one is from that day on, two include both."""
        midnight = time(tzinfo=UTC)
        return replace(
            self,
            since=datetime.combine(days[0], midnight) if days else None,
            until=datetime.combine(days[1], midnight) + timedelta(days=1) if days[1:] else None,
        )

    def in_words(self) -> str:
        """The parts that say something, for the record of an export."""
        said = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if value
        }
        return json.dumps(said, ensure_ascii=False) if said else "all rows"


EVERYTHING = Filter()


@dataclass(frozen=True)
class Verdict:
    """What a verification found.

    Attributes:
        rows: how many rows are good, from the first on.
        head: the HMAC of the last of them.
        problem: the first thing that is wrong, as a sentence; None if nothing is.
        outstanding: sequences of intended acts without an outcome, among the good rows.
    """

    rows: int
    head: str
    problem: str | None
    outstanding: tuple[int, ...]


@dataclass
class Underway:
    """An act between its two rows; what is set here stands in its outcome row.

    Attributes:
        intent: the sequence of the row that says it was intended.
    """

    intent: int
    outcome: Literal["done", "refused", "failed"] = "done"
    snapshot: str = ""
    reason: str = ""


class Trail:
    """The trail in one records database, under one key."""

    def __init__(self, records: Engine, key: bytes) -> None:
        """Both as `records.open_records` and `read_audit_key` return them."""
        self.records = records
        self._key = key

    # Writing

    def write(
        self,
        act: str,
        actor: Actor,
        *,
        outcome: Outcome = "done",
        intent: int | None = None,
        trial: str = "",
        snapshot: str = "",
        view: str = "",
        resource: str = "",
        reason: str = "",
    ) -> Entry:
        """Append one row, durably, and return it.

        Raises:
            AuditError: it cannot be written; then what it is about must not happen.
        """
        if not late(self.records).settled():
            raise AuditError(f"{NOT_RECORDED_YET} Until then, this is not done.")
        texts = {
            "act": act,
            **vars(actor),
            "trial": trial,
            "snapshot": snapshot,
            "view": view,
            "resource": resource,
            "reason": reason,
        }
        return self._append(texts, outcome, intent)

    def note(
        self,
        act: str,
        actor: Actor,
        *,
        trial: str = "",
        snapshot: str = "",
        view: str = "",
        reason: str = "",
        also: Executable | None = None,
    ) -> None:
        """Have a row written of what has happened already, before any other; see `settle`.

        Args:
            also: what is to be changed in the records together with it.
        """
        at = now()
        texts = {"act": act, **vars(actor), "trial": trial, "snapshot": snapshot, "view": view}

        def record() -> None:
            self._append({**texts, "resource": "", "reason": reason}, "done", None, at, also)

        facts = {"happened": at.isoformat(timespec="seconds"), **texts}
        late(self.records).put(Waiting(record, facts))

    def settle(self) -> None:
        """Wait until what was noted is recorded, for two seconds at most.

        Raises:
            AuditError: it is not recorded yet. It has happened, and is kept until it is recorded.
        """
        if late(self.records).settled():
            return
        for waiting in late(self.records).overdue():
            if not waiting.is_logged:
                log_line("not recorded yet", **waiting.facts)
                waiting.is_logged = True
        raise AuditError(NOT_RECORDED_YET)

    @property
    def is_behind(self) -> bool:
        """Whether something that has happened could not be recorded yet."""
        return bool(late(self.records).overdue())

    def _append(
        self,
        texts: Mapping[str, str],
        outcome: Outcome,
        intent: int | None,
        happened: datetime | None = None,
        also: Executable | None = None,
    ) -> Entry:
        stored = {name: escaped(text) for name, text in texts.items()}
        try:
            with writing(self.records) as connection:
                row = connection.execute(
                    select(audit_trail).order_by(desc(_columns.sequence)).limit(1)
                ).one_or_none()
                last = Entry(*row) if row else None
                if last is not None and not self._vouches_for(last):
                    raise AuditError(
                        f"The last row of the audit trail ({last.sequence}) was changed, or "
                        "written under another key, so nothing is added and this is not done. See "
                        "DSMB_AUDIT_KEY_FILE, and run: python -m access audit verify"
                    )
                # A row's time is when it is written, so that rows stay in the order of time.
                if happened is not None and is_late(happened):
                    stored["reason"] += f" (on {happened:%Y-%m-%d at %H:%M:%S} UTC; recorded late)"
                unsigned = Entry(
                    sequence=last.sequence + 1 if last else 1,
                    at=now().isoformat(timespec="microseconds"),
                    outcome=outcome,
                    intent=intent,
                    previous=last.mac if last else NO_ROW_BEFORE,
                    mac="",
                    **stored,
                )
                if self.records in _seen:
                    self._check_row(connection, *_seen[self.records], _IN_THIS_PROCESS)
                entry = replace(unsigned, mac=self._sign(unsigned.content()))
                connection.execute(audit_trail.insert(), vars(entry))
                if also is not None:
                    connection.execute(also)
        except SQLAlchemyError as error:
            raise AuditError(
                f"The audit trail cannot be written ({cause_of(error)}), so this is not done. "
                "See that the records database (DSMB_RECORDS_URL) runs and can be written."
            ) from None
        _seen[self.records] = max(_seen.get(self.records, (0, "")), (entry.sequence, entry.mac))
        return entry

    @contextmanager
    def recorded(
        self,
        act: str,
        actor: Actor,
        *,
        trial: str = "",
        snapshot: str = "",
        view: str = "",
        resource: str = "",
        reason: str = "",
        refusals: tuple[type[BaseException], ...] = (),
    ) -> Iterator[Underway]:
        """An act outside the database: *intended* before it, *done*, *failed* or *refused* after.

        An intent without an outcome, after a crash, is reported by `verify` and `outstanding`.

        Args:
            refusals: the exceptions that say no; all others are failures.

        Raises:
            AuditError: the intent cannot be recorded, and nothing is done; or the outcome cannot,
                and the text says that it was done.
        """

        def write(outcome: Outcome, snapshot: str, reason: str, intent: int | None) -> Entry:
            return self.write(
                act,
                actor,
                outcome=outcome,
                intent=intent,
                trial=trial,
                snapshot=snapshot,
                view=view,
                resource=resource,
                reason=reason,
            )

        intent = write("intended", snapshot, reason, None).sequence
        underway = Underway(intent, snapshot=snapshot, reason=reason)
        try:
            yield underway
        except BaseException as error:
            kind = type(error).__name__
            # If not even this can be written, the intent stays without an outcome; what went wrong
            # first is what has to be said.
            with suppress(AuditError):
                why = f"{underway.reason} ({kind})" if underway.reason else kind
                outcome: Outcome = "refused" if isinstance(error, refusals) else "failed"
                write(outcome, underway.snapshot, why, intent)
            raise
        try:
            write(underway.outcome, underway.snapshot, underway.reason, intent)
        except AuditError:
            # Not the words of `write`: this time the act has happened.
            raise AuditError(
                f"What row {intent} of the audit trail intended ({escaped(act)}) was "
                f"{underway.outcome}, but that could not be recorded: the row stays without an "
                "outcome. See that the records database (DSMB_RECORDS_URL) runs and can be written."
            ) from None

    # Reading

    def extent(self) -> tuple[int, str | None]:
        """How many rows there are, and when the first was written."""
        ((rows, first),) = self._rows(select(func.count(), func.min(_columns.at)))
        return rows, None if first is None else readable(first)

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many rows a filter leaves."""
        ((number,),) = self._rows(
            select(func.count()).select_from(audit_trail).where(*_conditions(where))
        )
        return int(number)

    def select(
        self, where: Filter = EVERYTHING, *, limit: int | None = None, offset: int = 0
    ) -> list[Entry]:
        """The rows that a filter leaves, the newest first."""
        return self._entries(
            select(audit_trail)
            .where(*_conditions(where))
            .order_by(desc(_columns.sequence))
            .limit(limit)
            .offset(offset)
        )

    def outstanding(self) -> list[Entry]:
        """Intended acts without an outcome, the newest first: under way, or cut short."""
        ended = select(_columns.intent).where(_columns.intent.is_not(None))
        return self._entries(
            select(audit_trail)
            .where(_columns.outcome == "intended", _columns.sequence.not_in(ended))
            .order_by(desc(_columns.sequence))
        )

    def values(self, column: Literal["act", "role", "trial", "outcome"]) -> list[str]:
        """What occurs in a column, in order; empty text is left out."""
        found = self._rows(select(_columns[column]).distinct())
        return sorted(readable(value) for (value,) in found if value)

    def people(self, role: str = "") -> dict[str, str]:
        """Everybody who occurs, in this role or any, "issuer/subject" with the latest name."""
        latest = select(func.max(_columns.sequence)).group_by(_columns.issuer, _columns.subject)
        if role:
            latest = latest.where(_columns.role == role)
        rows = self._entries(
            select(audit_trail)
            .where(_columns.sequence.in_(latest), _columns.subject != "")
            .order_by(_columns.issuer, _columns.subject)
        )
        return {row.holder: row.name for row in rows}

    # Whether it is the trail it was

    def mark(self) -> tuple[str, int, str]:
        """By what this trail is known again: HMAC of its first row, number and HMAC of its last.

        Raises:
            AuditError: nothing was recorded yet, or it cannot be read.
        """
        with self._reading() as connection:
            rows = [
                connection.execute(
                    select(_columns.sequence, _columns.mac).order_by(order).limit(1)
                ).one_or_none()
                for order in (_columns.sequence, desc(_columns.sequence))
            ]
        first, last = rows
        if first is None or last is None:
            raise AuditError("Nothing is recorded yet, so the audit trail has no mark.")
        return first.mac, last.sequence, last.mac

    def check_continues(self, marked: tuple[tuple[str, int, str], str] | None) -> None:
        """Raise AuditError unless this is the trail that a mark was taken of, or has gone on since.

        Args:
            marked: what `mark` returned, and when, such as "snapshot 2023-09-30.1 was loaded".
        """
        if marked is None:
            return
        (first, row, code), since = marked
        with self._reading() as connection:
            self._check_row(connection, 1, first, since)
            self._check_row(connection, row, code, since)

    def check_seen(self) -> None:
        """Raise AuditError if this is not the trail that this process has seen, or an older one."""
        if self.records in _seen:
            with self._reading() as connection:
                self._check_row(connection, *_seen[self.records], _IN_THIS_PROCESS)

    @staticmethod
    def _check_row(connection: Connection, row: int, code: str, since: str) -> None:
        found = connection.execute(
            select(_columns.mac).where(_columns.sequence == row)
        ).scalar_one_or_none()
        if found is None or not hmac.compare_digest(str(found).encode(), code.encode()):
            raise AuditError(
                f"The records database (DSMB_RECORDS_URL) is not the one it was when {since}: it "
                "was emptied, replaced or put back to an earlier state. Restore its latest copy, "
                "and run `python -m access audit verify`."
            )

    # Verifying

    def verify(self, checkpoint: str | None = None) -> Verdict:
        """Walk the chain and name the first row at which it is broken.

        Args:
            checkpoint: what `checkpoint` returned earlier and somebody kept elsewhere. With it, a
                trail that was cut off or written anew is found too.

        Raises:
            AuditError: the trail cannot be read, or the checkpoint is none of this key.
        """
        expected = None if checkpoint is None else self._read_checkpoint(checkpoint)
        rows, head = 0, NO_ROW_BEFORE
        kept = {0: NO_ROW_BEFORE}
        intents = set[int]()
        problem = None
        with closing(self._rows(select(audit_trail).order_by(_columns.sequence))) as chain:
            for row in chain:
                entry = Entry(*row)
                problem = self._problem(entry, rows + 1, head)
                if problem is not None:
                    break
                rows, head = entry.sequence, entry.mac
                if entry.outcome == "intended":
                    intents.add(entry.sequence)
                elif entry.intent is not None:
                    intents.discard(entry.intent)
                if expected is not None and rows == expected[0]:
                    kept[rows] = head
        if problem is None and expected is not None:
            if rows < expected[0]:
                problem = (
                    f"The trail has {rows} rows, and had {expected[0]} when the checkpoint was "
                    "made: its end was cut off."
                )
            elif kept[expected[0]] != expected[1]:
                problem = (
                    f"Row {expected[0]} is not the one that the checkpoint was made at: the trail "
                    "was rewritten."
                )
        return Verdict(rows, head, problem, tuple(sorted(intents)))

    def checkpoint(self) -> str:
        """Count and head as one line of JSON, vouched for by the key; keep it elsewhere.

        Raises:
            AuditError: the chain is broken, so there is nothing to vouch for.
        """
        verdict = self.verify()
        if verdict.problem is not None:
            raise AuditError(f"The trail is broken, so no checkpoint is made: {verdict.problem}")
        plain = {
            "rows": verdict.rows,
            "head": verdict.head,
            "at": now().isoformat(timespec="seconds"),
        }
        return json.dumps({**plain, "mac": self._sign(_checkpoint_content(plain))})

    def _read_checkpoint(self, text: str) -> tuple[int, str]:
        try:
            signed = json.loads(text)
            mac = str(signed.pop("mac"))
            rows, head = signed["rows"], signed["head"]
            vouched_for = hmac.compare_digest(
                mac.encode(errors="replace"), self._sign(_checkpoint_content(signed)).encode()
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise AuditError(
                "This is not a checkpoint of an audit trail: expected the line that "
                "`python -m access audit checkpoint` prints."
            ) from None
        if not vouched_for:
            raise AuditError("The checkpoint was made under another key, or was changed.")
        return int(rows), str(head)

    def _problem(self, entry: Entry, position: int, before: str) -> str | None:
        if not entry.is_well_formed():
            return f"Row {position} was changed: it holds what no row holds."
        if entry.sequence > position:
            return f"Row {position} is missing: the next one there is {entry.sequence}."
        if entry.sequence < position:
            return f"A row {entry.sequence} was inserted before row {position}."
        if not self._vouches_for(entry):
            return f"Row {position} was changed, or written under another key."
        if entry.previous != before:
            return f"Row {position} does not follow the row before it."
        return None

    def _vouches_for(self, entry: Entry) -> bool:
        if not entry.is_well_formed():
            return False
        own = self._sign(entry.content())
        return hmac.compare_digest(entry.mac.encode("utf-8", "replace"), own.encode())

    def _sign(self, content: bytes) -> str:
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()

    def _rows(self, wanted: Select[*tuple[Any, ...]]) -> Generator[Row[*tuple[Any, ...]]]:
        with self._reading() as connection:
            yield from connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(wanted)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with reading(self.records) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise AuditError(
                f"The audit trail cannot be read ({cause_of(error)}). See that the records "
                "database (DSMB_RECORDS_URL) runs and can be read."
            ) from None

    def _entries(self, wanted: Select[*tuple[Any, ...]]) -> list[Entry]:
        """Rows for people: also where somebody put other things than text into the database."""
        return [Entry(*row).readable() for row in self._rows(wanted)]


def open_trail(records_url: str, audit_key_file: Path | None, *, new: bool = False) -> Trail:
    """The trail that the settings name.

    Args:
        new: make the records database if there is none.

    Raises:
        AuditError: there is no key, it cannot be used, or the trail is not the one that this
            process has seen.
        RecordsError: the database cannot be used, or there is none.
    """
    key = read_audit_key(audit_key_file)
    trail = Trail(open_records(records_url, new=new), key)
    trail.check_seen()
    return trail


def _conditions(where: Filter) -> list[ColumnElement[bool]]:
    holder = _columns.issuer + "/" + _columns.subject
    conditions = []
    if where.since is not None:
        conditions.append(_columns.at >= _moment(where.since))
    if where.until is not None:
        conditions.append(_columns.at < _moment(where.until))
    for column, allowed in (
        (_columns.act, where.acts),
        (_columns.role, where.roles),
        (_columns.trial, where.trials),
        (_columns.outcome, where.outcomes),
    ):
        if allowed:
            conditions.append(column.in_([escaped(value) for value in allowed]))
    if where.people:
        people = [escaped(person) for person in where.people]
        conditions.append(
            or_(holder.in_(people), _columns.subject.in_(people), _columns.name.in_(people))
        )
    if where.reason:
        conditions.append(_columns.reason.icontains(escaped(where.reason), autoescape=True))
    return conditions


def _moment(value: datetime) -> str:
    """A moment as rows have it, in which the order of text is the order of time."""
    if value.tzinfo is None:
        raise ValueError("A moment without a time zone is none.")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _checkpoint_content(plain: dict[str, object]) -> bytes:
    return _CHECKPOINT + json.dumps(plain, sort_keys=True).encode("ascii")
