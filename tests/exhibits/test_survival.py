"""Deaths, survival, discharge and what is known of whom, recounted from the extract."""

from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from access import View
from exhibits import EXHIBITS, Exhibit, make
from exhibits.parts.words import signed
from queries.filters import Filters
from simulator import simulate
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from tests.exhibits.oxygenation_extract import Extract, day_of
from trials import load_trial

SURVIVAL = [name for name, item in EXHIBITS.items() if item.topic == "survival"]
PLANNED = {visit.visit: visit for visit in load_trial("nct05689008").schedule}
VISITS = {visit.visit: visit.day for visit in load_trial("nct05689008").schedule}


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


class Followed(Extract):
    """Until when each participant is known to have been alive, or on which day they died."""

    def __init__(self, loaded: LoadedTrial) -> None:
        super().__init__(loaded)
        self.last_day: dict[str, tuple[int, bool]] = {}
        for who, first in self.day_one.items():
            died = self.died[who]
            if died is not None and died <= self.cutoff:
                self.last_day[who] = ((died - first).days + 1, True)
                continue
            seen = max([first, *self.seen(who)])
            day = (seen - first).days + 1
            if who not in self.left:
                day = max([day, *self.reached(who)])
            self.last_day[who] = (min(day, (self.cutoff - first).days + 1), False)

    def reached(self, who: str) -> list[int]:
        """Planned days that were reached by a visit, or the end of the study, in their window."""
        visits = self.loaded.dataset("sv").filter(pl.col("USUBJID") == who)
        ended = self.loaded.dataset("ds").filter(
            (pl.col("USUBJID") == who) & (pl.col("DSDECOD") == "COMPLETED")
        )
        came = [
            (PLANNED[visit], text)
            for visit, text in visits.select("VISIT", "SVSTDTC").rows()
            if visit in PLANNED
        ]
        came += [(visit, text) for text in ended["DSSTDTC"] for visit in PLANNED.values()]
        days = []
        for visit, text in came:
            on = day_of(text)
            assert on is not None
            day = (on - self.day_one[who]).days + 1
            if on <= self.cutoff and visit.day - visit.window_before <= day <= visit.day:
                days.append(visit.day)
        return days

    def is_past(self, who: str, day: int) -> bool:
        """Whether the window of a planned day had closed."""
        after = {visit.day: visit.window_after for visit in PLANNED.values()}[day]
        return bool(self.date_of(who, day + after) <= self.cutoff)

    def seen(self, who: str) -> list[date]:
        """Dates by the cut-off: of visits, results, contacts, stays, events, and completion."""
        found = []
        results = (
            (name, f"{name.upper()}DTC") for name in ("lb", "vs", "re", "rs", "cp", "eg", "qs")
        )
        for name, column in (("sv", "SVSTDTC"), *results):
            rows = self.loaded.dataset(name).filter(
                (pl.col("USUBJID") == who) & pl.col("VISIT").is_in(list(VISITS))
            )
            found += [day_of(text) for text in rows[column]]
        contacts = self.loaded.dataset("ss").filter(
            (pl.col("USUBJID") == who) & (pl.col("SSSTRESC") == "ALIVE")
        )
        found += [day_of(text) for text in contacts["SSDTC"]]
        ended = self.loaded.dataset("ds").filter(
            (pl.col("USUBJID") == who) & (pl.col("DSDECOD") == "COMPLETED")
        )
        found += [day_of(text) for text in ended["DSSTDTC"]]
        stays = self.loaded.dataset("ho").filter(pl.col("USUBJID") == who)
        found += [day_of(text) for column in ("HOSTDTC", "HOENDTC") for text in stays[column]]
        events = self.loaded.dataset("ae").filter(pl.col("USUBJID") == who)
        found += [day_of(text) for text in events["AESTDTC"]]
        found += [day_of(text) for text in events.filter(pl.col("AEOUT") != "FATAL")["AEENDTC"]]
        return [on for on in found if on is not None and on <= self.cutoff]


@pytest.fixture(scope="module")
def followed(demonstration_store: LoadedTrial) -> Followed:
    return Followed(demonstration_store)


def product_limit(people: list[tuple[int, bool]], day: int) -> float:
    """Survival to a day, factor by factor."""
    alive = 1.0
    for when in sorted({on for on, dead in people if dead and on <= day}):
        at_risk = sum(on >= when for on, _ in people)
        alive *= 1 - sum(dead and on == when for on, dead in people) / at_risk
    return alive


def test_survival_is_the_product_limit_of_the_extract(
    board: BoardByName, followed: Followed
) -> None:
    rows = table(make("survival_curve", board("two arms", View.UNBLINDED)))
    assert set(rows["arm"]) == {"UC-MSC", "Control"}
    for row in rows.iter_rows(named=True):
        people = [end for who, end in followed.last_day.items() if followed.arm[who] == row["arm"]]
        assert row["participants"] == len(people)
        assert row["at_risk"] == sum(day >= row["day"] for day, _ in people)
        assert row["deaths"] == sum(dead and day <= row["day"] for day, dead in people)
        if row["survival_percent"] is not None:
            expected = 100 * product_limit(people, row["day"])
            assert row["survival_percent"] == pytest.approx(expected, abs=0.051)
    on_28 = {row["arm"]: row for row in rows.filter(pl.col("day") == 28).iter_rows(named=True)}
    apart = on_28["UC-MSC"]["survival_percent"] - on_28["Control"]["survival_percent"]
    assert on_28["UC-MSC"]["difference"] == pytest.approx(apart, abs=0.11)
    assert on_28["Control"]["difference"] is None
    assert rows["deaths"].max() == max(
        sum(dead for who, (_, dead) in followed.last_day.items() if followed.arm[who] == arm)
        for arm in ("UC-MSC", "Control")
    )


def test_deaths_by_day_28_are_of_those_who_could_be_followed_to_it(
    board: BoardByName, followed: Followed
) -> None:
    rows = table(make("mortality", board("two arms", View.UNBLINDED)))
    for arm in ("UC-MSC", "Control"):
        people = [who for who in followed.day_one if followed.arm[who] == arm]
        past = [who for who in people if followed.is_past(who, 28)]
        known = [
            who for who in past if followed.last_day[who][1] or followed.last_day[who][0] >= 28
        ]
        died = [
            who for who in known if followed.last_day[who][1] and followed.last_day[who][0] <= 28
        ]
        early, total = rows.filter(pl.col("arm") == arm).to_dicts()
        assert (early["participants"], early["randomized"]) == (len(died), len(past))
        ends = [followed.last_day[who] for who in people]
        assert early["percent"] == pytest.approx(100 - 100 * product_limit(ends, 28), abs=0.051)
        assert early["percent_low"] < early["percent"] < early["percent_high"]
        assert early["not_known"] == len(past) - len(known)
        assert (total["participants"], total["randomized"]) == (
            sum(followed.last_day[who][1] for who in people),
            len(people),
        )
    assert rows["participants"].sum() > 0
    # The same estimates as those of the curve, of deaths and not of lives.
    curve = table(make("survival_curve", board("two arms", View.UNBLINDED)))
    alive = {row["arm"]: row for row in curve.filter(pl.col("day") == 28).iter_rows(named=True)}
    for row in rows.filter(pl.col("group") == "By day 28").iter_rows(named=True):
        same = alive[row["arm"]]
        assert row["percent"] == pytest.approx(100 - same["survival_percent"], abs=0.11)
        assert row["percent_low"] == pytest.approx(100 - same["survival_percent_high"], abs=0.11)
        if same["difference"] is not None:
            assert row["difference"] == -same["difference"]
            assert row["difference_low"] == -same["difference_high"]


def test_each_day_has_everybody_once_and_says_of_whom_it_is_not_known(
    board: BoardByName, followed: Followed
) -> None:
    rows = table(make("vital_status", board("two arms", View.UNBLINDED)))
    states = ["died", "alive", "not_known", "not_due", "undated"]
    assert rows.select(pl.sum_horizontal(states) == pl.col("randomized")).to_series().all()
    for row in rows.iter_rows(named=True):
        counts: Counter[str] = Counter()
        for who, (last, dead) in followed.last_day.items():
            if followed.arm[who] != row["arm"]:
                continue
            if dead and last <= row["asked_day"]:
                counts["died"] += 1
            elif last >= row["asked_day"]:
                counts["alive"] += 1
            else:
                past = followed.is_past(who, row["asked_day"])
                counts["not_known" if past else "not_due"] += 1
        assert {state: row[state] for state in states if row[state]} == dict(counts)


def test_discharge_and_death_in_hospital_are_those_of_the_extract(
    board: BoardByName, followed: Followed
) -> None:
    rows = table(make("discharge", board("two arms", View.UNBLINDED)))
    stays = followed.loaded.dataset("ho").filter(pl.col("HODECOD") == "HOSPITAL")
    for arm in ("UC-MSC", "Control"):
        counts: Counter[str] = Counter()
        for who, first in followed.day_one.items():
            mine = stays.filter(pl.col("USUBJID") == who).select("HOSTDTC", "HOENDTC").rows()
            spans = [(day_of(start), day_of(end)) for start, end in mine]
            if followed.arm[who] != arm or not any(
                start is not None and start <= first and (end is None or end >= first)
                for start, end in spans
            ):
                continue
            counts["participants"] += 1
            ends = [end for _, end in spans if end is not None and first <= end <= followed.cutoff]
            out = [
                end
                for end in ends
                if not any(
                    (start or end) <= end and (other is None or other > end)
                    for start, other in spans
                )
            ]
            last, dead = followed.last_day[who]
            if out and ((day := (min(out) - first).days + 1) < last or not dead):
                counts["discharged"] += day <= 28
            elif dead:
                counts["died"] += last <= 28
        (row,) = rows.filter((pl.col("arm") == arm) & (pl.col("day") == 28)).to_dicts()
        found = {name: row[name] for name in ("participants", "discharged", "died")}
        assert found == dict(counts)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("name", SURVIVAL)
def test_behind_a_row_are_the_participants_it_is_about(
    board: BoardByName, name: str, view: View
) -> None:
    if view < EXHIBITS[name].least_view:
        return
    opened = board("two arms", view)
    shown = make(name, opened)
    rows = table(shown)
    assert len(shown.row_lists) == rows.height
    counted = {
        "mortality": "participants",
        "vital_status": "not_known",
        "deaths_compared": "deaths",
    }.get(name)
    for row, place in zip(rows.iter_rows(named=True), shown.row_lists, strict=True):
        if place is None:
            continue
        people = shown.lists[place]
        found = opened.ask(people.question, **dict(people.values))
        assert found["subject"].n_unique() == found.height
        assert found["why"].null_count() == 0
        if counted is not None:
            assert found.height == row[counted]
    for number in shown.numbers:
        if number.people is not None:
            found = opened.ask(number.people.question, **dict(number.people.values))
            assert number.value.startswith((f"{found.height:,} of ", f"{found.height:,} to "))


def test_days_of_the_filters_do_not_shorten_survival(demonstration_store: LoadedTrial) -> None:
    opened = board_of(demonstration_store, View.POOLED)
    whole = table(make("survival_curve", opened))
    opened.choose(Filters(first_day=1, last_day=3))
    shown = make("survival_curve", opened)
    assert table(shown).equals(whole)
    assert any("do not apply" in note for note in shown.footnotes)
    assert "study day" not in shown.population
    opened.choose(Filters(sexes=("F",)))
    assert table(make("survival_curve", opened))["participants"][0] < whole["participants"][0]
    opened.close()


@pytest.fixture(scope="module")
def short_of_news(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> tuple[LoadedTrial, str]:
    """Of most of one arm nothing is recorded after day 7; one screened person has died."""
    trial = load_trial("nct05689008")
    frames = dict(simulate(trial, participants=24, seed=8, cutoff=date(2024, 6, 1)))
    lost = frames["randomization"].filter(pl.col("ARMCD") == "UCMSC")["USUBJID"].to_list()[:9]
    late = [visit for visit, day in VISITS.items() if day > 7]
    for name in ("sv", "lb", "vs", "re", "rs", "qs", "cp", "eg"):
        frames[name] = frames[name].filter(
            ~(pl.col("USUBJID").is_in(lost) & pl.col("VISIT").is_in(late))
        )
    frames["ss"] = frames["ss"].filter(~pl.col("USUBJID").is_in(lost))
    frames["ho"] = frames["ho"].filter(~pl.col("USUBJID").is_in(lost))
    of_end = ["COMPLETED", "DEATH", "LOST TO FOLLOW-UP", "WITHDRAWAL BY SUBJECT"]
    frames["ds"] = frames["ds"].filter(
        ~(pl.col("USUBJID").is_in(lost) & pl.col("DSDECOD").is_in(of_end))
    )
    randomized = frames["randomization"]["USUBJID"].implode()
    screened = frames["dm"].filter(~pl.col("USUBJID").is_in(randomized))["USUBJID"][0]
    is_dead = pl.col("USUBJID") == screened
    is_lost = pl.col("USUBJID").is_in(lost)
    frames["dm"] = frames["dm"].with_columns(
        DTHFL=pl.when(is_dead).then(pl.lit("Y")).when(~is_lost).then("DTHFL"),
        DTHDTC=pl.when(is_dead).then(pl.lit("2023-12-24")).when(~is_lost).then("DTHDTC"),
    )
    folder = tmp_path_factory.mktemp("short-of-news")
    return load_frames(frames, trial, key_pair, folder, date(2024, 6, 1)), screened


def test_too_few_known_is_a_warning_of_the_arm(short_of_news: tuple[LoadedTrial, str]) -> None:
    opened = board_of(short_of_news[0], View.UNBLINDED)
    for name in ("survival_curve", "vital_status"):
        said = make(name, opened).answer
        assert "Warning: vital status on day 28 is known for only" in said
        assert " past it in UC-MSC (below 90 %)." in said
    # The overview has what needs attention of the deaths.
    attention = make("mortality", opened).attention
    assert attention.endswith(said[said.index("Warning: vital status on day 28") :])
    opened.close()


def test_a_death_before_randomization_is_listed_and_not_counted(
    short_of_news: tuple[LoadedTrial, str],
) -> None:
    loaded, screened = short_of_news
    opened = board_of(loaded, View.POOLED)
    shown = make("deaths", opened)
    rows = table(shown)
    (row,) = rows.filter(pl.col("subject") == screened).to_dicts()
    assert (row["randomized"], row["arm"], row["study_day"]) == ("no", None, None)
    assert shown.answer.endswith("Not randomized: 1 death.")
    assert f"{rows.filter(pl.col('randomized') == 'yes').height} of 24" in shown.answer
    opened.close()


def test_a_cause_is_shown_where_sealed_records_are(board: BoardByName) -> None:
    pooled, coded, unblinded = (
        table(make("deaths", board("two arms", view))).columns for view in View
    )
    assert "cause" not in pooled + coded
    assert "cause" in unblinded
    recorded = table(make("deaths", board("two arms", View.UNBLINDED)))["cause"]
    assert recorded.drop_nulls().len() > 0


# The picture, and the test beside it


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
    followed: Followed, board: BoardByName
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
        died = {
            who: day
            for who, (day, dead) in followed.last_day.items()
            if dead and followed.arm[who] == arm
        }
        assert marked == sorted(set(died.values()))
        behind = shown.lists[curve.customdata[-1]]
        found = opened.ask(behind.question, **dict(behind.values))
        assert found["subject"].to_list() == sorted(died)


def test_the_log_rank_test_is_secondary_and_only_with_enough_deaths(
    followed: Followed, board: BoardByName
) -> None:
    """Two arms: the sum over days of observed less expected deaths, squared, over its variance."""
    people = [(*end, followed.arm[who] == "UC-MSC") for who, end in followed.last_day.items()]
    excess = variance = 0.0
    for now in sorted({day for day, dead, _ in people if dead}):
        there = [one for one in people if one[0] >= now]
        n, d = len(there), sum(dead and day == now for day, dead, _ in there)
        share = sum(ours for _, _, ours in there) / n
        excess += sum(dead and day == now and ours for day, dead, ours in there) - d * share
        variance += d * share * (1 - share) * (n - d) / (n - 1)
    notes = " ".join(make("survival_curve", board("two arms", View.UNBLINDED)).footnotes)
    said = f"χ² {excess**2 / variance:.2f} on 1 df"
    assert f"Secondary: log-rank test (Mantel 1966) over all follow-up, {said}" in notes
    assert "log-rank" not in make("survival_curve", board("two arms", View.UNBLINDED)).answer
    pilot = " ".join(make("survival_curve", board("three arms", View.UNBLINDED)).footnotes)
    assert "No log-rank test: fewer than 10 deaths." in pilot
    pooled = " ".join(make("survival_curve", board("two arms", View.POOLED)).footnotes)
    assert "og-rank" not in pooled


# In words


def test_a_difference_stands_beside_the_day_that_it_is_of(board: BoardByName) -> None:
    """More deaths is less survival, so that each says what its points are of."""
    opened = board("two arms", View.CODED)
    shown = make("mortality", opened)
    rows = table(shown).to_dicts()
    early, total = (
        [row for row in rows if row["group"] == group] for group in ("By day 28", "In all")
    )

    def counts(part: list[dict[str, Any]]) -> str:
        return ", ".join(
            f"{row['participants']} of {row['randomized']} in {row['arm']}" for row in part
        )

    by_day, in_all = shown.answer.split(" Deaths in all: ")
    for row in early:
        counts_of = f"{row['participants']} of {row['randomized']} past it"
        assert f"{row['percent']} % of {row['arm']} died by Kaplan–Meier (95 % " in by_day
        assert counts_of in by_day
    assert f"; Arm B minus Arm A: {signed(early[1]['difference'])} percentage points" in by_day
    assert " percentage points of deaths (95 % " in by_day
    # Of one nothing is known, in whichever arm: the range if they are dead, or alive.
    mine, theirs = early[1], early[0]
    least = mine["participants"] - theirs["participants"] - theirs["not_known"]
    most = mine["participants"] + mine["not_known"] - theirs["participants"]
    span = f"{signed(100 * least / 17)} to {signed(100 * most / 17)} percentage points."
    assert by_day.endswith(f"Arm B minus Arm A: {span}")
    assert in_all.endswith(f": {counts(total)}.")
    assert "minus" not in in_all
    curve = make("survival_curve", opened)
    (row,) = table(curve).drop_nulls("difference").to_dicts()
    assert (
        f"; Arm B minus Arm A: {signed(row['difference'])} percentage points of survival (95 % "
        in curve.answer
    )


def test_days_of_survival_and_discharge_are_written_from_1_to_the_day_asked(
    board: BoardByName,
) -> None:
    opened = board("two arms", View.CODED)
    survival, discharge = (make(name, opened).figure for name in ("survival_curve", "discharge"))
    assert survival is not None
    assert discharge is not None
    axes = (survival.layout.xaxis, discharge.layout.xaxis, discharge.layout.xaxis2)
    for axis in axes:
        assert list(axis.tickvals) == [1, 7, 14, 21, 28]
        assert axis.range[1] > 28
    for figure in (survival, discharge):
        lines = [trace for trace in figure.data if trace.line.shape == "hv"]
        assert all(trace.x[0] == 1 for trace in lines)
    titles = [
        axis.title.text.replace("<br>", " ").replace("\u00a0", " ")
        for axis in (discharge.layout.yaxis, discharge.layout.yaxis2)
    ]
    assert titles == ["Participants discharged alive, %", "Participants who died, %"]
    assert make("discharge", opened).labels["at_risk"] == "At risk"
    # Where nobody is left, the curve goes on to the day that the sentence is of.
    rows = table(make("discharge", opened)).filter(pl.col("day") == 28)
    for arm, percent in rows.select("arm", "discharged_percent").rows():
        (curve,) = (one for one in discharge.data if one.name == arm and one.xaxis == "x")
        if percent is not None:
            assert (curve.x[-1] >= 28, curve.y[-1]) == (True, percent)
