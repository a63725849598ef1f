"""Stacked bars: what became of whom, in counts a row, or in percent over study days."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.parts.day_courses import panel_title
from exhibits.parts.theme import (
    AXIS,
    STATES,
    State,
    arm_style,
    counts_axis,
    figure,
    in_lines,
    safe,
    state_marker,
)

# What may have become of whom there is no value of, the same in every picture of days; each says
# what those discharged are without.
FATES = (
    ("discharged", "Discharged", State("#8fb8a8", "\\")),
    ("missing", "Missing", STATES.not_known),
    ("left", "Left the study", STATES.left),
    ("died", "Died", STATES.died),
    ("to_come", "Day not reached", STATES.to_come),
)
# Bands of a value, the best first: the further down, the darker; hatched to stay apart in print.
SHADES = (
    State("#dbe7f3"),
    State("#a9c4e2", "/"),
    State("#7ba0cd"),
    State("#4c6fa5", "."),
    State("#33508a"),
    State("#1d2f57", "x"),
)


def shades(count: int) -> list[State]:
    """Shades for so many bands, as far apart as there are."""
    if count > len(SHADES):
        return [SHADES[place % len(SHADES)] for place in range(count)]
    last = max(count - 1, 1)
    return [SHADES[round(place * (len(SHADES) - 1) / last)] for place in range(count)]


def state_counts(
    arms: Sequence[str], rows: pl.DataFrame, states: Iterable[str]
) -> dict[str, dict[str, int]]:
    """The participants of each arm by state, 0 where nobody is in one: rows of `stacked`.

    Args:
        rows: `arm`, `state`, `participants`.
        states: in the order of the parts.
    """
    counts = {
        (arm, state): count
        for arm, state, count in rows.select("arm", "state", "participants").rows()
    }
    return {arm: {state: counts.get((arm, state), 0) for state in states} for arm in arms}


def stacked(
    rows: list[tuple[str, dict[str, Any]]],
    parts: tuple[tuple[str, str, State], ...],
    x_title: str,
    *,
    height: int = 56,
    longest: int = 12,
) -> "go.Figure":
    """Stacked horizontal bars: one for each row, of the parts that anybody is in.

    Args:
        rows: what a row is called, and its counts by name; None is not drawn.
        parts: name, words and style of each part, from the left.
        height: pixels of a row, more where its name takes several lines.
        longest: letters of a name on a line.
    """
    names = [in_lines(name, longest) for name, _ in rows]
    lines = max((name.count("<br>") + 1 for name in names), default=1)
    # On a telephone each part takes a line of the legend.
    shown = sum(any(row[column] for _, row in rows) for column, _, _ in parts)
    legend = 150 + 20 * max(0, shown - 4)
    drawn = figure(x_title=x_title, y_title="", height=legend + max(height, 20 * lines) * len(rows))
    for column, words, state in parts:
        counts = [row[column] for _, row in rows]
        if not any(counts):
            continue
        drawn.add_trace(
            go.Bar(
                y=names,
                x=counts,
                name=words,
                orientation="h",
                marker=state_marker(state),
                hovertemplate="%{y}: %{x} " + words.lower() + "<extra></extra>",
            )
        )
    if not drawn.data:
        # A bar of nobody, so that the axes are there.
        drawn.add_trace(go.Bar(y=names, x=[0] * len(names), orientation="h", showlegend=False))
    drawn.update_layout(barmode="stack")
    drawn.update_yaxes(autorange="reversed", rangemode="normal", showgrid=False, type="category")
    sums = [sum(row[column] or 0 for column, _, _ in parts) for _, row in rows]
    drawn.update_xaxes(counts_axis(sums))
    return drawn


def stacked_days(
    arms: Sequence[str],
    rows: pl.DataFrame,
    states: Sequence[tuple[str, str, State]],
    panels: Mapping[str, str],
) -> "go.Figure":
    """What became of everybody on each planned day: bars of shares that add up to all of an arm.

    One bar an arm for each day, beside each other, under the arm's mark.

    Args:
        arms: those of the view, in their order.
        rows: `measure`, `planned_day`, `position`, `state`, `participants`, and `list`, the place
            of the participants behind it.
        states: the name of each state, its words and style, from the bottom.
        panels: the measures and their titles, a panel each; without a title where there is one.
    """
    days = sorted(set(rows["planned_day"]))
    place_of = {day: place for place, day in enumerate(days)}
    count, step = len(panels), 0.84 / len(arms)
    # High enough that on a telephone, with an entry a line, the legend leaves room for the bars.
    height = 150 + (150 if count > 1 else 410) * count
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "barmode": "stack",
        "xaxis": {
            "anchor": "y" if count == 1 else f"y{count}",
            "tickvals": list(range(len(days))),
            "ticktext": [str(day) for day in days],
            "range": [-0.6, len(days) - 0.4],
            "showgrid": False,
        },
        "legend": {"y": 1.0, "yanchor": "bottom"},
        "annotations": [],
    }
    totals = {
        (measure, day, position): total
        for measure, day, position, total in rows.group_by("measure", "planned_day", "position")
        .agg(pl.col("participants").sum())
        .rows()
    }
    of_state = rows.partition_by("measure", "state", as_dict=True)
    shown: set[str] = set()
    head = 0.22 / count if count > 1 else 0.06
    for number, (measure, title) in enumerate(panels.items()):
        top, suffix = 1 - number / count, "" if number == 0 else str(number + 1)
        layout[f"yaxis{suffix}"] = AXIS | {
            "domain": [1 - (number + 1) / count + head * 0.2, top - head],
            "range": [0, 108 if len(arms) > 1 else 100],
            "rangemode": "tozero",
            "tickvals": [0, 50, 100],
            "anchor": "x",
        }
        said = f"{safe(title)}, % of all" if title else "Participants, % of all"
        layout["annotations"].append(panel_title(said, top - head))
        for state, words, style in states:
            part = of_state.get((measure, state))
            if part is None:
                continue
            x, y, texts = [], [], []
            for day, position, people in part["planned_day", "position", "participants"].rows():
                total = totals[measure, day, position]
                x.append(place_of[day] + step * (position - (len(arms) + 1) / 2))
                y.append(100 * people / total)
                arm = f"{safe(arms[position - 1])}, " if len(arms) > 1 else ""
                texts.append(f"{arm}day {day}: {safe(words)} {people:,} of {total:,}")
            traces.append(
                {
                    "type": "bar",
                    "x": x,
                    "y": y,
                    "yaxis": f"y{suffix}",
                    "width": step * 0.9,
                    "name": safe(words),
                    "legendgroup": state,
                    "showlegend": state not in shown,
                    "marker": state_marker(style),
                    "text": texts,
                    "textposition": "none",
                    "customdata": part["list"].to_list(),
                    "hovertemplate": "%{text}<extra></extra>",
                }
            )
            shown.add(state)
        if len(arms) > 1:
            bars = set(rows["position"])
            traces += _arm_marks(arms, bars, len(days), step, f"y{suffix}", show=number == 0)
    return figure(x_title="Study day", y_title="", height=height, traces=traces, layout=layout)


def _arm_marks(
    arms: Sequence[str], bars: set[int], days: int, step: float, axis: str, *, show: bool
) -> Iterator[dict[str, Any]]:
    """Over each bar the mark of its arm, by the positions of those that have bars."""
    for position, arm in enumerate(arms, start=1):
        if position not in bars:
            continue
        style = arm_style(position)
        yield {
            "x": [place + step * (position - (len(arms) + 1) / 2) for place in range(days)],
            "y": [104] * days,
            "yaxis": axis,
            "mode": "markers",
            "name": safe(arm),
            "showlegend": show,
            "marker": {"color": style.color, "symbol": style.symbol, "size": 8},
            "hovertemplate": safe(arm) + "<extra></extra>",
        }
