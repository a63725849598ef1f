"""The Board: an open, read-only connection to one snapshot in one view.

The view decides what `arm` means. On a pooled Board the sealed database is not attached and its key
is not read; SQL that asks for a sealed name fails in the binder. Questions are `.sql` files; values
are bound, never formatted in.
"""

import base64
import json
import re
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import polars as pl

from access.view import View
from queries.bound import BY_NAME
from queries.connections import Lease, LeaseEndedError, lease
from queries.filters import Filters
from queries.small_cells import (
    TOGETHER,
    Cells,
    NotShownError,
    declared,
    without_small_cells,
)
from snapshots import (
    KNOWN_FACTS,
    OPEN,
    OPEN_FILE,
    SEALED,
    SEALED_FILE,
    SHOWN_FORMATS,
    SealedStoreError,
    Snapshot,
    SnapshotsError,
    State,
    StoreError,
    TableDifference,
    begins_after,
    check_file,
    check_vouched_for,
    compare,
    compare_sealed,
    quote_identifier,
    read_private_key,
    reader,
    rows_where,
    state_of,
    unwrap,
)
from trials import OUTCOMES, Trial

if TYPE_CHECKING:
    import duckdb
    from nacl.public import PrivateKey

    from access.policy import Grant

T = TypeVar("T")
FOLDER = Path(__file__).parent
# Views that are the same whatever an arm is and however much is sealed.
EVERY_VIEW = (
    "common", "participation", "recorded_of_events", "baseline_severity", "safety", "laboratory",
    "terms", "oxygenation", "balance", "survival", "monitoring",
)  # fmt: skip
# Relations that no plain view shows: beside a participant stands the arm, and who was allocated to
# which is told by the arm alone.
_NOT_PLAIN = frozenset({"participant", "allocation_list"})
# Of what was worked out the last few are kept.
_WORK_KEPT = 64
# The store whose relations some views show.
_STORES = {"relations_open": OPEN, "relations_complete": SEALED}
# What changed in these is no change of what is recorded of participants. Of each relation so many
# changed values are looked at for examples.
NOT_RECORDS = frozenset({
    "about", "control_total", "dataset", "finding", "known_fact", "leaving_reason",
    "reading_remark", "recorded", "sealed_event", "sealed_finding", "sealed_unexpectedly",
    "standing",
})  # fmt: skip
_EXAMPLES = 1_000
# Where a limited role is told the trial's total of an outcome, and what says that it is; where it
# is not, no question breaks the outcome down.
_TOTALS = {
    "deviations": ("conduct/deviations_in_all", pl.col("with_any").is_not_null()),
    "leaving": (
        "conduct/disposition", (pl.col("standing") == "left_study") & pl.col(TOGETHER).is_null()
    ),
}  # fmt: skip


class BoardError(Exception):
    """A snapshot that cannot be shown in a view; the text says why."""


@dataclass(frozen=True)
class _LookingBack:
    """What a Board does with an earlier snapshot: opens it, compares the records with its own."""

    opened: "Callable[[Snapshot], Board]"
    compared: Callable[[Snapshot], list[TableDifference]]


class Board:
    """One snapshot in one view, for the holder of one grant.

    Attributes:
        trial: the trial's definition.
        snapshot: what is read.
        view: what `arm` means here.
        arms: the arms' labels in their order; a single one where the view is pooled.
        filters: under which the questions that know filters are asked.
        subject: the participant that exhibits of one are about, if somebody was chosen.
        compared_with: the earlier snapshot that changes are told against, if one was chosen.
        answered_merged: how many questions were answered in which few are shown with others.
    """

    def __init__(
        self,
        trial: Trial,
        snapshot: Snapshot,
        grant: "Grant",
        connection: Lease,
        *,
        states: Mapping[Path, State],
        looking_back: "_LookingBack",
    ) -> None:
        """Made by `open_board` only."""
        self.trial = trial
        self.snapshot = snapshot
        self.grant = grant
        self.view = grant.view
        self.filters = Filters()
        self.subject: str | None = None
        self.compared_with: str | None = None
        self.answered_merged = 0
        self._lease = connection
        self._states = states
        self._looking_back = looking_back
        self._before: dict[str, Board] = {}
        self._present: frozenset[str] | None = None
        self._worked_out: dict[Hashable, Any] = {}
        self.arms: tuple[str, ...] = tuple(row[0] for row in self._answer("views/arms", {}).rows())

    def ask(self, question: str, **values: Any) -> pl.DataFrame:
        """The answer to a question, as a frame of the columns that its file names.

        On a limited Board rows of few people are shown together, see `queries.small_cells`.

        Args:
            question: the file without its suffix, `enrollment/by_month`.
            values: bound to `$name` in the file. `$filters`, `$cutoff`, `$subject` and what
                `queries.bound` names of the trial's definition are bound where not given.

        Raises:
            Denied: the grant has expired, was revoked, or is not for this.
            NotShownError: nothing of the answer is shown to a limited role.
        """
        self.check()
        cells = _cells(question)
        self.grant.check_question(
            question,
            says_what_it_counts=cells is not None,
            chosen=set(values) - (cells.fixed if cells else set()),
        )
        for name in _names(question) - values.keys():
            if name == "filters":
                values[name] = self.filters.bound(self.trial)
            elif name == "cutoff":
                values[name] = self.snapshot.manifest.cutoff
            elif name == "subject":
                values[name] = self.subject
            elif name in BY_NAME:
                values[name] = BY_NAME[name](self.trial)
        if not self.grant.limited or cells is None:
            return self._answer(question, values)
        if cells.how != "open":
            self.answered_merged += 1
        if cells.outcome:
            self._check_told(cells.outcome)
        return without_small_cells(
            self._answer(question, values),
            cells,
            self.trial.blinding.smallest_cell,
            self.is_told,
        )

    def is_told(self, outcome: str) -> bool:
        """Whether an outcome is shown to whoever has this Board, by the definition's list."""
        return not self.grant.limited or outcome in self.trial.blinding.limited_outcomes

    def _check_told(self, outcome: str) -> None:
        """Raise NotShownError unless an outcome is shown, and its total in the trial is."""
        if not self.is_told(outcome):
            raise NotShownError(
                f"The trial definition does not show {OUTCOMES[outcome]} to your role."
            )
        if outcome not in _TOTALS:
            return
        question, is_shown = _TOTALS[outcome]
        if self.ask(question).filter(is_shown).is_empty():
            raise NotShownError(
                f"{OUTCOMES[outcome].capitalize()} are counted together with others, or too few, "
                "and are not broken down."
            )

    def unowned(self) -> "Board":
        """This Board, for what is kept with it: a reference that does not keep it open.

        A figure is drawn later, from a function that may name the Board. If what is kept with the
        Board held it in turn, a comparative connection would outlive its last user.
        """
        return cast("Board", weakref.proxy(self))

    def choose(self, filters: Filters) -> None:
        """Ask under these filters from now on.

        Raises:
            Denied: the grant has ended, or its role has no choice of filters.
        """
        self.check()
        if filters:
            self.grant.check_filters()
        if filters != self.filters:
            self._worked_out.clear()
        self.filters = filters

    def once(
        self, what: Hashable, work: Callable[[], T], keep: Callable[[T], bool] = lambda _: True
    ) -> T:
        """What comes of `work`, which is done once under these filters and kept with this Board.

        The last few are kept.

        Args:
            what: names the work, and all that it depends on beside this Board and its filters.
            keep: whether what came of it is small enough to be kept.

        Raises:
            Denied: the grant has ended.
        """
        self.check()
        if what in self._worked_out:
            return cast("T", self._worked_out[what])
        done = work()
        if keep(done):
            if len(self._worked_out) >= _WORK_KEPT:
                self._worked_out.pop(next(iter(self._worked_out)))
            self._worked_out[what] = done
        return done

    @property
    def reference_arm(self) -> str:
        """The arm that others are compared with: the control by its name, else the first."""
        controls = {arm.name for arm in self.trial.arms.list if arm.control}
        return next((arm for arm in self.arms if arm in controls), self.arms[0])

    @property
    def arms_are_named(self) -> bool:
        """Whether arms have their names, so that which of them is the control is known."""
        return self.view is View.UNBLINDED

    def check(self) -> None:
        """Give the connection back, and raise, if the right to it or the file behind it has ended.

        Raises:
            Denied: the grant has ended.
            BoardError: a file of the snapshot is not the one that was opened.
        """
        try:
            self.grant.check(self.trial.id, str(self.snapshot.id), self.view)
            self._check_files()
        except Exception:
            self.close()
            raise

    def _check_files(self) -> None:
        try:
            changed = [path for path, state in self._states.items() if state_of(path) != state]
        except SnapshotsError as error:
            raise BoardError(str(error)) from None
        if changed:
            raise BoardError(f"{changed[0]} was changed while it was shown. Open the page again.")

    def holds(self) -> bool:
        """Whether this can still be asked."""
        try:
            self._check_files()
        except BoardError:
            return False
        return self.grant.holds()

    @property
    def has_sealed_records(self) -> bool:
        """Whether records and findings are whole, with what was sealed."""
        return self.grant.sealed_records

    @property
    def is_limited(self) -> bool:
        """Whether few are shown together with others, and rows of participants refused."""
        return self.grant.limited

    @property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        try:
            return self._lease.connection
        except LeaseEndedError as error:
            raise BoardError(str(error)) from None

    def _answer(self, question: str, values: Mapping[str, Any]) -> pl.DataFrame:
        connection, asked = self._connection, (question, repr(sorted(values.items())))
        answers = self._lease.answers
        if (kept := answers.get(asked)) is not None:
            return kept
        cursor = connection.cursor()
        try:
            answer = cursor.execute(_sql(question), dict(values) or None).pl()
        finally:
            cursor.close()
        answers.keep(asked, answer)
        return answer

    def has(self, name: str) -> bool:
        """Whether the extract had a dataset (`AE`), or records a field of one (`AE.AESER`).

        What it had not is said, never drawn as zero.
        """
        self.check()
        if self._present is None:
            datasets = self.ask("views/datasets").filter("present")["dataset"]
            fields = self.ask("views/recorded")["field"]
            self._present = frozenset(datasets) | frozenset(fields)
        return name in self._present

    def record(self, relation: str, key: str) -> dict[str, Any] | None:
        """One record as this view has it, by column; None where the view has no such record.

        Args:
            relation: its relation.
            key: its record key.

        Raises:
            Denied: the grant has expired, was revoked, or is for no single records.
        """
        self.check()
        self.grant.check_question("record", says_what_it_counts=False, chosen={"key"})
        if relation not in self._answer("views/relations", {})["relation"]:
            return None
        found = rows_where(self._connection, relation, "record_key", key)
        return None if found.is_empty() else found.row(0, named=True)

    def earlier(self) -> list[Snapshot]:
        """The snapshots of the trial before this one, the latest first, to compare with.

        Raises:
            Denied: the grant has ended, or its role compares no snapshots.
        """
        self.check()
        self.grant.check_question("history", says_what_it_counts=False, chosen=set())
        stored = [
            snapshot
            for snapshot in self.snapshot.store.snapshots()
            if snapshot.manifest.format in SHOWN_FORMATS
        ]
        ids = [snapshot.id for snapshot in stored]
        place = ids.index(self.snapshot.id) if self.snapshot.id in ids else 0
        return stored[:place][::-1]

    def back_to(self, snapshot: Snapshot) -> "Board":
        """An earlier snapshot in the same view, under the same filters; closed with this Board.

        Raises:
            Denied: the grant has ended, its role compares no snapshots, or this one is not earlier.
            BoardError: it cannot be opened.
        """
        if snapshot not in self.earlier():
            raise BoardError(f"Snapshot {snapshot.id} is not an earlier one of this trial.")
        name = str(snapshot.id)
        if name not in self._before:
            self._before[name] = self._looking_back.opened(snapshot)
        found = self._before[name]
        found.choose(self.filters)
        return found

    def records_since(self, before: Snapshot) -> list[TableDifference]:
        """How records differ from those of an earlier snapshot; worked out once.

        Of open records, or of all where this Board has them.

        Raises:
            Denied: the grant has ended, or its role compares no snapshots.
            BoardError: the snapshot is not earlier, or cannot be opened.
        """
        # Looking back is decided, and recorded, there.
        self.back_to(before)
        return self.once(("records", str(before.id)), lambda: self._looking_back.compared(before))

    def close(self) -> None:
        """Give the connection back; a comparative one is closed with its last Board."""
        for board in self._before.values():
            board.close()
        self._before.clear()
        self._worked_out.clear()
        self._lease.close()


def _nothing(_snapshot: str) -> None:
    pass


def open_board(
    trial: Trial,
    snapshot: Snapshot,
    grant: "Grant",
    private_key_file: Path | None = None,
    looks_back: Callable[[str], object] = _nothing,
) -> Board:
    """Open a snapshot in the view that `grant` is for.

    Args:
        private_key_file: the board's private key; read for comparative views only.
        looks_back: called with its id before an earlier snapshot is opened to compare with; what it
            raises keeps it closed.

    Raises:
        Denied: the grant is for something else, or has ended.
        BoardError: the key or the sealed file is missing, wrong, or of another snapshot.
    """
    grant.check(trial.id, str(snapshot.id), grant.view)
    if snapshot.manifest.format not in SHOWN_FORMATS:
        raise BoardError(
            f"Snapshot {snapshot.id} was loaded by an earlier version of this program, and this "
            "one cannot show it. Load its extract again; what is loaded stays."
        )
    is_open = grant.view is View.POOLED and not grant.sealed_records
    # Whoever shares a connection is one who could have opened it: same files, same key, same arms.
    files = (OPEN_FILE,) if is_open else (OPEN_FILE, SEALED_FILE)
    try:
        check_vouched_for(snapshot)
        states = {snapshot.folder / name: check_file(snapshot, name) for name in files}
    except SnapshotsError as error:
        raise BoardError(str(error)) from None
    key = (
        snapshot.folder,
        *states.values(),
        grant.view.word,
        grant.sealed_records,
        sha256(snapshot.manifest.to_json()).digest(),
        None if is_open else private_key_file,
        sha256(trial.definition).digest(),
    )
    try:
        connection = lease(
            key,
            lambda: (
                _open(trial, snapshot)
                if is_open
                else _with_sealed(trial, snapshot, grant, private_key_file)
            ),
            keep=is_open,
        )
    except SnapshotsError as error:
        raise BoardError(str(error)) from None

    def opened(before: Snapshot) -> Board:
        looks_back(str(before.id))
        return open_board(trial, before, grant.looking_back(str(before.id)), private_key_file)

    def compared(before: Snapshot) -> list[TableDifference]:
        try:
            if not grant.sealed_records:
                return compare(before, snapshot, _EXAMPLES, NOT_RECORDS)
            private_key = _private_key(private_key_file)
            keys = _key_of(before, private_key), _key_of(snapshot, private_key)
            return compare_sealed(before, snapshot, keys, _EXAMPLES, NOT_RECORDS)
        except SnapshotsError as error:
            raise BoardError(str(error)) from None

    board = Board(
        trial,
        snapshot,
        grant,
        connection,
        states=states,
        looking_back=_LookingBack(opened, compared),
    )
    # What was looked at is what was opened.
    board.check()
    return board


def arm_of_participant(
    trial: Trial,
    snapshot: Snapshot,
    private_key_file: Path | None,
    grant: "Grant",
    participant: str,
) -> str | None:
    """The arm of one participant, for an emergency; None if nobody of that name is randomized.

    Raises as `open_board` does.
    """
    board = open_board(trial, snapshot, grant, private_key_file)
    try:
        answer = board.ask("emergency/arm_of_participant", subject=participant)
    finally:
        board.close()
    return None if answer.is_empty() else str(answer.item(0, "arm"))


@cache
def _sql(question: str) -> str:
    return (FOLDER / f"{question}.sql").read_text(encoding="utf-8")


@cache
def _names(question: str) -> frozenset[str]:
    """The values that a question is bound to."""
    return frozenset(re.findall(r"\$([a-z_]+)", _sql(question)))


@cache
def _cells(question: str) -> Cells | None:
    return declared(_sql(question))


def _open(trial: Trial, snapshot: Snapshot) -> "duckdb.DuckDBPyConnection":
    def prepare(connection: "duckdb.DuckDBPyConnection") -> None:
        _make(
            connection,
            trial,
            snapshot,
            "arm_pooled",
            "relations_open",
            "findings_open",
            _known(snapshot, "pooled"),
            *EVERY_VIEW,
        )

    return reader(snapshot.open_path, prepare=prepare)


def _with_sealed(
    trial: Trial, snapshot: Snapshot, grant: "Grant", private_key_file: Path | None
) -> "duckdb.DuckDBPyConnection":
    private_key = _private_key(private_key_file)
    key = _key_of(snapshot, private_key)
    labels: pl.DataFrame | None = None
    if grant.view > View.POOLED:
        letters = unwrap(private_key, snapshot.manifest.wrapped_labels)
        labels = _labels(trial, grant.view, letters)
    return reader(
        snapshot.open_path,
        snapshot.sealed_path,
        key,
        prepare=_prepare_sealed(trial, snapshot, labels, sealed_records=grant.sealed_records),
    )


def _private_key(file: Path | None) -> "PrivateKey":
    if file is None:
        raise StoreError(
            "Sealed data needs the board's private key: set DSMB_BOARD_PRIVATE_KEY_FILE."
        )
    return read_private_key(file)


def _key_of(snapshot: Snapshot, private_key: "PrivateKey") -> bytes:
    """The key of the snapshot's sealed file."""
    sealed = json.loads(unwrap(private_key, snapshot.manifest.wrapped_key))
    if sealed["snapshot"] != str(snapshot.id):
        raise SealedStoreError(
            f"The key in the manifest is of snapshot {sealed['snapshot']}, not of {snapshot.id}. "
            "Restore the snapshot's folder from a copy."
        )
    return base64.b64decode(sealed["key"])


def _labels(trial: Trial, view: View, coded: bytes) -> pl.DataFrame:
    """Code, label and position of each arm: named in the definition's order, or lettered."""
    codes = trial.arm_codes
    letters: dict[str, str] = json.loads(coded)
    if set(letters) != set(codes):
        raise StoreError(
            "The arms of the trial definition are not those that the labels were drawn for "
            f"({len(codes)} and {len(letters)}). Restore the definition, or start a new store."
        )
    if view is View.CODED:
        ordered = sorted(codes, key=letters.__getitem__)
        names = [letters[code] for code in ordered]
    else:
        ordered = list(codes)
        names = [arm.name for arm in trial.arms.list]
    return pl.DataFrame(
        {"code": ordered, "arm": names, "position": list(range(1, len(ordered) + 1))}
    )


def _prepare_sealed(
    trial: Trial, snapshot: Snapshot, labels: pl.DataFrame | None, *, sealed_records: bool
) -> "Callable[[duckdb.DuckDBPyConnection], None]":
    """The views of a connection that has the sealed file: by arm where there are labels."""
    records = (
        ("relations_complete", "findings_complete")
        if sealed_records
        else ("relations_open", "findings_open")
    )

    def prepare(connection: "duckdb.DuckDBPyConnection") -> None:
        about = connection.execute(_sql("views/about")).fetchone()
        if about != (str(snapshot.id), snapshot.manifest.digest):
            raise SealedStoreError(
                f"The sealed file beside {snapshot.id} belongs to another snapshot. Restore the "
                "snapshot's folder from a copy."
            )
        if labels is None:
            arms: tuple[str, ...] = ("arm_pooled",)
        else:
            connection.register("given_label", labels.to_arrow())
            connection.execute("create table label as from given_label")
            connection.unregister("given_label")
            arms = ("arm_labeled", "actual_arm") if sealed_records else ("arm_labeled",)
        doses = ("doses",) if sealed_records else ()
        known = "complete" if sealed_records else "pooled" if labels is None else "coded"
        reasons = _known(snapshot, known)
        _make(connection, trial, snapshot, *arms, *records, reasons, *EVERY_VIEW, *doses)

    return prepare


def _known(snapshot: Snapshot, known: str) -> str:
    """The views of why participants left; of a store of an earlier format, all that it lacks."""
    return f"known_{known}" if snapshot.manifest.format >= KNOWN_FACTS else "before_5"


def _make(
    connection: "duckdb.DuckDBPyConnection", trial: Trial, snapshot: Snapshot, *views: str
) -> None:
    """Make what questions are asked of; these values are bound where they are named."""
    values: dict[str, Any] = {
        "severity_measure": trial.subgroups.severity_measure,
        "cutoff": snapshot.manifest.cutoff,
    }
    for name in ("cut_off", *views):
        if name in _STORES:
            _make_plain_relations(connection, _STORES[name], snapshot)
        sql = _sql(f"views/{name}")
        named = {name: value for name, value in values.items() if f"${name}" in sql}
        connection.execute(sql, named or None)


def _make_plain_relations(
    connection: "duckdb.DuckDBPyConnection", store: str, snapshot: Snapshot
) -> None:
    """A view, under its name, of each relation that a store's own catalog of datasets lists.

    The catalog is made from the facts on domains, so a new domain needs no view of its own. What
    begins after the data cut-off is in none of them, but in those whose name ends in `_later`.
    """

    def stored(name: str) -> "duckdb.DuckDBPyRelation":
        return connection.table(f"{quote_identifier(store)}.{quote_identifier(name)}")

    listed = {row[0] for row in stored("dataset").select("relation").fetchall()}
    facts = {"standing", "recorded"} if snapshot.manifest.format >= KNOWN_FACTS else set()
    if facts:
        # What opens of the whole trial alone stands in the open part.
        for name in ("known_fact", "leaving_reason"):
            connection.table(f"{quote_identifier(OPEN)}.{quote_identifier(name)}").create_view(name)
    for name in sorted({"dataset", "blood_gas"} | facts | listed - _NOT_PLAIN):
        relation = stored(name)
        if name == "blood_gas" and snapshot.manifest.format < KNOWN_FACTS:
            # There a visit and day has one gas at most.
            relation = relation.project("*, true as is_day_value, true as is_worst")
        is_later = begins_after(relation.columns, snapshot.manifest.cutoff)
        if is_later is None:
            relation.create_view(name, replace=False)
            continue
        relation.filter(~is_later).create_view(name, replace=False)
        relation.filter(is_later).create_view(f"{name}_later", replace=False)
