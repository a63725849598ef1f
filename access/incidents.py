"""What a user is told of a fault, and what the log keeps: a number for both, values for neither."""

import json
import secrets
import sys
import traceback
from datetime import UTC, datetime


def log_incident(error: BaseException, *, page: str, role: str) -> str:
    """Write one JSON line to stderr and return the number to show.

    Only where the fault happened is kept. The message of an exception may carry a value from the
    data, so it is not.
    """
    number = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    log_line(
        number,
        error=type(error).__name__,
        where=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
        page=page,
        role=role,
    )
    return number


def log_line(incident: str, **facts: str | list[str]) -> None:
    """Write one JSON line to stderr, for whoever looks after the server."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    sys.stderr.write(json.dumps({"at": at, "incident": incident, **facts}) + "\n")
