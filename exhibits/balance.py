"""Are the arms alike, and was allocation as planned? By limits, characteristics, places, dates."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.balance import allocation_envelope
from exhibits.arm_balance import baseline_characteristics
from exhibits.exhibit import RANDOMIZED, Exhibit, People, exhibit
from exhibits.parts.comparison import contrast
from exhibits.parts.populations import row_name
from exhibits.parts.theme import (
    ACCENT,
    AXIS,
    BAND,
    QUIET,
    arm_style,
    figure,
    hatch,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import counted, share
from queries import Board
from trials import Criterion

NOBODY = "Nobody is randomized yet."
ONE_ARM = "There is one arm, and nothing to compare it with."
# A measure has about so many steps between its limits, or from zero to the only one.
STEPS = 8
# More sites than this are in the table only.
MOST_PLACES = 24
SIDES = {
    "within": "Within the limits",
    "below": "Below them",
    "above": "Above them",
    "missing": "Not recorded",
}
KINDS = {"site": "Site", "stratum": "Stratum", "month": "Month"}


# Eligibility


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
        answer=_outside_in_words(labels, counts),
        denominator=f"N = {people:,}",
        picture=lambda: _limits_drawn(board, asked, labels, rows),
        description="A panel for each measure: bars of participants by steps of the value, for "
        "each arm of this view; dotted: the limits of eligibility.",
        table=table,
        labels={
            "measure": "Measure",
            "limits": "Limits",
            "arm": "Arm",
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


def _outside_in_words(labels: dict[str, tuple[str, str]], counts: pl.DataFrame) -> str:
    parts = []
    for (measure,), part in counts.group_by("measure", maintain_order=True):
        sums = {side: int(part[side].sum()) for side in SIDES}
        known = sum(sums.values()) - sums["missing"]
        parts.append(f"{labels[str(measure)][0]} {share(sums['below'] + sums['above'], known)}")
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
) -> go.Figure:
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


# Standardized differences


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
        f"{widest['smd']:.2f}."
        + (f" Left out: {', '.join(alike)}, the same for everybody." if alike else ""),
        denominator=table_one.denominator,
        picture=lambda: _love(table),
        description="A dot for each characteristic at its standardized difference between the "
        "arms, the largest on top, over a bar of what chance alone gives.",
        table=table,
        labels={
            "characteristic": "Characteristic",
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
        f"of this size; about {0.05 * total:.1f} of them would by chance alone."
    )


def _love(table: pl.DataFrame) -> go.Figure:
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


# Where and when


@exhibit(
    page="board-arm-balance",
    tab="Allocation",
    title="Allocation by site and month",
    method=("Few participants at a site differ by chance, and by an unfinished block.",),
)
def allocation_by_place(board: Board) -> Exhibit:
    """Participants randomized by site, stratum and month, in each arm of this view."""
    rows = board.ask("balance/allocated")
    if rows.is_empty():
        return Exhibit(missing=NOBODY)
    order = {kind: place for place, kind in enumerate(KINDS)}
    places = (
        rows.select("kind", "value")
        .unique()
        .sort(pl.col("kind").replace_strict(order), "value")
        .rows()
    )
    counts = {
        (kind, value, arm): n
        for kind, value, arm, n in rows.select("kind", "value", "arm", "randomized").rows()
    }
    lists: list[People] = []
    row_lists: list[int | None] = []
    found: list[dict[str, Any]] = []
    for kind, value in places:
        for arm in board.arms:
            n = counts.get((kind, value, arm), 0)
            if n:
                lists.append(_of_place(board, kind, value, arm))
            row_lists.append(len(lists) - 1 if n else None)
            of = sum(counts.get((kind, value, other), 0) for other in board.arms)
            found.append(
                {
                    "kind": KINDS[kind],
                    "value": value,
                    "arm": arm,
                    "randomized": n,
                    "of": of,
                    "list": row_lists[-1],
                }
            )
    table = pl.DataFrame(found, schema_overrides={"list": pl.Int64})
    total = sum(n for (kind, _, _), n in counts.items() if kind == "site")
    drawn = [place for place in places if place[0] != "site"]
    sites = [place for place in places if place[0] == "site"]
    if len(sites) <= MOST_PLACES:
        drawn = sites + drawn
    strata = any(kind == "stratum" for kind, _ in places)
    return Exhibit(
        answer=_places_in_words(board, counts, sites, total),
        denominator=f"N = {total:,}",
        picture=lambda: _places_drawn(board, table, drawn),
        description="A bar for each site, stratum and month and each arm of this view: "
        "participants randomized.",
        table=table.drop("list"),
        labels={
            "kind": "By",
            "value": "Which",
            "arm": "Arm",
            "randomized": "Randomized",
            "of": "Of all arms",
        },
        footnotes=(
            *(
                ()
                if strata
                else ("The allocation list has no strata, or the extract has no such list.",)
            ),
            *(
                ()
                if len(sites) <= MOST_PLACES
                else (f"The {len(sites):,} sites are in the table only.",)
            ),
            f"The planned ratio is {' : '.join(str(arm.ratio) for arm in board.trial.arms.list)}.",
        ),
        assumptions=board.trial.assumptions("arms"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


def _of_place(board: Board, kind: str, value: str, arm: str) -> People:
    return People(
        row_name(board, f"{KINDS[kind]} {value}", arm),
        "people/allocated",
        (("kind", kind), ("value", value), ("arm", arm)),
    )


def _places_in_words(
    board: Board,
    counts: dict[tuple[str, str, str], int],
    sites: Sequence[tuple[str, str]],
    total: int,
) -> str:
    months = len({value for kind, value, _ in counts if kind == "month"})
    said = (
        f"{counted(total, 'participant')} randomized at {counted(len(sites), 'site')} in "
        f"{counted(months, 'month')}."
    )
    if len(board.arms) < 2:
        return said
    apart = {
        value: [counts.get((kind, value, arm), 0) for arm in board.arms] for kind, value in sites
    }
    most = max(apart, key=lambda site: max(apart[site]) - min(apart[site]))
    if max(apart[most]) == min(apart[most]):
        return f"{said} {'The' if len(sites) == 1 else 'Each'} site has as many of each arm."
    return (
        f"{said} The arms differ most at site {most}: "
        f"{' and '.join(f'{arm} {n:,}' for arm, n in zip(board.arms, apart[most], strict=True))}."
    )


def _places_drawn(
    board: Board, table: pl.DataFrame, places: Sequence[tuple[str, str]]
) -> go.Figure:
    names = [
        in_lines(value if kind == "month" else f"{KINDS[kind]} {value}", 16)
        for kind, value in places
    ]
    place_of = {(KINDS[kind], value): place for place, (kind, value) in enumerate(places)}
    step = 0.8 / len(board.arms)
    traces = []
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        part = [
            row
            for row in table.filter(pl.col("arm") == arm).iter_rows(named=True)
            if (row["kind"], row["value"]) in place_of
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": [row["randomized"] for row in part],
                "y": [
                    place_of[row["kind"], row["value"]]
                    + step * (position - (len(board.arms) + 1) / 2)
                    for row in part
                ],
                "width": step * 0.92,
                "name": safe(arm),
                "showlegend": len(board.arms) > 1,
                "marker": {"color": style.color, "pattern": hatch(style.pattern)},
                "customdata": [row["list"] for row in part],
                "text": [
                    f"{safe(row['value'])}: {row['randomized']:,} of {row['of']:,}" for row in part
                ],
                "textposition": "none",
                "hovertemplate": "%{text}<extra>" + safe(arm) + "</extra>",
            }
        )
    return figure(
        x_title="Participants randomized",
        y_title="",
        height=110 + (14 + 14 * len(board.arms)) * len(places),
        traces=traces,
        layout={"barmode": "overlay", "yaxis": rows_axis(names) | {"showgrid": False}},
    )


# One after the other


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
            "arm": "Arm",
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


def _running_drawn(board: Board, table: pl.DataFrame) -> go.Figure:
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
