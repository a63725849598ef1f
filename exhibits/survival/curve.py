"""How long participants live: survival from randomization."""

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.time_to_event import (
    KaplanMeier,
    difference_at,
    kaplan_meier,
    log_rank,
    survival_on,
)
from exhibits.exhibit import DEATHS, Estimand, Exhibit, exhibit
from exhibits.parts.comparison import (
    TOO_FEW,
    arms_to_compare,
    difference_labels,
    has_enough,
    too_few_note,
    without_estimate,
)
from exhibits.parts.incidence_curves import (
    LEAST_EVENTS,
    band_of_steps,
    days_apart,
    in_percent,
    milestones,
)
from exhibits.parts.populations import BY_WHICH, earliest_deaths, who_died
from exhibits.parts.theme import arm_style, figure, in_lines, safe
from exhibits.parts.words import NOT_ADJUSTED, counted, decimal, p_value, rounded
from exhibits.survival.status import (
    OBSERVED,
    Observed,
    differences_in_words,
    enough_known,
    observed_by_arm,
    status_by_day,
    too_little_known,
    undated_note,
)
from queries import Board


@exhibit(
    page="board-survival",
    title="Survival from randomization",
    data=(DEATHS,),
    filtered=True,
    by_day=False,
    method=(
        OBSERVED,
        BY_WHICH,
        "Kaplan & Meier's estimate (1958) with 95 % limits on the log-log scale, at each day "
        "by itself; none before the first death. At risk: known to have been alive up to the "
        "day before. Towards the right few are at risk, and one death moves the curve far.",
    ),
    estimand=Estimand(
        endpoint="time to death",
        events="crossing over, rescue and discharge are ignored (treatment policy)",
        summary="survival, and its difference on the day",
    ),
)
def survival_curve(board: Board) -> Exhibit:
    """Survival from randomization in each arm, numbers at risk, and the difference on a day."""
    day = board.trial.survival.day
    everybody = board.ask("survival/observed")
    known = everybody.filter(pl.col("day").is_not_null())
    arms = observed_by_arm(board)
    curves = {arm: kaplan_meier(*observed) for arm, observed in arms.items()}
    sizes = {arm: len(time) for arm, (time, _) in arms.items()}
    estimated = [arm for arm in board.arms if has_enough(board, sizes[arm])]
    compared = arms_to_compare(board, sizes)
    days = sorted({1, day, *milestones(board, max(known["day"].to_list(), default=1))})
    by_day = status_by_day(board, days)
    in_doubt = set(by_day.filter(~enough_known(board)).select("arm", "asked_day").rows())
    are_known = {arm for arm in compared if not {(arm, day), (board.reference_arm, day)} & in_doubt}
    rows = [
        row | beside
        for arm in board.arms
        for row in _curve_rows(
            arm,
            curves[arm],
            days,
            estimated={on for on in days if arm in estimated and (arm, on) not in in_doubt},
        )
        for beside in [
            _compared(board, arms, arm, day, shown=arm in are_known) if row["day"] == day else {}
        ]
    ]
    # A curve ends before the first day on which too few are known.
    until = {arm: min((on for of, on in in_doubt if of == arm), default=None) for arm in board.arms}
    drawn = {arm: (curves[arm], until[arm]) for arm in estimated}
    lists = tuple(who_died(arm, board) for arm in board.arms)
    has_died = {arm: bool(dead.any()) for arm, (_, dead) in arms.items()}
    died, total = int(known["is_dead"].sum()), everybody.height
    return Exhibit(
        answer=_survival_answer(board, rows, day, by_day) if estimated else TOO_FEW,
        denominator=f"n = {counted(died, 'death')} among N = {total:,}",
        picture=(lambda: _curves_drawn(board, drawn, days_apart(days, day))) if estimated else None,
        description="A step curve of the share alive by study day for each arm of this view, with "
        "a band of its 95 % limits and, below it, the numbers at risk.",
        table=pl.DataFrame(
            rows,
            schema={
                name: kind
                for name, kind in SURVIVAL_SCHEMA.items()
                if len(board.arms) > 1 or not name.startswith("difference")
            },
        ),
        labels=SURVIVAL_LABELS | difference_labels(board),
        footnotes=(
            *(
                (
                    f"Difference on day {day}: of two such estimates, with limits from Wilson's "
                    "by Newcombe's method (1998; Zou & Donner 2008).",
                )
                if len(board.arms) > 1
                else ()
            ),
            *earliest_deaths(board),
            *undated_note(total - known.height),
            *(
                _log_rank_note(board, known, in_doubt=bool(in_doubt))
                if len(estimated) == len(board.arms)
                else ()
            ),
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
        row_lists=tuple(
            board.arms.index(row["arm"]) if has_died[row["arm"]] else None for row in rows
        ),
    )


SURVIVAL_SCHEMA = {
    "arm": pl.String,
    "day": pl.Int64,
    "participants": pl.Int64,
    "at_risk": pl.Int64,
    "deaths": pl.Int64,
    "survival_percent": pl.Float64,
    "survival_percent_low": pl.Float64,
    "survival_percent_high": pl.Float64,
    "known": pl.Int64,
    "known_percent": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}

SURVIVAL_LABELS = {
    "deaths": "Died by then",
    "survival_percent": "Survival, %",
    "known": "Vital status known",
    "known_percent": "Known, %",
}


def _before(curve: KaplanMeier, day: int | None) -> KaplanMeier:
    """The curve up to the day before; the whole of it without one."""
    if day is None:
        return curve
    kept = max(int(np.searchsorted(curve.times, day)), 1)
    arrays = ("times", "at_risk", "events", "censored", "survival", "variance", "low", "high")
    return replace(curve, **{name: getattr(curve, name)[:kept] for name in arrays})


def _curve_rows(
    arm: str, curve: KaplanMeier, days: list[int], *, estimated: set[int]
) -> list[dict[str, Any]]:
    on = survival_on(curve, days)
    return [
        {
            "arm": arm,
            "day": day,
            "participants": int(curve.at_risk[0]),
            "at_risk": int(on.at_risk[place]),
            "deaths": int(curve.events[curve.times <= day].sum()),
            "survival_percent": in_percent([on.survival[place]], shown=day in estimated)[0],
            "survival_percent_low": in_percent([on.low[place]], shown=day in estimated)[0],
            "survival_percent_high": in_percent([on.high[place]], shown=day in estimated)[0],
        }
        for place, day in enumerate(days)
    ]


def _compared(
    board: Board, arms: dict[str, Observed], arm: str, day: int, *, shown: bool
) -> dict[str, Any]:
    """What stands beside the trial's day alone: who is known of, and the difference."""
    found = difference_at(arms[arm], arms[board.reference_arm], day)
    beside = {
        "known": found.known[0],
        "known_percent": None
        if found.known_share[0] is None
        else rounded(100 * found.known_share[0], 1),
    }
    if arm == board.reference_arm or found.estimate is None or not shown:
        return beside
    assert found.low is not None
    assert found.high is not None
    return beside | {
        name: rounded(100 * value, 1)
        for name, value in (
            ("difference", found.estimate),
            ("difference_low", found.low),
            ("difference_high", found.high),
        )
    }


def _survival_answer(
    board: Board, rows: list[dict[str, Any]], day: int, by_day: pl.DataFrame
) -> str:
    in_doubt = set(by_day.filter(~enough_known(board)).select("arm", "asked_day").rows())
    on_day = [row for row in rows if row["day"] == day]
    several = len(board.arms) > 1
    parts = []
    for row in on_day:
        words = (
            "not estimated, as too few are known"
            if (row["arm"], day) in in_doubt
            else without_estimate(board, row["participants"])
        )
        if row["survival_percent"] is not None:
            words = f"{decimal(row['survival_percent'])} %"
        if row["survival_percent_low"] is not None:
            low, high = row["survival_percent_low"], row["survival_percent_high"]
            words += f" ({decimal(low)} to {decimal(high)})"
        parts.append(f"{row['arm']} {words}" if several else words)
    apart = differences_in_words(board, on_day, "survival")
    warning = too_little_known(board, by_day.filter(pl.col("asked_day") == day), day)
    said = f"Survival to day {day}: {'; '.join(parts)}{apart}."
    return f"{said} {warning}".rstrip()


def _log_rank_note(board: Board, known: pl.DataFrame, *, in_doubt: bool) -> tuple[str, ...]:
    """A test, where there are arms to compare; secondary."""
    if len(board.arms) < 2:
        return ()
    died = int(known["is_dead"].sum())
    if died < LEAST_EVENTS:
        return (f"No log-rank test: fewer than {LEAST_EVENTS} deaths.",)
    if in_doubt:
        return ("No log-rank test: the vital status of too few participants is known.",)
    test = log_rank(known["day"].to_numpy(), known["is_dead"].to_numpy(), known["arm"].to_list())
    if test.chi_square is None or test.p is None:
        return (f"No log-rank test. {test.reason}",)
    return (
        f"Secondary: log-rank test (Mantel 1966) over all follow-up, χ² {test.chi_square:.2f} on "
        f"{test.degrees_of_freedom} df, {p_value(test.p)}, {NOT_ADJUSTED}.",
    )


def _curves_drawn(
    board: Board, curves: dict[str, tuple[KaplanMeier, int | None]], days: list[int]
) -> "go.Figure":
    """The curves, each up to the day before one on which too few are known, if there is one."""
    names = [in_lines(arm, 12) for arm in board.arms]
    row = 22 * max(name.count("<br>") + 1 for name in names) + 6
    above, below = 340, row * len(names)
    height = above + below + 150
    drawn = figure(x_title="Study day", y_title="Alive, %", height=height)
    last = max(days[-1], *(float(curve.times[-1]) for curve, _ in curves.values()))
    # The part of the height that axes and rows share is what the margins leave.
    share_below = below / (above + below + 40)
    axis = drawn.layout.yaxis.to_plotly_json()
    drawn.update_layout(
        xaxis={
            "anchor": "y2",
            "tickvals": days,
            # From a little before day 1 and to a little behind the last, so that numbers are whole.
            "range": [-0.04 * last, 1.05 * last],
        },
        yaxis={"domain": [share_below + 40 / (above + below + 40), 1], "range": [0, 103]},
        yaxis2={name: axis[name] for name in ("automargin", "tickfont", "zeroline")}
        | {
            "domain": [0, share_below],
            "anchor": "x",
            "showgrid": False,
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "range": [len(names) - 0.5, -0.5],
        },
    )
    drawn.add_annotation(
        text="At risk",
        x=0,
        y=share_below,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
    )
    for position, (arm, (curve, until)) in enumerate(curves.items(), start=1):
        estimate = _before(curve, until)
        _add_band(drawn, position, estimate)
        _add_survival(drawn, board, position, arm, estimate)
        on = survival_on(curve, days)
        drawn.add_trace(
            go.Scatter(
                x=days,
                y=[position - 1] * len(days),
                yaxis="y2",
                mode="text",
                text=[f"{count:,}" for count in on.at_risk],
                cliponaxis=False,
                showlegend=False,
                hoverinfo="skip",
            )
        )
    return drawn


def _add_band(drawn: "go.Figure", position: int, curve: KaplanMeier) -> None:
    """The pointwise limits, where there are any, as steps."""
    there = np.flatnonzero(np.isfinite(curve.low))
    if there.size == 0:
        return
    ends = np.append(curve.times, curve.times[-1])
    low, high = (100 * values[there] for values in (curve.low, curve.high))
    band = band_of_steps(
        position, ends[[*there, there[-1] + 1]].tolist(), low.tolist(), high.tolist()
    )
    drawn.add_trace(go.Scatter(band | {"legendgroup": str(position)}))


def _add_survival(
    drawn: "go.Figure", board: Board, position: int, arm: str, curve: KaplanMeier
) -> None:
    """A step curve with a mark at each day of a death, which leads to who died in the arm."""
    style = arm_style(position)
    days: list[float] = [1.0]
    alive: list[float | None] = [100.0]
    if curve.times[0] == 0.0 and curve.at_risk[0] > 0:
        # There is no day 0: who is alive when follow-up begins stands on day 1.
        days = [max(day, 1.0) for day in curve.times.tolist()]
        alive = in_percent(curve.survival)
    deaths = curve.events.tolist() if len(days) == curve.events.size else [0]
    died = any(deaths)
    drawn.add_trace(
        go.Scatter(
            x=days,
            y=alive,
            mode="lines+markers",
            line={"color": style.color, "dash": style.dash, "shape": "hv", "width": 3},
            marker={
                "color": style.color,
                "symbol": style.symbol,
                "size": [9 if count else 0 for count in deaths],
                "opacity": 1,
            },
            customdata=[position - 1 if died else None] * len(days),
            text=[f"{counted(count, 'death')} on the day" for count in deaths],
            name=safe(arm),
            legendgroup=str(position),
            showlegend=len(board.arms) > 1,
            hovertemplate="Day %{x}: %{y} % alive, %{text}<extra>" + safe(arm) + "</extra>",
        )
    )
