"""Every command ends with a code of the one table, in each way that it can end."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import polars as pl
import pytest

import access.__main__
import access.trail
import data_validation.__main__
import data_validation.load
import exhibits.__main__
from access.entries import command_line_actor
from access.errors import AuditError
from access.trail import Trail, open_trail
from command_line import Exit, run_command
from snapshots import Store, load_lock
from tests.conftest import LoadedTrial
from tests.data_validation.small_extracts import SIMULATED, TRIAL, clean_rows

ROOT = Path(__file__).parents[1]
DOORS = {door.__name__.split(".")[0]: door for door in (
    access.__main__, data_validation.__main__, exhibits.__main__)}  # fmt: skip
OF_THE_TRIAL = f"--trial {TRIAL.id}"


@pytest.fixture
def place(
    tmp_path: Path, demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A working directory with a small extract and an audit key, beside the demonstration."""
    for name in list(os.environ):
        if name.startswith("DSMB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSMB_STORE", str(demonstration_store.store.root))
    monkeypatch.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(demonstration_store.keys.public))
    monkeypatch.setenv("DSMB_AUDIT_KEY_FILE", "audit.key")
    # The key that vouches for the demonstration.
    shutil.copy(demonstration_store.keys.audit, tmp_path / "audit.key")
    open_trail("sqlite:///.dsmb/records.db", tmp_path / "audit.key", new=True)
    write_extract(tmp_path / "extract")
    write_extract(tmp_path / "stranger", USUBJID="S-999")
    (tmp_path / "file").write_text("a file, and no folder")
    return tmp_path


def write_extract(folder: Path, **of_the_first_vital_sign: str) -> None:
    folder.mkdir()
    for name, rows in (SIMULATED | clean_rows()).items():
        if name == "VS":
            rows[0] |= of_the_first_vital_sign
        columns = list(dict.fromkeys(column for row in rows for column in row))
        frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
        frame.write_csv(folder / f"{name.lower()}.csv")


Arranged = Callable[[Path, pytest.MonkeyPatch], object]


def a_bad_setting(_place: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("DSMB_GRANT_MINUTES", "a while")


def no_audit_key(_place: Path, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("DSMB_AUDIT_KEY_FILE")


def a_store_of_its_own(place: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("DSMB_STORE", str(place / "store"))


def a_load_under_way(place: Path, patch: pytest.MonkeyPatch) -> object:
    a_store_of_its_own(place, patch)

    @contextmanager
    def held() -> Iterator[None]:
        ready, done = threading.Event(), threading.Event()

        def hold() -> None:
            with load_lock(Store(place / "store").trial(TRIAL.id)):
                ready.set()
                done.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        ready.wait()
        yield
        done.set()
        holder.join()

    return held()


def no_outcome_can_be_recorded(place: Path, patch: pytest.MonkeyPatch) -> None:
    a_store_of_its_own(place, patch)
    write = Trail.write

    def only_intents(trail: Trail, *arguments: object, **named: object) -> object:
        if named.get("outcome") == "intended":
            return write(trail, *arguments, **named)  # type: ignore[arg-type]
        raise AuditError("The audit trail cannot be written.")

    patch.setattr(Trail, "write", only_intents)


def a_trail_that_was_cut_off(place: Path, _patch: pytest.MonkeyPatch) -> None:
    trail = open_trail("sqlite:///.dsmb/records.db", place / "audit.key", new=True)
    trail.write("signed in", command_line_actor())
    (place / "kept.json").write_text(trail.checkpoint())
    (place / ".dsmb" / "records.db").unlink()
    access.trail._seen.clear()
    open_trail("sqlite:///.dsmb/records.db", place / "audit.key", new=True)


def a_fault(_place: Path, patch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise ValueError("S-001 is in UCMSC")

    for module, name in (
        ("access.__main__", "described_settings"),
        ("data_validation.load", "load"),
        ("exhibits.__main__", "make"),
    ):
        patch.setattr(f"{module}.{name}", broken)


# A command, how it can end, and what has to be so for it. What reads no setting can only be done.
CASES: list[tuple[str, Exit, Arranged | None]] = [
    ("access keys new keys", Exit.DONE, None),
    ("access keys old keys", Exit.USAGE, None),
    ("access keys new file/keys", Exit.IN_THE_WAY, None),
    ("access settings", Exit.DONE, None),
    ("access settings more", Exit.USAGE, None),
    ("access settings", Exit.IN_THE_WAY, a_bad_setting),
    ("access settings", Exit.IN_THE_WAY, a_fault),
    ("access records new", Exit.DONE, None),
    ("access records old", Exit.USAGE, None),
    ("access records new", Exit.IN_THE_WAY, no_audit_key),
    ("access release nct05689008 2023-08-31.1", Exit.DONE, None),
    ("access release nct05689008", Exit.USAGE, None),
    ("access release nct05689008 2020-01-01.1", Exit.IN_THE_WAY, None),
    ("access audit new-key new.key", Exit.DONE, None),
    ("access audit new-key", Exit.USAGE, None),
    ("access audit new-key audit.key", Exit.IN_THE_WAY, None),
    ("access audit verify", Exit.DONE, None),
    ("access audit verify more", Exit.USAGE, None),
    ("access audit verify", Exit.IN_THE_WAY, no_audit_key),
    ("access audit verify --checkpoint kept.json", Exit.BROKEN, a_trail_that_was_cut_off),
    ("access audit checkpoint", Exit.DONE, None),
    ("access audit checkpoint more", Exit.USAGE, None),
    ("access audit checkpoint", Exit.IN_THE_WAY, no_audit_key),
    ("access audit export", Exit.DONE, None),
    ("access audit export --since yesterday", Exit.USAGE, None),
    ("access audit export", Exit.IN_THE_WAY, no_audit_key),
    ("data_validation simulate --participants 4 --out raw", Exit.DONE, None),
    ("data_validation simulate --seed -1 --out raw", Exit.USAGE, None),
    ("data_validation simulate --participants 4 --out file/raw", Exit.IN_THE_WAY, None),
    (f"data_validation check extract {OF_THE_TRIAL}", Exit.DONE, None),
    ("data_validation check extract --trial nct0", Exit.USAGE, None),
    (f"data_validation check stranger {OF_THE_TRIAL}", Exit.REFUSED, None),
    (f"data_validation check extract {OF_THE_TRIAL} --json no/f.json", Exit.IN_THE_WAY, None),
    (f"data_validation load extract {OF_THE_TRIAL}", Exit.DONE, a_store_of_its_own),
    ("data_validation load extract", Exit.USAGE, None),
    (f"data_validation load stranger {OF_THE_TRIAL}", Exit.REFUSED, a_store_of_its_own),
    (f"data_validation load nowhere {OF_THE_TRIAL}", Exit.REFUSED, a_store_of_its_own),
    (f"data_validation load extract {OF_THE_TRIAL}", Exit.UNDER_WAY, a_load_under_way),
    (f"data_validation load extract {OF_THE_TRIAL}", Exit.IN_THE_WAY, no_audit_key),
    (f"data_validation load extract {OF_THE_TRIAL}", Exit.IN_THE_WAY, a_fault),
    (
        f"data_validation load extract {OF_THE_TRIAL} --xlsx no/f.xlsx",
        Exit.UNREPORTED,
        a_store_of_its_own,
    ),
    (f"data_validation load extract {OF_THE_TRIAL}", Exit.UNREPORTED, no_outcome_can_be_recorded),
    (f"data_validation snapshots {OF_THE_TRIAL}", Exit.DONE, None),
    ("data_validation snapshots --trial nct0", Exit.USAGE, None),
    (f"data_validation snapshots {OF_THE_TRIAL}", Exit.IN_THE_WAY, a_bad_setting),
    (f"data_validation diff {OF_THE_TRIAL} 2023-06-30.1 2023-08-31.1", Exit.DONE, None),
    (f"data_validation diff {OF_THE_TRIAL} 2023-06-30.1", Exit.USAGE, None),
    (f"data_validation diff {OF_THE_TRIAL} 2023-06-30.1 2020-01-01.1", Exit.USAGE, None),
    ("data_validation schema AE", Exit.DONE, None),
    ("data_validation schema XX", Exit.USAGE, None),
    ("data_validation schema AE --json no/f.json", Exit.IN_THE_WAY, None),
    ("data_validation demonstration", Exit.DONE, None),
    ("data_validation demonstration more", Exit.USAGE, None),
    ("data_validation demonstration", Exit.IN_THE_WAY, a_bad_setting),
    ("exhibits list", Exit.DONE, None),
    ("exhibits list more", Exit.USAGE, None),
    (f"exhibits show allocation {OF_THE_TRIAL}", Exit.DONE, None),
    (f"exhibits show no_such {OF_THE_TRIAL}", Exit.USAGE, None),
    (f"exhibits show allocation {OF_THE_TRIAL}", Exit.IN_THE_WAY, a_bad_setting),
    (f"exhibits show allocation {OF_THE_TRIAL}", Exit.IN_THE_WAY, a_fault),
]


@pytest.mark.parametrize(("line", "code", "arranged"), CASES)
def test_a_command_ends_with_its_code(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    code: Exit,
    arranged: Arranged | None,
) -> None:
    door, *arguments = line.split()
    held = arranged(place, monkeypatch) if arranged else None
    with held if arranged is a_load_under_way else nullcontext():  # type: ignore[attr-defined]
        try:
            ended = DOORS[door].main(arguments)
        except SystemExit as left:
            ended = left.code
    said = capsys.readouterr()
    assert ended == code, said
    assert "Traceback" not in said.err
    assert "UCMSC" not in said.err
    if arranged is no_outcome_can_be_recorded or "--xlsx" in arguments:
        assert "Snapshot 2023-03-25.1 of nct05689008 is current (" in said.out
    elif code not in (Exit.DONE, Exit.REFUSED):
        assert said.out == ""


def commands_of(door: str) -> Iterator[str]:
    """Every command that the door's help names, and those below it."""
    parsers = [(door, DOORS[door]._parser())]
    while parsers:
        name, parser = parsers.pop()
        below = [action.choices for action in parser._actions if action.dest in ("command", "act")]
        for choices in below:
            if isinstance(choices, dict):
                parsers += [(f"{name} {choice}", sub) for choice, sub in choices.items()]
        if not any(isinstance(choices, dict) for choices in below):
            yield name


@pytest.mark.parametrize("door", DOORS)
def test_every_command_is_run_into_its_codes(door: str) -> None:
    for command in commands_of(door):
        ways = {code for line, code, _ in CASES if f"{line} ".startswith(f"{command} ")}
        assert {Exit.DONE, Exit.USAGE} <= ways, command


@pytest.mark.parametrize("line", ["access", "exhibits show", "data_validation load"])
def test_help_ends_with_the_table(capsys: pytest.CaptureFixture[str], line: str) -> None:
    door, *command = line.split()
    with pytest.raises(SystemExit):
        DOORS[door].main([*command, "--help"])
    shown = capsys.readouterr().out
    for code in Exit:
        assert f"\n  {code:3}  {code.meaning}\n" in shown


def test_the_readme_has_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert rows == [(str(int(code)), code.meaning) for code in Exit]


@pytest.mark.parametrize(
    "line",
    [
        "access settings",
        "exhibits list",
        "exhibits show allocation --trial nct05689008",
        "data_validation snapshots --trial nct05689008",
        "data_validation --help",
    ],
)
def test_a_reader_that_has_gone_is_no_incident(place: Path, line: str) -> None:
    module, *arguments = line.split()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""
    # A shell, which has 128 and the signal's number, calls it 141.
    assert 128 - done.returncode == Exit.NO_READER


def test_a_command_that_is_stopped_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("signal.signal", lambda *_arguments: None)
    with pytest.raises(SystemExit) as left:
        run_command(stopped)
    assert left.value.code == Exit.STOPPED
    assert capsys.readouterr().err == "Stopped.\n"
