"""Loading: an extract becomes a published snapshot, or nothing changes."""

import base64
import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb
import polars as pl
from nacl.exceptions import CryptoError
from nacl.public import PublicKey
from nacl.secret import SecretBox

from data_validation.assess import NOT_RECEIVED, Assessment, assess, stated_cutoff
from data_validation.crossing import Earlier
from data_validation.domains import DOMAINS
from data_validation.facts import Severity
from data_validation.findings import counts, with_status
from data_validation.readers import Limits, read_extract
from snapshots import (
    FILES_IN_MANIFEST,
    FORMAT,
    IDENTITIES_FILE,
    OPEN_FILE,
    SEALED,
    SEALED_FILE,
    ControlTotal,
    Manifest,
    OpenFile,
    RecordsMark,
    Snapshot,
    SnapshotId,
    Store,
    StoreError,
    TrialStore,
    check_file,
    check_vouched_for,
    count_rows,
    find_by_receipt,
    fingerprint,
    identity_key,
    load_lock,
    make_current,
    new_data_key,
    open_store_digest,
    open_stores_reader,
    publish,
    read_public_key,
    receipt_of,
    replace_file,
    rows_with,
    store_frame,
    store_frames,
    sweep,
    wrap,
    writer,
)
from trials import Trial
from version import VERSION

Progress = Callable[[str], None]

_MISSING_KEY = (
    "The board's public key is needed to seal a load: set DSMB_BOARD_PUBLIC_KEY_FILE to its file. "
    "`python -m access keys new DIR` makes a pair."
)


class RefusedError(Exception):
    """An extract with critical findings; the assessment says which."""

    def __init__(self, assessment: Assessment) -> None:
        """Keep the assessment, so that its findings can be shown."""
        super().__init__(
            f"The extract was refused: {reason_to_refuse(assessment)} "
            "Nothing was changed; the current snapshot stays."
        )
        self.assessment = assessment


def reason_to_refuse(assessment: Assessment) -> str:
    """Why an assessment with critical findings refuses the load, in words that anybody may read.

    Sealed findings are not counted: their number depends on what is sealed.
    """
    critical = counts(assessment.open_findings)[Severity.CRITICAL.value]
    if critical:
        return f"it has {critical} critical finding{'s' if critical > 1 else ''}."
    return (
        "it has critical findings among the sealed records. `check` shows them where the board's "
        "private key is at hand (DSMB_BOARD_PRIVATE_KEY_FILE)."
    )


@dataclass(frozen=True)
class Loaded:
    """The outcome of a load: the snapshot, and the assessment unless the extract was known."""

    snapshot: Snapshot
    assessment: Assessment | None


def load(
    path: Path,
    trial: Trial,
    store: Store,
    public_key_file: Path | None,
    *,
    cutoff: date | None = None,
    limits: Limits | None = None,
    records: RecordsMark | None = None,
    named: Collection[SnapshotId] = (),
    progress: Progress = lambda _text: None,
) -> Loaded:
    """Read, check, seal and publish an extract.

    Args:
        path: a folder or zip file.
        public_key_file: the board's public key; the sealed part is encrypted to it.
        records: the audit trail that the load is recorded in; later ones must go on from it.
        named: ids of snapshots that the trail names, which are not given again.
        progress: told in a few words what is being done.

    Returns:
        The new snapshot; or, for an extract that is loaded already, the snapshot it became.

    Raises:
        RefusedError: critical findings; nothing changed.
        UnreadableExtract, UnusableExtractError: the extract cannot be read or placed.
        SealingKeyError, StoreError, LoadUnderWay: the store or the key is in the way.
    """
    if public_key_file is None:
        raise StoreError(_MISSING_KEY)
    public_key = read_public_key(public_key_file)
    trial_store = store.trial(trial.id)
    with load_lock(trial_store):
        sweep(trial_store)
        extract = read_extract(path, limits=limits or Limits(), progress=progress)
        receipt = receipt_of(store, _receipt_parts(path, trial, cutoff, fingerprint(public_key)))
        earlier = find_by_receipt(trial_store, receipt)
        if earlier is not None:
            if trial_store.current_id() != earlier.id and _is_latest(trial_store, earlier):
                make_current(trial_store, earlier)
            return Loaded(earlier, None)
        cutoff = cutoff or stated_cutoff(extract, trial)
        before, key = _before(trial_store), identity_key(store)
        assessment = assess(
            extract,
            trial,
            cutoff,
            identity_key=key,
            earlier=_earlier(before, key),
            progress=progress,
        )
        refusal = trial_store.folder / "refused.json"
        if assessment.critical:
            # A disk in the way must not hide the findings, which are shown all the same.
            with suppress(OSError):
                replace_file(refusal, _refusal(assessment).encode(), 0o640)
            raise RefusedError(assessment)
        labels = _labels(before, trial, public_key)
        snapshot_id = trial_store.next_id(assessment.cutoff, named)
        progress("writing")
        snapshot = publish(
            trial_store,
            snapshot_id,
            lambda folder: _build(
                folder,
                assessment,
                str(snapshot_id),
                before,
                public_key=public_key,
                labels=labels,
                records=records,
                records_key=key,
            ),
            receipt,
        )
        refusal.unlink(missing_ok=True)
        return Loaded(snapshot, assessment)


def _before(trial_store: TrialStore) -> Snapshot | None:
    """The snapshot that a load follows: the current one, or if it is damaged the last that is not.

    Raises:
        StoreError: there are snapshots, and nothing vouches for any of them, or none can be read.
    """
    if (current := trial_store.current_id()) is None:
        return None
    readable = trial_store.snapshots()
    if not readable:
        trial_store.snapshot(current)  # says why
    readable.sort(key=lambda snapshot: (snapshot.id == current, snapshot.id), reverse=True)
    chosen = next((snapshot for snapshot in readable if _is_whole(snapshot)), readable[0])
    check_vouched_for(chosen)
    return chosen


def _earlier(before: Snapshot | None, key: bytes) -> Earlier | None:
    """The records of the snapshot before, by which none passes between open and sealed.

    Raises:
        StoreError: a file of it, or the key, is not what it was.
    """
    if before is None:
        return None
    is_known = before.manifest.format >= FILES_IN_MANIFEST
    try:
        for name in (OPEN_FILE, IDENTITIES_FILE) if is_known else (OPEN_FILE,):
            check_file(before, name)
    except StoreError as error:
        raise StoreError(
            f"{error} No snapshot is whole that a load could follow, so nothing was loaded; "
            "without a copy, begin a new store (DSMB_STORE)."
        ) from None
    if not is_known:
        return None
    try:
        plain = SecretBox(key).decrypt((before.folder / IDENTITIES_FILE).read_bytes())
    except CryptoError:
        raise StoreError(
            "The store's key (.store-key) is not the one that the last load had, so its records "
            "are not recognized. Restore it from a copy."
        ) from None
    identities = pl.read_parquet(plain)

    def open_rows(relation: str, keys: list[str]) -> pl.DataFrame:
        with closing(open_stores_reader({"before": before.open_path})) as connection:
            return rows_with(connection, "before", relation, "record_key", keys)

    with closing(open_stores_reader({"before": before.open_path})) as connection:
        sealed_events = connection.execute("SELECT * FROM before.sealed_event").pl()
    return Earlier(identities, open_rows, before.manifest.cutoff, sealed_events)


def _is_whole(snapshot: Snapshot) -> bool:
    try:
        check_file(snapshot, OPEN_FILE)
    except StoreError:
        return False
    return True


def _is_latest(trial_store: TrialStore, earlier: Snapshot) -> bool:
    """Whether no later load came after: an older extract is never made current again."""
    return all(
        other.manifest.loaded_at <= earlier.manifest.loaded_at for other in trial_store.snapshots()
    )


def _receipt_parts(
    path: Path, trial: Trial, cutoff: date | None, key_fingerprint: str
) -> list[bytes]:
    parts = [
        str(FORMAT).encode(),
        _program(),
        trial.definition,
        (cutoff.isoformat() if cutoff else "").encode(),
        key_fingerprint.encode(),
    ]
    if path.is_file() and zipfile.is_zipfile(path):
        files = [path]
    else:
        files = sorted(entry for entry in path.iterdir() if entry.is_file())
    for file in files:
        with file.open("rb") as handle:
            parts += [file.name.encode(), hashlib.file_digest(handle, "sha256").digest()]
    return parts


@cache
def _program() -> bytes:
    """What reads, checks and seals: with another version of it, the same extract is a new load."""
    folder = Path(__file__).parent
    return b"".join(
        hashlib.sha256(path.read_bytes()).digest() for path in sorted(folder.rglob("*.py"))
    )


def _refusal(assessment: Assessment) -> str:
    """The open findings of a refused load, for the data pages."""
    critical = assessment.open_findings.filter(pl.col("severity") == Severity.CRITICAL.value)
    return json.dumps(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cutoff": assessment.cutoff.isoformat(),
            "findings": counts(assessment.open_findings),
            "critical": critical.select("check", "subject", "field", "message").head(50).to_dicts(),
        },
        indent=2,
    )


def _labels(before: Snapshot | None, trial: Trial, public_key: PublicKey) -> str:
    """Which arm is Arm A, Arm B, …: drawn once, then carried forward as sealed text.

    A load has no private key, so it cannot read the labels it carries; that they fit the arms is
    checked where they are used.
    """
    if before is not None:
        if before.manifest.board_key_fingerprint != fingerprint(public_key):
            raise StoreError(
                "The store is sealed to another board key (fingerprint "
                f"{before.manifest.board_key_fingerprint}). Load with that public key, or start a "
                "new store (DSMB_STORE)."
            )
        return before.manifest.wrapped_labels
    codes = list(trial.arm_codes)
    secrets.SystemRandom().shuffle(codes)
    labels = {code: f"Arm {chr(ord('A') + place)}" for place, code in enumerate(codes)}
    return wrap(public_key, json.dumps(labels).encode())


def _build(
    folder: Path,
    assessment: Assessment,
    snapshot_id: str,
    before: Snapshot | None,
    *,
    public_key: PublicKey,
    labels: str,
    records: RecordsMark | None,
    records_key: bytes,
) -> Manifest:
    key = new_data_key()
    findings = _findings(assessment, before)
    opened = {**assessment.open_relations, "finding": findings}
    with (
        OpenFile(folder / OPEN_FILE, opened) as open_file,
        writer(folder / SEALED_FILE, key) as connection,
    ):
        store_frames(connection, SEALED, _sealed_tables(assessment))
        open_file.finish()
        digest = open_store_digest(folder / OPEN_FILE)
        rows_open = {name: facts.rows for name, facts in digest.tables.items()}
        _check_control_totals(connection, assessment, rows_open)
        about = pl.DataFrame({"snapshot": [snapshot_id], "open_digest": [digest.digest]})
        store_frame(connection, SEALED, "about", about)
    # It says which of the open records are sealed by now, so only a load can read it.
    identities = io.BytesIO()
    assessment.identities.write_parquet(identities)
    sealed = SecretBox(records_key).encrypt(identities.getvalue())
    (folder / IDENTITIES_FILE).write_bytes(sealed)
    return Manifest(
        format=FORMAT,
        trial=assessment.trial.id,
        snapshot=snapshot_id,
        cutoff=assessment.cutoff,
        # To the microsecond: of two loads in one second the later one must stay the latest.
        loaded_at=datetime.now(UTC),
        simulated=assessment.simulated,
        versions={"software": VERSION}
        | {name: version(name) for name in ("duckdb", "polars", "pandera")},
        tables=dict(digest.tables),
        digest=digest.digest,
        records=records,
        control_totals=tuple(
            ControlTotal(relation=name, rows=frame.height)
            for name, frame in sorted(assessment.open_relations.items())
            if name not in NOT_RECEIVED
        ),
        findings=counts(findings),
        board_key_fingerprint=fingerprint(public_key),
        wrapped_key=wrap(
            public_key,
            json.dumps({"snapshot": snapshot_id, "key": base64.b64encode(key).decode()}).encode(),
        ),
        wrapped_labels=labels,
    )


def _findings(assessment: Assessment, before: Snapshot | None) -> pl.DataFrame:
    """The open findings, with what became of those of the snapshot before."""
    if before is None:
        return with_status(assessment.open_findings, None)

    def records_now(relation: str, keys: list[str]) -> pl.DataFrame:
        return assessment.open_relations[relation].filter(pl.col("record_key").is_in(keys))

    with closing(open_stores_reader({"before": before.open_path})) as connection:
        known = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()

        def records_before(relation: str, keys: list[str]) -> pl.DataFrame:
            if (relation,) not in known:
                return pl.DataFrame()
            return rows_with(connection, "before", relation, "record_key", keys)

        findings = connection.execute("SELECT * FROM before.finding").pl()
        return with_status(assessment.open_findings, findings, records_now, records_before)


def _sealed_tables(assessment: Assessment) -> dict[str, pl.DataFrame]:
    return {
        **assessment.complete_relations,
        "other_record": assessment.unknown,
        "allocation": assessment.allocation,
        "sealed_finding": assessment.sealed_findings,
        "control_total": assessment.totals,
        "sealed_unexpectedly": assessment.sealed_unexpectedly,
        # How a file was read follows from all of it, what is sealed in it, too.
        "reading_remark": pl.DataFrame(
            {"position": range(1, len(assessment.remarks) + 1), "remark": assessment.remarks},
            schema={"position": pl.Int64, "remark": pl.String},
        ),
    }


def _check_control_totals(
    connection: duckdb.DuckDBPyConnection, assessment: Assessment, rows_in_open: dict[str, int]
) -> None:
    """Every row that was read is stored, counted in the files themselves; else nothing loads."""
    totals = assessment.totals.group_by("dataset").agg(pl.col("rows_read", "rows_open").sum())
    unknown = 0
    for dataset, rows_read, rows_open in totals.sort("dataset").rows():
        if dataset not in DOMAINS:
            unknown += rows_read
            continue
        relation = DOMAINS[dataset].relation
        _compare(f"read of {dataset}", rows_read, count_rows(connection, SEALED, relation))
        if relation in assessment.open_relations:
            _compare(f"of {dataset} that open", rows_open, rows_in_open[relation])
    stored = count_rows(connection, SEALED, "other_record")
    _compare("read of other datasets", unknown, stored)


def _compare(rows: str, expected: int, stored: int) -> None:
    if stored != expected:
        raise StoreError(
            f"Of {expected} rows {rows}, {stored} were stored. Nothing was changed. "
            "This is a fault of the program: please report it."
        )
