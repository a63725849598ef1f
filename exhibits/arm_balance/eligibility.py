"""Were participants eligible: values at baseline against the limits of eligibility."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import NOBODY, Exhibit, People, exhibit
from exhibits.parts.comparison import share_of_arm
from exhibits.parts.populations import row_name
from exhibits.parts.theme import (
    AXIS,
    QUIET,
    arm_style,
    figure,
    hatch,
    safe,
)
from queries import Board
from trials import Criterion

# A measure has about so many steps between its limits, or from zero to the only one.
STEPS = 8

SIDES = {
    "within": "Within the limits",
    "below": "Below them",
    "above": "Above them",
    "missing": "Not recorded",
}


@exhibit(
    page="board-arm-balance",
    tab="Baseline",
    title="Eligibility measures at baseline",
    method=(
        "Last usable value on or before the day of randomization; the limits themselves are "
        "within. A value outside may be an error, or a participant who was not eligible: see "
        "the findings on eligibility. A bar holds values up to and including its right end.",
    ),
)
def eligibility_measures(board: Board) -> Exhibit:
    """Values at baseline that eligibility is decided by, against their limits."""
    asked = [item for item in board.trial.criteria if item.measure is not None]
    if not asked:
        missing = "No criterion of the trial definition names a measure and its limits."
        return Exhibit(missing=missing)
    limits = [{"measure": item.measure, "lower": item.lower, "upper": item.upper} for item in asked]
    bins = [{"measure": item.measure, "at": _origin(item), "step": _step(item)} for item in asked]
    rows = board.ask("balance/limits", limits=limits, bins=bins)
    if rows.is_empty():
        return Exhibit(missing=NOBODY)
    labels = {str(item.measure): _label(board, str(item.measure)) for item in asked}
    counts = (
        rows.group_by("measure", "arm", "position", "side")
        .agg(pl.col("participants").sum())
        .pivot("side", index=["measure", "arm", "position"], values="participants")
    )
    counts = counts.with_columns(
        pl.lit(0, pl.UInt32).alias(side) for side in SIDES if side not in counts.columns
    ).with_columns(pl.col(list(SIDES)).fill_null(0).cast(pl.Int64))
    order = {str(item.measure): place for place, item in enumerate(asked)}
    counts = counts.sort(pl.col("measure").replace_strict(order), "position")
    found: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    for row in counts.iter_rows(named=True):
        criterion = next(item for item in asked if item.measure == row["measure"])
        outside = [side for side in ("below", "above") if row[side]]
        if outside:
            lists.append(_outside(board, limits, labels, row, outside[0]))
        row_lists.append(len(lists) - 1 if outside else None)
        found.append(
            {
                "measure": ", ".join(labels[row["measure"]]),
                "limits": _limits_in_words(criterion),
                "arm": row["arm"],
                **{side: row[side] for side in SIDES},
            }
        )
    table = pl.DataFrame(found)
    people = int(
        counts.filter(pl.col("measure") == asked[0].measure)
        .select(pl.sum_horizontal(list(SIDES)).sum())
        .item()
    )
    return Exhibit(
        answer=_outside_in_words(board, labels, counts),
        denominator=f"N = {people:,}",
        picture=lambda: _limits_drawn(board, asked, labels, rows),
        description="A panel for each measure: bars of participants by steps of the value, for "
        "each arm of this view; dotted: the limits of eligibility.",
        table=table,
        labels={
            **SIDES,
        },
        assumptions=board.trial.assumptions("criteria"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


def _origin(criterion: Criterion) -> float:
    """A limit, from which steps are counted, so that no bar lies on both sides of it."""
    limit = criterion.upper if criterion.upper is not None else criterion.lower
    return 0.0 if limit is None else limit


def _step(criterion: Criterion) -> float:
    """A step of 1, 2 or 5 times a power of ten, about as many of them as are wanted."""
    known = [limit for limit in (criterion.lower, criterion.upper) if limit is not None]
    span = abs(known[-1] - known[0]) if len(known) == 2 else abs(known[0])
    wanted = (span or 1.0) / STEPS
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((power * part for part in (1, 2, 5, 10)), key=lambda step: abs(step - wanted))


def _label(board: Board, name: str) -> tuple[str, str]:
    known = {"age": ("Age", "years"), "bmi": ("Body mass index", "kg/m²")}
    known["pao2_fio2"] = ("PaO2/FiO2", "mmHg")
    of_trial = {item.name: (item.label, item.unit) for item in board.trial.measures}
    return (known | of_trial).get(name, (name, ""))


def _limits_in_words(criterion: Criterion) -> str:
    if criterion.lower is None:
        return f"at most {criterion.upper:g}"
    if criterion.upper is None:
        return f"at least {criterion.lower:g}"
    return f"{criterion.lower:g} to {criterion.upper:g}"


def _outside_in_words(
    board: Board, labels: dict[str, tuple[str, str]], counts: pl.DataFrame
) -> str:
    parts = []
    for (measure,), part in counts.group_by("measure", maintain_order=True):
        sums = {side: int(part[side].sum()) for side in SIDES}
        known = sum(sums.values()) - sums["missing"]
        parts.append(
            f"{labels[str(measure)][0]} {share_of_arm(board, sums['below'] + sums['above'], known)}"
        )
    return f"Outside the limits of eligibility: {'; '.join(parts)}."


def _outside(
    board: Board,
    limits: list[dict[str, Any]],
    labels: dict[str, tuple[str, str]],
    row: dict[str, Any],
    side: str,
) -> People:
    label, unit = labels[row["measure"]]
    return People(
        row_name(board, f"{label} {side} the limits", row["arm"]),
        "people/outside_limits",
        (
            ("limits", limits),
            ("measure", row["measure"]),
            ("side", side),
            ("label", label),
            ("unit", unit),
            ("arm", row["arm"]),
        ),
    )


def _limits_drawn(
    board: Board,
    asked: Sequence[Criterion],
    labels: dict[str, tuple[str, str]],
    rows: pl.DataFrame,
) -> "go.Figure":
    count = len(asked)
    height = 60 + 230 * count
    gap = 90 / height
    panel = (1 - gap * (count - 1)) / count
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"barmode": "group", "bargap": 0.1, "shapes": []}
    for place, item in enumerate(asked):
        suffix = "" if place == 0 else str(place + 1)
        top, step, origin = 1 - place * (panel + gap), _step(item), _origin(item)
        label, unit = labels[str(item.measure)]
        layout[f"xaxis{suffix}"] = AXIS | {
            "anchor": f"y{suffix}",
            "title": {"text": f"{safe(label)}, {safe(unit)}"},
        }
        layout[f"yaxis{suffix}"] = AXIS | {
            "anchor": f"x{suffix}",
            "domain": [max(top - panel, 0.0), top],
            "title": {"text": "Participants"},
            "rangemode": "tozero",
            "nticks": 5,
        }
        of_measure = rows.filter((pl.col("measure") == item.measure) & pl.col("bin").is_not_null())
        for position, arm in enumerate(board.arms, start=1):
            style = arm_style(position)
            part = (
                of_measure.filter(pl.col("position") == position)
                .group_by("bin")
                .agg(pl.col("participants").sum())
                .sort("bin")
            )
            ends = [origin + step * at for at in part["bin"]]
            traces.append(
                {
                    "type": "bar",
                    "x": [end - step / 2 for end in ends],
                    "y": part["participants"].to_list(),
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                    "name": safe(arm),
                    "legendgroup": safe(arm),
                    "showlegend": place == 0 and len(board.arms) > 1,
                    "marker": {"color": style.color, "pattern": hatch(style.pattern)},
                    "text": [
                        f"Over {end - step:g} to {end:g} {safe(unit)}: {n:,}"
                        for end, n in zip(ends, part["participants"], strict=True)
                    ],
                    "textposition": "none",
                    "hovertemplate": "%{text}<extra>" + safe(arm) + "</extra>",
                }
            )
        layout["shapes"] += [
            {
                "type": "line",
                "x0": limit,
                "x1": limit,
                "y0": 0,
                "y1": 1,
                "xref": f"x{suffix}",
                "yref": f"y{suffix} domain",
                "line": {"color": QUIET, "width": 2, "dash": "dot"},
            }
            for limit in (item.lower, item.upper)
            if limit is not None
        ]
    first = labels[str(asked[0].measure)]
    return figure(
        x_title=", ".join(first),
        y_title="Participants",
        height=height,
        traces=traces,
        layout=layout,
    )
