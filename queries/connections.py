"""Connections that several Boards share: one for a snapshot in a view, as long as it is needed."""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# Pooled connections that stay open though nobody looks at them, so that the next one need not wait.
IDLE_KEPT = 4
# A snapshot does not change, so answers are kept: the last so many that have at most so many rows.
ANSWERS_KEPT, ROWS_KEPT = 256, 10_000


class Answers:
    """The last short answers of a connection, by what was asked; several threads may ask."""

    def __init__(self) -> None:
        """None yet."""
        self._kept: dict[Hashable, pl.DataFrame] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def get(self, asked: Hashable) -> "pl.DataFrame | None":
        """The answer, if it is kept."""
        return self._kept.get(asked)

    def keep(self, asked: Hashable, answer: "pl.DataFrame") -> None:
        """Keep an answer, if it is short, in place of the oldest where there are too many."""
        if answer.height > ROWS_KEPT:
            return
        with self._lock:
            while len(self._kept) >= ANSWERS_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[asked] = answer


@dataclass
class _Shared:
    connection: "duckdb.DuckDBPyConnection"
    keep: bool
    users: int = 0
    answers: Answers = field(default_factory=Answers)


_lock = threading.Lock()
_shared: dict[Hashable, _Shared] = {}
# A lease may end in a garbage collection, which comes at any moment, also while the lock is held;
# so what ends is noted here, and taken back by whoever has the lock.
_ended: deque[Hashable] = deque()


class LeaseEndedError(Exception):
    """What was given back is asked for."""


class Lease:
    """The use of a shared connection, until it is given back.

    Attributes:
        answers: what was answered already: over this connection to whoever had it, where it may
            stay open, and to this user alone where it may not. Empty once it is given back.
    """

    def __init__(
        self, key: Hashable, connection: "duckdb.DuckDBPyConnection", answers: Answers
    ) -> None:
        """Made by `lease` only."""
        self._connection = connection
        self.answers = answers
        # Also when the last reference is dropped: a browser window that is closed says nothing.
        self._give_back = weakref.finalize(self, _give_back, key)

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """The connection; after `close` there is none, though others may still have it open.

        Raises:
            LeaseEndedError: it was given back.
        """
        if not self._give_back.alive:
            raise LeaseEndedError("This view was left. Open the page again.")
        return self._connection

    def close(self) -> None:
        """Give the connection back; a second time does nothing."""
        self.answers = Answers()
        self._give_back()


def lease(
    key: Hashable, open_connection: Callable[[], "duckdb.DuckDBPyConnection"], *, keep: bool
) -> Lease:
    """Share the connection of `key`, opened now if nobody has it open.

    Args:
        key: what the connection is to; it must say the view.
        open_connection: opens it.
        keep: whether it may stay open when its last user is gone. One with sealed data may not.
    """
    with _having_lock():
        shared = _shared.pop(key, None)
        if shared is None:
            shared = _Shared(open_connection(), keep)
        shared.users += 1
        _shared[key] = shared  # the last in the order of use
        idle = [name for name, other in _shared.items() if other.users == 0]
        for name in idle[: max(0, len(idle) - IDLE_KEPT)]:
            _shared.pop(name).connection.close()
        # With sealed data each user's answers are their own, and go with them.
        return Lease(key, shared.connection, shared.answers if keep else Answers())


def open_connections() -> list[Hashable]:
    """The keys of the connections that are open now."""
    with _having_lock():
        return list(_shared)


def close_idle() -> None:
    """Close every connection that nobody uses."""
    with _having_lock():
        for key in [key for key, shared in _shared.items() if shared.users == 0]:
            _shared.pop(key).connection.close()


@contextmanager
def _having_lock() -> Iterator[None]:
    with _lock:
        _take_back()
        yield
    _take_back_if_free()


def _give_back(key: Hashable) -> None:
    _ended.append(key)
    _take_back_if_free()


def _take_back_if_free() -> None:
    # Who holds the lock looks here again after releasing it, so nothing is left lying.
    while _ended and _lock.acquire(blocking=False):
        try:
            _take_back()
        finally:
            _lock.release()


def _take_back() -> None:
    while _ended:
        key = _ended.popleft()
        shared = _shared[key]
        shared.users -= 1
        if shared.users == 0 and not shared.keep:
            del _shared[key]
            shared.connection.close()
