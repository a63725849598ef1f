"""`python -m data_validation`: what it does, and what bad input gets.

Bad input gets one clear sentence on standard error, the stated exit code (`command_line.Exit`),
never a traceback, and leaves the store as it was.
"""

import functools
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import access.__main__
import access.trail
import data_validation.__main__ as command
import data_validation.assess
import data_validation.load
import simulator
from access.audit_key import read_audit_key
from access.trail import Trail, open_trail
from command_line import Exit
from data_validation.assess import assess
from data_validation.readers import read_extract
from simulator import write_extract, write_simulated
from snapshots import Store, new_key_pair
from snapshots.connection import reader
from tests.conftest import FORMULA, KeyPair
from tests.data_validation import command_process
from tests.data_validation.small_extracts import SIMULATED, TRIAL, Change, Rows, changed, clean_rows

ROOT = Path(command.__file__).parent.parent

pytestmark = pytest.mark.usefixtures("assessed_once")


@dataclass(frozen=True)
class Outcome:
    """Exit code, standard output and standard error of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """A working directory with a board's public key in the environment, and no private one.

    The audit trail is there too, under a key of its own.
    """

    folder: Path
    keys: KeyPair
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> Store:
        return self.keys.store(self.folder / "store")

    def run(self, *arguments: str | Path) -> Outcome:
        """A command in this process."""
        self.capture.readouterr()
        try:
            code = command.main([str(item) for item in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = self.capture.readouterr()
        return Outcome(code, captured.out, captured.err)

    def load(self, extract: Path, *more: str | Path) -> Outcome:
        return self.run("load", extract, "--trial", TRIAL.id, *more)

    def check(self, extract: Path, *more: str | Path) -> Outcome:
        return self.run("check", extract, "--trial", TRIAL.id, *more)

    def extract(self, *changes: Change, name: str = "extract", rows: Rows | None = None) -> Path:
        """A small extract of CSV files."""
        folder = self.folder / name
        folder.mkdir()
        given = changed(*changes) if rows is None else rows
        for dataset, listed in (SIMULATED | given).items():
            columns = list(dict.fromkeys(column for row in listed for column in row))
            frame = pl.DataFrame(listed, schema=dict.fromkeys(columns, pl.String))
            frame.write_csv(folder / f"{dataset.lower()}.csv")
        return folder

    @property
    def trail(self) -> Trail:
        return open_trail(
            f"sqlite:///{self.folder}/.dsmb/records.db", self.folder / "audit.key", new=True
        )

    def recorded(self) -> list[tuple[str, str, str]]:
        """Act, outcome and snapshot of every row of the trail, the first first."""
        return [(row.act, row.outcome, row.snapshot) for row in self.trail.select()[::-1]]

    def stored(self) -> dict[str, bytes]:
        """Every file of the store but the lock, and the note of the last refusal."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in (self.folder / "store").rglob("*")
            if path.is_file() and not path.name.startswith((".load.", "refused.json"))
        }


@pytest.fixture
def place(
    tmp_path: Path,
    key_pair: KeyPair,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    for name in os.environ:
        if name.startswith("DSMB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSMB_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(key_pair.public))
    # A copy: a test may do to it what it likes.
    shutil.copy(key_pair.audit, tmp_path / "audit.key")
    monkeypatch.setenv("DSMB_AUDIT_KEY_FILE", str(tmp_path / "audit.key"))
    return Place(tmp_path, key_pair, capsys)


@pytest.fixture(scope="module")
def loaded_store(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Path:
    """A store with one snapshot of the small extract, to be copied."""
    from data_validation.load import load

    folder = tmp_path_factory.mktemp("loaded")
    for name, rows in (SIMULATED | clean_rows()).items():
        (folder / "extract").mkdir(exist_ok=True)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
        frame.write_csv(folder / "extract" / f"{name.lower()}.csv")
    load(folder / "extract", TRIAL, key_pair.store(folder / "store"), key_pair.public)
    return folder / "store"


@pytest.fixture
def unchanged(place: Place, loaded_store: Path, empty_records: Path) -> Iterator[Place]:
    """A place with a snapshot; whatever the test does to it, the store stays as it is."""
    shutil.copytree(loaded_store, place.folder / "store")
    (place.folder / ".dsmb").mkdir(mode=0o700)
    shutil.copy(empty_records, place.folder / ".dsmb")
    assert place.trail.extent() == (0, None)
    before, current = place.stored(), place.store.trial(TRIAL.id).current()
    assert current is not None
    yield place
    assert place.stored() == before
    assert place.store.trial(TRIAL.id).current() == current


def one_sentence(outcome: Outcome, code: int, *expected: str) -> None:
    """Exactly one line on standard error, which ends like a sentence and says what is expected."""
    assert outcome.code == code, outcome
    (line,) = outcome.err.splitlines()
    assert line.endswith(".")
    assert "Traceback" not in outcome.err
    for words in expected:
        assert words in line


# Extracts that cannot be read


def nowhere(place: Place) -> Path:
    return place.folder / "nowhere"


def an_empty_folder(place: Place) -> Path:
    (place.folder / "empty").mkdir()
    return place.folder / "empty"


def a_file_that_is_no_zip(place: Place) -> Path:
    path = place.folder / "extract.zip"
    path.write_bytes(b"PK\x03\x04 and no more")
    return path


def a_truncated_xpt(place: Place) -> Path:
    frames = {name.lower(): pl.DataFrame(rows) for name, rows in clean_rows().items()}
    folder = place.folder / "extract"
    write_extract(frames, folder, format="xpt")
    content = (folder / "lb.xpt").read_bytes()
    (folder / "lb.xpt").write_bytes(content[: len(content) * 2 // 3])
    return folder


def a_broken_quote(place: Place) -> Path:
    folder = place.extract()
    (folder / "ae.csv").write_text('USUBJID,AEDECOD\nS-001,"Pyrexia\nS-002,Nausea\n')
    return folder


def a_zip_that_leads_out(place: Place) -> Path:
    path = place.folder / "extract.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dm.csv", "USUBJID\nS-001\n")
        archive.writestr("../ae.csv", "USUBJID\nS-001\n")
    return path


def a_value_beyond_one_mebibyte(place: Place) -> Path:
    folder = place.extract()
    (folder / "ae.csv").write_text(f"USUBJID,AETERM\nS-001,{'x' * (1024**2 + 1)}\n")
    return folder


def no_demographics(place: Place) -> Path:
    folder = place.extract()
    (folder / "dm.csv").unlink()
    return folder


UNREADABLE: dict[str, tuple[Callable[[Place], Path], tuple[str, ...]]] = {
    "wrong path": (nowhere, ("nowhere does not exist",)),
    "empty folder": (an_empty_folder, ("is an empty folder",)),
    "no zip": (a_file_that_is_no_zip, ("neither a folder nor a whole zip",)),
    "truncated XPT": (a_truncated_xpt, ("lb.xpt",)),
    "broken quote": (a_broken_quote, ("ae.csv, line 2,",)),
    "zip with ../": (a_zip_that_leads_out, ("../ae.csv has a name that leads out of the zip",)),
    "value over 1 MiB": (
        a_value_beyond_one_mebibyte,
        ("ae.csv, line 2,", "column 2", "1048576 bytes"),
    ),
    "no DM": (no_demographics, ("expected a dataset DM", "AE, DS, EX, IE")),
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("act", ["check", "load"])
def test_an_extract_that_cannot_be_read_is_refused(unchanged: Place, act: str, what: str) -> None:
    make, expected = UNREADABLE[what]
    extract, findings = make(unchanged), unchanged.folder / "findings.json"
    outcome = unchanged.run(act, extract, "--trial", TRIAL.id, "--json", findings)
    one_sentence(outcome, 2, *expected)
    assert outcome.out == ""
    assert json.loads(findings.read_text()) == {
        "refused": outcome.err.splitlines(),
        "findings": [],
    }
    assert not (unchanged.folder.parent / "ae.csv").exists()


def test_an_extract_beyond_the_limit_is_refused(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the zip is: what counts is what comes out of it."""
    path = unchanged.folder / "extract.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dm.csv", "USUBJID\n" + "S-001\n" * 100_000)
    assert path.stat().st_size < 10_000
    monkeypatch.setenv("DSMB_EXTRACT_LIMIT_BYTES", "100000")
    one_sentence(unchanged.load(path), 2, "extract.zip", "the limit of 100000 bytes")


def test_every_file_that_cannot_be_read_is_named(unchanged: Place) -> None:
    """More than one sentence, where there is more than one thing to put right."""
    folder = unchanged.extract()
    (folder / "ae.csv").write_text('USUBJID\n"S-001\n')
    (folder / "xx.sas7bdat").write_bytes(b"")
    outcome = unchanged.load(folder)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 2
    assert "ae.csv" in outcome.err
    assert "xx.sas7bdat" in outcome.err


# Extracts with critical findings


def test_another_trials_data_is_refused(unchanged: Place) -> None:
    findings = unchanged.folder / "findings.json"
    others: list[Change] = [("DM", row, {"STUDYID": "CDISCPILOT01"}) for row in range(3)]
    outcome = unchanged.load(unchanged.extract(*others), "--json", findings)
    one_sentence(outcome, 2, "The extract was refused: it has 3 critical findings.")
    assert "DM-101" in outcome.out
    assert "The record is of another study." in outcome.out
    written = json.loads(findings.read_text())
    assert written["refused"] == outcome.err.splitlines()
    assert {item["check"] for item in written["findings"]} >= {"DM-101"}
    # Questions to sites stand apart from what whoever programs the export can put right.
    audiences = {item["finding"]: item["audience"] for item in written["findings"]}
    asked, notes = (
        {item["finding"] for item in written[name]}
        for name in ("questions_to_sites", "notes_on_the_export")
    )
    assert {audiences[name] for name in asked} == {"site"}
    assert {name for name, to in audiences.items() if to == "export"} == notes != set()
    refused = json.loads((unchanged.folder / "store" / TRIAL.id / "refused.json").read_text())
    assert refused["findings"]["critical"] == 3


def test_check_says_that_a_load_would_refuse(unchanged: Place) -> None:
    findings = unchanged.folder / "findings.json"
    stranger = unchanged.extract(("VS", 0, {"USUBJID": "S-999"}))
    outcome = unchanged.check(stranger, "--json", findings)
    one_sentence(outcome, 2, "A load would refuse: it has 1 critical finding.")
    assert json.loads(findings.read_text())["refused"] == outcome.err.splitlines()
    assert not (unchanged.folder / "store" / TRIAL.id / "refused.json").exists()


# Keys


def test_without_a_public_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSMB_BOARD_PUBLIC_KEY_FILE")
    outcome = place.load(place.extract())
    assert outcome.code == 4
    assert "set DSMB_BOARD_PUBLIC_KEY_FILE" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (place.folder / "store").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist"),
        (b"", "is not a board key"),
        (b"\x00\xff" * 500, "is not a board key"),
        (b"DSMB board public key (X25519, base64): needed to load, no secret\nAAAA\n", "32 bytes"),
        ("private", "is the private key of a pair; the public key is needed"),
        ("folder", "is not a file"),
    ],
)
def test_with_a_public_key_that_is_none(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, expected: str
) -> None:
    path = unchanged.folder / "some.key"
    if content == "private":
        shutil.copy(unchanged.keys.private, path)
    elif content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(path))
    outcome = unchanged.load(unchanged.extract(("DM", 0, {"AGE": "61"})))
    one_sentence(outcome, 4, "some.key", expected)
    secret = unchanged.keys.private.read_text().splitlines()[1]
    assert secret not in outcome.err


def test_with_the_public_key_of_another_board(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, _ = new_key_pair(unchanged.folder / "other")
    monkeypatch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(public))
    outcome = unchanged.load(unchanged.extract())
    one_sentence(outcome, 4, "The store is sealed to another board key")


@pytest.mark.parametrize("act", ["check", "load"])
def test_a_private_key_that_cannot_be_used_stops_before_anything(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(unchanged.folder / "no.key"))
    extract = unchanged.extract(("DM", 0, {"AGE": "61"}))
    outcome = unchanged.run(act, extract, "--trial", TRIAL.id)
    one_sentence(outcome, 4, "no.key does not exist")


# The store and the machine


@pytest.mark.parametrize("in_the_way", ["store", f"store/{TRIAL.id}"])
def test_a_store_that_cannot_be_written(place: Place, in_the_way: str) -> None:
    path = place.folder / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    one_sentence(place.load(place.extract()), 4, str(place.folder / "store" / TRIAL.id))
    assert path.read_text() == "a file"


def environment(place: Place) -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def process(place: Place, *arguments: str | Path, options: Sequence[str] = ()) -> Outcome:
    """A command as its own process, as a user runs it."""
    finished = subprocess.run(
        [sys.executable, *options, "-m", "data_validation", *map(str, arguments)],
        cwd=place.folder,
        env=environment(place),
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(finished.returncode, finished.stdout, finished.stderr)


def ready_process(
    place: Place,
    processes: ForkServerContext,
    *arguments: str | Path,
    file_size_limit: int | None = None,
) -> Outcome:
    """A command in its own process, in which the libraries are there already; see `processes`."""
    heard, told = processes.Pipe(duplex=False)
    of_it = (place.folder, environment(place), [*map(str, arguments)], file_size_limit, told)
    child = processes.Process(target=command_process.run, args=of_it)
    child.start()
    told.close()
    outcome = Outcome(*heard.recv())
    child.join()
    assert child.exitcode == 0
    return outcome


def test_as_a_process_a_wrong_path(unchanged: Place) -> None:
    outcome = process(unchanged, "load", "nowhere", "--trial", TRIAL.id)
    one_sentence(outcome, 2, "nowhere does not exist")


@pytest.mark.parametrize("room", [120_000, 1_000_000])
def test_as_a_process_a_full_disk(
    unchanged: Place, processes: ForkServerContext, room: int
) -> None:
    """It may be full at the first database, or later."""
    assert unchanged.trail.count() == 0  # the records are there already, and have room
    extract = unchanged.extract(("DM", 0, {"AGE": "61"}))
    load = ("load", extract, "--trial", TRIAL.id)
    outcome = ready_process(unchanged, processes, *load, file_size_limit=room)
    one_sentence(outcome, 4, "The disk is full", "Nothing was changed.", "Make room and try again")
    # The disk may be too full for the outcome; then the intent stays, and is reported.
    intended, failed = ("load", "intended", ""), ("load", "failed", "")
    assert unchanged.recorded() in ([intended], [intended, failed])


def test_as_a_process_a_disk_too_full_for_the_record(
    unchanged: Place, processes: ForkServerContext
) -> None:
    assert unchanged.trail.count() == 0
    extract = unchanged.extract(("DM", 0, {"AGE": "61"}))
    load = ("load", extract, "--trial", TRIAL.id)
    outcome = ready_process(unchanged, processes, *load, file_size_limit=200)
    one_sentence(outcome, 4, "The audit trail cannot be written", "this is not done")
    assert unchanged.trail.count() == 0


def test_as_a_process_two_loads_at_once(unchanged: Place, processes: ForkServerContext) -> None:
    held, release = processes.Event(), processes.Event()
    store = unchanged.folder / "store"
    holder = processes.Process(target=command_process.hold, args=(store, TRIAL.id, held, release))
    holder.start()
    try:
        assert held.wait(60)
        extract = unchanged.extract(("DM", 0, {"AGE": "61"}))
        outcome = ready_process(unchanged, processes, "load", extract, "--trial", TRIAL.id)
        one_sentence(outcome, 3, "is under way", f"process {holder.pid} of ")
    finally:
        release.set()
        holder.join()


def test_as_a_process_a_whole_course(place: Place) -> None:
    """From nothing to a snapshot in three commands, without a private key in reach, or pandas."""
    made = process(place, "simulate", "--out", "raw", "--participants", "6", "--format", "xpt")
    assert (made.code, made.err) == (0, "")
    assert "27 datasets" in made.out
    importing = ("-X", "importtime")
    loaded = process(place, "load", "raw", "--trial", TRIAL.id, options=importing)
    lines = loaded.err.splitlines()
    modules = [line.rpartition("|")[2] for line in lines if line.startswith("import time:")]
    said = [line for line in lines if not line.startswith("import time:")]
    assert (loaded.code, said) == (0, [])
    assert "is current" in loaded.out
    # That DuckDB tries is listed, too; what pandas would import is not.
    assert not [name for name in modules if name.strip().startswith("pandas.")]
    assert str(place.keys.private) not in json.dumps(environment(place))
    listed = process(place, "snapshots", "--trial", TRIAL.id)
    assert "current" in listed.out


def test_as_a_process_a_schema_has_the_pandas_that_pandera_needs(unchanged: Place) -> None:
    outcome = process(unchanged, "schema", "DM")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("DM: Demographics")


# Arguments and settings


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "required: command"),
        (["lode", "x"], "invalid choice: 'lode'"),
        (["load"], "required: extract, --trial"),
        (["load", "x"], "required: --trial"),
        (["load", "x", "--trial", "t", "--cutoff", "30.06.2023"], "write it as 2023-09-30"),
        (["load", "x", "--trial", "t", "--cutoff", "2023-02-30"], "'2023-02-30' is not a date"),
        (["load", "x", "--trial", "t", "--force"], "unrecognized arguments: --force"),
        (["simulate"], "required: --out"),
        (["simulate", "--out", "x", "--participants", "0"], "whole number of at least 1"),
        (["simulate", "--out", "x", "--participants", "many"], "whole number of at least 1"),
        (["simulate", "--out", "x", "--format", "sas"], "invalid choice: 'sas'"),
        (["diff", "--trial", "t", "2023-06-30.1"], "required: new"),
    ],
)
def test_arguments_that_cannot_be_used(
    unchanged: Place, arguments: list[str], expected: str
) -> None:
    outcome = unchanged.run(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("usage: ")
    assert expected in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["load", "x", "--trial", "nct0"], "There is no definition of trial 'nct0'; there are:"),
        (["simulate", "--trial", "nct0", "--out", "x"], "no definition of trial 'nct0'"),
        (["snapshots", "--trial", "../other"], "no definition of trial '../other'"),
        (["simulate", "--out", "x", "--cutoff", "1999-01-01"], "before recruitment starts"),
        (["simulate", "--out", "x", "--seed", "-1"], "must not be negative"),
        (["simulate", "--out", "x", "--sites", "10000"], "ask for 1 to 9999"),
    ],
)
def test_arguments_that_mean_nothing(unchanged: Place, arguments: list[str], expected: str) -> None:
    one_sentence(unchanged.run(*arguments), 1, expected)
    assert not (unchanged.folder / "x").exists()


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [("2023-03-25.7", "has no snapshot 2023-03-25.7; it has: 2023-03-25.1"), ("x", "'x' is not a")],
)
def test_a_snapshot_that_is_not_there(unchanged: Place, identifier: str, expected: str) -> None:
    outcome = unchanged.run("diff", "--trial", TRIAL.id, "2023-03-25.1", identifier)
    one_sentence(outcome, 1, expected)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DSMB_EXTRACT_LIMIT_BYTES", "none", "extract_limit_bytes"),
        ("DSMB_EXTRACT_ENCODING", "klingon", "'klingon' is not a text encoding"),
        ("DSMB_IDENTITY", "anybody", "identity"),
    ],
)
def test_settings_that_cannot_be_used(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    one_sentence(unchanged.load(unchanged.extract()), 4, expected)


def test_a_fault_of_the_program_is_told_without_what_it_was_about(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of an exception may hold a sealed value."""

    def broken(*_args: object, **_named: object) -> None:
        raise ValueError("S-001 is in UCMSC")

    monkeypatch.setattr(data_validation.assess, "assess", broken)
    outcome = unchanged.check(unchanged.extract())
    assert outcome.code == 4
    assert "This is a fault of the program (ValueError in test_commands.py, line" in outcome.err
    assert "UCMSC" not in outcome.err + outcome.out
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("act", ["check", "load"])
def test_findings_that_cannot_be_written(place: Place, act: str) -> None:
    outcome = place.run(
        act, place.extract(), "--trial", TRIAL.id, "--json", place.folder / "no" / "findings.json"
    )
    code = Exit.UNREPORTED if act == "load" else Exit.IN_THE_WAY
    sentence = f"{place.folder / 'no' / 'findings.json'}: No such file or directory"
    one_sentence(outcome, code, sentence)
    # What is done is said all the same.
    assert ("Snapshot 2023-03-25.1 of nct05689008 is current" in outcome.out) is (act == "load")


# The record


def test_a_load_is_recorded_before_and_after(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[tuple[str, str, str]] = []
    original = data_validation.load.load

    def looking(*args: Any, **named: Any) -> data_validation.load.Loaded:
        before.extend(place.recorded())
        return original(*args, **named)

    monkeypatch.setattr(data_validation.load, "load", looking)
    extract = place.extract()
    assert place.load(extract).code == 0
    assert before == [("load", "intended", "")]
    assert place.recorded() == [("load", "intended", ""), ("load", "done", "2023-03-25.1")]
    done, intended = place.trail.select()
    for row in (done, intended):
        assert (row.issuer, row.role, row.trial) == ("operating system", "command line", TRIAL.id)
        assert row.resource == f"extract {extract}"
    assert done.intent == intended.sequence
    assert place.load(extract).code == 0
    again = place.trail.select()[0]
    assert (again.outcome, again.snapshot, again.reason) == (
        "done",
        "2023-03-25.1",
        "loaded already",
    )
    assert place.trail.verify().problem is None


def test_a_refused_load_is_recorded_without_what_was_found(unchanged: Place) -> None:
    assert unchanged.load(unchanged.extract(("VS", 0, {"USUBJID": "S-999"}))).code == 2
    assert unchanged.load(unchanged.folder / "nowhere").code == 2
    reasons = [(row.outcome, row.reason) for row in unchanged.trail.select()[::-1]]
    assert reasons == [
        ("intended", ""),
        ("refused", "RefusedError"),
        ("intended", ""),
        ("refused", "UnreadableExtract"),
    ]


def test_a_load_that_is_killed_leaves_its_intent(
    unchanged: Place, processes: ForkServerContext
) -> None:
    load = ["load", "extract", "--trial", TRIAL.id]
    killed = processes.Process(
        target=command_process.die_in_the_load,
        args=(unchanged.folder, environment(unchanged), load),
    )
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    (row,) = unchanged.trail.outstanding()
    assert (row.act, row.outcome, row.trial) == ("load", "intended", TRIAL.id)


def test_without_an_audit_key_nothing_is_loaded(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    outcome = unchanged.load(unchanged.extract(("DM", 0, {"AGE": "61"})))
    one_sentence(outcome, 4, "set DSMB_AUDIT_KEY_FILE", "python -m access audit new-key FILE")
    assert outcome.out == ""


def test_where_it_cannot_be_recorded_nothing_is_loaded(place: Place) -> None:
    (place.folder / ".dsmb").write_text("a file where the folder of the records should be")
    outcome = place.load(place.extract(("DM", 0, {"AGE": "61"})))
    assert not place.store.root.exists()
    one_sentence(outcome, 4, "records.db cannot be written", "DSMB_RECORDS_URL")
    assert outcome.out == ""


def test_what_only_looks_at_the_open_part_needs_no_audit_key(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    assert unchanged.check(unchanged.extract()).code == 0
    assert unchanged.run("snapshots", "--trial", TRIAL.id).code == 0
    assert unchanged.trail.extent() == (0, None)


# What works


def test_check_prints_findings_and_changes_nothing(unchanged: Place) -> None:
    outcome = unchanged.check(unchanged.extract(("AE", 0, {"AESER": None})))
    assert (outcome.code, outcome.err) == (0, "")
    assert "AE-AESER-present" in outcome.out
    assert "Findings: 0 critical, 1 major" in outcome.out


DOSE_IN_CONTROL: Change = ("EX", None, {"USUBJID": "S-002"})


def test_sealed_findings_are_shown_to_who_has_the_private_key(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = place.extract(DOSE_IN_CONTROL)
    without, findings = place.check(extract), place.folder / "findings.json"
    assert "EX-" not in without.out
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(place.keys.private))
    outcome = place.check(extract, "--json", findings)
    assert outcome.code == 0
    assert "EX-101" in outcome.out
    (found,) = [
        item for item in json.loads(findings.read_text())["findings"] if item["check"] == "EX-101"
    ]
    assert (found["file"], found["row"], found["subject"]) == ("ex.csv", 3, "S-002")
    assert found["message"] == "A participant of the control arm received an instillation."


def test_load_shows_sealed_findings_like_check(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(place.keys.private))
    assert "EX-101" in place.load(place.extract(DOSE_IN_CONTROL)).out


def test_findings_as_json_are_what_is_printed(place: Place) -> None:
    findings = place.folder / "findings.json"
    outcome = place.check(place.extract(("AE", 0, {"AESER": None})), "--json", findings)
    content = json.loads(findings.read_text())
    assert content["refused"] == []
    # What is not recorded comes first.
    unknown = [item["source"] is None for item in content["facts"]]
    assert unknown == sorted(unknown, reverse=True)
    for item in content["facts"]:
        assert item["fact"] in outcome.out
        assert item["source"] is None or 0 <= item["known"] <= item["of"]
    # In the terminal a reason may be broken into lines.
    assert content["cannot_be_shown"]
    for item in content["cannot_be_shown"]:
        assert item["reason"].split()[0] in outcome.out
    for item in content["findings"]:
        assert item["check"] in outcome.out
        assert set(item) >= {"finding", "severity", "domain", "subject", "field", "query"}


@pytest.mark.parametrize("act", ["check", "load"])
def test_standard_output_is_for_the_program_that_asked_for_json(place: Place, act: str) -> None:
    extract = place.extract(("AE", 0, {"AESER": None}))
    outcome = place.run(act, extract, "--trial", TRIAL.id, "--json", "-")
    found = json.loads(outcome.out)["findings"]
    assert outcome.code == 0
    assert "AE-AESER-present" in {item["check"] for item in found}
    assert "Findings: 0 critical, 1 major" in outcome.err
    # A pipeline gets the same of an extract that is loaded already.
    again = place.run(act, extract, "--trial", TRIAL.id, "--json", "-")
    assert json.loads(again.out) == json.loads(outcome.out)
    assert ("This extract is loaded already" in again.err) is (act == "load")
    refused = place.run(act, place.folder, "--trial", TRIAL.id, "--json", "-")
    assert refused.code == 2
    assert json.loads(refused.out) == {"refused": refused.err.splitlines(), "findings": []}


def test_findings_as_a_workbook_in_which_nothing_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openpyxl import load_workbook

    written = place.folder / "findings.xlsx"
    extract = place.extract(("AE", 0, {"AESER": "=1+1"}), ("LB", 0, {"LBORRES": FORMULA}))
    assert place.check(extract, "--xlsx", written).code == 0
    book = load_workbook(written)
    assert book.sheetnames == [
        *("Summary", "Queries", "Notes on the export", "Findings", "Checks"),
        *("Facts", "Cannot be shown"),
    ]
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not any(str(cell.value).startswith(("=", "+", "-", "@")) for cell in cells)
    asked = list(book["Queries"].iter_rows(min_row=2, values_only=True))
    assert [row[:4] for row in asked if row[3] == "LBORRES"] == [("01", "S-001", "LB", "LBORRES")]
    # Another spelling of a code is for whoever programs the export.
    notes = list(book["Notes on the export"].iter_rows(min_row=2, values_only=True))
    assert [row[:2] for row in notes if row[1] == "AESER"] == [("AE", "AESER")]
    assert ("trial", TRIAL.id) in list(book["Summary"].iter_rows(values_only=True))
    # What touches sealed records is for who has the key.
    assert place.check(place.extract(DOSE_IN_CONTROL, name="2"), "--xlsx", written).code == 0
    assert "EX-101" not in {row[0] for row in load_workbook(written)["Checks"].values}
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(place.keys.private))
    assert place.check(place.folder / "2", "--xlsx", written).code == 0
    assert "EX-101" in {row[0] for row in load_workbook(written)["Checks"].values}


def test_a_refusal_is_in_the_workbook_too(place: Place) -> None:
    from openpyxl import load_workbook

    written = place.folder / "findings.xlsx"
    outcome = place.check(place.folder, "--xlsx", written)
    assert outcome.code == 2
    assert list(load_workbook(written)["Refused"].values)[1:] == [(outcome.err.strip(),)]


def test_more_findings_than_a_sheet_holds_go_on_in_another(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openpyxl import load_workbook

    monkeypatch.setattr("exhibits.export.ROWS_OF_A_SHEET", 2)
    written = place.folder / "findings.xlsx"
    again: Change = ("AE", None, {"AESER": None})
    place.check(place.extract(again, again, again), "--xlsx", written)
    book = load_workbook(written)
    assert {"Findings", "Findings 2"} <= set(book.sheetnames)
    assert book["Findings"].max_row == 3


def test_what_is_being_done_is_told_file_by_file_and_dataset_by_dataset(place: Place) -> None:
    told: list[str] = []
    extract = read_extract(place.extract(), progress=told.append)
    assess(extract, TRIAL, progress=told.append)
    assert told[0] == "reading ae.csv (1 of 11)"
    assert {"sealing", "checking AE", "checking across datasets"} <= set(told)


def test_load_twice_says_so(place: Place) -> None:
    extract = place.extract()
    first = place.load(extract)
    assert "Snapshot 2023-03-25.1 of nct05689008 is current (" in first.out
    before = place.stored()
    second = place.load(extract)
    assert second.code == 0
    assert second.out == "This extract is loaded already, as snapshot 2023-03-25.1.\n"
    assert place.stored() == before


def test_an_earlier_extract_again_says_what_stays_current(unchanged: Place) -> None:
    later = unchanged.extract(("VS", 0, {"VSDTC": "2023-04-02"}), name="later")
    with_later = Place(unchanged.folder / "with-later", unchanged.keys, unchanged.capture)
    shutil.copytree(unchanged.folder / "store", with_later.folder / "store")
    store = ("--store", with_later.folder / "store")
    assert unchanged.load(later, *store).code == 0
    again = unchanged.load(unchanged.extract(), *store)
    assert again.code == 0
    assert again.out == (
        "This extract is loaded already, as snapshot 2023-03-25.1. "
        "The later 2023-04-02.1 stays current.\n"
    )


def test_a_zip_loads_like_its_folder(place: Place) -> None:
    folder = place.extract()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"export 2023/{path.name}")
    (place.folder / "export.zip").write_bytes(content.getvalue())
    assert place.load(folder).code == 0
    assert place.load(place.folder / "export.zip").code == 0
    first, second = place.store.trial(TRIAL.id).snapshots()
    tables = [dict(snapshot.manifest.tables) for snapshot in (first, second)]
    for loaded in tables:
        del loaded["finding"]  # new in the one, persisting in the other
    assert tables[0] == tables[1]


def test_snapshots_and_their_difference(place: Place) -> None:
    assert "has no snapshot" in place.run("snapshots", "--trial", TRIAL.id).out
    place.load(place.extract(name="first"))
    place.load(place.extract(("DM", 0, {"AGE": "61"}), ("VS", 2, None), name="second"))
    listed = place.run("snapshots", "--trial", TRIAL.id)
    assert listed.code == 0
    rows = [line for line in listed.out.splitlines() if "2023-03-25." in line]
    assert ["current" in line for line in rows] == [False, True]
    same = place.run("diff", "--trial", TRIAL.id, "2023-03-25.1", "2023-03-25.1")
    assert same.out == "The open parts of the two snapshots are the same.\n"
    outcome = place.run("diff", "--trial", TRIAL.id, "2023-03-25.1", "2023-03-25.2")
    assert outcome.code == 0
    changes = {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines() if line}
    assert changes["participant"] == ["3", "3", "0", "0", "1"]
    assert changes["vital_sign"] == ["3", "2", "0", "1", "0"]
    assert "visit" not in changes


def test_simulate_writes_what_load_reads(place: Place) -> None:
    outcome = place.run(
        "simulate", "--out", place.folder / "raw", "--participants", "8", "--sites", "2",
        "--seed", "3", "--cutoff", "2023-09-30",
    )  # fmt: skip
    assert outcome.code == 0
    assert (place.folder / "raw" / "dm.csv").exists()
    assert place.load(place.folder / "raw").code == 0
    snapshot = place.store.trial(TRIAL.id).current()
    assert snapshot is not None
    assert snapshot.manifest.simulated


def test_the_demonstration_is_made_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(write_simulated, participants=20)
    monkeypatch.setattr(simulator, "write_simulated", few)
    monkeypatch.delenv("DSMB_BOARD_PUBLIC_KEY_FILE")
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    first = place.run("demonstration")
    assert (first.code, first.out) == (0, "Loaded simulated participants for the demonstration.\n")
    own = replace(place.keys, audit=place.folder / "demonstration-keys" / "audit.key")
    place = replace(place, keys=own)
    assert [str(item) for item in place.store.trial(TRIAL.id).ids()] == [
        "2023-06-30.1",
        "2023-08-31.1",
    ]
    # A data manager sees what came, what stands and what a site has answered.
    current = place.store.trial(TRIAL.id).current()
    assert current is not None
    assert current.manifest.findings["critical"] == 0
    with reader(current.open_path) as connection:
        status = connection.sql(
            "select status, count(*) from open_data.finding group by status"
        ).fetchall()
    # What was planted after the cut-off lies after the later one, too: its record has moved.
    assert dict(status)["moved"] > 1, status
    assert min(dict(status)[name] for name in ("new", "persisting", "resolved")) > 3, status
    keys = place.folder / "demonstration-keys"
    for name in ("board_private.key", "audit.key"):
        assert (keys / name).stat().st_mode & 0o077 == 0
    trail = open_trail(f"sqlite:///{place.folder}/.dsmb/records.db", keys / "audit.key", new=True)
    assert [(row.outcome, row.snapshot) for row in trail.select()[::-1]] == [
        ("intended", ""),
        ("done", "2023-06-30.1"),
        ("intended", ""),
        ("done", "2023-08-31.1"),
        ("intended", "2023-08-31.1"),  # released to the sponsor
        ("done", "2023-08-31.1"),
    ]
    assert trail.verify().problem is None
    before = place.stored()
    assert place.run("demonstration") == Outcome(0, "", "")
    assert place.stored() == before
    assert trail.count() == 6


def test_a_demonstration_from_before_the_audit_trail_gets_its_key(
    unchanged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    keys = unchanged.folder / "demonstration-keys"
    new_key_pair(keys)
    assert unchanged.run("demonstration") == Outcome(0, "", "")
    assert len(read_audit_key(keys / "audit.key")) == 32


def test_the_demonstration_leaves_a_store_with_real_data_alone(unchanged: Place) -> None:
    assert unchanged.run("demonstration") == Outcome(0, "", "")
    assert not (unchanged.folder / "demonstration-keys").exists()


def test_the_id_of_a_snapshot_that_was_removed_by_hand_is_not_given_again(place: Place) -> None:
    """It may be released, or reviewed: what is said of it must not be said of another one."""
    for name, age in (("first", "61"), ("second", "62"), ("third", "63")):
        loaded = place.load(place.extract(("DM", 0, {"AGE": age}), name=name))
        assert loaded.code == 0
        if name == "second":
            removed = place.store.trial(TRIAL.id).current()
            assert removed is not None
            shutil.rmtree(removed.folder)
    ids = [snapshot.number for snapshot in place.store.trial(TRIAL.id).ids()]
    assert ids == [1, 3]


def test_how_files_were_read_is_said_to_whoever_may_see_sealed_records(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sealed in a file tells how it is read."""
    extract = place.extract()
    (extract / "read me.txt").write_text("Cut of May.", "utf-8")
    for outcome in (place.check(extract), place.load(extract)):
        assert outcome.code == 0
        assert "read me" not in outcome.err
        assert outcome.err.startswith("1 remark on how files were read: shown where")
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(place.keys.private))
    outcome = place.check(extract)
    assert "read me.txt was left aside: it is in no dataset format." in outcome.err


# The schema of a dataset


def test_a_schema_is_printed_and_exported(place: Place) -> None:
    shown = place.run("schema", "ae")
    assert (shown.code, shown.err) == (Exit.DONE, "")
    assert "AESTDTC" in shown.out
    assert "AE-AESTDTC-present" in shown.out
    exported = json.loads(place.run("schema", "AE", "DM", "--json", "-").out)
    assert [item["dataset"] for item in exported] == ["AE", "DM"]
    assert exported[1]["columns"]["AGE"]["upper"] == 120
    assert place.run("schema", "all", "--json", place.folder / "all.json").code == Exit.DONE
    assert len(json.loads((place.folder / "all.json").read_text("utf-8"))) > 20


def test_a_dataset_without_a_schema(place: Place) -> None:
    one_sentence(place.run("schema", "XX"), Exit.USAGE, "XX is none of", "AE")


# The records that loads are in


def test_a_load_goes_on_from_the_records_of_the_one_before(place: Place) -> None:
    """Moved away, emptied or put back: no load, and `verify` says so, in a new process."""

    records = place.folder / ".dsmb" / "records.db"
    assert not records.exists()
    assert place.load(place.extract()).code == 0
    assert place.load(place.extract(("AE", 0, {"AESER": None}), name="later")).code == 0

    def refused(words: str) -> None:
        access.trail._seen.clear()
        one_sentence(place.load(place.folder / "extract"), 4, words)
        access.trail._seen.clear()
        assert access.__main__.main(["audit", "verify"]) in {4, 5}

    records.parent.rename(place.folder / "away")
    refused("There are no records")
    assert access.__main__.main(["records", "new"]) == 4
    assert not records.exists()
    (place.folder / "away").rename(records.parent)
    assert access.__main__.main(["audit", "verify"]) == 0
    with closing(sqlite3.connect(records)) as connection:
        connection.execute("drop trigger audit_trail_loses_no_row")
        for last in (3, 2, 0):
            connection.execute("delete from audit_trail where sequence > ?", [last])
            connection.commit()
            if last < 3:
                refused("was emptied, replaced or put back to an earlier state")
