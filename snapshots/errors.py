"""What can go wrong with a snapshot, as sentences for the person who can act."""

import errno
import os
from collections.abc import Iterator

# No room left on the device, for this user, or in one file.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SnapshotsError(Exception):
    """Base of every refusal of this room; its text is one or more plain sentences."""


class StoreError(SnapshotsError):
    """The store, a snapshot in it or its open part cannot be used as asked."""


class NoSuchSnapshotError(StoreError):
    """The trial has no snapshot of this name."""


class SealedStoreError(SnapshotsError):
    """The sealed part of a snapshot cannot be opened; the text never holds the key."""


class SealingKeyError(SnapshotsError):
    """A board key is missing, malformed, of the wrong kind, or not the one that is needed."""


class LoadUnderWay(StoreError):
    """Somebody else is loading into this trial.

    Attributes:
        holder: who, for instance ``process 4711 of alice since 2026-02-03T09:15:00+00:00``.
    """

    def __init__(self, trial: str, holder: str) -> None:
        super().__init__(
            f"A load of trial {trial} is under way: {holder}. "
            "Wait until it has finished, then load again; nothing was changed."
        )
        self.holder = holder


def disk_full_reason(error: BaseException) -> str | None:
    """Return the system's words for a full disk if ``error`` or its cause says so, else None.

    DuckDB reports a failed write as an exception of its own that quotes the system's message and
    carries no error number, hence the search in the text.
    """
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _DISK_FULL:
            return os.strerror(link.errno)
        for number in _DISK_FULL:
            if os.strerror(number) in str(link):
                return os.strerror(number)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
