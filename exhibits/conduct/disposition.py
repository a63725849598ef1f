"""How the study ended, deviations from the protocol, and how much follow-up there is."""

from contextlib import suppress
from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.conduct.completeness import (
    NOT_OPENED,
    planned_results,
    results_due,
    visits_in_all,
)
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.comparison import counts_in_arms, share_of_arm, too_few_note, where_enough
from exhibits.parts.populations import (
    all_randomized,
    earliest_deaths,
    ends,
    in_all,
    nobody_randomized,
    row_name,
)
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.theme import STATES, arm_style, counts_axis, figure, hatch, in_lines, safe
from exhibits.parts.together import with_names
from exhibits.parts.words import number, sentence_case, share
from queries import Board, Filters, NotShownError

# How is drawn what became of a participant.
DRAWN = {
    "completed": STATES.as_planned,
    "in_follow_up": STATES.to_come,
    "died": STATES.died,
    "left_study": STATES.left,
    "not_recorded": STATES.not_known,
}
NOBODYS_END = ("not_recorded",)  # said where there is any


@exhibit(
    page="board-conduct",
    leads=101,
    title="Disposition",
    data=("DS",),
    method=(
        "Who died counts as died, whatever came before. In follow-up: no end is recorded, and "
        "the window of the last visit is open.",
    ),
)
def disposition(board: Board) -> Exhibit:
    """How the study ended for the randomized participants of each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    total, found = all_randomized(board), ends(board)
    said = [end for end in found if end.ways != NOBODYS_END]
    sizes = {arm: sum(end.counts[arm] for end in found) for arm in board.arms}
    not_recorded = sum(end.total for end in found if end.ways == NOBODYS_END)
    answer = f"{said[0].words}: {share_of_arm(board, said[0].total, total)}."
    others = "; ".join(f"{end.words}: {end.total:,}" for end in said[1:])
    answer += f" {others[:1]}{others[1:].lower()}" if others else ""
    if len(sizes) > 1:
        left = next(end for end in said if end.ways == ("left_study",))
        in_arms = [
            {"arm": arm, "participants": left.counts[arm], "randomized": size}
            for arm, size in sizes.items()
        ]
        answer += f" ({counts_in_arms(in_arms, 'randomized')})"
    answer += "." if others else ""
    if not_recorded:
        answer += f" Follow-up over, end not recorded: {not_recorded:,}."
    answer += _received_in_words(board)
    columns = {"_or_".join(end.ways): end for end in found}
    rows = [
        {"arm": arm, "randomized": size} | {name: end.counts[arm] for name, end in columns.items()}
        for arm, size in sizes.items()
    ]
    return Exhibit(
        answer=answer,
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(end.words, f"{end.total:,}") for end in found if end in said or not_recorded
        ),
        picture=lambda: stacked(
            [(str(row["arm"]), row) for row in rows],
            tuple((name, end.words, DRAWN[end.ways[0]]) for name, end in columns.items()),
            "Randomized participants",
        ),
        description="A stacked bar for each arm of this view, by how the study ended.",
        table=pl.DataFrame(rows),
        labels={name: end.words for name, end in columns.items()},
        footnotes=(NOT_OPENED,) if not_recorded else (),
        assumptions=board.trial.assumptions("schedule"),
    )


def _received_in_words(board: Board) -> str:
    """What is there of the visits and results that were due; empty where none was."""
    parts = []
    if board.has("SV"):
        with suppress(NotShownError):
            visits = visits_in_all(board)
            if due := in_all(visits["due"]):
                parts.append(f"{share(in_all(visits['received']), due)} due visits")
    if plan := planned_results(board):
        with suppress(NotShownError):
            results, _ = results_due(board, plan)
            if due := in_all(results["due"]):
                parts.append(f"{share(in_all(results['received']), due)} due results")
    return f" Received: {', '.join(parts)}." if parts else ""


@exhibit(
    page="board-conduct",
    population="Randomized participants who left the study",
    title="Reasons for leaving early",
    data=("DS",),
    method=("The reason of the latest end of each participant. " + NOT_OPENED,),
)
def reasons_for_leaving(board: Board) -> Exhibit:
    """Why participants left the study early, and when, in each arm of this view."""
    reasons = board.ask("conduct/reasons_for_leaving")
    if reasons.is_empty():
        return Exhibit(
            missing="No open record says that a randomized participant left the study early. "
            + NOT_OPENED,
        )
    left = sum(end.total for end in ends(board) if end.ways == ("left_study",))
    # Of one arm, and without sealed records, reasons are known of nobody.
    is_rounded = len(board.arms) == 1 and not board.has_sealed_records
    most_frequent = _most_frequent(reasons, "at least " if is_rounded else "")
    return Exhibit(
        answer=f"Left early: {left:,}. {most_frequent}",
        denominator=f"left early: {left:,}",
        table=with_reasons(board, with_names(reasons, "reason", sentence_case("reason"))),
        labels=REASON_LABELS,
        footnotes=(
            *(
                (
                    "Numbers of reasons are rounded down to multiples of "
                    f"{board.trial.blinding.smallest_cell}: exact ones would tell why one "
                    "participant left.",
                )
                if is_rounded
                else ()
            ),
            *too_few_note(board, reasons["participants"]),
        ),
    )


REASON_LABELS = {"median_day": "Study day, median"}


def with_reasons(board: Board, rows: pl.DataFrame) -> pl.DataFrame:
    """A row a reason and arm as a table: `median_day` is null of fewer than the minimum."""
    return rows.drop("position").with_columns(
        sentence_case("reason"), *where_enough(board, "participants", "median_day")
    )


def _most_frequent(reasons: pl.DataFrame, about: str = "") -> str:
    shown = (
        reasons.group_by("reason")
        .agg(pl.col("participants").sum())
        .sort("participants", "reason", descending=[True, False])
    )
    reason, count = shown.row(0)
    if not count:
        return "No reason is that of enough to be told."
    return f"The most frequent reason: {reason.lower()} ({about}{count:,})."


@exhibit(
    page="board-conduct",
    title="Protocol deviations",
    data=("DV",),
    method=(
        "Categories that the trial definition opens. A participant can have deviations of "
        "several categories.",
    ),
)
def deviations(board: Board) -> Exhibit:
    """Protocol deviations by category, and who has any, in each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    arms, total = board.ask("conduct/deviations_in_all"), all_randomized(board)
    rows = with_names(board.ask("conduct/deviations"), "category", sentence_case("category"))
    # Who has deviations of several categories is one participant: they cannot be added.
    counted = "deviations" if board.is_limited else "participants"
    categories = rows["category"].unique(maintain_order=True).to_list()
    with_any = in_all(arms["with_any"])

    def draw() -> "go.Figure":
        traces = []
        for arm, position in arms.select("arm", "position").rows():
            style, of_arm = arm_style(position), rows.filter(pl.col("arm") == arm)
            traces.append(
                {
                    "type": "bar",
                    "y": [in_lines(category, 12) for category in of_arm["category"]],
                    "x": of_arm[counted].to_list(),
                    "name": safe(arm),
                    "orientation": "h",
                    "marker": {"color": style.color, "pattern": hatch(style.pattern)},
                    "hovertemplate": f"%{{y}}: %{{x}} {counted}<extra></extra>",
                    "showlegend": arms.height > 1,
                }
            )
        order = [in_lines(category, 12) for category in categories]
        rows_of = {"type": "category", "categoryorder": "array", "categoryarray": order}
        return figure(
            x_title="Deviations" if board.is_limited else "Participants with a deviation",
            y_title="",
            height=150 + (20 + 22 * arms.height) * len(categories),
            traces=traces,
            layout={
                "yaxis": rows_of
                | {"autorange": "reversed", "rangemode": "normal", "showgrid": False},
                "xaxis": counts_axis(rows[counted]),
            },
        )

    return Exhibit(
        answer=f"{share_of_arm(board, with_any, total)} randomized participants have a deviation; "
        f"deviations in all: {number(in_all(arms['deviations']))}.",
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(
                arm,
                share_of_arm(board, had, of),
                f"participants with any; deviations: {number(count)}",
            )
            for arm, had, of, count in arms.select(
                "arm", "with_any", "randomized", "deviations"
            ).rows()
        ),
        picture=draw if categories else None,
        description=f"Bars for each category and arm of this view: {counted}"
        + ("." if board.is_limited else " with a deviation."),
        table=rows.drop("position", *(["participants"] if board.is_limited else [])),
    )


KNOWN = (
    ("reached", "Reached alive", STATES.as_planned),
    ("died", "Died by then", STATES.died),
    ("left_study", "Left before", STATES.left),
    ("not_recorded", "Not known", STATES.not_known),
    ("not_due", "Not due yet", STATES.to_come),
    ("undated", "No date of randomization", STATES.undated),
)
# For a limited role, whatever became of whom.
PAST = (("past", "Past this day", STATES.as_planned), *KNOWN[4:])


@exhibit(
    page="board-conduct",
    title="Follow-up maturity",
    method=(
        "Past a day: its visit's window had closed by the data cut-off. Reached alive: seen at "
        "a scheduled visit, measured, contacted, discharged or completed on that day or later, "
        "or died later. Who came to its visit, or completed, in the window before the day "
        "reached it, unless they left the study. Not known: past it, and none of these is "
        "recorded. Vital status known is counted in the same way; there those who left before "
        "are among the not known.",
        NOT_OPENED,
    ),
)
def follow_up_maturity(board: Board) -> Exhibit:
    """How many of the randomized are past each day of the schedule, and what is known of them."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    total = all_randomized(board)
    schedule = [visit.model_dump() for visit in board.trial.schedule if visit.day > 1]
    if board.is_limited:
        return _past_days(board, schedule, total)
    days = board.ask(
        "conduct/follow_up", schedule=schedule, filters=Filters().bound(board.trial)
    ).with_columns(due=pl.sum_horizontal("reached", "died", "left_study", "not_recorded"))
    numbers = []
    for day in _milestones(board):
        rows = days.filter(pl.col("planned_day") == day)
        if rows.is_empty():
            continue
        due, reached = in_all(rows["due"]), in_all(rows["reached"])
        numbers += [
            Number(f"Past day {day}", share_of_arm(board, due, total), "of those randomized"),
            Number(
                f"Known alive on day {day}", share_of_arm(board, reached, due), "of those past it"
            ),
        ]
    last = numbers[-2:]
    return Exhibit(
        answer=f"{last[0].label}: {last[0].value}; of these known to have been alive then: "
        f"{last[1].value}.",
        denominator=f"N = {total:,}",
        numbers=tuple(numbers),
        picture=lambda: stacked(
            [
                (row_name(board, f"Day {row['planned_day']}", row["arm"]), row)
                for row in days.iter_rows(named=True)
            ],
            KNOWN,
            "Randomized participants",
            height=28,
            longest=18,
        ),
        description="A stacked bar for each day of the schedule and arm of this view: reached "
        "alive, died by then, left before, not known, not due yet.",
        table=days.select(
            "visit", "planned_day", "arm", "due", *(column for column, _, _ in KNOWN)
        ),
        labels={"due": "Past this day"} | {column: words for column, words, _ in KNOWN},
        footnotes=earliest_deaths(board, of_all=True),
        assumptions=board.trial.assumptions("schedule", "primary.day"),
    )


def _past_days(board: Board, schedule: list[dict[str, Any]], total: int) -> Exhibit:
    """How many are past each day, and nothing of what became of them."""
    days = board.ask("enrollment/past_days", schedule=schedule)
    numbers = tuple(
        Number(f"Past day {day}", share_of_arm(board, past, total), "of those randomized")
        for day, past in days.select("planned_day", "past").rows()
        if day in _milestones(board)
    )
    return Exhibit(
        answer=f"{numbers[-1].label}: {numbers[-1].value}.",
        denominator=f"N = {total:,}",
        numbers=numbers,
        picture=lambda: stacked(
            [(f"Day {row['planned_day']}", row) for row in days.iter_rows(named=True)],
            PAST,
            "Randomized participants",
            height=28,
            longest=18,
        ),
        description="A stacked bar for each day of the schedule: past it, not due yet.",
        table=days,
        labels={column: words for column, words, _ in PAST},
        assumptions=board.trial.assumptions("schedule", "primary.day"),
    )


def _milestones(board: Board) -> list[int]:
    """The day of the primary endpoint and the last day of the schedule."""
    days = {visit.day for visit in board.trial.schedule}
    primary = {board.trial.primary.day} & days if board.trial.primary else set()
    return sorted(primary | {board.trial.schedule[-1].day})
