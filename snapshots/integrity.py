"""Whether a snapshot is what was loaded: digests of its files, and a code over its manifest.

The manifest has the SHA-256 of both databases, and beside it stands an HMAC over the manifest,
under a key of the installation that the store does not hold. So whoever can write to the store, and
no more, changes neither a number nor what the manifest says of it unnoticed.
"""

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path

from snapshots.digest import open_store_digest
from snapshots.errors import StoreError
from snapshots.manifest import FILES_IN_MANIFEST
from snapshots.store import OPEN_FILE, SEALED_FILE, Snapshot

State = tuple[int, ...]

_RESTORE = "Restore the snapshot's folder from a copy, or load the extract again."


def state_of(path: Path) -> State:
    """What the system says of a file, which changes with what is written to it.

    Not where it was mapped for writing before it was looked at: SECURITY.md says so.

    Raises:
        StoreError: the file is gone, or cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. {_RESTORE}") from None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def check_vouched_for(snapshot: Snapshot) -> None:
    """Raise StoreError unless a code vouches for the manifest.

    Where there is no key to ask by, simulated participants will do: that they are simulated says
    the manifest itself, so it is believed of nothing that could have been vouched for.
    """
    simulated = snapshot.manifest.simulated and snapshot.store.key is None
    if not (snapshot.authenticated or simulated):
        raise StoreError(
            f"Nothing vouches for snapshot {snapshot.id}: there is no audit key at hand "
            "(DSMB_AUDIT_KEY_FILE), or an earlier version of this program loaded it. Set the key; "
            "or, if the snapshot is known to be as it was loaded, run: python -m data_validation "
            f"snapshots vouch-for {snapshot.id} --trial {snapshot.manifest.trial}"
        )


def check_file(snapshot: Snapshot, name: str) -> State:
    """The state in which a database of a snapshot is as it was loaded.

    It is read whole, once for each state of it in a process.

    Raises:
        StoreError: it is missing, damaged or replaced.
    """
    path = snapshot.folder / name
    state = state_of(path)
    try:
        is_whole = _is_whole(snapshot, path, state)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. {_RESTORE}") from None
    if not is_whole:
        raise StoreError(
            f"{path} is damaged, or was changed: it is not the file that the manifest of "
            f"{snapshot.id} describes. {_RESTORE}"
        )
    return state


def check_files(snapshot: Snapshot) -> None:
    """Raise StoreError unless the files of a snapshot are as they were loaded."""
    for name in snapshot.manifest.files or (OPEN_FILE, SEALED_FILE):
        check_file(snapshot, name)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(snapshot: Snapshot, path: Path, state: State) -> bool:
    manifest = snapshot.manifest
    if manifest.format >= FILES_IN_MANIFEST:
        return hmac.compare_digest(_digest(path, state), manifest.files.get(path.name, ""))
    # Of these the manifest has the digest of the open contents; DuckDB itself notices a change of
    # the sealed file, which it decrypts.
    return path.name == SEALED_FILE or _contents(path, state) == manifest.digest


@lru_cache(maxsize=64)
def _digest(path: Path, _state: State) -> str:
    return file_digest(path)


@lru_cache(maxsize=16)
def _contents(path: Path, _state: State) -> str:
    return open_store_digest(path).digest
