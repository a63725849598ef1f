"""Where and when participants were allocated."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import NOBODY, Exhibit, People, exhibit
from exhibits.parts.populations import row_name
from exhibits.parts.theme import (
    arm_style,
    figure,
    hatch,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import counted
from queries import Board

# More sites than this are in the table only.
MOST_PLACES = 24

KINDS = {"site": "Site", "stratum": "Stratum", "month": "Month"}


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
) -> "go.Figure":
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
