"""What has happened already and waits to be recorded, in its order, in this process.

Who ends something does not wait for its record: first it ends. What the records database does not
take within two seconds is kept here and tried again, and nothing else is recorded before it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import Engine

# How long somebody who ends something waits, and after how long what failed is tried again.
PATIENCE_SECONDS = 2.0
RETRY_SECONDS = 1.0


@dataclass
class Waiting:
    """Something to be recorded.

    Attributes:
        record: records it, or raises.
        facts: what it is, for the log.
        is_logged: whether the log has them.
    """

    record: Callable[[], object]
    facts: dict[str, str]
    is_logged: bool = False


class Late:
    """What waits to be recorded in one database."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._since = 0.0
        self._failed = self._is_at_work = False

    def put(self, waiting: Waiting) -> None:
        """Record this as soon as it can be, after what waits already."""
        with self._changed:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(waiting)
            if not self._is_at_work:
                self._is_at_work = True
                threading.Thread(target=self._work, daemon=True, name="late records").start()

    def settled(self) -> bool:
        """Whether all is recorded; waits for it until the first of it has waited long enough."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._failed or not self._waiting,
                max(0.0, self._since + PATIENCE_SECONDS - time.monotonic()),
            )
            return not self._waiting

    def overdue(self) -> list[Waiting]:
        """What has waited for longer than anybody waits for it, or could not be recorded."""
        with self._changed:
            is_late = self._failed or time.monotonic() >= self._since + PATIENCE_SECONDS
            return list(self._waiting) if is_late else []

    def wait(self, seconds: float) -> bool:
        """Whether all is recorded within so many seconds, however often that has to be tried."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def _work(self) -> None:
        while (waiting := self._next()) is not None:
            try:
                waiting.record()
            except Exception:
                # Whatever it is: what waits must not be lost, nor be overtaken.
                self._note(failed=True)
                time.sleep(RETRY_SECONDS)
            else:
                self._note(failed=False)

    def _next(self) -> Waiting | None:
        with self._changed:
            self._is_at_work = bool(self._waiting)
            return self._waiting[0] if self._waiting else None

    def _note(self, *, failed: bool) -> None:
        with self._changed:
            self._failed = failed
            if not failed:
                self._waiting.popleft()
            self._changed.notify_all()


def is_late(happened: datetime) -> bool:
    """Whether that is longer ago than anybody waits for its record."""
    return datetime.now(UTC) - happened > timedelta(seconds=PATIENCE_SECONDS)


@cache
def late(_records: Engine) -> Late:
    """What waits to be recorded there; one for the whole process."""
    return Late()
