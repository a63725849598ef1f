"""What was loaded, as tables: rows and what their columns are called."""

import polars as pl

from queries import Board

CHANGES = {"relation": "Records", "values": "Changed values"}
TOTALS = {
    "relation": "Records",
    "rows": "Open rows, read and stored",
    "in_extract": "In the extract",
}


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
