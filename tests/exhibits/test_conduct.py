"""Conduct against numbers that no code of ours made: counted from the extract, or published."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from access import View
from exhibits import Exhibit, make
from queries import Board
from tests.conftest import KeyPair, LoadedTrial, board_of, limited_board, load_frames
from tests.exhibits.conftest import STORES, BoardByName
from trials import Trial, load_trial

CUTOFF = date(2023, 8, 31)
PARTS = ["completed", "in_follow_up", "died", "left_study", "not_recorded"]
KNOWN = ["not_due", "reached", "died", "left_study", "not_recorded", "undated"]


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


def day_of(day_one: date, day: int) -> date:
    """Day 1 is the day of randomization, and there is no day 0."""
    return day_one + timedelta(days=day - 1 if day > 0 else day)


class Person:
    """What the extract says of a randomized participant of the demonstration."""

    def __init__(self, loaded: LoadedTrial, subject: str) -> None:
        def of(name: str) -> list[dict[str, Any]]:
            return loaded.dataset(name).filter(pl.col("USUBJID") == subject).to_dicts()

        def dates(name: str, column: str) -> list[date]:
            return [date.fromisoformat(row[column][:10]) for row in of(name) if row[column]]

        (person,), (allocated,) = of("dm"), of("randomization")
        self.arm = allocated["ARMCD"]
        self.day_one = date.fromisoformat(allocated["RANDDTC"][:10])
        self.ends = {
            row["DSDECOD"]: date.fromisoformat(row["DSSTDTC"][:10])
            for row in of("ds")
            if row["DSCAT"] == "DISPOSITION EVENT"
        }
        self.death = date.fromisoformat(person["DTHDTC"][:10]) if person["DTHDTC"] else None
        assert (self.death is None) == ("DEATH" not in self.ends)
        self.left = min(
            (day for term, day in self.ends.items() if term not in {"DEATH", "COMPLETED"}),
            default=None,
        )
        scheduled = {visit.visit for visit in loaded.trial.schedule}
        self.visits = {row["VISIT"] for row in of("sv")} & scheduled
        results = [
            (name, row)
            for name in ("lb", "vs", "re", "rs", "cp", "eg", "qs")
            for row in of(name)
            if row["VISIT"] in scheduled
        ]
        codes = {key: measure.name for key, measure in loaded.trial.measures_by_code.items()}
        self.results = {
            (row["VISIT"], codes[name.upper(), row[f"{name.upper()}TESTCD"]])
            for name, row in results
            if (name.upper(), row[f"{name.upper()}TESTCD"]) in codes and row[f"{name.upper()}ORRES"]
        }
        contacts = [
            date.fromisoformat(row["SVSTDTC"][:10]) for row in of("sv") if row["VISIT"] in scheduled
        ]
        contacts += [
            date.fromisoformat(row[f"{name.upper()}DTC"][:10])
            for name, row in results
            if row[f"{name.upper()}DTC"]
        ]
        contacts += [*dates("ho", "HOSTDTC"), *dates("ho", "HOENDTC"), *dates("ae", "AESTDTC")]
        contacts += [
            date.fromisoformat(row["AEENDTC"][:10])
            for row in of("ae")
            if row["AEENDTC"] and row["AEOUT"] != "FATAL"
        ]
        contacts += [
            date.fromisoformat(row["SSDTC"][:10]) for row in of("ss") if row["SSSTRESC"] == "ALIVE"
        ]
        contacts += [self.ends["COMPLETED"]] if self.completed else []
        self.last_contact = max(day for day in contacts if day <= CUTOFF)
        self.stays = [
            (
                date.fromisoformat(row["HOSTDTC"][:10]),
                date.fromisoformat(row["HOENDTC"][:10]) if row["HOENDTC"] else date.max,
            )
            for row in of("ho")
        ]
        self.doses = sorted((row["EXSTDTC"][:10], row["EXDOSE"] > 0) for row in of("ex"))

    @property
    def completed(self) -> bool:
        return "COMPLETED" in self.ends

    def end(self, last: date) -> str:
        if self.death:
            return "died"
        if self.completed:
            return "completed"
        if self.left:
            return "left_study"
        return "not_recorded" if last < CUTOFF else "in_follow_up"

    def is_due(self, day: int, after: int) -> bool:
        planned = day_of(self.day_one, day)
        gone = min(self.death or date.max, self.left or date.max)
        return planned + timedelta(days=after) <= CUTOFF and gone > planned


@pytest.fixture(scope="module")
def people(demonstration_store: LoadedTrial) -> list[Person]:
    """Everybody who is randomized, as the extract has them."""
    listed = demonstration_store.dataset("randomization")["USUBJID"].to_list()
    return [Person(demonstration_store, subject) for subject in listed]


@pytest.fixture(scope="module")
def shown(board: BoardByName) -> Callable[[str, View], pl.DataFrame]:
    """The table of an exhibit of the demonstration."""
    return lambda name, view: table(make(name, board("two arms", view)))


ARM_NAMES = {"CONTROL": "Control", "UCMSC": "UC-MSC"}


def counts(frame: pl.DataFrame, keys: list[str], column: str) -> Counter[Any]:
    """Counts by keys, those of nobody left out."""
    return Counter(
        {
            tuple(row[key] for key in keys): row[column]
            for row in frame.to_dicts()
            if row[column] is not None and row[column] > 0
        }
    )


# Against the extract, by arm


def test_disposition(
    people: list[Person], demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    last = demonstration_store.trial.schedule[-1]
    expected = Counter(
        (
            ARM_NAMES[one.arm],
            one.end(day_of(one.day_one, last.day) + timedelta(days=last.window_after)),
        )
        for one in people
    )
    frame = shown("disposition", View.UNBLINDED)
    assert {
        (row["arm"], part): row[part] for row in frame.to_dicts() for part in PARTS if row[part]
    } == expected
    assert len({part for _, part in expected}) >= 4, "this data shows too little"


def test_follow_up(
    people: list[Person], demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    def known(one: Person, day: int, before: int, after: int) -> str:
        planned = day_of(one.day_one, day)
        if planned + timedelta(days=after) > CUTOFF:
            return "not_due"
        if one.death:
            return "died" if one.death <= planned else "reached"
        # A contact in the window before the day says nothing of the day of who left.
        at_least = planned if one.left else planned - timedelta(days=before)
        if one.last_contact >= at_least:
            return "reached"
        return "left_study" if one.left else "not_recorded"

    expected = Counter(
        (
            ARM_NAMES[one.arm],
            visit.day,
            known(one, visit.day, visit.window_before, visit.window_after),
        )
        for visit in demonstration_store.trial.schedule
        if visit.day > 1
        for one in people
    )
    frame = shown("follow_up_maturity", View.UNBLINDED)
    assert {
        (row["arm"], row["planned_day"], part): row[part]
        for row in frame.to_dicts()
        for part in KNOWN
        if row[part]
    } == expected


def test_visits_that_were_due_and_recorded(
    people: list[Person], demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    due = [
        (one, visit)
        for one in people
        for visit in demonstration_store.trial.schedule
        if one.is_due(visit.day, visit.window_after)
    ]
    frame = shown("visits_received", View.UNBLINDED)
    keys = ["arm", "visit"]
    assert counts(frame, keys, "due") == Counter((ARM_NAMES[one.arm], v.visit) for one, v in due)
    assert counts(frame, keys, "received") == Counter(
        (ARM_NAMES[one.arm], v.visit) for one, v in due if v.visit in one.visits
    )
    sites = shown("visits_by_site", View.POOLED)
    assert (sites["due"].sum(), sites["received"].sum()) == (
        len(due),
        sum(visit.visit in one.visits for one, visit in due),
    )
    assert sites["participants"].sum() == len({id(one) for one, _ in due})
    lag = shown("data_lag", View.POOLED).filter(pl.col("dataset") == "SV")
    assert lag["due"].sum() == len(due)
    fresh = [
        (one, visit)
        for one, visit in due
        if (CUTOFF - day_of(one.day_one, visit.day)).days - visit.window_after < 7
    ]
    assert lag.filter(pl.col("since") == "under 1")["due"].sum() == len(fresh) > 0


def test_results_that_were_due_and_received(
    people: list[Person], demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    trial = demonstration_store.trial
    labels = {measure.name: measure.label for measure in trial.measures}

    def is_in_hospital(one: Person, day: int) -> bool:
        planned = day_of(one.day_one, day)
        return any(start <= planned <= end for start, end in one.stays)

    due = [
        (one, visit, name)
        for assessment in trial.assessments
        for visit in trial.schedule
        if not assessment.visits or visit.visit in assessment.visits
        for one in people
        if one.is_due(visit.day, visit.window_after)
        and (not assessment.in_hospital or is_in_hospital(one, visit.day))
        for name in assessment.measures
    ]
    frame = shown("results_received", View.UNBLINDED)
    expected = Counter((ARM_NAMES[one.arm], labels[name]) for one, _, name in due)
    assert counts(frame, ["arm", "name"], "due") == expected
    assert counts(frame, ["arm", "name"], "received") == Counter(
        (ARM_NAMES[one.arm], labels[name])
        for one, visit, name in due
        if (visit.visit, name) in one.results
    )
    due_of = dict(frame.group_by("name").agg(pl.col("due").sum()).rows())
    assert 0 < due_of["PaO2"] < due_of["C-reactive protein"], "nobody had left hospital"


def test_deviations(
    demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame], board: BoardByName
) -> None:
    arms = dict(demonstration_store.dataset("randomization").select("USUBJID", "ARMCD").rows())
    rows = [row for row in demonstration_store.dataset("dv").to_dicts() if row["USUBJID"] in arms]
    opened = set(demonstration_store.trial.open.deviations)
    pooled = shown("deviations", View.POOLED)
    assert dict(pooled.select(pl.col("category").str.to_uppercase(), "deviations").rows()) == (
        Counter(row["DVCAT"] for row in rows if row["DVCAT"] in opened)
    )
    assert dict(pooled.select(pl.col("category").str.to_uppercase(), "participants").rows()) == (
        Counter(
            category
            for category, _ in {(r["DVCAT"], r["USUBJID"]) for r in rows if r["DVCAT"] in opened}
        )
    )
    with_any = len({row["USUBJID"] for row in rows if row["DVCAT"] in opened})
    assert (
        f"{with_any} of {len(arms)} " in make("deviations", board("two arms", View.POOLED)).answer
    )
    everything = shown("deviations_by_term", View.UNBLINDED)
    assert counts(everything, ["term", "arm"], "deviations") == Counter(
        (row["DVDECOD"].capitalize(), ARM_NAMES[arms[row["USUBJID"]]]) for row in rows
    )
    assert everything["deviations"].sum() > pooled["deviations"].sum() > 0


def test_doses(
    people: list[Person], demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    """Of one arm only; in their order, those recorded with a dose of zero among them."""
    dosing = demonstration_store.trial.dosing
    assert dosing is not None
    expected: Counter[tuple[int, str]] = Counter()
    for one in people:
        assert one.arm == "UCMSC" or not one.doses
        for place, planned in enumerate(dosing.days):
            record = one.doses[place] if place < len(one.doses) else None
            if record is not None and record[1]:
                off = (date.fromisoformat(record[0]) - day_of(one.day_one, planned)).days
                how = "in_window" if abs(off) <= dosing.window_days else "outside_window"
                expected[place + 1, how] += 1
            elif one.arm == "UCMSC" and one.is_due(planned, dosing.window_days):
                expected[place + 1, "not_given"] += 1
    frame = shown("doses_given", View.UNBLINDED)
    assert set(frame["arm"]) == {"UC-MSC"}
    assert {
        (row["dose"], how): row[how]
        for row in frame.to_dicts()
        for how in ("in_window", "outside_window", "not_given")
        if row[how]
    } == expected
    assert (frame["in_window"] + frame["outside_window"] + frame["not_given"]).to_list() == (
        frame["due"].to_list()
    )
    exposure = demonstration_store.dataset("ex")
    changed = shown("doses_changed", View.UNBLINDED)
    assert changed["not_given"].sum() == exposure.filter(pl.col("EXDOSE") == 0).height > 0
    lots = shown("lots", View.UNBLINDED)
    given = exposure.filter(pl.col("EXDOSE") > 0)
    assert counts(lots, ["lot"], "administrations") == Counter(
        (lot,) for lot in given["EXLOT"].to_list()
    )


def test_latest_records(
    demonstration_store: LoadedTrial, shown: Callable[..., pl.DataFrame]
) -> None:
    latest = dict(shown("latest_records", View.POOLED).select("dataset", "latest").rows())
    scheduled = [visit.visit for visit in demonstration_store.trial.schedule]
    for dataset, column in (("sv", "SVSTDTC"), ("vs", "VSDTC"), ("ds", "DSSTDTC")):
        rows = demonstration_store.dataset(dataset)
        if "VISIT" in rows.columns:
            rows = rows.filter(pl.col("VISIT").is_in(scheduled))
        assert latest[dataset.upper()] == max(
            date.fromisoformat(text[:10]) for text in rows[column].drop_nulls()
        )


# Published: CDISC Pilot 01. Its DS and DM, and the clinical study report's disposition.


def test_the_pilots_disposition(board: BoardByName) -> None:
    arms = table(make("disposition", board("three arms", View.UNBLINDED)))
    assert dict(arms.select("arm", "completed").rows()) == {
        "Placebo": 58,
        "Xanomeline Low Dose": 25,
        "Xanomeline High Dose": 27,
    }
    assert arms["died"].to_list() == [2, 1, 0]
    assert arms["randomized"].to_list() == [86, 84, 84]
    reasons = table(make("reasons_for_leaving", board("three arms", View.UNBLINDED)))
    by_reason = dict(reasons.group_by("reason").agg(pl.col("participants").sum()).rows())
    assert by_reason["Adverse event"] == 92
    assert by_reason["Lost to follow-up"] == 2
    # That somebody left is open whatever the reason; reasons that the definition does not open are
    # counted together, coded by arm, and pooled none under the smallest cell.
    for view in View:
        ends = table(make("disposition", board("three arms", view)))
        assert ends["not_recorded"].sum() == 0
        assert ends["left_study"].sum() == sum(by_reason.values())
    coded = table(make("reasons_for_leaving", board("three arms", View.CODED)))
    others = coded.filter(pl.col("reason") == "Other reason")["participants"].sum()
    assert others == 92 + 4 + 6
    pooled = table(make("reasons_for_leaving", board("three arms", View.POOLED)))
    shown = dict(pooled.select("reason", "participants").rows())
    # In steps, and never more than there are: an exact count tells why the next one left.
    assert all(count >= 5 and count % 5 == 0 for count in shown.values())
    named = shown.keys() & by_reason.keys()
    rest = sum(count for reason, count in by_reason.items() if reason not in named)
    assert shown["Other reason"] == rest // 5 * 5 == 105
    for reason in named:
        assert shown[reason] == by_reason[reason] // 5 * 5


def test_the_pilots_actual_arms(board: BoardByName) -> None:
    """As treated 86, 96 and 72: twelve of the high dose were given the low one."""
    rows = table(make("cross_over", board("three arms", View.UNBLINDED)))
    assert counts(rows, ["actual"], "participants") != Counter()
    assert dict(rows.group_by("actual").agg(pl.col("participants").sum()).rows()) == {
        "Placebo": 86,
        "Xanomeline Low Dose": 96,
        "Xanomeline High Dose": 72,
    }
    answer = make("cross_over", board("three arms", View.UNBLINDED)).answer
    assert answer == "12 of 254 (4.7 %) participants are in another arm than planned."


# What always holds


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("view", list(View))
def test_parts_add_up(board: BoardByName, store: str, view: View) -> None:
    asked = board(store, view)
    randomized = asked.ask("arm_balance/allocation")["randomized"].to_list()
    ends = make("disposition", asked).table
    if not sum(randomized):
        assert ends is None
        return
    assert ends is not None
    assert ends["randomized"].to_list() == randomized
    assert ends.select(pl.sum_horizontal(PARTS)).to_series().to_list() == randomized
    days = table(make("follow_up_maturity", asked))
    for _, rows in days.group_by("planned_day"):
        assert rows.select(pl.sum_horizontal(KNOWN)).to_series().to_list() == randomized
    for name in ("visits_received", "visits_by_site", "results_received", "data_lag"):
        frame = table(make(name, asked))
        assert (frame["received"] + frame["outstanding"]).to_list() == frame["due"].to_list()


def test_arms_add_up_to_the_pooled_numbers(board: BoardByName) -> None:
    """Coded nothing is added to what is open, so each number is divided, and none is lost."""
    for store in ("two arms", "three arms"):
        for name, keys in (
            ("disposition", []),
            ("follow_up_maturity", ["planned_day"]),
            ("visits_received", ["visit"]),
            ("results_received", ["name"]),
        ):
            pooled, coded = (
                table(make(name, board(store, view))) for view in (View.POOLED, View.CODED)
            )
            numbers = [
                column
                for column, kind in pooled.schema.items()
                if kind.is_integer() and column not in {*keys, "median_day", "planned_day"}
            ]
            by = coded.group_by(keys or pl.lit(1)).agg(pl.col(numbers).sum()).sort(keys or numbers)
            assert by.select(numbers).rows() == (
                pooled.sort(keys or numbers).select(numbers).rows()
            ), name


def test_the_demonstration_has_the_same_ends_in_every_view(board: BoardByName) -> None:
    answers = [make("disposition", board("two arms", view)).answer for view in View]
    assert len({re.sub(r" \(\d+ of \d+ in .*?\)", "", answer) for answer in answers}) == 1
    pooled, coded, _ = answers
    assert " in Arm " not in pooled
    left = table(make("disposition", board("two arms", View.CODED))).select(
        "left_study", "randomized", "arm"
    )
    said = ", ".join(f"{left} of {of} in {arm}" for left, of, arm in left.rows())
    assert f"left early: {left['left_study'].sum()} ({said})." in coded


@pytest.mark.parametrize("view", list(View))
def test_what_is_received_is_said_beside_how_the_study_ended(
    board: BoardByName, view: View
) -> None:
    said = make("disposition", board("two arms", view)).answer
    for name in ("visits_received", "results_received"):
        frame = table(make(name, board("two arms", view)))
        due, received = int(frame["due"].sum()), int(frame["received"].sum())
        assert f"{received:,} of {due:,} (" in said
    assert said.endswith("due results.")


@pytest.mark.parametrize("view", list(View))
def test_follow_up_counts_who_is_known_alive_as_vital_status_does(
    board: BoardByName, view: View
) -> None:
    opened = board("two arms", view)
    known = table(make("follow_up_maturity", opened)).filter(pl.col("planned_day") == 28)
    status = table(make("vital_status", opened)).filter(pl.col("asked_day") == 28)
    past = known.select("arm", past="due", known_past=pl.col("reached") + pl.col("died"))
    share = status.select(
        "arm",
        "past",
        known_past=(pl.col("known_past_percent") * pl.col("past") / 100).round().cast(pl.Int64),
    )
    assert past.rows() == share.rows()


# Rules that the demonstration does not reach, one person each


def a_person(number: int, day_one: str, **dm: str) -> dict[str, str | None]:
    return {
        "STUDYID": "NCT05689008",
        "DOMAIN": "DM",
        "USUBJID": f"NCT05689008-01-{number:03}",
        "SUBJID": f"{number:03}",
        "SITEID": "01",
        "RFICDTC": day_one,
        "DMDTC": day_one,
        "AGE": "61",
        "AGEU": "YEARS",
        "SEX": "F",
        "DTHFL": dm.get("DTHFL"),
        "DTHDTC": dm.get("DTHDTC"),
    }


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Board]:
    """Six people whose day 28 is 28 Jan 2023, window to 31 Jan; the cut-off is 31 Jan."""
    trial: Trial = load_trial("nct05689008")
    subjects = [f"NCT05689008-01-{number:03}" for number in range(1, 7)]
    _, died_undated, lost, twice, silent, _ = subjects
    dm = [
        a_person(1, "2023-01-01", DTHFL="Y", DTHDTC="2023-01-14"),
        a_person(2, "2023-01-01", DTHFL="Y"),
        *(a_person(number, "2023-01-01") for number in (3, 4, 5)),
        a_person(6, "2023-01-02"),  # a day later, so that day 28 is not due yet
    ]
    ends = [
        (lost, "LOST TO FOLLOW-UP", "2023-01-10"),
        (twice, "WITHDRAWAL BY SUBJECT", "2023-01-20"),
        (twice, "DEATH", "2023-01-27"),
        (silent, "Completed", "2023-01-25"),
    ]
    visits = [
        *((subject, "BASELINE", "2023-01-01") for subject in subjects[:5]),
        (died_undated, "DAY 10", "2023-01-10"),
        (lost, "DAY 7", "2023-01-07"),
    ]
    frames = {
        "dm": pl.DataFrame(dm, schema=dict.fromkeys(dm[0], pl.String)),
        "ds": pl.DataFrame(
            [
                {
                    "USUBJID": subject,
                    "DSDECOD": term,
                    "DSCAT": "DISPOSITION EVENT",
                    "DSSTDTC": day,
                }
                for subject, term, day in ends
            ]
        ),
        "sv": pl.DataFrame(
            [{"USUBJID": who, "VISIT": visit, "SVSTDTC": day} for who, visit, day in visits]
        ),
        "randomization": pl.DataFrame(
            {
                "USUBJID": subjects,
                "ARMCD": ["UCMSC", "CONTROL"] * 3,
                "RANDDTC": [row["RFICDTC"] for row in dm],
            }
        ),
    }
    folder: Path = tmp_path_factory.mktemp("by-hand")
    loaded = load_frames(frames, trial, key_pair, folder, date(2023, 1, 31))
    opened = board_of(loaded, View.POOLED)
    yield opened
    opened.close()


def test_who_died_counts_as_died_whatever_came_before(by_hand: Board) -> None:
    ends = table(make("disposition", by_hand)).select(PARTS).row(0, named=True)
    assert ends == {
        "completed": 1,  # in mixed case, as extracts have it
        "in_follow_up": 1,
        "died": 3,  # by date, by flag only, by DS after a withdrawal
        "left_study": 1,
        "not_recorded": 0,
    }


def test_day_by_day_by_hand(by_hand: Board) -> None:
    days = {
        row["planned_day"]: {part: row[part] for part in KNOWN if row[part]}
        for row in table(make("follow_up_maturity", by_hand)).to_dicts()
    }
    # Death on the day itself is a death by then. Lost on day 10, last seen on day 7; of whom
    # died at a time not known, day 10 is the last that is known. Who died on day 27 was alive
    # before, though withdrawn; who completed on day 25, at the beginning of the window of day 28,
    # had not been seen since day 1 and was alive by then. Of the sixth nobody knows anything.
    assert days[7] == {"reached": 5, "not_recorded": 1}
    assert days[14] == {"reached": 2, "died": 2, "left_study": 1, "not_recorded": 1}
    assert days[28] == {"reached": 1, "died": 3, "left_study": 1, "not_due": 1}


def test_due_visits_by_hand(by_hand: Board) -> None:
    due = dict(table(make("visits_received", by_hand)).select("visit", "due").rows())
    # Nothing is due of whom the day of death is not known; on the day of death nothing is due.
    assert due["BASELINE"] == 5
    assert due["DAY 10"] == 4
    assert due["DAY 14"] == 3
    assert due["DAY 28"] == 1


def test_what_the_extract_does_not_have_is_said(by_hand: Board) -> None:
    assert "no dataset DV" in make("deviations", by_hand).missing
    assert "none of the datasets" in make("results_received", by_hand).missing


def test_without_visits_nothing_is_drawn_as_zero(board: BoardByName) -> None:
    """The first day of a trial has DM only."""
    for name in ("visits_received", "visits_by_site", "data_lag"):
        assert "no dataset SV" in make(name, board("nobody randomized", View.POOLED)).missing


def test_a_latest_date_is_not_shown_to_the_sponsor(demonstration_store: LoadedTrial) -> None:
    limited = limited_board(demonstration_store.trial, demonstration_store.snapshot)
    shown = make("latest_records", limited)
    limited.close()
    assert "not for your role" in shown.missing
