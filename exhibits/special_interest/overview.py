"""Who had events of special interest, how many, and how far apart arms are."""

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import polars as pl

from estimators.proportions import clopper_pearson, miettinen_nurminen
from estimators.rates import garwood
from exhibits.exhibit import Conclusion, Exhibit, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.incidence_curves import (
    in_percent,
)
from exhibits.parts.populations import nobody_to_show
from exhibits.parts.theme import arm_style, error_bars, figure, in_lines, safe
from exhibits.parts.words import counted, share
from exhibits.special_interest.groups import (
    COUNTED,
    GROUPS,
    bound_terms,
    groups_by_id,
    list_of,
    sealed_terms,
    standard_queries,
    too_few_to_estimate,
)
from queries import Board


@exhibit(
    page="board-special-interest",
    leads=21,
    title="Events of special interest",
    needs=("special_interest",),
    data=("AE",),
    conclusions=(Conclusion("share_percent", ("name", "arm")),),
    filtered=True,
    method=(
        COUNTED,
        GROUPS,
    ),
)
def special_interest_overview(board: Board) -> Exhibit:
    """Participants with events of each group of special interest, with intervals and rates."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    groups = board.trial.special_interest
    people = board.ask("safety/people")
    rows = board.ask("special_interest/by_group", terms=bound_terms(groups)).join(
        people.rename({"participants": "randomized"}), on=["arm", "position"], maintain_order="left"
    )
    few = too_few_to_estimate(board, people)
    shown = not few
    shares = clopper_pearson(rows["participants"].to_numpy(), rows["randomized"].to_numpy())
    rates = garwood(rows["events"].to_numpy(), rows["observed_days"].to_numpy() / 100)
    names = {group.id: group.name for group in groups}
    table = rows.select(
        pl.col("group").replace_strict(names).alias("name"),
        "arm",
        "randomized",
        "participants",
        pl.Series("share_percent", in_percent(shares.estimate, shown=shown), pl.Float64),
        pl.Series("low_percent", in_percent(shares.low, shown=shown), pl.Float64),
        pl.Series("high_percent", in_percent(shares.high, shown=shown), pl.Float64),
        "events",
        "serious",
        "fatal",
        "observed_days",
        pl.Series("rate", _rounded(rates.estimate, shown=shown), pl.Float64),
        pl.Series("rate_low", _rounded(rates.low, shown=shown), pl.Float64),
        pl.Series("rate_high", _rounded(rates.high, shown=shown), pl.Float64),
        *differences(board, rows, shown=shown),
    )
    total = int(people["participants"].sum())
    by_group = (
        rows.group_by("group", maintain_order=True)
        .agg(pl.col("participants", "events").sum())
        .sort("participants", descending=True, maintain_order=True)
    )
    most, had, events = by_group.row(0)
    any_list = [row["participants"] > 0 for row in rows.iter_rows(named=True)]
    lists = tuple(
        list_of(board, groups_by_id(board)[row["group"]], row["arm"])
        for row in rows.filter(pl.col("participants") > 0).iter_rows(named=True)
    )
    places = iter(range(len(lists)))
    row_lists = tuple(next(places) if some else None for some in any_list)
    most_frequent = (
        f"Most frequent: {names[most]}, {share(had, total)} participants with "
        f"{counted(events, 'event')}."
    )
    largest = _largest_difference(table)
    answer = most_frequent if had else "Nobody had an event of special interest."
    if had and largest is not None:
        held = _held_against_reference(board, table, largest, "name")
        answer += f" Largest difference: {held}."
    return Exhibit(
        answer=answer,
        attention=apart_in_words(board, table, "name"),
        beside=most_frequent if largest is not None and _is_apart(largest) else None,
        denominator=f"N = {total:,}; {counted(int(people['observed_days'].sum()), 'patient-day')}",
        picture=(lambda: _shares_drawn(board, table, row_lists)) if shown else None,
        description="A row for each group and arm of this view: a dot at the share of participants "
        "with an event, and its 95 % interval as a line.",
        table=table,
        labels=OVERVIEW_LABELS | {"difference": f"Difference to {board.reference_arm}, points"},
        footnotes=(
            "Share of participants with the exact interval (Clopper & Pearson 1934). Rate: all "
            "events per 100 patient-days since randomization, with Garwood's interval (1936), "
            "which is too narrow where somebody has many events."
            + (
                f" Difference to {board.reference_arm} by Miettinen & Nurminen (1985). Intervals "
                "are 95 %, none is adjusted for the number of groups."
                if len(board.arms) > 1
                else ""
            ),
            *few,
            *standard_queries(board),
            *sealed_terms(board),
            *(f"{group.name}: {group.why}" for group in groups),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=lists,
        row_lists=row_lists,
    )


def apart_in_words(board: Board, table: pl.DataFrame, name: str) -> str:
    """A sentence on every difference whose interval has no zero; empty where there is none."""
    if "difference_low" not in table.columns:
        return ""
    return " ".join(
        f"{_held_against_reference(board, table, row, name)}."
        for row in table.drop_nulls("difference_low").iter_rows(named=True)
        if _is_apart(row)
    )


def _is_apart(row: Mapping[str, Any]) -> bool:
    """Whether the interval of a difference has no zero."""
    return bool(row["difference_low"] > 0 or row["difference_high"] < 0)


def _held_against_reference(
    board: Board, table: pl.DataFrame, row: Mapping[str, Any], name: str
) -> str:
    """The counts of an arm and of the reference in one group, and how far apart they are."""
    (reference,) = table.filter(
        (pl.col(name) == row[name]) & (pl.col("arm") == board.reference_arm)
    ).iter_rows(named=True)
    both = sorted((row, reference), key=lambda one: board.arms.index(one["arm"]))
    counts = counts_in_arms(both, "randomized")
    zero = "" if _is_apart(row) else "; the interval includes zero"
    return (
        f"{row[name]}: {counts}; {contrast(board, row['arm'])} "
        f"{points(row, 'difference', 'difference_low', 'difference_high')}{zero}"
    )


def _largest_difference(table: pl.DataFrame) -> dict[str, Any] | None:
    """The row of the group in which an arm differs most from the reference, if any does."""
    if "difference" not in table.columns:
        return None
    apart = table.filter(pl.col("difference") != 0).sort(
        pl.col("difference").abs(), descending=True, maintain_order=True
    )
    return apart.row(0, named=True) if apart.height else None


OVERVIEW_LABELS = {
    "name": "Group",
    "arm": "Arm",
    "randomized": "Randomized",
    "participants": "Participants with any",
    "share_percent": "Share, %",
    "low_percent": "95 % low, %",
    "high_percent": "95 % high, %",
    "events": "Events",
    "serious": "With a serious one",
    "fatal": "With a fatal one",
    "observed_days": "Patient-days",
    "rate": "Events per 100 patient-days",
    "rate_low": "Rate, 95 % low",
    "rate_high": "Rate, 95 % high",
    "difference_low": "Difference, 95 % low",
    "difference_high": "Difference, 95 % high",
}


def _rounded(values: Any, *, shown: bool, places: int = 3) -> list[float | None]:
    return [
        round(float(value), places) if shown and math.isfinite(value) else None for value in values
    ]


def differences(board: Board, rows: pl.DataFrame, *, shown: bool) -> list[pl.Series]:
    """Differences to the reference arm, in percentage points; none of that arm itself.

    Args:
        rows: `group`, `arm`, `participants` with an event, and `randomized`, of whom.
    """
    if len(board.arms) < 2:
        return []
    reference = rows.filter(pl.col("arm") == board.reference_arm).select(
        "group", reference="participants", reference_all="randomized"
    )
    both = rows.join(reference, on="group", how="left", maintain_order="left")
    found = miettinen_nurminen(
        both["participants"].to_numpy(),
        both["randomized"].to_numpy(),
        both["reference"].to_numpy(),
        both["reference_all"].to_numpy(),
    )
    is_reference = (rows["arm"] == board.reference_arm).to_list()
    return [
        pl.Series(
            name,
            [
                None if itself else value
                for itself, value in zip(is_reference, in_percent(values, shown=shown), strict=True)
            ],
            pl.Float64,
        )
        for name, values in (
            ("difference", found.estimate),
            ("difference_low", found.low),
            ("difference_high", found.high),
        )
    ]


def _shares_drawn(
    board: Board, table: pl.DataFrame, row_lists: tuple[int | None, ...]
) -> go.Figure:
    arms = len(board.arms)
    names = table["name"].unique(maintain_order=True).to_list()
    drawn = figure(
        x_title="Participants with an event, %",
        y_title="",
        height=150 + (30 + 24 * arms) * len(names),
    )
    placed = table.with_columns(pl.Series("list", row_lists, pl.Int64))
    for position, arm in enumerate(board.arms, start=1):
        style, rows = arm_style(position), placed.filter(pl.col("arm") == arm)
        middle, low, high = (
            rows[name].to_list() for name in ("share_percent", "low_percent", "high_percent")
        )
        drawn.add_trace(
            go.Scatter(
                x=middle,
                y=[place * (arms + 1) + position for place in range(rows.height)],
                mode="markers",
                name=safe(arm),
                showlegend=arms > 1,
                marker={"color": style.color, "symbol": style.symbol, "size": 11},
                error_x=error_bars(middle, low, high),
                customdata=rows["list"].to_list(),
                text=[
                    f"{safe(row['name'])}: {row['participants']} of {row['randomized']}"
                    for row in rows.iter_rows(named=True)
                ],
                hovertemplate="%{text}, %{x} %<extra></extra>",
            )
        )
    drawn.update_yaxes(
        tickmode="array",
        tickvals=[place * (arms + 1) + (arms + 1) / 2 for place in range(len(names))],
        ticktext=[in_lines(name) for name in names],
        range=[len(names) * (arms + 1), 0],
        showgrid=False,
    )
    widest = max(10.0, *table["high_percent"].to_list())
    # From a little under zero, so that a dot at zero is whole.
    drawn.update_xaxes(range=[-0.03 * widest, min(105.0, 1.05 * widest)])
    return drawn
