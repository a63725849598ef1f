"""What changed between two snapshots, against the same question answered in plain Python."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey

from snapshots import (
    FORMAT,
    CellChange,
    Manifest,
    SealedStoreError,
    Snapshot,
    SnapshotId,
    StoreError,
    TableDifference,
    TrialStore,
    compare,
    compare_sealed,
    database_digest,
    quote_identifier,
    quote_literal,
    unwrap,
    work_connection,
)
from tests.conftest import examples

Row = tuple[object, ...]
Table = tuple[list[tuple[str, str]], Sequence[Row]]
CUTOFF = date(2023, 9, 30)


class Drawer:
    """Makes snapshots that have an open part only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = work_connection()
        self.number = 0

    def snapshot(self, tables: Mapping[str, Table], trial: str = "invented") -> Snapshot:
        self.number += 1
        snapshot_id = SnapshotId(CUTOFF, self.number)
        folder = self.folder / str(snapshot_id)
        folder.mkdir()
        path = quote_literal(folder / "open.duckdb")
        self.connection.execute(f"ATTACH {path} AS made")
        for name, (schema, rows) in tables.items():
            columns = ", ".join(f"{quote_identifier(column)} {type_}" for column, type_ in schema)
            self.connection.execute(f"CREATE TABLE made.{quote_identifier(name)} ({columns})")
            if rows:
                marks = ", ".join("?" * len(schema))
                self.connection.executemany(
                    f"INSERT INTO made.{quote_identifier(name)} VALUES ({marks})", rows
                )
        contents = database_digest(self.connection, "made")
        self.connection.execute("DETACH made")
        manifest = Manifest(
            format=FORMAT,
            trial=trial,
            snapshot=str(snapshot_id),
            cutoff=CUTOFF,
            loaded_at=datetime(2023, 10, 2, tzinfo=UTC),
            simulated=True,
            versions={},
            tables=contents.tables,
            digest=contents.digest,
            control_totals=(),
            findings={},
            board_key_fingerprint="",
            wrapped_key="",
            wrapped_labels="",
        )
        return Snapshot(snapshot_id, folder, manifest, TrialStore(self.folder, trial))

    def difference(self, old: Table, new: Table, examples: int = 10) -> TableDifference:
        before, after = self.snapshot({"t": old}), self.snapshot({"t": new})
        (found,) = compare(before, after, examples)
        return found


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Drawer:
    return Drawer(tmp_path_factory.mktemp("compared"))


SCHEMA = [("record_key", "VARCHAR"), ("term", "VARCHAR"), ("value", "DOUBLE")]
CELLS = st.tuples(
    st.one_of(st.none(), st.sampled_from(["", "a", "b", "a;1"])),
    st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, math.nan])),
)
ROWS = st.dictionaries(st.sampled_from(["k1", "k2", "k3", "K1", "", "ä"]), CELLS, max_size=6)


def text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return repr(value).removeprefix("-")  # no sample is negative but zero, which has no sign


Cells = tuple[str | None, float | None]
Keyed = dict[str, Cells]


@given(pairs=st.lists(st.tuples(ROWS, ROWS), min_size=1, max_size=8))
@settings(max_examples=examples(12), deadline=None)
def test_rows_are_matched_by_key(drawer: Drawer, pairs: list[tuple[Keyed, Keyed]]) -> None:
    before, after = (
        {
            f"t{number}": (SCHEMA, [(key, *cells) for key, cells in pair[side].items()])
            for number, pair in enumerate(pairs)
        }
        for side in (0, 1)
    )
    differences = compare(drawer.snapshot(before), drawer.snapshot(after))
    assert [difference.table for difference in differences] == list(before)
    for found, (old, new) in zip(differences, pairs, strict=True):
        assert_difference(found, old, new)


def assert_difference(found: TableDifference, old: Keyed, new: Keyed) -> None:
    changes = [
        CellChange(key, SCHEMA[1 + column][0], text(old[key][column]), text(new[key][column]))
        for key in sorted(old.keys() & new.keys(), key=str.encode)
        for column in (0, 1)
        if text(old[key][column]) != text(new[key][column])
    ]
    added, removed = (
        sorted(keys, key=str.encode) for keys in (new.keys() - old.keys(), old.keys() - new.keys())
    )
    assert (found.rows_before, found.rows_after) == (len(old), len(new))
    assert found.rows.key == "record_key"
    assert (found.rows.added, found.rows.added_keys) == (len(added), tuple(added))
    assert (found.rows.removed, found.rows.removed_keys) == (len(removed), tuple(removed))
    assert found.rows.changed == len({change.key for change in changes})
    assert list(found.rows.changes) == changes[:10]
    assert found.rows.cells == {
        name: count
        for name in ("term", "value")
        if (count := sum(change.column == name for change in changes))
    }
    assert found.unchanged is (not added and not removed and not changes)
    assert not (found.columns_added)
    assert not (found.columns_removed)
    assert not (found.columns_retyped)


KEYLESS = st.lists(
    st.sampled_from([(None, "x"), ("k", "x"), ("k", "y")]), min_size=1, max_size=5
).map(lambda rows: [*rows, (None, "z"), (None, "z")])


@given(pairs=st.lists(st.tuples(KEYLESS, KEYLESS), min_size=1, max_size=8))
@settings(max_examples=examples(8), deadline=None)
def test_without_a_key_whole_rows_are_matched(
    drawer: Drawer, pairs: list[tuple[list[Row], list[Row]]]
) -> None:
    schema = [("a", "VARCHAR"), ("b", "VARCHAR")]
    before, after = (
        {f"t{number}": (schema, pair[side]) for number, pair in enumerate(pairs)} for side in (0, 1)
    )
    differences = compare(drawer.snapshot(before), drawer.snapshot(after))
    for found, (old, new) in zip(differences, pairs, strict=True):
        added, removed = Counter(new) - Counter(old), Counter(old) - Counter(new)
        assert (found.rows.added, found.rows.removed) == (added.total(), removed.total())
        assert found.unchanged is (Counter(old) == Counter(new))
        assert (found.rows.changed, found.rows.cells, found.rows.changes) == (0, {}, ())
        if not found.unchanged:
            assert found.rows.key is None


def test_columns_that_come_go_or_change_type_are_named(drawer: Drawer) -> None:
    old: Table = ([("k", "VARCHAR"), ("gone", "INTEGER"), ("n", "INTEGER")], [("1", 1, 1)])
    new: Table = ([("k", "VARCHAR"), ("n", "VARCHAR"), ("come", "DATE")], [("1", "1", None)])
    found = drawer.difference(old, new)
    assert found.columns_added == ("come",)
    assert found.columns_removed == ("gone",)
    assert found.columns_retyped == ("n",)
    assert (found.rows.changed, found.rows.key) == (0, "k")
    assert not found.unchanged


def test_a_renamed_key_is_no_key(drawer: Drawer) -> None:
    found = drawer.difference(
        ([("k", "VARCHAR"), ("a", "VARCHAR")], [("1", "x"), ("2", "y")]),
        ([("other", "VARCHAR"), ("a", "VARCHAR")], [("1", "x"), ("2", "z")]),
    )
    assert found.rows.key is None
    assert (found.rows.added, found.rows.removed) == (1, 1)
    assert (found.columns_added, found.columns_removed) == (("other",), ("k",))


def test_tables_that_come_or_go_are_all_added_or_removed(drawer: Drawer) -> None:
    kept: Table = (SCHEMA, [("k1", "a", 1.0)])
    gone: Table = ([("k", "VARCHAR")], [("1",), ("2",)])
    found = {
        difference.table: difference
        for difference in compare(
            drawer.snapshot({"kept": kept, "gone": gone}),
            drawer.snapshot({"kept": kept, 'come "; --': gone}),
        )
    }
    assert list(found) == ['come "; --', "gone", "kept"]
    assert found["kept"].unchanged
    come, went = found['come "; --'], found["gone"]
    assert (come.rows_before, come.rows_after, come.rows.added) == (0, 2, 2)
    assert (went.rows_before, went.rows_after, went.rows.removed) == (2, 0, 2)
    assert (come.columns_added, went.columns_removed) == (("k",), ("k",))


def test_a_table_that_is_left_out_is_not_looked_at(drawer: Drawer) -> None:
    old: dict[str, Table] = {name: (SCHEMA, [("k1", "a", 1.0)]) for name in ("one", "other")}
    new: dict[str, Table] = {name: (SCHEMA, [("k1", "b", 1.0)]) for name in ("one", "other")}
    found = compare(drawer.snapshot(old), drawer.snapshot(new), leave_out={"other", "none"})
    assert [difference.table for difference in found] == ["one"]


def test_hostile_names_are_only_names(drawer: Drawer) -> None:
    schema = [('k"; DROP TABLE t; --', "VARCHAR"), ("old_row.cells", "INTEGER"), ("key", "INTEGER")]
    found = drawer.difference((schema, [("1", 1, 1)]), (schema, [("1", 2, 3)]))
    assert found.rows.cells == {"old_row.cells": 1, "key": 1}


def test_examples_are_the_first_few(drawer: Drawer) -> None:
    old: Table = (SCHEMA, [(f"k{i}", "a", 1.0) for i in range(9)])
    new: Table = (SCHEMA, [(f"k{i}", "b", 2.0) for i in range(4, 20)])
    found = drawer.difference(old, new, examples=3).rows
    assert (found.added, found.removed, found.changed) == (11, 4, 5)
    assert found.cells == {"term": 5, "value": 5}
    assert found.added_keys == ("k10", "k11", "k12")
    assert found.removed_keys == ("k0", "k1", "k2")
    assert [(change.key, change.column) for change in found.changes] == [
        ("k4", "term"),
        ("k4", "value"),
        ("k5", "term"),
    ]


def test_only_snapshots_of_one_trial_are_compared(drawer: Drawer) -> None:
    tables: dict[str, Table] = {"t": (SCHEMA, [])}
    with pytest.raises(StoreError, match="of one trial"):
        compare(drawer.snapshot(tables), drawer.snapshot(tables, trial="other"))


def test_a_damaged_open_store_is_explained(drawer: Drawer) -> None:
    first, second = (drawer.snapshot({"t": (SCHEMA, [])}) for _ in range(2))
    second.open_path.write_bytes(b"noise" * 5000)
    with pytest.raises(StoreError, match="cannot be read as the open part"):
        compare(first, second)


def test_published_snapshots_are_compared_without_their_sealed_part(
    trial: TrialStore, load: Callable[..., Snapshot]
) -> None:
    old, new = load(trial, "old"), load(trial, "new")
    for snapshot in (old, new):
        snapshot.sealed_path.unlink()
    events, participants = compare(old, new)
    assert (events.table, participants.table) == ("adverse_event", "participant")
    assert events.rows.changed == 50
    assert participants.rows.changes[0] == CellChange("P0", "mark", "old", "new")


def test_the_sealed_parts_are_compared_with_their_keys(
    trial: TrialStore, load: Callable[..., Snapshot], board_key: PrivateKey
) -> None:
    old, new = load(trial, "old"), load(trial, "new")
    keys = tuple(unwrap(board_key, snapshot.manifest.wrapped_key) for snapshot in (old, new))
    (allocation,) = compare_sealed(old, new, (keys[0], keys[1]))
    assert (allocation.table, allocation.rows_before, allocation.rows_after) == ("allocation", 1, 1)
    assert allocation.rows.changes == (CellChange("P0", "arm", "old", "new"),)
    assert compare_sealed(old, new, (keys[0], keys[1]), leave_out={"allocation"}) == []
    with pytest.raises(SealedStoreError, match="does not open with this key"):
        compare_sealed(old, new, (keys[1], keys[0]))


EVENT = [
    ("record_key", "VARCHAR"), ("subject", "VARCHAR"), ("preferred_term", "VARCHAR"),
    ("start_date", "DATE"), ("start_date_text", "VARCHAR"), ("grade", "BIGINT"),
    ("outcome", "VARCHAR"), ("serious", "VARCHAR"), ("action", "VARCHAR"),
]  # fmt: skip


def event(key: str, subject: str, term: str, start: str, grade: int) -> Row:
    return (key, subject, term, start, start, grade, "RESOLVED", "N", "NONE")


def test_a_record_with_a_corrected_date_or_term_is_changed(drawer: Drawer) -> None:
    old = [
        event("a1", "1", "Rash", "2023-03-10", 2),
        event("a2", "1", "Rash", "2023-04-02", 2),
        event("b1", "2", "Fever", "2023-03-11", 1),
        event("c1", "3", "Cough", "2023-03-11", 1),
    ]
    new = [
        event("a3", "1", "Rash", "2023-03-12", 3),
        event("a2", "1", "Rash", "2023-04-02", 2),
        event("b2", "2", "Pyrexia", "2023-03-11", 1),
        event("c2", "4", "Cough", "2023-03-11", 1),
    ]
    rows = drawer.difference((EVENT, old), (EVENT, new)).rows
    assert (rows.added_keys, rows.removed_keys, rows.changed) == (("c2",), ("c1",), 2)
    assert rows.cells == {
        "preferred_term": 1,
        "start_date": 1,
        "start_date_text": 1,
        "grade": 1,
    }


def test_a_result_of_another_test_or_visit_is_another_record(drawer: Drawer) -> None:
    schema = [
        ("record_key", "VARCHAR"), ("subject", "VARCHAR"), ("test_code", "VARCHAR"),
        ("visit", "VARCHAR"), ("date", "DATE"), ("result", "VARCHAR"), ("unit", "VARCHAR"),
    ]  # fmt: skip
    old = [("a", "1", "ALT", "DAY 3", "2023-03-04", "20", "U/L"),
           ("b", "1", "HGB", None, "2023-03-04", "120", "g/L")]  # fmt: skip
    new = [("c", "1", "AST", "DAY 3", "2023-03-04", "20", "U/L"),
           ("d", "1", "ALT", "DAY 7", "2023-03-08", "20", "U/L"),
           ("e", "1", "HGB", None, "2023-03-05", "120", "g/L")]  # fmt: skip
    rows = drawer.difference((schema, old), (schema, new)).rows
    assert (rows.added_keys, rows.removed_keys, rows.changed) == (("c", "d"), ("a",), 1)
