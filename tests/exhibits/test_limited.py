"""What the sponsor gets of every exhibit: few with their neighbors, in words, table and picture."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from access import Denied, View
from exhibits import EXHIBITS, Exhibit, make, offered
from exhibits.export import as_csv
from exhibits.overview import lines
from exhibits.parts.together import any_of, with_names
from queries import TOGETHER, Board
from tests.conftest import KeyPair, LoadedTrial, board_of, limited_board
from tests.made_up import Row, frames, loaded_from, subject

STORES = ["demonstration_store", "pilot_store", "single_arm_store", "nobody_store"]
POOLED = [item.name for item in offered(View.POOLED)]
SMALL = {1, 2, 3, 4}
# Of safety, a limited role has the overview; of arm balance, allocation and baseline.
OF_ROWS = {"eligibility_measures", "allocation_by_place"} | (
    {item.name for item in EXHIBITS.values() if item.topic == "safety"} - {"adverse_event_overview"}
)
# What says nothing of what followed randomization is shown whole.
WHOLE = {
    "allocation",
    "cumulative_enrollment",
    "enrollment_by_month",
    "enrollment_by_site",
    "enrollment_progress",
    "follow_up_maturity",
    "randomized_though_ineligible",
    "screening_flow",
    "time_to_randomization",
}
# Numbers of these columns count no participants.
NO_COUNTS = {"days", "planned_day", "percent", "percent_low", "percent_high"}
TOGETHER_NOTE = (
    "Groups of fewer than 5 are shown together with their neighbors, so that no one can be picked "
    "out."
)


@pytest.fixture(scope="module", params=STORES)
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    loaded: LoadedTrial = request.getfixturevalue(request.param)
    opened = limited_board(loaded.trial, loaded.snapshot)
    yield opened
    opened.close()


@pytest.fixture
def sponsor(demonstration_store: LoadedTrial) -> Iterator[Board]:
    opened = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    yield opened
    opened.close()


@pytest.fixture
def of_pilot(pilot_store: LoadedTrial) -> Iterator[Board]:
    opened = limited_board(pilot_store.trial, pilot_store.snapshot)
    yield opened
    opened.close()


def drawn_counts(figure: Any) -> Iterator[float]:
    """The lengths of all bars."""
    for trace in figure.data:
        if trace.type == "bar":
            yield from (trace.x if trace.orientation == "h" else trace.y) or ()


def in_words(shown: Exhibit) -> str:
    parts = [shown.answer, shown.denominator, shown.missing, *shown.footnotes]
    parts += [f"{item.label}: {item.value} {item.remark}" for item in shown.numbers]
    return " ".join([*parts, as_csv(shown), json.dumps(shown.as_data(), default=str)])


@pytest.mark.parametrize("name", POOLED)
def test_an_exhibit_is_made_without_small_counts_or_refused(name: str, board: Board) -> None:
    try:
        shown = make(name, board)
    except Denied as refused:
        assert "rows of participants" in str(refused)
        of_rows = {"findings", "immune", "laboratory", "oxygenation", "special_interest"}
        of_rows |= {"survival", "ventilation", "changes", "monitoring"}
        assert EXHIBITS[name].topic in of_rows or name in OF_ROWS
        return
    said = in_words(shown)
    assert "not shown" not in said
    assert TOGETHER not in (shown.table.columns if shown.table is not None else ())
    assert (TOGETHER_NOTE in shown.footnotes) == (name not in WHOLE and not shown.missing)
    if name in WHOLE:
        return
    if shown.table is not None:
        for column in shown.table.columns:
            kind = shown.table.schema[column]
            if kind.is_integer() and column not in NO_COUNTS:
                assert SMALL.isdisjoint(shown.table[column].to_list()), column
    if shown.figure is not None:
        assert SMALL.isdisjoint(value for value in drawn_counts(shown.figure) if value is not None)
    assert not re.search(r"(?<![\d,.])[1-4] (participants?|randomized)\b(?! screened)", said)
    assert not re.search(r"(?<![\d,.])[1-4] \(\d+(?:\.\d)? %\)", said)


def test_the_sponsor_reads_of_nobody_who_died(board: Board) -> None:
    """By default: the number is not given, by itself, in any exhibit of a sponsor's pages."""
    for name in ("trial_at_a_glance", "disposition", "adverse_event_overview"):
        shown = make(name, board)
        labels = [item.label for item in shown.numbers]
        assert not {"Died", "Fatal"} & set(labels)
        table = shown.table if shown.table is not None else pl.DataFrame()
        assert "died" not in table.columns
        assert "Fatal" not in str(table.to_dicts())
        assert not re.search(r"\b(died|fatal): \d", shown.answer, re.IGNORECASE)


def test_the_enrollment_page_is_the_board_s(
    demonstration_store: LoadedTrial, sponsor: Board
) -> None:
    whole = board_of(demonstration_store, View.POOLED)
    for name in WHOLE - {"allocation", "follow_up_maturity"}:
        ours, theirs = make(name, sponsor), make(name, whole)
        assert ours.as_data() == theirs.as_data(), name
        assert (ours.figure is None) == (theirs.figure is None)
        if ours.figure is not None and theirs.figure is not None:
            assert ours.figure.to_json() == theirs.figure.to_json()
    whole.close()
    months = make("enrollment_by_month", sponsor)
    assert months.denominator == "55 screened, 40 randomized, with a date"
    assert months.table is not None
    assert months.table.row(0) == ("2023-01", 1, 1)


def test_ends_of_participation_stand_together_where_they_are_few(
    sponsor: Board, of_pilot: Board
) -> None:
    """Of the demonstration 25, 4, 10 and 1; of the pilot 110, 0, 3 and 141.

    In the pilot one participant was not past the last visit: that nobody is in follow-up would tell
    that this one died or left.
    """
    shown = make("disposition", sponsor)
    assert shown.answer.startswith(
        "Completed or in follow-up: 29 of 40 (72.5 %). Died or left early: 11."
    )
    assert shown.table is not None
    assert shown.table.row(0, named=True) == {
        "arm": "All participants",
        "randomized": 40,
        "completed_or_in_follow_up": 29,
        "died_or_left_study": 11,
        "not_recorded": 0,
    }
    assert shown.labels["died_or_left_study"] == "Died or left early"
    assert [trace.name for trace in shown.figure.data] == [  # type: ignore[union-attr]
        "Completed or in follow-up",
        "Died or left early",
    ]
    glance = {item.label: item.value for item in make("trial_at_a_glance", sponsor).numbers}
    assert glance == {
        "Randomized": "40 of 60",
        "Completed or in follow-up": "29",
        "Left the study or died": "11",
        "With serious event": "24",
    }
    assert make("disposition", of_pilot).answer.startswith(
        "Completed or in follow-up: 110 of 254 (43.3 %). Died or left early: 144."
    )


def test_values_at_baseline_stand_together_by_name(of_pilot: Board) -> None:
    """One of 254 is American Indian or Alaska Native, 23 are Black or African American."""
    shown = make("baseline_characteristics", of_pilot)
    assert shown.table is not None
    rows = dict(shown.table.select("statistic", of_pilot.arms[0]).rows())
    together = "American Indian or Alaska Native or Black or African American, n (%)"
    assert rows[together] == "24 (9.4 %)"
    assert rows["White, n (%)"] == "230 (90.6 %)"
    # A mean of 252 stays, and that two lack it is told by nothing.
    alt = shown.table.filter(pl.col("characteristic").str.starts_with("ALT"))
    assert alt[of_pilot.arms[0]].to_list() == ["18.2 (9.3)"]
    assert "missing" not in shown.table["statistic"].to_list()


def test_weeks_and_categories_stand_together(sponsor: Board) -> None:
    lag = make("data_lag", sponsor)
    assert lag.table is not None
    assert lag.table["since"].unique().to_list() == ["any"]
    assert lag.answer == (
        "Recorded, of visits whose window closed before the data cut-off: 410 of 423 (96.9 %)."
    )
    # It fills the cells that it stands for, and is written once.
    texts = [text for text in lag.figure.data[0].text[-1] if text]  # type: ignore[union-attr]
    assert texts == ["97 %"]
    deviations = make("deviations", sponsor)
    assert deviations.table is not None
    assert deviations.table.select("category", "deviations").rows() == [
        ("Informed consent, missed assessment, safety reporting or visit schedule", 18)
    ]


def test_what_is_not_told_is_absent_and_said(sponsor: Board) -> None:
    visits = make("visits_received", sponsor)
    assert visits.table is None
    assert not visits.has_figure
    assert visits.answer == "410 of 423 (96.9 %) visits that were due are recorded."
    assert any("from one to the next the number due falls" in note for note in visits.footnotes)
    results = make("results_received", sponsor)
    assert any(note.startswith("Tests that are planned at every") for note in results.footnotes)
    assert "are not broken down" in make("reasons_for_leaving", sponsor).missing
    events = make("adverse_event_overview", sponsor)
    assert events.answer == "Adverse events among 40 participants; serious: 24."
    assert any(
        note.endswith("any adverse event; grade 3 or higher, or severe.")
        for note in events.footnotes
    )


def test_how_long_somebody_was_followed_whose_participation_ended_is_in_no_exhibit(
    tmp_path: Path, key_pair: KeyPair
) -> None:
    """Everybody else is observed to the cut-off, and when all were randomized is known.

    So days observed would tell those of the one who left, whom no count names.
    """
    people = range(1, 21)
    shown = []
    for day in ("2023-04-13", "2023-04-20"):
        events: list[Row] = [
            {"USUBJID": subject(n), "AEDECOD": "Headache", "AESTDTC": "2023-04-11", "AESER": "N"}
            for n in people[:9]
        ]
        visits: list[Row] = [
            {"USUBJID": subject(n), "VISIT": "BASELINE", "SVSTDTC": "2023-04-10"} for n in people
        ]
        left: Row = {"USUBJID": subject(1), "DSDECOD": "WITHDRAWAL BY SUBJECT", "DSSTDTC": day}
        made = frames([], people=len(people), SV=visits, AE=events, DS=[left])
        del made["LB"]
        randomized = pl.lit("2023-04-10").alias("RANDDTC")
        made["RANDOMIZATION"] = made["RANDOMIZATION"].with_columns(randomized)
        store = loaded_from(made, key_pair, tmp_path / day)
        board = limited_board(store.trial, store.snapshot)
        shown.append({name: made_or_refused(name, board) for name in POOLED})
        board.close()
    assert shown[0] == shown[1]
    overview = json.loads(shown[0]["adverse_event_overview"])
    assert {"observed_days", "rate"}.isdisjoint(overview["table"][0])
    assert overview["table"][0]["events"] == 9


def made_or_refused(name: str, board: Board) -> str:
    """What a limited role has of an exhibit as scripts get it, without what names the snapshot."""
    try:
        data = make(name, board).as_data()
    except Denied as refusal:
        return str(refusal)
    return json.dumps(data | {"provenance": None}, default=str)


def test_lines_of_the_overview_are_whole_sentences(sponsor: Board) -> None:
    pages = {"board-enrollment", "board-conduct", "board-safety", "board-arm-balance"}
    said = {line.address: line.sentence for line in lines(sponsor, pages)}
    assert set(said) == pages
    assert all(sentence.endswith(".") for sentence in said.values())


def test_names_of_rows_that_stand_together() -> None:
    rows = pl.DataFrame(
        {"site": ["01", "04"], TOGETHER: [["01", "02", "03"], None]},
        schema_overrides={TOGETHER: pl.List(pl.String)},
    )
    assert with_names(rows, "site", is_range=True)["site"].to_list() == ["01 to 03", "04"]
    assert with_names(rows, "site")["site"].to_list() == ["01, 02 or 03", "04"]
    assert with_names(rows.drop(TOGETHER), "site")["site"].to_list() == ["01", "04"]
    assert any_of(["Visit schedule", "Consent"]) == "Visit schedule or consent"
    assert any_of(["Pulse rate", "ALT", "SpO2"]) == "Pulse rate, ALT or SpO2"


def test_few_were_there_to_be_joined(demonstration_store: LoadedTrial) -> None:
    """Without this, data without a small count would pass."""
    board = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    assert board.ask("conduct/disposition")[TOGETHER].count() == 2
    board.close()
