"""What was loaded: manifests of all snapshots, what differs, and the last load that was refused."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from queries.board import NOT_RECORDS, Board, BoardError
from snapshots import (
    OPEN_FILE,
    Snapshot,
    SnapshotsError,
    TableDifference,
    TrialStore,
    check_file,
    compare,
)


@dataclass(frozen=True)
class Refusal:
    """The open part of the last refused load; it is gone after the next load that succeeds."""

    at: str
    cutoff: str
    findings: dict[str, int]
    critical: list[dict[str, Any]]


def _store(board: Board) -> TrialStore:
    board.check()
    board.grant.check_question("history", says_what_it_counts=False, chosen=set())
    return board.snapshot.store


def history(board: Board) -> pl.DataFrame:
    """One row a snapshot, the latest first: id, cut-off, load, open rows, findings by severity."""
    store = _store(board)
    current = store.current_id()
    rows = [
        {
            "snapshot": str(snapshot.id),
            "data_cutoff": snapshot.manifest.cutoff,
            "loaded_at": snapshot.manifest.loaded_at.replace(tzinfo=None),
            "open_rows": sum(total.rows for total in snapshot.manifest.control_totals),
            "critical": snapshot.manifest.findings.get("critical", 0),
            "major": snapshot.manifest.findings.get("major", 0),
            "minor": snapshot.manifest.findings.get("minor", 0),
            "note": snapshot.manifest.findings.get("note", 0),
            "digest": snapshot.manifest.digest[:12],
            "current": snapshot.id == current,
        }
        for snapshot in reversed(store.snapshots())
    ]
    return pl.DataFrame(rows)


def differences(board: Board, before: str) -> pl.DataFrame:
    """What the open part of the Board's snapshot has otherwise than that of any other, `before`.

    Returns:
        One row a relation that differs: its name, rows `before` and `after`, how many were `added`,
        `removed` and `changed`, and in which columns `values` changed. Findings are left out: they
        have a status of their own.

    Raises:
        Denied: the role may not compare snapshots.
        BoardError: there is no such snapshot, or its file is missing or damaged.
    """
    store = _store(board)
    try:
        earlier = store.snapshot(before)
        check_file(earlier, OPEN_FILE)
        found = compare(earlier, board.snapshot, leave_out=NOT_RECORDS)
    except SnapshotsError as error:
        raise BoardError(str(error)) from None
    return _by_relation(found)


def records_that_differ(board: Board, before: Snapshot) -> pl.DataFrame:
    """The same of an earlier snapshot, and of sealed records, too, where the Board has them.

    Raises:
        Denied: the role may not compare snapshots.
        BoardError: the snapshot is not an earlier one, or cannot be opened.
    """
    return _by_relation(board.records_since(before))


def _by_relation(found: Iterable[TableDifference]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "relation": item.table,
                "before": item.rows_before,
                "after": item.rows_after,
                "added": item.rows.added,
                "removed": item.rows.removed,
                "changed": item.rows.changed,
                "values": ", ".join(
                    f"{name.replace('_', ' ')} ({count:,})" for name, count in _cells(item)
                ),
            }
            for item in found
            if not item.unchanged
        ],
        infer_schema_length=None,
    )


def _cells(item: TableDifference) -> Iterator[tuple[str, int]]:
    """How many values of a field differ; of a typed value, whose text changes with it, once."""
    for name, count in item.rows.cells.items():
        if name.removesuffix("_text") not in item.rows.cells.keys() - {name}:
            yield name, count


def corrections(board: Board, before: Snapshot) -> pl.DataFrame:
    """Values of records that are in the Board's snapshot and in an earlier one, and differ.

    Of open records, and where the Board has sealed ones, of these, too.

    Returns:
        One row a relation and field: how many `values` differ, and of the first record its key, the
        `old` and the `new` text.

    Raises:
        Denied: the role may not compare snapshots.
        BoardError: the snapshot is not an earlier one, or cannot be opened.
    """
    rows = []
    for item in board.records_since(before):
        first = {change.column: change for change in reversed(item.rows.changes)}
        for name, count in _cells(item):
            change = first.get(name)
            rows.append(
                {
                    "relation": item.table.replace("_", " "),
                    "field": name.replace("_", " "),
                    "values": count,
                    "record_key": change.key if change else None,
                    "old": change.old if change else None,
                    "new": change.new if change else None,
                }
            )
    texts = dict.fromkeys(("relation", "field", "record_key", "old", "new"), pl.String)
    order = ["relation", "field", "values", "record_key", "old", "new"]
    return pl.DataFrame(rows, schema=texts | {"values": pl.Int64}).select(order)


def last_refusal(board: Board) -> Refusal | None:
    """The last refused load, if no later one succeeded."""
    try:
        content = json.loads((_store(board).folder / "refused.json").read_text(encoding="utf-8"))
        return Refusal(**content)
    except (OSError, ValueError, TypeError):
        return None
