"""The record of comparative looks: one JSON line each, written before the look takes place."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from access.errors import AuditError
from access.policy import Grant


def record(log: Path, act: str, grant: Grant, reason: str = "") -> None:
    """Append one act to the log and flush it to disk.

    Raises:
        AuditError: the log cannot be written.
    """
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "act": act,
        "holder": grant.holder,
        "role": grant.role.value,
        "trial": grant.trial,
        "snapshot": grant.snapshot,
        "view": grant.view.word,
        "reason": reason,
    }
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A name or reason that is not valid Unicode is recorded escaped, not refused.
            line = (json.dumps(entry, ensure_ascii=False) + "\n").encode(
                "utf-8", "backslashreplace"
            )
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise AuditError(
            f"The record {log} cannot be written ({error.strerror}), so the view is not opened."
        ) from error
