"""When adverse events began."""

from itertools import pairwise

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, exhibit
from exhibits.parts.comparison import too_few_note, with_rate
from exhibits.parts.events import (
    SINCE,
    list_of_events,
    not_recorded_of_events,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.populations import row_name
from exhibits.parts.theme import (
    arm_style,
    error_bars,
    figure,
    safe,
)
from exhibits.parts.words import counted, decimal
from queries import Board


@exhibit(
    page="board-safety",
    tab="Onset",
    title="Onset of adverse events",
    data=("AE.AESTDTC",),
    filtered=True,
    method=(
        SINCE + " Those without a day of onset are not in this picture.",
        "Exact Poisson intervals (Garwood 1936); they take events as independent, and several "
        "of one participant are not.",
    ),
)
def adverse_event_onset(board: Board) -> Exhibit:
    """When events began: per 100 patient-days observed, by week since randomization."""
    days = board.ask("safety/onset")
    observed = days.filter(pl.col("observed") > 0)
    if observed.is_empty() or not days["events"].sum():
        return Exhibit(missing="No event has a day of onset since randomization.")
    edges = _edges(int(observed["study_day"].max()))  # type: ignore[arg-type]
    words = {first: f"{first} to {after - 1}" for first, after in pairwise(edges)}
    week = pl.lit(edges[0])
    for first in edges[1:-1]:
        week = pl.when(pl.col("study_day") >= first).then(first).otherwise(week)
    table = (
        days.with_columns(week.cast(pl.Int64).alias("from_day"))
        .group_by("arm", "position", "from_day", maintain_order=True)
        .agg(pl.sum("events", "grade_3", "observed"), participants=pl.max("observed"))
        .filter(pl.col("observed") > 0)
        .sort("position", "from_day")
        .with_columns(days=pl.col("from_day").replace_strict(words, return_dtype=pl.String))
    )
    table = with_rate(board, table, days="observed", of="participants")
    lists = tuple(
        list_of_events(
            row_name(board, f"Onset on study days {row['days']}", row["arm"]),
            arm=row["arm"],
            from_day=row["from_day"],
            to_day=edges[edges.index(row["from_day"]) + 1] - 1,
        )
        for row in table.iter_rows(named=True)
    )
    first_week = table.filter(pl.col("from_day") == edges[0])

    def draw() -> "go.Figure":
        drawn = figure(x_title="Study day", y_title="Events per 100 patient-days", height=400)
        for position, arm in enumerate(board.arms, start=1):
            style = arm_style(position)
            rows = (
                table.with_row_index("_place")
                .filter(pl.col("position") == position)
                .drop_nulls("rate")
            )
            drawn.add_trace(
                go.Scatter(
                    x=[words[first] for first in rows["from_day"]],
                    y=rows["rate"].to_list(),
                    error_y=error_bars(rows["rate"], rows["rate_low"], rows["rate_high"]),
                    mode="markers+lines",
                    marker={"color": style.color, "symbol": style.symbol, "size": 10},
                    line={"color": style.color, "dash": style.dash, "width": 2},
                    name=safe(arm),
                    showlegend=len(board.arms) > 1,
                    customdata=rows["_place"].to_list(),
                    text=rows["events"].to_list(),
                    hovertemplate="Days %{x}: %{text} events, %{y}<extra>" + safe(arm) + "</extra>",
                )
            )
        drawn.update_xaxes(
            type="category",
            categoryorder="array",
            categoryarray=[words[first] for first in edges[:-1]],
        )
        return drawn

    return Exhibit(
        answer=f"In the first period ({words[edges[0]]}): "
        + "; ".join(
            row_name(
                board,
                counted(row["events"], "event")
                + (
                    ""
                    if row["rate"] is None
                    else f", {decimal(row['rate'], 2)} per 100 patient-days"
                ),
                row["arm"],
            )
            for row in first_week.iter_rows(named=True)
        )
        + ".",
        denominator=f"{counted(int(table['events'].sum()), 'event')} with a day of onset, "
        f"{int(table['observed'].sum()):,} patient-days",
        picture=draw,
        description="A line for each arm of this view: events per 100 patient-days by time since "
        "randomization, with intervals.",
        table=table.select(
            "arm",
            "days",
            "participants",
            "events",
            *(("grade_3",) if recorded_of_events(board)["grade_3"] else ()),
            "observed",
            "rate",
            "rate_low",
            "rate_high",
        ),
        labels={
            "days": "Study days",
            "participants": "Participants observed",
            "events": "Events that began",
            "grade_3": "of grade 3 or higher, or severe",
            "observed": "Patient-days",
        },
        lists=lists,
        footnotes=(
            *not_recorded_of_events(board),
            *too_few_note(board, table["participants"]),
            *sealed_events(board),
        ),
    )


def _edges(last: int) -> list[int]:
    """First days of periods, and the day after the last: weeks, or four of them in long studies."""
    step = 7 if last <= 70 else 28
    edges = list(range(1, last + 1, step))
    return [*edges, edges[-1] + step]
