"""Of whom vital status is known."""

from collections.abc import Mapping

import polars as pl

from exhibits.exhibit import DEATHS, Exhibit, exhibit
from exhibits.parts.comparison import (
    with_percent,
)
from exhibits.parts.populations import PAST, earliest_deaths, row_name
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.words import counted, share
from exhibits.survival.status import (
    KNOWN,
    OBSERVED,
    VITAL,
    by_vital_status,
    status_by_day,
    too_little_known,
)
from queries import Board


@exhibit(
    page="board-survival",
    title="Vital status known",
    data=(DEATHS,),
    filtered=True,
    by_day=False,
    method=(
        "Known: died by the day, or known to have been alive on it. Not known: past the day, "
        f"and neither is recorded; who left the study may be among them. {PAST}",
        OBSERVED,
    ),
)
def vital_status(board: Board) -> Exhibit:
    """For whom vital status is known on the days of the trial definition and at its end."""
    rules, end = board.trial.survival, board.trial.schedule[-1].day
    days = sorted({*rules.known_days, rules.day, end})
    rows = status_by_day(board, days).with_columns(
        known=pl.sum_horizontal(KNOWN),
    )
    table = with_percent(None, rows, "known", "randomized", "known_percent")
    table = with_percent(None, table, "known_past", "past", "known_past_percent")
    states = [state for state, _, _ in VITAL]
    lists = tuple(
        by_vital_status(
            board,
            f"Vital status on day {row['asked_day']} not known",
            row["arm"],
            state="not_known",
            day=row["asked_day"],
        )
        for row in table.iter_rows(named=True)
    )
    said = []
    for day in days:
        part = table.filter(pl.col("asked_day") == day)
        said.append(_known_on_day(part.select(pl.col(pl.Int64).sum()).row(0, named=True), day))
        if warning := too_little_known(board, part, day):
            said.append(warning)
    return Exhibit(
        answer=" ".join(said),
        denominator=f"N = {int(rows.filter(pl.col('asked_day') == end)['randomized'].sum()):,}",
        picture=lambda: stacked(
            [
                (row_name(board, f"Day {row['asked_day']}", row["arm"]), row)
                for row in table.iter_rows(named=True)
            ],
            VITAL,
            "Randomized participants",
            height=34,
            longest=18,
        ),
        description="A stacked bar for each day and arm of this view: died by the day, known alive "
        "on it, not known, day not reached.",
        table=table.select(
            "asked_day",
            "arm",
            "randomized",
            *states,
            "known",
            "known_percent",
            "past",
            "known_past_percent",
        ),
        labels={
            "asked_day": "Study day",
            "known_percent": "Known, % of randomized",
            "past": "Past this day",
            "known_past_percent": "Known, % of these",
        }
        | {state: words for state, words, _ in VITAL},
        footnotes=(
            "A warning stands where vital status is known for fewer than "
            f"{100 * rules.least_known:.0f} % of those of an arm who are past the day; nothing is "
            "then estimated on that day.",
            *earliest_deaths(board),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
        row_lists=tuple(
            place if row["not_known"] else None
            for place, row in enumerate(table.iter_rows(named=True))
        ),
    )


def _known_on_day(counts: Mapping[str, int], day: int) -> str:
    """For how many vital status is known on a day, and what there is to say of the others."""
    said = (
        f"Day {day}: known for {share(counts['known'], counts['randomized'])}, of those past it "
        f"for {counts['known_past']:,} of {counts['past']:,}."
    )
    if counts["not_known"]:
        verb = "is" if counts["not_known"] == 1 else "are"
        said += (
            f" {counted(counts['not_known'], 'participant')} {verb} past day {day} with unknown "
            "status."
        )
    if counts["not_due"]:
        said += f" For {counts['not_due']:,} last known alive it is still to come."
    return said
