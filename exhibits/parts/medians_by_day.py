"""An exhibit of medians with quartiles by planned day and arm, a panel for each of its measures."""

from collections.abc import Sequence

import polars as pl

from exhibits.exhibit import Exhibit, People
from exhibits.parts.comparison import minimum, too_few_note
from exhibits.parts.day_courses import MEDIANS, Panel, courses, medians
from exhibits.parts.populations import row_name, size_of_all
from exhibits.parts.words import counted, decimal, rounded_column, unit
from queries import Board
from trials import Measure

LATER_DAYS = (
    "Medians with quartiles of those with a value at the visit; of several values of one visit "
    "their mean counts. Who is discharged, withdrawn or dead has no values later, so that later "
    "days are of other people: look at n."
)
AT_A_LIMIT = (
    "A result below or above a detection limit counts as a value at that limit; a day with any is "
    "an open mark, and the table says how many. A median or quartile among them is a bound."
)
# Domains whose results can be at a detection limit.
ASSAYS = {"LB", "CP"}
NORMAL = {"measure": pl.String, "low": pl.Float64, "high": pl.Float64}
# A figure has at most this many measures: more would not be read on a telephone.
MOST_PANELS = 6


def medians_by_day(
    board: Board,
    names: Sequence[str],
    *,
    missing: str,
    log: bool = False,
    fold: bool = False,
    with_normal: bool = False,
    least_days: int = 1,
    most: int = MOST_PANELS,
    in_answer: int = MOST_PANELS,
    sections: tuple[str, ...] = ("schedule",),
) -> Exhibit:
    """Medians, quartiles and n of measures by planned day and arm, and who is behind each.

    Args:
        names: of the measures, in their order.
        missing: what is said where no measure has values.
        log: whether the values are on a log axis.
        fold: whether ratios to each participant's baseline take the place of values.
        with_normal: whether the limits of normal are drawn and in the table.
        least_days: a measure with values on fewer planned days has no course and is left out.
        most: of the measures, the first so many are shown.
        in_answer: of those, the first so many are in the sentence.
        sections: of the trial definition, whose assumptions are stated.
    """
    names = list(dict.fromkeys(names))
    defined = board.trial.measures_by_name
    rows = board.ask("courses/medians", measures=names, fold=fold)
    days = dict(rows.group_by("measure").agg(pl.col("planned_day").n_unique()).rows())
    several = [name for name in names if days.get(name, 0) >= least_days]
    measures = {name: defined[name] for name in several[:most]}
    if not measures:
        return Exhibit(missing=missing)
    labels = {name: item.label for name, item in measures.items()}
    units = {
        name: "ratio to baseline" if fold else unit(item.unit) for name, item in measures.items()
    }
    place = pl.col("measure").replace_strict(
        {name: place for place, name in enumerate(measures)}, return_dtype=pl.Int64
    )
    rows = medians(
        board,
        rows.filter(pl.col("measure").is_in(list(measures))).sort(
            place, "planned_day", "position", maintain_order=True
        ),
    ).with_row_index("list")
    drawn = rows.drop_nulls("median")
    if log:
        drawn = drawn.filter((pl.col("median") > 0) & (pl.col("lower_quartile") > 0))
    has_assays = any(item.domain in ASSAYS for item in measures.values())
    normal = (
        board.ask("laboratory/limits_of_normal", measures=list(measures)).select(*NORMAL)
        if with_normal
        else pl.DataFrame(schema=NORMAL)
    )
    limits = {name: (low, high) for name, low, high in normal.rows()}
    columns = [*MEDIANS, *(("low", "high") if with_normal else ())]
    numbers = rows.join(normal, on="measure", how="left", maintain_order="left")
    absent = [name for name in names if name not in days]
    return Exhibit(
        answer=_last_medians(board, rows, dict(list(measures.items())[:in_answer]), fold=fold),
        denominator=f"N = {size_of_all(board):,}; n by day in the table"
        + (f"; at a detection limit: {counted(int(rows['at_limit'].sum()), 'value')}" * has_assays),
        picture=(
            lambda: courses(
                board.arms,
                drawn,
                [
                    Panel(name, labels[name], units[name], *limits.get(name, (None, None)))
                    for name in measures
                ],
                log=log,
                reference=1.0 if fold else None,
            )
        )
        if drawn.height
        else None,
        description=f"A panel for each of {counted(len(measures), 'measure')}"
        f"{' on a log axis' * log}, with a line of medians over study days and a band of quartiles "
        "for each arm of this view"
        + "; days with a value at a detection limit have open marks" * has_assays
        + ".",
        table=numbers.select(
            pl.col("measure").replace_strict(labels),
            pl.col("measure").replace_strict(units).alias("unit"),
            "planned_day",
            "arm",
            "n",
            *(["at_limit"] if has_assays else []),
            *(rounded_column(numbers[name], 3) for name in columns),
        ),
        labels={
            "at_limit": "Of n: at a detection limit",
            "low": "Lower limit of normal",
            "high": "Upper limit of normal",
        },
        lists=tuple(
            People(
                row_name(board, f"{labels[row['measure']]}, day {row['planned_day']}", row["arm"]),
                "people/with_results",
                (
                    ("measure", row["measure"]),
                    ("unit", unit(measures[row["measure"]].unit)),
                    ("planned_day", row["planned_day"]),
                    ("arm", row["arm"]),
                ),
            )
            for row in rows.iter_rows(named=True)
        ),
        footnotes=(
            *(
                (
                    "Dotted: limits of normal as recorded; where they differ by sex, age or "
                    "laboratory, their median.",
                )
                if normal["low"].count() + normal["high"].count()
                else ()
            ),
            *too_few_note(board, rows["n"]),
            *(
                ("A log axis has no zero: medians or quartiles of zero are in the table only.",)
                if drawn.height < rows["median"].count()
                else ()
            ),
            *_of_measures("Not shown for want of room", [defined[name] for name in several[most:]]),
            *_of_measures("No usable value in the extract", [defined[name] for name in absent]),
        ),
        assumptions=board.trial.assumptions(*sections),
    )


def _of_measures(what: str, measures: Sequence[Measure]) -> tuple[str, ...]:
    """A footnote on measures by their labels; none without any."""
    return (f"{what}: {', '.join(item.label for item in measures)}.",) if measures else ()


def _last_medians(
    board: Board, rows: pl.DataFrame, measures: dict[str, Measure], *, fold: bool
) -> str:
    """The medians of each measure on the last planned day that has any, by arm."""
    parts = []
    too_few = f"fewer than {minimum(board)}"
    for name, measure in measures.items():
        estimated = rows.filter(pl.col("measure") == name).drop_nulls("median")
        if estimated.is_empty():
            parts.append(f"{measure.label} of {too_few}")
            continue
        last = int(max(estimated["planned_day"]))
        of_arm = dict(
            estimated.filter(pl.col("planned_day") == last).select("arm", "median").rows()
        )
        values = " / ".join(
            decimal(of_arm[arm], 2 if fold else 1) if arm in of_arm else too_few
            for arm in board.arms
        )
        # A power of ten behind a number is to be read as its factor.
        factor = "× " if measure.unit.startswith("10^") else ""
        in_unit = "times the baseline" if fold else factor + unit(measure.unit)
        parts.append(f"{measure.label} {values} {in_unit} (day {last})")
    arms = "" if len(board.arms) == 1 else f" ({' / '.join(board.arms)})"
    return f"Last medians{arms}: {'; '.join(parts)}."
