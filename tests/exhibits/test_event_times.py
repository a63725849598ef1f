"""First events, mean counts and rates by participant, recounted from the extract."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import Exhibit, make
from queries import Board, Filters
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from trials import load_trial

CUTOFF = date(2023, 8, 31)
ARMS = {"CONTROL": "Control", "UCMSC": "UC-MSC"}
DAY = 28


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


class Person:
    """A randomized participant of the demonstration, by plain reading of the extract."""

    def __init__(self, loaded: LoadedTrial, subject: str) -> None:
        def of(name: str) -> list[dict[str, Any]]:
            return loaded.dataset(name).filter(pl.col("USUBJID") == subject).to_dicts()

        (person,), (allocated,) = of("dm"), of("randomization")
        self.arm = ARMS[allocated["ARMCD"]]
        day_one = date.fromisoformat(allocated["RANDDTC"][:10])
        ends = [
            date.fromisoformat(row["DSSTDTC"][:10])
            for row in of("ds")
            if row["DSCAT"] == "DISPOSITION EVENT"
            and row["DSDECOD"] not in {"RANDOMIZED", "INFORMED CONSENT OBTAINED"}
        ]
        self.last = (min([*ends, CUTOFF]) - day_one).days + 1
        self.died = bool(person["DTHDTC"])
        began = [(row, date.fromisoformat(row["AESTDTC"][:10])) for row in of("ae")]
        self.events = [
            ((on - day_one).days + 1, row) for row, on in began if on >= day_one
        ]  # fmt: skip

    def days(self, kind: str, sealed: Collection[str] = ()) -> list[int]:
        def is_chosen(row: dict[str, Any]) -> bool:
            match kind:
                case "Any adverse event":
                    return True
                case "Serious":
                    return bool(row["AESER"] == "Y" or row["AEOUT"] == "FATAL")
                case "Grade 3 or higher, or severe":
                    return int(row["AETOXGR"]) >= 3
                case _:
                    return bool(row["AEBODSYS"] == kind)

        return sorted(
            day
            for day, row in self.events
            if is_chosen(row) and day <= self.last and row["AEDECOD"].upper() not in sealed
        )


@pytest.fixture(scope="module")
def people(demonstration_store: LoadedTrial) -> list[Person]:
    listed = demonstration_store.dataset("randomization")["USUBJID"].to_list()
    return [Person(demonstration_store, subject) for subject in listed]


def incidence_by_hand(outcomes: list[tuple[int, int]]) -> tuple[float, float, bool]:
    """By the day: who had the event, who died without it, and whether that is known."""
    free, had, died = 1.0, 0.0, 0.0
    for now in range(1, DAY + 1):
        at_risk = sum(when >= now for when, _ in outcomes)
        if not at_risk:
            return had, died, free < 1e-12
        events, deaths = (
            sum(when == now and code == which for when, code in outcomes) for which in (1, 2)
        )
        had += free * events / at_risk
        died += free * deaths / at_risk
        free *= 1 - (events + deaths) / at_risk
    return had, died, True


@pytest.mark.parametrize("view", [View.POOLED, View.UNBLINDED])
def test_first_events_with_death_competing(
    people: list[Person], demonstration_store: LoadedTrial, board: BoardByName, view: View
) -> None:
    rows = table(make("event_incidence", board("two arms", view)))
    sealed = {term.upper() for term in demonstration_store.trial.sealed.preferred_terms}
    if view is View.UNBLINDED:
        sealed = set()
    assert set(rows["day"]) == {DAY}
    assert rows["name"].unique(maintain_order=True).to_list()[:3] == [
        "Any adverse event", "Serious", "Grade 3 or higher, or severe",
    ]  # fmt: skip
    for row in rows.iter_rows(named=True):
        of_arm = [one for one in people if view is View.POOLED or one.arm == row["arm"]]
        first = [one.days(row["name"], sealed) for one in of_arm]
        outcomes = [
            (days[0], 1) if days else (one.last, 2 if one.died else 0)
            for one, days in zip(of_arm, first, strict=True)
        ]
        had, died, is_known = incidence_by_hand(outcomes)
        assert row["participants"] == len(of_arm)
        assert row["at_risk"] == sum(when >= DAY for when, _ in outcomes)
        assert row["events"] == sum(code == 1 and when <= DAY for when, code in outcomes)
        if is_known:
            assert row["incidence_percent"] == pytest.approx(100 * had, abs=0.051)
            assert row["death_percent"] == pytest.approx(100 * died, abs=0.051)
        else:
            assert row["incidence_percent"] is None
        exposure, count = sum(when for when, _ in outcomes), sum(code == 1 for _, code in outcomes)
        assert (row["first_events"], row["first_days"]) == (count, exposure)
        low, high = (
            stats.chi2.ppf(tail, 2 * of) / 2 if of else 0.0
            for tail, of in ((0.025, count), (0.975, count + 1))
        )
        assert row["rate"] == pytest.approx(100 * count / exposure, abs=0.0051)
        assert row["rate_low"] == pytest.approx(100 * low / exposure, abs=0.0051)
        assert row["rate_high"] == pytest.approx(100 * high / exposure, abs=0.0051)


def test_differences_are_those_of_the_shares_and_rates_shown(board: BoardByName) -> None:
    rows = table(make("event_incidence", board("two arms", View.UNBLINDED)))
    reference = rows.filter(arm="Control")
    assert reference.select("^.*difference.*$").null_count().row(0) == (reference.height,) * 6
    compared = 0
    for row in rows.filter(arm="UC-MSC").iter_rows(named=True):
        (other,) = reference.filter(name=row["name"]).to_dicts()
        assert row["rate_difference"] == pytest.approx(row["rate"] - other["rate"], abs=0.011)
        assert row["rate_difference_low"] < row["rate_difference"] < row["rate_difference_high"]
        if row["difference"] is None:
            assert None in (row["incidence_percent"], other["incidence_percent"])
            continue
        apart = row["incidence_percent"] - other["incidence_percent"]
        assert row["difference"] == pytest.approx(apart, abs=0.11)
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]
        compared += 1
    assert compared > 10


def test_the_mean_count_as_summed_by_hand(people: list[Person], board: BoardByName) -> None:
    shown = make("mean_event_count", board("two arms", View.UNBLINDED))
    rows = table(shown)
    assert rows["day"].unique().sort().to_list() == [7, 14, 21, 28]
    means = {}
    for row in rows.iter_rows(named=True):
        of_arm = [one for one in people if one.arm == row["arm"]]
        alive, mean, events = 1.0, 0.0, 0
        for now in range(1, row["day"] + 1):
            at_risk = sum(one.last >= now for one in of_arm)
            today = sum(one.days("Any adverse event").count(now) for one in of_arm)
            mean += alive * today / at_risk
            alive *= 1 - sum(one.died and one.last == now for one in of_arm) / at_risk
            events += today
        assert (row["events"], row["participants"]) == (events, len(of_arm))
        assert row["at_risk"] == sum(one.last >= row["day"] for one in of_arm)
        assert row["mean_count"] == pytest.approx(mean, abs=0.0051)
        assert row["mean_count_low"] < row["mean_count"] < row["mean_count_high"]
        means[row["arm"], row["day"]] = mean
        if row["arm"] == "UC-MSC":
            assert row["difference"] == pytest.approx(
                mean - means["Control", row["day"]], abs=0.0051
            )
            assert row["difference_low"] < row["difference"] < row["difference_high"]
    control, treated = means["Control", DAY], means["UC-MSC", DAY]
    assert shown.answer.startswith(
        f"By day 28 a participant had on average {control:.1f} events in Control and "
        f"{treated:.1f} in UC-MSC (UC-MSC minus Control \N{MINUS SIGN}"
    )


def test_under_letters_the_difference_turns_with_the_letters(board: BoardByName) -> None:
    coded, named = (
        table(make("mean_event_count", board("two arms", view))).filter(day=DAY)
        for view in (View.CODED, View.UNBLINDED)
    )
    # The unblinded view has an event more, under a sealed term.
    assert abs(coded["difference"].sum()) == pytest.approx(abs(named["difference"].sum()), abs=0.1)
    assert "Difference to Arm A" in str(
        make("event_incidence", board("two arms", View.CODED)).labels
    )


def test_all_events_have_an_error_by_participant(people: list[Person], board: BoardByName) -> None:
    """The rate's logarithm and the t distribution, by hand; and no rate has changed."""
    rows = table(make("adverse_event_overview", board("two arms", View.UNBLINDED)))
    for kind in ("Any adverse event", "Serious", "Grade 3 or higher, or severe"):
        found = {row["arm"]: row for row in rows.filter(kind=kind).to_dicts()}
        parts = {}
        for arm, row in found.items():
            of_arm = [one for one in people if one.arm == arm]
            counts, days = [len(one.days(kind)) for one in of_arm], [one.last for one in of_arm]
            rate, n = sum(counts) / sum(days), len(of_arm)
            left = [count - rate * time for count, time in zip(counts, days, strict=True)]
            error = math.sqrt(sum(part**2 for part in left) * n / (n - 1)) / sum(days)
            spread = math.exp(stats.t.ppf(0.975, n - 1) * error / rate)
            assert row["rate"] == pytest.approx(100 * rate, abs=0.0051)
            assert row["rate_low"] == pytest.approx(100 * rate / spread, abs=0.0051)
            assert row["rate_high"] == pytest.approx(100 * rate * spread, abs=0.0051)
            parts[arm] = rate, error**2, n - 1
        (r1, v1, f1), (r2, v2, f2) = parts["UC-MSC"], parts["Control"]
        freedom = (v1 + v2) ** 2 / (v1**2 / f1 + v2**2 / f2)
        half = stats.t.ppf(0.975, freedom) * math.sqrt(v1 + v2)
        apart = found["UC-MSC"]
        assert apart["rate_difference"] == pytest.approx(100 * (r1 - r2), abs=0.0051)
        assert apart["rate_difference_low"] == pytest.approx(100 * (r1 - r2 - half), abs=0.0051)
        assert apart["rate_difference_high"] == pytest.approx(100 * (r1 - r2 + half), abs=0.0051)
        assert found["Control"]["rate_difference"] is None


@pytest.mark.parametrize("filters", [Filters(), Filters(first_day=5, last_day=17)])
def test_onset_by_week_as_counted(
    people: list[Person], demonstration_store: LoadedTrial, filters: Filters
) -> None:
    opened = board_of(demonstration_store, View.UNBLINDED)
    opened.choose(filters)
    rows = table(make("adverse_event_onset", opened))
    opened.close()
    first, last = filters.first_day or 1, filters.last_day or 1_000
    counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in people:
        for week in range(1, 99, 7):
            start, end = max(week, first), min(week + 6, last, one.last)
            if end >= start:
                part = counted[one.arm, f"{week} to {week + 6}"]
                part[0] += 1
                part[1] += sum(start <= day <= end for day in one.days("Any adverse event"))
                part[2] += end - start + 1
    found = {
        (arm, days): [participants, events, observed]
        for arm, days, participants, events, observed in rows.select(
            "arm", "days", "participants", "events", "observed"
        ).rows()
    }
    assert found == counted
    for row in rows.filter(pl.col("events") > 1).iter_rows(named=True):
        assert row["rate"] == pytest.approx(100 * row["events"] / row["observed"], abs=0.0051)
        assert row["rate_low"] < row["rate"] < row["rate_high"]


def test_the_study_days_of_the_filters_do_not_shorten_the_curves(
    demonstration_store: LoadedTrial, board: BoardByName
) -> None:
    opened = board_of(demonstration_store, View.UNBLINDED)
    opened.choose(Filters(first_day=5, last_day=17))
    for name in ("event_incidence", "mean_event_count"):
        shown = make(name, opened)
        assert table(shown).equals(table(make(name, board("two arms", View.UNBLINDED))))
        assert any("study days of the filters do not apply" in note for note in shown.footnotes)
    opened.close()


# Few participants, few events, early deaths: an extract with a site of each


SIX_AND_SIX = "AAAAAABBBBBB"
# Of each site the arms of its participants, the events (whose, and the onset as written), and the
# study days of deaths. All are randomized on 1 March and seen until day 28, unless they died.
SITES: dict[str, tuple[str, list[tuple[int, str]], dict[int, int]]] = {
    "in part": (
        SIX_AND_SIX, [(0, "2023-03"), (1, "2023-04"), (2, ""), (2, "2023-03-10")], {}
    ),
    "none in control": (
        SIX_AND_SIX, [(7, "2023-03-04"), (8, "2023-03-05"), (8, "2023-03-05")], {}
    ),
    "control dead": (
        SIX_AND_SIX, [(7, "2023-03-04"), (8, "2023-03-05")], dict.fromkeys(range(6), 1)
    ),
    "one in control": ("ABBBBBB", [(0, "2023-03-04"), (2, "2023-03-05")], {}),
    "no control": ("BBBBBB", [(2, "2023-03-05")], {}),
    "no event": (SIX_AND_SIX, [(0, "2023-01-05")], {}),
}  # fmt: skip
DAY_ONE = date(2023, 3, 1)


def frames_of_sites() -> dict[str, pl.DataFrame]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for site, (arms, events, deaths) in SITES.items():
        for place, arm in enumerate(arms):
            who = {"USUBJID": f"{site} {place}"}
            died = DAY_ONE + timedelta(days=deaths[place] - 1) if place in deaths else None
            rows["dm"].append(
                {"STUDYID": "NCT05689008", "SITEID": site, "AGE": "61", "SEX": "F"}
                | {"RFICDTC": "2023-03-01", "DTHFL": "Y" if died else None}
                | {"DTHDTC": died.isoformat() if died else None}
                | who
            )
            code = {"A": "CONTROL", "B": "UCMSC"}[arm]
            rows["randomization"].append(who | {"ARMCD": code, "RANDDTC": "2023-03-01"})
            rows["sv"].append(who | {"VISIT": "BASELINE", "SVSTDTC": "2023-03-01"})
            if died is None:
                end = {"DSDECOD": "COMPLETED", "DSTERM": "COMPLETED"}
                end |= {"DSCAT": "DISPOSITION EVENT", "DSSTDTC": "2023-03-28"}
                rows["ds"].append(who | end)
        for place, written in events:
            event = {"AEDECOD": "Headache", "AEBODSYS": "Nervous system disorders", "AESER": "N"}
            rows["ae"].append({"USUBJID": f"{site} {place}", "AESTDTC": written} | event)
    return {name: pl.DataFrame(of, infer_schema_length=None) for name, of in rows.items()}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("sites")
    trial = load_trial("nct05689008")
    opened = board_of(
        load_frames(frames_of_sites(), trial, key_pair, folder, CUTOFF), View.UNBLINDED
    )
    yield opened
    opened.close()


def test_an_onset_in_part_counts_on_its_earliest_day_and_not_after_the_end(sites: Board) -> None:
    """March from day 1 on, April is after everybody's last day, no date at all is day 1."""
    sites.choose(Filters(sites=("in part",)))
    rows = sites.ask("safety/recurrences").filter(kind=1).select("stop", "is_earliest").rows()
    assert rows == [(1, True), (1, True), (10, False)]
    first = table(make("event_incidence", sites)).filter(arm="Control", name="Any adverse event")
    # On day 1, and on day 10: a first event with a day stands before one without.
    assert first.select("events", "first_days").row(0) == (2, 1 + 10 + 4 * 28)
    counts = table(make("mean_event_count", sites)).filter(arm="Control", day=28)
    assert counts.select("events", "mean_count").row(0) == (3, 0.5)
    notes = make("mean_event_count", sites).footnotes
    assert any(note.startswith("2 events without a day of onset") for note in notes)
    overview = make("adverse_event_overview", sites)
    assert any("1 event began after the last day" in note for note in overview.footnotes)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("site", "incidence", "counts"),
    [
        (
            "none in control",
            "0.0 % in Control, 33.3 % in UC-MSC; UC-MSC minus Control +33.3 percentage points",
            "0.0 events in Control and 0.5 in UC-MSC (UC-MSC minus Control +0.5, no interval)",
        ),
        (
            "control dead",
            "0.0 % (died without one 100.0 %) in Control, 33.3 % in UC-MSC; UC-MSC minus",
            "0.0 events in Control and 0.3 in UC-MSC (UC-MSC minus Control +0.3, no interval)",
        ),
        (
            "one in control",
            "Any adverse event: fewer than 5 (1 of 1 had one) in Control, 16.7 % in UC-MSC.",
            "average 0.2 events in UC-MSC. Control: fewer than 5.",
        ),
        (
            "no control",
            "fewer than 5 (0 of 0 had one) in Control, 16.7 % in UC-MSC.",
            "average 0.2 events in UC-MSC. Control: fewer than 5.",
        ),
    ],
)
def test_few_events_few_people_and_early_deaths_are_sentences(
    sites: Board, site: str, incidence: str, counts: str
) -> None:
    sites.choose(Filters(sites=(site,)))
    assert incidence in make("event_incidence", sites).answer
    assert counts in make("mean_event_count", sites).answer
    for name in ("event_incidence", "mean_event_count", "adverse_event_onset"):
        shown = make(name, sites)
        assert shown.figure is not None
        assert shown.missing == ""


def test_no_event_is_said(sites: Board) -> None:
    sites.choose(Filters(sites=("no event",)))
    for name in ("event_incidence", "mean_event_count"):
        assert "No event" in make(name, sites).missing
