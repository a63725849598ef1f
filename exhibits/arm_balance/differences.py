"""How far the arms are apart at baseline: standardized differences."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from exhibits.arm_balance.baseline import baseline_characteristics
from exhibits.exhibit import NOBODY, Exhibit, exhibit
from exhibits.parts.theme import (
    ACCENT,
    BAND,
    QUIET,
    figure,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import counted, decimal
from queries import Board

ONE_ARM = "There is one arm, and nothing to compare it with."


@exhibit(
    page="board-arm-balance",
    tab="Baseline",
    least_view=View.CODED,
    title="Standardized differences at baseline",
    method=(
        "In a randomized trial every difference at baseline is chance; a large one says where "
        "the arms differ, not that allocation failed.",
    ),
)
def love_plot(board: Board) -> Exhibit:
    """The standardized difference of each characteristic, with the band that chance gives it."""
    if len(board.arms) < 2:
        return Exhibit(missing=ONE_ARM)
    table_one = baseline_characteristics(board)
    if table_one.missing or table_one.table is None:
        return Exhibit(missing=table_one.missing or NOBODY)
    alike = _alike(table_one.table)
    table = table_one.table.filter(
        pl.col("smd").is_not_null(), ~pl.col("characteristic").is_in(alike)
    ).select("characteristic", "smd", "chance_band")
    if table.is_empty():
        missing = "No characteristic has values in two arms."
        return Exhibit(missing=missing)
    table = table.sort("smd", descending=True, maintain_order=True).with_columns(
        beyond=pl.when(pl.col("smd") > pl.col("chance_band"))
        .then(pl.lit("yes"))
        .otherwise(pl.lit("no"))
    )
    beyond = table.filter(pl.col("beyond") == "yes").height
    widest = table.row(0, named=True)
    several = (
        "Of more than two arms, the largest between any two, with the band of all pairs. "
        if len(board.arms) > 2
        else ""
    )
    return Exhibit(
        answer=f"{_beyond_in_words(beyond, table.height)} Largest: {widest['characteristic']}, "
        f"{decimal(widest['smd'], 2)}."
        + (f" Left out: {', '.join(alike)}, the same for everybody." if alike else ""),
        denominator=table_one.denominator,
        picture=lambda: _love(table),
        description="A dot for each characteristic at its standardized difference between the "
        "arms, the largest on top, over a bar of what chance alone gives.",
        table=table,
        labels={
            "smd": "Standardized difference",
            "chance_band": "Chance alone (95 %)",
            "beyond": "Beyond chance",
        },
        footnotes=(
            "Absolute difference of means over the pooled SD (Austin 2009); for categories by "
            f"Mahalanobis distance (Yang & Dalton 2012). {several}A limit of 0.1 is for large "
            "trials: at 30 an arm seven of ten characteristics exceed it by chance.",
        ),
        assumptions=table_one.assumptions,
    )


def _alike(table_one: pl.DataFrame) -> list[str]:
    """Characteristics of one category only: they cannot differ, and are no comparison."""
    rows = table_one.with_columns(
        pl.when(pl.col("characteristic") != "").then("characteristic").forward_fill().alias("of")
    ).filter(pl.col("statistic") != "missing")
    categories = rows.group_by("of", maintain_order=True).agg(pl.col("statistic"))
    return [
        str(name)
        for name, statistics in categories.rows()
        if len(statistics) == 1 and statistics[0].endswith(", n (%)")
    ]


def _beyond_in_words(beyond: int, total: int) -> str:
    """How many characteristics differ by more than chance gives, and how many would by chance."""
    some = "None" if not beyond else f"{beyond:,}"
    return (
        f"{some} of {counted(total, 'characteristic')} "
        f"{'differs' if beyond <= 1 else 'differ'} by more than chance would in 95 of 100 trials "
        f"of this size; about {decimal(0.05 * total)} of them would by chance alone."
    )


def _love(table: pl.DataFrame) -> "go.Figure":
    names = table["characteristic"].to_list()
    places = list(range(table.height))
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": table["chance_band"].to_list(),
            "y": places,
            "width": 0.7,
            # Outlined: the fill alone is hardly seen on a dark background.
            "marker": {"color": BAND, "line": {"color": ACCENT, "width": 1.5}},
            "name": "Chance alone (95 %)",
            "hovertemplate": "Chance alone: up to %{x}<extra></extra>",
        },
        {
            "x": table["smd"].to_list(),
            "y": places,
            "mode": "markers",
            "marker": {"color": QUIET, "symbol": "diamond", "size": 11},
            "name": "Standardized difference",
            "text": [safe(name) for name in names],
            "hovertemplate": "%{text}: %{x}<extra></extra>",
        },
    ]
    return figure(
        x_title="Difference, SD",
        y_title="",
        height=140 + 38 * table.height,
        traces=traces,
        layout={"yaxis": rows_axis([in_lines(name, 22) for name in names]) | {"showgrid": False}},
    )
