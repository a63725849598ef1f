"""How many were harmed, how gravely, and at what rate."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.proportions import clopper_pearson, miettinen_nurminen
from exhibits.exhibit import Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.events import SINCE, list_of_events, sealed_events
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.theme import (
    arm_style,
    error_bars,
    figure,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import counted, number, share
from exhibits.safety.terms import compared
from queries import Board

KINDS = {
    "any": "Any adverse event",
    "serious": "Serious",
    "grade_3": "Grade 3 and higher",
    "fatal": "Fatal",
    "left": "Left the study for an adverse event",
}


def list_of_kind(board: Board, kind: str, arm: str | None) -> People:
    """Participants with events of a kind of `KINDS`, of an arm; None for all."""
    title = KINDS[kind] if arm is None else row_name(board, KINDS[kind], arm)
    if kind == "left":
        return People(title, "people/who_left", (("arm", arm),))
    gravity: dict[str, dict[str, Any]] = {
        "serious": {"serious": True},
        "grade_3": {"least_grade": 3},
        "fatal": {"fatal": True},
    }
    return list_of_events(title, arm=arm, **gravity.get(kind, {}))


def _knows_who_left(board: Board) -> bool:
    """Whether this view has the dispositions that say so."""
    is_open = "ADVERSE EVENT" in {term.upper() for term in board.trial.open.dispositions}
    return is_open or board.has_sealed_records


@exhibit(
    page="board-safety",
    leads=31,
    title="Adverse events, overview",
    data=("AE",),
    conclusions=(Conclusion("percent", ("kind", "arm")),),
    filtered=True,
    method=(
        SINCE,
        "A fatal event counts as serious whatever was ticked. Grades: CTCAE where they are "
        "recorded, else mild 1, moderate 2, severe 3; fatal 5.",
        "Shares with exact intervals (Clopper & Pearson 1934). Patient-days: from "
        "randomization to the end of participation or the cut-off, the first day included.",
    ),
)
def adverse_event_overview(board: Board) -> Exhibit:
    """Participants with any, serious, severe and fatal events, and rates by time observed."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    people = board.ask("safety/people")
    rows = board.ask("safety/overview")
    if not _knows_who_left(board):
        rows = rows.filter(pl.col("kind") != "left")
    table = _with_shares(rows.join(people, on=["arm", "position"], suffix="_all", how="left"))
    total = int(people["participants"].sum())
    in_all = {
        str(kind): (_sum(part["participants"]), _sum(part["events"]))
        for (kind,), part in table.group_by("kind", maintain_order=True)
    }
    any_people, any_events = in_all.get("any", (None, None))
    lists = tuple(
        list_of_kind(board, row["kind"], row["arm"]) for row in table.iter_rows(named=True)
    )
    return Exhibit(
        attention=_fatal_apart(board, people, table),
        answer=(
            f"{counted(any_events, 'event')} among {counted(total, 'participant')}; "
            if any_people is None
            else f"{share(any_people, total)} participants had {counted(any_events, 'event')}; "
        )
        + "; ".join(
            f"{words.lower()}: "
            + (
                number(in_all[kind][0])
                if len(board.arms) == 1
                else counts_in_arms(
                    table.filter(pl.col("kind") == kind).to_dicts(), "participants_all"
                )
            )
            for kind, words in KINDS.items()
            if kind in in_all and kind != "any"
        )
        + ".",
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(
                KINDS[kind],
                share(*_of_all(table, kind, total)),
                _by_arm(board, table.filter(pl.col("kind") == kind)),
                list_of_kind(board, kind, None),
            )
            for kind in in_all
        ),
        picture=lambda: intervals(
            board,
            [(KINDS[kind], table.filter(pl.col("kind") == kind)) for kind in in_all],
            "Participants, %",
        ),
        description="A dot with its interval for each kind of event and arm of this view: the "
        "share of participants with any.",
        table=table.select(
            pl.col("kind").replace(KINDS),
            "arm",
            "participants",
            pl.col("participants_all").alias("of"),
            "percent",
            "low",
            "high",
            "events",
            "observed_days",
            "rate",
        ),
        labels={
            "kind": "Kind",
            "arm": "Arm",
            "participants": "Participants",
            "of": "N",
            "percent": "%",
            "low": "95 % from, %",
            "high": "to, %",
            "events": "Events",
            "observed_days": "Patient-days",
            "rate": "Events per 100 patient-days",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            *(
                (
                    "A difference in fatal events needs attention where its 95 % interval "
                    "(Miettinen & Nurminen 1985) is without zero.",
                )
                if compared(board, people)
                else ()
            ),
            *sealed_events(board),
        ),
    )


def _fatal_apart(board: Board, people: pl.DataFrame, table: pl.DataFrame) -> str:
    """Fatal events of arms whose difference has an interval without zero; empty without any."""
    if table["participants"].null_count():
        return ""
    fatal = table.filter(pl.col("kind") == "fatal")
    counts = dict(fatal.select("position", "participants").rows())
    found = []
    for position, size, reference, reference_size in compared(board, people):
        apart = miettinen_nurminen(counts[position], size, counts[reference], reference_size)
        row = {
            name: round(100 * float(value), 1)
            for name, value in (
                ("difference", apart.estimate), ("low", apart.low), ("high", apart.high)
            )
        }  # fmt: skip
        if row["low"] > 0 or row["high"] < 0:
            both = fatal.filter(pl.col("position").is_in([position, reference]))
            found.append(
                f"Fatal: {counts_in_arms(both.iter_rows(named=True), 'participants_all')}; "
                f"{contrast(board, board.arms[position - 1])} "
                f"{points(row, 'difference', 'low', 'high')}."
            )
    return " ".join(found)


def _sum(values: pl.Series) -> int | None:
    """The sum, None if a part of it is not shown."""
    return None if values.null_count() else int(values.sum())


def _of_all(table: pl.DataFrame, kind: str, total: int) -> tuple[int | None, int]:
    return _sum(table.filter(pl.col("kind") == kind)["participants"]), total


def _by_arm(board: Board, rows: pl.DataFrame) -> str:
    if len(board.arms) == 1:
        events = rows["events"].item()
        return "" if rows["kind"].item() == "left" else counted(events, "event")
    return "; ".join(
        f"{row['arm']}: {share(row['participants'], row['participants_all'])}"
        for row in rows.iter_rows(named=True)
    )


def _with_shares(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `participants` of `participants_all` with the share, its interval, and a rate."""
    shown = rows.with_columns(
        pl.col("participants_all").fill_null(0), events=pl.col("events").cast(pl.Int64)
    )
    known = shown["participants"].is_not_null().to_numpy()
    events = shown["participants"].fill_null(0).to_numpy()
    found = clopper_pearson(events, shown["participants_all"].fill_null(0).to_numpy())
    percentages = {
        name: pl.Series(name, np.where(known, 100 * values, np.nan)).fill_nan(None).round(1)
        for name, values in (
            ("percent", found.estimate),
            ("low", found.low),
            ("high", found.high),
        )
    }
    of_people = pl.col("kind") == "left" if "kind" in shown.columns else pl.lit(value=False)
    per_day = 100 * pl.col("events") / pl.col("observed_days")
    return shown.with_columns(**percentages).with_columns(
        events=pl.when(~of_people).then("events"),
        rate=pl.when(~of_people & (pl.col("observed_days") > 0)).then(per_day).round(2),
    )


def intervals(
    board: Board, groups: list[tuple[str, pl.DataFrame]], x_title: str
) -> go.Figure | None:
    """A dot with its interval for each group and arm; a dot leads to the list of its row."""
    names = [in_lines(name, 16) for name, _ in groups]
    height = 150 + len(groups) * (34 + 18 * len(board.arms))
    drawn = figure(x_title=x_title, y_title="", height=height)
    highest, place = 1.0, 0
    places: dict[tuple[str, str], int] = {}
    for name, (_, rows) in zip(names, groups, strict=True):
        for arm in rows["arm"]:
            places[name, arm] = place
            place += 1
    several = len(board.arms) > 1
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        shown = [
            (name, row)
            for name, (_, rows) in zip(names, groups, strict=True)
            for row in rows.filter(pl.col("arm") == arm).iter_rows(named=True)
            if row["percent"] is not None
        ]
        if not shown:
            continue
        highest = max([highest, *(row["high"] for _, row in shown)])
        apart = 0.22 * (position - (len(board.arms) + 1) / 2)
        drawn.add_trace(
            go.Scatter(
                x=[row["percent"] for _, row in shown],
                y=[names.index(name) + apart for name, _ in shown],
                error_x=error_bars(
                    *([row[name] for _, row in shown] for name in ("percent", "low", "high"))
                ),
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 11},
                name=safe(arm),
                showlegend=several,
                customdata=[places[name, arm] for name, _ in shown],
                text=[share(row["participants"], row["participants_all"]) for _, row in shown],
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    if not drawn.data:
        return None
    drawn.update_layout(
        yaxis=rows_axis(names) | {"showgrid": False},
        xaxis={"range": [0, min(103, highest * 1.1)]},  # a dot at 100 is whole
    )
    return drawn
