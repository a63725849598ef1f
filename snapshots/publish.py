"""Publishing a snapshot: readers see the old one or the new one, whole, whatever happens.

Everything is written to a work folder beside the snapshots and flushed to disk; one rename gives it
its id, and a second one, of the small file ``current``, shows it to readers. Whatever a crash
leaves behind has a name that begins with a dot, and the next load sweeps it away.
"""

import getpass
import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from snapshots.durable_files import replace_file, sync, write_new_file
from snapshots.errors import LoadUnderWay, StoreError, disk_full_reason
from snapshots.integrity import file_digest
from snapshots.manifest import Manifest, authentication_code
from snapshots.store import (
    CODE_FILE,
    CURRENT_FILE,
    IDENTITIES_FILE,
    MANIFEST_FILE,
    NUMBERS_FILE,
    OPEN_FILE,
    RECEIPT_FILE,
    SEALED_FILE,
    Snapshot,
    SnapshotId,
    Store,
    TrialStore,
)

_LOCK_FILE = ".load.lock"
_HOLDER_FILE = ".load.holder"
_STORE_KEY_FILE = ".store-key"
_STORE_KEY_BYTES = 32
_LEFTOVERS = (".incoming-*", ".removing-*", ".current-*", ".numbers.json-*", ".load.holder-*")

# A published snapshot is read by its owner and group and written by nobody; the receipt, by which
# an input could be recognized together with the store's key, is the owner's alone.
_MODES = {
    OPEN_FILE: 0o440,
    SEALED_FILE: 0o440,
    MANIFEST_FILE: 0o440,
    CODE_FILE: 0o440,
    RECEIPT_FILE: 0o400,
    IDENTITIES_FILE: 0o400,
}
_FOLDER_MODE = 0o750


@contextmanager
def load_lock(trial: TrialStore) -> Iterator[None]:
    """Hold the one place for a load of this trial; a thread that holds it may enter again.

    The operating system frees the lock when its holder dies. Hold it from the choice of the id to
    the pruning, so that no other load comes between.

    Raises:
        LoadUnderWay: another process or thread holds it; the message says who.
        StoreError: the trial's folder cannot be made or written.
    """
    _make_folder(trial)
    holder = trial.folder / _HOLDER_FILE
    lock = FileLock(trial.folder / _LOCK_FILE, is_singleton=True)
    entered_again = lock.is_locked
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise LoadUnderWay(trial.name, _who_holds(holder)) from None
    except OSError as error:
        raise StoreError(f"{trial.folder} cannot be written: {error.strerror}.") from error
    try:
        if not entered_again:
            with _disk_errors_explained(trial, "Nothing was changed."):
                replace_file(holder, _this_holder(), 0o640)
        yield
    finally:
        if not entered_again:
            with suppress(OSError):
                holder.unlink(missing_ok=True)
        lock.release()


def publish(
    trial: TrialStore,
    snapshot_id: SnapshotId,
    build: Callable[[Path], Manifest],
    receipt: bytes,
) -> Snapshot:
    """Write a new snapshot and make it the current one.

    Args:
        trial: where to.
        snapshot_id: a new id, see ``TrialStore.next_id``.
        build: writes ``open.duckdb`` and ``sealed.duckdb``, and ``identities.sealed`` if records
            are to be recognized, into the folder that it is given (mode 0700) and returns the
            manifest, to which the files' digests are added.
        receipt: how to recognize the same input again, see ``receipt_of``.

    Returns:
        The published snapshot.

    Raises:
        LoadUnderWay: see ``load_lock``.
        StoreError: the id is taken, ``build`` did not keep to its part, or the disk is full or
            fails. As after any exception of ``build``, the store is as it was before.
    """
    with load_lock(trial), _disk_errors_explained(trial, "Nothing was changed."):
        target = trial.folder / str(snapshot_id)
        if os.path.lexists(target):
            raise StoreError(f"{target} exists already; a published snapshot is never changed.")
        token = secrets.token_hex(8)
        incoming = trial.folder / f".incoming-{token}"
        pointer = trial.folder / f".current-{token}"
        try:
            incoming.mkdir(mode=0o700)
            manifest = build(incoming)
            _check_built(trial, snapshot_id, incoming, manifest)
            files = {path.name: file_digest(path) for path in sorted(incoming.iterdir())}
            manifest = manifest.model_copy(update={"files": files})
            content = manifest.to_json()
            write_new_file(incoming / MANIFEST_FILE, content, _MODES[MANIFEST_FILE])
            if trial.key is not None:
                code = f"{authentication_code(trial.key, content)}\n".encode()
                write_new_file(incoming / CODE_FILE, code, _MODES[CODE_FILE])
            write_new_file(incoming / RECEIPT_FILE, receipt.hex().encode(), _MODES[RECEIPT_FILE])
            for name in files:
                (incoming / name).chmod(_MODES[name])
                sync(incoming / name)
            incoming.chmod(_FOLDER_MODE)
            sync(incoming)
            # Written before the first rename, so that a full disk is met before anything shows.
            write_new_file(pointer, f"{snapshot_id}\n".encode(), 0o640)
            incoming.rename(target)
            sync(trial.folder)
            pointer.replace(trial.folder / CURRENT_FILE)
        except BaseException:
            _take_back(trial, snapshot_id, incoming, pointer)
            raise
    with _disk_errors_explained(
        trial, f"Snapshot {snapshot_id} is current, but may be lost if the machine stops now."
    ):
        sync(trial.folder)
    return trial.snapshot(snapshot_id)


def make_current(trial: TrialStore, snapshot: Snapshot) -> None:
    """Show a published snapshot to readers.

    Finishes a load that died between giving a snapshot its id and making it current. Raises
    LoadUnderWay or StoreError as ``publish`` does.
    """
    if snapshot.folder.parent != trial.folder:
        raise StoreError(f"Snapshot {snapshot.id} is not one of trial {trial.name}.")
    with load_lock(trial), _disk_errors_explained(trial, "The current snapshot is as it was."):
        replace_file(trial.folder / CURRENT_FILE, f"{snapshot.id}\n".encode(), 0o640)


def sweep(trial: TrialStore) -> list[str]:
    """Remove what crashed loads left in the trial's folder; return the names, sorted.

    Raises LoadUnderWay if a load is under way, whose work folder this would be.
    """
    with load_lock(trial):
        leftovers = sorted(
            (path for pattern in _LEFTOVERS for path in trial.folder.glob(pattern)),
            key=lambda path: path.name,
        )
        for path in leftovers:
            _remove(path)
    return [path.name for path in leftovers]


def prune(trial: TrialStore, keep: int, protected: Collection[str] = ()) -> list[str]:
    """Remove all but the last ``keep`` snapshots, by cut-off and number.

    Args:
        trial: where.
        keep: at least 1.
        protected: ids that stay in any case, for instance because a review names them.

    Returns:
        The ids that were removed, in order. The current snapshot is never among them, nor a folder
        that is not a snapshot this version can read.

    Raises:
        LoadUnderWay: see ``load_lock``.
        StoreError: ``keep`` is below 1, or the folder cannot be written; a snapshot is then there
            whole or not at all.
    """
    if keep < 1:
        raise StoreError(f"At least 1 snapshot is kept; {keep} was asked for.")
    removed: list[str] = []
    with load_lock(trial), _disk_errors_explained(trial, "Every snapshot left is whole."):
        current = trial.current_id()
        for snapshot in trial.snapshots()[:-keep]:
            if snapshot.id == current or str(snapshot.id) in protected:
                continue
            _retire_number(trial, snapshot.id)
            out_of_sight = trial.folder / f".removing-{secrets.token_hex(8)}"
            snapshot.folder.rename(out_of_sight)
            sync(trial.folder)
            removed.append(str(snapshot.id))
            _remove(out_of_sight)
    return removed


def receipt_of(store: Store, parts: Iterable[bytes]) -> bytes:
    """Return 32 bytes by which the same input is recognized in this store, and in no other.

    HMAC-SHA-256 under a random key of the store: without that key it says nothing about the input,
    whereas the plain hash of a short allocation list could be found by trial.

    Args:
        store: its key is made on first use (``.store-key``, mode 0600).
        parts: what makes an input the same, for instance name and SHA-256 of each file and the
            settings of the load. Two parts are never mistaken for one.

    Raises:
        StoreError: the store's key cannot be made or read, or others than its owner may read it.
    """
    code = hmac.new(_store_key(store), digestmod=hashlib.sha256)
    for part in parts:
        code.update(len(part).to_bytes(8, "big"))
        code.update(part)
    return code.digest()


def identity_key(store: Store) -> bytes:
    """The key under which this store recognizes records; it follows from that of receipts.

    Raises:
        StoreError: the store's key cannot be made or read.
    """
    return hmac.new(_store_key(store), b"identities of records", hashlib.sha256).digest()


def find_by_receipt(trial: TrialStore, receipt: bytes) -> Snapshot | None:
    """Return the latest snapshot that was published with this receipt, or None.

    It need not be the current one: a crash may have come between, see ``make_current``.
    """
    for snapshot in reversed(trial.snapshots()):
        try:
            found = (snapshot.folder / RECEIPT_FILE).read_bytes()
        except OSError:
            continue
        if hmac.compare_digest(found, receipt.hex().encode()):
            return snapshot
    return None


def _make_folder(trial: TrialStore) -> None:
    try:
        if not trial.folder.is_dir():
            trial.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            sync(trial.folder.parent)
    except OSError as error:
        raise StoreError(
            f"The folder {trial.folder} cannot be made: {error.strerror}. Name another store "
            "(DSMB_STORE), or give this user the right to write there."
        ) from error


def _this_holder() -> bytes:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"user {os.getuid()}"
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "user": user, "since": since}).encode()


def _who_holds(holder: Path) -> str:
    try:
        facts = json.loads(holder.read_bytes())
        return f"process {facts['pid']} of {facts['user']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        # It has just begun, or has just ended.
        return "another process"


@contextmanager
def _disk_errors_explained(trial: TrialStore, consequence: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = disk_full_reason(error)
        if reason is not None:
            raise StoreError(
                f"The disk is full ({reason}) while writing to {trial.folder}. {consequence} "
                "Make room and try again."
            ) from error
        if isinstance(error, OSError) and _is_within(error, trial.folder):
            raise StoreError(
                f"{error.filename} cannot be written: {error.strerror}. {consequence}"
            ) from error
        raise


def _is_within(error: OSError, folder: Path) -> bool:
    """Whether a failure is about the store and not, say, about an extract that is being read."""
    return isinstance(error.filename, str | Path) and Path(error.filename).is_relative_to(folder)


def _check_built(
    trial: TrialStore, snapshot_id: SnapshotId, folder: Path, manifest: Manifest
) -> None:
    found = {path.name for path in folder.iterdir()}
    if found - {IDENTITIES_FILE} != {OPEN_FILE, SEALED_FILE}:
        raise StoreError(
            f"A snapshot is made of {OPEN_FILE} and {SEALED_FILE}; the load wrote "
            f"{', '.join(sorted(found)) or 'nothing'}. Nothing was changed."
        )
    stated = (manifest.trial, manifest.snapshot, manifest.cutoff)
    if stated != (trial.name, str(snapshot_id), snapshot_id.cutoff):
        raise StoreError(
            f"The manifest describes snapshot {manifest.snapshot} of trial {manifest.trial} with "
            f"cut-off {manifest.cutoff}; {snapshot_id} of {trial.name} was to be published. "
            "Nothing was changed."
        )


def _take_back(trial: TrialStore, snapshot_id: SnapshotId, incoming: Path, pointer: Path) -> None:
    """Undo a publish that failed, unless it failed after the step that made it current."""
    with suppress(OSError, StoreError):
        pointer.unlink(missing_ok=True)
    with suppress(StoreError):
        if trial.current_id() == snapshot_id:
            return
    target = trial.folder / str(snapshot_id)
    with suppress(OSError):
        if target.exists():
            target.rename(incoming)
    shutil.rmtree(incoming, ignore_errors=True)


def _retire_number(trial: TrialStore, snapshot_id: SnapshotId) -> None:
    """Remember a number that is about to go, so that it is not given again."""
    numbers = trial.retired_numbers()
    numbers[snapshot_id.cutoff] = max(numbers.get(snapshot_id.cutoff, 0), snapshot_id.number)
    plain = {cutoff.isoformat(): number for cutoff, number in numbers.items()}
    content = json.dumps(plain, sort_keys=True, indent=2) + "\n"
    replace_file(trial.folder / NUMBERS_FILE, content.encode(), 0o640)


def _remove(path: Path) -> None:
    """Remove a file or folder; what is left of it, if anything, the next sweep takes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _store_key(store: Store) -> bytes:
    path = store.root / _STORE_KEY_FILE
    try:
        if not path.exists():
            store.root.mkdir(parents=True, exist_ok=True)
            with FileLock(store.root / f"{_STORE_KEY_FILE}.lock", timeout=10):
                if not path.exists():
                    for draft in store.root.glob(f"{_STORE_KEY_FILE}-*"):  # of a crash
                        _remove(draft)
                    replace_file(path, secrets.token_bytes(_STORE_KEY_BYTES), 0o600)
        key = path.read_bytes()
        mode = path.stat().st_mode
    except (OSError, Timeout) as error:
        raise StoreError(
            f"The store's key {path} cannot be made or read: {error}. The user that loads must be "
            "its owner."
        ) from error
    if mode & 0o077:
        raise StoreError(
            f"The store's key {path} can be read by others than its owner. Run: chmod 600 {path}"
        )
    if len(key) != _STORE_KEY_BYTES:
        raise StoreError(
            f"The store's key {path} has {len(key)} bytes, expected {_STORE_KEY_BYTES}. Restore it "
            "from a copy; without one delete it, and the same extract will load once more."
        )
    return key
