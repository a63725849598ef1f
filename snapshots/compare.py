"""What changed between two snapshots of a trial, in their open stores or in all records."""

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import duckdb
import polars as pl

from snapshots.connection import open_stores_reader, quote_identifier, sealed_stores_reader
from snapshots.digest import Column, cell_text, columns_of
from snapshots.errors import StoreError
from snapshots.matching import pairs
from snapshots.store import Snapshot
from snapshots.tables import count_rows

_OLD = "old_data"
_NEW = "new_data"
# Columns of a sealed store that say where a record stood.
_PLACES = frozenset({"_file", "_row"})

# Each runs on the views old_row and new_row: one row is the key and the list of the values of the
# columns that both snapshots have, all as canonical text.
_KEYS_ARE_UNIQUE = """
select (select count(*) = count(distinct key) from old_row)
   and (select count(*) = count(distinct key) from new_row)
"""
_ADDED_ROWS = (
    "select count(*) from (from new_row select cells except all from old_row select cells)"
)
_REMOVED_ROWS = (
    "select count(*) from (from old_row select cells except all from new_row select cells)"
)
_ADDED_ROWS_BY_KEY = "select key, cells from known_row anti join old_row using (key) order by key"
_REMOVED_ROWS_BY_KEY = "select key, cells from old_row anti join known_row using (key) order by key"
_ADDED_KEYS = "select key from known_row anti join old_row using (key) order by key"
_REMOVED_KEYS = "select key from old_row anti join known_row using (key) order by key"
# Rows of now, each under the key that the record had before.
_KNOWN_ROWS = """
create or replace temp view known_row as
select coalesce(same_record.old_key, new_row.key) as key, new_row.cells
from new_row left join same_record on same_record.new_key = new_row.key
"""
# Kept, as three questions are asked of it and making it is most of the time.
_FIND_CHANGED_ROWS = """
create or replace temp table changed_row as
select key, old_row.cells as old_cells, known_row.cells as new_cells
from old_row join known_row using (key)
where old_row.cells is distinct from known_row.cells
"""
# What a record is of and when it was: with its participant they make the key of a relation.
_WHAT = (
    "preferred_term", "symptom", "test_code", "visit", "became", "category", "place", "treatment",
    "procedure_class", "medication_class",
)  # fmt: skip
_DATES = ("start_date", "date")
_KEY = "_key"  # beside the columns, of which the first is the same
_CHANGED_ROWS = "select count(*) from changed_row"
_CHANGED_CELLS = """
create or replace temp view changed_cell as
with cell as (
    select key,
           unnest(range(len(new_cells))) as position,
           unnest(old_cells) as old,
           unnest(new_cells) as new
    from changed_row
)
-- Position 0 is the key, which follows from the others.
select key, position, old, new from cell where old is distinct from new and position > 0
"""
_CHANGED_BY_COLUMN = (
    "select position, count(*) from changed_cell group by position order by position"
)
_CHANGE_EXAMPLES = "select * from changed_cell order by key, position limit ?"


@dataclass(frozen=True, slots=True)
class CellChange:
    """One changed value, as text; None is a missing value."""

    key: str
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class RowDifference:
    """How the rows of one table differ.

    Attributes:
        key: the first column, by which rows are matched. None if it is not a key in both snapshots
            (it has missing or repeated values, or another name): then whole rows are matched, each
            as often as it occurs, and a changed row counts as one removed and one added.
        added, removed, changed: number of rows. A row is changed when a column that both snapshots
            have differs. A record whose date or term was corrected has another key by now; it is
            changed, and neither added nor removed.
        cells: number of changed values by column, of the columns that have any.
        added_keys, removed_keys: the first few, sorted.
        changes: the first few changed values, by key and then column.
    """

    key: str | None
    added: int = 0
    removed: int = 0
    changed: int = 0
    cells: dict[str, int] = field(default_factory=dict)
    added_keys: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()
    changes: tuple[CellChange, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDifference:
    """How one table differs between two snapshots.

    Attributes:
        table: its name.
        rows_before, rows_after: row counts; 0 for a table that is not there.
        rows: what became of the rows.
        columns_added, columns_removed, columns_retyped: names of columns.
    """

    table: str
    rows_before: int
    rows_after: int
    rows: RowDifference
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...]

    @property
    def unchanged(self) -> bool:
        """Whether both snapshots hold the same columns and rows of this table."""
        columns = self.columns_added or self.columns_removed or self.columns_retyped
        return not (self.rows.added or self.rows.removed or self.rows.changed or columns)


def compare(
    old: Snapshot, new: Snapshot, examples: int = 10, leave_out: Collection[str] = ()
) -> list[TableDifference]:
    """Compare the open stores of two snapshots of one trial.

    Args:
        old: the earlier snapshot.
        new: the later one.
        examples: how many keys and changed values to name per table.
        leave_out: tables that are not looked at.

    Returns:
        One entry for each other table of either snapshot, by name, unchanged ones included. Values
        are compared by their canonical text (``snapshots.digest``).

    Raises:
        StoreError: the snapshots are of different trials, or a file is missing or damaged.
    """
    _check_trial(old, new)
    before, after = old.manifest.tables, new.manifest.tables
    same = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    with closing(open_stores_reader({_OLD: old.open_path, _NEW: new.open_path})) as connection:
        return _compare_stores(connection, examples, leave_out, same)


def compare_sealed(
    old: Snapshot,
    new: Snapshot,
    keys: tuple[bytes, bytes],
    examples: int = 10,
    leave_out: Collection[str] = (),
) -> list[TableDifference]:
    """Compare the sealed stores of two snapshots, which hold all records, open ones too.

    Args:
        keys: of the sealed file of ``old`` and of ``new``.

    The rest is as in ``compare``. Where in an extract a record stood is not what is recorded.

    Raises:
        SealedStoreError: a file is missing or damaged, or a key is not the right one.
        StoreError: the snapshots are of different trials.
    """
    _check_trial(old, new)
    stores = {_OLD: (old.sealed_path, keys[0]), _NEW: (new.sealed_path, keys[1])}
    with closing(sealed_stores_reader(stores)) as connection:
        return _compare_stores(connection, examples, leave_out, set(), without=_PLACES)


def _check_trial(old: Snapshot, new: Snapshot) -> None:
    if old.manifest.trial != new.manifest.trial:
        raise StoreError(
            f"Snapshot {old.id} is of trial {old.manifest.trial} and {new.id} of "
            f"{new.manifest.trial}; only snapshots of one trial can be compared."
        )


def _compare_stores(
    connection: duckdb.DuckDBPyConnection,
    examples: int,
    leave_out: Collection[str],
    same: Collection[str],
    without: Collection[str] = (),
) -> list[TableDifference]:
    """Compare two attached stores; of the tables that are the `same` only the rows are counted.

    Columns `without` are not looked at.
    """
    old_columns, new_columns = (
        {
            table: [column for column in columns if column.name not in without]
            for table, columns in columns_of(connection, name).items()
        }
        for name in (_OLD, _NEW)
    )
    return [
        _compare_table(
            connection,
            table,
            old_columns.get(table),
            new_columns.get(table),
            examples,
            same=table in same,
        )
        for table in sorted((old_columns.keys() | new_columns.keys()) - set(leave_out))
    ]


def _compare_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    old_columns: Sequence[Column] | None,
    new_columns: Sequence[Column] | None,
    examples: int,
    *,
    same: bool,
) -> TableDifference:
    before = 0 if old_columns is None else count_rows(connection, _OLD, table)
    after = 0 if new_columns is None else count_rows(connection, _NEW, table)
    if old_columns is None or new_columns is None:
        rows = RowDifference(key=None, added=after, removed=before)
    elif same:
        rows = RowDifference(key=new_columns[0].name)
    else:
        rows = _compare_rows(connection, table, old_columns, new_columns, examples)
    old_types = {column.name: column.type for column in old_columns or ()}
    new_types = {column.name: column.type for column in new_columns or ()}
    return TableDifference(
        table=table,
        rows_before=before,
        rows_after=after,
        rows=rows,
        columns_added=tuple(name for name in new_types if name not in old_types),
        columns_removed=tuple(name for name in old_types if name not in new_types),
        columns_retyped=tuple(
            name for name in new_types if old_types.get(name, new_types[name]) != new_types[name]
        ),
    )


def _compare_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    old_columns: Sequence[Column],
    new_columns: Sequence[Column],
    examples: int,
) -> RowDifference:
    old_by_name = {column.name: column for column in old_columns}
    common = [column.name for column in new_columns if column.name in old_by_name]
    new_by_name = {column.name: column for column in new_columns}
    key = new_columns[0].name
    _create_row_view(
        connection, _OLD, table, old_columns[0], [old_by_name[name] for name in common]
    )
    _create_row_view(
        connection, _NEW, table, new_columns[0], [new_by_name[name] for name in common]
    )
    if old_columns[0].name != key or not _number(connection, _KEYS_ARE_UNIQUE):
        return RowDifference(
            key=None,
            added=_number(connection, _ADDED_ROWS),
            removed=_number(connection, _REMOVED_ROWS),
        )
    _pair_corrected(connection, common)
    added_keys = [row[0] for row in connection.execute(_ADDED_KEYS).fetchall()]
    removed_keys = [row[0] for row in connection.execute(_REMOVED_KEYS).fetchall()]
    connection.execute(_FIND_CHANGED_ROWS)
    connection.execute(_CHANGED_CELLS)
    by_column = connection.execute(_CHANGED_BY_COLUMN).fetchall()
    changes = connection.execute(_CHANGE_EXAMPLES, [examples]).fetchall()
    return RowDifference(
        key=key,
        added=len(added_keys),
        removed=len(removed_keys),
        changed=_number(connection, _CHANGED_ROWS),
        cells={common[position]: count for position, count in by_column},
        added_keys=tuple(added_keys[:examples]),
        removed_keys=tuple(removed_keys[:examples]),
        changes=tuple(
            CellChange(row_key, common[position], before, after)
            for row_key, position, before, after in changes
        ),
    )


def _pair_corrected(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """Create ``known_row``: a record whose date or term was corrected keeps its key of before."""
    connection.execute("create or replace temp table same_record (old_key text, new_key text)")
    connection.execute(_KNOWN_ROWS)
    dates = [name for name in _DATES if name in columns]
    if "subject" not in columns or not dates:
        return
    what = [name for name in _WHAT if name in columns]
    rounds = [(("subject", *what), 0.5)]
    if "preferred_term" in what:
        rounds.append((("subject", dates[0]), 0.8))
    for within, least_equal in rounds:
        gone, came = (
            _rows_by_name(connection.execute(question).pl(), columns, what)
            for question in (_REMOVED_ROWS_BY_KEY, _ADDED_ROWS_BY_KEY)
        )
        found = pairs(
            gone,
            came,
            within=within,
            date=dates[0],
            compared=[
                name
                for name in columns[1:]
                if name not in within and not name.startswith((*dates, "study_day"))
            ],
            least_equal=least_equal,
            nearest_first=True,
        )
        for old, new in found:
            connection.execute(
                "insert into same_record values (?, ?)",
                [gone.item(old, _KEY), came.item(new, _KEY)],
            )


def _rows_by_name(rows: pl.DataFrame, columns: Sequence[str], what: Sequence[str]) -> pl.DataFrame:
    """Keys and cells as columns; what a record is of is text, and empty where it has none."""
    named = rows.rename({"key": _KEY})
    if named.is_empty():
        return pl.DataFrame(schema=dict.fromkeys((_KEY, *columns), pl.String))
    cells = pl.col("cells").list.to_struct(fields=list(columns))
    return named.with_columns(cells).unnest("cells").with_columns(pl.col(what).fill_null(""))


def _create_row_view(
    connection: duckdb.DuckDBPyConnection,
    database: str,
    table: str,
    key: Column,
    columns: Sequence[Column],
) -> None:
    """Create ``old_row`` or ``new_row``: the key and the values, all as canonical text."""
    view = "old_row" if database == _OLD else "new_row"
    source = f"{quote_identifier(database)}.main.{quote_identifier(table)}"
    texts = [cell_text(quote_identifier(column.name), column) for column in columns]
    # Only names go into the text, each through quote_identifier.
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {view} AS "  # noqa: S608
        f"SELECT {cell_text(quote_identifier(key.name), key)} AS key, "
        f"CAST([{', '.join(texts)}] AS VARCHAR[]) AS cells FROM {source}"
    )


def _number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None  # an aggregate always answers with one row
    return int(row[0])
