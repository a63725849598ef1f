"""PaO2/FiO2 of the arms held against each other at equal baseline, and what would change that.

Among participants with a gas: death, recovery and extubation end the gases, so that none of this is
an effect of the treatment where missingness differs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.linear import AdjustedDifference, DeltaAdjusted, ancova, delta_adjusted
from estimators.linear import repeated_measures as mixed_model
from estimators.proportions import Reals
from exhibits.exhibit import RANDOMIZED, Exhibit, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    BY_THE_VISIT,
    NO_TREATMENT_EFFECT,
    asked,
    planned_days,
    rules_of,
)
from exhibits.parts.comparison import arms_to_compare, contrast, in_limits, too_few_to_compare
from exhibits.parts.populations import nobody_to_show, size_of_all
from exhibits.parts.theme import QUIET, arm_style, error_bars, figure, safe
from exhibits.parts.words import signed
from queries import Board

POPULATION = f"{RANDOMIZED}, with a blood gas at baseline and on the day"
ONE_ARM = "There is one arm, and nothing to compare it with."
ANCOVA, MIXED = "ANCOVA", "Mixed model"
READ_FIRST = "The model is read first: it has all days of each participant."
# Whose outcome is missing, not to come and not death, which no value stands for.
SHIFTED = ("discharged", "missing", "left")


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    least_view=View.CODED,
    filtered=True,
    population=POPULATION,
    title="PaO2/FiO2 between arms, at equal baseline",
    method=(
        NO_TREATMENT_EFFECT,
        "Without: who has no blood gas at baseline, or none on the day. The exhibit of changes "
        "from baseline says why.",
        "Baseline is the last usable blood gas on or before the day of randomization.",
        ARTERIAL,
        BY_THE_VISIT,
    ),
)
def oxygenation_adjusted(board: Board) -> Exhibit:
    """Difference of PaO2/FiO2 between arms at equal baseline: ANCOVA, and all days in one model."""
    if (nothing := _nothing_to_compare(board)) is not None:
        return nothing
    rows = board.ask("oxygenation/changes", days=planned_days(board), rules=rules_of(board))
    both = rows.filter(pl.col("value").is_not_null() & pl.col("baseline").is_not_null())
    sizes = {
        (day, arm): n
        for day, arm, n in both.group_by("planned_day", "arm").agg(pl.len()).iter_rows()
    }
    of_day = {
        day: arms_to_compare(board, {arm: sizes.get((day, arm), 0) for arm in board.arms})
        for day in sorted(set(rows["planned_day"]))
    }
    compared = [arm for arm in board.arms if any(arm in arms for arms in of_day.values())]
    if not compared:
        least = board.trial.subgroups.minimum_per_arm
        missing = f"On no day have two arms {least} with a blood gas then and at baseline."
        return Exhibit(missing=missing)
    told = _told_day(board, [day for day, arms in of_day.items() if arms])
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    for arm in compared:
        days = [day for day, arms in of_day.items() if arm in arms]
        first, second = (_wide(rows, name, days) for name in (arm, board.reference_arm))
        model = mixed_model(first, second)
        if model.reason is None:
            for day, item in zip(days, model.days, strict=True):
                found.append(_row(arm, day, MIXED, item))
        else:
            notes.append(
                f"{arm} and {board.reference_arm}: no model over days, each day has its own "
                f"{ANCOVA}. {model.reason}"
            )
        for place, day in enumerate(days, start=1):
            if model.reason is not None or day == told:
                one = ancova(first[:, [0, place]], second[:, [0, place]])
                found.append(_row(arm, day, ANCOVA, one))
                if one.reason is not None:
                    notes.append(f"{arm}, day {day}: no {ANCOVA}. {one.reason}")
    table = pl.DataFrame(found, schema=ADJUSTED_SCHEMA)
    reference = board.reference_arm
    return Exhibit(
        answer=f"On day {told}, of those with a blood gas: {_told(board, table, told)} "
        "Not a treatment effect if missingness differs.",
        denominator=f"N = {size_of_all(board):,}; n by day in the table",
        picture=lambda: _by_day(board, table, told),
        description="For each study day a dot at the difference to the reference arm, with its "
        "95 % interval as a line; an open mark: that day alone. Dotted: no difference.",
        table=table,
        labels={
            "arm": "Arm",
            "planned_day": "Study day",
            "method": "Method",
            "difference": f"Difference to {reference}, mmHg",
            "low": "95 % low",
            "high": "95 % high",
            "standard_error": "Standard error",
            "degrees_of_freedom": "Degrees of freedom",
            "n": "n",
            "n_reference": f"n, {reference}",
            "left_out": "Without",
            "left_out_reference": f"Without, {reference}",
        },
        footnotes=(
            f"Each arm minus {reference}. {MIXED}: PaO2/FiO2 on baseline, day, arm by day, and a "
            "random participant, by REML (Laird & Ware 1982); limits are those of each day alone. "
            f"{ANCOVA}: one day on baseline and arm (Vickers & Altman 2001). t intervals.",
            *notes,
            *too_few_to_compare(board, compared),
        ),
        assumptions=board.trial.assumptions("oxygenation", "schedule", "primary"),
    )


def _nothing_to_compare(board: Board) -> Exhibit | None:
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    return Exhibit(missing=ONE_ARM) if len(board.arms) < 2 else None


def _told_day(board: Board, days: Sequence[int]) -> int:
    """The primary day, where arms are compared on it; else the last day on which they are."""
    primary = board.trial.primary
    return primary.day if primary is not None and primary.day in days else max(days)


def _wide(rows: pl.DataFrame, arm: str, days: Sequence[int]) -> Reals:
    """A row for each participant of an arm: the baseline, then the value of each day; or NaN."""
    of_arm = rows.filter(pl.col("arm") == arm)
    wide = of_arm.group_by("line", maintain_order=True).agg(
        pl.col("baseline").first(),
        *(
            pl.col("value").filter(pl.col("planned_day") == day).first().alias(f"day_{day}")
            for day in days
        ),
    )
    return wide.drop("line").cast(pl.Float64).fill_null(np.nan).to_numpy()


ADJUSTED_SCHEMA = {
    "arm": pl.String,
    "planned_day": pl.Int64,
    "method": pl.String,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "standard_error": pl.Float64,
    "degrees_of_freedom": pl.Float64,
    "n": pl.Int64,
    "n_reference": pl.Int64,
    "left_out": pl.Int64,
    "left_out_reference": pl.Int64,
}


def _row(arm: str, day: int, method: str, item: AdjustedDifference) -> dict[str, Any]:
    return {
        "arm": arm,
        "planned_day": day,
        "method": method,
        "difference": _rounded(item.difference),
        "low": _rounded(item.low),
        "high": _rounded(item.high),
        "standard_error": _rounded(item.standard_error),
        "degrees_of_freedom": item.degrees_of_freedom,
        "n": item.n1,
        "n_reference": item.n2,
        "left_out": item.left_out1,
        "left_out_reference": item.left_out2,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _told(board: Board, table: pl.DataFrame, day: int) -> str:
    """The difference on the day for each arm by each method, in words; the model first."""
    parts = []
    of_day = table.filter(pl.col("planned_day") == day)
    for (arm,), rows in of_day.group_by("arm", maintain_order=True):
        by_method = [
            f"{_difference(row)} by the {_in_text(row['method'])}"
            for row in rows.iter_rows(named=True)
        ]
        # Both are of the same participants.
        row = rows.row(0, named=True)
        parts.append(
            f"{contrast(board, str(arm))} {', '.join(by_method)} (n = {row['n']:,} and "
            f"{row['n_reference']:,})"
        )
    first = [READ_FIRST] if MIXED in of_day["method"] else []
    return " ".join([f"{'; '.join(parts)}.", *first])


def _difference(row: dict[str, Any]) -> str:
    if row["difference"] is None:
        return "not estimable"
    return f"{signed(row['difference'], 0)} mmHg ({in_limits(row['low'], row['high'])})"


def _in_text(method: str) -> str:
    """What a method is called within a sentence."""
    return "mixed model of all days" if method == MIXED else f"{ANCOVA} of that day alone"


def _by_day(board: Board, table: pl.DataFrame, told: int) -> go.Figure | None:
    """Dots with intervals by day, beside each other where there are several."""
    drawn_rows = table.filter(pl.col("difference").is_not_null())
    if drawn_rows.is_empty():
        return None
    drawn = figure(
        x_title="Study day", y_title=f"Difference to {safe(board.reference_arm)}, mmHg", height=400
    )
    # Beside each other on a day that has several, else on it.
    drawn_rows = drawn_rows.with_columns(
        x=pl.col("planned_day")
        + 0.3
        * (pl.int_range(pl.len()).over("planned_day") - (pl.len().over("planned_day") - 1) / 2)
    )
    groups = drawn_rows.group_by("arm", "method", maintain_order=True)
    for (arm, method), rows in groups:
        style = arm_style(board.arms.index(str(arm)) + 1)
        middle, low, high = (rows[name].to_list() for name in ("difference", "low", "high"))
        drawn.add_trace(
            go.Scatter(
                x=rows["x"].to_list(),
                y=middle,
                mode="markers",
                name=safe(f"{arm}, {_in_text(str(method))}"),
                marker={
                    "color": style.color,
                    "symbol": style.symbol if method == MIXED else f"{style.symbol}-open",
                    "size": 10,
                },
                error_y=error_bars(middle, low, high),
                text=[
                    f"Day {row['planned_day']}: {signed(row['difference'], 0)} mmHg "
                    f"({in_limits(row['low'], row['high'])}), n = {row['n']:,} and "
                    f"{row['n_reference']:,}"
                    for row in rows.iter_rows(named=True)
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    drawn.add_hline(y=0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    drawn.update_yaxes(rangemode="normal")
    drawn.update_xaxes(tickvals=sorted({*drawn_rows["planned_day"], told}))
    return drawn


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    least_view=View.CODED,
    filtered=True,
    population=POPULATION,
    title="If those without a gas did worse or better",
    method=(
        NO_TREATMENT_EFFECT,
        "The dead are left out, as no value is meaningful for them: read the composite.",
        ARTERIAL,
    ),
)
def oxygenation_delta(board: Board) -> Exhibit:
    """What the difference on the primary day becomes if those without a gas did worse or better."""
    if (nothing := _nothing_to_compare(board)) is not None:
        return nothing
    primary, deltas = board.trial.primary, asked(board).deltas
    if primary is None or not deltas:
        missing = "The trial definition has no primary day, or no [oxygenation] deltas. Add them."
        return Exhibit(missing=missing)
    rows = board.ask("oxygenation/changes", days=[primary.day], rules=rules_of(board)).filter(
        pl.col("baseline").is_not_null()
        & (pl.col("value").is_not_null() | pl.col("state").is_in(SHIFTED))
    )
    sizes = rows.filter(pl.col("value").is_not_null())["arm"].value_counts()
    compared = arms_to_compare(board, dict(sizes.iter_rows()))
    if not compared:
        least = board.trial.subgroups.minimum_per_arm
        missing = f"On day {primary.day} no two arms have {least} participants with a blood gas."
        return Exhibit(missing=missing)
    reference = board.reference_arm
    theirs = _wide(rows, reference, [primary.day])
    pairs = [(mine, other) for mine in deltas for other in deltas]
    found = [
        _delta_row(arm, item)
        for arm in compared
        for item in delta_adjusted(_wide(rows, arm, [primary.day]), theirs, pairs)
    ]
    table = pl.DataFrame(found, schema=DELTA_SCHEMA)
    return Exhibit(
        title=f"If those without a gas did worse or better, day {primary.day}",
        population=f"{RANDOMIZED}, with a blood gas at baseline, alive on the day",
        answer=_tipping(board, table),
        denominator=f"n = {rows.height:,} of N = {size_of_all(board):,}; shifted in the table",
        picture=lambda: _delta_lines(board, table),
        description="For each arm a line of the difference to the reference arm, with its 95 % "
        "intervals, over the shift of those without a blood gas in that arm, and one over the "
        "shift of those in the reference arm; dotted: no difference.",
        table=table,
        labels={
            "arm": "Arm",
            "delta": "Shift, mmHg",
            "delta_reference": f"Shift in {reference}, mmHg",
            "difference": f"Difference to {reference}, mmHg",
            "low": "95 % low",
            "high": "95 % high",
            "imputed": "Shifted",
            "imputed_reference": f"Shifted, {reference}",
        },
        footnotes=(
            "Who has a blood gas at baseline and none on the day, discharged, missing or left, "
            f"gets the value that the {ANCOVA} predicts for arm and baseline, shifted (delta "
            "adjustment: Carpenter, Roger & Kenward 2013). Error and degrees of freedom remain "
            "those of who has one on the day: what was not measured adds no certainty.",
            *too_few_to_compare(board, compared),
        ),
        assumptions=board.trial.assumptions("oxygenation", "primary"),
    )


DELTA_SCHEMA = {
    "arm": pl.String,
    "delta": pl.Float64,
    "delta_reference": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "imputed": pl.Int64,
    "imputed_reference": pl.Int64,
}


def _delta_row(arm: str, item: DeltaAdjusted) -> dict[str, Any]:
    return {
        "arm": arm,
        "delta": item.delta1,
        "delta_reference": item.delta2,
        "difference": _rounded(item.difference),
        "low": _rounded(item.low),
        "high": _rounded(item.high),
        "imputed": item.imputed1,
        "imputed_reference": item.imputed2,
    }


def _tipping(board: Board, table: pl.DataFrame) -> str:
    """Whether any shift changes which side of no difference the interval is on."""
    parts = []
    for arm in table["arm"].unique(maintain_order=True):
        rows = table.filter(pl.col("arm") == arm).drop_nulls("low")
        pair = contrast(board, str(arm))
        if rows.is_empty():
            parts.append(f"{pair} is not estimable.")
            continue
        plain = rows.filter((pl.col("delta") == 0) & (pl.col("delta_reference") == 0))
        side = {_side(low, high) for low, high in rows.select("low", "high").iter_rows()}
        at_zero = (
            f"{pair} {signed(plain['difference'][0], 0)} mmHg "
            f"({in_limits(plain['low'][0], plain['high'][0])}) without a shift; "
            if plain.height
            else f"{pair}: "
        )
        one = rows.filter((pl.col("delta") == 0) | (pl.col("delta_reference") == 0))
        parts.append(
            f"{at_zero}{_range(one)} with one arm shifted, {_range(rows)} with both, as in the "
            f"table. {_of_zero(side)}"
        )
    return " ".join(parts)


def _range(rows: pl.DataFrame) -> str:
    differences = rows["difference"].to_numpy()
    least, most = float(differences.min()), float(differences.max())
    return f"{signed(least, 0)} to {signed(most, 0)} mmHg"


def _of_zero(sides: set[int]) -> str:
    """Whether the intervals include zero, by the sides that they are on."""
    if len(sides) > 1:
        return "Whether the interval includes zero depends on the shift."
    return f"With every shift the interval {'includes' if sides == {0} else 'excludes'} zero."


def _side(low: float, high: float) -> int:
    """-1 where an interval is below 0, 1 where it is above, 0 where it holds 0."""
    return int(low > 0) - int(high < 0)


def _delta_lines(board: Board, table: pl.DataFrame) -> go.Figure | None:
    drawn_rows = table.drop_nulls("difference")
    if drawn_rows.is_empty():
        return None
    drawn = figure(
        x_title="Shift of those without a blood gas, mmHg",
        y_title=f"Difference to {safe(board.reference_arm)}, mmHg",
        height=400,
    )
    shifts = sorted(set(drawn_rows["delta"]))
    # So that intervals at one shift stand beside each other.
    apart = 0.01 * (shifts[-1] - shifts[0])
    for arm in drawn_rows["arm"].unique(maintain_order=True):
        for column, other, shifted, beside in (
            ("delta", "delta_reference", arm, apart),
            ("delta_reference", "delta", board.reference_arm, -apart),
        ):
            rows = drawn_rows.filter((pl.col("arm") == arm) & (pl.col(other) == 0)).sort(column)
            if rows.is_empty():
                continue
            style = arm_style(board.arms.index(shifted) + 1)
            name = f"{contrast(board, arm)}, shifted in {shifted}"
            middle, low, high = (rows[name].to_list() for name in ("difference", "low", "high"))
            drawn.add_trace(
                go.Scatter(
                    x=[shift + beside for shift in rows[column]],
                    y=middle,
                    mode="lines+markers",
                    name=safe(name),
                    line={"color": style.color, "dash": style.dash, "width": 2},
                    marker={"symbol": style.symbol, "size": 9},
                    error_y=error_bars(middle, low, high),
                    text=[signed(shift, 0) for shift in rows[column]],
                    hovertemplate="Shift %{text} mmHg: %{y:.0f} mmHg<extra>"
                    + safe(name)
                    + "</extra>",
                )
            )
    drawn.add_hline(y=0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    drawn.update_yaxes(rangemode="normal")
    drawn.update_xaxes(tickvals=shifts)
    return drawn
