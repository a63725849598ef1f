"""Deviations from the protocol."""

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.comparison import share_of_arm
from exhibits.parts.populations import all_randomized, in_all, nobody_randomized
from exhibits.parts.theme import arm_style, counts_axis, figure, hatch, in_lines, safe
from exhibits.parts.words import number, sentence_case
from queries import Board


@exhibit(
    page="board-conduct",
    title="Protocol deviations",
    data=("DV",),
    method=(
        "Categories that the trial definition opens. A participant can have deviations of "
        "several categories.",
    ),
)
def deviations(board: Board) -> Exhibit:
    """Protocol deviations by category, and who has any, in each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    arms, total = board.ask("conduct/deviations_in_all"), all_randomized(board)
    rows = board.ask("conduct/deviations").with_columns(sentence_case("category"))
    shown = rows.filter(pl.col("participants").is_not_null())
    categories = shown["category"].unique(maintain_order=True).to_list()
    with_any = in_all(arms["with_any"])

    def draw() -> go.Figure:
        drawn = figure(
            x_title="Participants with a deviation",
            y_title="",
            height=150 + (20 + 22 * arms.height) * len(categories),
        )
        for arm, position in arms.select("arm", "position").rows():
            style = arm_style(position)
            of_arm = shown.filter(pl.col("arm") == arm)
            drawn.add_trace(
                go.Bar(
                    y=[in_lines(category, 12) for category in of_arm["category"]],
                    x=of_arm["participants"].to_list(),
                    name=safe(arm),
                    orientation="h",
                    marker={"color": style.color, "pattern": hatch(style.pattern)},
                    hovertemplate="%{y}: %{x} participants<extra></extra>",
                    showlegend=arms.height > 1,
                )
            )
        drawn.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=[in_lines(category, 12) for category in categories],
            autorange="reversed",
            rangemode="normal",
            showgrid=False,
        )
        drawn.update_xaxes(counts_axis(rows["participants"]))
        return drawn

    return Exhibit(
        answer=f"{share_of_arm(board, with_any, total)} randomized participants have a deviation; "
        f"deviations in all: {number(in_all(arms['deviations']))}.",
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(
                arm,
                share_of_arm(board, had, of),
                f"participants with any; deviations: {number(count)}",
            )
            for arm, had, of, count in arms.select(
                "arm", "with_any", "randomized", "deviations"
            ).rows()
        ),
        picture=draw if categories else None,
        description="Bars for each category and arm of this view: participants with a deviation.",
        table=rows.drop("position"),
    )
