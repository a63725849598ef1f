"""Dots with their intervals, a row for each name, one dot an arm; differences beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import plotly.graph_objects as go
import polars as pl

from exhibits.parts.theme import (
    LEFT_OF_AXIS_BESIDE,
    arm_style,
    axis_beside,
    error_bars,
    figure,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import share
from queries import Board


@dataclass(frozen=True)
class Mark:
    """What the dots of one kind stand for, in columns of the rows.

    Attributes:
        estimate: where the dot is; without a limit in `estimate_low` it has no interval.
        events, of: the counts that a reader sees at the dot.
        people: the place of the list of participants behind it.
        words: what it is, where there are marks of several kinds.
        is_open: whether it is drawn as an outline.
    """

    estimate: str = "percent"
    events: str = "participants"
    of: str = "randomized"
    people: str = "list"
    words: str = ""
    is_open: bool = False


def interval_dots(
    board: Board,
    rows: pl.DataFrame,
    names: Sequence[str],
    *,
    x_title: str,
    marks: Sequence[Mark] = (Mark(),),
    difference: str = "",
    beside: str = "",
) -> "Callable[[], go.Figure] | None":
    """Draws a dot an arm and kind in each named row; None where no arm has an estimate.

    Args:
        rows: `place`, the named row from 0 on, `arm`, and the columns that `marks` name.
        names: of the rows, safe already, in lines where they are long.
        difference: the column with differences to the reference arm, drawn beside the dots.
        beside: the title of their axis.
    """
    if not any(rows[mark.estimate].count() for mark in marks):
        return None
    return partial(
        _draw, board.arms, rows, names,
        x_title=x_title, marks=marks, difference=difference, beside=beside,
    )  # fmt: skip


def _draw(
    arms: Sequence[str],
    rows: pl.DataFrame,
    names: Sequence[str],
    *,
    x_title: str,
    marks: Sequence[Mark],
    difference: str,
    beside: str,
) -> "go.Figure":
    several = len(arms) > 1
    traces: list[go.Scatter] = []
    ends = [1.0]
    for position, arm in enumerate(arms, start=1):
        style, of_arm = arm_style(position), rows.filter(pl.col("arm") == arm)
        apart = 0.22 * (position - (len(arms) + 1) / 2)
        for mark in marks:
            part = of_arm.drop_nulls(mark.estimate)
            if part.is_empty():
                continue
            low, high = f"{mark.estimate}_low", f"{mark.estimate}_high"
            limits = low in part.columns
            ends += part[high if limits else mark.estimate].to_list()
            kind = mark.words and (f"{safe(arm)}, {mark.words}" if several else mark.words)
            traces.append(
                go.Scatter(
                    x=part[mark.estimate].to_list(),
                    y=(part["place"] + apart).to_list(),
                    error_x=error_bars(part[mark.estimate], part[low], part[high])
                    if limits
                    else None,
                    mode="markers",
                    marker={
                        "color": style.color,
                        "symbol": style.symbol + ("-open" if mark.is_open else ""),
                        "size": 11,
                    },
                    name=kind or safe(arm),
                    showlegend=several or bool(mark.words),
                    customdata=part[mark.people].to_list(),
                    text=[
                        f"{names[place]}: {share(count, of)}"
                        for place, count, of in part.select("place", mark.events, mark.of).rows()
                    ],
                    hovertemplate="%{text}<extra>" + (kind or safe(arm)) + "</extra>",
                    cliponaxis=False,
                )
            )
        compared = (
            of_arm.drop_nulls(f"{difference}_low")
            if f"{difference}_low" in of_arm.columns
            else of_arm.clear()
        )
        if compared.height:
            limits_of = (compared[f"{difference}{end}"] for end in ("", "_low", "_high"))
            traces.append(
                go.Scatter(
                    x=compared[difference].to_list(),
                    y=(compared["place"] + apart).to_list(),
                    xaxis="x2",
                    error_x=error_bars(*limits_of),
                    mode="markers",
                    marker={"color": style.color, "symbol": f"{style.symbol}-open", "size": 9},
                    showlegend=False,
                    customdata=compared[marks[0].people].to_list(),
                    hovertemplate="%{x:+.1f} percentage points<extra>" + safe(arm) + "</extra>",
                )
            )
    has_beside = any(trace.xaxis == "x2" for trace in traces)
    most = max(ends)
    layout = {
        "yaxis": rows_axis(names) | {"showgrid": False},
        # From a little under zero, so that a dot at zero is whole; one at 100 is, too.
        "xaxis": {
            "domain": LEFT_OF_AXIS_BESIDE if has_beside else [0, 1],
            "range": [-0.03 * most, min(105.0, 1.06 * most)],
            "title": {"text": in_lines(x_title, 13 if has_beside else 18)},
        },
    }
    if has_beside:
        layout["xaxis2"] = axis_beside(beside)
    height = 150 + len(names) * (34 + 18 * len(arms))
    return figure(x_title=x_title, y_title="", height=height, traces=traces, layout=layout)
