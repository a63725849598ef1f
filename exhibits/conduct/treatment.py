"""Study treatment: doses, stops, cross-over, lots. Unblinded only, as one arm may have none."""

from typing import Any

import polars as pl

from access.view import View
from exhibits.conduct.disposition import REASON_LABELS, with_reasons
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.comparison import share_of_arm, too_few_note
from exhibits.parts.populations import nobody_randomized
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.theme import STATES
from exhibits.parts.words import counted, number, sentence_case
from queries import Board
from trials import Dosing

GIVEN = (
    ("in_window", "Given in the window", STATES.as_planned),
    ("outside_window", "Given outside the window", STATES.left),
    ("not_given", "Not given", STATES.not_known),
)


def _has_exposure(board: Board) -> bool:
    return board.has("EX") or board.has("EC")


def _doses(dosing: Dosing) -> list[dict[str, Any]]:
    """The planned doses as days of the schedule, as questions bind them."""
    later = 1 if dosing.day_one == "day after assignment" else 0
    return [
        {
            "number": place,
            "visit": f"Dose {place}",
            "day": planned + later,
            "window_before": dosing.window_days,
            "window_after": dosing.window_days,
        }
        for place, planned in enumerate(dosing.days, start=1)
    ]


@exhibit(
    page="board-conduct",
    title="Doses planned and given",
    population="Randomized participants of the arms that are to be dosed",
    needs=("dosing",),
    data=(("EX", "EC"),),
    least_view=View.UNBLINDED,
    method=(
        "Administrations count in their order; one that is recorded with a dose of zero was not "
        "given, and keeps its place.",
    ),
)
def doses_given(board: Board) -> Exhibit:
    """Doses that were due by the cut-off: given in their window, outside it, or not given."""
    dosing = board.trial.dosing
    assert dosing is not None
    doses = board.ask(
        "treatment/doses",
        doses=_doses(dosing),
        arms=[arm.name for arm in board.trial.arms.list if not arm.control],
    )
    due = int(doses["due"].sum())
    if not due:
        return Exhibit(missing="No dose was due by the data cut-off.")
    in_window = int(doses["in_window"].sum())
    given = in_window + int(doses["outside_window"].sum())
    return Exhibit(
        answer=f"{share_of_arm(board, given, due)} doses that were due were given, "
        f"{share_of_arm(board, in_window, due)} in their window.",
        denominator=f"{due:,} due doses",
        numbers=tuple(
            Number(
                f"Dose {row['dose']}, {row['arm']}",
                share_of_arm(board, row["in_window"] + row["outside_window"], row["due"]),
                f"in the window: {number(row['in_window'])}",
            )
            for row in doses.iter_rows(named=True)
        ),
        picture=lambda: stacked(
            [(f"Dose {row['dose']}, {row['arm']}", row) for row in doses.iter_rows(named=True)],
            GIVEN,
            "Participants to whom the dose was due",
        ),
        description="A stacked bar for each planned dose and arm: given in the window, given "
        "outside it, not given.",
        table=doses.drop("position"),
        labels={column: words for column, words, _ in GIVEN},
        footnotes=(
            f"Due: the dose's window of {counted(dosing.window_days, 'day')} around its study day "
            "had closed by the data cut-off, and the participant was alive and in the study on "
            "that day; or it was given.",
        ),
        assumptions=board.trial.assumptions("dosing"),
    )


@exhibit(
    page="board-conduct",
    title="Doses not given or changed",
    needs=("dosing",),
    data=(("EX", "EC"),),
    least_view=View.UNBLINDED,
    method=(
        "As recorded in EX (a dose of zero, EXADJ) or, where EX has no record, in EC (ECOCCUR, "
        "ECREASOC). A dose of which there is no record at all has no reason here.",
    ),
)
def doses_changed(board: Board) -> Exhibit:
    """Why doses were not given, or otherwise than planned."""
    reasons = board.ask("treatment/doses_changed")
    not_given, changed = int(reasons["not_given"].sum()), int(reasons["changed"].sum())
    return Exhibit(
        answer=f"Recorded as not given: {counted(not_given, 'dose')}; as given otherwise than "
        f"planned: {counted(changed, 'dose')}.",
        denominator=f"{not_given + changed:,} records",
        table=reasons.drop("position").with_columns(sentence_case("reason")),
        labels={"changed": "Given otherwise"},
    )


@exhibit(
    page="board-conduct",
    least_view=View.UNBLINDED,
    title="Study treatment stopped early",
    method=(
        "Dispositions whose subcategory (DSSCAT) is study treatment, the first of each "
        "participant.",
    ),
)
def treatment_stops(board: Board) -> Exhibit:
    """Participants who stopped study treatment before its planned end, and why."""
    stops = board.ask("treatment/stops")
    if stops.is_empty():
        return Exhibit(
            missing="The extract has no disposition (DS) about study treatment other than its "
            "completion. Ask for them in the next extract if treatment was stopped for anybody.",
        )
    stopped = int(stops["participants"].sum())
    return Exhibit(
        answer=f"{counted(stopped, 'participant')} stopped study treatment early.",
        denominator=f"{stopped:,} stopped",
        table=with_reasons(board, stops),
        labels=REASON_LABELS,
        footnotes=too_few_note(board, stops["participants"]),
    )


@exhibit(
    page="board-conduct",
    also_on=("board-arm-balance",),
    least_view=View.UNBLINDED,
    title="Planned and actual arm",
    method=("Planned: as randomized. Actual: DM's actual arm (ACTARM, ACTARMCD).",),
)
def cross_over(board: Board) -> Exhibit:
    """Planned arm against actual arm, and who was given anything."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    arms = board.ask("treatment/cross_over")
    total = int(arms["participants"].sum())
    other = arms.filter(
        pl.col("actual_position").is_not_null(),
        pl.col("actual_position") != pl.col("planned_position"),
    )
    crossed = int(other["participants"].sum())
    unknown = int(arms.filter(pl.col("actual_position").is_null())["participants"].sum())
    answer = f"{share_of_arm(board, crossed, total)} participants are in another arm than planned."
    if unknown:
        answer += f" Of {unknown:,} the actual arm is not recorded."
    return Exhibit(
        answer=answer,
        denominator=f"N = {total:,}",
        table=arms.select("planned", "actual", "participants", "given"),
        labels={
            "planned": "Planned arm",
            "actual": "Actual arm",
            "given": "Given a dose above zero",
        },
        footnotes=(
            "Doses from EX and EC."
            if _has_exposure(board)
            else "The extract has neither EX nor EC, so doses are not known.",
        ),
    )


@exhibit(
    page="board-conduct",
    title="Lots",
    data=(("EX", "EC"),),
    least_view=View.UNBLINDED,
    method=("A participant can have been given several lots.",),
)
def lots(board: Board) -> Exhibit:
    """Lots of the product, who was given them, and when."""
    given = board.ask("treatment/lots")
    named = given.filter(pl.col("lot") != "(no lot)")
    if named.is_empty():
        return Exhibit(
            missing="No lot is recorded with any dose (EXLOT). Ask for it in the next extract.",
        )
    administrations = int(given["administrations"].sum())
    unnamed = administrations - int(named["administrations"].sum())
    return Exhibit(
        answer=f"{counted(named['lot'].n_unique(), 'lot')} were given"
        + (
            f"; of {counted(unnamed, 'administration')} the lot is not recorded."
            if unnamed
            else "."
        ),
        denominator=counted(administrations, "administration"),
        table=given.drop("position"),
    )


@exhibit(
    page="board-conduct",
    title="Deviations as received",
    data=("DV",),
    least_view=View.UNBLINDED,
    method=("Standardized term, else the reported one. No other view has these terms.",),
)
def deviations_by_term(board: Board) -> Exhibit:
    """Every deviation in the sponsor's own words, those about study treatment among them."""
    terms = board.ask("treatment/deviations_by_term")
    total = int(terms["deviations"].sum())
    return Exhibit(
        answer=f"{counted(total, 'deviation')} of any kind, those about study treatment among them."
        if total
        else "No deviation of a randomized participant is recorded.",
        denominator=counted(total, "deviation"),
        table=terms.drop("position").with_columns(sentence_case("category"), sentence_case("term")),
        labels={"category": "Category, as received", "term": "Deviation"},
    )
