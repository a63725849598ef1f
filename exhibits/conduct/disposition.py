"""How the study ended, for whom and why."""

import polars as pl

from exhibits.conduct.due import NOT_OPENED, planned_results, results_due
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.comparison import counts_in_arms, share_of_arm, too_few_note, where_enough
from exhibits.parts.populations import all_randomized, in_all, nobody_randomized
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.theme import STATES
from exhibits.parts.words import NOT_SHOWN, number, sentence_case, share
from queries import Board

# What became of a participant, in the order of the pictures: column, words, how it is drawn.
ENDS = (
    ("completed", "Completed", STATES.as_planned),
    ("in_follow_up", "In follow-up", STATES.to_come),
    ("died", "Died", STATES.died),
    ("left_study", "Left early", STATES.left),
    ("not_recorded", "End not recorded", STATES.not_known),
)


@exhibit(
    page="board-conduct",
    leads=101,
    title="Disposition",
    method=(
        "Who died counts as died, whatever came before. In follow-up: no end is recorded, and "
        "the window of the last visit is open.",
    ),
)
def disposition(board: Board) -> Exhibit:
    """How the study ended for the randomized participants of each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    arms = board.ask("conduct/disposition", last=board.trial.schedule[-1].model_dump())
    total = all_randomized(board)
    ends = {column: in_all(arms[column]) for column, _, _ in ENDS}
    answer = (
        f"Completed: {share_of_arm(board, ends['completed'], total)}. In follow-up: "
        f"{number(ends['in_follow_up'])}; died: {number(ends['died'])}; left early: "
        f"{number(ends['left_study'])}"
    )
    if arms.height > 1:
        left = arms.rename({"left_study": "participants"}).iter_rows(named=True)
        answer += f" ({counts_in_arms(left, 'randomized')})"
    answer += "."
    if ends["not_recorded"] != 0:
        answer += f" Follow-up over, end not recorded: {number(ends['not_recorded'])}."
    answer += _received_in_words(board)
    return Exhibit(
        answer=answer,
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(words, number(ends[column]))
            for column, words, _ in ENDS
            if column != "not_recorded" or ends[column] != 0
        ),
        picture=lambda: stacked(
            [(row["arm"], row) for row in arms.iter_rows(named=True)],
            ENDS,
            "Randomized participants",
        ),
        description="A stacked bar for each arm of this view, by how the study ended.",
        table=arms.drop("position"),
        labels={column: words for column, words, _ in ENDS},
        footnotes=(NOT_OPENED,) if ends["not_recorded"] != 0 else (),
        assumptions=board.trial.assumptions("schedule"),
    )


def _received_in_words(board: Board) -> str:
    """What is there of the visits and results that were due; empty where none was."""
    parts = []
    if board.has("SV"):
        visits = board.ask("conduct/visits_in_all")
        if due := in_all(visits["due"]):
            parts.append(f"{share(in_all(visits['received']), due)} due visits")
    if plan := planned_results(board):
        results, _ = results_due(board, plan)
        if due := in_all(results["due"]):
            parts.append(f"{share(in_all(results['received']), due)} due results")
    return f" Received: {', '.join(parts)}." if parts else ""


@exhibit(
    page="board-conduct",
    population="Randomized participants who left the study",
    title="Reasons for leaving early",
    method=("The first reason that is recorded of each participant. " + NOT_OPENED,),
)
def reasons_for_leaving(board: Board) -> Exhibit:
    """Why participants left the study early, and when, in each arm of this view."""
    reasons = board.ask("conduct/reasons_for_leaving")
    if reasons.is_empty():
        return Exhibit(
            missing="No open record says that a randomized participant left the study early. "
            + NOT_OPENED,
        )
    left = in_all(reasons["participants"])
    return Exhibit(
        answer=f"Left early: {number(left)}. The most frequent reason: {_most_frequent(reasons)}.",
        denominator=f"left early: {number(left)}",
        table=with_reasons(board, reasons),
        labels=REASON_LABELS,
        footnotes=too_few_note(board, reasons["participants"]),
    )


REASON_LABELS = {"reason": "Reason", "median_day": "Study day, median"}


def with_reasons(board: Board, rows: pl.DataFrame) -> pl.DataFrame:
    """A row a reason and arm as a table: `median_day` is null of fewer than the minimum."""
    return rows.drop("position").with_columns(
        sentence_case("reason"), *where_enough(board, "participants", "median_day")
    )


def _most_frequent(reasons: pl.DataFrame) -> str:
    shown = (
        reasons.group_by("reason")
        .agg(pl.col("participants").sum())
        .sort("participants", "reason", descending=[True, False])
    )
    reason, count = shown.row(0)
    return f"{reason.lower()} ({count:,})" if count else NOT_SHOWN
