"""PaO2/FiO2 of the arms held against each other at equal baseline, and what would change that.

Among participants with a gas: death, recovery and extubation end the gases, so that none of this is
an effect of the treatment where missingness differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.linear import AdjustedDifference, DeltaAdjusted, ancova, delta_adjusted
from estimators.proportions import Reals
from estimators.repeated import repeated_measures
from exhibits.exhibit import RANDOMIZED, Estimand, Exhibit, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    BY_THE_VISIT,
    NO_TREATMENT_EFFECT,
    definition,
    main_day,
)
from exhibits.parts.comparison import (
    arms_to_compare,
    contrast,
    in_limits,
    minimum,
    too_few_note,
    without_zero,
)
from exhibits.parts.populations import size_of_all
from exhibits.parts.strata import strata_by_arm, within
from exhibits.parts.theme import QUIET, arm_style, error_bars, figure, safe
from exhibits.parts.words import NOT_ADJUSTED, rounded, signed
from queries import Board
from queries.bound import planned_days

POPULATION = f"{RANDOMIZED}, with a blood gas at baseline and on the day"
ANCOVA, MMRM = "ANCOVA", "MMRM"
AS_IF = (
    "The model is of all as if those without a gas had gone on like those measured (missing at "
    "random; the dead included): not a treatment effect. Read the composite first."
)
# Whose outcome is missing, not to come and not death, which no value stands for.
SHIFTED = ("discharged", "missing", "left")
DIFFERENCE = ("difference", "difference_low", "difference_high")
ADJUSTED_SCHEMA = {
    "arm": pl.String,
    "planned_day": pl.Int64,
    "method": pl.String,
    **dict.fromkeys((*DIFFERENCE, "standard_error", "degrees_of_freedom"), pl.Float64),
    **dict.fromkeys(("n", "n_reference", "left_out", "left_out_reference"), pl.Int64),
}
DELTA_SCHEMA = {
    "arm": pl.String,
    **dict.fromkeys(("delta", "delta_reference", *DIFFERENCE), pl.Float64),
    **dict.fromkeys(("imputed", "imputed_reference"), pl.Int64),
}


def _nothing_to_compare(board: Board) -> Exhibit | None:
    if len(board.arms) < 2:
        return Exhibit(missing="There is one arm, and nothing to compare it with.")
    return None


def _in_mmhg(value: float | None) -> float | None:
    return None if value is None else rounded(value, 2)


def _estimate(item: AdjustedDifference | DeltaAdjusted) -> dict[str, float | None]:
    """The difference and its limits, as columns."""
    values = map(_in_mmhg, (item.difference, item.low, item.high))
    return dict(zip(DIFFERENCE, values, strict=True))


def _difference(row: Mapping[str, Any]) -> str:
    """`+12 mmHg (95 % −3 to 27)`."""
    if row["difference"] is None:
        return "not estimable"
    limits = in_limits(row["difference_low"], row["difference_high"])
    return f"{signed(row['difference'], 0)} mmHg ({limits})"


def _around_zero(
    board: Board, x_title: str, traces: Sequence[Mapping[str, object]], ticks: Sequence[float]
) -> "go.Figure":
    """Differences to the reference arm, upwards, over `ticks`; dotted: no difference."""
    drawn = figure(
        x_title=x_title,
        y_title=f"Difference to {safe(board.reference_arm)}, mmHg",
        height=400,
        traces=traces,
        layout={"yaxis": {"rangemode": "normal"}, "xaxis": {"tickvals": ticks}},
    )
    drawn.add_hline(y=0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    return drawn


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


# Each day


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
        AS_IF,
        "Without: who has no blood gas at baseline, or none on the day. The exhibit of changes "
        "from baseline says why.",
        "Baseline is the last usable blood gas on or before the day of randomization.",
        ARTERIAL,
        BY_THE_VISIT,
    ),
    estimand=Estimand(
        endpoint="PaO2/FiO2 on the day",
        events="MMRM: as if those without a gas had gone on like those measured (missing at "
        "random; the dead included); ANCOVA: while measured",
        summary="mean difference at equal baseline",
        population="those with a blood gas at baseline",
    ),
)
def oxygenation_adjusted(board: Board) -> Exhibit:
    """Difference of PaO2/FiO2 between arms at equal baseline, from one model of all days."""
    if (nothing := _nothing_to_compare(board)) is not None:
        return nothing
    rows = board.ask("oxygenation/changes", days=planned_days(board.trial))
    both = rows.filter(pl.col("value").is_not_null() & pl.col("baseline").is_not_null())
    sizes = {
        (day, arm): n
        for day, arm, n in both.group_by("planned_day", "arm").agg(pl.len()).iter_rows()
    }
    of_day = {
        day: {arm: sizes.get((day, arm), 0) for arm in board.arms}
        for day in sorted(set(rows["planned_day"]))
    }
    compared_on = {day: arms_to_compare(board, of_arms) for day, of_arms in of_day.items()}
    compared = [arm for arm in board.arms if any(arm in arms for arms in compared_on.values())]
    if not compared:
        missing = f"On no day have two arms {minimum(board)} with a blood gas then and at baseline."
        return Exhibit(missing=missing)
    day = main_day(board, [day for day, arms in compared_on.items() if arms])
    estimates: list[dict[str, Any]] = []
    notes: list[str] = []
    for arm in compared:
        days = [one for one, arms in compared_on.items() if arm in arms]
        of_arm, notes_of_arm = _differences(board, rows, arm, days, day)
        estimates += of_arm
        notes += notes_of_arm
    table = pl.DataFrame(estimates, schema=ADJUSTED_SCHEMA)
    reference = board.reference_arm
    return Exhibit(
        answer=f"At equal baseline, day {day}: {_on_day(board, table, day)}",
        denominator=f"N = {size_of_all(board):,}; n by day in the table",
        picture=(lambda: _by_day(board, table, day)) if table["difference"].count() else None,
        description="For each study day a dot at the difference to the reference arm, with its "
        "95 % interval as a line; an open mark: from that day alone. Dotted: no difference.",
        table=table,
        labels={
            "difference": f"Difference to {reference}, mmHg",
            "n_reference": f"n, {reference}",
            "left_out": "Without",
            "left_out_reference": f"Without, {reference}",
        },
        footnotes=(
            f"Each arm minus {reference}. {MMRM}: PaO2/FiO2 on arm, day and baseline, each by day, "
            "covariance of the days without structure, by REML; errors and degrees of freedom by "
            "Kenward & Roger 1997. "
            f"{ANCOVA}: one day on baseline and arm (Vickers & Altman 2001). t intervals of each "
            f"day alone, {NOT_ADJUSTED}.",
            *notes,
            *too_few_note(
                board, [size for of_arms in of_day.values() for size in of_arms.values()]
            ),
        ),
        assumptions=board.trial.assumptions("oxygenation", "schedule", "primary"),
    )


def _differences(
    board: Board, rows: pl.DataFrame, arm: str, days: Sequence[int], main: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """An arm's rows of the table: by the model, and by each day alone where there is none.

    The main day is there by both. With notes on what cannot be estimated.
    """
    estimates, notes = [], []
    first, second = (_wide(rows, name, days) for name in (arm, board.reference_arm))
    strata = within(board, strata_by_arm(board, rows.unique("line", maintain_order=True)), arm)
    notes += [f"{arm}: {strata.note}"] if strata.note else []
    model = repeated_measures(first, second, strata=strata.labels)
    if model.reason is not None:
        notes.append(
            f"{arm} and {board.reference_arm}: no model over days, each day has its own "
            f"{ANCOVA}. {model.reason}"
        )
    thin = []
    for place, (day, item, in_model) in enumerate(
        zip(days, model.days, model.in_model, strict=True), start=1
    ):
        estimates.append(_row(arm, day, MMRM if in_model else ANCOVA, item))
        if in_model and day == main:
            alone = ancova(first[:, [0, place]], second[:, [0, place]], strata=strata.labels)
            estimates.append(_row(arm, day, ANCOVA, alone))
        elif item.reason is not None:
            notes.append(f"{arm}, day {day}: no {ANCOVA}. {item.reason}")
        elif not in_model and any(model.in_model):
            thin.append(day)
    if thin:
        notes.append(
            f"{arm}: {'day' if len(thin) == 1 else 'days'} {', '.join(map(str, thin))} by {ANCOVA} "
            "of that day alone: too few have a blood gas then for the model."
        )
    return estimates, notes


def _row(arm: str, day: int, method: str, item: AdjustedDifference) -> dict[str, Any]:
    return {
        "arm": arm,
        "planned_day": day,
        "method": method,
        **_estimate(item),
        "standard_error": _in_mmhg(item.standard_error),
        "degrees_of_freedom": item.degrees_of_freedom,
        "n": item.n1,
        "n_reference": item.n2,
        "left_out": item.left_out1,
        "left_out_reference": item.left_out2,
    }


def _on_day(board: Board, table: pl.DataFrame, day: int) -> str:
    """The difference on the day for each arm by each method, in words; the model first."""
    parts = []
    of_day = table.filter(pl.col("planned_day") == day)
    for (arm,), rows in of_day.group_by("arm", maintain_order=True):
        by_method = [
            f"{_difference(row)} {_in_text(row['method'])}" for row in rows.iter_rows(named=True)
        ]
        # Both are of the same participants.
        row = rows.row(0, named=True)
        parts.append(
            f"{contrast(board, str(arm))} {', '.join(by_method)}; with a blood gas {row['n']:,} "
            f"and {row['n_reference']:,}"
        )
    return f"{'; '.join(parts)}. Not a treatment effect: read the composite first."


def _in_text(method: str) -> str:
    """What a method is called within a sentence."""
    return "from one model of all days" if method == MMRM else f"from that day alone ({ANCOVA})"


def _by_day(board: Board, table: pl.DataFrame, main: int) -> "go.Figure":
    """Dots with intervals by day, beside each other on a day that has several."""
    rows = table.drop_nulls("difference").with_columns(
        x=pl.col("planned_day")
        + 0.3
        * (pl.int_range(pl.len()).over("planned_day") - (pl.len().over("planned_day") - 1) / 2)
    )
    traces = []
    for (arm, method), part in rows.group_by("arm", "method", maintain_order=True):
        style = arm_style(board.arms.index(str(arm)) + 1)
        traces.append(
            {
                "x": part["x"].to_list(),
                "y": part["difference"].to_list(),
                "mode": "markers",
                "name": safe(f"{arm}, {_in_text(str(method))}"),
                "marker": {
                    "color": style.color,
                    "symbol": style.symbol if method == MMRM else f"{style.symbol}-open",
                    "size": 10,
                },
                "error_y": error_bars(*(part[name] for name in DIFFERENCE)),
                "text": [
                    f"Day {row['planned_day']}: {_difference(row)}, n = {row['n']:,} and "
                    f"{row['n_reference']:,}"
                    for row in part.iter_rows(named=True)
                ],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return _around_zero(board, "Study day", traces, sorted({*rows["planned_day"], main}))


# If those without a gas did worse or better


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
    estimand=Estimand(
        endpoint="PaO2/FiO2 on the primary day",
        events="missing values as predicted, shifted by delta; the dead left out",
        summary="mean difference at equal baseline, and the shift at which its sign is in doubt",
        population="those with a blood gas at baseline, alive on the day",
    ),
)
def oxygenation_delta(board: Board) -> Exhibit:
    """What the difference on the primary day becomes if those without a gas did worse or better."""
    if (nothing := _nothing_to_compare(board)) is not None:
        return nothing
    primary, deltas = board.trial.primary, definition(board).deltas
    if primary is None or not deltas:
        missing = "The trial definition has no primary day, or no [oxygenation] deltas. Add them."
        return Exhibit(missing=missing)
    rows = board.ask("oxygenation/changes", days=[primary.day]).filter(
        pl.col("baseline").is_not_null()
        & (pl.col("value").is_not_null() | pl.col("state").is_in(SHIFTED))
    )
    with_value = rows.drop_nulls("value")["arm"].to_list()
    sizes = {arm: with_value.count(arm) for arm in board.arms}
    compared = arms_to_compare(board, sizes)
    if not compared:
        missing = f"On day {primary.day} no two arms have {minimum(board)} participants with a "
        return Exhibit(missing=f"{missing}blood gas.")
    reference = board.reference_arm
    theirs = _wide(rows, reference, [primary.day])
    pairs = [(mine, other) for mine in deltas for other in deltas]
    table = pl.DataFrame(
        [
            {
                "arm": arm,
                "delta": item.delta1,
                "delta_reference": item.delta2,
                **_estimate(item),
                "imputed": item.imputed1,
                "imputed_reference": item.imputed2,
            }
            for arm in compared
            for item in delta_adjusted(_wide(rows, arm, [primary.day]), theirs, pairs)
        ],
        schema=DELTA_SCHEMA,
    )
    return Exhibit(
        title=f"If those without a gas did worse or better, day {primary.day}",
        population=f"{RANDOMIZED}, with a blood gas at baseline, alive on the day",
        answer=_tipping(board, table),
        denominator=f"n = {rows.height:,} of N = {size_of_all(board):,}; shifted in the table",
        picture=(lambda: _delta_lines(board, table)) if table["difference"].count() else None,
        description="For each arm a line of the difference to the reference arm, with its 95 % "
        "intervals, over the shift of those without a blood gas in that arm, and one over the "
        "shift of those in the reference arm; dotted: no difference.",
        table=table,
        labels={
            "delta": "Shift, mmHg",
            "delta_reference": f"Shift in {reference}, mmHg",
            "difference": f"Difference to {reference}, mmHg",
            "imputed": "Shifted",
            "imputed_reference": f"Shifted, {reference}",
        },
        footnotes=(
            "Who has a blood gas at baseline and none on the day, discharged, missing or left, "
            f"gets the value that the {ANCOVA} predicts for arm and baseline, shifted (delta "
            "adjustment: Carpenter, Roger & Kenward 2013). Error and degrees of freedom remain "
            "those of who has one on the day: what was not measured adds no certainty.",
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("oxygenation", "primary"),
    )


def _tipping(board: Board, table: pl.DataFrame) -> str:
    """Whether any shift changes which side of no difference the interval is on."""
    parts = []
    for (arm,), of_arm in table.group_by("arm", maintain_order=True):
        rows, pair = of_arm.drop_nulls("difference_low"), contrast(board, str(arm))
        if rows.is_empty():
            parts.append(f"{pair} is not estimable.")
            continue
        plain = rows.filter((pl.col("delta") == 0) & (pl.col("delta_reference") == 0))
        at_zero = (
            f"{pair} {_difference(plain.row(0, named=True))} without a shift; "
            if plain.height
            else f"{pair}: "
        )
        one = rows.filter((pl.col("delta") == 0) | (pl.col("delta_reference") == 0))
        # -1 where an interval is below 0, 1 where it is above, 0 where it holds 0.
        sides = rows.select(
            pl.when(without_zero()).then(pl.col("difference").sign()).otherwise(0.0)
        ).to_series()
        parts.append(
            f"{at_zero}{_range(one)} with one arm shifted, {_range(rows)} with both, as in the "
            f"table. {_of_zero(set(sides))}"
        )
    return " ".join(parts)


def _range(rows: pl.DataFrame) -> str:
    differences = rows["difference"].to_numpy()
    least, most = float(differences.min()), float(differences.max())
    return f"{signed(least, 0)} to {signed(most, 0)} mmHg"


def _of_zero(sides: set[float]) -> str:
    """Whether the intervals include zero, by the sides that they are on."""
    if len(sides) > 1:
        return "Whether the interval includes zero depends on the shift."
    return f"With every shift the interval {'includes' if sides == {0} else 'excludes'} zero."


def _delta_lines(board: Board, table: pl.DataFrame) -> "go.Figure":
    """A line over the shift in the arm, and one over that in the reference arm."""
    rows = table.drop_nulls("difference")
    shifts = sorted(set(rows["delta"]))
    return _around_zero(
        board,
        "Shift of those without a blood gas, mmHg",
        [
            trace
            for (arm,), of_arm in rows.group_by("arm", maintain_order=True)
            for trace in _lines_of_arm(board, str(arm), of_arm, 0.01 * (shifts[-1] - shifts[0]))
        ],
        shifts,
    )


def _lines_of_arm(
    board: Board, arm: str, rows: pl.DataFrame, apart: float
) -> Iterator[dict[str, object]]:
    """Both lines of an arm; intervals at one shift stand beside each other."""
    for column, other, shifted, beside in (
        ("delta", "delta_reference", arm, apart),
        ("delta_reference", "delta", board.reference_arm, -apart),
    ):
        part = rows.filter(pl.col(other) == 0).sort(column)
        if part.is_empty():
            continue
        style = arm_style(board.arms.index(shifted) + 1)
        name = safe(f"{contrast(board, arm)}, shifted in {shifted}")
        yield {
            "x": (part[column] + beside).to_list(),
            "y": part["difference"].to_list(),
            "mode": "lines+markers",
            "name": name,
            "line": {"color": style.color, "dash": style.dash, "width": 2},
            "marker": {"symbol": style.symbol, "size": 9},
            "error_y": error_bars(*(part[column] for column in DIFFERENCE)),
            "text": [signed(shift, 0) for shift in part[column]],
            "hovertemplate": f"Shift %{{text}} mmHg: %{{y:.0f}} mmHg<extra>{name}</extra>",
        }
