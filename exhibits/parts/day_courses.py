"""Pictures over study days: courses of medians, and what became of everybody as stacked shares."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.parts.comparison import minimum, where_enough
from exhibits.parts.theme import AXIS, QUIET, arm_style, figure, safe
from queries import Board

# More lines of participants than this are a gray patch.
MOST_LINES = 60
# In full: of ticks between powers of ten Plotly writes the first digit only.
LOG_TICKS = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]
LOG_AXIS = {
    "type": "log",
    # Beside it: over the panel the name and unit of a measure take all of a telephone's width.
    "title": {"text": "log scale", "standoff": 4, "font": {"size": 12}},
    "tickvals": LOG_TICKS,
    "ticktext": [f"{value:,.10g}" for value in LOG_TICKS],
}


MEDIANS = ("median", "lower_quartile", "upper_quartile")


def medians(board: Board, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, whose `MEDIANS` are null where fewer than the minimum have a value (`n`)."""
    return rows.with_columns(where_enough(board, "n", *MEDIANS))


def medians_in_words(
    board: Board, rows: pl.DataFrame, words: Callable[[float], str], *, with_n: bool = True
) -> str:
    """`Arm A 182 mmHg (n = 17); Arm B fewer than 5`, of one day and measure; one arm has no name.

    Args:
        rows: one row an arm, with `n` and `median`; an arm without one has fewer than the minimum.
        words: a median with its unit.
        with_n: whether n stands beside it.
    """
    by_arm = {row["arm"]: row for row in rows.drop_nulls("median").iter_rows(named=True)}
    parts = []
    for arm in board.arms:
        text = f"fewer than {minimum(board)}"
        if (row := by_arm.get(arm)) is not None:
            text = words(row["median"]) + (f" (n = {row['n']:,})" if with_n else "")
        parts.append(text if len(board.arms) == 1 else f"{arm} {text}")
    return "; ".join(parts)


@dataclass(frozen=True)
class Panel:
    """One of the pictures below each other: what is measured, in which unit, and its limits."""

    name: str
    label: str
    unit: str
    low: float | None = None
    high: float | None = None


def courses(
    arms: Sequence[str],
    rows: pl.DataFrame,
    panels: Sequence[Panel],
    *,
    log: bool = False,
    lines: pl.DataFrame | None = None,
    x_title: str = "Study day",
    reference: float | None = None,
) -> "go.Figure":
    """Medians with quartiles over one axis of days, a panel for each measure.

    One below the other, so that they are as wide as a telephone.

    Args:
        arms: those of the view, in their order.
        rows: `measure`, `planned_day`, `position`, `n`, `median`, `lower_quartile`,
            `upper_quartile`; without a median nothing is drawn. Where there is `at_limit`, the
            values at a detection limit, a day with any has an open mark.
        log: whether the values are on a log axis.
        lines: the participants' values behind, `measure`, `line`, `position`, `planned_day`,
            `value`.
        x_title: of the days.
        reference: a value that is marked in every panel, such as no change.
    """
    rows = rows.drop_nulls("median")
    count = len(panels)
    # Of each panel, for its title: as high in pixels for one as for several.
    head = (0.2 if count > 1 else 0.08) / count
    first, last = rows["planned_day"].min(), rows["planned_day"].max()
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "xaxis": {"anchor": "y" if count == 1 else f"y{count}"},
        "legend": {"y": 1.0, "yanchor": "bottom"},
        "annotations": [],
    }
    of_panel = rows.partition_by("measure", "position", as_dict=True)
    in_legend: set[int] = set()
    for place, panel in enumerate(panels):
        top = 1 - place / count
        suffix = "" if place == 0 else str(place + 1)
        layout[f"yaxis{suffix}"] = (
            AXIS
            | {
                "domain": [1 - (place + 1) / count + head * 0.3, top - head],
                "rangemode": "normal",
                "anchor": "x",
                "nticks": 5,
            }
            | (LOG_AXIS if log else {})
        )
        layout["annotations"].append(
            panel_title(f"{safe(panel.label)}, {safe(panel.unit)}", top - head)
        )
        if lines is not None:
            behind = lines.filter(pl.col("measure") == panel.name)
            traces += _lines_behind(behind, f"y{suffix}")
        for position, arm in enumerate(arms, start=1):
            part = of_panel.get((panel.name, position))
            if part is not None:
                show = len(arms) > 1 and position not in in_legend
                in_legend.add(position)
                traces += _course(part, arm, f"y{suffix}", show=show)
        for value, words in (
            (panel.low, "Limit of normal"),
            (panel.high, "Limit of normal"),
            (reference, "No change"),
        ):
            if value is not None:
                traces.append(
                    {
                        "x": [first, last],
                        "y": [value, value],
                        "yaxis": f"y{suffix}",
                        "mode": "lines",
                        "line": {"color": QUIET, "width": 1.5, "dash": "dot"},
                        "showlegend": False,
                        "hovertemplate": f"{words}: {value:g}<extra></extra>",
                    }
                )
    traces += _what_is_drawn(with_lines=lines is not None)
    height = 90 + (165 if count > 1 else 330) * count
    return figure(x_title=x_title, y_title="", height=height, traces=traces, layout=layout)


def _what_is_drawn(*, with_lines: bool) -> Iterator[dict[str, Any]]:
    """Entries of the legend, in no arm's color, for what a course is drawn with."""
    drawn: list[tuple[str, dict[str, Any]]] = [
        ("Median", {"mode": "lines", "line": {"color": QUIET, "width": 2}}),
        (
            "Quartiles",
            {
                "mode": "markers",
                "marker": {"color": QUIET, "symbol": "square", "size": 13, "opacity": 0.3},
            },
        ),
    ]
    if with_lines:
        thin = {"mode": "lines+markers", "opacity": 0.5, "marker": {"size": 3, "color": QUIET}}
        drawn.append(("Participant", thin | {"line": {"color": QUIET, "width": 0.8}}))
    for name, how in drawn:
        entry = {"x": [None], "y": [None], "yaxis": "y", "name": name, "hoverinfo": "skip"}
        yield entry | how


def panel_title(text: str, y: float) -> dict[str, Any]:
    """What stands over a panel, at its left."""
    return {
        "text": text,
        "x": 0,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _lines_behind(lines: pl.DataFrame, axis: str) -> Iterator[dict[str, Any]]:
    """A thin line for each participant, one trace for each arm."""
    for (position,), part in lines.group_by("position", maintain_order=True):
        days: list[float | None] = []
        values: list[float | None] = []
        for _, line in part.group_by("line", maintain_order=True):
            days += [*line["planned_day"], None]
            values += [*line["value"], None]
        style = arm_style(int(str(position)))
        yield {
            "x": days,
            "y": values,
            "yaxis": axis,
            "mode": "lines+markers",
            "line": {"color": style.color, "width": 0.8, "dash": style.dash},
            "marker": {"size": 3, "symbol": style.symbol},
            "opacity": 0.3,
            "showlegend": False,
            "hoverinfo": "skip",
        }


def _course(part: pl.DataFrame, arm: str, axis: str, *, show: bool) -> Iterator[dict[str, Any]]:
    """A band of quartiles and a line of medians."""
    style = arm_style(part["position"][0])
    days = part["planned_day"].to_list()
    low, high = part["lower_quartile"].to_list(), part["upper_quartile"].to_list()
    at_limit = part["at_limit"].to_list() if "at_limit" in part.columns else [0] * len(days)
    yield {
        "x": [*days, *reversed(days)],
        "y": [*high, *reversed(low)],
        "yaxis": axis,
        "fill": "toself",
        "fillcolor": style.color,
        "opacity": 0.16,
        "line": {"width": 0},
        "mode": "lines",
        "legendgroup": safe(arm),
        "showlegend": False,
        "hoverinfo": "skip",
    }
    line: dict[str, Any] = {
        "x": days,
        "y": part["median"].to_list(),
        "yaxis": axis,
        "mode": "lines+markers",
        "name": safe(arm),
        "legendgroup": safe(arm),
        "showlegend": show,
        "line": {"color": style.color, "dash": style.dash, "width": 2},
        "marker": {
            "symbol": [f"{style.symbol}-open" if some else style.symbol for some in at_limit],
            "size": 9 if any(at_limit) else 7,
        },
        "text": [
            f"Day {day}: {median:.4g} ({lower:.4g} to {upper:.4g}), n = {n:,}"
            + (f", {some:,} at a detection limit" if some else "")
            for day, median, lower, upper, n, some in zip(
                days, part["median"], low, high, part["n"], at_limit, strict=True
            )
        ],
        "hovertemplate": "%{text}<extra>" + safe(arm) + "</extra>",
    }
    if "list" in part.columns:
        line["customdata"] = part["list"].to_list()
    yield line
