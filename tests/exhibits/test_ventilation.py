"""Days free of ventilation against days counted one by one from the extract."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from access import View
from exhibits import make
from simulator import simulate
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from tests.exhibits.oxygenation_extract import RANKS, Extract, day_of, table
from trials import load_trial

HORIZON = 28
# The visit of that day may be so much later.
WINDOW = timedelta(days=3)


@pytest.fixture(scope="module")
def extract(demonstration_store: LoadedTrial) -> Extract:
    return Extract(demonstration_store)


def free_days(extract: Extract, who: str, least_rank: int) -> int | None:
    """Day by day: the last supported one is searched from the horizon backwards."""
    first = extract.day_one[who]
    last = first + timedelta(days=HORIZON - 1)
    if last + WINDOW > extract.cutoff:
        return None
    died = extract.died[who]
    if died is not None and died <= last:
        return 0
    if (left := extract.left.get(who)) is not None and left < last:
        return None
    supported: set[date] = set()
    for row in extract.loaded.dataset("pr").filter(pl.col("USUBJID") == who).to_dicts():
        if RANKS.get(row["PRDECOD"], 0) < least_rank:
            continue
        start, end = day_of(row["PRSTDTC"]), day_of(row["PRENDTC"])
        assert start is not None
        assert end is not None or not row["PRENDTC"]
        end = end or last + timedelta(days=2)
        supported |= {start + timedelta(days=n) for n in range((end - start).days + 1)}
    days = [first + timedelta(days=n) for n in range(HORIZON)]
    with_support = [day for day in days if day in supported]
    if not with_support:
        return HORIZON
    off = with_support[-1]
    if off == last or {off + timedelta(days=n) for n in (1, 2)} & supported:
        return 0
    return (last - off).days


def counted(extract: Extract, least_rank: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for who in extract.day_one:
        days = free_days(extract, who, least_rank)
        if days is not None:
            found.setdefault(extract.arm[who], []).append(days)
    return found


@pytest.mark.parametrize(
    ("name", "least_rank"), [("ventilator_free", 3), ("higher_support_free", 2)]
)
def test_free_days_are_those_of_the_extract(
    board: BoardByName, extract: Extract, name: str, least_rank: int
) -> None:
    expected = counted(extract, least_rank)
    shown = make(name, board("two arms", View.UNBLINDED))
    rows = {row["arm"]: row for row in table(shown).iter_rows(named=True)}
    assert set(rows) == set(expected)
    for arm, days in expected.items():
        row = rows[arm]
        assert row["n"] == len(days)
        assert row["median"] == median(days)
        assert row["full"] == days.count(HORIZON)
        assert row["died"] + row["supported"] == days.count(0)
        assert 0 < row["between"] == len(days) - days.count(0) - days.count(HORIZON)
        assert row["of"] == row["n"] + row["to_come"] + row["not_observed"] + row["undated"]
    # What the arms are compared by, from another library.
    test = stats.mannwhitneyu(expected["UC-MSC"], expected["Control"])
    size = len(expected["UC-MSC"]) * len(expected["Control"])
    assert rows["UC-MSC"]["win_percent"] == pytest.approx(100 * test.statistic / size, abs=0.051)
    assert rows["Control"]["win_percent"] is None
    assert shown.numbers[0].label == "Better in UC-MSC than in Control"


def test_free_days_are_drawn_as_the_share_with_at_least_so_many(
    board: BoardByName, extract: Extract
) -> None:
    expected = counted(extract, 3)
    drawn = make("ventilator_free", board("two arms", View.UNBLINDED)).figure
    assert drawn is not None
    for trace in drawn.data:
        days = expected[trace.name]
        shares = [100 * sum(one >= value for one in days) / len(days) for value in trace.x]
        assert list(trace.y) == pytest.approx(shares)


def test_all_arms_together_are_compared_with_nobody(board: BoardByName) -> None:
    shown = make("ventilator_free", board("two arms", View.POOLED))
    assert shown.numbers == ()
    assert "win_percent" not in table(shown).columns


def test_invasive_ventilation_is_that_of_the_extract(board: BoardByName, extract: Extract) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for who in extract.day_one:
        until, fate = extract.date_of(who, 28), extract.fate(who, 28)
        spans = [
            (day_of(row["PRSTDTC"]) or until, day_of(row["PRENDTC"]) or date.max)
            for row in extract.loaded.dataset("pr").filter(pl.col("USUBJID") == who).to_dicts()
            if RANKS.get(row["PRDECOD"], 0) >= 3
        ]
        ever = [end for start, end in spans if start <= until and end >= extract.day_one[who]]
        state = fate
        if until + WINDOW > extract.cutoff:
            state = "Not past the day"
        elif fate not in ("Died", "Left the study"):
            state = "Never ventilated"
            if ever:
                state = "Still ventilated" if max(ever) >= until else "Ventilated, no longer"
        counts[extract.arm[who], state] += 1
    rows = table(make("invasive_ventilation", board("two arms", View.UNBLINDED)))
    found = rows.filter(pl.col("participants") > 0).select("arm", "state", "participants").rows()
    assert {(arm, state): n for arm, state, n in found} == dict(counts)
    assert counts["UC-MSC", "Ventilated, no longer"] > 0


@pytest.mark.parametrize("view", list(View))
def test_deaths_by_the_day_are_those_of_survival(board: BoardByName, view: View) -> None:
    """One rule of who counts: past the day. Some have reached the day and are not past it."""
    opened = board("two arms", view)
    deaths = table(make("mortality", opened)).filter(pl.col("group") == f"By day {HORIZON}")
    with_status = pl.col("randomized") - pl.col("not_known")
    expected = set(deaths.select("arm", "participants", with_status).rows())
    for name in ("ventilator_free", "higher_support_free"):
        free = make(name, opened)
        assert set(table(free).select("arm", "died", "n").rows()) == expected
        assert f"past day {HORIZON}" in free.population
        assert f"of those past day {HORIZON}" in free.answer
    ventilated = make("invasive_ventilation", opened)
    rows = table(ventilated)
    known = ["Died", "Still ventilated", "Ventilated, no longer", "Never ventilated"]
    found = {
        (
            arm,
            of_arm.filter(pl.col("state") == "Died")["participants"].sum(),
            of_arm.filter(pl.col("state").is_in(known))["participants"].sum(),
        )
        for (arm,), of_arm in rows.group_by("arm")
    }
    assert found == expected
    assert ventilated.answer.startswith(f"Of those past day {HORIZON}: ")
    assert f"past day {HORIZON}" in ventilated.population


def test_who_has_reached_the_day_and_is_not_past_it_does_not_count(
    board: BoardByName, extract: Extract
) -> None:
    reached = {
        who: extract.date_of(who, HORIZON) + WINDOW > extract.cutoff
        for who in extract.day_one
        if extract.date_of(who, HORIZON) <= extract.cutoff
    }
    assert any(reached.values())
    opened = board("two arms", View.UNBLINDED)
    counted = set()
    for people in make("invasive_ventilation", opened).lists:
        if dict(people.values)["state"] != "to_come":
            counted |= set(opened.ask(people.question, **dict(people.values))["subject"])
    assert counted == {who for who, too_early in reached.items() if not too_early}


def test_of_whom_nothing_is_known_on_the_day_is_not_free_of_ventilation(
    tmp_path: Path, key_pair: KeyPair
) -> None:
    """Past the day, without an end of the study, and not heard of since day 1."""
    trial, cutoff = load_trial("nct05689008"), date(2024, 6, 1)
    frames = dict(simulate(trial, participants=12, seed=5, cutoff=cutoff))
    alive = set(frames["dm"].filter(pl.col("DTHDTC").is_null())["USUBJID"])
    who = next(one for one in frames["randomization"]["USUBJID"] if one in alive)
    for name in set(frames) - {"dm", "randomization", "simulation"}:
        frames[name] = frames[name].filter(
            (pl.col("USUBJID") != who)
            | (pl.col("VISIT") == "BASELINE" if "VISIT" in frames[name].columns else False)
        )
    opened = board_of(load_frames(frames, trial, key_pair, tmp_path, cutoff), View.POOLED)
    for people in make("invasive_ventilation", opened).lists:
        values = dict(people.values)
        found = who in opened.ask(people.question, **values)["subject"].to_list()
        assert found == (values["state"] == "not_known")
    (row,) = table(make("ventilator_free", opened)).to_dicts()
    opened.close()
    assert row["not_observed"] >= 1
