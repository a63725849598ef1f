"""The records database: made by whoever comes first, private, and a sentence where it fails."""

import stat
import subprocess
import sys
from contextlib import closing
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from access.errors import RecordsError
from access.records import (
    HEAD,
    MIGRATIONS,
    metadata,
    open_records,
    reading,
    shown_url,
    writing,
)
from tests.access import writers
from tests.access.conftest import Records
from tests.postgres import Server, running_server

PASSWORD = "s3cret"
ROOT = Path(__file__).parents[2]


def ask(engine: sqlalchemy.Engine, question: str) -> object:
    with reading(engine) as connection:
        return connection.execute(sqlalchemy.text(question)).scalar_one()


# Made and changed by migrations


def test_the_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrations_make_the_tables_that_the_program_uses(records: Records) -> None:
    engine = open_records(records.url, new=True)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert ask(engine, "select version_num from alembic_version") == HEAD


def test_opening_again_changes_nothing(records: Records) -> None:
    open_records(records.url, new=True)
    before = records.ask("select * from alembic_version")
    open_records(records.url, new=True)
    assert records.ask("select * from alembic_version") == before


def test_many_processes_may_open_a_new_database_at_once(
    records: Records, processes: ForkServerContext
) -> None:
    together = processes.Barrier(12)
    running = [
        processes.Process(
            target=writers.append_many, args=(records.url, records.key_file, number, 1, together)
        )
        for number in range(12)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * 12
    assert records.trail().verify().rows == 12


def test_a_database_of_a_later_version_is_left_alone(records: Records) -> None:
    open_records(records.url, new=True)
    records.run("update alembic_version set version_num = '9999'")
    with pytest.raises(RecordsError, match=r"of another version of this program \(revision 9999"):
        open_records(records.url, new=True)
    assert records.ask("select version_num from alembic_version") == [("9999",)]


def test_a_migration_that_fails_leaves_nothing_behind(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise sqlalchemy.exc.OperationalError("create trigger", {}, Exception("no"))

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.execute", fail)
        with pytest.raises(RecordsError, match="cannot be used"):
            open_records(records.url, new=True)
    assert records.trail().verify().rows == 0


# Transactions


def test_sqlite_writes_ahead_and_waits_for_the_disk(sqlite_records: Records) -> None:
    engine = open_records(sqlite_records.url, new=True)
    with writing(engine) as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar_one() == 2  # FULL


def test_postgres_waits_for_the_disk_and_sees_the_latest(
    postgres_records: Records, postgres_server: Server
) -> None:
    """Also where the server is set to do neither."""
    name = postgres_records.ask("select current_database()")[0][0]
    for setting in (
        "synchronous_commit = off",
        "default_transaction_isolation = 'repeatable read'",
    ):
        postgres_records.run(f"alter database {name} set {setting}")
    engine = open_records(postgres_records.url, new=True)
    with writing(engine) as connection:
        for setting, expected in (
            ("synchronous_commit", "on"),
            ("transaction_isolation", "read committed"),
            ("lock_timeout", "1min"),
        ):
            found = connection.execute(sqlalchemy.text(f"show {setting}")).scalar_one()
            assert found == expected


def test_one_writes_at_a_time_and_readers_do_not_wait(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.records.PATIENCE_SECONDS", 1)
    engine = open_records(records.url, new=True)
    with writing(engine):
        assert ask(engine, "select count(*) from audit_trail") == 0
        with pytest.raises(sqlalchemy.exc.OperationalError), writing(engine):
            pytest.fail("two were writing")


def test_what_fails_is_taken_back(records: Records) -> None:
    engine = open_records(records.url, new=True)

    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(sqlalchemy.text("delete from alembic_version"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ask(engine, "select count(*) from alembic_version") == 1


# Files


def test_an_sqlite_database_is_its_owners(sqlite_records: Records) -> None:
    trail = sqlite_records.trail()
    trail.write("looked", writers.WRITER)
    folder = Path(sqlite_records.url.removeprefix("sqlite:///")).parent
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(files) >= {"records.db", "records.db-wal", "records.db-shm"}
    assert set(files.values()) == {0o600}


def test_a_relative_path_is_of_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    engine = open_records("sqlite:///in/records.db", new=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ask(engine, "select count(*) from audit_trail") == 0
    assert (tmp_path / "in" / "records.db").exists()


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "ü#.db"])
def test_a_path_may_have_any_name(tmp_path: Path, name: str) -> None:
    open_records(
        sqlalchemy.URL.create("sqlite", database=f"{tmp_path}/{name}").render_as_string(), new=True
    )
    assert (tmp_path / name).stat().st_size > 0


# What cannot be used


@pytest.mark.parametrize(
    "url",
    [
        "",
        "records.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///r.db?mode=ro",
        "sqlite://host/r.db",
        "mysql://u@h/d",
        "postgres//u@h/d",
        f"postgresql://u:{PASSWORD}",
        f"postgresql://u:a@{PASSWORD}@h/d",
        f"oracle://u:{PASSWORD}@h/d",
    ],
)
def test_what_is_no_records_database_is_said(url: str) -> None:
    with pytest.raises(
        RecordsError, match=r"^DSMB_RECORDS_URL .*sqlite:///folder/records\.db"
    ) as no:
        open_records(url, new=True)
    assert PASSWORD not in str(no.value)
    assert shown_url(url) == "set, but not usable"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordsError, match=r"file/records\.db cannot be written \(File exists\)"):
        open_records(f"sqlite:///{tmp_path}/file/records.db", new=True)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_text("something else, longer than a header " * 50)
    with pytest.raises(RecordsError, match=r"cannot be used \(DatabaseError, SQLITE_NOTADB\)"):
        open_records(f"sqlite:///{tmp_path}/records.db", new=True)
    assert (tmp_path / "records.db").read_text().startswith("something else")


def test_a_server_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://ada:{PASSWORD}@/records?host={tmp_path}"
    with pytest.raises(RecordsError, match=r"\(postgresql\+psycopg://ada:\*\*\*@/records\)") as no:
        open_records(url, new=True)
    assert "cannot be used (OperationalError" in str(no.value)
    assert PASSWORD not in str(no.value)
    assert no.value.__cause__ is None
    assert no.value.__suppress_context__


def test_a_database_that_cannot_hold_every_name_is_said(postgres_server: Server) -> None:
    latin = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"
    with (
        postgres_server.new_database(latin) as name,
        pytest.raises(RecordsError, match="stores text as LATIN1"),
    ):
        open_records(postgres_server.url(name), new=True)


# A server that was restarted


def test_connections_that_the_server_closed_are_made_anew(
    postgres_records: Records, postgres_server: Server
) -> None:
    """As after a restart: the first write that follows works."""
    trail = postgres_records.trail()
    trail.write("looked", writers.WRITER)
    with closing(postgres_server.connect()) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'records%'"
        )
    assert trail.write("looked", writers.WRITER).sequence == 2


# What is shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///.dsmb/records.db", "sqlite:///.dsmb/records.db"),
        (f"postgresql://ada:{PASSWORD}@db/r", "postgresql+psycopg://ada:***@db/r"),
        (f"postgresql://ada@db/r?password={PASSWORD}", "postgresql+psycopg://ada@db/r"),
        (
            f"postgresql+psycopg2://ada:{PASSWORD}@db:5432/r",
            "postgresql+psycopg://ada:***@db:5432/r",
        ),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_the_rooms_that_do_not_record_do_not_wait_for_it() -> None:
    """SQLAlchemy takes half a second to import; a role and a view need none of it."""
    code = "import access, sys; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_the_servers_programs_the_tests_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without PostgreSQL must not look like one on which all is well."""
    monkeypatch.setattr("tests.postgres.INSTALLED", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="Install the `postgresql` package"):
        running_server().__enter__()
