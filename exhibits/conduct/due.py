"""What was due by the data cut-off: visits, and the results that are planned at them."""

from typing import Any

import polars as pl

from queries import Board

NOT_OPENED = (
    "How the study ended is taken from DM and DS: pooled and coded, from the dispositions that the "
    "trial definition opens, and one about study treatment, or another, is not among them."
)


def planned_results(board: Board) -> list[dict[str, Any]]:
    """Which measure is planned at which visit, of datasets that the extract has."""
    measures = {measure.name: measure for measure in board.trial.measures}
    visits = {visit.visit.casefold(): visit.number for visit in board.trial.schedule}
    there = {measure.domain for measure in measures.values() if board.has(measure.domain)}
    stays_known = board.has("HO")
    planned = {
        (visits[visit.casefold()], name): assessment.in_hospital
        for assessment in board.trial.assessments
        if stays_known or not assessment.in_hospital
        for visit in assessment.visits or visits
        for name in assessment.measures
        if measures[name].domain in there
    }
    return [
        {
            "number": number,
            "domain": measures[name].domain,
            "measure": name,
            "in_hospital": in_hospital,
        }
        for (number, name), in_hospital in sorted(planned.items())
    ]


def results_due(board: Board, plan: list[dict[str, Any]]) -> tuple[pl.DataFrame, list[str]]:
    """Due and received results by measure and arm, and the measures that are left out.

    A measure of which there is no result at all is not in the extract, and not counted as zero.
    """
    rows = board.ask("conduct/measures", plan=plan)
    totals = rows.group_by("measure", maintain_order=True).agg(
        pl.col("received").max(), pl.col("received").null_count().alias("hidden")
    )
    absent = totals.filter(pl.col("received") == 0, pl.col("hidden") == 0)["measure"].to_list()
    return rows.filter(~pl.col("measure").is_in(absent)), absent
