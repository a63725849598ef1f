"""The Board: an open, read-only connection to one snapshot in one view.

The view decides what `arm` means. On a pooled Board the sealed database is not attached and its key
is not read; SQL that asks for a sealed name fails in the binder. Questions are `.sql` files; values
are bound, never formatted in.
"""

import base64
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from access.view import View
from snapshots import (
    SealedStoreError,
    Snapshot,
    SnapshotsError,
    StoreError,
    read_private_key,
    reader,
    unwrap,
)
from trials import Trial

if TYPE_CHECKING:
    import duckdb

    from access.policy import Grant

FOLDER = Path(__file__).parent


class BoardError(Exception):
    """A snapshot that cannot be shown in a view; the text says why."""


class Board:
    """One snapshot in one view, for the holder of one grant.

    Attributes:
        trial: the trial's definition.
        snapshot: what is read.
        view: what `arm` means here.
        arms: the arms' labels in their order; a single one where the view is pooled.
    """

    def __init__(
        self,
        trial: Trial,
        snapshot: Snapshot,
        grant: "Grant",
        connection: "duckdb.DuckDBPyConnection",
    ) -> None:
        """Made by `open_board` only."""
        self.trial = trial
        self.snapshot = snapshot
        self.grant = grant
        self.view = grant.view
        self._connection = connection
        rows = self.ask("views/arms")
        self.arms: tuple[str, ...] = tuple(rows["arm"])

    def ask(self, question: str, **values: Any) -> pl.DataFrame:
        """The answer to a question, as a frame of the columns that its file names.

        Args:
            question: the file without its suffix, `enrollment/by_month`.
            values: bound to `$name` in the file.

        Raises:
            Denied: the grant has expired or is for something else.
        """
        self.grant.check(self.trial.id, str(self.snapshot.id), self.view)
        cursor = self._connection.cursor()
        try:
            return cursor.execute(_sql(question), values or None).pl()
        finally:
            cursor.close()

    def has(self, dataset: str) -> bool:
        """Whether the extract had this dataset: what it had not is said, never drawn as zero."""
        present = self.ask("views/datasets")
        return bool(present.filter(pl.col("dataset") == dataset)["present"].any())

    def close(self) -> None:
        """Close a comparative connection; a pooled one is shared and stays."""
        if self.view is not View.POOLED:
            self._connection.close()


def open_board(
    trial: Trial, snapshot: Snapshot, grant: "Grant", private_key_file: Path | None = None
) -> Board:
    """Open a snapshot in the view that `grant` is for.

    Args:
        private_key_file: the board's private key; read for comparative views only.

    Raises:
        Denied: the grant is for something else, or has expired.
        BoardError: the key or the sealed file is missing, wrong, or of another snapshot.
    """
    grant.check(trial.id, str(snapshot.id), grant.view)
    try:
        if grant.view is View.POOLED:
            return Board(trial, snapshot, grant, _pooled(snapshot.open_path))
        connection = _comparative(trial, snapshot, grant.view, private_key_file)
    except SnapshotsError as error:
        raise BoardError(str(error)) from None
    return Board(trial, snapshot, grant, connection)


@cache
def _sql(question: str) -> str:
    return (FOLDER / f"{question}.sql").read_text(encoding="utf-8")


@cache
def _pooled(open_path: Path) -> "duckdb.DuckDBPyConnection":
    """One connection a snapshot, shared by all: a published file never changes."""

    def prepare(connection: "duckdb.DuckDBPyConnection") -> None:
        for name in ("arm_pooled", "relations_open", "common"):
            connection.execute(_sql(f"views/{name}"))

    return reader(open_path, prepare=prepare)


def _comparative(
    trial: Trial, snapshot: Snapshot, view: View, private_key_file: Path | None
) -> "duckdb.DuckDBPyConnection":
    if private_key_file is None:
        raise StoreError(
            "A comparative view needs the board's private key: set DSMB_BOARD_PRIVATE_KEY_FILE."
        )
    private_key = read_private_key(private_key_file)
    sealed = json.loads(unwrap(private_key, snapshot.manifest.wrapped_key))
    if sealed["snapshot"] != str(snapshot.id):
        raise SealedStoreError(
            f"The key in the manifest is of snapshot {sealed['snapshot']}, not of {snapshot.id}. "
            "Restore the snapshot's folder from a copy."
        )
    labels = _labels(trial, view, unwrap(private_key, snapshot.manifest.wrapped_labels))
    return reader(
        snapshot.open_path,
        snapshot.sealed_path,
        base64.b64decode(sealed["key"]),
        prepare=_prepare_comparative(snapshot, view, labels),
    )


def _labels(trial: Trial, view: View, coded: bytes) -> pl.DataFrame:
    """Code, label and position of each arm: by name in the definition's order, or A, B, …"""
    codes = trial.arm_codes
    letters: dict[str, str] = json.loads(coded)
    if set(letters) != set(codes):
        raise StoreError(
            "The arms of the trial definition are not those that the labels were drawn for "
            f"({len(codes)} and {len(letters)}). Restore the definition, or start a new store."
        )
    if view is View.CODED:
        ordered = sorted(codes, key=letters.__getitem__)
        names = [letters[code] for code in ordered]
    else:
        ordered = list(codes)
        names = [arm.name for arm in trial.arms.list]
    return pl.DataFrame(
        {"code": ordered, "arm": names, "position": list(range(1, len(ordered) + 1))}
    )


def _prepare_comparative(
    snapshot: Snapshot, view: View, labels: pl.DataFrame
) -> "Callable[[duckdb.DuckDBPyConnection], None]":
    relations = "relations_open" if view is View.CODED else "relations_complete"

    def prepare(connection: "duckdb.DuckDBPyConnection") -> None:
        about = connection.execute(_sql("views/about")).fetchone()
        if about != (str(snapshot.id), snapshot.manifest.digest):
            raise SealedStoreError(
                f"The sealed file beside {snapshot.id} belongs to another snapshot. Restore the "
                "snapshot's folder from a copy."
            )
        connection.register("given_label", labels.to_arrow())
        connection.execute("create table label as from given_label")
        connection.unregister("given_label")
        for name in ("arm_labeled", relations, "common"):
            connection.execute(_sql(f"views/{name}"))

    return prepare
