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
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "incident": number,
        "error": type(error).__name__,
        "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
        "page": page,
        "role": role,
    }
    sys.stderr.write(json.dumps(entry) + "\n")
    return number
