"""Connections that several Boards share: one for a snapshot in a view, as long as it is needed."""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# Pooled connections that stay open though nobody looks at them, so that the next one need not wait.
IDLE_KEPT = 4


@dataclass
class _Shared:
    connection: "duckdb.DuckDBPyConnection"
    keep: bool
    users: int = 0


_lock = threading.Lock()
_shared: dict[Hashable, _Shared] = {}
# A lease may end in a garbage collection, which comes at any moment, also while the lock is held;
# so what ends is noted here, and taken back by whoever has the lock.
_ended: deque[Hashable] = deque()


class LeaseEndedError(Exception):
    """What was given back is asked for."""


class Lease:
    """The use of a shared connection, until it is given back."""

    def __init__(self, key: Hashable, connection: "duckdb.DuckDBPyConnection") -> None:
        """Made by `lease` only."""
        self._connection = connection
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
        return Lease(key, shared.connection)


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
