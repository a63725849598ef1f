"""When adverse events began."""

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, exhibit
from exhibits.parts.comparison import rate_labels, too_few_note, with_rate
from exhibits.parts.events import (
    OF_ALL_EVENTS,
    SINCE,
    list_of_events,
    not_recorded_of_events,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.populations import earliest_deaths, row_name
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
        OF_ALL_EVENTS,
    ),
)
def adverse_event_onset(board: Board) -> Exhibit:
    """When events began: per 100 patient-days observed, by week since randomization."""
    periods = board.ask("safety/onset").filter(pl.col("days") > 0)
    if not periods["events"].sum():
        return Exhibit(missing="No event has a day of onset since randomization.")
    table = with_rate(
        board, periods, periods, by=["from_day"], days="days", of="participants"
    ).with_columns(days=pl.format("{} to {}", "from_day", "to_day"), observed=pl.col("days"))
    names = table.sort("from_day")["days"].unique(maintain_order=True).to_list()
    lists = tuple(
        list_of_events(
            row_name(board, f"Onset on study days {row['days']}", row["arm"]),
            arm=row["arm"],
            from_day=row["from_day"],
            to_day=row["to_day"],
        )
        for row in table.iter_rows(named=True)
    )
    first_period = table.filter(days=names[0])

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
                    x=rows["days"].to_list(),
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
            categoryarray=names,
        )
        return drawn

    return Exhibit(
        answer=f"In the first period ({names[0]}): "
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
            for row in first_period.iter_rows(named=True)
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
            "^rate.*$",
        ),
        labels=rate_labels(board)
        | {
            "days": "Study days",
            "participants": "Participants observed",
            "events": "Events that began",
            "grade_3": "of grade 3 or higher, or severe",
            "observed": "Patient-days",
        },
        lists=lists,
        footnotes=(
            *not_recorded_of_events(board),
            *earliest_deaths(board),
            *too_few_note(board, table["participants"]),
            *sealed_events(board),
        ),
    )
