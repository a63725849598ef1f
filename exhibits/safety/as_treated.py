"""Events by the treatment that participants got, and how investigators judged them."""

import polars as pl

from access.view import View
from exhibits.exhibit import Exhibit, exhibit
from exhibits.parts.comparison import share_of_arm, too_few_note, with_share
from exhibits.parts.events import SINCE, not_recorded_of_events
from exhibits.parts.words import counted
from exhibits.safety.overview import KINDS
from queries import Board


@exhibit(
    page="board-safety",
    tab="Terms",
    data=("AE.AESTDTC",),
    least_view=View.UNBLINDED,
    filtered=True,
    population="Randomized participants, by the treatment they got",
    title="Adverse events as treated",
    method=(
        SINCE,
        "Beside the tables by randomization, and never instead of them.",
    ),
)
def adverse_events_as_treated(board: Board) -> Exhibit:
    """The overview by the treatment that participants got, beside that by randomization."""
    rows = board.ask("treatment/overview_as_treated")
    if not rows["treated"].sum():
        return Exhibit(missing="What participants got is not in the extract (ACTARM).")
    table = with_share(board, rows, of="treated").select(
        pl.col("kind").replace(KINDS),
        "arm",
        "participants",
        pl.col("treated").alias("of"),
        "percent",
        "percent_low",
        "percent_high",
        "events",
    )
    anyone = rows.filter(pl.col("kind") == "any")
    return Exhibit(
        answer="Any event: "
        + "; ".join(
            f"{row['arm']} {share_of_arm(board, row['participants'], row['treated'])}"
            for row in anyone.iter_rows(named=True)
        )
        + ".",
        denominator=f"N = {int(anyone['treated'].sum()):,}",
        table=table,
        labels={"arm": "Treatment"},
        footnotes=(*not_recorded_of_events(board), *too_few_note(board, anyone["treated"])),
    )


@exhibit(
    page="board-safety",
    tab="Terms",
    data=("AE.AESTDTC",),
    least_view=View.UNBLINDED,
    filtered=True,
    title="Relation to the treatment, and action taken",
    method=(
        SINCE,
        "As the investigators judged, who knew the treatment.",
    ),
)
def related_events(board: Board) -> Exhibit:
    """How events were judged: related to the treatment or not, and what was done with it."""
    rows = board.ask("treatment/related_events")
    if rows.is_empty():
        return Exhibit(missing="No event has begun since randomization.")
    of_relation = rows.filter(pl.col("judgment").str.starts_with("Relation"))
    return Exhibit(
        answer=_stopped(rows),
        denominator=counted(int(of_relation["events"].sum()), "event"),
        table=rows.drop("position").with_columns(pl.col("value").str.to_lowercase()),
        labels={
            "value": "As recorded",
        },
    )


def _stopped(rows: pl.DataFrame) -> str:
    stopped = rows.filter(pl.col("value") == "DRUG WITHDRAWN")
    if stopped.is_empty():
        return "No event led to stopping the treatment."
    said = "; ".join(
        f"{row['arm']} {counted(row['participants'], 'participant')}"
        for row in stopped.iter_rows(named=True)
    )
    return f"Events led to stopping the treatment: {said}."
