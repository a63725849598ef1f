"""Enrollment against numbers that no code of ours made: counted from the extract, or published."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access import View
from estimators.accrual import AccrualPlan, count_path, probability_of_target_by, time_to_target
from exhibits import Exhibit, make
from snapshots import Snapshot
from tests.conftest import HOSTILE, LoadedTrial, Troubled, board_of, examples
from tests.exhibits.conftest import STORES, LoadedByName

MONTH = 365.25 / 12

# CDISC Pilot 01, from its DM (screened, by DMDTC) and SV (BASELINE, by SVSTDTC).
PILOT_MONTHS = {
    "2012-07": (6, 5), "2012-08": (6, 2), "2012-09": (12, 12), "2012-10": (14, 10),
    "2012-11": (12, 8), "2012-12": (15, 15), "2013-01": (19, 13), "2013-02": (22, 21),
    "2013-03": (11, 12), "2013-04": (13, 12), "2013-05": (10, 14), "2013-06": (15, 7),
    "2013-07": (11, 12), "2013-08": (18, 14), "2013-09": (19, 15), "2013-10": (16, 17),
    "2013-11": (13, 7), "2013-12": (23, 16), "2014-01": (15, 16), "2014-02": (15, 8),
    "2014-03": (10, 8), "2014-04": (6, 5), "2014-05": (3, 3), "2014-06": (1, 0),
    "2014-07": (0, 1), "2014-08": (1, 0), "2014-09": (0, 1),
}  # fmt: skip


def pooled(loaded: LoadedTrial, name: str, snapshot: Snapshot | None = None) -> Exhibit:
    return make(name, board_of(loaded, View.POOLED, snapshot))


def numbers_of(shown: Exhibit) -> dict[str, str]:
    return {number.label: number.value for number in shown.numbers}


def rows_of(shown: Exhibit, *columns: str) -> list[tuple[object, ...]]:
    assert shown.table is not None
    return shown.table.select(columns).rows()


def in_words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def days_of(loaded: LoadedTrial) -> pl.DataFrame:
    """Subject, site, day of screening and day of randomization, from the extract as written."""
    people = loaded.dataset("dm").select(
        pl.col("USUBJID").alias("subject"),
        pl.col("SITEID").alias("site"),
        pl.min_horizontal("RFICDTC", "DMDTC").str.to_date().alias("screened"),
    )
    if (loaded.extract / "randomization.parquet").exists():
        listed = loaded.dataset("randomization").select("USUBJID", "RANDDTC")
    else:
        listed = (
            loaded.dataset("sv").filter(pl.col("VISIT") == "BASELINE").select("USUBJID", "SVSTDTC")
        )
    dates = listed.select(
        pl.col(listed.columns[0]).alias("subject"),
        pl.col(listed.columns[1]).str.to_date().alias("randomized"),
    )
    return people.join(dates, on="subject", how="left")


# Counts


def test_the_pilot_has_its_published_numbers(pilot_store: LoadedTrial) -> None:
    flow = numbers_of(pooled(pilot_store, "screening_flow"))
    assert flow == {
        "Screened": "306",
        "In screening": "0",
        "Failed": "52",
        "Randomized": "254",
    }
    sites = pooled(pilot_store, "enrollment_by_site")
    assert sites.table is not None
    assert sites.table.height == 17
    assert sites.denominator == "17 of 17 planned sites have randomized"
    months = rows_of(pooled(pilot_store, "enrollment_by_month"), "month", "screened", "randomized")
    assert months == [(month, *counts) for month, counts in PILOT_MONTHS.items()]


@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
def test_a_month_counts_who_was_screened_and_randomized_in_it(
    loaded: LoadedByName, store: str
) -> None:
    days = days_of(loaded(store))
    counted = {
        kind: Counter(f"{day:%Y-%m}" for day in days[kind].drop_nulls())
        for kind in ("screened", "randomized")
    }
    shown = rows_of(pooled(loaded(store), "enrollment_by_month"), "month", "screened", "randomized")
    assert shown == [
        (month, counted["screened"][str(month)], counted["randomized"][str(month)])
        for month, *_ in shown
    ]
    assert sum(counted["screened"].values()) == sum(int(str(row[1])) for row in shown)
    months = [date.fromisoformat(f"{month}-01") for month, *_ in shown]
    assert all((later - earlier).days in range(28, 32) for earlier, later in pairwise(months))


@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
def test_a_site_counts_its_own(loaded: LoadedByName, store: str) -> None:
    counted = (
        days_of(loaded(store))
        .group_by("site")
        .agg(
            screened=pl.len().cast(pl.Int64),
            randomized=pl.col("randomized").count().cast(pl.Int64),
            first=pl.col("randomized").min(),
            last=pl.col("randomized").max(),
        )
    )
    columns = ("site", "screened", "randomized", "first_randomization", "last_randomization")
    shown = pooled(loaded(store), "enrollment_by_site")
    assert sorted(rows_of(shown, *columns), key=str) == sorted(counted.rows(), key=str)
    assert shown.table is not None
    assert shown.table["randomized"].is_sorted(descending=True)


@pytest.mark.parametrize("store", STORES)
def test_the_bars_of_a_site_add_up_to_who_was_screened(loaded: LoadedByName, store: str) -> None:
    shown = pooled(loaded(store), "enrollment_by_site")
    lengths: Counter[str] = Counter()
    for trace in traces_of(shown):
        lengths.update(dict(zip(trace.y, trace.x, strict=True)))
    assert sorted(lengths.items()) == sorted(rows_of(shown, "site", "screened"), key=str)
    assert shown.figure is not None
    left, right = shown.figure.layout.xaxis.range
    assert left == 0
    assert right >= max(lengths.values())


@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
def test_the_curve_rises_to_everybody_who_is_randomized(loaded: LoadedByName, store: str) -> None:
    dates = sorted(days_of(loaded(store))["randomized"].drop_nulls())
    shown = pooled(loaded(store), "cumulative_enrollment")
    assert shown.table is not None
    curve = shown.table.filter(pl.col("series") == "randomized")
    assert curve.select("date", "participants").rows() == [
        (day, sum(other <= day for other in dates)) for day in sorted(set(dates))
    ]
    (drawn,) = [trace for trace in traces_of(shown) if trace.name == "Randomized"]
    assert max(drawn.y) == drawn.y[-1] == len(dates)


@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
def test_days_to_randomization_are_counted_from_screening(loaded: LoadedByName, store: str) -> None:
    both = days_of(loaded(store)).drop_nulls(["screened", "randomized"])
    waits = sorted((both["randomized"] - both["screened"]).dt.total_days())
    shown = pooled(loaded(store), "time_to_randomization")
    assert rows_of(shown, "days", "participants") == sorted(Counter(waits).items())
    middle = waits[(len(waits) - 1) // 2]
    assert f"within {middle} day" in shown.answer


@pytest.mark.parametrize("store", STORES)
def test_the_screening_flow_adds_up(loaded: LoadedByName, store: str) -> None:
    shown = pooled(loaded(store), "screening_flow")
    flow = {label: int(value) for label, value in numbers_of(shown).items()}
    assert flow["Screened"] == loaded(store).dataset("dm").height
    assert flow["Screened"] == flow["Failed"] + flow["In screening"] + flow["Randomized"]


def test_reasons_are_those_of_screen_failures(demonstration_store: LoadedTrial) -> None:
    records = demonstration_store.dataset("ie")
    days = days_of(demonstration_store)
    failed = days.filter(pl.col("randomized").is_null())["subject"].implode()
    unmet = records.filter(
        pl.col("IESTRESC")
        == pl.when(pl.col("IECAT") == "INCLUSION").then(pl.lit("N")).otherwise(pl.lit("Y")),
        pl.col("USUBJID").is_in(failed),
    )
    counted = Counter(unmet.unique(["USUBJID", "IETESTCD"])["IETESTCD"])
    assert counted
    labels = {item.id: item.label for item in demonstration_store.trial.criteria}
    shown = pooled(demonstration_store, "screening_flow")
    assert shown.table is not None
    reasons = shown.table.filter(pl.col("part") != "flow").select("step", "participants").rows()
    assert dict(reasons) == {labels[name]: count for name, count in counted.items()}
    (bars,) = traces_of(shown)
    lines = [label.split("<br>") for label in bars.y]
    drawn = [(" ".join(parts), count) for parts, count in zip(lines, bars.x, strict=True)]
    assert drawn == reasons
    # On a telephone a longer line is cut off at its beginning.
    assert max(len(line) for parts in lines for line in parts) <= 24


def test_without_the_dataset_of_criteria_reasons_are_not_known(pilot_store: LoadedTrial) -> None:
    shown = pooled(pilot_store, "screening_flow")
    assert shown.table is not None
    # The pilot's dispositions say that 52 failed screening, and in no words why.
    reasons = shown.table.filter(pl.col("part") == "reason")
    assert reasons.select("step", "participants").rows() == [("Reason not recorded", 52)]
    assert "no dataset IE" in " ".join(shown.footnotes)
    checked = pooled(pilot_store, "randomized_though_ineligible")
    assert "no dataset IE" in checked.footnotes[1]


def traces_of(shown: Exhibit) -> tuple[go.Scatter, ...]:
    assert shown.figure is not None
    return tuple(shown.figure.data)


# What goes wrong in real extracts


def test_who_has_no_site_is_counted_and_is_no_site(troubled: Troubled) -> None:
    shown = pooled(troubled.loaded, "enrollment_by_site")
    assert shown.table is not None
    assert set(shown.table["site"]) == {"01", "(no site)", HOSTILE, "=HYPERLINK(A1)"}
    assert shown.table["screened"].sum() == troubled.loaded.dataset("dm").height
    assert shown.denominator.startswith("3 of 1 planned sites")


def test_text_of_an_extract_is_no_markup_in_a_figure(troubled: Troubled) -> None:
    for name in ("enrollment_by_site", "findings_by_site"):
        shown = pooled(troubled.loaded, name)
        assert shown.figure is not None
        drawn = shown.figure.to_json()
        assert "&lt;img src=x" in drawn.replace("\\u003c", "<").replace("\\u003e", ">").replace(
            "\\u0026", "&"
        )
        assert "<img" not in drawn.replace("\\u003c", "<")


def test_a_failure_without_a_criterion_of_the_protocol_is_counted(troubled: Troubled) -> None:
    """One has no record at all, one a criterion that the protocol does not have."""
    shown = pooled(troubled.loaded, "screening_flow")
    written = "Inclusion or exclusion criteria not fulfilled"
    assert (written, 2) in rows_of(shown, "step", "participants")


def test_who_is_randomized_without_a_date_is_counted_and_not_drawn(troubled: Troubled) -> None:
    loaded = troubled.loaded
    randomized = loaded.dataset("randomization").height
    shown = pooled(loaded, "cumulative_enrollment")
    assert shown.denominator.endswith("; 1 without a date of randomization are not drawn")
    (drawn,) = [trace for trace in traces_of(shown) if trace.name == "Randomized"]
    assert max(drawn.y) == randomized - 1
    assert numbers_of(pooled(loaded, "enrollment_progress"))["Randomized"] == f"{randomized} of 60"


def test_who_is_too_young_is_found(troubled: Troubled, demonstration_store: LoadedTrial) -> None:
    shown = pooled(troubled.loaded, "randomized_though_ineligible")
    assert ("DM-111", 1) in rows_of(shown, "check", "participants")
    assert "found participants who were randomized" in shown.answer
    nobody = pooled(demonstration_store, "randomized_though_ineligible")
    assert nobody.answer.startswith("Nobody was found")
    assert "IE" in nobody.footnotes[1]
    assert "Age 18 to 85 years" in nobody.footnotes[1]


# Accrual


def plan_of(loaded: LoadedTrial) -> AccrualPlan:
    accrual = loaded.trial.accrual
    return AccrualPlan(accrual.target, accrual.months, accrual.prior_weight)


@pytest.mark.parametrize("place", [0, 1])
def test_the_projection_is_the_estimators_at_the_cut_off(
    demonstration_store: LoadedTrial, place: int
) -> None:
    snapshot = demonstration_store.snapshots[place]
    start, end = date(2023, 1, 15), date(2024, 1, 15)
    randomized = sum(
        day <= snapshot.manifest.cutoff
        for day in days_of(demonstration_store)["randomized"].drop_nulls()
    )
    elapsed = (snapshot.manifest.cutoff - start).days / MONTH
    forecast = time_to_target(plan_of(demonstration_store), randomized, elapsed)
    on_time = probability_of_target_by(plan_of(demonstration_store), randomized, elapsed, 12)
    expected, early, late = (
        in_words(start + timedelta(days=round(months * MONTH)))
        for months in (forecast.median, forecast.low, forecast.high)
    )
    planned = round(60 * elapsed / 12)
    shown = pooled(demonstration_store, "enrollment_progress", snapshot)
    told = {number.label: (number.value, number.remark) for number in shown.numbers}
    assert told["Randomized"] == (
        f"{randomized} of 60",
        f"{100 * randomized / 60:.1f} % of the planned target",
    )
    apart = f"{randomized - planned:+d}".replace("-", "\N{MINUS SIGN}")
    assert told["Planned by now"] == (f"{planned}", f"{apart} against plan")
    assert told["Target expected"] == (expected, f"95 % interval {early} to {late}")
    # The registration gives no period of recruitment.
    assert told["On time"] == (
        f"{100 * on_time:.1f} %",
        f"probability by {in_words(end)} (assumed plan)",
    )
    assert shown.answer.endswith(f" is {100 * on_time:.1f} % (assumed plan).")
    assert expected in shown.answer
    assert [tuple(row) for row in rows_of(shown, "item", "value")] == list(
        numbers_of(shown).items()
    )


def fan_of(shown: Exhibit) -> pl.DataFrame:
    assert shown.table is not None
    return shown.table.filter(pl.col("series") == "projected")


@pytest.mark.parametrize("place", [0, 1])
def test_the_fan_opens_at_the_cut_off_and_never_falls(
    demonstration_store: LoadedTrial, place: int
) -> None:
    snapshot = demonstration_store.snapshots[place]
    shown = pooled(demonstration_store, "cumulative_enrollment", snapshot)
    fan = fan_of(shown)
    randomized = int(
        numbers_of(pooled(demonstration_store, "enrollment_progress", snapshot))[
            "Randomized"
        ].split()[0]
    )
    assert fan.row(0)[0] == snapshot.manifest.cutoff
    assert (
        fan.select("participants_low", "participants", "participants_high").row(0)
        == (randomized,) * 3
    )
    check_fan(fan, randomized, 60)
    assert fan["participants_high"][-1] == 60
    # The same fan in the picture: along the top there, along the bottom back.
    (band,) = [trace for trace in traces_of(shown) if trace.name == "95 % interval"]
    assert list(band.y) == [*fan["participants_high"], *reversed(fan["participants_low"])]
    (middle,) = [trace for trace in traces_of(shown) if trace.name == "Projection"]
    assert list(middle.y) == fan["participants"].to_list()


def check_fan(fan: pl.DataFrame, randomized: int, target: int) -> None:
    for column in ("date", "participants_low", "participants", "participants_high"):
        assert fan[column].is_sorted(), column
    for low, middle, high in fan.select(
        "participants_low", "participants", "participants_high"
    ).rows():
        assert randomized <= low <= middle <= high <= target


def test_the_fan_is_the_estimators(demonstration_store: LoadedTrial) -> None:
    """At the days of the fan, up to the rounding of a day."""
    fan = fan_of(pooled(demonstration_store, "cumulative_enrollment"))
    start = demonstration_store.trial.accrual.start
    randomized = fan["participants_low"][0]
    for day, low, high in fan.select("date", "participants_low", "participants_high").rows():
        months = (day - start).days / MONTH
        elapsed = (demonstration_store.snapshot.manifest.cutoff - start).days / MONTH
        around = [max(elapsed, months - 0.5 / MONTH), months, months + 0.5 / MONTH]
        path = count_path(plan_of(demonstration_store), randomized, elapsed, around)
        assert min(path.low[0], 60) <= low <= min(path.low[2], 60)
        assert min(path.high[0], 60) <= high <= min(path.high[2], 60)


def test_a_target_that_is_reached_is_not_projected(pilot_store: LoadedTrial) -> None:
    shown = pooled(pilot_store, "enrollment_progress")
    assert shown.answer == "The target is reached: 254 of 254 (100.0 %) are randomized."
    assert numbers_of(shown) == {
        "Randomized": "254 of 254",
        "Screened": "306",
        "Last randomization": "2 Sep 2014",
    }
    curve = pooled(pilot_store, "cumulative_enrollment")
    assert fan_of(curve).is_empty()
    assert {trace.name for trace in traces_of(curve)} == {"Plan", "Randomized"}


def with_accrual(loaded: LoadedTrial, **changes: object) -> LoadedTrial:
    accrual = loaded.trial.accrual.model_copy(update=changes)
    return replace(loaded, trial=loaded.trial.model_copy(update={"accrual": accrual}))


def test_more_than_the_target_is_within_the_picture(demonstration_store: LoadedTrial) -> None:
    curve = pooled(with_accrual(demonstration_store, target=10), "cumulative_enrollment")
    (drawn,) = [trace for trace in traces_of(curve) if trace.name == "Randomized"]
    assert curve.figure is not None
    assert max(drawn.y) > 10
    assert curve.figure.layout.yaxis.range[1] > max(drawn.y)


def test_before_the_planned_start_nothing_is_projected(demonstration_store: LoadedTrial) -> None:
    early = with_accrual(demonstration_store, start=date(2024, 3, 1))
    shown = pooled(early, "enrollment_progress")
    assert list(numbers_of(shown)) == ["Randomized", "Screened"]
    assert "expected" not in shown.answer
    curve = pooled(early, "cumulative_enrollment")
    assert fan_of(curve).is_empty()
    (drawn,) = [trace for trace in traces_of(curve) if trace.name == "Randomized"]
    assert list(drawn.x) == sorted(drawn.x)
    assert drawn.y[0] == 0


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    target=st.integers(1, 1_000_000),
    start=st.dates(date(1950, 1, 1), date(2030, 1, 1)),
    months=st.floats(0.1, 600),
    prior_weight=st.floats(1e-9, 1),
)
def test_any_plan_can_be_shown(
    demonstration_store: LoadedTrial, target: int, start: date, months: float, prior_weight: float
) -> None:
    """However odd the plan, dates beyond the calendar included."""
    given_plan = with_accrual(
        demonstration_store, target=target, start=start, months=months, prior_weight=prior_weight
    )
    board = board_of(given_plan, View.POOLED)
    progress = make("enrollment_progress", board)
    curve = make("cumulative_enrollment", board)
    randomized = board.ask("enrollment/totals").item(0, "randomized")
    for shown in (progress, curve):
        assert "nan" not in shown.answer
        assert "inf" not in shown.answer
    assert ("Target expected" in numbers_of(progress)) == (
        randomized < target and start < given_plan.snapshot.manifest.cutoff
    )
    check_fan(fan_of(curve), randomized, target)
    (drawn,) = [trace for trace in traces_of(curve) if trace.name == "Randomized"]
    assert list(drawn.x) == sorted(drawn.x)


@pytest.mark.parametrize("prior_weight", [1e-3, 1e-6])
def test_a_date_beyond_the_calendar_is_not_known(
    nobody_store: LoadedTrial, prior_weight: float
) -> None:
    """A plan that counts for next to nothing, and nobody yet: limits of 1e28 and 1e307 months."""
    vague = with_accrual(nobody_store, prior_weight=prior_weight)
    shown = pooled(vague, "enrollment_progress")
    assert "to not known" in {item.label: item.remark for item in shown.numbers}["Target expected"]
    assert not fan_of(pooled(vague, "cumulative_enrollment")).is_empty()


def test_a_plan_that_nobody_assumed_is_not_called_assumed(
    demonstration_store: LoadedTrial,
) -> None:
    opened = board_of(demonstration_store, View.POOLED)
    rules = opened.trial.monitoring.model_copy(update={"least_on_time": 0.99})
    opened.trial = opened.trial.model_copy(update={"monitoring": rules})
    shown = make("enrollment_progress", opened)
    assert shown.attention.startswith("The probability of finishing on time is ")
    assert shown.attention.endswith(" % (assumed plan).")
    opened.close()
    registered = board_of(demonstration_store, View.POOLED)
    registered.trial = registered.trial.model_copy(update={"monitoring": rules, "assumed": {}})
    shown = make("enrollment_progress", registered)
    assert "assumed" not in shown.attention + shown.answer
    assert shown.attention.startswith("The probability of finishing on time is ")
    registered.close()
