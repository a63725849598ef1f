"""File-system steps that are on the disk when they return, or leave nothing that counts."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_new_file(path: Path, content: bytes, mode: int) -> None:
    """Create ``path``, which must not exist, with ``content`` and ``mode``, and flush it to disk.

    The file is private to its owner until it is complete. The entry in its folder is durable only
    after ``sync`` of the folder. Raises OSError, and then leaves no file of its own behind.
    """
    with _naming(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            remaining = memoryview(content)
            while remaining:
                remaining = remaining[os.write(descriptor, remaining) :]
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Give ``path`` new ``content`` in one step: readers see the old or the new, whole."""
    draft = path.with_name(f".{path.name.lstrip('.')}-{secrets.token_hex(8)}")
    write_new_file(draft, content, mode)
    try:
        draft.replace(path)
    except BaseException:
        draft.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    with _naming(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let a failure on a descriptor say which file it was about."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise
