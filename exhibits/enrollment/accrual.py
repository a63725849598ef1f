"""Are we on track? Accrual against plan, projection, months."""

from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl

from estimators.accrual import (
    AccrualPlan,
    count_path,
    probability_of_target_by,
    time_to_target,
)
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.theme import (
    ACCENT,
    BAND,
    QUIET,
    figure,
    hatch,
)
from exhibits.parts.words import MONTH_DAYS, counted, day, decimal, number, percent, share, signed
from queries import Board
from trials.models.schedule import Accrual

# What of the plan the registration may not say.
PLAN = ("accrual.target", "accrual.start", "accrual.months")

ACCRUAL_METHOD = (
    "Projection: constant accrual rate with a gamma prior centered on the plan (Gajewski, Simon & "
    "Carlson 2008; Anisimov & Fedorov 2007); exact quantiles. It assumes that recruitment goes on "
    "as so far and sees no pause, season or new site coming."
)


def _months(board: Board, until: date) -> float:
    return (until - board.trial.accrual.start).days / MONTH_DAYS


def _date(board: Board, months: float) -> date | None:
    """The calendar date that many months after the plan's start; None beyond the calendar."""
    days = months * MONTH_DAYS
    if days > (date.max - board.trial.accrual.start).days:
        return None
    return board.trial.accrual.start + timedelta(days=round(days))


def _plan(board: Board) -> AccrualPlan:
    accrual = board.trial.accrual
    return AccrualPlan(accrual.target, accrual.months, accrual.prior_weight)


@exhibit(
    page="board-enrollment",
    leads=91,
    population="All screened participants",
    title="Enrollment progress",
    method=("Planned are target and dates of the trial definition.",),
)
def enrollment_progress(board: Board) -> Exhibit:
    """Participants randomized of those planned, and when the target will be reached."""
    totals = board.ask("enrollment/totals").row(0, named=True)
    accrual = board.trial.accrual
    # A delay is told against a plan: that nobody registered it stands beside it.
    assumed = " (assumed plan)" if board.trial.assumptions(*PLAN) else ""
    randomized = totals["randomized"]
    cutoff = board.snapshot.manifest.cutoff
    in_screening = f"still in screening: {number(totals['in_screening'])}"
    numbers = [
        Number(
            "Randomized",
            f"{randomized:,} of {accrual.target:,}",
            f"{percent(randomized / accrual.target)} of the planned target",
        ),
        Number("Screened", number(totals["screened"]), in_screening),
    ]
    elapsed = _months(board, cutoff)
    answer = f"{share(randomized, accrual.target)} planned participants are randomized."
    attention = ""
    if randomized >= accrual.target:
        reached = day(totals["last_randomization"])
        answer = f"The target is reached: {share(randomized, accrual.target)} are randomized."
        numbers.append(Number("Last randomization", reached))
    elif elapsed > 0:
        forecast = time_to_target(_plan(board), randomized, elapsed)
        on_time = probability_of_target_by(_plan(board), randomized, elapsed, accrual.months)
        if on_time < board.trial.monitoring.least_on_time:
            attention = f"The probability of finishing on time is {percent(on_time)}{assumed}."
        planned = min(accrual.target, round(accrual.target * elapsed / accrual.months))
        early, late = day(_date(board, forecast.low)), day(_date(board, forecast.high))
        expected = day(_date(board, forecast.median))
        numbers += [
            Number(
                "Planned by now", f"{planned:,}", f"{signed(randomized - planned, 0)} against plan"
            ),
            Number("Target expected", expected, f"95 % interval {early} to {late}"),
            Number("On time", percent(on_time), f"probability by {day(accrual.end)}{assumed}"),
        ]
        answer += (
            f" The target is expected by {expected} (95 % interval {early} to {late}); the "
            f"probability of reaching it by the planned {day(accrual.end)} is "
            f"{percent(on_time)}{assumed}."
        )
    return Exhibit(
        answer=answer,
        attention=attention,
        denominator=f"{share(randomized, accrual.target)} planned",
        numbers=tuple(numbers),
        table=pl.DataFrame(
            [(item.label, item.value, item.remark) for item in numbers],
            schema=["item", "value", "remark"],
            orient="row",
        ),
        footnotes=(ACCRUAL_METHOD,) if randomized < accrual.target else (),
        assumptions=board.trial.assumptions("accrual"),
    )


@exhibit(
    page="board-enrollment",
    population="Randomized participants",
    title="Cumulative enrollment against plan",
    method=("The plan is a straight line from its start to its end.",),
)
def cumulative_enrollment(board: Board) -> Exhibit:
    """Cumulative randomized participants against the plan, with the projection."""
    accrual = board.trial.accrual
    cutoff = board.snapshot.manifest.cutoff
    by_date = board.ask("enrollment/randomized_by_date")
    totals = board.ask("enrollment/totals").row(0, named=True)
    randomized, undated = totals["randomized"], totals["randomized_without_date"]
    to_month = totals["dated_to_month"]
    elapsed = _months(board, cutoff)
    none = pl.lit(None, pl.Int64)
    rows = by_date.select(
        "date",
        series=pl.lit("randomized"),
        participants="cumulative",
        participants_low=none,
        participants_high=none,
    )
    note = ""
    projected = None
    if elapsed > 0 and randomized < accrual.target:
        forecast = time_to_target(_plan(board), randomized, elapsed)
        horizon = min(forecast.high, elapsed + 2 * accrual.months)
        steps = [elapsed + (horizon - elapsed) * step / 24 for step in range(25)]
        path = count_path(_plan(board), randomized, elapsed, steps)
        low, middle, high = (
            [min(int(value), accrual.target) for value in values]
            for values in (path.low, path.median, path.high)
        )
        projected = pl.DataFrame(
            {
                "date": [_date(board, step) for step in steps],
                "series": "projected",
                "participants": middle,
                "participants_low": low,
                "participants_high": high,
            },
            schema_overrides={"date": pl.Date},
        )
        rows = pl.concat([rows, projected], how="vertical_relaxed")
        note = f" The projection runs to {day(_date(board, horizon))}."
    return Exhibit(
        denominator=f"{share(randomized, accrual.target)} planned"
        + (f"; {undated:,} without a date of randomization are not drawn" if undated else "")
        + (f", of these {to_month:,} known to the month only" if undated and to_month else ""),
        picture=lambda: _cumulative_drawn(accrual, cutoff, by_date, projected, randomized),
        description=(
            f"Step curve of randomized participants, {randomized:,} by the data cut-off, beside a "
            f"straight line of the plan to {accrual.target:,} by {day(accrual.end)}.{note}"
        ),
        table=rows,
        labels={
            "participants": "Participants, cumulative",
            "participants_low": "95 % interval, low",
            "participants_high": "95 % interval, high",
        },
        footnotes=(ACCRUAL_METHOD,) if randomized < accrual.target else (),
        assumptions=board.trial.assumptions("accrual"),
    )


def _cumulative_drawn(
    accrual: Accrual,
    cutoff: date,
    by_date: pl.DataFrame,
    projected: pl.DataFrame | None,
    randomized: int,
) -> "go.Figure":
    traces: list[dict[str, object]] = [
        {
            "x": [accrual.start, accrual.end],
            "y": [0, accrual.target],
            "mode": "lines",
            "name": "Plan",
            "line": {"color": QUIET, "dash": "dash", "width": 2},
            "hovertemplate": "Plan: %{y:.0f} by %{x|%d %b %Y}<extra></extra>",
        }
    ]
    if projected is not None:
        dates, middle, low, high = (
            projected[name].to_list()
            for name in ("date", "participants", "participants_low", "participants_high")
        )
        traces += [
            {
                "x": [*dates, *reversed(dates)],
                "y": [*high, *reversed(low)],
                "fill": "toself",
                "fillcolor": BAND,
                "line": {"width": 0},
                "name": "95 % interval",
                "hoverinfo": "skip",
            },
            {
                "x": dates,
                "y": middle,
                "mode": "lines",
                "name": "Projection",
                "line": {"color": ACCENT, "dash": "dot", "width": 2},
                "customdata": list(zip(low, high, strict=True)),
                "hovertemplate": "Projected %{y} (%{customdata[0]} to %{customdata[1]}) "
                "by %{x|%d %b %Y}<extra></extra>",
            },
        ]
    # Dates outside the plan or the cut-off are findings; the curve still runs from left to right.
    dated = by_date["date"].to_list()
    first, last = min([accrual.start, cutoff, *dated]), max([cutoff, *dated])
    traces.append(
        {
            "x": [first, *dated, last],
            "y": [0, *by_date["cumulative"], by_date["cumulative"].last() or 0],
            "mode": "lines",
            "name": "Randomized",
            "line": {"color": ACCENT, "shape": "hv", "width": 3},
            "hovertemplate": "%{y} randomized by %{x|%d %b %Y}<extra></extra>",
        }
    )
    drawn = figure(
        x_title="Date of randomization",
        y_title="Participants, cumulative",
        traces=traces,
        layout={"yaxis": {"range": [0, max(accrual.target, randomized) * 1.12]}},
    )
    drawn.add_hline(y=accrual.target, line={"color": QUIET, "width": 1})
    drawn.add_annotation(
        x=0,
        xref="paper",
        y=accrual.target,
        text=f"Target {accrual.target:,}",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
    )
    return drawn


@exhibit(
    page="board-enrollment",
    population="All screened participants",
    title="Enrollment by month",
    method=(
        "Screened: first of consent and collection of demographics. The first and the last "
        "month may be incomplete.",
    ),
)
def enrollment_by_month(board: Board) -> Exhibit:
    """Participants screened and randomized in each calendar month."""
    months = board.ask("enrollment/by_month")
    accrual = board.trial.accrual
    if months.is_empty():
        return Exhibit(missing="No date of screening or randomization is in the extract.")
    pace = accrual.target / accrual.months
    best = months.sort("randomized", descending=True).row(0, named=True)
    dated = (
        f"{months['screened'].sum():,} screened, {months['randomized'].sum():,} randomized, "
        "with a date"
    )

    def draw() -> "go.Figure":
        names = [f"{month:%b %Y}" for month in months["month"]]
        bars = [
            {
                "type": "bar",
                "x": names,
                "y": months[name].to_list(),
                "name": label,
                "marker": {"color": color, "pattern": hatch(pattern)},
                "hovertemplate": "%{x}: %{y} " + label.lower() + "<extra></extra>",
            }
            for name, label, color, pattern in (
                ("screened", "Screened", QUIET, "/"),
                ("randomized", "Randomized", ACCENT, ""),
            )
        ]
        plan = {
            "x": names,
            "y": [pace] * months.height,
            "mode": "lines",
            "name": f"Plan, {decimal(pace)} randomized a month",
            "line": {"color": QUIET, "dash": "dash"},
            "hoverinfo": "skip",
        }
        return figure(
            x_title="Calendar month", y_title="Participants", height=340, traces=[*bars, plan]
        )

    return Exhibit(
        title="Screened and randomized by month",
        denominator=dated,
        picture=draw,
        description=(
            f"Bars for {counted(months.height, 'month')}; most were randomized in "
            f"{best['month']:%B %Y}: {number(best['randomized'])}."
        ),
        table=months.with_columns(pl.col("month").dt.strftime("%Y-%m")),
        assumptions=board.trial.assumptions("accrual.months", "accrual.start"),
    )
