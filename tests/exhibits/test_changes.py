"""What changed between two snapshots, counted again from the two extracts."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import exhibits.changes
from access import Denied, View
from exhibits import make
from exhibits.changes import _estimates, changes_of_page, changes_of_person
from exhibits.exhibit import concluding
from queries import Board, BoardError, open_board, records_that_differ
from simulator import simulate
from tests.conftest import (
    CUTOFFS,
    KeyPair,
    LoadedTrial,
    board_of,
    granted,
    limited_board,
    load_frames,
)
from trials import load_trial

TRIAL = load_trial("nct05689008")
OTHER_LOT = "A-CORRECTED-LOT"
CHANGES = (
    "changes_overview", "changes_listed", "changed_records", "changed_values", "changed_findings",
    "changed_conclusions",
)  # fmt: skip


@pytest.fixture(scope="module")
def tampered(key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> LoadedTrial:
    """A second snapshot in which an event is gone, one is another, somebody died, somebody is gone.

    The first of each kind by their identifiers. Of the doses one is of another lot, one is gone.
    """
    trial = load_trial("nct05689008")
    folder = tmp_path_factory.mktemp("tampered")
    frames = dict(simulate(trial, seed=5, cutoff=CUTOFFS[0]))
    load_frames(frames, trial, key_pair, folder, CUTOFFS[0], checked=True)
    people = frames["randomization"]["USUBJID"].sort().to_list()
    for name, frame in frames.items():
        if "USUBJID" in frame.columns:
            frames[name] = frame.filter(pl.col("USUBJID") != people[-1])
    dead = pl.col("USUBJID") == alive_of(frames)[0]
    frames["dm"] = frames["dm"].with_columns(
        pl.when(dead).then(pl.lit("2023-06-29")).otherwise(pl.col("DTHDTC")).alias("DTHDTC"),
        pl.when(dead).then(pl.lit("Y")).otherwise(pl.col("DTHFL")).alias("DTHFL"),
    )
    ae = open_events(frames)
    frames["ae"] = frames["ae"].filter(pl.col("AESEQ").is_null() | ~same(ae.row(0)))
    frames["ae"] = frames["ae"].with_columns(
        pl.when(same(ae.row(1))).then(pl.lit("UNKNOWN")).otherwise(pl.col("AEOUT")).alias("AEOUT")
    )
    doses = frames["ex"].filter(pl.col("EXLOT").is_not_null())
    other, gone = (same(doses.select("USUBJID", "EXSEQ").row(place), "EXSEQ") for place in (0, 1))
    frames["ex"] = frames["ex"].filter(~gone)
    frames["ex"] = frames["ex"].with_columns(
        pl.when(other).then(pl.lit(OTHER_LOT)).otherwise(pl.col("EXLOT")).alias("EXLOT")
    )
    return load_frames(frames, trial, key_pair, folder, date(2023, 7, 1), checked=True)


def alive_of(frames: dict[str, pl.DataFrame]) -> list[str]:
    """Randomized participants without a death, by their identifiers."""
    alive = frames["dm"].filter(pl.col("DTHDTC").fill_null("") == "")["USUBJID"]
    return sorted(set(alive) & set(frames["randomization"]["USUBJID"]))


def open_events(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Subject and sequence of usual events, two of them of different people."""
    usual = frames["ae"].filter(pl.col("AEDECOD").is_in(["Hyperglycaemia", "Constipation"]))
    found = (
        usual.select("USUBJID", "AESEQ")
        .sort("USUBJID", "AESEQ")
        .unique("USUBJID", keep="first", maintain_order=True)
    )
    assert found.height > 1
    return found


def same(row: tuple[object, ...], counted: str = "AESEQ") -> pl.Expr:
    subject, sequence = (pl.lit(part) for part in row)
    return (pl.col("USUBJID") == subject) & (pl.col(counted) == sequence)


@pytest.fixture(scope="module", params=[View.POOLED, View.CODED, View.UNBLINDED])
def board(request: pytest.FixtureRequest, tampered: LoadedTrial) -> Iterator[Board]:
    """With what was made of it: its tests look at the same exhibits from their sides."""
    opened = board_of(tampered, request.param)
    yield opened
    opened.close()


def rows_of(board: Board, name: str) -> list[dict[str, object]]:
    table = make(name, board).table
    assert table is not None
    return table.to_dicts()


def test_what_vanished_is_never_passed_over(board: Board) -> None:
    shown = make("changes_overview", board)
    of = {row["what"]: row for row in rows_of(board, "changes_overview")}
    assert of["Participants"]["vanished"] == 1
    assert of["Randomized"]["vanished"] == 1
    assert of["Participants"]["new"] == 0
    # The participant's events are gone with them.
    assert int(str(of["Adverse events"]["vanished"])) >= 1
    listed = [row for row in rows_of(board, "changes_listed") if row["change"] == "vanished"]
    (gone,) = (row for row in listed if row["what"] == "Participants")
    who = f"{gone['subject']}, {gone['arm']}" if len(board.arms) > 1 else str(gone["subject"])
    assert f"1 participant is gone: {who}." in shown.attention
    # Each is called by its name, and told once.
    events = [row for row in listed if row["what"] == "Adverse events"]
    assert all(f"{row['record']}, {row['subject']}" in shown.attention for row in events)
    assert shown.attention in shown.answer
    assert rows_of(board, "changes_listed")[0]["change"] == "vanished"


def test_a_death_and_a_corrected_value_are_told_as_old_and_new(board: Board) -> None:
    of = {row["what"]: row for row in rows_of(board, "changes_overview")}
    assert of["Deaths"]["new"] == 1
    changed = [row for row in rows_of(board, "changes_listed") if row["change"] == "changed"]
    died = [row for row in changed if "→ died" in str(row["difference"])]
    assert [row["what"] for row in died] == ["Participants"]
    assert "death date: none → 2023-06-29" in str(died[0]["difference"])
    outcome = [row for row in changed if "→ UNKNOWN" in str(row["difference"])]
    assert len(outcome) == 1
    assert outcome[0]["what"] == "Adverse events"
    fields = {(row["relation"], row["field"]): row for row in rows_of(board, "changed_values")}
    assert fields["adverse event", "outcome"]["values"] == 1
    assert fields["adverse event", "outcome"]["new"] == "UNKNOWN"


def test_sealed_records_are_compared_where_they_are_shown(board: Board) -> None:
    """A dose that vanished and a lot that was corrected, for who sees doses; for others nothing."""
    of = {row["dataset"]: row for row in rows_of(board, "changed_records")}
    fields = {(row["relation"], row["field"]): row for row in rows_of(board, "changed_values")}
    said = " ".join(make(name, board).table.write_csv() for name in CHANGES)  # type: ignore[union-attr]
    if not board.has_sealed_records:
        assert "EX" not in of
        assert ("exposure", "lot") not in fields
        assert OTHER_LOT not in said
        assert make("changed_records", board).footnotes[1:] == (
            "Open records only: of sealed ones nothing is compared here.",
        )
        return
    assert (of["EX"]["removed"], of["EX"]["changed"]) == (1, 1)
    # The records behind what is gone stand in other rows now, and are the same.
    changed = {name: row["changed"] for name, row in of.items() if row["changed"]}
    assert changed == {"AE": 1, "DM": 1, "EX": 1}
    assert fields["exposure", "lot"]["new"] == OTHER_LOT
    assert make("changed_records", board).footnotes[1:] == ("All records, sealed ones too.",)


def test_sealed_records_are_compared_only_by_who_may_look_back(tampered: LoadedTrial) -> None:
    """What refuses to record the look keeps the earlier sealed file closed."""

    def refuses(_snapshot: str) -> None:
        raise Denied("It cannot be recorded.")

    grant = granted(View.UNBLINDED, trial=tampered.trial.id, snapshot=str(tampered.snapshot.id))
    board = open_board(
        tampered.trial, tampered.snapshot, grant, tampered.keys.private, looks_back=refuses
    )
    (first,) = board.earlier()
    with pytest.raises(Denied, match="cannot be recorded"):
        records_that_differ(board, first)
    board.close()


def test_what_changed_about_one_person_is_theirs(board: Board) -> None:
    listed = rows_of(board, "changes_listed")
    died = next(row["subject"] for row in listed if "→ died" in str(row["difference"]))
    board.subject = str(died)
    rows, told = changes_of_person(board)
    assert rows.to_dicts() == [row for row in listed if row["subject"] == died]
    assert told.startswith(f"{rows.height} record")
    others = set(board.ask("people/all", arm=None)["subject"]) - {row["subject"] for row in listed}
    board.subject = min(others)
    rows, told = changes_of_person(board)
    assert rows.is_empty()
    assert told.startswith("Neither they nor an event of theirs differ since the data cut-off")
    board.subject = None


# Corrected dates and terms


@cache
def small_frames() -> Mapping[str, pl.DataFrame]:
    """The datasets of a small trial."""
    return simulate(TRIAL, participants=24, seed=5, cutoff=CUTOFFS[0])


Corrected = Callable[[Callable[[pl.DataFrame], pl.DataFrame]], LoadedTrial]


@pytest.fixture(scope="module")
def small(key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> LoadedTrial:
    """A small trial, loaded once."""
    return load_frames(
        small_frames(), TRIAL, key_pair, tmp_path_factory.mktemp("small"), CUTOFFS[0]
    )


@pytest.fixture
def corrected_events(small: LoadedTrial, tmp_path: Path) -> Corrected:
    """A second load of a copy of the small trial, of the same events but for a change."""

    def corrected(change: Callable[[pl.DataFrame], pl.DataFrame]) -> LoadedTrial:
        shutil.copytree(small.store.root, tmp_path / "store", symlinks=True)
        frames = {**small_frames(), "ae": change(small_frames()["ae"])}
        return load_frames(frames, TRIAL, small.keys, tmp_path, date(2023, 7, 1))

    return corrected


def with_value(events: pl.DataFrame, row: tuple[object, ...], **values: str) -> pl.DataFrame:
    return events.with_columns(
        pl.when(same(row)).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_a_corrected_onset_and_term_are_told_with_both_values(corrected_events: Corrected) -> None:
    first, second = open_events(small_frames())[:2].rows()
    was = small_frames()["ae"]
    loaded = corrected_events(
        lambda events: with_value(
            with_value(events, first, AESTDTC="2023-06-29"),
            second,
            AEDECOD="Pyrexia",
            AETERM="fever",
        ),
    )
    (onset,), (term,) = (
        was.filter(same(row))[name] for row, name in ((first, "AESTDTC"), (second, "AEDECOD"))
    )
    board = board_of(loaded, View.POOLED)
    shown = make("changes_overview", board)
    of = {row["what"]: row for row in rows_of(board, "changes_overview")}["Adverse events"]
    assert [of[name] for name in ("new", "moved", "changed", "vanished")] == [0, 1, 1, 0]
    assert of["then"] == of["now"]
    began = date.fromisoformat(onset[:10])
    told = f"1 event's onset moved: {was.filter(same(first))['AEDECOD'].item()}, "
    assert f"{told}{began.day} {began:%b} to 29 Jun 2023; " in shown.answer
    assert f"1 event's term corrected: {term} to Pyrexia." in shown.answer
    assert "gone" not in shown.answer
    assert shown.attention == ""
    moved, corrected = rows_of(board, "changes_listed")
    assert (moved["change"], moved["difference"]) == (
        "moved",
        f"start date: {onset} → 2023-06-29",
    )
    assert corrected["change"] == "changed"
    assert f"preferred term: {term} → Pyrexia" in str(corrected["difference"])
    (records,) = rows_of(board, "changed_records")
    assert [records[name] for name in ("added", "changed", "removed")] == [0, 2, 0]
    board.close()


def test_an_event_that_moved_beyond_the_cut_off_is_told_with_its_date(
    corrected_events: Corrected,
) -> None:
    row = open_events(small_frames()).row(0)
    loaded = corrected_events(lambda events: with_value(events, row, AESTDTC="2023-08-05"))
    board = board_of(loaded, View.POOLED)
    shown = make("changes_overview", board)
    of = {line["what"]: line for line in rows_of(board, "changes_overview")}["Adverse events"]
    assert [of[name] for name in ("new", "moved", "vanished")] == [0, 1, 0]
    assert int(str(of["now"])) == int(str(of["then"])) - 1
    (event,) = small_frames()["ae"].filter(same(row)).to_dicts()
    assert f"1 event moved beyond the data cut-off: {event['AEDECOD']}, " in shown.attention
    assert shown.attention.endswith(" to 5 Aug 2023.")
    assert shown.attention[:-1] in shown.answer
    board.close()


def test_an_event_that_was_beyond_the_cut_off_before_is_new(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    row = open_events(small_frames()).row(0)
    frames = {**small_frames(), "ae": with_value(small_frames()["ae"], row, AESTDTC="2023-07-01")}
    load_frames(frames, TRIAL, key_pair, tmp_path, CUTOFFS[0])
    loaded = load_frames(frames, TRIAL, key_pair, tmp_path, date(2023, 7, 2))
    board = board_of(loaded, View.POOLED)
    (event,) = small_frames()["ae"].filter(same(row)).to_dicts()
    assert f"1 event new: {event['AEDECOD']}." in make("changes_overview", board).answer
    board.close()


def test_findings_new_and_resolved_add_up(board: Board) -> None:
    rows = rows_of(board, "changed_findings")
    assert sum(int(str(row["then"])) + int(str(row["now"])) for row in rows) > 0
    for row in rows:
        then, now = int(str(row["then"])), int(str(row["now"]))
        assert now - then == int(str(row["new"])) - int(str(row["resolved"]))


def test_counts_are_those_of_two_extracts(demonstration_store: LoadedTrial) -> None:
    folder = demonstration_store.extract.parent
    then, now = (
        set(pl.read_parquet(folder / f"extract-{cutoff}" / "randomization.parquet")["USUBJID"])
        for cutoff in CUTOFFS
    )
    board = board_of(demonstration_store, View.POOLED)
    of = {row["what"]: row for row in rows_of(board, "changes_overview")}
    board.close()
    assert of["Randomized"]["then"] == len(then)
    assert of["Randomized"]["now"] == len(now)
    assert of["Randomized"]["new"] == len(now - then) > 0
    assert of["Randomized"]["vanished"] == len(then - now) == 0


def test_an_estimate_that_moved_is_named(demonstration_store: LoadedTrial) -> None:
    board = board_of(demonstration_store, View.CODED)
    before = board.back_to(board.earlier()[0])
    rows = rows_of(board, "changed_conclusions")
    moved = [row for row in rows if row["exhibit"] == "Events of special interest"]
    assert moved
    for row in moved:
        group, arm = str(row["estimate"]).rsplit(", ", 1)
        for at, column in ((before, "then"), (board, "now")):
            table = make("special_interest_overview", at).table
            assert table is not None
            (share,) = table.filter((pl.col("name") == group) & (pl.col("arm") == arm))["percent"]
            assert row[column] == f"{share:g} %"
        assert abs(float(str(row["moved"]))) > board.trial.monitoring.moved_points
    board.close()


def test_a_difference_says_what_it_is_less_and_is_in_points(
    demonstration_store: LoadedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An arm's share of deaths and the difference of two are not called the same."""
    board = board_of(demonstration_store, View.CODED)
    monkeypatch.setattr(exhibits.changes, "_moved", lambda _old, _new: 100.0)
    rows = [
        row
        for row in rows_of(board, "changed_conclusions")
        if row["exhibit"] == "Deaths in each arm"
    ]
    board.close()
    of = {str(row["estimate"]): row for row in rows}
    assert len(of) == len(rows)
    less = [name for name in of if name.endswith(", Arm B minus Arm A")]
    assert len(less) == 2
    assert {str(of[name]["now"]).split()[1] for name in less} == {"points"}
    assert {str(row["now"]).split()[1] for name, row in of.items() if name not in less} == {"%"}


def test_every_conclusion_is_there_to_be_compared(demonstration_store: LoadedTrial) -> None:
    """A column that an exhibit calls otherwise would be passed over in silence."""
    board = board_of(demonstration_store, View.CODED)
    found = {
        (item.name, one.column): _estimates(board, item.name, one)
        for item in concluding()
        for one in item.conclusions
    }
    board.close()
    assert {name for name, estimates in found.items() if not estimates} == set()


def test_what_a_page_is_made_of_is_compared(board: Board) -> None:
    """The event that is another one is told on Safety, the death on Survival; nowhere else."""
    safety = changes_of_page(board, "board-safety", ("AE",))
    survival = changes_of_page(board, "board-survival", ("DM",))
    markers = changes_of_page(board, "board-immune", ("CP",))
    assert safety is not None
    assert survival is not None
    assert markers is not None
    (events,), (people,) = safety.records.to_dicts(), survival.records.to_dicts()
    assert (events["dataset"], people["dataset"]) == ("AE", "DM")
    assert events["removed"] >= 1
    assert "outcome (1)" in events["values"]
    assert (people["removed"], people["added"]) == (1, 0)
    assert "death date (1)" in people["values"]
    assert "1 vanished" in survival.told
    assert set(markers.records["dataset"]) <= {"CP"}
    assert markers.concluded == ""
    assert "estimate" in safety.concluded
    every = make("changed_records", board).table
    assert every is not None
    assert [row for row in every.to_dicts() if row["dataset"] in {"AE", "DM"}] == [events, people]


def test_without_an_earlier_snapshot_a_page_has_no_changes(single_arm_store: LoadedTrial) -> None:
    board = board_of(single_arm_store, View.POOLED)
    assert changes_of_page(board, "board-safety", ("AE",)) is None
    board.close()


@pytest.mark.parametrize("name", CHANGES)
def test_a_first_snapshot_says_that_nothing_is_before(
    name: str, single_arm_store: LoadedTrial
) -> None:
    board = board_of(single_arm_store, View.POOLED)
    assert "no earlier snapshot" in make(name, board).missing
    board.close()


# Looking back


def test_only_earlier_snapshots_of_the_trial_are_looked_at(
    demonstration_store: LoadedTrial,
) -> None:
    first, second = demonstration_store.snapshots
    old = board_of(demonstration_store, View.CODED, first)
    assert old.earlier() == []
    with pytest.raises(BoardError, match="not an earlier one"):
        old.back_to(second)
    old.close()


def test_the_view_before_is_the_same_view_and_is_closed_with_it(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.CODED)
    (first,) = board.earlier()
    before = board.back_to(first)
    assert (before.view, before.arms) == (View.CODED, board.arms)
    assert before.grant.snapshot == str(first.id)
    board.close()
    with pytest.raises(BoardError, match="was left"):
        before.ask("enrollment/totals")


def test_a_limited_role_compares_nothing(demonstration_store: LoadedTrial) -> None:
    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    with pytest.raises(Denied):
        board.earlier()
    with pytest.raises(Denied, match="comparing snapshots"):
        board.grant.looking_back(str(demonstration_store.snapshots[0].id))
    board.close()


def test_a_right_that_looks_back_ends_with_the_one_it_is_of() -> None:
    grant = granted(View.POOLED, trial="nct05689008", snapshot="2023-08-31.1", minutes=-1)
    with pytest.raises(Denied, match="expired"):
        grant.looking_back("2023-06-30.1").check("nct05689008", "2023-06-30.1", View.POOLED)
