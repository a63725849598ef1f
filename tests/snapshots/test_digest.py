"""The canonical digest: equal contents, equal digest; anything else, another digest."""

import datetime
import decimal
import hashlib
import json
import math
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snapshots import (
    Snapshot,
    StoreError,
    TableFacts,
    database_digest,
    open_store_digest,
    quote_identifier,
    quote_literal,
    table_digest,
    work_connection,
)
from tests.conftest import PROVE, LoadedTrial, examples

Row = tuple[object, ...]
Schema = list[tuple[str, str]]

TEXT = st.one_of(st.none(), st.text(alphabet="01;:N,ab\n' \u00e9", max_size=4))
VALUES: dict[str, st.SearchStrategy[object]] = {
    "VARCHAR": TEXT,
    "BIGINT": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    "BOOLEAN": st.one_of(st.none(), st.booleans()),
    "DOUBLE": st.one_of(st.none(), st.floats()),
    "DATE": st.one_of(st.none(), st.dates()),
    "DECIMAL(9,3)": st.one_of(st.none(), st.decimals(-999_999, 999_999, places=3, allow_nan=False)),
}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return work_connection()


def digest_of(
    connection: duckdb.DuckDBPyConnection,
    schema: Schema,
    rows: Sequence[Row],
    table: str = "t",
    keep: bool = False,
) -> TableFacts:
    columns = ", ".join(f"{quote_identifier(name)} {type_}" for name, type_ in schema)
    connection.execute(f"CREATE OR REPLACE TABLE {quote_identifier(table)} ({columns})")
    marks = ", ".join("?" * len(schema))
    if rows:
        connection.executemany(f"INSERT INTO {quote_identifier(table)} VALUES ({marks})", rows)
    facts = table_digest(connection, "memory", table)
    if not keep:
        connection.execute(f"DROP TABLE {quote_identifier(table)}")
    return facts


@st.composite
def tables(draw: st.DrawFn) -> tuple[Schema, list[Row]]:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    schema = [(f"c{number}", type_) for number, type_ in enumerate(types)]
    rows = draw(st.lists(st.tuples(*(VALUES[type_] for type_ in types)), max_size=6))
    return schema, rows


@given(table=tables(), data=st.data())
@settings(max_examples=60 if PROVE else 20)
def test_the_order_of_rows_does_not_matter(
    connection: duckdb.DuckDBPyConnection, table: tuple[Schema, list[Row]], data: st.DataObject
) -> None:
    schema, rows = table
    shuffled = data.draw(st.permutations(rows))
    assert digest_of(connection, schema, rows) == digest_of(connection, schema, shuffled)


def same_value(one: object, other: object) -> bool:
    return one == other or (one != one and other != other)


@given(table=tables(), data=st.data())
@settings(max_examples=100 if PROVE else 33)
def test_one_changed_cell_changes_it(
    connection: duckdb.DuckDBPyConnection, table: tuple[Schema, list[Row]], data: st.DataObject
) -> None:
    schema, rows = table
    assume(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(schema) - 1))
    value = data.draw(VALUES[schema[column][1]])
    assume(not same_value(value, rows[row][column]))
    changed = list(rows)
    changed[row] = (*rows[row][:column], value, *rows[row][column + 1 :])
    assert digest_of(connection, schema, rows) != digest_of(connection, schema, changed)


@given(
    one=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=3),
    other=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=3),
    move=st.integers(0, 8),
)
@settings(max_examples=150 if PROVE else 50)
def test_texts_full_of_separators_do_not_collide(
    connection: duckdb.DuckDBPyConnection, one: list[Row], other: list[Row], move: int
) -> None:
    schema = [("a", "VARCHAR"), ("b", "VARCHAR"), ("c", "VARCHAR")]
    if one:
        # The likeliest collision: the same characters, cut elsewhere.
        joined = "".join(str(cell or "") for cell in one[0])
        cut = move % (len(joined) + 1)
        other = [(joined[:cut], joined[cut:], None), *one[1:]] if move else other
    equal = Counter(one) == Counter(other)
    assert (digest_of(connection, schema, one) == digest_of(connection, schema, other)) is equal


def test_a_missing_value_is_not_an_empty_one(connection: duckdb.DuckDBPyConnection) -> None:
    schema = [("a", "VARCHAR"), ("b", "VARCHAR")]
    rows = [("", ""), ("", None), (None, ""), (None, None), ("N", None), (":", None)]
    digests = {digest_of(connection, schema, [row]).digest for row in rows}
    assert len(digests) == len(rows)


def test_every_repetition_counts(connection: duckdb.DuckDBPyConnection) -> None:
    digests = [digest_of(connection, [("a", "BIGINT")], [(1,)] * times) for times in range(4)]
    assert len({facts.digest for facts in digests}) == 4
    assert [facts.rows for facts in digests] == [0, 1, 2, 3]


def test_names_types_and_order_of_columns_count(connection: duckdb.DuckDBPyConnection) -> None:
    schemas: list[Schema] = [
        [("a", "BIGINT"), ("b", "BIGINT")],
        [("b", "BIGINT"), ("a", "BIGINT")],
        [("a", "BIGINT"), ("c", "BIGINT")],
        [("A", "BIGINT"), ("b", "BIGINT")],
        [("a", "INTEGER"), ("b", "BIGINT")],
        [("a", "BIGINT"), ("b", "DOUBLE")],
        [("a", "VARCHAR"), ("b", "BIGINT")],
        [("a", "BIGINT")],
        [('a", "b', "BIGINT"), ("b", "BIGINT")],
    ]
    for rows in ([], [(1, 1)]):
        digests = {
            digest_of(connection, schema, [row[: len(schema)] for row in rows]).digest
            for schema in schemas
        }
        assert len(digests) == len(schemas)
    assert digest_of(connection, schemas[0], [], "t") != digest_of(connection, schemas[0], [], "u")


@given(value=st.floats(allow_nan=False), steps=st.integers(1, 3))
@settings(max_examples=100 if PROVE else 33)
def test_neighboring_doubles_differ(
    connection: duckdb.DuckDBPyConnection, value: float, steps: int
) -> None:
    schema = [("a", "DOUBLE")]
    neighbor = value
    for _ in range(steps):
        neighbor = math.nextafter(neighbor, -math.inf)
    assume(neighbor != value)
    assert digest_of(connection, schema, [(value,)]) != digest_of(connection, schema, [(neighbor,)])


def test_a_doubles_text_reads_back_as_the_same_double(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """The definition leans on this property of DuckDB: over many bit patterns, none is lost."""
    lost = connection.execute(
        "WITH bits AS (SELECT hash(i) AS pattern FROM range(300000) AS r(i)), "
        "value AS (SELECT CAST(pattern % 2000000007 AS DOUBLE) / (1 + pattern % 999983) "
        "          * pow(10.0, CAST(pattern % 600 AS BIGINT) - 300) AS v FROM bits) "
        "SELECT count(*), count(*) FILTER (WHERE CAST(CAST(v AS VARCHAR) AS DOUBLE) <> v) "
        "FROM value WHERE isfinite(v)"
    ).fetchone()
    assert lost is not None
    assert lost[0] > 290_000
    assert lost[1] == 0


def test_zero_has_no_sign_and_nan_is_one(connection: duckdb.DuckDBPyConnection) -> None:
    for type_ in ("FLOAT", "DOUBLE"):
        for one, other in ((0.0, -0.0), (math.nan, -math.nan)):
            schema = [("a", type_)]
            assert digest_of(connection, schema, [(one,)]) == digest_of(
                connection, schema, [(other,)]
            )


@given(drawn=st.lists(tables(), min_size=1, max_size=8))
@settings(max_examples=examples(8), deadline=None)
def test_writing_to_disk_changes_nothing(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[Schema, list[Row]]],
) -> None:
    """The manifest's digest is taken before the file is compressed and closed."""
    path = tmp_path_factory.mktemp("written") / "open.duckdb"
    connection.execute(f"ATTACH {quote_literal(path)} AS written")
    before: dict[str, TableFacts] = {}
    for number, (schema, rows) in enumerate(drawn):
        name = f"t{number}"
        digest_of(connection, schema, rows, name, keep=True)
        # Runs that are long enough for every kind of compression.
        connection.execute(
            f"CREATE TABLE written.{name} AS SELECT {name}.* FROM memory.{name}, range(200)"
        )
        before[name] = table_digest(connection, "written", name)
        connection.execute(f"DROP TABLE memory.{name}")
    connection.execute("DETACH written")
    assert open_store_digest(path).tables == before


def test_threads_and_order_of_insertion_do_not_matter(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    digests = set()
    for threads, order in ((1, "i"), (2, "i DESC"), (2, "hash(i)")):
        connection.execute(f"SET threads = {threads}")
        connection.execute(
            "CREATE OR REPLACE TABLE big AS SELECT i, i / 7 AS part, 'text ' || i % 100 AS text "
            f"FROM range(200000) AS r(i) ORDER BY {order}"
        )
        digests.add(table_digest(connection, "memory", "big").digest)
    connection.execute("DROP TABLE big")
    assert len(digests) == 1


def test_the_time_zone_of_the_session_does_not_matter(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    digests = set()
    for zone in ("UTC", "Asia/Shanghai"):
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE OR REPLACE TABLE moment AS SELECT to_timestamp(1696235400.123456) AS at"
        )
        connection.execute(f"SET TimeZone = '{zone}'")
        digests.add(table_digest(connection, "memory", "moment").digest)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("DROP TABLE moment")
    assert len(digests) == 1


# For each type two values that differ as little as they can.
TYPES: list[tuple[str, object, object]] = [
    ("TINYINT", 1, 2),
    ("SMALLINT", 1, 2),
    ("INTEGER", 1, 2),
    ("HUGEINT", 2**100, 2**100 + 1),
    ("UTINYINT", 1, 2),
    ("USMALLINT", 1, 2),
    ("UINTEGER", 1, 2),
    ("UBIGINT", 2**63, 2**63 + 1),
    ("UHUGEINT", 2**100, 2**100 + 1),
    ("FLOAT", 1.0, 1.0000001),
    ("DOUBLE", 0.0, 5e-324),
    ("DOUBLE", math.nan, math.inf),
    ("DECIMAL(38,10)", decimal.Decimal("1.0000000000"), decimal.Decimal("1.0000000001")),
    ("TIME", datetime.time(1, 2, 3, 4), datetime.time(1, 2, 3, 5)),
    ("TIMESTAMP", datetime.datetime(2023, 1, 1), datetime.datetime(2023, 1, 1, 0, 0, 0, 1)),
    ("TIMESTAMP_S", "2023-01-01 00:00:00", "2023-01-01 00:00:01"),
    ("TIMESTAMP_MS", "2023-01-01 00:00:00", "2023-01-01 00:00:00.001"),
    ("TIMESTAMP_NS", "2023-01-01 00:00:00.000000001", "2023-01-01 00:00:00.000000002"),
    ("TIMESTAMPTZ", "2023-01-01 00:00:00+00", "2023-01-01 00:00:00.000001+00"),
    ("UUID", uuid.UUID(int=1), uuid.UUID(int=2)),
    ("INTERVAL", "1 month", "30 days"),
    ("BLOB", b"\x00;", b"\x00:"),
    ("ENUM('a;', 'a')", "a;", "a"),
    ("VARCHAR", "e\u0301", "\u00e9"),
]


@pytest.mark.parametrize(("type_", "one", "other"), TYPES)
def test_every_type_is_exact(
    connection: duckdb.DuckDBPyConnection, type_: str, one: object, other: object
) -> None:
    schema = [("a", type_), ("b", "VARCHAR")]
    rows: list[list[Row]] = [[(one, "x")], [(other, "x")], [(None, "x")]]
    digests = {digest_of(connection, schema, each).digest for each in rows}
    assert len(digests) == 3


@pytest.mark.parametrize(
    "type_",
    ["INTEGER[]", "INTEGER[2]", "STRUCT(a INTEGER)", "MAP(VARCHAR, VARCHAR)", "ENUM('a')[]"],
)
def test_nested_types_are_refused(connection: duckdb.DuckDBPyConnection, type_: str) -> None:
    with pytest.raises(StoreError, match=r"Column a of table t has type .* plain values only"):
        digest_of(connection, [("a", type_)], [])
    connection.execute("DROP TABLE t")


def test_a_missing_table_is_explained(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StoreError, match="has no table nowhere"):
        table_digest(connection, "memory", "nowhere")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@given(
    rows=st.lists(st.tuples(TEXT, VALUES["BIGINT"], VALUES["DATE"]), max_size=12),
)
@settings(max_examples=30 if PROVE else 10)
def test_the_digest_is_the_one_that_is_defined(
    connection: duckdb.DuckDBPyConnection,
    rows: list[tuple[str | None, int | None, datetime.date | None]],
) -> None:
    """The definition in the module's docstring, written a second time in plain Python."""
    digests = sorted(
        sha256(
            (":" if text is None else f"{len(text.encode())}:{text}")
            + (";" if number is None else f"{number};")
            + (";" if day is None else f"{day.isoformat()};")
        )
        for text, number, day in rows
    )
    runs = [
        sha256("".join(digest for digest in digests if digest.startswith(first)))
        for first in sorted({digest[:2] for digest in digests})
    ]
    schema = [["a", "VARCHAR"], ["b", "BIGINT"], ["c", "DATE"]]
    expected = sha256(json.dumps(["t", schema, len(rows), runs]))
    found = digest_of(connection, [(name, type_) for name, type_ in schema], list(rows))
    assert found == TableFacts(rows=len(rows), digest=expected)


def test_a_database_is_its_tables(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE b AS SELECT 1 AS x")
    connection.execute("CREATE TABLE a AS SELECT 1 AS x")
    both = database_digest(connection, "memory")
    assert list(both.tables) == ["a", "b"]
    assert both.tables["a"] == table_digest(connection, "memory", "a")
    assert both.digest == sha256(
        json.dumps([[name, both.tables[name].digest] for name in ("a", "b")])
    )
    connection.execute("ALTER TABLE a RENAME TO c")
    renamed = database_digest(connection, "memory")
    connection.execute("DROP TABLE c")
    fewer = database_digest(connection, "memory")
    connection.execute("DROP TABLE b")
    assert len({both.digest, renamed.digest, fewer.digest}) == 3


@pytest.mark.parametrize(
    ("create", "drop"),
    [
        ("CREATE VIEW v AS SELECT 1", "DROP VIEW v"),
        ("CREATE SEQUENCE s", "DROP SEQUENCE s"),
        ("CREATE MACRO m(a) AS a", "DROP MACRO m"),
        ("CREATE TYPE mood AS ENUM ('a')", "DROP TYPE mood"),
        ("CREATE INDEX i ON plain (a)", "DROP INDEX i"),
        ("CREATE SCHEMA o; CREATE TABLE o.t (a INTEGER)", "DROP SCHEMA o CASCADE"),
    ],
)
def test_what_would_escape_the_digest_is_refused(
    connection: duckdb.DuckDBPyConnection, create: str, drop: str
) -> None:
    connection.execute("CREATE TABLE plain (a INTEGER)")
    connection.execute(create)
    try:
        with pytest.raises(StoreError, match="is not a plain table"):
            database_digest(connection, "memory")
    finally:
        connection.execute(drop)
        connection.execute("DROP TABLE plain")
    assert database_digest(connection, "memory").tables == {}


def test_two_loads_of_the_same_have_the_same_digest(load: object, trial: object) -> None:
    assert callable(load)
    first, second = load(trial, "same"), load(trial, "same")
    assert isinstance(first, Snapshot)
    for snapshot in (first, second):
        contents = open_store_digest(snapshot.open_path)
        assert contents.digest == snapshot.manifest.digest
        assert contents.tables == snapshot.manifest.tables
    assert first.manifest.digest == second.manifest.digest
    assert load(trial, "other").manifest.digest != first.manifest.digest


def test_storage_of_the_format_before_has_the_same_digest(
    demonstration_store: LoadedTrial, pilot_store: LoadedTrial, tmp_path: Path
) -> None:
    for loaded in (demonstration_store, pilot_store):
        before = tmp_path / f"{loaded.trial.id}.duckdb"
        with closing(work_connection(sealed=False)) as connection:
            now = quote_literal(loaded.snapshot.open_path)
            connection.execute(f"ATTACH {now} AS now (READ_ONLY)")
            connection.execute(f"ATTACH {quote_literal(before)} AS before")
            connection.execute("COPY FROM DATABASE now TO before")
        assert open_store_digest(before).digest == loaded.snapshot.manifest.digest


def test_an_open_store_that_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        open_store_digest(tmp_path / "open.duckdb")
