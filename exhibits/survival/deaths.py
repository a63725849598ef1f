"""Who died."""

import polars as pl

from exhibits.exhibit import DEATHS, Conclusion, Estimand, Exhibit, Number, exhibit
from exhibits.parts.comparison import (
    apart_in_words,
    difference_labels,
    share_of_arm,
    too_few_note,
    with_difference,
    with_share,
)
from exhibits.parts.interval_dots import interval_dots
from exhibits.parts.populations import BY_WHICH, PAST, earliest_deaths, who_died
from exhibits.parts.words import number
from exhibits.survival.status import (
    ALL,
    OBSERVED,
    by_vital_status,
    counts_by_arm,
    died_by,
    died_in_words,
    range_in_words,
    status_by_day,
    too_little_known,
    undated_note,
)
from queries import Board


@exhibit(
    page="board-survival",
    leads=41,
    title="Deaths in each arm",
    data=(DEATHS,),
    conclusions=(
        Conclusion("percent", ("group", "arm")),
        Conclusion("difference", ("group", "arm"), "minus"),
    ),
    filtered=True,
    by_day=False,
    method=(
        BY_WHICH,
        OBSERVED,
    ),
    estimand=Estimand(
        endpoint="death by the day",
        events="crossing over, rescue and discharge are ignored (treatment policy)",
        summary="difference of risks",
    ),
)
def mortality(board: Board) -> Exhibit:
    """How many died in each arm, by the day that the trial definition names and in all."""
    day = board.trial.survival.day
    known = status_by_day(board, [day])
    dead = dict(board.ask("survival/observed").group_by("arm").agg(pl.col("is_dead").sum()).rows())
    by_day = f"By day {day}"
    ever = known.select(
        pl.lit(ALL).alias("group"),
        "arm",
        pl.col("arm").replace_strict(dead, default=0, return_dtype=pl.Int64).alias("participants"),
        "randomized",
        pl.lit(None, pl.Int64).alias("not_known"),
    )
    in_all = with_difference(board, with_share(board, ever), by=["group"])
    by_then = died_by(board, known, day).select(pl.lit(by_day).alias("group"), pl.all())
    table = pl.concat([by_then, in_all], how="diagonal_relaxed")
    lists = tuple(
        who_died(row["arm"], board)
        if row["group"] == ALL
        else by_vital_status(
            board, f"Died by day {day}", row["arm"], state="died", day=day, only_past=True
        )
        for row in table.iter_rows(named=True)
    )
    sums = {
        str(name): (int(part["participants"].sum()), int(part["randomized"].sum()))
        for (name,), part in table.group_by("group", maintain_order=True)
    }
    early, total = sums[by_day], sums[ALL]
    undated = int(known["undated"].sum())
    unknown = int((known["past"] - known["known_past"]).sum())
    deaths_by_then = range_in_words(board, known, day) or died_in_words(board, by_then, day)
    attention = (
        deaths_by_then if apart_in_words(board, by_then, by="group") else "",
        too_little_known(board, known, day),
    )
    deaths_in_all = (
        f"Deaths in all: {share_of_arm(board, *total)}"
        f"{counts_by_arm(board, table.filter(pl.col('group') == ALL))}."
    )
    return Exhibit(
        attention=" ".join(part for part in attention if part),
        answer=f"{deaths_by_then} {deaths_in_all}",
        beside=deaths_in_all if attention[0] else None,
        denominator=f"n = {early[1]:,} past day {day}, of {early[1] - unknown:,} of whom the vital "
        f"status is known; N = {total[1]:,}",
        numbers=tuple(
            Number(
                f"Died {name[0].lower()}{name[1:]}",
                share_of_arm(board, *counts)
                if name == ALL or not unknown
                else f"{number(early[0])} to {number(early[0] + unknown)} of {number(early[1])}",
                counts_by_arm(board, table.filter(pl.col("group") == name)).removeprefix(": "),
                who_died(None, board)
                if name == ALL
                else by_vital_status(
                    board, f"Died by day {day}", None, state="died", day=day, only_past=True
                ),
            )
            for name, counts in sums.items()
        ),
        picture=interval_dots(
            board,
            table.with_row_index("list").with_columns(
                place=(pl.col("group") == ALL).cast(pl.Int64)
            ),
            [by_day, ALL],
            x_title="Participants who died, %",
        ),
        description=f"A dot with its interval for each arm of this view: the share who died by day "
        f"{day}, by Kaplan & Meier, and in all.",
        table=table,
        labels=MORTALITY_LABELS | difference_labels(board),
        footnotes=(
            f"By day {day}: 1 less Kaplan & Meier's estimate (1958) of all randomized, limits on "
            "the log-log scale; so who is not past the day counts as long as they are followed. "
            f"Counts are of those past it. {PAST}",
            "In all: of all randomized, however long they were followed; exact intervals (Clopper "
            "& Pearson 1934)."
            + (
                f" Differences to {board.reference_arm} in percentage points with 95 % intervals: "
                f"by day {day} of two such estimates (Newcombe 1998; Zou & Donner 2008), in all by "
                "Miettinen & Nurminen (1985)."
                if len(board.arms) > 1
                else ""
            ),
            *earliest_deaths(board),
            *undated_note(undated),
            *too_few_note(board, table["randomized"]),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
    )


MORTALITY_LABELS = {
    "group": "Deaths",
    "participants": "Died",
    "randomized": "Of",
    "percent": "Died, %",
    "not_known": "Vital status not known",
}
