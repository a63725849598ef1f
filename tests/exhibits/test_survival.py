"""Deaths and survival against numbers that no code of ours made, and rules one person each."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import EXHIBITS, Exhibit, make
from queries import Board
from queries.filters import Filters
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName, LoadedByName
from trials import load_trial

SURVIVAL = [name for name, item in EXHIBITS.items() if item.topic == "survival"]
CUTOFF = date(2023, 8, 31)
ARM_NAMES = {"CONTROL": "Control", "UCMSC": "UC-MSC"}


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


def day(text: str) -> date:
    return date.fromisoformat(text[:10])


class Person:
    """What an extract of the demonstration says of a randomized participant."""

    def __init__(self, loaded: LoadedTrial, subject: str) -> None:
        def of(name: str) -> list[dict[str, Any]]:
            return loaded.dataset(name).filter(pl.col("USUBJID") == subject).to_dicts()

        (person,), (allocated,) = of("dm"), of("randomization")
        planned = {visit.visit: visit for visit in loaded.trial.schedule}
        self.subject = subject
        self.arm = ARM_NAMES[allocated["ARMCD"]]
        self.first = day(allocated["RANDDTC"])
        ends = {row["DSDECOD"]: day(row["DSSTDTC"]) for row in of("ds")}
        self.left = bool({"LOST TO FOLLOW-UP", "WITHDRAWAL BY SUBJECT"} & set(ends))
        stays = [
            (self.number(day(row["HOSTDTC"])), self.number(day(row["HOENDTC"] or "9999-12-31")))
            for row in of("ho")
            if row["HODECOD"] == "HOSPITAL"
        ]
        assert len(stays) == 1
        self.in_hospital = stays[0][0] <= 1
        left_hospital = stays[0][1] if stays[0][1] <= self.number(CUTOFF) else None
        self.dead = person["DTHFL"] == "Y"
        self.cutoff = self.number(CUTOFF)
        if self.dead:
            self.day = self.number(day(person["DTHDTC"]))
        else:
            contacts = [
                self.number(day(row["SVSTDTC"])) for row in of("sv") if row["VISIT"] in planned
            ]
            contacts += [
                self.number(day(row[f"{name}DTC"]))
                for name in ("LB", "VS")
                for row in of(name.lower())
                if row["VISIT"] in planned and row[f"{name}DTC"]
            ]
            contacts += [
                self.number(day(row["SSDTC"])) for row in of("ss") if row["SSSTRESC"] == "ALIVE"
            ]
            contacts += [left_hospital] if left_hospital else []
            came = [
                (planned[row["VISIT"]], self.number(day(row["SVSTDTC"])))
                for row in of("sv")
                if row["VISIT"] in planned
            ]
            if "COMPLETED" in ends:
                contacts.append(self.number(ends["COMPLETED"]))
                came += [(visit, contacts[-1]) for visit in planned.values()]
            early = [
                visit.day
                for visit, on in came
                if visit.day - visit.window_before <= on <= visit.day
            ]
            self.day = min(max([1, *contacts, *([] if self.left else early)]), self.cutoff)
        went = left_hospital is not None and not (self.dead and left_hospital >= self.day)
        self.outcome = 1 if went else 2 if self.dead else 0
        self.until = left_hospital if went and left_hospital else self.day

    def number(self, when: date) -> int:
        """The study day of a date since day 1; before it 0 and less."""
        return (when - self.first).days + 1

    def known(self, on: int) -> str:
        closing = on + {28: 3, 14: 1}[on]
        if self.dead and self.day <= on:
            return "died"
        if self.day >= on:
            return "alive"
        return "not_due" if self.cutoff < closing else "not_known"


@pytest.fixture(scope="module")
def people(demonstration_store: LoadedTrial) -> list[Person]:
    """Everybody who is randomized, as the extract has them."""
    listed = demonstration_store.dataset("randomization")["USUBJID"].to_list()
    return [Person(demonstration_store, subject) for subject in listed]


def of_arm(people: list[Person], arm: str) -> list[Person]:
    return [one for one in people if arm in {"All participants", one.arm}]


def kaplan_meier_by_hand(people: list[Person], on: int) -> float:
    alive = 1.0
    for now in range(1, on + 1):
        at_risk = sum(one.day >= now for one in people)
        died = sum(one.dead and one.day == now for one in people)
        alive *= 1 - died / at_risk if at_risk else 1
    return alive


# The demonstration, counted a second time


@pytest.mark.parametrize("view", [View.POOLED, View.UNBLINDED])
def test_deaths_by_the_day_and_in_all(people: list[Person], board: BoardByName, view: View) -> None:
    opened = board("two arms", view)
    shown = make("mortality", opened)
    rows = table(shown)
    assert rows.select("group", "arm").rows() == [
        (group, arm) for group in ("By day 28", "In all") for arm in opened.arms
    ]
    for row in rows.to_dicts():
        there = of_arm(people, row["arm"])
        if row["group"] == "By day 28":
            past = [one for one in there if one.cutoff >= 31]
            there = [one for one in past if one.known(28) in {"died", "alive"}]
            assert row["not_known"] == len(past) - len(there)
            died = sum(one.known(28) == "died" for one in there)
        else:
            died = sum(one.dead for one in there)
        assert (row["participants"], row["randomized"]) == (died, len(there))
        exact = stats.binomtest(died, len(there)).proportion_ci(method="exact")
        assert row["percent"] == pytest.approx(100 * died / len(there), abs=0.05)
        assert row["low"] == pytest.approx(100 * exact.low, abs=0.06)
        assert row["high"] == pytest.approx(100 * exact.high, abs=0.06)
    assert shown.numbers[1].value.startswith(f"{sum(one.dead for one in people)} of 40")


def test_difference_of_deaths_is_the_arm_less_the_control(board: BoardByName) -> None:
    shown = make("mortality", board("two arms", View.UNBLINDED))
    assert shown.labels["difference"] == "Difference to Control, points"
    for _, part in table(shown).group_by("group"):
        share = dict(part.select("arm", "percent").rows())
        by_arm = dict(part.select("arm", "difference").rows())
        assert by_arm["Control"] is None
        assert by_arm["UC-MSC"] == pytest.approx(share["UC-MSC"] - share["Control"], abs=0.11)
        (low, high) = part.filter(pl.col("arm") == "UC-MSC")[
            "difference_low", "difference_high"
        ].row(0)
        assert low < by_arm["UC-MSC"] < high


@pytest.mark.parametrize("view", [View.POOLED, View.UNBLINDED])
def test_survival_day_by_day(people: list[Person], board: BoardByName, view: View) -> None:
    opened = board("two arms", view)
    shown = make("survival_curve", opened)
    rows = table(shown)
    assert rows["day"].unique().sort().to_list() == [1, 7, 14, 28]
    for row in rows.to_dicts():
        there, on = of_arm(people, row["arm"]), row["day"]
        assert row["participants"] == len(there)
        assert row["at_risk"] == sum(one.day >= on for one in there)
        assert row["deaths"] == sum(one.dead and one.day <= on for one in there)
        assert row["survival_percent"] == pytest.approx(
            100 * kaplan_meier_by_hand(there, on), abs=0.06
        )
        known = sum(one.dead or one.day >= on for one in there)
        assert row["known"] == (known if on == 28 else None)
    if view is View.UNBLINDED:
        ours, theirs = (
            rows.filter(pl.col("arm") == arm, pl.col("day") == 28).row(0, named=True)
            for arm in ("UC-MSC", "Control")
        )
        apart = ours["survival_percent"] - theirs["survival_percent"]
        assert ours["difference"] == pytest.approx(apart, abs=0.11)
        assert ours["difference_low"] < apart < ours["difference_high"]
        assert theirs["difference"] is None
        assert f"UC-MSC less Control: {ours['difference']:+.1f} percentage points" in shown.answer


def test_numbers_at_risk_stand_under_their_days(board: BoardByName) -> None:
    shown = make("survival_curve", board("two arms", View.UNBLINDED))
    assert shown.figure is not None
    written = [trace for trace in shown.figure.data if trace.mode == "text"]
    for trace, (arm,) in zip(
        written, table(shown).select("arm").unique(maintain_order=True).rows(), strict=True
    ):
        rows = table(shown).filter(pl.col("arm") == arm)
        assert list(trace.x) == rows["day"].to_list() == list(shown.figure.layout.xaxis.tickvals)
        assert [int(text) for text in trace.text] == rows["at_risk"].to_list()
        assert trace.yaxis == "y2"
    bottom, top = shown.figure.layout.yaxis2.domain, shown.figure.layout.yaxis.domain
    assert bottom[1] < top[0]


def test_numbers_at_risk_do_not_run_into_each_other(board: BoardByName) -> None:
    """Days 14 and 28 of 182 would on a telephone; the first, the last and the trial's day stay."""
    shown = make("survival_curve", board("three arms", View.CODED))
    assert shown.figure is not None
    days = list(shown.figure.layout.xaxis.tickvals)
    assert days[0] == 1
    assert days[-1] == 182
    assert all(later - earlier >= 0.13 * 182 for earlier, later in pairwise(days))
    assert set(days) < set(table(shown)["day"])


def test_the_band_holds_the_curve_and_marks_lead_to_who_died(
    people: list[Person], board: BoardByName
) -> None:
    opened = board("two arms", View.UNBLINDED)
    shown = make("survival_curve", opened)
    assert shown.figure is not None
    curves = [trace for trace in shown.figure.data if trace.line.shape == "hv"]
    bands = [trace for trace in shown.figure.data if trace.fill == "toself"]
    assert [trace.name for trace in curves] == list(opened.arms)
    assert len(bands) == 2
    for curve, band, arm in zip(curves, bands, opened.arms, strict=True):
        limits: dict[float, list[float]] = {}
        for x, y in zip(band.x, band.y, strict=True):
            limits.setdefault(x, []).append(y)
        inside = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if x in limits]
        assert len(inside) > 3
        assert all(min(limits[x]) - 0.1 <= y <= max(limits[x]) + 0.1 for x, y in inside)
        marked = [x for x, size in zip(curve.x, curve.marker.size, strict=True) if size]
        died = [one for one in of_arm(people, arm) if one.dead]
        assert marked == sorted({one.day for one in died})
        behind = shown.lists[curve.customdata[-1]]
        found = opened.ask(behind.question, **dict(behind.values))
        assert found["subject"].to_list() == sorted(one.subject for one in died)


def test_the_log_rank_test_is_secondary_and_only_with_enough_deaths(
    people: list[Person], board: BoardByName
) -> None:
    """Two arms: the sum over days of observed less expected deaths, squared, over its variance."""
    excess = variance = 0.0
    for now in sorted({one.day for one in people if one.dead}):
        there = [one for one in people if one.day >= now]
        n, d = len(there), sum(one.dead and one.day == now for one in there)
        share = sum(one.arm == "UC-MSC" for one in there) / n
        excess += sum(one.dead and one.day == now and one.arm == "UC-MSC" for one in there)
        excess -= d * share
        variance += d * share * (1 - share) * (n - d) / (n - 1)
    notes = " ".join(make("survival_curve", board("two arms", View.UNBLINDED)).footnotes)
    said = f"χ² {excess**2 / variance:.2f} on 1 df"
    assert f"Secondary: log-rank test (Mantel 1966) over all follow-up, {said}" in notes
    assert "log-rank" not in make("survival_curve", board("two arms", View.UNBLINDED)).answer
    pilot = " ".join(make("survival_curve", board("three arms", View.UNBLINDED)).footnotes)
    assert "No log-rank test: fewer than 10 deaths." in pilot
    pooled = " ".join(make("survival_curve", board("two arms", View.POOLED)).footnotes)
    assert "og-rank" not in pooled


@pytest.mark.parametrize("view", [View.POOLED, View.UNBLINDED])
def test_discharge_with_death_competing(
    people: list[Person], board: BoardByName, view: View
) -> None:
    shown = make("discharge", board("two arms", view))
    assert all(one.in_hospital for one in people)
    for row in table(shown).to_dicts():
        there = of_arm(people, row["arm"])
        free, incidence = 1.0, {1: 0.0, 2: 0.0}
        for now in range(1, row["day"] + 1):
            at_risk = sum(one.until >= now for one in there)
            ended = Counter(one.outcome for one in there if one.until == now)
            for cause in (1, 2):
                incidence[cause] += free * ended[cause] / at_risk if at_risk else 0
            free *= 1 - (ended[1] + ended[2]) / at_risk if at_risk else 1
        assert row["participants"] == len(there)
        assert row["discharged"] == sum(o.outcome == 1 and o.until <= row["day"] for o in there)
        assert row["died"] == sum(o.outcome == 2 and o.until <= row["day"] for o in there)
        assert row["discharged_percent"] == pytest.approx(100 * incidence[1], abs=0.06)
        assert row["died_percent"] == pytest.approx(100 * incidence[2], abs=0.06)


@pytest.mark.parametrize("view", [View.POOLED, View.UNBLINDED])
def test_of_whom_the_vital_status_is_known(
    people: list[Person], board: BoardByName, view: View
) -> None:
    shown = make("vital_status", board("two arms", view))
    assert table(shown)["asked_day"].unique().sort().to_list() == [14, 28]
    for row in table(shown).to_dicts():
        there = of_arm(people, row["arm"])
        found = Counter(one.known(row["asked_day"]) for one in there)
        for state in ("died", "alive", "not_known", "not_due"):
            assert row[state] == found[state], (row["asked_day"], row["arm"], state)
        assert row["known"] == found["died"] + found["alive"]
        assert row["known_percent"] == pytest.approx(100 * row["known"] / len(there), abs=0.06)
    assert "Warning" not in shown.answer


@pytest.mark.parametrize("name", SURVIVAL)
@pytest.mark.parametrize("view", list(View))
def test_whoever_is_counted_is_in_the_list(board: BoardByName, name: str, view: View) -> None:
    opened = board("two arms", view)
    shown = make(name, opened)
    counts = {
        "mortality": "participants",
        "survival_curve": "deaths",
        "discharge": "discharged",
        "vital_status": "not_known",
    }
    rows = table(shown)
    last = rows["day"].max() if "day" in rows.columns else None
    for row, place in zip(rows.to_dicts(), shown.row_lists, strict=True):
        # The list of a curve has everybody up to its end.
        if last is not None and row["day"] != last:
            continue
        listed = shown.lists[place] if place is not None else None
        found = opened.ask(listed.question, **dict(listed.values)) if listed else pl.DataFrame()
        assert found.height == row[counts[name]], (row, listed)
        if listed:
            assert found["arm"].unique().to_list() in ([], [row["arm"]])
    for number in shown.numbers:
        assert number.people is not None
        of_number = opened.ask(number.people.question, **dict(number.people.values))
        assert number.value.startswith(f"{of_number.height} of ")


# Warnings, too few, nobody


def test_a_warning_where_too_few_are_known(board: BoardByName, loaded: LoadedByName) -> None:
    """The pilot's week 26: 58, 25 and 27 completed, and 2, 1 and 0 had died."""
    opened = board("three arms", View.UNBLINDED)
    for name in ("survival_curve", "vital_status"):
        answer = make(name, opened).answer
        assert (
            "Warning: the vital status on day 182 is known of 70 % of Placebo, 31 % of Xanomeline "
            "Low Dose, 32 % of Xanomeline High Dose only, under 80 %." in answer
        )
    rows = table(make("vital_status", opened)).filter(pl.col("asked_day") == 182)
    ended = loaded("three arms").dataset("ds").filter(pl.col("DSDECOD") == "COMPLETED")
    arms = loaded("three arms").dataset("dm").select("USUBJID", "ARM")
    completed = dict(ended.join(arms, on="USUBJID").group_by("ARM").len().rows())
    assert dict(rows.select("arm", "alive").rows()) == completed
    assert dict(rows.select("arm", "died").rows()) == dict(zip(opened.arms, (2, 1, 0), strict=True))


def test_under_the_least_number_there_are_counts_only(loaded: LoadedByName) -> None:
    """Seven in the only arm, and estimates from eight on."""
    one_arm = loaded("one arm")
    groups = one_arm.trial.subgroups.model_copy(update={"minimum_per_arm": 8})
    board = board_of(one_arm, View.UNBLINDED)
    board.trial = one_arm.trial.model_copy(update={"subgroups": groups})
    for name in ("mortality", "survival_curve", "discharge"):
        shown = make(name, board)
        assert shown.figure is None
        assert any("Counts only" in note for note in shown.footnotes), name
        shares = table(shown).select(pl.selectors.contains("percent", "low", "high"))
        assert shares.drop("known_percent", strict=False).null_count().row(0) == (
            (table(shown).height,) * shares.drop("known_percent", strict=False).width
        )
    assert table(make("mortality", board))["participants"].to_list() == [1, 2]
    board.close()


def test_filters_choose_people_and_not_days(loaded: LoadedByName, people: list[Person]) -> None:
    board = board_of(loaded("two arms"), View.POOLED)
    before = {name: make(name, board).as_data()["table"] for name in SURVIVAL}
    board.choose(Filters(first_day=2, last_day=9))
    for name in SURVIVAL:
        shown = make(name, board)
        assert shown.as_data()["table"] == before[name]
        assert "study day" not in shown.population
        assert "The study days of the filters do not apply to this exhibit." in shown.footnotes
    board.choose(Filters(sexes=("F",)))
    women = loaded("two arms").dataset("dm").filter(pl.col("SEX") == "F")["USUBJID"].to_list()
    chosen = [one for one in people if one.subject in women]
    assert 0 < len(chosen) < 40
    shown = make("mortality", board)
    assert shown.population.endswith("only women")
    assert table(shown)["participants"][1] == sum(one.dead for one in chosen)
    assert table(make("survival_curve", board))["participants"].unique().to_list() == [len(chosen)]
    board.choose(Filters(sexes=("nobody",)))
    assert all("leave nobody" in make(name, board).missing for name in SURVIVAL)
    board.close()


# The listing


def test_the_listing_has_the_recorded_cause_unblinded_only(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    recorded = dict(demonstration_store.dataset("dd").select("USUBJID", "DDSTRESC").rows())
    shown = make("deaths", board("two arms", View.UNBLINDED))
    assert dict(table(shown).select("subject", "cause").rows()) == recorded
    for view in (View.POOLED, View.CODED):
        other = make("deaths", board("two arms", view))
        assert "cause" not in table(other).columns
        assert any("shown unblinded only" in note for note in other.footnotes)
        assert set(table(other)["subject"]) == set(recorded)
    pilot = make("deaths", board("three arms", View.UNBLINDED))
    assert any("no death details (DD)" in note for note in pilot.footnotes)


# Rules that the demonstration does not reach, one person each

HAND_CUTOFF = date(2023, 2, 15)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Board]:
    """Day 28 is 28 January for most, its window from the 25th to the 31st; see `EXPECTED`."""
    deaths = {2: "2023-01-08", 3: "2023-01-20", 4: "2023-02", 11: "2023-02-12", 13: "2023-01-03"}
    late = {11: "2023-02-10", 12: "2023-02-10"}

    def subject(number: int) -> str:
        return f"NCT05689008-01-{number:03}"

    dm = [
        {
            "STUDYID": "NCT05689008",
            "DOMAIN": "DM",
            "USUBJID": subject(number),
            "SUBJID": f"{number:03}",
            "SITEID": "01",
            "RFICDTC": "2023-01-01",
            "DMDTC": "2023-01-01",
            "AGE": "61",
            "AGEU": "YEARS",
            "SEX": "F",
            "DTHFL": "Y" if number in {*deaths, 5} else None,
            "DTHDTC": deaths.get(number),
        }
        for number in range(1, 15)
    ]
    ends = [
        (1, "COMPLETED", "2023-01-26"),
        (6, "LOST TO FOLLOW-UP", "2023-01-20"),
        (7, "WITHDRAWAL BY SUBJECT", "2023-01-05"),
        (14, "COMPLETED", "2023-01-28"),
    ]
    visits = [
        *((number, "BASELINE", "2023-01-01") for number in (*range(1, 9), 10, 14)),
        *((number, "BASELINE", "2023-02-10") for number in late),
        (1, "DAY 28", "2023-01-26"),
        (4, "DAY 21", "2023-01-21"),
        (5, "DAY 10", "2023-01-10"),
        (6, "DAY 14", "2023-01-13"),
        (8, "DAY 21", "2023-01-19"),
        (12, "DAY 5", "2023-02-14"),
        (14, "DAY 28", "2023-01-28"),
    ]
    stays = [
        (1, "HOSPITAL", "2022-12-30", "2023-01-10"),
        (2, "HOSPITAL", "2022-12-30", "2023-01-08"),
        (3, "HOSPITAL", "2022-12-30", "2023-01-05"),
        (4, "HOSPITAL", "2022-12-30", None),
        (5, "HOSPITAL", "2022-12-30", None),
        (6, "HOSPITAL", "2022-12-31", "2023-01-04"),
        (6, "HOSPITAL", "2023-01-04", "2023-01-09"),
        (7, "ICU", "2022-12-31", "2023-01-03"),
        (8, "HOSPITAL", "2022-12-01", "2022-12-20"),
        (10, "HOSPITAL", "2022-12-30", "2023-01"),
        (11, "HOSPITAL", "2023-02-09", None),
        (12, "HOSPITAL", "2023-02-09", None),
        (14, "HOSPITAL", "2022-12-30", "2023-01-06"),
        (14, "ICU", "2022-12-30", "2023-01-02"),
        (14, "HOSPITAL", "2023-01-09", None),
    ]
    randomized = [number for number in range(1, 15) if number != 13]
    frames = {
        "dm": pl.DataFrame(dm, infer_schema_length=None),
        "ds": pl.DataFrame(
            [
                {
                    "USUBJID": subject(number),
                    "DSDECOD": term,
                    "DSCAT": "DISPOSITION EVENT",
                    "DSSTDTC": when,
                }
                for number, term, when in ends
            ]
        ),
        "sv": pl.DataFrame(
            [
                {"USUBJID": subject(number), "VISIT": visit, "SVSTDTC": when}
                for number, visit, when in visits
            ]
        ),
        "ss": pl.DataFrame(
            [
                {
                    "USUBJID": subject(7),
                    "SSTESTCD": "SURVSTAT",
                    "SSSTRESC": "ALIVE",
                    "SSDTC": "2023-02-01",
                }
            ]
        ),
        "ho": pl.DataFrame(
            [
                {
                    "USUBJID": subject(number),
                    "HOTERM": place,
                    "HODECOD": place,
                    "HOSTDTC": start,
                    "HOENDTC": end,
                }
                for number, place, start, end in stays
            ],
            infer_schema_length=None,
        ),
        "randomization": pl.DataFrame(
            {
                "USUBJID": [subject(number) for number in randomized],
                "ARMCD": ["UCMSC" if number % 2 else "CONTROL" for number in randomized],
                "RANDDTC": [
                    None if number == 9 else late.get(number, "2023-01-01") for number in randomized
                ],
            }
        ),
    }
    folder = tmp_path_factory.mktemp("by-hand")
    loaded = load_frames(frames, load_trial("nct05689008"), key_pair, folder, HAND_CUTOFF)
    opened = board_of(loaded, View.POOLED)
    yield opened
    opened.close()


# Number of the person: whether dead, and the day; None where it has no date of randomization.
EXPECTED = {
    1: (False, 28),  # completed on day 26, in the window of day 28
    2: (True, 8),
    3: (True, 20),  # after discharge, which ends nothing
    4: (True, 32),  # in February, and nobody says when
    5: (True, 10),  # nobody says when; last seen on day 10
    6: (False, 13),  # came to day 14 on day 13, but is lost
    7: (False, 32),  # withdrew on day 5, and is known to live in February
    8: (False, 21),  # came to day 21 on day 19
    9: (False, None),
    10: (False, 1),  # came once
    11: (True, 3),  # day 28 is not due
    12: (False, 5),
    14: (False, 28),
}


def test_until_when_people_are_observed(by_hand: Board) -> None:
    schedule = [visit.model_dump() for visit in by_hand.trial.schedule]
    rows = by_hand.ask("survival/observed", schedule=schedule)
    found = Counter(rows.select("is_dead", "day").rows())
    assert found == Counter(EXPECTED.values())
    assert rows.filter("is_earliest")["day"].to_list() == [10, 32]
    assert any(
        note.startswith("2 deaths without a date")
        for note in make("survival_curve", by_hand).footnotes
    )


def test_deaths_by_hand(by_hand: Board) -> None:
    """Past day 28 ten: of these four died, three by day 28, and of three nothing is known then."""
    shown = make("mortality", by_hand)
    assert table(shown).select("group", "participants", "randomized", "not_known").rows() == [
        ("By day 28", 3, 7, 3),
        ("In all", 5, 13, None),
    ]
    assert any("1 participant without a date of randomization" in note for note in shown.footnotes)


def test_vital_status_by_hand(by_hand: Board) -> None:
    states = ("died", "alive", "not_known", "not_due", "undated")
    shown = make("vital_status", by_hand)
    rows = {row["asked_day"]: row for row in table(shown).to_dicts()}
    assert [rows[14][state] for state in states] == [3, 6, 2, 1, 1]
    assert [rows[28][state] for state in states] == [4, 4, 3, 1, 1]
    assert (rows[28]["known"], rows[28]["past"], rows[28]["known_past_percent"]) == (8, 10, 70.0)
    assert "Warning: the vital status on day 28 is known of 62 % only, under 80 %." in shown.answer


def test_discharge_by_hand(by_hand: Board) -> None:
    schedule = [visit.model_dump() for visit in by_hand.trial.schedule]
    rows = by_hand.ask("survival/hospital", schedule=schedule)
    assert sorted(rows.select("state", "day").rows(), key=str) == sorted(
        [
            ("discharged", 10),
            ("died", 8),  # on the day on which the stay ended
            ("discharged", 5),  # and died later
            ("died", 32),
            ("died", 10),
            ("discharged", 9),  # moved on day 4 from one stay to the next
            ("discharged", 3),  # intensive care alone is on record
            ("not_in_hospital", 21),  # the stay ended before
            ("undated", None),
            ("no_date", 1),
            ("died", 3),
            ("in_hospital", 5),
            ("discharged", 6),  # and came back
        ],
        key=str,
    )
    notes = " ".join(make("discharge", by_hand).footnotes)
    assert (
        "Not counted here: 1 without a stay on day 1 on record, 1 without a full date of "
        "discharge, 1 without a date of randomization." in notes
    )


def test_who_was_not_randomized_is_listed_and_marked(by_hand: Board) -> None:
    shown = make("deaths", by_hand)
    assert shown.answer == "5 of 13 (38 %) participants died. Not randomized: 1 death."
    listed = dict(table(shown).select("subject", "randomized").rows())
    assert {who: said for who, said in listed.items() if said == "no"} == {
        "NCT05689008-01-013": "no"
    }
    assert shown.row_lists == (0,) * 5 + (None,)
    assert len(by_hand.ask("people/who_died", arm=None)) == 5


def test_without_stays_discharge_is_not_known(board: BoardByName) -> None:
    shown = make("discharge", board("three arms", View.POOLED))
    assert "no stays in hospital (HO)" in shown.missing


def test_people_of_all_days_are_the_study_day_of_the_extract(people: list[Person]) -> None:
    """The oracle itself: nobody is observed beyond the cut-off, or before day 1."""
    assert all(1 <= one.day <= one.cutoff for one in people)
    assert {one.outcome for one in people} == {0, 1, 2}
    assert timedelta(0) <= CUTOFF - min(one.first for one in people)
