"""The difference in allocations as participants were randomized, one after the other."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.balance import allocation_envelope
from exhibits.arm_balance.differences import ONE_ARM
from exhibits.exhibit import RANDOMIZED, Exhibit, exhibit
from exhibits.parts.comparison import contrast
from exhibits.parts.theme import (
    QUIET,
    arm_style,
    figure,
    safe,
)
from exhibits.parts.words import counted
from queries import Board


@exhibit(
    page="board-arm-balance",
    tab="Allocation",
    leads=81,
    least_view=View.CODED,
    title="Running difference in allocations",
    method=("After each date, since of one date the order is not known.",),
)
def running_imbalance(board: Board) -> Exhibit:
    """The difference in participants between arms as they were randomized, and its envelope."""
    if len(board.arms) < 2:
        return Exhibit(missing=ONE_ARM)
    rows = board.ask("balance/by_date")
    dated = rows.filter(pl.col("date").is_not_null())
    if dated.is_empty():
        return Exhibit(missing="Nobody has a date of randomization yet.")
    reference = board.reference_arm
    lists = _number_of_lists(board)
    found: list[dict[str, Any]] = []
    for arm in board.arms:
        if arm != reference:
            found += _running(board, dated, arm, lists)
    table = pl.DataFrame(found, schema=RUNNING_SCHEMA)
    undated = int(rows.filter(pl.col("date").is_null())["randomized"].sum())
    total = int(rows["randomized"].sum())
    return Exhibit(
        population=f"{RANDOMIZED}, with a date",
        answer=_running_in_words(board, dated, table),
        attention=_outside_now(board, table),
        denominator=f"n = {total - undated:,} with a date of N = {total:,}",
        picture=lambda: _running_drawn(board, table),
        description="A step line for each arm minus the reference arm over the participants "
        "randomized to the two, and the limits that the method of allocation keeps.",
        table=table,
        labels={
            "date": "After the allocations of",
            "allocated": "Allocated to the two arms",
            "difference": f"Difference to {reference}, participants",
            "low": "Limit from",
            "high": "Limit to",
        },
        footnotes=(
            *_method_in_words(board, lists),
            *((f"{counted(undated, 'participant')} without a date.",) * bool(undated)),
        ),
        assumptions=board.trial.assumptions("arms"),
    )


RUNNING_SCHEMA = {
    "arm": pl.String,
    "date": pl.Date,
    "allocated": pl.Int64,
    "difference": pl.Int64,
    "low": pl.Int64,
    "high": pl.Int64,
}


def _number_of_lists(board: Board) -> int:
    """How many lists of blocks there are: a list for each site or stratum that has anybody."""
    of = board.trial.arms.lists
    if of == "trial":
        return 1
    return max(board.ask("balance/allocated").filter(pl.col("kind") == of)["value"].n_unique(), 1)


def _ratio(board: Board, arm: str) -> int | None:
    """The planned ratio of an arm; under a letter it is known only where all arms have the same."""
    ratios = {one.name: one.ratio for one in board.trial.arms.list}
    same = set(ratios.values())
    return ratios.get(arm, same.pop() if len(same) == 1 else None)


def _running(board: Board, dated: pl.DataFrame, arm: str, lists: int) -> list[dict[str, Any]]:
    """After each date: allocations to the two arms, their difference, and its limits."""
    reference = board.reference_arm
    by_date = (
        dated.filter(pl.col("arm").is_in([arm, reference]))
        .group_by("date")
        .agg(
            pl.col("randomized").sum().alias("allocated"),
            pl.when(pl.col("arm") == arm)
            .then(pl.col("randomized"))
            .otherwise(-pl.col("randomized"))
            .sum()
            .alias("difference"),
        )
        .sort("date")
        .with_columns(pl.col("allocated", "difference").cum_sum())
    )
    mine, other = _ratio(board, arm), _ratio(board, reference)
    low: list[int | None] = [None] * by_date.height
    high = list(low)
    if mine is not None and other is not None:
        arms = board.trial.arms
        block = arms.largest_block
        if block is not None:
            block = block * (mine + other) // sum(one.ratio for one in arms.list)
        found = allocation_envelope(
            by_date["allocated"].to_numpy().astype("int64"), (mine, other), block, lists
        )
        low, high = found.low.tolist(), found.high.tolist()
    return [
        {"arm": arm, "date": day, "allocated": n, "difference": apart, "low": under, "high": over}
        for day, n, apart, under, over in zip(
            by_date["date"],
            by_date["allocated"],
            by_date["difference"],
            low,
            high,
            strict=True,
        )
    ]


def _outside_now(board: Board, table: pl.DataFrame) -> str:
    """A sentence on every arm that is outside the limits at the end; empty where none is."""
    outside = [
        f"{contrast(board, last['arm'])} is outside the limits of the allocation method."
        for _, part in table.group_by("arm", maintain_order=True)
        if (last := part.row(-1, named=True))["low"] is not None
        and not last["low"] <= last["difference"] <= last["high"]
    ]
    return " ".join(outside)


def _running_in_words(board: Board, dated: pl.DataFrame, table: pl.DataFrame) -> str:
    """How many each arm has, and whether a difference was ever outside its limits."""
    sizes = dict(dated.group_by("arm").agg(pl.col("randomized").sum()).rows())
    parts = [", ".join(f"{sizes.get(arm, 0):,} in {arm}" for arm in board.arms)]
    for (arm,), part in table.group_by("arm", maintain_order=True):
        last = part.row(-1, named=True)
        outside = part.filter(
            (pl.col("difference") < pl.col("low")) | (pl.col("difference") > pl.col("high"))
        )
        if last["low"] is not None:
            of = "" if table["arm"].n_unique() == 1 else f" {contrast(board, str(arm))}"
            never = "" if outside.height else "never "
            after = f" after {counted(outside.height, 'date')}" if outside.height else ""
            parts.append(
                f"the difference{of} was {never}outside the limits of the allocation method{after}"
            )
    return f"{'; '.join(parts)}."


def _method_in_words(board: Board, lists: int) -> tuple[str, ...]:
    arms = board.trial.arms
    if arms.method == "permuted blocks":
        of = {"trial": "one list", "site": "a list for each site"}.get(
            arms.lists, "a list for each stratum"
        )
        return (
            f"Limits: permuted blocks of at most {arms.largest_block}, {of} ({lists:,} in all), "
            "can never leave them; outside, allocation was not as stated.",
        )
    said = (
        "The trial definition does not say how participants are allocated. "
        if arms.method is None
        else ""
    )
    return (
        f"{said}Limits: simple randomization is within them at one date with a probability of at "
        "least 95 %, not at all dates together; blocks differ less.",
    )


def _running_drawn(board: Board, table: pl.DataFrame) -> "go.Figure":
    traces: list[dict[str, Any]] = []
    for (arm,), part in table.group_by("arm", maintain_order=True):
        style = arm_style(board.arms.index(str(arm)) + 1)
        allocated = part["allocated"].to_list()
        name = safe(contrast(board, arm))
        if part["low"].null_count() == 0:
            traces.append(
                {
                    "x": [*allocated, *reversed(allocated)],
                    "y": [*part["high"], *reversed(part["low"].to_list())],
                    "fill": "toself",
                    "fillcolor": style.color,
                    "opacity": 0.14,
                    "line": {"width": 0},
                    "mode": "lines",
                    "legendgroup": name,
                    "showlegend": False,
                    "hoverinfo": "skip",
                }
            )
        traces.append(
            {
                "x": [0, *allocated],
                "y": [0, *part["difference"]],
                "mode": "lines+markers",
                "line": {"color": style.color, "dash": style.dash, "width": 2, "shape": "hv"},
                "marker": {"symbol": style.symbol, "size": 6},
                "name": name,
                "legendgroup": name,
                "showlegend": True,
                "text": ["Before the first", *(f"After {day}" for day in part["date"])],
                "hovertemplate": "%{text}: %{y:+}, %{x} allocated<extra>" + name + "</extra>",
            }
        )
    return figure(
        x_title="Participants randomized to the two arms",
        y_title="Difference, participants",
        height=380,
        traces=traces,
        layout={"yaxis": {"rangemode": "normal", "zeroline": True, "zerolinecolor": QUIET}},
    )
