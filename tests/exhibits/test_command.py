"""`python -m exhibits`: the numbers of the pages for scripts, and no unrecorded comparison."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import exhibits.exhibit
from access import View
from access.trail import Trail, open_trail
from exhibits import EXHIBITS, make, offered
from exhibits.__main__ import main
from queries import Board
from snapshots import Store
from tests.conftest import PROVE, LoadedTrial
from tests.exhibits.conftest import BoardByName

# A picture with numbers, one without, a table that is the exhibit, a listing, sites, and what is
# missing. The table of every exhibit is written as CSV where exports are tested.
OF_EACH_KIND = (
    "allocation",
    "oxygenation_ratio",
    "baseline_characteristics",
    "deaths",
    "enrollment_by_site",
    "participant_course",
)
ROOT = Path(__file__).parents[2]
OF_THE_TRIAL = ["--trial", "nct05689008"]


@pytest.fixture
def trail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demonstration_store: LoadedTrial
) -> Trail:
    """The audit trail; it, and store and key of the demonstration, are set."""
    for name in list(os.environ):
        if name.startswith("DSMB_"):
            monkeypatch.delenv(name)
    url, key = f"sqlite:///{tmp_path}/records.db", demonstration_store.keys.audit
    monkeypatch.setenv("DSMB_STORE", str(demonstration_store.store.root))
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", str(demonstration_store.keys.private))
    monkeypatch.setenv("DSMB_RECORDS_URL", url)
    monkeypatch.setenv("DSMB_AUDIT_KEY_FILE", str(key))
    return open_trail(url, key, new=True)


Output = pytest.CaptureFixture[str]


def show(name: str, *more: str) -> int:
    return main(["show", name, *OF_THE_TRIAL, *more])


def test_the_list_has_every_exhibit(capsys: Output) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(EXHIBITS)
    for line in lines:
        item = EXHIBITS[line.split()[0]]
        assert line.split()[1:3] == [item.topic, item.least_view.word]
        assert line.endswith(item.summary)


@pytest.mark.parametrize(
    ("name", "view"),
    # What each view has in each exhibit is looked at elsewhere: here, that it is the same.
    [(name, view) for name in OF_EACH_KIND for view in View]
    + [
        (item.name, item.least_view)
        for item in offered(View.UNBLINDED)
        # The rest in the long proof: that each is plain data is tested where all exhibits are.
        if item.name not in OF_EACH_KIND and (PROVE or item.least_view > View.POOLED)
    ],
)
def test_json_is_what_the_page_shows(
    trail: Trail, board: BoardByName, capsys: Output, name: str, view: View
) -> None:
    # Open before it is asked for, it is the same connection: that saves most of the time.
    expected = make(name, board("two arms", view))
    assert show(name, "--view", view.word, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    # Unrounded numbers stand beside those that are shown, and round to them.
    exact = told.pop("exact")
    assert told == {key: value for key, value in expected.as_data().items() if key != "exact"}
    for row, unrounded in zip(told["table"], exact, strict=bool(exact)):
        for column, value in unrounded.items():
            assert (value is None) == (row[column] is None)
            if value is not None:
                assert value == pytest.approx(row[column], abs=0.51)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_csv_has_the_rows_of_the_table(
    trail: Trail, board: BoardByName, capsys: Output, name: str
) -> None:
    assert show(name, "--csv") == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    shown = make(name, board("two arms", View.POOLED))
    table = shown.table if shown.table is not None else pl.DataFrame({"missing": [shown.missing]})
    assert header[: table.width] == table.columns
    assert len(rows) == table.height


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_plain_text_has_numbers_notes_and_origin(
    trail: Trail,
    board: BoardByName,
    demonstration_store: LoadedTrial,
    capsys: Output,
    name: str,
) -> None:
    assert show(name) == 0
    told = capsys.readouterr().out
    shown = make(name, board("two arms", View.POOLED))
    assert told.startswith(f"{shown.title}\n")
    for part in (shown.answer, shown.population, *shown.footnotes):
        assert part in told
    for column in shown.rows().columns:
        assert column.split(" ")[0] in told
    for what, reason in shown.assumptions:
        assert f"Assumed, {what}: {reason}" in told
    assert (
        f"snapshot: {demonstration_store.snapshot.id}; data_cutoff: 2023-08-31; view: pooled"
        in (told)
    )


def test_the_command_does_without_pandas_and_prints_the_same(trail: Trail, capsys: Output) -> None:
    assert show("mortality") == 0
    command = [sys.executable, "-X", "importtime", "-m", "exhibits", "show", "mortality"]
    done = subprocess.run(
        [*command, *OF_THE_TRIAL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == capsys.readouterr().out
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "duckdb" in modules
    # That DuckDB tries is listed, too; what pandas would import is not.
    assert not [name for name in modules if name.startswith("pandas.")]


def test_the_snapshot_can_be_named(
    trail: Trail, demonstration_store: LoadedTrial, capsys: Output
) -> None:
    first = str(demonstration_store.snapshots[0].id)
    assert show("enrollment_progress", "--snapshot", first, "--json") == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["snapshot"] == first
    assert show("enrollment_progress", "--snapshot", "2020-01-01.1") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "has no snapshot 2020-01-01.1" in said.err


def test_the_store_can_be_named(trail: Trail, pilot_store: LoadedTrial, capsys: Output) -> None:
    asked = ["show", "allocation", "--trial", "cdiscpilot01", "--json"]
    assert main(asked) == 4
    assert "has no snapshot" in capsys.readouterr().err
    assert main([*asked, "--store", str(pilot_store.store.root)]) == 0
    assert json.loads(capsys.readouterr().out)["table"][0]["randomized"] == 254


# The record


def test_pooled_needs_no_key_and_leaves_no_record(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.delenv("DSMB_BOARD_PRIVATE_KEY_FILE")
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    assert show("allocation") == 0
    assert "All participants" in capsys.readouterr().out
    assert trail.count() == 0


@pytest.mark.parametrize("view", ["coded", "unblinded"])
def test_a_comparative_look_is_recorded_before_it_is_taken(
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
    demonstration_store: LoadedTrial,
    capsys: Output,
    view: str,
) -> None:
    seen: list[int] = []
    original = EXHIBITS["allocation"]

    def looking(board: Board) -> exhibits.Exhibit:
        seen.append(trail.count())
        return original.make(board)

    monkeypatch.setitem(EXHIBITS, "allocation", replace(original, make=looking))
    assert show("allocation", "--view", view, "--reason", "minutes of 5 June") == 0
    assert seen == [1]
    (entry,) = trail.select()
    assert (entry.act, entry.outcome, entry.view) == ("view opened", "done", view)
    assert (entry.resource, entry.reason) == ("exhibit allocation", "minutes of 5 June")
    assert entry.trial == demonstration_store.trial.id
    assert entry.snapshot == str(demonstration_store.snapshot.id)
    assert entry.issuer == "operating system"


@pytest.mark.parametrize("view", ["coded", "unblinded"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_nothing_is_shown_that_cannot_be_recorded(
    trail: Trail, tmp_path: Path, capsys: Output, view: str, form: list[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as connection:
        connection.execute("alter table audit_trail rename to elsewhere")
    assert show("allocation", "--view", view, *form) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "The audit trail cannot be written" in said.err
    assert "so this is not done" in said.err


@pytest.mark.parametrize("view", ["coded", "unblinded"])
def test_without_an_audit_key_nothing_by_arm_is_shown(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output, view: str
) -> None:
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    assert show("allocation", "--view", view) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "set DSMB_AUDIT_KEY_FILE" in said.err
    assert "`python -m access audit new-key FILE` makes one." in said.err


def test_a_view_by_arm_needs_a_reason(trail: Trail, capsys: Output) -> None:
    assert show("allocation", "--view", "coded", "--reason", " ") == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Please give a reason; it is recorded.\n")
    assert trail.count() == 0


@pytest.mark.parametrize("view", ["coded", "unblinded"])
def test_without_the_key_there_is_one_sentence(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output, view: str
) -> None:
    monkeypatch.delenv("DSMB_BOARD_PRIVATE_KEY_FILE")
    assert show("allocation", "--view", view) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "Sealed data needs the board's private key: set DSMB_BOARD_PRIVATE_KEY_FILE.\n"
    )


# What cannot be done


def test_a_name_that_is_not_there(trail: Trail, capsys: Output) -> None:
    assert show("no_such_exhibit") == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "There is no exhibit 'no_such_exhibit'; see `exhibits list`.\n",
    )


def test_a_trial_that_is_not_there(trail: Trail, capsys: Output) -> None:
    assert main(["show", "allocation", "--trial", "nct00000000"]) == 1
    assert "There is no definition of trial 'nct00000000'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["show"],
        ["show", "allocation"],
        ["show", "allocation", *OF_THE_TRIAL, "--view", "secret"],
        ["show", "allocation", *OF_THE_TRIAL, "--json", "--csv"],
        ["draw", "allocation"],
    ],
)
def test_unusable_arguments_are_exit_1(capsys: Output, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("usage:")


def test_an_empty_store_says_what_to_do(trail: Trail, tmp_path: Path, capsys: Output) -> None:
    assert show("allocation", "--store", str(tmp_path / "nothing")) == 4
    assert "has no snapshot" in capsys.readouterr().err
    assert not Store(tmp_path / "nothing").root.exists()


def test_an_exhibit_below_its_least_view_is_exit_1(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def refuse(board: Board) -> exhibits.Exhibit:
        raise exhibits.NotInThisViewError("allocation needs the coded view; this one is pooled.")

    monkeypatch.setitem(EXHIBITS, "allocation", replace(EXHIBITS["allocation"], make=refuse))
    assert show("allocation") == 1
    assert "needs the coded view" in capsys.readouterr().err


def test_a_fault_gives_a_number_and_no_value(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """What an exception says may come from the data, and so may the lines of its traceback."""

    def fail(board: Board) -> exhibits.Exhibit:
        raise RuntimeError("NCT05689008-010001 is in the arm UC-MSC")

    monkeypatch.setitem(EXHIBITS, "allocation", replace(EXHIBITS["allocation"], make=fail))
    assert show("allocation") == 4
    said = capsys.readouterr()
    assert said.out == ""
    log, sentence = said.err.splitlines()
    assert json.loads(log)["incident"] in sentence
    assert json.loads(log)["error"] == "RuntimeError"
    assert "010001" not in said.err
    assert "UC-MSC" not in said.err
    assert "Traceback" not in said.err
