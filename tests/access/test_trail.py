"""The audit trail: it tells who did what, it loses nothing, and what was done to it shows."""

import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from access import Identity, Role
from access.audit_key import new_audit_key, read_audit_key
from access.entries import NOBODY, Actor, Entry, command_line_actor, escaped
from access.errors import AuditError
from access.records import audit_trail
from access.trail import NO_ROW_BEFORE, Filter, Trail
from tests.access import writers
from tests.access.conftest import Records, in_another_process

PROVE = os.environ.get("DSMB_PROVE") == "1"
ADA = Actor("provider", "4711", "Ada", "board")
SAM = Actor("provider", "4712", "Sam", "sponsor")


def filled(records: Records, rows: int = 6) -> Trail:
    """A trail of some rows, the last two an act with its outcome."""
    trail = records.trail()
    for number in range(rows - 2):
        trail.write("view opened", ADA, trial="t", view="coded", reason=f"reason {number}")
    with trail.recorded("load", SAM, trial="t", resource="extract") as underway:
        underway.snapshot = "2023-06-30.1"
    return trail


# What a row says


def test_a_row_says_who_what_when_and_why(records: Records) -> None:
    trail = records.trail()
    before = datetime.now(UTC)
    written = trail.write(
        "view opened",
        ADA,
        trial="nct05689008",
        snapshot="2023-06-30.1",
        view="coded",
        resource="exhibit allocation",
        reason="closed session 3",
    )
    (entry,) = trail.select()
    assert entry == written
    assert before <= datetime.fromisoformat(entry.at) <= datetime.now(UTC)
    assert replace(entry, at="", mac="") == Entry(
        sequence=1,
        at="",
        act="view opened",
        outcome="done",
        intent=None,
        issuer="provider",
        subject="4711",
        name="Ada",
        role="board",
        trial="nct05689008",
        snapshot="2023-06-30.1",
        view="coded",
        resource="exhibit allocation",
        reason="closed session 3",
        previous=NO_ROW_BEFORE,
        mac="",
    )
    assert trail.extent() == (1, entry.at)


def test_a_row_has_the_columns_of_the_table() -> None:
    assert [field.name for field in fields(Entry)] == audit_trail.columns.keys()


def test_an_empty_trail_is_whole(records: Records) -> None:
    trail = records.trail()
    assert trail.verify() == trail.verify(trail.checkpoint())
    assert (trail.verify().rows, trail.verify().problem) == (0, None)
    assert trail.extent() == (0, None)
    assert (trail.select(), trail.outstanding(), trail.values("act")) == ([], [], [])
    assert trail.people() == {}


def test_rows_follow_each_other(records: Records) -> None:
    trail = filled(records)
    entries = trail.select()[::-1]
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.previous for entry in entries] == [
        NO_ROW_BEFORE,
        *(entry.mac for entry in entries[:-1]),
    ]
    assert len({entry.mac for entry in entries}) == 6
    verdict = trail.verify(trail.checkpoint())
    assert (verdict.rows, verdict.head, verdict.problem) == (6, entries[-1].mac, None)


def test_another_process_or_day_continues_the_chain(records: Records) -> None:
    filled(records)
    records.trail().write("later", ADA)
    assert records.trail().verify().rows == 7


def test_a_person_is_recorded_as_the_provider_names_them() -> None:
    identity = Identity("provider", "4711", "Ada", Role.BOARD)
    assert Actor.of(identity) == ADA
    assert Actor.of(None) == NOBODY == Actor("", "", "", "")


def test_at_the_command_line_the_environment_does_not_say_who_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody else")
    actor = command_line_actor()
    assert actor.issuer == "operating system"
    assert actor.subject == actor.name != "somebody else"

    def unknown(number: int) -> object:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert command_line_actor().subject == f"uid {os.getuid()}"


# Hostile text

# Any character at all; those that databases, escapes and quotes are about come often.
SPECIAL = st.sampled_from("\\\x00\ud800\udcff\uffffu0'\"%_;\n\r\x1f")
ANY_TEXT = st.text(SPECIAL | st.characters(exclude_categories=()), max_size=40)


def original(stored: str) -> str:
    """The text that was stored: the inverse of `escaped`."""
    return re.sub(
        r"\\(\\|u[0-9a-f]{4})",
        lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)),
        stored,
    )


@given(ANY_TEXT)
@example("\\u0000")
@example("\x00")
@example("\\\x00\\\\u0000\udc80")
def test_what_is_stored_is_valid_and_tells_the_original(text: str) -> None:
    stored = escaped(text)
    assert "\x00" not in stored
    stored.encode("utf-8")
    assert original(stored) == text
    if not re.search("[\\\\\x00\ud800-\udfff]", text):
        assert stored == text


TEXTS = ("act", *asdict(ADA), "trial", "snapshot", "view", "resource", "reason")
ACTS = st.fixed_dictionaries(dict.fromkeys(TEXTS, ANY_TEXT))


@settings(
    max_examples=25 if not PROVE else 500,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=st.lists(ACTS, min_size=1, max_size=3))
def test_whatever_is_written_is_read_again(records: Records, acts: list[dict[str, str]]) -> None:
    """Nothing is refused, nothing is lost, and the chain holds."""
    trail = records.trail()
    for act in acts:
        given_text = dict(act)
        actor = Actor(*(given_text.pop(part) for part in ("issuer", "subject", "name", "role")))
        trail.write(given_text.pop("act"), actor, **given_text)  # type: ignore[arg-type]
    found = trail.select(limit=len(acts))[::-1]
    assert [
        {name: original(getattr(entry, name)) for name in act}
        for entry, act in zip(found, acts, strict=True)
    ] == acts
    assert trail.verify().problem is None
    reason = acts[-1]["reason"]
    assert found[-1] in trail.select(Filter(reason=reason, people=(acts[-1]["subject"],)))


# What was done to it shows

Change = Callable[[Records], None]


def changed(entry: Entry, name: str) -> object:
    value = getattr(entry, name)
    if isinstance(value, int):
        return value + 100
    if value is None:
        return 1
    return {"previous": "1" * 64, "mac": "2" * 64}.get(name, f"{str(value)[:-1]}!")


def test_a_change_of_any_field_shows(records: Records) -> None:
    trail = filled(records)
    records.disarm()
    mark = records.mark
    for entry, name in product(trail.select(), NAMES):
        row = entry.sequence
        change = f"update audit_trail set {name} = {mark} where sequence = {mark} returning 1"
        records.ask(change, changed(entry, name), row)
        verdict = trail.verify()
        expected = "is missing" if name == "sequence" else "was changed"
        assert str(verdict.problem).startswith(f"Row {row} {expected}"), name
        assert verdict.rows == row - 1, name
        records.ask(change, getattr(entry, name), row + 100 if name == "sequence" else row)
        assert trail.verify().problem is None, f"{name} was not put back"


NAMES = list(Entry.__annotations__)
COLUMNS = ", ".join(NAMES)


def insertion(after: int, **new: str) -> str:
    """A copy of a row, with other values in some of its columns."""
    values = ", ".join(new.get(name, name) for name in NAMES)
    return f"insert into audit_trail select {values} from audit_trail where sequence = {after}"


TAMPERING: dict[str, tuple[list[str], str]] = {
    "the first row deleted": (
        ["delete from audit_trail where sequence = 1"],
        "Row 1 is missing: the next one there is 2.",
    ),
    "a row deleted": (
        ["delete from audit_trail where sequence = 3"],
        "Row 3 is missing: the next one there is 4.",
    ),
    "a row deleted, and the gap closed": (
        [
            "delete from audit_trail where sequence = 3",
            "update audit_trail set sequence = 3 where sequence = 4",
            "update audit_trail set sequence = 4 where sequence = 5",
            "update audit_trail set sequence = 5 where sequence = 6",
        ],
        "Row 3 was changed, or written under another key.",
    ),
    "a row inserted in front": (
        [insertion(1, sequence="0", previous="'p'", mac="'m'")],
        "A row 0 was inserted before row 1.",
    ),
    "a row inserted at the end": (
        [insertion(6, sequence="7", reason="'made up'", previous="mac", mac="'m'")],
        "Row 7 was changed, or written under another key.",
    ),
    "two rows swapped": (
        [
            "update audit_trail set sequence = 99 where sequence = 2",
            "update audit_trail set sequence = 2 where sequence = 4",
            "update audit_trail set sequence = 4 where sequence = 99",
        ],
        "Row 2 was changed, or written under another key.",
    ),
    "all rows in another order": (
        ["update audit_trail set sequence = 100 - sequence"]
        + [f"update audit_trail set sequence = {n} where sequence = {93 + n}" for n in range(1, 7)],
        "Row 1 was changed, or written under another key.",
    ),
    "an outcome that never was": (
        ["update audit_trail set intent = 1 where sequence = 4"],
        "Row 4 was changed, or written under another key.",
    ),
}


def test_tampering_shows_at_the_first_broken_row(records: Records) -> None:
    trail = filled(records)
    records.disarm()
    records.run("create table kept as select * from audit_trail")
    for what, (statements, problem) in TAMPERING.items():
        records.run(*statements)
        assert trail.verify().problem == problem, what
        with pytest.raises(AuditError, match="no checkpoint is made"):
            trail.checkpoint()
        records.run("delete from audit_trail", "insert into audit_trail select * from kept")
        assert trail.verify().problem is None


def test_a_row_of_another_trail_under_the_same_key_shows(
    records: Records, sqlite_records: Records, tmp_path: Path
) -> None:
    """The forger has rows that the key vouches for, only not in this place."""
    trail = filled(records)
    elsewhere = replace(
        sqlite_records,
        url=f"sqlite:///{tmp_path}/other.db",
        connect=lambda: None,
        key_file=records.key_file,
    )
    filled(elsewhere)
    other = elsewhere.trail().select()[-3]
    records.disarm()
    assignments = ", ".join(f"{name} = {records.mark}" for name in NAMES)
    records.ask(
        f"update audit_trail set {assignments} where sequence = 3 returning 1",
        *asdict(other).values(),
    )
    assert trail.verify().problem == "Row 3 does not follow the row before it."


@pytest.mark.parametrize("value", ["x'ff00'", "cast(x'41ff' as text)", "12", "'1'"])
@pytest.mark.parametrize("column", ["reason", "intent", "mac"])
def test_values_that_no_row_has_show_and_are_shown(
    sqlite_records: Records, column: str, value: str
) -> None:
    """SQLite keeps whatever it is given in any column, text that is none included."""
    trail = filled(sqlite_records)
    sqlite_records.disarm()
    sqlite_records.run(f"update audit_trail set {column} = {value} where sequence = 3")
    assert str(trail.verify().problem).startswith("Row 3 was changed")
    json.dumps([asdict(entry) for entry in trail.select()]).encode()


def test_a_trail_that_was_cut_off_shows_with_a_checkpoint_only(records: Records) -> None:
    trail = filled(records)
    kept = trail.checkpoint()
    records.disarm()
    records.run("delete from audit_trail where sequence > 4")
    assert trail.verify().problem is None
    assert trail.verify(kept).problem == (
        "The trail has 4 rows, and had 6 when the checkpoint was made: its end was cut off."
    )
    # The process that wrote what is gone writes nothing more, and opens nothing.
    with pytest.raises(AuditError, match="emptied, replaced or put back to an earlier state"):
        trail.write("view opened", ADA)
    with pytest.raises(AuditError, match="is not the one it was when this process last wrote"):
        records.trail()
    in_another_process()
    for _ in range(3):
        trail.write("view opened", ADA)
    assert trail.verify().problem is None
    assert str(trail.verify(kept).problem).startswith("Row 6 is not the one that the checkpoint")
    records.run("delete from audit_trail")
    assert "its end was cut off" in str(trail.verify(kept).problem)


def test_a_trail_that_was_rewritten_under_the_key_shows_with_a_checkpoint_only(
    records: Records,
) -> None:
    trail = filled(records)
    kept = trail.checkpoint()
    records.disarm()
    records.run("delete from audit_trail")
    with pytest.raises(AuditError, match="is not the one it was when this process last wrote"):
        records.trail()
    in_another_process()
    rewritten = filled(records)
    assert rewritten.verify().problem is None
    assert rewritten.verify(kept).problem == (
        "Row 6 is not the one that the checkpoint was made at: the trail was rewritten."
    )


def test_a_trail_that_grew_agrees_with_its_checkpoints(records: Records) -> None:
    trail = records.trail()
    checkpoints = [trail.checkpoint()]
    for _ in range(3):
        trail.write("view opened", ADA)
        checkpoints.append(trail.checkpoint())
    assert [trail.verify(kept).problem for kept in checkpoints] == [None] * 4
    assert trail.verify(f"\n{checkpoints[-1]}\n").problem is None


@pytest.mark.parametrize(
    "change",
    [{"rows": 1}, {"head": "0" * 64}, {"mac": "0" * 64}, {"mac": "é\udc80"}, {"rows": "6"}],
)
def test_a_checkpoint_that_was_changed_is_none(
    sqlite_records: Records, change: dict[str, object]
) -> None:
    trail = filled(sqlite_records)
    changed = json.dumps(json.loads(trail.checkpoint()) | change)
    with pytest.raises(AuditError, match="made under another key, or was changed"):
        trail.verify(changed)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "6", "not JSON", '{"mac": 1}', "[" * 9999]
)
def test_what_is_no_checkpoint_is_said(sqlite_records: Records, text: str) -> None:
    with pytest.raises(AuditError, match="This is not a checkpoint"):
        filled(sqlite_records).verify(text)


def test_under_another_key_nothing_holds_and_nothing_is_added(
    records: Records, tmp_path: Path
) -> None:
    kept = filled(records).checkpoint()
    new_audit_key(tmp_path / "other.key")
    other = replace(records, key_file=tmp_path / "other.key").trail()
    assert other.verify().problem == "Row 1 was changed, or written under another key."
    with pytest.raises(AuditError, match="made under another key"):
        other.verify(kept)
    with pytest.raises(AuditError, match=r"The last row .* \(6\) was changed, or written under"):
        other.write("view opened", ADA)
    assert records.trail().verify(kept).rows == 6


def test_to_a_changed_end_nothing_is_added(records: Records) -> None:
    trail = filled(records)
    records.disarm()
    records.run("update audit_trail set reason = 'another' where sequence = 6")
    with pytest.raises(AuditError, match="so nothing is added and this is not done"):
        trail.write("view opened", ADA)
    assert trail.count() == 6


def test_the_database_refuses_what_is_not_an_addition(records: Records) -> None:
    trail = filled(records)
    statements = [
        "update audit_trail set reason = 'another'",
        "update audit_trail set sequence = sequence + 10",
        "delete from audit_trail where sequence = 6",
        "delete from audit_trail",
    ]
    for statement in [*statements, *["truncate audit_trail"] * (not records.is_sqlite)]:
        with pytest.raises(Exception, match="append-only"):
            records.run(statement)
        assert trail.verify().rows == 6


def test_the_database_refuses_a_fork(records: Records) -> None:
    """Two rows after the same row, or with the same number: whoever writes them."""
    filled(records)
    new = {"sequence": "7", "previous": "'p'", "mac": "'m'"}
    for column in new:
        with pytest.raises(Exception, match=r"(?i)unique"):
            records.run(insertion(6, **{**new, column: column}))


# Acts outside the database


def outcomes(trail: Trail) -> list[tuple[int, str, int | None, str, str]]:
    return [
        (entry.sequence, entry.outcome, entry.intent, entry.snapshot, entry.reason)
        for entry in trail.select()[::-1]
    ]


def test_an_act_is_intended_before_and_done_after(records: Records) -> None:
    trail = records.trail()
    with trail.recorded("load", ADA, trial="t", resource="extract", reason="monthly") as underway:
        assert outcomes(trail) == [(1, "intended", None, "", "monthly")]
        assert [entry.sequence for entry in trail.outstanding()] == [underway.intent] == [1]
        assert trail.verify().outstanding == (1,)
        underway.snapshot = "2023-06-30.1"
    assert outcomes(trail)[1] == (2, "done", 1, "2023-06-30.1", "monthly")
    assert trail.outstanding() == []
    assert trail.verify().outstanding == ()
    assert {(entry.act, entry.trial, entry.resource) for entry in trail.select()} == {
        ("load", "t", "extract")
    }


def test_an_act_that_fails_is_recorded_without_what_the_error_says(records: Records) -> None:
    """The message of an error can hold a value from the data; its kind cannot."""
    trail = records.trail()
    kinds = {OSError: "failed", KeyboardInterrupt: "failed", ValueError: "refused"}
    for number, (kind, outcome) in enumerate(kinds.items()):
        with (
            pytest.raises(kind),
            trail.recorded("load", ADA, reason="monthly", refusals=(ValueError,)),
        ):
            raise kind("S-001 is in UCMSC")
        ended = (2 * number + 2, outcome, 2 * number + 1, "", f"monthly ({kind.__name__})")
        assert outcomes(trail)[-1] == ended
    assert trail.outstanding() == []


def test_an_act_cut_short_by_a_crash_is_reported(
    records: Records, processes: ForkServerContext
) -> None:
    trail = filled(records)
    process = processes.Process(
        target=writers.die_in_the_middle, args=(records.url, records.key_file)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    verdict = trail.verify()
    assert (verdict.problem, verdict.outstanding) == (None, (7,))
    (entry,) = trail.outstanding()
    assert (entry.sequence, entry.act, entry.outcome) == (7, "load", "intended")


def test_an_outcome_that_cannot_be_recorded_does_not_say_that_nothing_was_done(
    records: Records,
) -> None:
    trail = records.trail()
    with (
        pytest.raises(AuditError, match=r"row 1 .* intended \(load\) was done, but that") as said,
        trail.recorded("load", ADA),
    ):
        records.run("alter table audit_trail rename to elsewhere")
    assert "not done" not in str(said.value)
    records.run("alter table elsewhere rename to audit_trail")
    assert [entry.sequence for entry in trail.outstanding()] == [1]


def test_a_failure_that_cannot_be_recorded_is_the_failure_itself(records: Records) -> None:
    trail = records.trail()

    def fail() -> None:
        with trail.recorded("load", ADA):
            records.run("alter table audit_trail rename to elsewhere")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_what_cannot_be_recorded_is_not_done(records: Records) -> None:
    trail = records.trail()
    records.run("alter table audit_trail rename to elsewhere")
    done = []
    with (
        pytest.raises(AuditError, match=r"cannot be written \(.*so this is not done"),
        trail.recorded("load", ADA),
    ):
        done.append("it")
    assert not done
    for read in (trail.verify, trail.select, trail.outstanding, trail.extent, trail.people):
        with pytest.raises(AuditError, match="cannot be read"):
            read()


# A place that cannot be written


def test_a_trail_that_was_moved_away_or_replaced_is_not_written(sqlite_records: Records) -> None:
    """A file that is gone would take rows that nobody reads."""
    trail = filled(sqlite_records)
    path = Path(sqlite_records.url.removeprefix("sqlite:///"))
    path.rename(path.with_suffix(".moved"))
    with pytest.raises(AuditError, match="SQLITE_CANTOPEN"):
        trail.write("view opened", ADA)
    assert not path.exists()
    path.with_suffix(".moved").rename(path)
    assert trail.write("view opened", ADA).sequence == 7


@pytest.mark.parametrize("room", [0, 20_000, 200_000])
def test_on_a_full_disk_nothing_is_done(
    sqlite_records: Records, processes: ForkServerContext, room: int
) -> None:
    trail = filled(sqlite_records)
    process = processes.Process(
        target=writers.write_on_a_full_disk,
        args=(sqlite_records.url, sqlite_records.key_file, room),
    )
    process.start()
    process.join()
    assert process.exitcode == 7
    assert trail.verify().problem is None
    assert trail.write("view opened", ADA).sequence == trail.count()


def test_without_the_right_to_write_nothing_is_done(
    sqlite_records: Records, processes: ForkServerContext
) -> None:
    trail = filled(sqlite_records)
    path = Path(sqlite_records.url.removeprefix("sqlite:///"))
    for place, mode in ((path, 0o444), (path.parent, 0o555)):
        place.chmod(mode)
    process = processes.Process(
        target=writers.write_without_the_right, args=(sqlite_records.url, sqlite_records.key_file)
    )
    process.start()
    process.join()
    path.parent.chmod(0o755)
    assert process.exitcode == 7
    assert trail.verify().rows == 6


# Many at once


def test_twenty_processes_lose_and_fork_nothing(
    records: Records, processes: ForkServerContext
) -> None:
    """All of them open the records at once, which do not exist yet."""
    count, events = 20, 200 if PROVE else 50
    together = processes.Barrier(count)
    running = [
        processes.Process(
            target=writers.append_many,
            args=(records.url, records.key_file, number, events, together),
        )
        for number in range(count)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * count
    trail = records.trail()
    assert (trail.verify().problem, trail.verify().rows) == (None, count * events)
    written = [entry.resource for entry in trail.select()[::-1]]
    assert len(set(written)) == len(written)
    for number in range(count):
        own = [name for name in written if name.startswith(f"{number}/")]
        assert own == [f"{number}/{event}" for event in range(events)]


# Filters


@pytest.fixture
def varied(records: Records) -> Trail:
    trail = records.trail()
    trail.write("signed in", ADA)
    trail.write("view opened", ADA, trial="one", view="coded", reason="Minutes of 5 June, 50 %")
    trail.write("view opened", SAM, outcome="refused", trial="two", reason="MINUTES_of July")
    trail.write("download", SAM, trial="two", reason=r"C:\new")
    trail.write("download", Actor("provider", "4711", "Ada Lovelace", "board"), trial="one")
    trail.write("page refused", NOBODY, outcome="refused")
    return trail


CASES: list[tuple[Filter, list[int]]] = [
    (Filter(), [6, 5, 4, 3, 2, 1]),
    (Filter(acts=("view opened",)), [3, 2]),
    (Filter(acts=("view opened", "download")), [5, 4, 3, 2]),
    (Filter(people=("provider/4711",)), [5, 2, 1]),
    (Filter(people=("4712",)), [4, 3]),
    (Filter(people=("Ada Lovelace", "Sam")), [5, 4, 3]),
    (Filter(people=("/",)), [6]),
    (Filter(roles=("sponsor",)), [4, 3]),
    (Filter(trials=("one", "two")), [5, 4, 3, 2]),
    (Filter(trials=("two",), acts=("download",)), [4]),
    (Filter(outcomes=("refused",)), [6, 3]),
    (Filter(reason="minutes"), [3, 2]),
    (Filter(reason="50 %"), [2]),
    (Filter(reason="%"), [2]),
    (Filter(reason="s_o"), [3]),
    (Filter(reason=r"C:\n"), [4]),
    (Filter(reason="' or 1=1 --"), []),
    (Filter(acts=("' or 1=1 --", "\x00\udc80")), []),
]


def test_a_filter_leaves_what_every_part_allows(varied: Trail) -> None:
    for where, expected in CASES:
        assert [entry.sequence for entry in varied.select(where)] == expected, where
        assert varied.count(where) == len(expected), where
        part = [entry.sequence for entry in varied.select(where, limit=2, offset=1)]
        assert part == expected[1:3], where


def test_a_span_of_time_includes_its_first_moment_only(varied: Trail) -> None:
    second, fourth = (datetime.fromisoformat(varied.select()[-row].at) for row in (2, 4))
    within = Filter(since=second, until=fourth)
    assert [entry.sequence for entry in varied.select(within)] == [3, 2]
    # The same moments as another clock says them.
    shifted = replace(within, since=second.astimezone(timezone(timedelta(hours=8))))
    assert varied.count(shifted) == 2
    with pytest.raises(ValueError, match="time zone"):
        varied.select(Filter(since=datetime(2026, 1, 1)))


def test_days_are_those_of_utc_and_both_count(varied: Trail) -> None:
    today = datetime.fromisoformat(varied.select()[0].at).date()
    day = timedelta(days=1)
    for days, expected in (
        ([], 6),
        ([today], 6),
        ([today + day], 0),
        ([today, today], 6),
        ([today - 9 * day, today - day], 0),
    ):
        assert varied.count(Filter().on_days(days)) == expected


def test_what_there_is_to_filter_by(varied: Trail) -> None:
    assert varied.values("act") == ["download", "page refused", "signed in", "view opened"]
    assert varied.values("role") == ["board", "sponsor"]
    assert varied.values("trial") == ["one", "two"]
    assert varied.values("outcome") == ["done", "refused"]
    assert varied.people() == {"provider/4711": "Ada Lovelace", "provider/4712": "Sam"}


def test_a_filter_in_words_is_what_was_asked_for() -> None:
    assert Filter().in_words() == "all rows"
    words = Filter(acts=("load",), since=datetime(2026, 1, 1, tzinfo=UTC)).in_words()
    assert json.loads(words) == {"acts": ["load"], "since": "2026-01-01T00:00:00+00:00"}


# The key


def test_a_key_is_its_owners_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit.key"
    new_audit_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    key = read_audit_key(path)
    assert len(key) == 32
    with pytest.raises(AuditError, match="exists already and is not overwritten"):
        new_audit_key(path)
    assert read_audit_key(path) == key
    new_audit_key(tmp_path / "second.key")
    assert read_audit_key(tmp_path / "second.key") != key


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


BAD_KEYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "none": (lambda path: None, r"does not exist\. `python -m access audit new-key FILE` makes"),
    "a folder": (lambda path: path.mkdir(), "is not an audit key"),
    "a pipe": (lambda path: os.mkfifo(path, 0o600), "is not an audit key"),
    "empty": (_text(""), "is not an audit key"),
    "no header": (_text("ab" * 32 + "\n"), "is not an audit key"),
    "another key": (_text("DSMB board private key (X25519)\nAAAA\n"), "is not an audit key"),
    "bytes": (lambda path: path.write_bytes(b"\xff\x00" * 40), "is not an audit key"),
}


@pytest.mark.parametrize("what", BAD_KEYS)
def test_a_key_that_is_none_is_said(tmp_path: Path, what: str) -> None:
    make, sentence = BAD_KEYS[what]
    make(tmp_path / "audit.key")
    with pytest.raises(AuditError, match=sentence) as refused:
        read_audit_key(tmp_path / "audit.key")
    assert "abab" not in str(refused.value)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "audit.key"
    new_audit_key(path)
    header = path.read_text().splitlines()[0]
    path.write_text(f"{header}\n{'ab' * length}\n")
    with pytest.raises(AuditError, match="is not an audit key"):
        read_audit_key(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "audit.key"
    new_audit_key(path)
    path.chmod(mode)
    with pytest.raises(AuditError, match=f"can be read by others .*mode {mode:04o}.*chmod 600"):
        read_audit_key(path)


def test_without_a_key_the_sentence_says_how_to_make_one() -> None:
    with pytest.raises(AuditError, match=r"set DSMB_AUDIT_KEY_FILE .*audit new-key FILE"):
        read_audit_key(None)


def test_a_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AuditError, match="cannot be written: File exists"):
        new_audit_key(tmp_path / "file" / "audit.key")
