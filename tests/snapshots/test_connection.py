"""The connection factory: encryption, hardening, quoting."""

import base64
import re
import shutil
import stat
from contextlib import closing
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshots import (
    OpenFile,
    SealedStoreError,
    StoreError,
    new_data_key,
    open_stores_reader,
    quote_identifier,
    quote_literal,
    reader,
    work_connection,
    writer,
)
from tests.conftest import examples
from tests.snapshots.both_files import both_files

CANARY = "CanaryThatMustNotBeReadable"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def key() -> bytes:
    return new_data_key()


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory, key: bytes) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp('it\'s a "folder"; --')
    with both_files(folder / "open.duckdb", folder / "sealed.duckdb", key) as connection:
        connection.execute("CREATE TABLE open_data.participant AS SELECT 'P1' AS subject")
        connection.execute(
            "CREATE TABLE sealed_data.allocation AS "
            "SELECT 'P' || i AS subject, $canary || i AS arm FROM range(5000) AS r(i)",
            {"canary": CANARY},
        )
    return folder / "open.duckdb", folder / "sealed.duckdb"


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE VIEW participant AS SELECT * FROM open_data.participant")


def pooled(databases: tuple[Path, Path]) -> duckdb.DuckDBPyConnection:
    return reader(databases[0], prepare=create_views)


def comparative(databases: tuple[Path, Path], key: bytes) -> duckdb.DuckDBPyConnection:
    return reader(databases[0], databases[1], key, create_views)


def test_the_writer_leaves_two_files_and_no_log(databases: tuple[Path, Path]) -> None:
    assert sorted(path.name for path in databases[0].parent.iterdir()) == [
        "open.duckdb",
        "sealed.duckdb",
    ]


def test_text_is_stored_as_this_duckdb_does_best(databases: tuple[Path, Path], key: bytes) -> None:
    """The default is the oldest storage, which takes three times as long to write."""
    with closing(comparative(databases, key)) as connection:
        for table in ("open_data.participant", "sealed_data.allocation"):
            ways = connection.execute(
                "SELECT DISTINCT compression FROM pragma_storage_info(?) "
                "WHERE segment_type = 'VARCHAR'",
                [table],
            ).fetchall()
            assert ways == [("DICT_FSST",)], table


def test_the_sealed_file_holds_no_plaintext_and_the_open_file_would(
    databases: tuple[Path, Path], key: bytes
) -> None:
    assert b"P1" in databases[0].read_bytes()
    assert CANARY.encode() not in databases[1].read_bytes()
    with closing(comparative(databases, key)) as connection:
        found = connection.execute("SELECT arm FROM sealed_data.allocation LIMIT 1").fetchone()
    assert found is not None
    assert found[0].startswith(CANARY)


def test_the_log_of_an_unfinished_sealed_file_holds_no_plaintext(tmp_path: Path) -> None:
    with writer(tmp_path / "s.duckdb", new_data_key()) as connection:
        connection.execute("CREATE TABLE sealed_data.t (arm VARCHAR)")
        connection.execute("INSERT INTO sealed_data.t VALUES (?)", [CANARY * 50])
        log = tmp_path / "s.duckdb.wal"
        assert log.stat().st_size > len(CANARY) * 50
        assert CANARY.encode() not in log.read_bytes()
    assert not log.exists()


def test_what_a_work_connection_spills_is_encrypted(tmp_path: Path) -> None:
    with closing(work_connection()) as connection:
        connection.execute("SET memory_limit = '40MB'")
        connection.execute(
            "CREATE TABLE big AS SELECT $canary || md5(CAST(i AS VARCHAR)) AS text "
            "FROM range(1500000) AS r(i)",
            {"canary": CANARY},
        )
        spill = connection.execute("SELECT current_setting('temp_directory')").fetchone()
        assert spill is not None
        files = list(Path(spill[0]).iterdir())
        assert sum(path.stat().st_size for path in files) > 1_000_000
        assert not any(CANARY.encode() in path.read_bytes() for path in files)
    assert not Path(spill[0]).exists()


def test_what_a_reader_spills_lies_where_nobody_else_may_look(
    databases: tuple[Path, Path], key: bytes
) -> None:
    """Sealed data is encrypted there, too; where all is open, nothing is loaded for it."""
    question = (
        "SELECT current_setting('temp_directory'), current_setting('temp_file_encryption'), "
        "(SELECT count(*) > 0 FROM duckdb_settings() WHERE name = 'http_timeout')"
    )
    for connection, encrypts in (
        (reader(databases[0]), False),
        (comparative(databases, key), True),
    ):
        with closing(connection):
            folder, encrypted, loaded = connection.execute(question).fetchone() or ("", None, None)
        assert (encrypted, loaded) == (encrypts, encrypts)
        assert stat.S_IMODE(Path(folder).parent.stat().st_mode) == 0o700


def test_a_wrong_key_is_refused_with_a_sentence_that_holds_no_key(
    databases: tuple[Path, Path], key: bytes
) -> None:
    for wrong in (new_data_key(), bytes(32), b"too short", key[:31], key + b"x"):
        with pytest.raises(SealedStoreError) as refusal:
            comparative(databases, wrong)
        told = exception_texts(refusal.value)
        for secret in (wrong, key):
            assert base64.b64encode(secret).decode() not in told
            assert secret.hex() not in told
            assert repr(secret)[2:-1] not in told
    with pytest.raises(SealedStoreError, match="does not open with this key"):
        comparative(databases, new_data_key())


def exception_texts(error: BaseException | None) -> str:
    """Everything that an error reporter could print of an exception and of those behind it."""
    texts = ""
    while error is not None:
        texts += f"{error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    return texts


def test_a_sealed_file_that_is_not_one_is_explained(
    databases: tuple[Path, Path], key: bytes, tmp_path: Path
) -> None:
    open_path, sealed_path = databases
    truncated, noise = tmp_path / "truncated", tmp_path / "noise"
    truncated.write_bytes(sealed_path.read_bytes()[:5000])
    noise.write_bytes(b"noise" * 5000)
    for path, words in (
        (tmp_path / "missing", "is missing"),
        (open_path, "is not encrypted"),
        (truncated, "cannot be read as a sealed file"),
        (noise, "cannot be read as a sealed file"),
    ):
        with pytest.raises(SealedStoreError, match=words):
            reader(open_path, path, key)
    assert not (tmp_path / "missing").exists()


def test_an_open_file_that_is_not_one_is_explained(
    databases: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 5000)
    for path, words in (
        (tmp_path / "missing", "is missing"),
        (tmp_path / "noise", "cannot be read as the open part"),
        (databases[1], "cannot be read as the open part"),
    ):
        with pytest.raises(StoreError, match=words):
            reader(path)
        with pytest.raises(StoreError, match=words):
            open_stores_reader({"some_data": path})


def test_a_sealed_file_and_its_key_come_together(databases: tuple[Path, Path], key: bytes) -> None:
    with pytest.raises(ValueError, match="together"):
        reader(databases[0], databases[1], None)
    with pytest.raises(ValueError, match="together"):
        reader(databases[0], None, key)


def test_the_writer_overwrites_nothing(databases: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="exists already"):
        writer(databases[1], new_data_key()).__enter__()
    with pytest.raises(StoreError, match="exists already"):
        OpenFile(databases[0], {}).__enter__()
    assert not list(databases[0].parent.glob(".*"))


def test_the_writer_says_when_a_folder_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SealedStoreError, match="cannot be created"):
        writer(tmp_path / "no" / "s", new_data_key()).__enter__()
    with OpenFile(tmp_path / "o", {"participant": pl.DataFrame({"subject": ["P1"]})}) as making:
        (tmp_path / "o").mkdir()
        with pytest.raises(StoreError, match="cannot be created"):
            making.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["o"]


def test_a_sealed_name_does_not_bind_on_a_pooled_reader(databases: tuple[Path, Path]) -> None:
    with closing(pooled(databases)) as connection:
        assert connection.execute("SELECT subject FROM participant").fetchall() == [("P1",)]
        with pytest.raises(duckdb.Error, match=r"(?s)does not exist"):
            connection.execute("SELECT * FROM sealed_data.allocation")
        attached = connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()
        assert {row[0] for row in attached} == {"memory", "open_data", "system", "temp"}


def statements_that_reach_outside(databases: tuple[Path, Path], outside: Path) -> list[str]:
    """What an ordinary connection would do; ``outside`` holds secret.csv and an extension."""
    sealed, target = quote_literal(databases[1]), quote_literal(outside / "stolen")
    source, extension = quote_literal(outside / "secret.csv"), outside / "httpfs.duckdb_extension"
    return [
        f"ATTACH {sealed} AS sealed_data (READ_ONLY, ENCRYPTION_KEY getvariable('k'))",
        f"ATTACH {target} AS other",
        "DETACH DATABASE IF EXISTS other; " + f"COPY (SELECT 1) TO {target}",
        f"EXPORT DATABASE {quote_literal(outside / 'export')}",
        f"SELECT * FROM read_csv({source})",
        f"SELECT * FROM read_text({source})",
        f"SELECT * FROM read_blob({source})",
        f"SELECT * FROM {quote_identifier(str(outside / 'secret.csv'))}",
        f"SELECT * FROM glob({quote_literal(outside / '*')})",
        f"INSTALL {quote_literal(extension)}",
        "SET temp_directory = '/'",
        "SET threads = 1",
        "RESET threads",
        "SET lock_configuration = false",
        "RESET lock_configuration",
    ]


def statements_that_undo_the_hardening() -> list[str]:
    return [
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "INSERT INTO open_data.participant VALUES ('P2')",
        "CREATE TABLE open_data.other (a INTEGER)",
        "SELECT * FROM python_frame",
    ]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
    shutil.copy(folder / f"v{duckdb.__version__}" / "httpfs.duckdb_extension", tmp_path)
    return tmp_path


@pytest.mark.parametrize("view", ["pooled", "comparative"])
def test_a_reader_reaches_nothing_else(
    view: str, databases: tuple[Path, Path], key: bytes, outside: Path
) -> None:
    python_frame = pl.DataFrame({"a": [1]})  # a replacement scan would find it
    before = sorted(outside.iterdir())
    opened = pooled(databases) if view == "pooled" else comparative(databases, key)
    statements = [
        *statements_that_reach_outside(databases, outside),
        *statements_that_undo_the_hardening(),
    ]
    with closing(opened) as connection:
        for handle in (connection, connection.cursor()):
            # The right key does not help once files are out of reach.
            handle.execute("SET VARIABLE k = ?", [base64.b64encode(key).decode()])
            for statement in statements:
                with pytest.raises(duckdb.Error):
                    handle.execute(statement)
            assert handle.execute("SELECT subject FROM participant").fetchall() == [("P1",)]
    assert python_frame.height == 1
    assert sorted(outside.iterdir()) == before


def test_what_a_reader_refuses_is_refused_for_being_outside(
    databases: tuple[Path, Path],
    key: bytes,
    outside: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The same statements run where nothing is locked: their text is not what is wrong."""
    extensions = tmp_path_factory.mktemp("extensions")
    with closing(work_connection()) as connection:
        connection.execute(f"SET extension_directory = {quote_literal(extensions)}")
        connection.execute("SET VARIABLE k = ?", [base64.b64encode(key).decode()])
        for statement in statements_that_reach_outside(databases, outside):
            connection.execute(statement)


def test_a_work_connection_sees_only_what_is_registered() -> None:
    python_frame = pl.DataFrame({"a": [1]})
    with closing(work_connection()) as connection:
        with pytest.raises(duckdb.Error, match="does not exist"):
            connection.execute("FROM python_frame")
        connection.register("registered", python_frame)
        assert connection.execute("FROM registered").fetchall() == [(1,)]


def test_the_key_is_nowhere_to_be_read(databases: tuple[Path, Path], key: bytes) -> None:
    forms = (base64.b64encode(key).decode(), key.hex(), repr(key))
    with closing(comparative(databases, key)) as connection:
        functions = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE function_type = 'table' AND function_name LIKE 'duckdb_%' "
            "AND len(parameters) = 0"
        ).fetchall()
        # The list of extensions reads a folder, which is out of reach.
        names = {row[0] for row in functions} - {"duckdb_extensions"}
        assert {"duckdb_settings", "duckdb_variables", "duckdb_databases"} <= names
        for name in sorted(names):
            answer = repr(connection.execute(f"SELECT * FROM {name}()").fetchall())
            assert not any(form in answer for form in forms), name
        assert connection.execute("FROM duckdb_variables()").fetchall() == []
        assert connection.execute("SELECT getvariable('k')").fetchall() == [(None,)]
        assert connection.cursor().execute("SELECT getvariable('k')").fetchall() == [(None,)]


def test_readers_of_both_views_work_side_by_side(databases: tuple[Path, Path], key: bytes) -> None:
    with (
        closing(pooled(databases)) as first,
        closing(comparative(databases, key)) as second,
        closing(pooled(databases)) as third,
    ):
        with pytest.raises(duckdb.Error, match="does not exist"):
            third.execute("FROM sealed_data.allocation")
        for connection in (first, second, third):
            assert connection.cursor().execute("FROM participant").fetchall() == [("P1",)]
        count = second.cursor().execute("SELECT count(*) FROM sealed_data.allocation").fetchone()
        assert count == (5000,)


def test_preparing_happens_with_files_out_of_reach_and_a_failure_closes(
    databases: tuple[Path, Path],
) -> None:
    opened: list[duckdb.DuckDBPyConnection] = []

    def prepare(connection: duckdb.DuckDBPyConnection) -> None:
        opened.append(connection)
        connection.execute(f"ATTACH {quote_literal(databases[1])} AS sealed_data")

    with pytest.raises(duckdb.Error, match=r"external access|disabled"):
        reader(databases[0], prepare=prepare)
    with pytest.raises(duckdb.ConnectionException):
        opened[0].execute("SELECT 1")


def test_open_stores_lie_side_by_side_under_any_name(databases: tuple[Path, Path]) -> None:
    name = 'the "old" one; --'
    with closing(open_stores_reader({name: databases[0], "new": databases[0]})) as connection:
        for database in (name, "new"):
            rows = connection.execute(f"FROM {quote_identifier(database)}.participant").fetchall()
            assert rows == [("P1",)]
        with pytest.raises(duckdb.Error):
            connection.execute("SET threads = 1")


def test_a_missing_extension_names_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(duckdb_extension_httpfs, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(
        StoreError, match=f"Install the package duckdb-extension-httpfs=={duckdb.__version__}"
    ):
        work_connection()


@given(name=st.text(min_size=1).filter(lambda name: "\0" not in name and is_unicode(name)))
@settings(max_examples=examples(60), deadline=None)
def test_a_quoted_identifier_is_that_name(plain: duckdb.DuckDBPyConnection, name: str) -> None:
    answer = plain.execute(f"SELECT 1 AS {quote_identifier(name)}")
    assert answer.description is not None
    assert answer.description[0][0] == name


@given(
    name=st.text(min_size=1, max_size=60).filter(lambda name: "\0" not in name and is_unicode(name))
)
@settings(max_examples=examples(60), deadline=None)
def test_a_quoted_path_is_that_path(plain: duckdb.DuckDBPyConnection, name: str) -> None:
    path = Path("/folder") / name
    assert plain.execute(f"SELECT {quote_literal(path)}").fetchone() == (str(path),)


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@pytest.fixture(scope="module")
def plain() -> duckdb.DuckDBPyConnection:
    return work_connection()


def test_a_quoted_path_is_absolute() -> None:
    for name in (":memory:", "s3://bucket/x", "~/x"):
        assert quote_literal(Path(name)) == f"'{Path.cwd() / name}'"


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_no_identifier_is_empty_or_holds_a_nul(name: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote_identifier(name)


@pytest.mark.parametrize("path", ["/a\0b", "/a\udce4"])
def test_no_path_holds_a_nul_or_invalid_unicode(path: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|Unicode"):
        quote_literal(Path(path))


def test_no_other_module_opens_duckdb() -> None:
    opening = re.compile(
        r"duckdb\.(connect|sql|query|execute|default_connection|read_\w+|from_\w+)\b"
        r"|from duckdb import"
    )
    modules = [
        path
        for path in ROOT.rglob("*.py")
        if not {".venv", "tests"} & set(path.relative_to(ROOT).parts)
    ]
    opened = [
        str(path.relative_to(ROOT)) for path in modules if opening.search(path.read_text("utf-8"))
    ]
    # The second is a process of its own, in which nothing else is to be imported.
    assert sorted(opened) == ["snapshots/connection.py", "snapshots/open_file_process.py"]
