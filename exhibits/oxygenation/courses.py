"""PaO2/FiO2 and SpO2/FiO2 over days: as measured, as change from baseline, and around doses."""

import polars as pl

from access.view import View
from exhibits.exhibit import RANDOMIZED, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    BY_THE_VISIT,
    NO_TREATMENT_EFFECT,
    PAIRED,
    RATIO,
    WHO_IS_DEAD,
    DayValue,
    definition,
    in_state,
    main_day,
    stays_note,
)
from exhibits.parts.comparison import minimum, too_few_note, where_enough
from exhibits.parts.day_courses import (
    MEDIANS,
    MOST_LINES,
    Panel,
    courses,
    medians,
    medians_in_words,
)
from exhibits.parts.populations import row_name, size_of_all
from exhibits.parts.stacked_bars import FATES
from exhibits.parts.words import decimal, signed, with_rounded
from queries import Board
from queries.bound import planned_days

COURSE_METHOD = (
    "Medians and quartiles of those with a value. Who is discharged, dead or better has no values "
    "later, so that later days are of other people: look at n, and at the bands.",
    BY_THE_VISIT,
)


def _course(board: Board, value: DayValue, *notes: str) -> Exhibit:
    """Medians, quartiles, n and support by day, participants' lines behind where they are few."""
    chosen = {"what": value.what, "days": planned_days(board.trial)}
    rows = medians(board, board.ask("oxygenation/course", **chosen))
    if rows.is_empty():
        return Exhibit(missing=value.nobody_has_it)
    total, measure = size_of_all(board), pl.lit(value.what).alias("measure")
    lines = None
    if total <= MOST_LINES:
        lines = board.ask("oxygenation/lines", **chosen).with_columns(measure)
    name, _, unit = value.label.partition(", ")
    behind = " Thin lines are participants." if lines is not None else ""
    return Exhibit(
        population=f"{RANDOMIZED}, with a value on the day",
        answer=_first_and_main_day(board, rows, name, unit),
        denominator=f"N = {total:,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                rows.with_columns(measure).with_row_index("list"),
                [Panel(value.what, name, unit)],
                lines=lines,
            )
        )
        if rows["median"].count()
        else None,
        description="A line of medians over study days and a band of quartiles for each arm of "
        f"this view.{behind}",
        table=with_rounded(rows, *MEDIANS).select("planned_day", "arm", "n", *MEDIANS, "^on_.*$"),
        labels={
            "median": f"Median, {unit}",
            "on_invasive": "Of n: invasive ventilation or ECMO",
            "on_high_flow": "Of n: non-invasive or high flow",
            "on_oxygen": "Of n: cannula or mask",
            "on_none": "Of n: no support recorded",
        },
        lists=tuple(in_state(board, value, row, name) for row in rows.iter_rows(named=True)),
        footnotes=(*notes, *too_few_note(board, rows["n"])),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    )


def _no_median(board: Board) -> str:
    return f"No day has a median: fewer than {minimum(board)} on each."


def _first_and_main_day(board: Board, rows: pl.DataFrame, name: str, unit: str) -> str:
    """The medians of the first day that has any and of the primary one."""
    rows = rows.drop_nulls("median")
    if rows.is_empty():
        return _no_median(board)
    days = dict.fromkeys((rows["planned_day"].to_list()[0], main_day(board, rows["planned_day"])))
    parts = []
    for day in days:
        of_day = rows.filter(pl.col("planned_day") == day)
        words = medians_in_words(board, of_day, lambda median: f"{decimal(median, 0)} {unit}")
        parts.append(f"on day {day}: {words}")
    return f"Median {name} {'; '.join(parts)}."


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    title="PaO2/FiO2 over time",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    method=(ARTERIAL, *COURSE_METHOD),
)
def oxygenation_ratio(board: Board) -> Exhibit:
    """PaO2/FiO2 by planned day: median, quartiles, n, and participants' lines behind."""
    return _course(board, DayValue("ratio", RATIO))


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    title="SpO2/FiO2 over time",
    needs=("oxygenation",),
    data=("VS",),
    filtered=True,
    method=COURSE_METHOD,
)
def saturation_ratio(board: Board) -> Exhibit:
    """SpO2/FiO2 by planned day: median, quartiles and n."""
    return _course(
        board,
        DayValue("saturation_ratio", "SpO2/FiO2, %"),
        "SpO2 in percent over FiO2 from 0.21 to 1, both of the same visit. A saturation above "
        f"{definition(board).saturation_at_most:g} % is not used, as it says nothing of "
        "oxygenation there; nor is one without a setting of FiO2. A measure of its own, never "
        "mixed with PaO2/FiO2.",
    )


def _summary(column: str) -> list[pl.Expr]:
    """How many have a value, its median and its quartiles."""
    value = pl.col(column)
    return [
        value.count().alias("n"),
        value.median().alias("median"),
        value.quantile(0.25, "linear").alias("lower_quartile"),
        value.quantile(0.75, "linear").alias("upper_quartile"),
    ]


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    title="Change of PaO2/FiO2 from baseline",
    method=(
        NO_TREATMENT_EFFECT,
        "Baseline is the last usable blood gas on or before the day of randomization.",
        WHO_IS_DEAD,
        ARTERIAL,
        BY_THE_VISIT,
    ),
)
def oxygenation_change(board: Board) -> Exhibit:
    """Change of PaO2/FiO2 from baseline among participants with a gas, and why others have none."""
    rows = board.ask("oxygenation/changes", days=planned_days(board.trial))
    if rows.is_empty():
        return Exhibit(missing="The schedule has no day after day 1.")
    has_value = pl.col("value").is_not_null()
    moments = ("mean", "deviation")
    by_day = (
        rows.with_columns(change=pl.col("value") - pl.col("baseline"))
        .group_by("planned_day", "arm", "position")
        .agg(
            *_summary("change"),
            pl.col("change").mean().alias("mean"),
            pl.col("change").std().alias("deviation"),
            (has_value & pl.col("baseline").is_null()).sum().alias("no_baseline"),
            *((~has_value & (pl.col("state") == name)).sum().alias(name) for name, _, _ in FATES),
        )
        .sort("planned_day", "position")
        .with_columns(where_enough(board, "n", *MEDIANS, *moments))
    )
    if not by_day["n"].sum():
        return Exhibit(missing="Nobody has PaO2/FiO2 both at baseline and after it.")
    return Exhibit(
        population=f"{RANDOMIZED}, with a blood gas at baseline and on the day",
        answer=_median_change(board, by_day),
        denominator=f"N = {size_of_all(board):,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                by_day.with_columns(pl.lit("change").alias("measure")),
                [Panel("change", "Change of PaO2/FiO2", "mmHg")],
                reference=0.0,
            )
        )
        if by_day["median"].count()
        else None,
        description="A line of medians of the change over study days and a band of quartiles for "
        "each arm of this view; dotted: no change.",
        table=with_rounded(by_day, *MEDIANS, *moments).select(
            "planned_day",
            "arm",
            "n",
            *moments,
            *MEDIANS,
            "no_baseline",
            *(name for name, _, _ in FATES),
        ),
        labels={
            "n": "n with both",
            "mean": "Mean change, mmHg",
            "deviation": "Standard deviation",
        }
        | {name: f"No gas: {words[0].lower()}{words[1:]}" for name, words, _ in FATES},
        footnotes=(*too_few_note(board, by_day["n"]), *stays_note(board)),
        assumptions=board.trial.assumptions("oxygenation", "schedule", "primary"),
    )


def _median_change(board: Board, by_day: pl.DataFrame) -> str:
    """The medians of the change on the primary day."""
    by_day = by_day.drop_nulls("median")
    if by_day.is_empty():
        return _no_median(board)
    day = main_day(board, by_day["planned_day"])
    of_day = by_day.filter(pl.col("planned_day") == day)
    words = medians_in_words(board, of_day, lambda median: f"{signed(median, 0)} mmHg")
    return f"Median change by day {day}: {words}. Not a treatment effect if missingness differs."


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    least_view=View.UNBLINDED,
    filtered=True,
    population="Participants who were given the dose",
    title="PaO2/FiO2 around each dose",
    method=(
        "Descriptive: there is no dose in the control arm to align with, and who gets a later "
        "dose is alive and well enough for it.",
        "Day 0 is the first 24 hours after the dose, day -1 the 24 hours before it; without "
        "clock times the difference of the dates. Of several blood gases of one participant "
        "on one day their mean, drawn at its middle. Those outside the schedule are among "
        "them. One between two doses counts for both.",
        PAIRED,
    ),
)
def oxygenation_around_doses(board: Board) -> Exhibit:
    """PaO2/FiO2 in the days before and after each dose, by the clock where it is known."""
    gases = board.ask("oxygenation/around_doses", around=definition(board).around_dose_days)
    dose_name = pl.format("Dose {}", "dose").alias("measure")
    rows = (
        gases.drop_nulls("day")
        .group_by("dose", "line", "arm", "position", "day")
        .agg(pl.col("value").mean())
        .group_by("dose", "arm", "position", "day")
        .agg(_summary("value"))
        .sort("dose", "day", "position")
        .with_columns(dose_name, planned_day=pl.col("day") + 0.5)
    )
    if rows.is_empty():
        return Exhibit(
            missing="No dose has a usable blood gas around it. Doses are in EX or EC, gases in LB.",
        )
    rows = medians(board, rows)
    people = gases["line"].n_unique()
    lines = gases.with_columns(
        dose_name, planned_day=pl.coalesce(pl.col("hours") / 24, pl.col("day").cast(pl.Float64))
    ).drop_nulls("planned_day")
    panels = rows.drop_nulls("median")["measure"].unique(maintain_order=True)
    last = rows.filter(pl.col("dose") == rows["dose"].max())
    before, after = (_over_arms(board, last.filter(pl.col("day") == day)) for day in (-1, 0))
    return Exhibit(
        answer=f"Dose {last['dose'][0]}: median in the 24 hours before it {before}, in the 24 "
        f"hours after it {after} mmHg.",
        denominator=f"{people:,} participants with a blood gas around a dose",
        picture=(
            lambda: courses(
                board.arms,
                rows.with_row_index("list"),
                [Panel(name, f"{name}: PaO2/FiO2", "mmHg") for name in panels],
                lines=lines if people <= MOST_LINES else None,
                x_title="Days from the dose",
            )
        )
        if panels.len()
        else None,
        description="A panel for each dose with a line of medians and a band of quartiles over the "
        "days before and after it; thin lines are participants.",
        table=with_rounded(rows, *MEDIANS).select("dose", "day", "arm", "n", *MEDIANS),
        labels={"day": "Day from the dose", "median": "Median, mmHg"},
        lists=tuple(
            People(
                row_name(board, f"Dose {dose} given", arm),
                "people/around_dose",
                (("dose", dose), ("arm", arm)),
            )
            for dose, arm in rows.select("dose", "arm").rows()
        ),
        footnotes=(
            "Left out, as the order on the dose's date is not known: "
            f"{gases['day'].null_count():,}.",
            *too_few_note(board, rows["n"]),
        ),
        assumptions=board.trial.assumptions("oxygenation", "dosing"),
    )


def _over_arms(board: Board, rows: pl.DataFrame) -> str:
    """The medians of one day; a dash where nobody has a value."""
    parts = [
        f"fewer than {minimum(board)}" if median is None else f"{decimal(median, 0)} (n = {n:,})"
        for median, n in rows.select("median", "n").rows()
    ]
    return " / ".join(parts) or "–"
