"""What was loaded, as tables: rows and what their columns are called."""

from collections.abc import Collection

import polars as pl

from access.view import View
from exhibits.exhibit import EXHIBITS, cannot_be_made
from exhibits.parts.words import NOT_RECORDED
from queries import Board
from trials import Trial

CHANGES = {"relation": "Records", "values": "Changed values"}
TOTALS = {
    "relation": "Records",
    "rows": "Open rows, read and stored",
    "in_extract": "In the extract",
}

FACTS = {"fact": "Fact", "source": "Source", "known": "Known of", "of": "Of"}


def facts(board: Board) -> pl.DataFrame:
    """The facts that pages stand on, their sources, and of how many each is known."""
    return board.ask("intake/facts").with_columns(
        pl.coalesce("source", pl.lit(NOT_RECORDED)).alias("source")
    )


def cannot_be_shown(trial: Trial, datasets: Collection[str], view: View) -> pl.DataFrame:
    """The exhibits of a view that cannot be made of an extract, each with the reason.

    Args:
        datasets: those that the extract has, and the fields that it records, as `AE.AESER`.
    """
    rows = [
        (item.title or item.name, reason)
        for item in EXHIBITS.values()
        if item.least_view <= view
        for reason in cannot_be_made(item, trial, datasets)[:1]
    ]
    return (
        pl.DataFrame(rows, schema={"exhibit": pl.String, "reason": pl.String}, orient="row")
        .group_by("reason", maintain_order=True)
        .agg(pl.col("exhibit").str.join("; "))
        .select("reason", "exhibit")
    )


def control_totals(board: Board) -> pl.DataFrame:
    """One row a relation of the open part, labels by `TOTALS`."""
    datasets = {row["relation"]: row for row in board.ask("views/datasets").iter_rows(named=True)}
    return pl.DataFrame(
        [
            {
                "relation": total.relation.replace("_", " "),
                # What no dataset is called after is made of laboratory results.
                "dataset": datasets[total.relation]["dataset"]
                if total.relation in datasets
                else "from LB",
                "rows": total.rows,
                "in_extract": "yes"
                if datasets.get(total.relation, datasets["laboratory"])["present"]
                else "not in the extract",
            }
            for total in board.snapshot.manifest.control_totals
        ],
        infer_schema_length=None,
    )
