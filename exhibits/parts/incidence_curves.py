"""Step curves of cumulative incidence, and the days that their tables have."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from estimators.time_to_event import CumulativeIncidence, incidence_on
from exhibits.parts.comparison import SHARE_PLACES
from exhibits.parts.theme import AXIS, FONT_SIZE, arm_style, figure, in_lines, safe
from exhibits.parts.words import rounded
from queries import Board

# Under so many events in all the chi-square distribution of a log-rank test is poor.
LEAST_EVENTS = 10
# Days of the schedule that stand for weeks and months in a table.
MILESTONES = (7, 14, 21, 28, 56, 84, 182, 364)
# Under so much of the axis numbers under days would run into each other on a telephone.
NEAREST = 0.13


def in_percent(values: Any, *, shown: bool = True) -> list[float | None]:
    """Shares as percentages for a table; None where there are none, or none are shown."""
    return [
        rounded(100 * float(value), SHARE_PLACES) if shown and math.isfinite(value) else None
        for value in values
    ]


def milestones(board: Board, longest: int) -> list[int]:
    """Days of the schedule for a table: those that stand for weeks or months, and the last one."""
    planned = [visit.day for visit in board.trial.schedule if visit.day > 1]
    chosen = [day for day in planned if day in MILESTONES]
    return sorted({*chosen, planned[-1]}) if planned else [max(longest, 1)]


def days_apart(days: Sequence[int], day: int) -> list[int]:
    """Days that can be written beside each other: the first, the last, `day`, and what fits."""
    chosen = {days[0], days[-1], day}
    for other in days:
        if all(abs(other - kept) >= NEAREST * days[-1] for kept in chosen):
            chosen.add(other)
    return sorted(chosen)


def incidence_figure(
    titles: Mapping[str, str], traces: Sequence[dict[str, Any]], days: Sequence[int]
) -> "go.Figure":
    """A panel for each title, below each other, all with the same scale.

    Args:
        titles: of the panels, with what each has upwards.
        traces: what `incidence_curve` makes, of all panels.
        days: the study days that are written at the axis, from day 1 to the last.
    """
    count = len(titles)
    height = 90 + 270 * count
    gap = 110 / height
    panel = (1 - gap * (count - 1)) / count
    most = 1.05 * max(10.0, *(value or 0.0 for trace in traces for value in trace["y"]))
    layout: dict[str, Any] = {
        "legend": {"y": 1 + 50 / height},
        "margin": {"l": 10, "r": 10, "t": 90, "b": 10},
        "annotations": [],
    }
    last = max(float(days[-1]), *(trace["x"][-1] for trace in traces))
    for place, (title, upwards) in enumerate(titles.items()):
        suffix = "" if place == 0 else str(place + 1)
        top = 1 - place * (panel + gap)
        layout[f"xaxis{suffix}"] = AXIS | {
            "anchor": f"y{suffix}",
            "title": {"text": "Study day"},
            "tickvals": list(days),
            "range": [1 - 0.02 * last, 1.02 * last],
        }
        # One scale for all, so that a panel does not look like more than it is.
        layout[f"yaxis{suffix}"] = AXIS | {
            "anchor": f"x{suffix}",
            "domain": [max(top - panel, 0.0), top],
            "title": {"text": in_lines(upwards)},
            "range": [0, most],
        }
        layout["annotations"].append(
            {
                "text": in_lines(title, 36),
                "x": 0,
                "y": top,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "align": "left",
                "showarrow": False,
                "font": {"size": FONT_SIZE},
            }
        )
    return figure(x_title="Study day", y_title="%", height=height, traces=traces, layout=layout)


def band_of_steps(
    position: int, days: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> dict[str, Any]:
    """The limits of a step curve as a band in the color of its arm.

    Args:
        position: of the arm, from 1 on.
        days: at which the curve changes, and the last one.
        low, high: the limits from each day to the next; one less than days.
    """
    edges = [day for day in days for _ in range(2)][1:-1]
    below, above = ([value for value in limit for _ in range(2)] for limit in (low, high))
    return {
        "x": [*edges, *reversed(edges)],
        "y": [*above, *reversed(below)],
        "fill": "toself",
        "fillcolor": arm_style(position).color,
        "opacity": 0.16,
        "line": {"width": 0},
        "mode": "lines",
        "showlegend": False,
        "hoverinfo": "skip",
    }


def incidence_curve(
    board: Board,
    row: int,
    position: int,
    curves: CumulativeIncidence,
    last: int,
    *,
    people: int | None,
    cause: int = 0,
) -> dict[str, Any]:
    """A step curve of a cause with a mark at each of its days, which leads to the list `people`.

    From day 1; to the day `last`, too, where nobody is left to whom anything could happen.
    """
    style, arm = arm_style(position), board.arms[position - 1]
    days = [max(day, 1.0) for day in curves.times.tolist()]
    shares = in_percent(curves.incidence[cause])
    steps = [0, *(7 * (np.diff(curves.incidence[cause], prepend=0.0) > 0)).tolist()]
    if math.isfinite(incidence_on(curves, [last]).incidence[cause, 0]) and days[-1] < last:
        days, shares, steps = [*days, float(last)], [*shares, shares[-1]], [*steps, 0]
    suffix = "" if row == 1 else str(row)
    return {
        "x": [1.0, *days],
        "y": [0.0, *shares],
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "mode": "lines+markers",
        "line": {"color": style.color, "dash": style.dash, "shape": "hv", "width": 3},
        "marker": {
            "color": style.color,
            "symbol": style.symbol,
            "size": steps,
            "opacity": 1,
        },
        "customdata": [people] * len(steps),
        "name": safe(arm),
        "legendgroup": safe(arm),
        "showlegend": len(board.arms) > 1 and row == 1,
        "hovertemplate": f"{safe(arm)}: " + "%{y} % by day %{x}<extra></extra>",
    }
