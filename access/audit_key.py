"""The audit key: the secret under which the rows of the audit trail vouch for each other.

It is a key of its own. Who has it can rewrite the trail so that only a checkpoint kept elsewhere
shows it; who has only the board's keys, or the database, cannot.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from access.errors import AuditError

KEY_BYTES = 32

_HEADER = "DSMB audit key (HMAC-SHA-256, hexadecimal): vouches for the audit trail, keep secret"
_FILE_LIMIT = 4096
_HOW_TO = "`python -m access audit new-key FILE` makes one."


def new_audit_key(path: Path) -> None:
    """Make an audit key, readable by its owner only.

    Raises:
        AuditError: the file exists already, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise AuditError(
            f"{path} exists already and is not overwritten: a trail is verified with the key it "
            "was written with. Name another file."
        ) from None
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(f"{_HEADER}\n{secrets.token_hex(KEY_BYTES)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from None


def read_audit_key(path: Path | None) -> bytes:
    """The audit key.

    Raises:
        AuditError: there is none, or others may read it; the text never quotes the file.
    """
    if path is None:
        raise AuditError(
            "What is done here is recorded in the audit trail, and that needs a key: set "
            f"DSMB_AUDIT_KEY_FILE to its file. {_HOW_TO}"
        )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            content = os.read(descriptor, _FILE_LIMIT) if stat.S_ISREG(mode) else b""
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise AuditError(
            f"The audit key {path} (DSMB_AUDIT_KEY_FILE) does not exist. {_HOW_TO}"
        ) from None
    except OSError as error:
        raise AuditError(f"The audit key {path} cannot be read: {error.strerror}.") from None
    header, _, rest = content.partition(b"\n")
    try:
        key = bytes.fromhex(rest.decode("ascii").strip())
    except ValueError:
        key = b""
    if header.decode("utf-8", "replace").strip() != _HEADER or len(key) != KEY_BYTES:
        raise AuditError(f"{path} (DSMB_AUDIT_KEY_FILE) is not an audit key. {_HOW_TO}")
    if stat.S_IMODE(mode) & 0o077:
        raise AuditError(
            f"The audit key {path} can be read by others than its owner (mode "
            f"{stat.S_IMODE(mode):04o}, expected 0600). Run: chmod 600 {path}"
        )
    return key


def manifest_key(path: Path | None) -> bytes | None:
    """The key under which manifests of snapshots are vouched for; None where there is no audit key.

    It follows from the audit key, which does not follow from it.

    Raises:
        AuditError: the audit key cannot be used.
    """
    if path is None:
        return None
    return hmac.new(read_audit_key(path), b"dsmb manifests", hashlib.sha256).digest()


def _unwritten(path: Path, error: OSError) -> AuditError:
    return AuditError(
        f"The audit key {path} cannot be written: {error.strerror}. Name a file in a folder that "
        "you may write to."
    )
