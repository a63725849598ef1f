"""The open file of a snapshot, written by a process that has never held anything sealed.

DuckDB pads compressed columns with whatever its memory held before. In the process of a load those
are pieces of any text of the extract, an arm's name among them; so the file is written by another
one, which is given what is open and nothing else.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import polars as pl

from snapshots.errors import StoreError

_PROCESS = Path(__file__).with_name("open_file_process.py")
_OWN_SETTINGS = "DSMB_"


class OpenFile:
    """The making of an open file; used as a context, at whose end nothing of the making is left."""

    def __init__(self, path: Path, frames: Mapping[str, pl.DataFrame]) -> None:
        """Begin.

        Args:
            path: the file to be made.
            frames: its tables by name.
        """
        self._path = path
        self._given = path.with_name(f".{path.name}.given")
        self._process: subprocess.Popen[str] | None = None
        self._frames = frames

    def __enter__(self) -> "OpenFile":
        if os.path.lexists(self._path):
            raise StoreError(
                f"{self._path} exists already; a snapshot is written once and never changed."
            )
        self._given.mkdir(mode=0o700)
        try:
            for name, frame in self._frames.items():
                frame.write_parquet(
                    self._given / f"{name}.parquet", compression="uncompressed", statistics=False
                )
            self._process = _begun([str(self._given), str(self._path)])
        except BaseException:
            shutil.rmtree(self._given, ignore_errors=True)
            raise
        return self

    def finish(self) -> None:
        """Wait until the file is whole.

        Raises:
            StoreError: it cannot be written.
        """
        assert self._process is not None
        _, said = self._process.communicate()
        if self._process.returncode != 0:
            reason = said.strip().rpartition("\n")[2] or "its process was ended"
            raise StoreError(f"{self._path} cannot be created: {reason}.")

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._given, ignore_errors=True)


def _begun(arguments: list[str]) -> "subprocess.Popen[str]":
    """A process that writes the tables of a folder into a database, with nothing else in it."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(_OWN_SETTINGS)
    }
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", str(_PROCESS), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=plain,
    )
