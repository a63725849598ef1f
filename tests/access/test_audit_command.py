"""`python -m access audit`: verify, checkpoint, export, a key; and what an error says."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from access.__main__ import main
from access.entries import Actor
from access.trail import Trail
from tests.access.conftest import Records, in_another_process

ADA = Actor("provider", "4711", "=Ada", "board")
PASSWORD = "s3cret"

Output = pytest.CaptureFixture[str]


@pytest.fixture
def trail(sqlite_records: Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trail:
    """Three rows in the records that the environment names."""
    for name in list(os.environ):
        if name.startswith("DSMB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSMB_RECORDS_URL", sqlite_records.url)
    monkeypatch.setenv("DSMB_AUDIT_KEY_FILE", str(sqlite_records.key_file))
    found = sqlite_records.trail()
    found.write("signed in", ADA)
    found.write("view opened", ADA, trial="one", view="coded", reason="minutes of 5 June")
    found.write("page refused", Actor("provider", "4712", "Sam", "sponsor"), outcome="refused")
    return found


def test_a_whole_trail_is_exit_0(trail: Trail, capsys: Output) -> None:
    assert main(["audit", "verify"]) == 0
    since = trail.extent()[1]
    assert capsys.readouterr() == (f"The audit trail is whole: 3 rows since {since}.\n", "")


def test_an_act_without_an_outcome_is_said(trail: Trail, capsys: Output) -> None:
    trail.write("load", ADA, outcome="intended")
    assert main(["audit", "verify"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("Without an outcome, so still under way or cut short: row 4, load, ")
    assert "provider/4711" in said[1]


def test_emergency_unblinding_is_said_with_how_many_and_when(trail: Trail, capsys: Output) -> None:
    for participant, is_shown in (("1", True), ("2", True), ("1", True), ("3", False)):
        with trail.recorded(
            "one participant unblinded", ADA, trial="one", resource=participant
        ) as underway:
            underway.outcome = "done" if is_shown else "refused"
    assert main(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert "Emergency unblinding in one: 2 participants, at most 2 within 24 hours." in said
    second = trail.select()[5]
    assert f"  {second.at[:19]}+00:00, row {second.sequence}, by provider/4711\n" in said
    assert said.count("by provider/4711") == 3


def test_a_broken_trail_is_exit_5_and_names_the_row(
    trail: Trail, sqlite_records: Records, capsys: Output
) -> None:
    sqlite_records.disarm()
    sqlite_records.run("update audit_trail set name = 'Eve' where sequence = 2")
    assert main(["audit", "verify"]) == 5
    assert capsys.readouterr() == (
        "",
        "The audit trail is broken. Row 2 was changed, or written under another key.\n",
    )
    assert main(["audit", "checkpoint"]) == 4
    assert "no checkpoint is made: Row 2" in capsys.readouterr().err


def test_with_a_checkpoint_a_trail_cut_short_is_exit_5(
    trail: Trail, sqlite_records: Records, tmp_path: Path, capsys: Output
) -> None:
    assert main(["audit", "checkpoint"]) == 0
    line = capsys.readouterr().out
    kept = tmp_path / "kept.json"
    kept.write_text(line)
    said = json.loads(line)
    assert (said["rows"], said["head"]) == (3, trail.verify().head)
    assert main(["audit", "verify", "--checkpoint", str(kept)]) == 0
    assert "is whole and agrees with the checkpoint: 3 rows" in capsys.readouterr().out
    sqlite_records.disarm()
    sqlite_records.run("delete from audit_trail where sequence = 3")
    assert main(["audit", "verify"]) == 4
    assert "put back to an earlier state" in capsys.readouterr().err
    in_another_process()
    assert main(["audit", "verify"]) == 0
    assert main(["audit", "verify", "--checkpoint", str(kept)]) == 5
    assert "its end was cut off" in capsys.readouterr().err
    sqlite_records.run("delete from audit_trail")
    assert main(["audit", "verify", "--checkpoint", str(kept)]) == 5


def test_looking_makes_no_records(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """At a wrong address, or where the database was moved away, nothing begins anew."""
    monkeypatch.setenv("DSMB_RECORDS_URL", "sqlite:///wrong.db")
    for act in (["audit", "verify"], ["audit", "checkpoint"], ["release", "t", "2023-01-01.1"]):
        assert main(act) == 4
    assert "There are no records at sqlite:///wrong.db" in capsys.readouterr().err
    assert not Path("wrong.db").exists()
    for rows in ("nothing is recorded yet", "nothing is recorded yet"):
        assert main(["records", "new"]) == 0
        assert rows in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out == "Nothing has been recorded in sqlite:///wrong.db yet.\n"


def test_a_checkpoint_that_is_none_is_exit_4(trail: Trail, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "kept").write_bytes(b"\xff\x00 something")
    for name, sentence in (("kept", "is not a checkpoint"), ("none", "cannot be read: No such")):
        assert main(["audit", "verify", "--checkpoint", str(tmp_path / name)]) == 4
        said = capsys.readouterr()
        assert said.out == ""
        assert sentence in said.err


@pytest.mark.parametrize("act", ["verify", "checkpoint", "export"])
def test_without_a_key_or_a_database_there_is_one_sentence(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output, act: str
) -> None:
    monkeypatch.setenv("DSMB_RECORDS_URL", f"postgresql://ada:{PASSWORD}@/records?host={tmp_path}")
    assert main(["audit", act]) == 4
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert "ada:***@" in said.err
    assert PASSWORD not in said.err
    monkeypatch.delenv("DSMB_AUDIT_KEY_FILE")
    assert main(["audit", act]) == 4
    assert "set DSMB_AUDIT_KEY_FILE" in capsys.readouterr().err


# Export


def exported(capsys: Output, *arguments: str) -> list[dict[str, str]]:
    assert main(["audit", "export", *arguments]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_an_export_is_recorded_and_harmless(trail: Trail, capsys: Output) -> None:
    rows = exported(capsys, "--csv", "--person", "4711")
    assert [row["sequence"] for row in rows] == ["2", "1"]
    assert {row["name"] for row in rows} == {"'=Ada"}
    last = trail.select(limit=1)[0]
    assert (last.act, last.resource, last.role) == ("download", "audit trail", "command line")
    assert json.loads(last.reason) == {"people": ["4711"]}


def test_json_has_every_field_as_it_is_stored(trail: Trail, capsys: Output) -> None:
    assert main(["audit", "export", "--json", "--act", "signed in"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    first = trail.select()[-1]
    assert (row["name"], row["mac"], row["intent"]) == ("=Ada", first.mac, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--act", "signed in", "--act", "view opened"], ["2", "1"]),
        (["--role", "sponsor"], ["3"]),
        (["--trial", "one"], ["2"]),
        (["--outcome", "refused"], ["3"]),
        (["--reason", "5 JUNE"], ["2"]),
        (["--act", "' or 1=1 --"], []),
        (["--until", "2020-01-01"], []),
        (["--since", "2020-01-01", "--until", "2199-12-31", "--role", "board"], ["2", "1"]),
        (["--since", "2199-12-31T10:00"], []),
    ],
)
def test_filters(trail: Trail, capsys: Output, arguments: list[str], expected: list[str]) -> None:
    assert [row["sequence"] for row in exported(capsys, *arguments)] == expected


def test_until_a_day_or_a_moment_includes_it(trail: Trail, capsys: Output) -> None:
    second = trail.select()[-2].at
    today = trail.select()[0].at[:10]
    board = ("--role", "board")
    for bounds, expected in (
        (["--until", second], ["2", "1"]),
        (["--since", second], ["2"]),
        (["--since", today, "--until", today], ["2", "1"]),
    ):
        assert [row["sequence"] for row in exported(capsys, *board, *bounds)] == expected


# Arguments and keys


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["audit"],
        ["audit", "rewrite"],
        ["audit", "verify", "--checkpoint"],
        ["audit", "export", "--csv", "--json"],
        ["audit", "export", "--since", "yesterday"],
        ["audit", "export", "--until", "9999-12-31"],
        ["audit", "new-key"],
        ["keys"],
    ],
)
def test_unusable_arguments_are_exit_1(capsys: Output, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("usage:")


def test_a_new_key_is_made_once_and_not_shown(trail: Trail, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "keys" / "new.key"
    assert main(["audit", "new-key", str(path)]) == 0
    said = capsys.readouterr().out
    assert str(path) in said
    assert "DSMB_AUDIT_KEY_FILE" in said
    assert path.read_text().splitlines()[1] not in said
    assert main(["audit", "new-key", str(path)]) == 4
    assert "exists already" in capsys.readouterr().err


def test_settings_show_no_password(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for url in (
        f"postgresql://ada:{PASSWORD}@db/r",
        f"postgresql://ada@db/r?password={PASSWORD}",
        f"postgresql://ada:a@{PASSWORD}@db/r",
        f"{PASSWORD}",
    ):
        monkeypatch.setenv("DSMB_RECORDS_URL", url)
        assert main(["settings"]) == 0
        said = capsys.readouterr()
        assert PASSWORD not in said.out + said.err
        (line,) = [line for line in said.out.splitlines() if line.startswith("records_url")]
        assert "environment" in line
